//! Single operations that do much: they keep to the share of the processor, let others run, and can be stopped.

use std::time::Duration;

use super::{Scene, gets, now, wait_until};

/// Operations that move or go through much and allocate little, each within a loop over `x`, a list, and others.
const HEAVY: [(&str, &str); 9] = [
    ("reverse", "x.reverse()"),
    ("insert and pop", "x.insert(0, x.pop())"),
    ("pop from the front", "x.append(x.pop(0))"),
    ("remove", "x.remove(x[0])\n  x.append(1)"),
    ("deletion", "del x[0]\n  x.append(1)"),
    ("deletion of a slice", "del x[:1]\n  x.append(1)"),
    ("search in a list", "x.count(-1)"),
    ("looking for the only entry", "[k for k in sparse]"),
    ("case of a string", "s.islower()"),
];

fn heavy(operation: &str, around: &str) -> String {
    format!(
        "\
x = range(600000)
s = 'a' * 1000000
sparse = {{}}
for i in range(100000):
  sparse[i] = i
for i in range(99999):
  del sparse[i]
done = [0]
def busy(until):
 while getruntime() < until:
  {operation}
  done[0] += 1
{around}"
    )
}

#[test]
fn operations_that_move_much_keep_to_the_share_of_the_processor() {
    for (what, operation) in [HEAVY[0], HEAVY[1]] {
        let program = heavy(
            operation,
            // What making the lists took is paused for before the two seconds begin; a loaded machine may never get that far.
            "pauses = len(getresources()[2])
while len(getresources()[2]) == pauses and getruntime() < 5:
  pass
begun = getruntime()
before = getresources()[1]['cpu']
busy(begun + 2)
log(getresources()[1]['cpu'] - before)
",
        );
        println_on_failure(what, || gets(&program, "0.2", 0.4, 0.15));
    }
}

#[test]
fn a_callback_alone_keeps_to_the_share_of_the_processor() {
    let program = "\
def work(item):
  # What starting took is paused for before the two seconds begin; a loaded machine may never get that far.
  pauses = len(getresources()[2])
  while len(getresources()[2]) == pauses and getruntime() < 5:
    pass
  before = getresources()[1]['cpu']
  end = getruntime() + 2
  while getruntime() < end:
    pass
  log(getresources()[1]['cpu'] - before)
map(work, [1])
";
    gets(program, "0.2", 0.4, 0.15);
}

/// Runs a check whose failure alone does not tell what it was about.
#[expect(clippy::print_stderr, reason = "a test that fails says where")]
fn println_on_failure(what: &str, check: impl FnOnce() + std::panic::UnwindSafe) {
    if let Err(failure) = std::panic::catch_unwind(check) {
        eprintln!("{what}");
        std::panic::resume_unwind(failure);
    }
}

/// Seconds of processor time that others have to wait for, at most: a turn of 4 ms and the operation that it ends in,
/// the longest of which takes 25 ms in an unoptimised build. If operations did not look up, a turn with the slower half of
/// them would take 0.1 to 1.9.
const MOST_IN_A_TURN: f64 = 0.08;

#[test]
fn other_threads_run_between_operations_that_do_much() {
    for (what, operation) in HEAVY {
        let program = heavy(
            operation,
            "most = [0, 0]
def other():
  end = getruntime() + 0.5
  while getruntime() < end or most[1] < 3:
    before = getresources()[1]['cpu']
    sleep(0.0001)
    most[0] = max(most[0], getresources()[1]['cpu'] - before)
    most[1] = most[1] + 1
  log(most[0])
  exitall()
createthread(other)
busy(100)
",
        );
        let (code, log) = Scene::new(&program, &[]).run();
        assert_eq!(code, Some(0), "{what}: {log}");
        let most: f64 = log.parse().unwrap();
        assert!(most <= MOST_IN_A_TURN, "{what}: {most} seconds in a turn");
    }
}

#[test]
fn a_program_is_stopped_between_operations_that_do_much_and_within_one() {
    let moving = heavy("x.insert(0, x.pop())", "busy(1000)\n");
    let programs = [
        ("moving", moving.as_str()),
        ("to decimal", "x = str(1 << 4000000)\n"),
        ("from decimal", "x = int('7' * 1200000)\n"),
        (
            "a callback",
            "def f(x):\n  while True:\n    pass\nmap(f, [1])\n",
        ),
    ];
    for (what, program) in programs {
        let scene = Scene::new(program, &[("cpu", "0.2")]);
        let mut child = scene.start();
        wait_until("it runs", || scene.state().as_deref() == Some("Started"));
        let asked = now();
        std::fs::write(scene.path("halt"), "").unwrap();
        wait_until("it stops", || child.try_wait().unwrap().is_some());
        let took = asked.elapsed();
        assert_eq!(child.wait().unwrap().code(), Some(44), "{what}");
        assert_eq!(scene.state().as_deref(), Some("Stopped"), "{what}");
        assert!(took < Duration::from_secs(2), "{what}: {took:?}");
    }
}

#[test]
fn a_program_with_a_tiny_share_is_stopped_within_its_pause() {
    // One operation uses some tenths of a second before it looks up, which takes minutes to be earned.
    let program = "x = 7 ** 30000 % 11\nwhile True:\n  x = 7 ** 30000\n";
    let scene = Scene::new(program, &[("cpu", "0.001")]);
    let mut child = scene.start();
    wait_until("it runs", || scene.state().as_deref() == Some("Started"));
    let begun = now();
    wait_until("it has been paused", || {
        begun.elapsed() > Duration::from_millis(700)
    });
    let asked = now();
    std::fs::write(scene.path("halt"), "").unwrap();
    wait_until("it stops", || child.try_wait().unwrap().is_some());
    assert!(asked.elapsed() < Duration::from_secs(2));
    assert_eq!(child.wait().unwrap().code(), Some(44));
}
