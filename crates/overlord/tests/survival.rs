//! What must not matter, over real sockets with real processes: a vessel that fails, a clearinghouse that is
//! away, a node that never answers, a program that exits at once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail the test"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{SLEEPER, World};
use overlord::{Change, Control, Delivery, Handle, Run, RunReport, StopReason, Subscription};
use tokio::task::JoinHandle;

/// Far above what anything here takes: only a hang meets it.
const PATIENCE: Duration = Duration::from_secs(60);
/// The polling period of these runs.
const POLL: Duration = Duration::from_millis(500);

#[test]
fn vessel_process_entry() {
    overlord_node::launch::enter_if_asked();
}

/// A run in a task of its own, and everything it has said.
struct Watched {
    events: Subscription,
    control: Control,
    run: JoinHandle<RunReport>,
    seen: Vec<Change>,
}

impl Watched {
    fn begin(run: Run) -> Self {
        Self {
            events: run.subscribe(),
            control: run.control(),
            run: tokio::spawn(async { run.run().await.unwrap() }),
            seen: Vec::new(),
        }
    }

    /// Reads changes until what was seen so far fits.
    async fn until(&mut self, what: &str, fits: impl Fn(&[Change]) -> bool) {
        let reading = async {
            while !fits(&self.seen) {
                match self.events.next().await {
                    Some(Delivery::Event(event)) => self.seen.push(event.change),
                    other => panic!("the run ended before {what}: {other:?}"),
                }
            }
        };
        let read = tokio::time::timeout(PATIENCE, reading).await;
        assert!(read.is_ok(), "{what} never came; seen: {:#?}", self.seen);
    }

    async fn end(self) -> RunReport {
        self.control.stop(StopReason::Operator);
        tokio::time::timeout(PATIENCE, self.run)
            .await
            .unwrap()
            .unwrap()
    }
}

/// The vessels whose last word was that they run.
fn running(seen: &[Change]) -> BTreeSet<Handle> {
    let mut running = BTreeSet::new();
    for change in seen {
        match change {
            Change::Running { vessel } => {
                running.insert(vessel.handle.clone());
            }
            Change::Failed { vessel, .. }
            | Change::Suspect { vessel, .. }
            | Change::Condemned { vessel, .. }
            | Change::Lost { vessel, .. } => {
                running.remove(&vessel.handle);
            }
            _ => {}
        }
    }
    running
}

fn failures(seen: &[Change]) -> usize {
    let failed = |change: &&Change| matches!(change, Change::Failed { .. });
    seen.iter().filter(failed).count()
}

/// How often a vessel was given up, given back or taken away.
fn losses(seen: &[Change]) -> usize {
    let lost = |change: &&Change| {
        matches!(
            change,
            Change::Condemned { .. } | Change::Released { .. } | Change::Lost { .. }
        )
    };
    seen.iter().filter(lost).count()
}

/// The process of each vessel that runs a program.
fn processes(world: &World, vessels: &BTreeSet<Handle>) -> BTreeMap<Handle, Option<u32>> {
    let process = |handle: &Handle| (handle.clone(), world.testbed.vessel_process(handle));
    vessels.iter().map(process).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vessel_that_fails_does_not_disturb_the_others() {
    let world = World::start(6, 1).await;
    let partly = "#!/bin/sh\n[ \"$1\" = 1 ] && exit 3\nexec sleep 1000\n";
    let overlord = world
        .builder()
        .count(4)
        .program(world.program("partly.sh", partly))
        .poll_period(POLL)
        .build()
        .await
        .unwrap();
    let mut run = Watched::begin(overlord.prepare(["{index}"]).unwrap());
    // The failing copy is seen to run for a moment now and then, so it is told from the others by its number.
    let healthy_of = |seen: &[Change]| {
        let failing: BTreeSet<Handle> = seen
            .iter()
            .filter_map(|change| match change {
                Change::Running { vessel } if vessel.index == Some(1) => Some(&vessel.handle),
                _ => None,
            })
            .cloned()
            .collect();
        &running(seen) - &failing
    };
    run.until("three copies", |seen| healthy_of(seen).len() == 3)
        .await;
    let healthy = healthy_of(&run.seen);
    let before = processes(&world, &healthy);
    let failed = failures(&run.seen);
    run.until("more failures of the fourth", |seen| {
        failures(seen) >= failed + 2
    })
    .await;
    assert_eq!(processes(&world, &healthy), before);
    let disturbed = run.seen.iter().any(|change| match change {
        Change::Suspect { vessel, .. } | Change::Condemned { vessel, .. } => {
            healthy.contains(&vessel.handle)
        }
        _ => false,
    });
    assert!(!disturbed, "{:#?}", run.seen);
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hook_that_blocks_its_thread_disturbs_no_copy_and_no_stop() {
    let world = World::start(4, 1).await;
    let mut overlord = world
        .builder()
        .count(2)
        .program(world.program("sleeper.sh", SLEEPER))
        .poll_period(POLL)
        .build()
        .await
        .unwrap();
    let (entered, mut blocked) = tokio::sync::mpsc::unbounded_channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    overlord.maintenance_func(move |_, _, last, _| {
        let (entered, released) = (entered.clone(), Arc::clone(&released));
        async move {
            entered.send(())?;
            // Until the test ends; the error is that of its end.
            let _ = released.lock().unwrap().recv();
            Ok(last)
        }
    });
    let mut run = Watched::begin(overlord.prepare([""; 0]).unwrap());
    run.until("two copies", |seen| running(seen).len() == 2)
        .await;
    blocked.recv().await.unwrap();

    let vessels = running(&run.seen);
    let (killed, process) = processes(&world, &vessels).pop_first().unwrap();
    world.testbed.kill_vessel_process(&killed).unwrap();
    run.until("the killed copy again", |seen| {
        running(seen).len() == 2 && world.testbed.vessel_process(&killed) != process
    })
    .await;
    run.end().await;
    drop(release);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clearinghouse_that_is_away_costs_no_running_vessel() {
    let world = World::start(4, 1).await;
    let overlord = world
        .builder()
        .count(3)
        .program(world.program("sleeper.sh", SLEEPER))
        .poll_period(POLL)
        .build()
        .await
        .unwrap();
    let mut run = Watched::begin(overlord.prepare([""; 0]).unwrap());
    run.until("three copies", |seen| running(seen).len() == 3)
        .await;
    world.testbed.clearinghouse_faults().set_down(true);
    let vessels = running(&run.seen);
    let before = processes(&world, &vessels);

    // Meanwhile a copy dies, and comes back on its vessel without the clearinghouse.
    let victim = vessels.first().unwrap().clone();
    let starts = run.seen.len();
    world.testbed.kill_vessel_process(&victim).unwrap();
    run.until("the killed copy", |seen| {
        seen[starts..]
            .iter()
            .any(|change| matches!(change, Change::Running { vessel } if vessel.handle == victim))
    })
    .await;
    world.testbed.clearinghouse_faults().set_down(false);

    assert_eq!(losses(&run.seen), 0, "{:#?}", run.seen);
    let after = processes(&world, &vessels);
    for (handle, process) in &before {
        assert_eq!(*handle == victim, after[handle] != *process, "{handle}");
    }
    let report = run.end().await;
    assert_eq!(report.running.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_accepts_and_never_answers_delays_nobody() {
    let world = World::start(5, 1).await;
    let overlord = world
        .builder()
        .count(4)
        .program(world.program("sleeper.sh", SLEEPER))
        .poll_period(POLL)
        .build()
        .await
        .unwrap();
    let mut run = Watched::begin(overlord.prepare([""; 0]).unwrap());
    run.until("four copies", |seen| running(seen).len() == 4)
        .await;
    let vessels = running(&run.seen);
    let (silent, victim) = (vessels.first().unwrap(), vessels.last().unwrap());
    let node = world.testbed.node_of(silent).unwrap();
    world.testbed.node_faults(node).unwrap().set_silent(true);

    // A probe of the silent node is given fifteen seconds. The other's copy is back long before that.
    let killed = tokio::time::Instant::now();
    let seen_before = run.seen.len();
    world.testbed.kill_vessel_process(victim).unwrap();
    run.until("the killed copy", |seen| {
        seen[seen_before..]
            .iter()
            .any(|change| matches!(change, Change::Running { vessel } if vessel.handle == *victim))
    })
    .await;
    assert!(
        killed.elapsed() < Duration::from_secs(10),
        "{:?}",
        killed.elapsed()
    );
    run.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_exits_at_once_is_not_started_in_a_tight_loop() {
    let world = World::start(3, 1).await;
    let folder = world.folder.path().to_owned();
    let program = format!("#!/bin/sh\necho x >> {}/starts\nexit 0\n", folder.display());
    let overlord = world
        .builder()
        .count(1)
        .program(world.program("exits.sh", &program))
        .poll_period(POLL)
        .build()
        .await
        .unwrap();
    let begun = tokio::time::Instant::now();
    let mut run = Watched::begin(overlord.prepare([""; 0]).unwrap());
    run.until("the fourth failure", |seen| failures(seen) >= 4)
        .await;
    let took = begun.elapsed();
    let starts = std::fs::read_to_string(folder.join("starts")).unwrap();
    assert!(starts.lines().count() <= 5, "{starts:?}");
    // The pauses before the second, third and fourth start are at least a tenth of 1, 2 and 4 s.
    assert!(took > Duration::from_millis(700), "four starts in {took:?}");
    run.end().await;
}
