//! What is written down before and after each call that could lose a vessel, call by call.

use std::sync::Arc;

use mockall::Sequence;
use mockall::predicate::{always, eq, function};
use overlord_time::{Clock, Moment, Randomness};
use overlord_types::VesselType;

use super::*;
use crate::ports::{MockClearinghouse, MockJournal, MockNodeManagers};
use crate::test_support::deployment;

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

fn shared(clearinghouse: MockClearinghouse, journal: MockJournal) -> Shared {
    let ports = Ports {
        clearinghouse: Arc::new(clearinghouse),
        nodes: Arc::new(MockNodeManagers::new()),
        journal: Arc::new(journal),
        clock: Arc::new(StillClock),
        randomness: Arc::new(StillClock),
    };
    Shared {
        deployment: deployment(2),
        policy: Policy::default(),
        ports,
        control: Control::new(),
        wishes: Wishes::channel().0,
        directory: watch::Sender::new(Directory::default()).subscribe(),
    }
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

fn is_intent(record: &JournalRecord) -> bool {
    matches!(
        record,
        JournalRecord::AcquireIntended { .. } | JournalRecord::ReleaseIntended { .. }
    )
}

fn full() -> JournalError {
    JournalError::Write("the disk is full".into())
}

#[tokio::test]
async fn an_acquisition_is_written_down_before_it_is_asked_for_and_its_vessels_before_they_are_used()
 {
    let mut order = Sequence::new();
    let mut journal = MockJournal::new();
    let mut clearinghouse = MockClearinghouse::new();
    journal
        .expect_record()
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
        .expect_record()
        .withf(|record| {
            matches!(record, JournalRecord::Acquired { vessels, .. } if vessels.len() == 2)
        })
        .times(1)
        .in_sequence(&mut order)
        .returning(|_| Ok(()));
    let shared = shared(clearinghouse, journal);
    assert_eq!(shared.acquire(&request(2)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn nothing_is_asked_for_while_the_journal_does_not_take_the_intent() {
    let mut journal = MockJournal::new();
    journal.expect_record().returning(|_| Err(full()));
    // A call to the clearinghouse would panic: nothing is expected of it.
    let shared = shared(MockClearinghouse::new(), journal);
    assert!(matches!(
        shared.acquire(&request(2)).await,
        Err(AcquireError::Intent(_))
    ));
    let vessels = BTreeSet::from([held("v1").handle]);
    assert!(matches!(
        shared.release(&vessels).await,
        Err(ReleaseError::Journal(_))
    ));
}

#[tokio::test]
async fn vessels_that_could_not_be_written_down_are_not_used_and_stay_in_doubt() {
    let mut journal = MockJournal::new();
    journal.expect_record().returning(|record| {
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
    let error = shared.acquire(&request(1)).await.unwrap_err();
    assert!(matches!(&error, AcquireError::Unrecorded(_)));
    assert_eq!(
        error.may_come_within(Duration::from_secs(60)),
        Some(Duration::ZERO)
    );
}

#[tokio::test]
async fn what_the_clearinghouse_would_not_take_back_is_not_written_down_as_gone() {
    let mut journal = MockJournal::new();
    journal
        .expect_record()
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
    let vessels = BTreeSet::from([held("v1").handle]);
    assert!(matches!(
        shared.release(&vessels).await,
        Err(ReleaseError::Clearinghouse(_))
    ));
}
