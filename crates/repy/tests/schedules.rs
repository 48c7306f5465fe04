//! Threads take turns at every call of the API and between some hundred instructions, as a seed has it: races show, and
//! can be looked at again.

#![expect(clippy::unwrap_used, reason = "a test that cannot set the scene fails")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

/// Four threads that count without a lock, and use files meanwhile.
const RACE: &str = "\
total = [0]
switches = [0, None]
def work():
  for i in range(30):
    if switches[1] != getthreadname():
      switches[0] += 1
      switches[1] = getthreadname()
    seen = total[0]
    f = openfile('file' + getthreadname()[-1], True)
    f.writeat('x', 0)
    f.close()
    total[0] = seen + 1
  done.append(1)
  if len(done) == 4:
    all.release()
done = []
all = createlock()
all.acquire(True)
for i in range(4):
  createthread(work)
all.acquire(True)
";

fn repy(directory: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_repy"))
        .current_dir(directory)
        .args(words)
        .output()
        .unwrap()
}

fn logged(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn directory_with(program: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("program.r2py"), program).unwrap();
    directory
}

#[test]
fn threads_are_switched_between_calls_of_the_api() {
    let place = directory_with(&format!("{RACE}log(switches[0])\n"));
    for seed in ["1", "2", "3"] {
        let output = repy(place.path(), &["--schedule", seed, "program.r2py"]);
        let switches: u32 = logged(&output).trim().parse().unwrap();
        // The original switches 10 to 96 times.
        assert!((10..=120).contains(&switches), "seed {seed}: {switches}");
    }
}

#[test]
fn a_busy_loop_is_left_after_some_hundred_instructions() {
    let place = directory_with(
        "\
order = []
def work():
  for i in xrange(2000):
    order.append(work)
def other():
  for i in xrange(2000):
    order.append(other)
createthread(work)
createthread(other)
while len(order) < 4000:
  sleep(0.01)
switches = 0
for i in xrange(3999):
  if order[i] is not order[i + 1]:
    switches += 1
log(switches)
",
    );
    let output = repy(place.path(), &["--schedule", "4", "program.r2py"]);
    let switches: u32 = logged(&output).trim().parse().unwrap();
    assert!(switches > 20, "{switches}");
}

#[test]
fn a_seed_shows_the_same_race_again_and_without_one_outcomes_differ() {
    let place = directory_with(&format!("{RACE}log(total[0])\n"));
    let with = |seed: &str| logged(&repy(place.path(), &["--schedule", seed, "program.r2py"]));
    assert_eq!(with("7"), with("7"));
    let outcomes: BTreeSet<String> = (0..8)
        .map(|_| logged(&repy(place.path(), &["program.r2py"])))
        .collect();
    assert!(outcomes.len() > 1, "{outcomes:?}");
    assert!(!outcomes.contains("120"), "{outcomes:?}");
}

#[test]
fn many_schedules_show_each_outcome_once_with_a_seed_for_it() {
    let place = directory_with(&format!("{RACE}log(total[0])\n"));
    let output = repy(place.path(), &["--schedules", "12", "program.r2py"]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{told}");
    let seeds: Vec<&str> = told
        .lines()
        .filter_map(|line| {
            line.split_once("--schedule ")?
                .1
                .strip_suffix(": exit code 0")
        })
        .collect();
    assert!(seeds.len() > 1, "{told}");
    for seed in seeds {
        let again = logged(&repy(place.path(), &["--schedule", seed, "program.r2py"]));
        let line = format!("--schedule {seed}: exit code 0\n    {again}\n");
        assert!(told.contains(&line), "{told}\n{again}");
    }
}

#[test]
fn a_program_without_a_race_has_one_outcome_under_all_schedules_and_leaves_nothing() {
    let safe = RACE
        .replace("    seen", "    lock.acquire(True)\n    seen")
        .replace("seen + 1\n", "seen + 1\n    lock.release()\n")
        .replace("total = [0]\n", "total = [0]\nlock = createlock()\n");
    let place = directory_with(&format!("{safe}log(total[0])\n"));
    let output = repy(place.path(), &["--schedules", "5", "program.r2py"]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_eq!(
        told,
        "5 of 5 schedules, the first of them --schedule 0: exit code 0\n    120\n"
    );
    let left: Vec<_> = std::fs::read_dir(place.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_program_that_fails_under_a_schedule_says_which() {
    let place = directory_with(&format!("{RACE}raise ValueError(total[0])\n"));
    let output = repy(place.path(), &["program.r2py"]);
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr);
    let seed = told
        .lines()
        .find_map(|line| line.strip_prefix("the turns of its threads were those of --schedule "))
        .unwrap()
        .to_owned();
    let value = |text: &str| {
        text.lines()
            .find(|line| line.contains("ValueError"))
            .map(str::to_owned)
    };
    let again = repy(place.path(), &["--schedule", &seed, "program.r2py"]);
    assert_eq!(
        value(&told),
        value(&String::from_utf8_lossy(&again.stderr)),
        "{seed}"
    );
    let alone = directory_with("raise ValueError\n");
    let output = repy(alone.path(), &["program.r2py"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!told.contains("--schedule"), "{told}");
}

#[test]
fn schedules_that_make_no_sense_are_refused() {
    let place = directory_with("pass\n");
    for (words, expected) in [
        (&["--schedule", "x", "program.r2py"][..], "no number"),
        (&["--schedules", "0", "program.r2py"], "from 1 to"),
        (&["--schedules", "5"], "needs a program"),
        (&["--schedules"], "needs a number"),
        (
            &["--schedules", "5", "missing.r2py"],
            "no file of the current directory",
        ),
        (
            &["--schedules", "5", "../program.r2py"],
            "no file of the current directory",
        ),
        (
            &["--schedules", "5", "--logfile", "l", "r", "p"],
            "takes no --cwd, --logfile",
        ),
    ] {
        let output = repy(place.path(), words);
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(expected), "{words:?}: {told}");
    }
}

#[test]
fn outcomes_without_end_are_counted_and_a_run_that_writes_without_end_is_ended() {
    let place = directory_with("log(getruntime(), randombytes())\n");
    let output = repy(place.path(), &["--schedules", "103", "program.r2py"]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        told.ends_with("3 of 103 schedules: in yet other ways, which are not shown\n"),
        "{}",
        &told[told.len().saturating_sub(200)..]
    );
    let place = directory_with("while True:\n  log('x' * 10000)\n");
    let output = repy(place.path(), &["--schedules", "1", "program.r2py"]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        told.starts_with(
            "1 of 1 schedules, the first of them --schedule 0: ended after it had written 128 KiB\n"
        ),
        "{}",
        &told[..200.min(told.len())]
    );
}
