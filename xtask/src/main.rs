//! The project's tool: `cargo xtask COMMAND`. Dispatch only; each command is a file.
//!
//! It depends on none of our crates: it drives the built programs from outside, as a user would.
//! Please think twice before adding a dependency: everyone waits for xtask to compile.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool prints"
)]

mod bench;
mod ci;
mod integration;
mod processes;
mod program;
mod sim;
mod soak;
mod table;
mod world;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask COMMAND

  ci                                 what a change must pass: format, lints, docs, tests
  integration [--release] [WORD...]  scenarios with the real binary; WORDs choose by name
  sim [SEEDS [FIRST]]                the engine in its model world, many seeds
  bench [COPIES|upload]              time to COPIES (100) started copies beside the floor; Repy vessels; a large
                                     program's memory, or that alone
  soak [MINUTES [SEED]]              50 Repy vessels under traffic, stops, kills and restarts; looks for leaks

OVERLORD_BINARY names a built overlord to use; without it one is built.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rest = arguments.get(1..).unwrap_or_default();
    let outcome = match arguments.first().map(String::as_str) {
        Some("ci") => ci::run(),
        Some("integration") => integration::run(rest),
        Some("sim") => sim::run(rest),
        Some("bench") => bench::run(rest),
        Some("soak") => soak::run(rest),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(64);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
