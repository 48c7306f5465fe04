//! A promise of the machine's own that is broken is loud: code that the compiler would not make, and threads that are
//! not as a slice must find and leave them. Here that is a panic; what a release does is in `tests/bugs.rs`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::{Limits, Machine, SliceEnd};
use crate::Program;
use crate::bytecode::Op;
use crate::machine::frame::{State, Thread};
use crate::object::{Code, Function, Value};

/// A machine, and a program's function in it.
fn loaded(source: &str) -> (Machine<'static>, Rc<Function>) {
    let program = Program::new(source.as_bytes(), "broken").unwrap();
    let mut machine = Machine::new(Limits::default());
    let globals = machine.new_globals();
    let Value::Function(function) = machine.load(&program, &globals).unwrap() else {
        panic!("a program is a function");
    };
    (machine, function)
}

/// Runs a program of these instructions.
fn run_code(ops: &[Op]) {
    let (mut machine, function) = loaded("pass\n");
    let code = &function.code;
    let function = Function {
        code: Rc::new(Code {
            kind: code.kind,
            name: code.name.clone(),
            filename: code.filename.clone(),
            ops: ops.into(),
            consts: code.consts.iter().cloned().collect(),
            lines: code.lines.clone(),
            handlers: code.handlers.clone(),
            params: code.params,
            varargs: code.varargs,
            kwargs: code.kwargs,
            slots: code.slots,
            slot_names: code.slot_names.clone(),
            cells: code.cells.clone(),
            captures: code.captures.clone(),
            children: code.children.clone(),
            caches: code.caches.clone(),
            exits: code.exits.clone(),
            keyword_lists: code.keyword_lists.clone(),
            simple: code.simple,
            shares: code.shares,
        }),
        globals: function.globals.clone(),
        defaults: Vec::new(),
        closure: Vec::new(),
        attrs: std::cell::RefCell::default(),
    };
    let mut thread = machine.thread(Value::Function(Rc::new(function)), Vec::new());
    machine.run_slice(&mut thread, 1000);
}

/// What the bug says that running this meets.
fn bug_of(run: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(run)).expect_err("nothing was noticed");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[track_caller]
fn tells(said: &str, wanted: &str) {
    assert!(said.contains(wanted), "{said}");
}

#[test]
fn an_instruction_that_takes_more_than_there_is_is_a_bug() {
    // The first takes what the program's function has left below its frame.
    for op in [
        Op::Pop,
        Op::Return,
        Op::RotTwo,
        Op::Subscript,
        Op::GetIter,
        Op::Dup,
    ] {
        tells(
            &bug_of(|| run_code(&[Op::Pop, op])),
            "takes more values than there are",
        );
    }
}

#[test]
fn code_without_an_end_is_a_bug() {
    let said = bug_of(|| run_code(&[Op::SmallInt(1)]));
    tells(&said, "None is out of place");
}

#[test]
fn an_instruction_that_finds_what_it_cannot_find_is_a_bug() {
    let one = Op::SmallInt(1);
    let wrong = [
        (vec![one, one, Op::ListAppend(0)], "ListAppend(0)"),
        (vec![one, one, one, Op::StoreMap], "StoreMap"),
        (vec![one, one, Op::MatchException], "MatchException"),
        (vec![one, Op::BindException], "BindException"),
        (vec![one, Op::Reraise], "Reraise"),
        (
            vec![
                Op::EnterFinally,
                Op::Squash(1),
                one,
                one,
                Op::BuildTuple(2),
                Op::EndFinally(0),
            ],
            "EndFinally(0)",
        ),
        (
            vec![one, Op::StoreName(crate::symbol::known::del)],
            "StoreName",
        ),
    ];
    for (ops, named) in wrong {
        tells(&bug_of(|| run_code(&ops)), named);
    }
}

#[test]
fn a_function_that_takes_from_its_variables_is_a_bug_when_it_returns() {
    let said = bug_of(|| {
        let mut thread = Thread::new(Value::None, Vec::new());
        let (_machine, function) = loaded("def f(a):\n  return a\n");
        let f = function.code.children[0].clone();
        thread.leave(&f, 0, 0);
    });
    tells(&said, "a frame of f ends with 0 values");
}

#[test]
fn a_slice_does_not_begin_with_a_frame_beyond_the_values() {
    let said = bug_of(|| {
        let (mut machine, function) = loaded("while True:\n  pass\n");
        let mut thread = machine.thread(Value::Function(function), Vec::new());
        assert!(matches!(
            machine.run_slice(&mut thread, 1000),
            SliceEnd::Budget
        ));
        thread.frames[0].base += 1;
        machine.run_slice(&mut thread, 1000);
    });
    tells(&said, "has variables from");
}

#[test]
fn a_slice_does_not_begin_with_a_new_thread_that_has_values_already() {
    let said = bug_of(|| {
        let (mut machine, function) = loaded("pass\n");
        let mut thread = machine.thread(Value::Function(function), Vec::new());
        thread.push(Value::Int(1));
        machine.run_slice(&mut thread, 1000);
    });
    tells(&said, "a thread that is new has 0 frames and 1 values");
}

#[test]
fn a_slice_does_not_end_with_native_code_under_way_that_was_not_when_it_began() {
    let said = bug_of(|| {
        let (mut machine, function) = loaded("leave()\n");
        let leave = machine.host_function("leave", |machine, _| {
            machine.showing.push(1);
            Ok(Value::None)
        });
        let name = crate::object::Str::new(b"leave");
        let _none = function.globals.borrow_mut().insert_name(&name, leave);
        let mut thread = machine.thread(Value::Function(function), Vec::new());
        machine.run_slice(&mut thread, 1000);
    });
    tells(&said, "a slice has left UnderWay");
}

#[test]
fn a_thread_that_ends_with_more_than_its_result_is_a_bug() {
    let said = bug_of(|| {
        let mut thread = Thread::new(Value::None, Vec::new());
        thread.state = State::Running;
        thread.push(Value::Int(1));
        thread.push(Value::Int(2));
        thread.take_result();
    });
    tells(&said, "ended with 2 values and not its result");
}
