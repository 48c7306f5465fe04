//! What is written down before and after each call that could lose a vessel, call by call.

use std::sync::Arc;

use mockall::Sequence;
use mockall::predicate::{always, eq, function};
use overlord_time::{Clock, Moment, Randomness};
use overlord_types::VesselType;

use super::*;
use crate::hooks::Hooks;
use crate::journal::DoubtfulAcquisition;
use crate::operation::{Asker, Operation, Outcome};
use crate::ports::{MockClearinghouse, MockJournal, MockNodeManagers};
use crate::test_support::deployment;
use crate::workers::{carry_out, write_intents};

/// A clock on which no deadline ever comes.
struct StillClock;

#[async_trait::async_trait]
impl Clock for StillClock {
    fn now(&self) -> Now {
        Now::default()
    }

    async fn sleep_until(&self, _moment: Moment) {
        std::future::pending().await
    }
}

impl Randomness for StillClock {
    fn next_u64(&self) -> u64 {
        0
    }
}

fn shared(clearinghouse: MockClearinghouse, journal: MockJournal) -> Arc<Shared> {
    let ports = Ports {
        clearinghouse: Arc::new(clearinghouse),
        nodes: Arc::new(MockNodeManagers::new()),
        journal: Arc::new(journal),
        clock: Arc::new(StillClock),
        randomness: Arc::new(StillClock),
    };
    Arc::new(Shared {
        superseded: std::sync::OnceLock::new(),
        deployment: deployment(2),
        policy: Policy::default(),
        ports,
        control: Control::new(),
        wishes: Wishes::channel().0,
        directory: watch::Sender::new(Directory::default()).subscribe(),
    })
}

fn held(vessel: &str) -> HeldVessel {
    HeldVessel {
        handle: format!("3 33:{vessel}").parse().unwrap(),
        location: "10.0.0.1:1224".parse().unwrap(),
        expires_in: Duration::from_secs(60),
        is_active: true,
    }
}

fn request(count: u32) -> AcquireRequest {
    AcquireRequest {
        acquisition: 0,
        request: DoubtfulAcquisition {
            count,
            baseline: BTreeSet::new(),
            at: Now::default().wall,
        },
    }
}

fn is_intent(batch: &RecordBatch) -> bool {
    matches!(
        batch.records[0].read().unwrap(),
        JournalRecord::AcquireIntended { .. } | JournalRecord::ReleaseIntended { .. }
    )
}

/// As the runner does it: the intent, and then the rest.
async fn acquires(shared: &Arc<Shared>, count: u32) -> Result<Vec<HeldVessel>, Arc<AcquireError>> {
    let (request, by) = (request(count), Asker::Planner);
    match carry(shared, Operation::Acquire { request, by }).await {
        Outcome::Acquired { result, .. } => result,
        other => panic!("{other:?}"),
    }
}

async fn releases(shared: &Arc<Shared>, name: &str) -> Result<(), Arc<ReleaseError>> {
    let (vessels, by) = (BTreeSet::from([held(name).handle]), Asker::Planner);
    match carry(shared, Operation::Release { vessels, by }).await {
        Outcome::Released { result, .. } => result,
        other => panic!("{other:?}"),
    }
}

async fn carry(shared: &Arc<Shared>, operation: Operation) -> Outcome {
    let intents = write_intents(shared, operation.intents());
    carry_out(Arc::clone(shared), Hooks::default(), operation, intents).await
}

fn full() -> JournalError {
    JournalError::write("the disk is full")
}

#[tokio::test]
async fn an_acquisition_is_written_down_before_it_is_asked_for_and_its_vessels_before_they_are_used()
 {
    let mut order = Sequence::new();
    let mut journal = MockJournal::new();
    let mut clearinghouse = MockClearinghouse::new();
    journal
        .expect_append()
        .with(function(is_intent))
        .times(1)
        .in_sequence(&mut order)
        .returning(|_| Ok(()));
    clearinghouse
        .expect_acquire()
        .with(eq(VesselType::Wan), eq(2))
        .times(1)
        .in_sequence(&mut order)
        .returning(|_, _| Ok(vec![held("v1"), held("v2")]));
    journal
        .expect_append()
        .withf(|record| {
            matches!(record.records[0].read().unwrap(), JournalRecord::Acquired { vessels, .. } if vessels.len() == 2)
        })
        .times(1)
        .in_sequence(&mut order)
        .returning(|_| Ok(()));
    let shared = shared(clearinghouse, journal);
    assert_eq!(acquires(&shared, 2).await.unwrap().len(), 2);
}

#[tokio::test]
async fn nothing_is_asked_for_while_the_journal_does_not_take_the_intent() {
    let mut journal = MockJournal::new();
    journal.expect_append().returning(|_| Err(full()));
    // A call to the clearinghouse would panic: nothing is expected of it.
    let shared = shared(MockClearinghouse::new(), journal);
    let error = acquires(&shared, 2).await.unwrap_err();
    assert!(matches!(&*error, AcquireError::Intent(_)));
    let error = releases(&shared, "v1").await.unwrap_err();
    assert!(matches!(&*error, ReleaseError::Journal(_)));
}

#[tokio::test]
async fn vessels_that_could_not_be_written_down_are_not_used_and_stay_in_doubt() {
    let mut journal = MockJournal::new();
    journal.expect_append().returning(|record| {
        if is_intent(record) {
            Ok(())
        } else {
            Err(full())
        }
    });
    let mut clearinghouse = MockClearinghouse::new();
    clearinghouse
        .expect_acquire()
        .returning(|_, _| Ok(vec![held("v1")]));
    let shared = shared(clearinghouse, journal);
    let error = acquires(&shared, 1).await.unwrap_err();
    assert!(matches!(&*error, AcquireError::Unrecorded(_)));
    assert_eq!(
        error.may_come_within(Duration::from_secs(60)),
        Some(Duration::ZERO)
    );
}

#[tokio::test]
async fn what_the_clearinghouse_would_not_take_back_is_not_written_down_as_gone() {
    let mut journal = MockJournal::new();
    journal
        .expect_append()
        .with(function(is_intent))
        .times(1)
        .returning(|_| Ok(()));
    let mut clearinghouse = MockClearinghouse::new();
    clearinghouse
        .expect_release()
        .with(always())
        .times(1)
        .returning(|_| Err(ClearinghouseError::Internal("a fault of 100".to_owned())));
    let shared = shared(clearinghouse, journal);
    let error = releases(&shared, "v1").await.unwrap_err();
    assert!(matches!(&*error, ReleaseError::Clearinghouse(_)));
}

#[tokio::test]
async fn what_is_begun_together_is_written_down_in_one_batch() {
    let mut journal = MockJournal::new();
    journal
        .expect_append()
        .withf(|batch| batch.records.len() == 2)
        .times(1)
        .returning(|_| Err(full()));
    let shared = shared(MockClearinghouse::new(), journal);
    let upload = |name: &str| {
        Operation::Upload(Assignment {
            address: VesselAddress {
                handle: held(name).handle,
                location: held(name).location,
            },
            index: 0,
            failures: 0,
        })
    };
    let operations = [upload("v1"), Operation::ReadHeld, upload("v2")];
    let intents = write_intents(
        &shared,
        operations.iter().flat_map(Operation::intents).collect(),
    );
    for operation in [upload("v1"), upload("v2")] {
        // A call to the node would panic: nothing is expected of it.
        let work = carry_out(
            Arc::clone(&shared),
            Hooks::default(),
            operation,
            intents.clone(),
        );
        let Outcome::Uploaded { result, .. } = work.await else {
            panic!("not an upload");
        };
        assert!(matches!(result, Err(InitialiseError::Journal(_))));
    }
}
