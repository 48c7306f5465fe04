//! What a mistake of our own does in a release: the program cannot catch it and ends in order, it is counted, and the
//! end says what it was. (Everywhere else it is a panic: see the tests beside the code.)

use overlord_bug::{bug, count, set_strict};
use overlord_repy_machine::{Limits, Machine, Program, SliceEnd, Stop, Thrown, Value};

/// One test, as strictness and count are the process's.
#[test]
fn a_bug_ends_the_program_in_order_and_is_counted() {
    set_strict(false);
    let source = "\
try:\n  seen.append('before')\n  broken()\nexcept Exception:\n  seen.append('caught')\nfinally:\n  seen.append('finally')\n";
    let program = Program::new(source.as_bytes(), "bugs").unwrap();
    let mut machine = Machine::new(Limits::default());
    let globals = machine.new_globals();
    let broken = machine.host_function("broken", |_, _| {
        Err(Thrown::bug(bug!("a promise of ours is broken")))
    });
    globals.set_variable(&mut machine, "broken", broken);
    globals.set_variable(&mut machine, "seen", Value::list(Vec::new()));
    let main = machine.load(&program, &globals).unwrap();
    let before = count();
    let mut thread = machine.thread(main, Vec::new());
    let stop = loop {
        match machine.run_slice(&mut thread, 1000) {
            SliceEnd::Budget => {}
            SliceEnd::Stopped(stop) => break stop,
            _ => panic!("the program went on"),
        }
    };
    let Stop::Bug(bug) = stop else {
        panic!("another reason: {stop}");
    };
    let text = bug.to_string();
    assert!(
        text.starts_with("internal error, please report it"),
        "{text}"
    );
    assert!(text.contains("a promise of ours is broken"), "{text}");
    assert_eq!(count() - before, 1);
    let Some(seen) = globals.variable("seen") else {
        panic!("no variable");
    };
    let shown = machine.repr_of(&seen).ok();
    assert_eq!(shown.as_deref(), Some(&b"['before']"[..]));
}
