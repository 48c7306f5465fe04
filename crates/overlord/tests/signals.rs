//! SIGTERM ends a run in an orderly way. A program of its own, because a signal is for a whole process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail the test"
)]

mod common;

use std::time::Duration;

use common::{SLEEPER, World};
use overlord::{StopReason, VesselType};
use rustix::process::{Signal, getpid, kill_process};

#[test]
fn vessel_process_entry() {
    overlord_node::launch::enter_if_asked();
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_a_run_and_the_report_says_what_is_left() {
    let world = World::start(1, 1).await;
    let overlord = world
        .builder()
        .signals(true)
        .count(1)
        .vessel_type(VesselType::Rand)
        .program(world.program("sleeper", SLEEPER))
        .build()
        .await
        .unwrap();
    let run = overlord.prepare(Vec::<String>::new()).unwrap();
    let mut reports = run.reports();
    let run = tokio::spawn(run.run());
    let runs = reports.wait_for(|report| report.running() == 1);
    let runs = tokio::time::timeout(Duration::from_secs(30), runs).await;
    let vessel = runs.expect("it never ran").unwrap().vessels[0]
        .handle
        .clone();
    kill_process(getpid(), Signal::TERM).unwrap();
    let report = run.await.unwrap().unwrap();
    assert_eq!(report.reason, StopReason::Signal);
    let left: Vec<_> = report
        .running
        .iter()
        .map(|left| &left.vessel.handle)
        .collect();
    assert_eq!(left, [&vessel], "{report:?}");
    world.testbed.shutdown().await;
}
