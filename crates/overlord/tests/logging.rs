//! Where the log of a run goes. The console is a whole process's, so the runs are processes of their own: this test
//! program again, entered through the test of that name.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail the test"
)]

mod common;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::{SLEEPER, World};
use overlord::{LogTarget, VesselType};

/// Says where the process that is entered shall log to.
const TARGET: &str = "OVERLORD_TEST_LOG_TARGET";
/// Names its log file.
const FILE: &str = "OVERLORD_TEST_LOG_FILE";

#[test]
fn vessel_process_entry() {
    overlord_node::launch::enter_if_asked();
}

#[tokio::test(flavor = "multi_thread")]
async fn logged_process_entry() {
    let Ok(target) = std::env::var(TARGET) else {
        return;
    };
    let file = std::env::var_os(FILE).unwrap().into();
    let target = match target.as_str() {
        "console" => LogTarget::Console,
        "file" => LogTarget::File(file),
        _ => LogTarget::ConsoleAndFile(file),
    };
    let world = World::start(1, 1).await;
    let overlord = world
        .builder()
        .count(1)
        .vessel_type(VesselType::Rand)
        .program(world.program("sleeper", SLEEPER))
        .log(target)
        .build()
        .await
        .unwrap();
    let stop = overlord.stop_handle();
    let run = overlord.prepare(Vec::<String>::new()).unwrap();
    let mut reports = run.reports();
    let run = tokio::spawn(run.run());
    let runs = reports.wait_for(|report| report.running() == 1);
    let runs = tokio::time::timeout(Duration::from_secs(60), runs).await;
    drop(runs.expect("it never ran").unwrap());
    stop.stop();
    run.await.unwrap().unwrap();
    world.testbed.shutdown().await;
}

/// What a run says on the console, and what is in its file afterwards.
fn logged(target: &str, file: &Path) -> (String, String) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["logged_process_entry", "--exact", "--nocapture"])
        .env(TARGET, target)
        .env(FILE, file)
        .output()
        .unwrap();
    let console = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{console}");
    (console, std::fs::read_to_string(file).unwrap_or_default())
}

#[test]
fn a_run_is_logged_to_the_console_to_a_file_or_to_both() {
    let folder = tempfile::tempdir().unwrap();
    for (target, on_console, in_file) in [
        ("console", true, false),
        ("file", false, true),
        ("both", true, true),
    ] {
        let (console, file) = logged(target, &folder.path().join(target));
        for (text, expected) in [(console, on_console), (file, in_file)] {
            for line in ["program uploaded", "left running: 1"] {
                assert_eq!(text.contains(line), expected, "{target}: {text}");
            }
        }
    }
}
