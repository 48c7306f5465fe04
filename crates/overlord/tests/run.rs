//! Whole runs over real sockets with real processes: what a user of the library sees.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail the test"
)]

mod common;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{SLEEPER, World, on_vessels};
use overlord::{
    Cause, Change, Delivery, Handle, OnStop, OverlordHandle, Run, RunReport, StopReason,
    Subscription, VesselType,
};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

#[test]
fn vessel_process_entry() {
    overlord_node::launch::enter_if_asked();
}

/// Waits until so many copies run; a test's own deadline.
async fn until_running(events: &mut Subscription, wanted: usize) {
    let mut running = BTreeSet::new();
    let counted = async {
        while running.len() < wanted {
            match events.next().await {
                Some(Delivery::Event(event)) => match event.change {
                    Change::Running { vessel } => {
                        running.insert(vessel.handle);
                    }
                    Change::Released { vessel } | Change::Lost { vessel } => {
                        running.remove(&vessel.handle);
                    }
                    _ => {}
                },
                other => panic!("the run ended early: {other:?}"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), counted)
        .await
        .expect("the copies never ran");
}

/// Begins a run in a task of its own.
fn begin(run: Run) -> (Subscription, tokio::task::JoinHandle<RunReport>) {
    let events = run.subscribe();
    (events, tokio::spawn(async { run.run().await.unwrap() }))
}

/// What a copy says, once it listens: a program that runs has not begun to listen yet.
async fn answer(address: SocketAddr) -> String {
    let connected = async {
        loop {
            match TcpStream::connect(address).await {
                Ok(stream) => return stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let connected = tokio::time::timeout(Duration::from_secs(30), connected).await;
    let mut line = String::new();
    connected
        .expect("it never listened")
        .read_to_string(&mut line)
        .await
        .unwrap();
    line
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_answer_on_the_users_port_of_different_networks_until_told_to_stop() {
    let world = World::start(4, 1).await;
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let log = world.folder.path().join("run.log");
    std::fs::write(&log, "from before\n").unwrap();
    let overlord = world
        .builder()
        .count(3)
        .vessel_type(VesselType::Wan)
        .program(examples.join("time_server.pl"))
        .log_file(&log)
        .build()
        .await
        .unwrap();
    let port = overlord.config().user_port();
    let (mut events, run) = begin(overlord.prepare([port]).unwrap());
    until_running(&mut events, 3).await;

    overlord.stop_handle().stop();
    let report = run.await.unwrap();
    assert_eq!(report.reason, StopReason::Operator);
    let mut hosts = BTreeSet::new();
    for left in &report.running {
        let host = left.vessel.location.host().to_owned();
        let address = SocketAddr::new(host.parse().unwrap(), port.number());
        let line = answer(address).await;
        assert!(line.contains(&address.to_string()), "{line}");
        hosts.insert(host);
    }
    assert_eq!(hosts.len(), 3, "{report:?}");

    let log = read(&log);
    assert!(log.starts_with("from before\n"), "{log}");
    for part in [
        "acquired, lease until",
        "program uploaded",
        ": running",
        "left running: 3",
    ] {
        assert!(log.contains(part), "{part:?} is not in\n{log}");
    }
    world.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stop_file_ends_a_run_within_a_second_and_is_left_where_it_is() {
    let world = World::start(1, 2).await;
    let overlord = world
        .builder()
        .count(2)
        .vessel_type(VesselType::Lan)
        .program(world.program("sleeper", SLEEPER))
        .on_stop(OnStop::Release)
        .build()
        .await
        .unwrap();
    let (mut events, run) = begin(overlord.prepare(Vec::<String>::new()).unwrap());
    until_running(&mut events, 2).await;

    let stop = world.program("stop", "");
    #[expect(clippy::disallowed_methods, reason = "the test measures real time")]
    let asked = Instant::now();
    loop {
        match events.next().await {
            Some(Delivery::Event(event)) if matches!(event.change, Change::Stopping { .. }) => {
                break;
            }
            Some(_) => {}
            None => panic!("the run ended without saying that it stops"),
        }
    }
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "{:?}",
        asked.elapsed()
    );
    let report = run.await.unwrap();
    assert_eq!(report.reason, StopReason::StopFile);
    assert!(
        report.running.is_empty() && report.idle.is_empty(),
        "{report:?}"
    );
    assert!(stop.exists());
    let connection = world.connect().await;
    assert!(
        connection
            .clearinghouse()
            .resource_info()
            .await
            .unwrap()
            .is_empty()
    );
    world.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_stop_made_before_the_run_is_kept() {
    let world = World::start(1, 1).await;
    let overlord = world
        .builder()
        .count(1)
        .program(world.program("sleeper", SLEEPER))
        .build()
        .await
        .unwrap();
    overlord.stop_handle().stop();
    let run = overlord.run(Vec::<String>::new());
    let report = tokio::time::timeout(Duration::from_secs(20), run).await;
    let report = report.expect("it did not stop").unwrap();
    assert!(report.running.is_empty(), "{report:?}");
    world.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_start_up_keeps_what_the_account_holds_and_the_default_gives_it_back() {
    let world = World::start(3, 1).await;
    let connection = world.connect().await;
    let account = connection.clearinghouse();
    let before = account.acquire(VesselType::Wan, 1).await.unwrap();
    let held_before = before[0].handle.clone();
    let program = world.program("sleeper", SLEEPER);
    let calls = Arc::new(AtomicUsize::new(0));

    let mut overlord = world
        .builder()
        .count(1)
        .program(&program)
        .build()
        .await
        .unwrap();
    let counted = Arc::clone(&calls);
    overlord.init_overlord_func(move |handle: OverlordHandle| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            assert_eq!(handle.vessel_count(), 1);
            assert_eq!(handle.program_name(), Some("sleeper"));
            Ok::<(), Cause>(())
        }
    });
    let (mut events, run) = begin(overlord.prepare(Vec::<String>::new()).unwrap());
    until_running(&mut events, 1).await;
    overlord.stop_handle().stop();
    let report = run.await.unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert_eq!(
        handles(&report),
        [held_before.clone()].into(),
        "taken over, as with the original"
    );

    let fresh = world
        .builder()
        .count(1)
        .program(&program)
        .build()
        .await
        .unwrap();
    let (mut events, run) = begin(fresh.prepare(Vec::<String>::new()).unwrap());
    let mut given_back = false;
    loop {
        match events.next().await {
            Some(Delivery::Event(event)) => match event.change {
                Change::ReleasedAtStart { vessels } => {
                    given_back = vessels.contains(&held_before);
                }
                Change::Running { .. } => break,
                _ => {}
            },
            other => panic!("{other:?}"),
        }
    }
    assert!(
        given_back,
        "a clean start gives back what the account holds"
    );
    fresh.stop_handle().stop();
    run.await.unwrap();
    world.testbed.shutdown().await;
}

fn handles(report: &RunReport) -> BTreeSet<Handle> {
    let left = report.running.iter().map(|left| left.vessel.handle.clone());
    left.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_that_nodes_refuse_are_told_before_the_run() {
    let world = World::start(1, 1).await;
    let overlord = world
        .builder()
        .count(1)
        .program(world.program("sleeper", SLEEPER))
        .build()
        .await
        .unwrap();
    for argument in ["two words", "", "a|b", "{nonsense}"] {
        assert!(overlord.prepare([argument]).is_err(), "{argument:?}");
    }
    assert!(overlord.prepare(["{port}", "{index}", "-x_1.5"]).is_ok());
    world.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_that_were_checked_are_deployed_though_their_file_changes() {
    let world = World::start(2, 1).await;
    let path = world.program("server", SLEEPER);
    let checked = overlord::read_program(&path, None).unwrap();
    assert_eq!(checked.contents(), SLEEPER.as_bytes());
    std::fs::write(&path, "#!/bin/sh\nexit 1\n").unwrap();
    let overlord = world
        .builder()
        .count(2)
        .checked_program(checked)
        .build()
        .await
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    let (mut events, task) = begin(overlord.prepare(["x"]).unwrap());
    until_running(&mut events, 2).await;
    let there = on_vessels(&world, "server");
    assert_eq!(there, [SLEEPER.as_bytes(), SLEEPER.as_bytes()]);
    overlord.stop_handle().stop();
    task.await.unwrap();
    world.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_can_come_as_bytes_under_a_name_that_nodes_take() {
    let world = World::start(1, 1).await;
    let builder = || world.builder().count(1);
    let refused = builder().program_bytes("Server", SLEEPER).build().await;
    let refused = refused.unwrap_err();
    assert_eq!(
        overlord::Classified::code(&refused),
        overlord::Code::ProgramName
    );
    let built = builder().program_bytes("server", SLEEPER).build().await;
    let overlord = built.unwrap();
    let (mut events, task) = begin(overlord.prepare(["x"]).unwrap());
    until_running(&mut events, 1).await;
    assert_eq!(on_vessels(&world, "server"), [SLEEPER.as_bytes()]);
    overlord.stop_handle().stop();
    task.await.unwrap();
    world.testbed.shutdown().await;
}
