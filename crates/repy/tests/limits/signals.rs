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
        .args(["--execinfo", "../resources", "program.r2py"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.stdout, b"fine", "{told}");
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
