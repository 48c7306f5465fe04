//! What hooks may rely on, and what a bad one cannot do: whole runs in a world without faults, on virtual time.
//!
//! Each has the name of a defect of the original that it keeps away, or of a promise of the hooks' documentation. What
//! faults of the world do is the simulation's business.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

#[path = "simulation/virtual_time.rs"]
#[allow(dead_code, reason = "the simulation uses all of it")]
mod virtual_time;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use overlord_engine::{
    AccountSummary, Cause, Change, CheckedProgram, Clearinghouse, ClearinghouseError, Delivery,
    Deployment, DeploymentName, DeploymentRequest, HeldVessel, Hooks, Journal, JournalError,
    JournalRecord, JournalReplay, MemoryJournal, Moment, NodeError, NodeManagers, OverlordHandle,
    Policy, Ports, ProgramFile, Randomness, RecordBatch, RunError, RunReport, Runner,
    SettingsError, StartCommand, StartOutcome, StopReason, StoredRecord, VesselAddress,
    VesselObservation,
};
use overlord_types::failure::{Classified as _, Code, RetryClass};
use overlord_types::{
    Handle, NodeId, NodeLocation, Platform, UserPort, VesselName, VesselStatus, VesselType,
};

use virtual_time::{Task, VirtualTime};

/// As often is nothing asked in any test that pauses; an answer at once in virtual time would go on for ever.
const CALLS_OF_A_LOOP: u32 = 1000;

#[derive(Default)]
struct World {
    free: BTreeSet<Handle>,
    held: BTreeSet<Handle>,
    running: BTreeSet<Handle>,
    /// A vessel whose node does not take the file of that name.
    refuses: Option<(Handle, &'static str)>,
    calls: BTreeMap<&'static str, u32>,
}

#[derive(Clone, Default)]
struct Reach(Arc<Mutex<World>>);

impl Reach {
    fn with_vessels(count: u32) -> Self {
        let reach = Self::default();
        reach.world().free = (0..count).map(handle).collect();
        reach
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    fn count(&self, call: &'static str) {
        let mut world = self.world();
        let count = world.calls.entry(call).or_default();
        *count += 1;
        assert!(*count < CALLS_OF_A_LOOP, "{call} in a loop without a pause");
    }

    fn calls(&self, call: &str) -> u32 {
        self.world().calls.get(call).copied().unwrap_or_default()
    }
}

/// The first vessel of node number so much.
fn handle(node: u32) -> Handle {
    format!("3 {}:v1", 100_001 + 2 * node).parse().unwrap()
}

fn held(handle: &Handle) -> HeldVessel {
    let node: u32 = handle
        .node
        .as_str()
        .rsplit(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    HeldVessel {
        handle: handle.clone(),
        location: format!("10.0.{}.1:1224", (node - 100_001) / 2)
            .parse()
            .unwrap(),
        expires_in: Duration::from_secs(4 * 60 * 60),
        is_active: true,
    }
}

#[async_trait]
impl Clearinghouse for Reach {
    async fn account(&self) -> Result<AccountSummary, ClearinghouseError> {
        unreachable!("the engine does not ask for it by itself")
    }

    async fn held(&self) -> Result<Vec<HeldVessel>, ClearinghouseError> {
        self.count("held");
        Ok(self.world().held.iter().map(held).collect())
    }

    /// As many as there are; none is no error here, though it is one for the original.
    async fn acquire(
        &self,
        _: VesselType,
        count: u32,
    ) -> Result<Vec<HeldVessel>, ClearinghouseError> {
        self.count("acquire");
        let mut world = self.world();
        let given: Vec<Handle> = world.free.iter().take(count as usize).cloned().collect();
        for handle in &given {
            world.free.remove(handle);
            world.held.insert(handle.clone());
        }
        Ok(given.iter().map(held).collect())
    }

    async fn acquire_specific(&self, _: &[Handle]) -> Result<Vec<HeldVessel>, ClearinghouseError> {
        unreachable!("the engine does not ask for given vessels")
    }

    async fn release(&self, handles: &[Handle]) -> Result<(), ClearinghouseError> {
        self.count("release");
        let mut world = self.world();
        for handle in handles {
            world.held.remove(handle);
            world.running.remove(handle);
        }
        Ok(())
    }

    async fn renew(&self, _: &[Handle]) -> Result<(), ClearinghouseError> {
        self.count("renew");
        Ok(())
    }
}

#[async_trait]
impl NodeManagers for Reach {
    async fn vessels(
        &self,
        node: &NodeId,
        _: &NodeLocation,
    ) -> Result<BTreeMap<VesselName, VesselObservation>, NodeError> {
        let world = self.world();
        let of_node = world.held.iter().filter(|handle| handle.node == *node);
        let observe = |handle: &Handle| {
            let status = if world.running.contains(handle) {
                VesselStatus::Started
            } else {
                VesselStatus::Fresh
            };
            let observation = VesselObservation {
                status,
                is_ours: true,
            };
            (handle.vessel.clone(), observation)
        };
        Ok(of_node.map(observe).collect())
    }

    async fn upload(&self, vessel: &VesselAddress, file: &ProgramFile) -> Result<(), NodeError> {
        match &self.world().refuses {
            Some((handle, name)) if *handle == vessel.handle && *name == file.name.as_str() => {
                Err(NodeError::Refused("no room".to_owned()))
            }
            _ => Ok(()),
        }
    }

    async fn start(
        &self,
        vessel: &VesselAddress,
        _: &StartCommand,
    ) -> Result<StartOutcome, NodeError> {
        self.world().running.insert(vessel.handle.clone());
        Ok(StartOutcome::Started)
    }

    async fn stop(&self, _: &VesselAddress) -> Result<(), NodeError> {
        unreachable!("these runs leave what runs")
    }

    async fn reset(&self, _: &VesselAddress) -> Result<(), NodeError> {
        unreachable!("the engine resets nothing")
    }

    async fn read_log(&self, _: &VesselAddress) -> Result<Vec<u8>, NodeError> {
        Ok(Vec::new())
    }
}

/// Always the middle: these runs are about no chance.
struct Middle;

impl Randomness for Middle {
    fn next_u64(&self) -> u64 {
        u64::MAX / 2
    }
}

fn file(name: &str) -> ProgramFile {
    ProgramFile {
        name: name.parse().unwrap(),
        contents: b"pass\n".to_vec().into(),
    }
}

fn deployment(copies: u32) -> Deployment {
    let program = CheckedProgram::new("server.r2py", b"pass\n".as_slice(), None).unwrap();
    let request = DeploymentRequest::new(copies, VesselType::Wan, Some(program)).unwrap();
    let account = AccountSummary {
        user_name: "alice".parse().unwrap(),
        user_port: UserPort::try_from(63_100).unwrap(),
        max_vessels: copies,
    };
    Deployment::new(request, &account).unwrap()
}

/// Runs for so long, then stops it; gives what the operator was told, and how it ended.
fn run(
    world: &Reach,
    hooks: Hooks,
    journal: Arc<dyn Journal>,
    lasts: Duration,
) -> (Vec<Change>, Result<RunReport, RunError>) {
    let time = VirtualTime::new();
    let ports = Ports {
        clearinghouse: Arc::new(world.clone()),
        nodes: Arc::new(world.clone()),
        journal,
        clock: Arc::new(time.clone()),
        randomness: Arc::new(Middle),
    };
    let runner = Runner::new(
        deployment(2),
        Policy::default().checked().unwrap(),
        hooks,
        ports,
    );
    let (mut events, control) = (runner.subscribe(), runner.control());
    time.after(lasts, move || control.stop(StopReason::Operator));
    let mut task = Task::new(runner.run());
    let ended = loop {
        match task.run() {
            Some(ended) => break ended,
            None => assert!(time.advance(), "nothing will ever happen again"),
        }
    };
    drop(task);
    let collect = async move {
        let mut changes = Vec::new();
        while let Some(delivery) = events.next().await {
            match delivery {
                Delivery::Event(event) => changes.push(event.change.clone()),
                Delivery::Missed(missed) => panic!("{missed} changes were missed"),
            }
        }
        changes
    };
    (Task::new(collect).run().unwrap(), ended)
}

fn run_with(world: &Reach, hooks: Hooks, lasts: Duration) -> (Vec<Change>, RunReport) {
    let (changes, ended) = run(world, hooks, Arc::new(MemoryJournal::new()), lasts);
    (changes, ended.unwrap())
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn an_acquisition_that_brings_nothing_new_is_followed_by_a_pause() {
    // The original asked again without one as long as there were too few, and also when there were too many.
    let empty = Reach::with_vessels(0);
    run_with(&empty, Hooks::default(), 10 * MINUTE);
    let calls = empty.calls("acquire");
    assert!((3..20).contains(&calls), "{calls} requests in ten minutes");

    let world = Reach::with_vessels(0);
    let counter = world.clone();
    let hooks = Hooks::default().acquire_vessels(move |_: OverlordHandle, _: Vec<Handle>| {
        counter.count("hook");
        async { Ok::<_, Cause>(vec![handle(77)]) }
    });
    run_with(&world, hooks, 10 * MINUTE);
    let calls = world.calls("hook");
    assert!((3..20).contains(&calls), "{calls} calls in ten minutes");
}

#[test]
fn a_hook_that_fails_panics_or_hangs_ends_neither_the_run_nor_a_copy() {
    enum Bad {
        Fails,
        Panics,
        Hangs,
    }
    for bad in [Bad::Fails, Bad::Panics, Bad::Hangs] {
        let world = Reach::with_vessels(2);
        let bad = Arc::new(bad);
        let hooks = Hooks::default().maintenance(
            move |_: OverlordHandle, _: Duration, last: Moment, _: Vec<Handle>| {
                let bad = Arc::clone(&bad);
                async move {
                    match *bad {
                        Bad::Fails => return Err::<Moment, Cause>("on purpose".into()),
                        Bad::Panics => panic!("on purpose"),
                        Bad::Hangs => std::future::pending::<()>().await,
                    }
                    Ok(last)
                }
            },
        );
        let (changes, report) = run_with(&world, hooks, 30 * MINUTE);
        let failed = changes
            .iter()
            .filter(|change| matches!(change, Change::HookFailed { .. }))
            .count();
        assert!(
            (1..40).contains(&failed),
            "{failed} failures in half an hour"
        );
        assert_eq!(report.running.len(), 2, "{report:?}");
        assert_eq!(world.calls("release"), 0);
    }
}

#[test]
fn a_vessel_has_been_uploaded_to_only_if_every_file_arrived_and_counts_once() {
    let world = Reach::with_vessels(2);
    world.world().refuses = Some((handle(1), "second"));
    let seen: Arc<Mutex<Vec<Vec<Handle>>>> = Arc::default();
    let seen_by_hook = Arc::clone(&seen);
    let hooks = Hooks::default().init_vessels(
        move |overlord: OverlordHandle, fresh: Vec<Handle>, owned: Vec<Handle>, _: Vec<String>| {
            let seen = Arc::clone(&seen_by_hook);
            async move {
                let files = [file("first"), file("second")];
                let uploaded = overlord.upload_to_vessels(&fresh, &files).await;
                seen.lock().unwrap().push(uploaded.clone());
                let name = "first".parse()?;
                let started = overlord
                    .run_on_vessels(&uploaded, &name, Platform::RepyV2, &[])
                    .await;
                let mut kept = OverlordHandle::list_difference(&owned, &fresh);
                kept.extend(started);
                Ok::<_, Cause>(kept)
            }
        },
    );
    let (_, report) = run_with(&world, hooks, Duration::from_secs(1));
    assert_eq!(seen.lock().unwrap().first().unwrap(), &[handle(0)]);
    let running: Vec<Handle> = report
        .running
        .iter()
        .map(|left| left.vessel.handle.clone())
        .collect();
    assert_eq!(running, [handle(0)]);
}

#[test]
fn renewing_or_giving_back_nothing_is_no_call_and_no_error() {
    let world = Reach::with_vessels(0);
    let hooks = Hooks::default().init_overlord(|overlord: OverlordHandle| async move {
        overlord.renew_vessels(&[]).await?;
        overlord.release_vessels(&[]).await?;
        let now = overlord.now().moment;
        let last = overlord
            .default_maintenance(Duration::ZERO, Moment::BEGINNING, Vec::new())
            .await?;
        assert_eq!(last, now);
        // The original's could itself raise while an error was being told.
        assert_eq!(overlord.vessel_location(&handle(9)), handle(9).short());
        Ok::<_, Cause>(())
    });
    run_with(&world, hooks, Duration::from_secs(1));
    assert_eq!((world.calls("renew"), world.calls("release")), (0, 0));
}

#[test]
fn the_default_start_up_gives_back_others_vessels_and_none_of_the_run_whenever_it_is_called() {
    let world = Reach::with_vessels(4);
    world.world().held.insert(handle(7));
    let hooks = Hooks::default()
        .init_overlord(|overlord: OverlordHandle| async move {
            let acquired = overlord.acquire_vessels(1).await?;
            assert_eq!(acquired, [handle(0)]);
            overlord.default_init_overlord().await
        })
        .maintenance(
            |overlord: OverlordHandle, _: Duration, last: Moment, _: Vec<Handle>| async move {
                overlord.default_init_overlord().await?;
                Ok::<_, Cause>(last)
            },
        );
    let (changes, report) = run_with(&world, hooks, 10 * MINUTE);
    let failed = |change: &Change| matches!(change, Change::HookFailed { .. });
    assert!(!changes.iter().any(failed), "{changes:?}");
    assert_eq!(world.calls("release"), 1, "that of the vessel of another");
    assert_eq!(world.world().held, [handle(0), handle(1)].into());
    assert_eq!(report.running.len(), 2);
}

#[test]
fn a_wish_for_vessels_of_a_hook_that_is_gone_is_not_granted() {
    let world = Reach::with_vessels(9);
    let wished = Arc::new(Mutex::new(0));
    let count = Arc::clone(&wished);
    let hooks = Hooks::default().maintenance(
        move |overlord: OverlordHandle, _: Duration, last: Moment, _: Vec<Handle>| {
            *count.lock().unwrap() += 1;
            async move {
                // As if it were dropped while it waits: a stop does that to hooks.
                let waited = overlord.acquire_vessels(1).now_or_never();
                assert!(waited.is_none());
                Ok::<_, Cause>(last)
            }
        },
    );
    let (_, report) = run_with(&world, hooks, 10 * MINUTE);
    assert!(*wished.lock().unwrap() > 1);
    assert_eq!(world.calls("acquire"), 1, "the engine's own, at the start");
    assert_eq!((report.running.len(), report.idle.len()), (2, 0));
    assert_eq!(world.world().held.len(), 2);
}

/// A journal on a disk that has died.
struct Stuck;

#[async_trait]
impl Journal for Stuck {
    async fn open(&self, _: &DeploymentName) -> Result<JournalReplay, JournalError> {
        std::future::pending().await
    }

    async fn append(&self, _: &RecordBatch) -> Result<(), JournalError> {
        std::future::pending().await
    }
}

#[test]
fn a_journal_that_cannot_be_read_keeps_a_run_from_beginning_and_from_hanging() {
    let world = Reach::with_vessels(2);
    let (_, ended) = run(&world, Hooks::default(), Arc::new(Stuck), 10 * MINUTE);
    let error = ended.unwrap_err();
    assert!(
        matches!(error, RunError::Journal(JournalError::Read(_))),
        "{error:?}"
    );
    assert_eq!(world.calls("held"), 0, "nothing was asked of anybody");
}

/// A journal of whose deployment another run begins just before such a record is to be written.
struct WithSuccessor {
    journal: MemoryJournal,
    begins_before: fn(&JournalRecord) -> bool,
}

#[async_trait]
impl Journal for WithSuccessor {
    async fn open(&self, deployment: &DeploymentName) -> Result<JournalReplay, JournalError> {
        self.journal.open(deployment).await
    }

    async fn append(&self, batch: &RecordBatch) -> Result<(), JournalError> {
        let begins = |stored: &StoredRecord| (self.begins_before)(stored.read().unwrap());
        if batch.records.iter().any(begins) {
            self.journal.open(&batch.deployment).await?;
        }
        self.journal.append(batch).await
    }
}

#[test]
fn a_run_that_has_a_successor_ends_at_its_next_record_and_leaves_the_vessels_to_it() {
    // In the midst of the run, at its very beginning, and at its end.
    let moments: [fn(&JournalRecord) -> bool; 3] = [
        |record| matches!(record, JournalRecord::InitialiseIntended { .. }),
        |record| matches!(record, JournalRecord::RunStarted { .. }),
        |record| matches!(record, JournalRecord::RunEnded { .. }),
    ];
    for begins_before in moments {
        let world = Reach::with_vessels(2);
        let journal = Arc::new(WithSuccessor {
            journal: MemoryJournal::new(),
            begins_before,
        });
        let (changes, ended) = run(&world, Hooks::default(), journal, 10 * MINUTE);
        let error = ended.unwrap_err();
        assert!(
            matches!(error, RunError::Superseded(JournalError::Stale { .. })),
            "{error:?}"
        );
        assert_eq!(error.code(), Code::RunSuperseded);
        assert_eq!(error.retry(), RetryClass::AfterChange);
        assert_eq!(world.calls("release"), 0);
        let told = |change: &Change| matches!(change, Change::Stopped { .. });
        assert!(!changes.iter().any(told), "{changes:?}");
    }
}

#[test]
fn a_policy_that_allows_no_operation_is_refused() {
    for policy in [
        Policy {
            operations_max: 0,
            ..Policy::default()
        },
        Policy {
            operations_per_node_max: 0,
            ..Policy::default()
        },
    ] {
        assert_eq!(policy.checked(), Err(SettingsError::NoOperations));
    }
}
