//! Attempts to get out of the language: what is known from the literature on sandboxes made of Python, each contained.
//!
//! Some attempts the safety check refuses, before anything runs; the others run, and find nothing to hold on to.
//! Bombs (time, memory, depth) are in `tests/bounds.rs`. What is here is about the language alone: the walls around the
//! process are tested on their own.

mod escapes {
    mod builtins;
    mod objects;
    mod refused;
    mod text;
}

use std::cell::RefCell;
use std::rc::Rc;

use overlord_repy_machine::{Limits, Machine, Program, SliceEnd, Value};
use overlord_repy_syntax::check::{self, Refusal};

/// Steps after which an attempt counts as endless.
const BUDGET: u64 = 20_000_000;

/// What attempts are made with: the result of a call, or the exception it ends with.
const ATTEMPT: &str = "\
def attempt(function, *args, **named):
  try:
    return 'got ' + str(function(*args, **named))
  except Exception, e:
    return repr(e)
";

/// Runs a program in a fresh machine: what it logs, and how it ends unless well.
fn output_of(source: &str) -> String {
    let whole = format!("{ATTEMPT}{source}");
    let program = match Program::new(whole.as_bytes(), "attempt") {
        Ok(program) => program,
        Err(refusal) => panic!("refused: {}", refusal.render("attempt", whole.as_bytes())),
    };
    let mut machine = Machine::new(Limits { memory: None });
    let globals = machine.new_globals();
    let output = Rc::new(RefCell::new(String::new()));
    let written = output.clone();
    let log = machine.host_function("log", move |machine, args| {
        for at in 0..args.len() {
            let value = args.take(at);
            let text = machine.str_of(&value)?;
            let mut output = written.borrow_mut();
            if !output.is_empty() {
                output.push('\n');
            }
            output.push_str(&String::from_utf8_lossy(&text));
        }
        Ok(Value::None)
    });
    globals.set_variable(&mut machine, "log", log);
    let context = machine.context_of(&globals);
    globals.set_variable(&mut machine, "_context", context);
    let main = match machine.load(&program, &globals) {
        Ok(main) => main,
        Err(error) => panic!("does not compile: {error}"),
    };
    let mut thread = machine.thread(main, Vec::new());
    let end = machine.run_slice(&mut thread, BUDGET);
    let mut output = output.take();
    match end {
        SliceEnd::Finished(_) => {}
        SliceEnd::Raised(uncaught) => {
            let value = uncaught.value();
            let text = machine.repr_of(&value).unwrap_or_default();
            output.push_str("\nuncaught ");
            output.push_str(&String::from_utf8_lossy(&text));
        }
        _ => panic!("neither ended nor raised: {source}"),
    }
    output
}

/// Asserts that each of these expressions ends with this exception.
fn each_raises(setting: &str, exception: &str, expressions: &[&str]) {
    for expression in expressions {
        let source = format!(
            "{setting}\ntry:\n  x = {expression}\n  log('got', x)\nexcept {exception}, e:\n  log('contained')\n"
        );
        assert_eq!(output_of(&source), "contained", "{expression}");
    }
}

/// Asserts that the check refuses a program as unsafe.
fn is_unsafe(source: &str) {
    match check::load(source.as_bytes()) {
        Err(Refusal::Unsafe(_)) => {}
        Err(Refusal::Syntax(error)) => panic!("not even Python ({error}): {source}"),
        Ok(_) => panic!("accepted: {source}"),
    }
}

/// Asserts that the check does not even take a program for Python 2.7.
fn is_no_python(source: &[u8]) {
    match check::load(source) {
        Err(Refusal::Syntax(_)) => {}
        Err(Refusal::Unsafe(error)) => panic!("unsafe ({error}): {source:?}"),
        Ok(_) => panic!("accepted: {source:?}"),
    }
}

/// Asserts what a program logs.
fn logs(source: &str, expected: &str) {
    assert_eq!(output_of(source), expected, "{source}");
}
