//! What an operator meets while a run goes on: programs that end by themselves, logs that are moved away, stops.

use std::time::{Duration, Instant};

use crate::support::{Folder, Running};

/// How often a condition is looked at that nobody announces.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Longest wait for such a condition.
const WAIT_MAX: Duration = Duration::from_secs(30);

fn local(folder: &Folder, rest: &[&str]) -> Running {
    let run = ["run", "--local", "--local-nodes", "1", "--count", "1"];
    Running::start(folder.command(&[&run[..], rest].concat()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a file of another process appears, and nobody announces it"
)]
fn eventually(what: &str, seen: impl Fn() -> bool) {
    let began = Instant::now();
    while !seen() {
        assert!(began.elapsed() < WAIT_MAX, "waited in vain: {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}

#[test]
fn a_run_of_which_no_copy_ever_ran_is_no_success() {
    let folder = Folder::new();
    // No program at all, and so none that runs for a moment.
    folder.file("crash.r2py", "log(callargs[0]\n");
    let mut run = local(&folder, &["--no-check", "crash.r2py"]);
    run.wait_for("failed", |_| true);
    folder.file("stop", "");
    run.wait_for("stopped", |_| true);
    let (code, last, errors) = run.end();
    assert_eq!(code, Some(79), "{last}\n{errors}");
    assert_eq!(
        (&last["event"], &last["code"]),
        (&"error".into(), &"program_ended".into())
    );
    let told = last["error"].as_str().unwrap();
    assert!(told.contains("no copy of the program ever ran"), "{last}");
    assert_eq!(errors.matches("come after --").count(), 1, "{errors}");
}

#[test]
fn a_log_file_that_was_moved_away_is_made_anew_when_usr1_asks_for_it() {
    let folder = Folder::new();
    folder.file("wait.r2py", "sleep(1000)\n");
    let mut run = local(&folder, &["--log-file", "run.log", "wait.r2py"]);
    run.wait_for("running", |_| true);
    let (log, moved) = (
        folder.path().join("run.log"),
        folder.path().join("run.log.1"),
    );
    std::fs::rename(&log, &moved).unwrap();
    run.signal("USR1");
    eventually("the log file is there again", || log.exists());
    folder.file("stop", "");
    let (code, _, errors) = run.end();
    assert_eq!(code, Some(0), "{errors}");
    let read = |path| std::fs::read_to_string(path).unwrap();
    let (old, new) = (read(&moved), read(&log));
    assert!(
        old.contains("running") && !old.contains("stopping"),
        "{old}"
    );
    assert!(new.contains("stopping"), "{new}");
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "how long the end of another process takes is what is tested"
)]
fn a_stop_does_not_wait_for_a_program_that_hears_none() {
    let folder = Folder::new();
    folder.file(
        "deaf.sh",
        "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n",
    );
    // A machine that has much else to do may be late once.
    let took = (0..3).map(|_| {
        let mut run = local(&folder, &["deaf.sh"]);
        run.wait_for("running", |_| true);
        let asked = Instant::now();
        let stop = folder.file("stop", "");
        assert_eq!(run.end().0, Some(0));
        std::fs::remove_file(stop).unwrap();
        asked.elapsed()
    });
    let took: Vec<_> = took
        .take_while(|took| *took >= Duration::from_millis(1500))
        .collect();
    assert!(took.len() < 3, "{took:?}");
}
