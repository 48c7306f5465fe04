//! A run that nobody asked to listen to signals leaves them to the program that embeds it. A program of its own, because
//! handlers are a whole process's, and stay.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail the test"
)]

mod common;

use std::time::Duration;

use common::{SLEEPER, World};

#[test]
fn vessel_process_entry() {
    overlord_node::launch::enter_if_asked();
}

/// Whether this process handles SIGINT or SIGTERM, as Linux tells it.
fn handles_an_end_signal() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let caught = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))
        .unwrap();
    let mask = u64::from_str_radix(caught.trim(), 16).unwrap();
    // Bit 0 is signal 1; SIGINT is 2, SIGTERM 15.
    mask & (1 << 1 | 1 << 14) != 0
}

#[tokio::test(flavor = "multi_thread")]
async fn the_library_handles_no_signal_unless_it_is_asked_to() {
    let world = World::start(1, 1).await;
    let program = world.program("sleeper", SLEEPER);
    let builder = || world.builder().count(1).program(&program);
    for (asked, handled) in [(false, false), (true, true)] {
        let builder = if asked {
            builder().signals(true)
        } else {
            builder()
        };
        let overlord = builder.build().await.unwrap();
        let run = overlord.prepare(Vec::<String>::new()).unwrap();
        let mut reports = run.reports();
        let run = tokio::spawn(run.run());
        let runs = reports.wait_for(|report| report.running() == 1);
        let runs = tokio::time::timeout(Duration::from_secs(30), runs).await;
        runs.expect("it never ran").unwrap();
        assert_eq!(handles_an_end_signal(), handled);
        overlord.stop_handle().stop();
        run.await.unwrap().unwrap();
    }
    world.testbed.shutdown().await;
}
