//! Programs that take more than they may, as processes of their own: slowed, refused, or killed, in figures; and what
//! is left when a program has ended: exit code, status, log.

#![expect(clippy::unwrap_used, reason = "a test that cannot set the scene fails")]

#[path = "limits/callbacks.rs"]
mod callbacks;
#[path = "limits/operations.rs"]
mod operations;
#[path = "limits/signals.rs"]
mod signals;
#[path = "limits/single_steps.rs"]
mod single_steps;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for anything that is bound to happen: far more than it takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with a resource file and a program.
struct Scene {
    folder: tempfile::TempDir,
}

/// What the resource file allows where a test says nothing else.
const RESOURCES: [(&str, &str); 15] = [
    ("cpu", "1"),
    ("memory", "100000000"),
    ("diskused", "10000000"),
    ("events", "10"),
    ("filewrite", "100000000"),
    ("fileread", "100000000"),
    ("filesopened", "5"),
    ("insockets", "5"),
    ("outsockets", "5"),
    ("netsend", "1000000"),
    ("netrecv", "1000000"),
    ("loopsend", "1000000"),
    ("looprecv", "1000000"),
    ("lograte", "1000000"),
    ("random", "1000000"),
];

impl Scene {
    fn new(program: &str, limits: &[(&str, &str)]) -> Scene {
        let scene = Scene {
            folder: tempfile::tempdir().unwrap(),
        };
        let lines: Vec<String> = RESOURCES
            .iter()
            .map(|(name, quantity)| {
                let given = limits.iter().find(|(limited, _)| limited == name);
                let quantity = given.map_or(quantity, |(_, quantity)| quantity);
                format!("resource {name} {quantity}\n")
            })
            .collect();
        std::fs::create_dir(scene.path("files")).unwrap();
        std::fs::write(scene.path("resources"), lines.concat()).unwrap();
        std::fs::write(scene.path("files/program.r2py"), program).unwrap();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the program with all options; its output is its log.
    fn start(&self) -> Child {
        Command::new(env!("CARGO_BIN_EXE_repy"))
            .current_dir(self.folder.path())
            .args([
                "--cwd", "files", "--status", "../state", "--stop", "../halt",
            ])
            .args(["../resources", "program.r2py"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs the program to its end: code and output.
    fn run(&self) -> (Option<i32>, String) {
        let output = self.start().wait_with_output().unwrap();
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        // What is told about a fault of the program's.
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        (output.status.code(), text)
    }

    /// The status file, as state and time; there is never more than one, but for the moment when one follows another.
    fn status(&self) -> Option<(String, String)> {
        let mut found: Vec<String> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("state-"))
            .collect();
        found.sort();
        assert!(found.len() <= 2, "{found:?}");
        let name = found.pop()?;
        let (state, time) = name.strip_prefix("state-")?.split_once('-')?;
        Some((state.to_owned(), time.to_owned()))
    }

    fn state(&self) -> Option<String> {
        self.status().map(|(state, _)| state)
    }
}

#[expect(clippy::disallowed_methods, reason = "tests of processes measure")]
fn now() -> Instant {
    Instant::now()
}

/// Waits until something is so.
#[expect(clippy::disallowed_methods, reason = "between two looks at a process")]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The most memory a process has had, in bytes, if it still runs.
fn peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Programs that take memory without end, each in another way.
const HOGS: [(&str, &str); 8] = [
    (
        "large strings",
        "x = []\nwhile True:\n  x.append('a' * 100000)\n",
    ),
    (
        "small objects",
        "x = []\ni = 0\nwhile True:\n  x.append((i, str(i)))\n  i = i + 1\n",
    ),
    (
        "a dictionary",
        "x = {}\ni = 0\nwhile True:\n  x[i] = [i]\n  i = i + 1\n",
    ),
    (
        "instances",
        "class C:\n  def __init__(self):\n    self.d = {}\nx = []\nwhile True:\n  x.append(C())\n",
    ),
    // Never for a string that is more than the limit by itself: that is a MemoryError.
    ("doubling", "x = 'a' * 7000000\nwhile True:\n  x = x + x\n"),
    (
        "threads",
        "def f():\n  sleep(1000)\nwhile True:\n  createthread(f)\n",
    ),
    (
        "an unfinished product",
        "x = 'a' * 24000000\nn = (1 << 30000000) - 1\nx = (x, n * n)\n",
    ),
    (
        "holes between objects",
        "x = []\nn = 10\nwhile True:\n  a = []\n  for i in range(2000):\n    a.append('x' * (n + i % 13))\n  x.append(a[::2])\n  n = n + 17\n",
    ),
];

#[test]
fn memory_beyond_the_limit_ends_a_program_before_it_has_five_percent_more() {
    for (what, program) in HOGS {
        is_killed_for_memory(what, program);
    }
}

/// Runs a program under a limit of 40 MB, which must end it in order and in time.
fn is_killed_for_memory(what: &str, program: &str) {
    let limit = 40_000_000;
    let limits = [("memory", "40000000"), ("events", "1000000")];
    let scene = Scene::new(program, &limits);
    let mut child = scene.start();
    let mut most = 0;
    wait_until("the hog is killed", || {
        most = peak(child.id()).unwrap_or(0).max(most);
        child.try_wait().unwrap().is_some()
    });
    let output = child.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(98), "{what}: {log}");
    assert_eq!(
        log, "the program was killed: it needs more than its 40000000 bytes of memory\n",
        "{what}"
    );
    assert_eq!(scene.state().as_deref(), Some("Terminated"), "{what}");
    assert!(most > 10_000_000, "{what}: {most}");
    assert!(most < limit / 100 * 105, "{what}: {most}");
}

#[test]
fn a_thousand_threads_fit_into_twenty_megabytes() {
    let scene = Scene::new(
        "woken = []
def wait():
  sleep(0.5)
  woken.append(1)
for i in range(1000):
  createthread(wait)
log(getresources()[1]['memory'] < 20000000, '\\n')
sleep(1)
log(len(woken))
",
        &[("memory", "20000000"), ("events", "1001")],
    );
    assert_eq!(scene.run(), (Some(0), "True \n1000".to_owned()));
}

/// Seconds between two looks at what a program has used of the processor.
const PERIOD: f64 = 0.1;

/// Runs a busy program, which logs what it has used of the processor, until it gets what it should within a tenth. It
/// may never get more, but for what it uses in one of the periods after which it is paused, and for `slack`; on a machine that is busy with other things it may get less, and is run again.
#[track_caller]
fn gets(program: &str, share: &str, expected: f64, slack: f64) {
    let mut found = Vec::new();
    for _ in 0..5 {
        let scene = Scene::new(program, &[("cpu", share)]);
        let (code, log) = scene.run();
        assert_eq!(code, Some(0), "{log}");
        let used: f64 = log.trim().parse().unwrap();
        assert!(
            used <= expected * 1.1 + PERIOD + slack,
            "{used} of {expected} seconds"
        );
        found.push(used);
        if used >= expected * 0.9 {
            return;
        }
    }
    panic!("{found:?} of {expected} seconds");
}

#[test]
fn a_busy_program_gets_its_share_of_the_processor() {
    let program = "\
while getruntime() < 3:
  x = 1
log(getresources()[1]['cpu'])
";
    gets(program, "0.1", 0.3, 0.0);
}

#[test]
fn long_operations_do_not_escape_the_share_of_the_processor() {
    let program = "\
def busy():
  while getruntime() < 3:
    x = 7 ** 20000
createthread(busy)
busy()
log(getresources()[1]['cpu'])
";
    // Between two looks an unoptimised build takes a tenth of a second, and more on a loaded machine.
    gets(program, "0.1", 0.3, 0.3);
}

#[test]
fn getresources_tells_of_pauses_and_of_the_processor_time_of_threads() {
    let scene = Scene::new(
        "\
def busy():
  while getruntime() < 1.2:
    pass
  usage = getresources()[1]
  mycontext['thread'] = usage['threadcpu']
createthread(busy)
while 'thread' not in mycontext:
  sleep(0.1)
limits, usage, stops = getresources()
log(len(stops) > 1, stops[0][0] < stops[1][0], stops[0][1] > 0, '\\n')
log(mycontext['thread'] > usage['threadcpu'], usage['cpu'] >= mycontext['thread'], '\\n')
log(usage['memory'] > 1000000, limits['memory'] > usage['memory'])
",
        &[("cpu", "0.2")],
    );
    let (code, log) = scene.run();
    assert_eq!(
        (code, log.as_str()),
        (Some(0), "True True True \nTrue True \nTrue True")
    );
}

#[test]
fn limits_of_what_is_counted_are_integers_and_of_what_renews_floats() {
    let scene = Scene::new(
        "\
limits = getresources()[0]
for name in ['memory', 'diskused', 'events', 'filesopened', 'insockets', 'outsockets']:
  log(name, type(limits[name]) is int, len(xrange(min(limits[name], 9))) > 0, '\\n')
for name in ['cpu', 'fileread', 'filewrite', 'netsend', 'netrecv', 'loopsend', 'looprecv', 'lograte', 'random']:
  log(name, type(limits[name]) is float, '\\n')
",
        &[],
    );
    let (code, log) = scene.run();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("False"), "{log}");
    assert_eq!(log.lines().count(), 15, "{log}");
}

#[test]
fn what_was_read_stays_in_the_usage_until_something_is_read_again() {
    let scene = Scene::new(
        "\
f = openfile('data', True)
f.writeat('x' * 4096, 0)
f.readat(4096, 0)
first = getresources()[1]['fileread']
sleep(0.3)
log(first >= 4096, getresources()[1]['fileread'] == first)
f.readat(1, 0)
log(getresources()[1]['fileread'] < first)
",
        &[("fileread", "100000")],
    );
    let (code, log) = scene.run();
    assert_eq!((code, log.as_str()), (Some(0), "True True True"));
}

#[test]
fn a_programs_processor_time_starts_at_nothing() {
    let (code, log) = Scene::new("log(getresources()[1]['cpu'])\n", &[]).run();
    let used: f64 = log.trim().parse().unwrap();
    assert_eq!(code, Some(0), "{log}");
    // What reading the program and building the sandbox take is not the program's: in an unoptimised build, more.
    assert!(used < 0.002, "{used}");
}

#[test]
fn a_program_runs_for_a_period_between_two_pauses() {
    let (code, log) = Scene::new(
        "\
while getruntime() < 2:
  pass
stops = getresources()[2]
for i in range(len(stops) - 1):
  if stops[i + 1][0] - (stops[i][0] + stops[i][1]) < 0.0999:
    log('too early: ')
log(len(stops) >= 1, stops)
",
        &[("cpu", "0.1")],
    )
    .run();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.starts_with("True "), "{log}");
}

#[test]
fn files_beyond_the_disk_limit_end_the_program_before_they_are_written() {
    let scene = Scene::new(
        "\
f = openfile('data', True)
at = 0
while True:
  f.writeat('x' * 1000, at)
  at = at + 1000
",
        &[("diskused", "100000")],
    );
    let (code, log) = scene.run();
    assert_eq!(code, Some(98));
    assert_eq!(
        log,
        "the program was killed: its files need more than its 100000 bytes of disk\n"
    );
    assert_eq!(scene.state().as_deref(), Some("Terminated"));
    let size = scene.path("files/data").metadata().unwrap().len();
    assert!((80_000..=100_000 - 2 * 4096).contains(&size), "{size}");
}

#[test]
fn files_that_others_put_there_count_too() {
    let scene = Scene::new("sleep(100)\n", &[("diskused", "100000")]);
    let mut child = scene.start();
    wait_until("it runs", || scene.state().as_deref() == Some("Started"));
    std::fs::write(scene.path("files/huge"), vec![0; 200_000]).unwrap();
    wait_until("it is killed", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(98));
}

#[test]
fn writing_faster_than_the_limit_is_slowed_to_it() {
    let scene = Scene::new(
        "\
f = openfile('data', True)
for i in range(12):
  f.writeat('x' * 4096, 0)
log(getruntime())
",
        &[("filewrite", "20480")],
    );
    let (code, log) = scene.run();
    assert_eq!(code, Some(0), "{log}");
    // 13 blocks, of which five pass at once, at five a second.
    let took: f64 = log.parse().unwrap();
    assert!((1.6..10.0).contains(&took), "{took}");
}

#[test]
fn after_every_kind_of_end_there_are_code_status_and_reason() {
    let ends = [
        ("log('fine')", 0, "Terminated", "fine"),
        ("log(1)\nexitall()", 0, "Terminated", "1"),
        ("raise SystemExit", 4, "Terminated", ""),
        ("import os", 5, "Terminated", "unsafe"),
        ("x = = 1", 5, "Terminated", "syntax error"),
        ("1 / 0", 6, "Terminated", "ZeroDivisionError"),
        (
            "def f():\n  1 / 0\ncreatethread(f)",
            30,
            "Terminated",
            "ZeroDivisionError",
        ),
        (
            "x = []\nwhile True:\n  x.append('a' * 10 ** 6)",
            98,
            "Terminated",
            "bytes of memory",
        ),
    ];
    for (program, code, state, reason) in ends {
        let scene = Scene::new(program, &[]);
        let (found, log) = scene.run();
        assert_eq!(found, Some(code), "{program}: {log}");
        assert_eq!(scene.state().as_deref(), Some(state), "{program}");
        assert!(log.contains(reason), "{program}: {log}");
    }
    let scene = Scene::new("pass", &[]);
    std::fs::remove_file(scene.path("files/program.r2py")).unwrap();
    let (code, log) = scene.run();
    assert_eq!(code, Some(1), "{log}");
    assert_eq!(scene.state().as_deref(), Some("Terminated"));
}

/// Programs that do not end by themselves.
const ENDLESS: [(&str, &str); 4] = [
    ("waiting", "sleep(1000)\n"),
    ("busy", "while True:\n  pass\n"),
    (
        "deadlocked",
        "l = createlock()\nl.acquire(True)\nl.acquire(True)\n",
    ),
    ("in one operation", "sum(xrange(10 ** 15))\n"),
];

#[test]
fn a_stop_file_ends_any_program_within_a_second_with_its_code_and_message() {
    for (what, program) in ENDLESS {
        let scene = Scene::new(program, &[("cpu", "0.1")]);
        let mut child = scene.start();
        wait_until("it runs", || scene.state().as_deref() == Some("Started"));
        let asked = now();
        std::fs::write(scene.path("files/new"), "17;enough").unwrap();
        std::fs::rename(scene.path("files/new"), scene.path("halt")).unwrap();
        wait_until("it stops", || child.try_wait().unwrap().is_some());
        let took = asked.elapsed();
        let output = child.wait_with_output().unwrap();
        // Outside of the program's folder the wall lets the file be seen, but not read.
        assert_eq!(output.status.code(), Some(44), "{what}");
        assert_eq!(scene.state().as_deref(), Some("Stopped"), "{what}");
        assert!(took < Duration::from_secs(1), "{what}: {took:?}");
    }
}

#[test]
fn a_stop_file_in_the_programs_folder_is_read() {
    let scene = Scene::new("sleep(1000)\n", &[]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_repy"))
        .current_dir(scene.path("files"))
        .args([
            "--stop=halt",
            "--status=../state",
            "../resources",
            "program.r2py",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("it runs", || scene.state().as_deref() == Some("Started"));
    std::fs::write(scene.path("files/halt"), "17;enough").unwrap();
    wait_until("it stops", || child.try_wait().unwrap().is_some());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(17));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "the program was stopped: enough\n"
    );
}

#[test]
fn the_status_of_a_running_program_is_made_anew_each_second() {
    let scene = Scene::new("while True:\n  pass\n", &[("cpu", "0.2")]);
    let mut child = scene.start();
    wait_until("it runs", || scene.state().as_deref() == Some("Started"));
    let first = scene.status();
    wait_until("the status is a new one", || {
        let status = scene.status();
        status.is_some() && status != first
    });
    assert_eq!(scene.state().as_deref(), Some("Started"));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_cannot_be_run_at_all_ends_with_1_and_says_why() {
    let scene = Scene::new("pass", &[]);
    std::fs::write(scene.path("halt"), "").unwrap();
    let (code, log) = scene.run();
    assert_eq!(code, Some(1));
    assert!(
        log.contains("the stop file ../halt: it is there already"),
        "{log}"
    );
    for (words, reason) in [
        (vec!["--status", "state", "none", "p"], "none"),
        (
            vec!["broken", "files/program.r2py"],
            "unknown resource 'speed'",
        ),
        (vec!["resources"], "a program is missing"),
        (vec!["--cwd", "nowhere", "resources", "p"], "nowhere"),
        (vec!["--logfile", "no/where", "resources", "p"], "no/where"),
    ] {
        std::fs::write(scene.path("broken"), "resource speed 5\n").unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_repy"))
            .current_dir(scene.folder.path())
            .args(&words)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {told}");
        assert!(told.contains(reason), "{words:?}: {told}");
    }
}

fn length(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

#[test]
fn the_log_file_keeps_the_last_16_to_32_kibibytes() {
    let scene = Scene::new("for i in xrange(20000):\n  log(i, '\\n')\n1 / 0\n", &[]);
    let output = Command::new(env!("CARGO_BIN_EXE_repy"))
        .current_dir(scene.path("files"))
        .args(["--logfile", "../log", "../resources", "program.r2py"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
    let (old, new) = (scene.path("log.old"), scene.path("log.new"));
    let kept = length(&old) + length(&new);
    assert!((16 << 10..=32 << 10).contains(&kept), "{kept}");
    let end = std::fs::read_to_string(new).unwrap();
    assert!(
        end.contains("19999 \n") && end.contains("ZeroDivisionError"),
        "{end}"
    );
}

#[test]
fn what_is_logged_written_and_read_is_not_copied_on_the_way() {
    let scene = Scene::new(
        "\
x = 'a' * 16000000
log(x, x, '\\n')
f = openfile('data', True)
f.writeat(x, 0)
log('fine\\n')
x = None
x = f.readat(None, 0)
log(len(x))
",
        &[
            ("memory", "40000000"),
            ("diskused", "20000000"),
            ("lograte", "100000000"),
        ],
    );
    let output = Command::new(env!("CARGO_BIN_EXE_repy"))
        .current_dir(scene.path("files"))
        .args(["--logfile", "../log", "../resources", "program.r2py"])
        .output()
        .unwrap();
    let log = std::fs::read_to_string(scene.path("log.new")).unwrap();
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert!(log.ends_with("fine\n16000000"), "{log}");
}
