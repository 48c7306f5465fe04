//! Any bytes to parser, checker, compile rules and the rendering of what they say.

#![no_main]

use libfuzzer_sys::fuzz_target;
use overlord_repy_syntax::{check, compile_rules, syntax_error};

fuzz_target!(|bytes: &[u8]| {
    match check::load(bytes) {
        Ok(module) => {
            if let Err(error) = compile_rules::check(&module) {
                let _ = syntax_error::render(
                    "program",
                    bytes,
                    error.pos,
                    "syntax error",
                    &error.message,
                );
            }
        }
        Err(refusal) => {
            let _ = refusal.render("program", bytes);
        }
    }
});
