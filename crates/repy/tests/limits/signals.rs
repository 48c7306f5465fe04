//! What comes from outside and what is told there: signals, the level of the wall, a program that lies elsewhere.

use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Scene, wait_until};

#[test]
fn signals_that_ask_for_the_end_stop_a_program_in_order() {
    let busy = "while True:\n  pass\n";
    for (signal, program) in [
        (Signal::SIGTERM, "sleep(1000)\n"),
        (Signal::SIGTERM, busy),
        (Signal::SIGINT, busy),
    ] {
        let scene = Scene::new(program, &[]);
        let mut child = scene.start();
        wait_until("it runs", || scene.state().as_deref() == Some("Started"));
        kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        wait_until("it stops", || child.try_wait().unwrap().is_some());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(44), "{signal}");
        assert_eq!(scene.state().as_deref(), Some("Stopped"), "{signal}");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "the program was stopped: by a signal\n"
        );
    }
}

#[test]
fn a_file_beyond_the_limit_of_the_process_does_not_kill_it() {
    let program = "f = openfile('data', True)\nf.writeat('x' * 3000000, 0)\n";
    let scene = Scene::new(program, &[]);
    let run = "ulimit -f 1000; exec \"$0\" --status ../state ../resources program.r2py";
    let output = Command::new("sh")
        .current_dir(scene.path("files"))
        .args(["-c", run, env!("CARGO_BIN_EXE_repy")])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.code().is_some(), "{output:?}");
    assert_eq!(scene.state().as_deref(), Some("Terminated"), "{output:?}");
}

#[test]
fn what_is_run_is_told_with_the_level_of_the_wall() {
    let scene = Scene::new("log('fine')\n", &[]);
    let output = Command::new(env!("CARGO_BIN_EXE_repy"))
        .current_dir(scene.path("files"))
        .args(["--execinfo", "../resources", "program.r2py", "one", "it's"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    let line = "=".repeat(40);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!(
            "{line}\nRunning program: program.r2py\nArguments: ['one', \"it's\"]\n{line}\nfine"
        ),
        "{told}"
    );
    let lines = told
        .lines()
        .filter(|line| line.contains("the wall around it: privileges "));
    assert_eq!(lines.count(), 1, "{told}");
}

#[test]
fn a_program_outside_of_its_directory_cannot_be_read_and_the_wall_is_named() {
    let scene = Scene::new("log('fine')\n", &[]);
    std::fs::write(scene.path("elsewhere.r2py"), "log('fine')\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_repy"))
        .current_dir(scene.path("files"))
        .args(["../resources", "../elsewhere.r2py"])
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stdout);
    // Where the kernel has no such wall the program runs.
    let refused = output.status.code() == Some(1) && log.contains("behind the second wall");
    assert!(refused || log.contains("files and ports missing"), "{log}");
}

#[test]
fn with_a_log_file_the_log_has_all_that_is_told_of_a_run_and_standard_output_nothing() {
    let scene = Scene::new("log('fine')\n", &[]);
    let resources = std::fs::read_to_string(scene.path("resources")).unwrap();
    // As some editors write it.
    std::fs::write(scene.path("resources"), format!("\u{feff}{resources}")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_repy"))
        .current_dir(scene.path("files"))
        .args(["--execinfo", "--servicelog", "--logfile", "../log"])
        .args(["../resources", "program.r2py"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_eq!(output.stdout, b"", "{told}");
    let log = std::fs::read_to_string(scene.path("log.old")).unwrap_or_default()
        + &std::fs::read_to_string(scene.path("log.new")).unwrap_or_default();
    assert_eq!(log.matches("the second wall").count(), 1, "{log}");
    let before = log.find("the second wall").unwrap();
    let header = log.find("Running program: program.r2py").unwrap();
    assert!(before < header && log.ends_with("=\nfine"), "{log}");
    // Standard error is told of the wall, and of no fault, as there was none.
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn a_program_whose_system_gives_no_thread_ends_with_56_and_says_so() {
    let scene = Scene::new(
        "sleep(0.1)\ntry:\n  gethostbyname('localhost')\nexcept NetworkError:\n  pass\nlog('resolved')\n",
        &[],
    );
    // Just so much memory that the process runs, and a thread's stack finds no room any more.
    let mut found = Vec::new();
    for room in (0..40).map(|step| step * 128) {
        let run =
            "ulimit -v $1; exec \"$0\" --servicelog --status ../state ../resources program.r2py";
        let most = (own_size() + room).to_string();
        let output = Command::new("sh")
            .current_dir(scene.path("files"))
            .args(["-c", run, env!("CARGO_BIN_EXE_repy"), &most])
            .output()
            .unwrap();
        let code = output.status.code();
        found.push((room, code));
        if code == Some(56) {
            let log = String::from_utf8_lossy(&output.stdout);
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(log.contains("thread") && !log.contains("resolved"), "{log}");
            assert!(told.contains("thread"), "{told}");
            assert_eq!(scene.state().as_deref(), Some("ThreadErr"));
            return;
        }
    }
    panic!("never without a thread: {found:?}");
}

/// The least address space of a process of the runtime, in KiB: what it has mapped when it begins to run a program.
fn own_size() -> u64 {
    static SIZE: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    *SIZE.get_or_init(|| {
        let scene = Scene::new("sleep(1000)\n", &[]);
        let mut child = scene.start();
        wait_until("it runs", || scene.state().as_deref() == Some("Started"));
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let line = status.lines().find(|line| line.starts_with("VmPeak:"));
        line.unwrap()
            .split_whitespace()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap()
    })
}

#[test]
fn a_hundred_threads_that_ask_for_names_at_once_are_waited_for_as_one() {
    let program = "\
done = []
def ask():
  try:
    gethostbyname('localhost')
  except NetworkError:
    pass
  done.append(1)
for number in range(99):
  createthread(ask)
ask()
while len(done) < 100:
  sleep(0.01)
log(len(done))
";
    let limits = [("events", "100"), ("netsend", "1e9"), ("netrecv", "1e9")];
    assert_eq!(
        Scene::new(program, &limits).run(),
        (Some(0), "100".to_owned())
    );
}
