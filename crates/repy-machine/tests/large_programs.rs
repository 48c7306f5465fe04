//! Programs with more of something in one block than an instruction has room to number.

#![expect(clippy::expect_used, reason = "a test that cannot set the scene fails")]

use overlord_repy_machine::{Limits, Machine, Program, SliceEnd, Value};

/// One more than the numbers of 16 bits.
const MANY: usize = 1 << 16;

/// Runs a program and gives its variable `answer`, an int.
fn answer(source: &str) -> i64 {
    let program = Program::new(source.as_bytes(), "large").expect("a program");
    let mut machine = Machine::new(Limits { memory: None });
    let globals = machine.new_globals();
    let main = machine.load(&program, &globals).expect("compiles");
    let mut thread = machine.thread(main, Vec::new());
    loop {
        match machine.run_slice(&mut thread, 1_000_000) {
            SliceEnd::Budget => {}
            SliceEnd::Finished(_) => break,
            SliceEnd::Raised(raised) => {
                let report = machine.format_exception(&raised).expect("a report");
                panic!("{}", String::from_utf8_lossy(&report));
            }
            _ => panic!("the program did not end by itself"),
        }
    }
    match globals.variable("answer") {
        Some(Value::Int(answer)) => answer,
        _ => panic!("the program has no answer"),
    }
}

#[test]
fn a_function_may_read_any_number_of_globals() {
    let reads = "  p\n".repeat(MANY);
    let source = format!("p = 1\nq = 2\ndef f():\n{reads}  return p * 10 + q\nanswer = f()\n");
    assert_eq!(answer(&source), 12);
}

#[test]
fn a_block_may_set_any_number_of_globals() {
    let sets = "p = p + 1\n".repeat(MANY / 2);
    let source = format!(
        "p = 0\nq = 5\n{sets}q = q + 1\np = p + 0\nz = q\ndef out():\n  return p * 10 + q + z\nanswer = out()\n"
    );
    assert_eq!(answer(&source), (MANY as i64 / 2) * 10 + 12);
}

#[test]
fn a_block_may_use_any_number_of_attributes_and_methods() {
    let uses = "  a.p = a.p\n".repeat(MANY / 2);
    let source = format!(
        "class A:\n  def __init__(self):\n    self.p = 1\n    self.q = 2\n  def m(self):\n    return 100\n\
         def f(a):\n{uses}  a.q = a.q + 5\n  a.new = 30\n  return a.p + a.q + a.m() + a.new\nanswer = f(A())\n"
    );
    assert_eq!(answer(&source), 1 + 7 + 100 + 30);
}

#[test]
fn a_class_may_have_any_number_of_bases() {
    let bases = vec!["A"; MANY + 4].join(",");
    let source = format!(
        "class A:\n  n = 7\ntotal = 0\ndef f(A):\n  total = 0\n  for i in [1, 2, 3]:\n    class B({bases}):\n      pass\n    \
         total = total + B.n + i\n  return total\nanswer = f(A)\n"
    );
    assert_eq!(answer(&source), 27);
}
