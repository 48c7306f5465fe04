//! The fleet, event by event: what is taken for news, and what is not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use overlord_time::WallTime;
use overlord_types::VesselStatus;
use overlord_types::failure::Code;

use super::*;
use crate::error::{ClearinghouseError, InitialiseError, NodeError};
use crate::journal::DoubtfulAcquisition;
use crate::operation::{AcquireError, Assignment, Effects, StartUpReport, Started};
use crate::ports::{HeldVessel, VesselObservation};
use crate::test_support::desired;
use crate::vessel::StartProgress;

/// A fleet that a test talks to, and its clock.
struct Told {
    fleet: Fleet,
    desired: Desired,
    seconds: u64,
}

impl Told {
    /// A fleet that has started up and found nothing.
    fn new(wanted: u32) -> Self {
        let now = Now::default();
        let mut told = Self {
            fleet: Fleet::new(Ledger::default(), now),
            desired: desired(wanted),
            seconds: 0,
        };
        told.does(
            Operation::StartUp,
            Outcome::StartedUp(Ok(StartUpReport::default())),
        );
        told
    }

    fn now(&self) -> Now {
        Now {
            moment: Moment::after_beginning(Duration::from_secs(self.seconds)),
            wall: WallTime::from_unix_millis(1000 * self.seconds),
        }
    }

    fn begins(&mut self, operation: Operation) -> OperationId {
        self.seconds += 1;
        self.fleet.begin(operation, self.now().moment)
    }

    fn hears(&mut self, id: OperationId, outcome: Outcome, effects: Effects) -> Vec<Change> {
        self.seconds += 1;
        let mut random = || u64::MAX / 2;
        let mut at = Circumstances {
            now: self.now(),
            desired: &self.desired,
            random: &mut random,
        };
        self.fleet.apply(
            Event::Finished {
                id,
                outcome,
                effects,
            },
            &mut at,
        )
    }

    fn does(&mut self, operation: Operation, outcome: Outcome) -> Vec<Change> {
        let id = self.begins(operation);
        self.hears(id, outcome, Effects::default())
    }

    fn acquires(&mut self, vessels: &[&str]) -> Vec<Change> {
        let id = self.begins(Operation::Acquire {
            count: 1,
            owned: Vec::new(),
        });
        let acquired = vessels.iter().map(|name| held(name)).collect();
        self.hears(
            id,
            Outcome::Acquired(Ok(())),
            Effects {
                acquired,
                ..Effects::default()
            },
        )
    }

    fn loses_an_acquisition(&mut self, count: u32) {
        let id = self.begins(Operation::Acquire {
            count,
            owned: Vec::new(),
        });
        let error = ClearinghouseError::Silent(Duration::from_secs(60));
        let request = DoubtfulAcquisition {
            count,
            baseline: self.fleet.left_alone.clone(),
            at: self.now().wall,
        };
        let settled_after = self.now().moment + Duration::from_secs(60);
        let doubt = Doubt {
            request,
            settled_after,
            empty_readings: 0,
        };
        let effects = Effects {
            doubts: BTreeMap::from([(7, doubt)]),
            ..Effects::default()
        };
        self.hears(
            id,
            Outcome::Acquired(Err(AcquireError::Clearinghouse(error))),
            effects,
        );
    }

    fn reads(&mut self, vessels: &[&str]) -> Vec<Change> {
        let held = vessels.iter().map(|name| held(name)).collect();
        self.does(Operation::ReadHeld, Outcome::Held(Ok(held)))
    }

    /// The vessel is brought up and runs.
    fn runs(&mut self, name: &str) {
        self.does(
            Operation::Upload(self.assignment(name)),
            Outcome::Uploaded(Ok(())),
        );
        self.starts(name, false, Ok(Started::Running));
        assert_eq!(self.stage(name), "running");
    }

    /// The program is started, for the first time since it was uploaded or again, and that is how it ends.
    fn starts(
        &mut self,
        name: &str,
        first: bool,
        result: Result<Started, InitialiseError>,
    ) -> Vec<Change> {
        let assignment = self.assignment(name);
        let start = Operation::Start { assignment, first };
        self.does(start, Outcome::Started(result))
    }

    fn check(&self, name: &str) -> Operation {
        let vessel = &self.fleet.vessels[&handle(name)];
        Operation::Check {
            node: vessel.handle.node.clone(),
            location: vessel.location.clone(),
            vessels: BTreeMap::from([(vessel.handle.clone(), vessel.generation)]),
        }
    }

    fn is_seen(&mut self, name: &str, status: VesselStatus) -> Vec<Change> {
        self.does(self.check(name), seen(status))
    }

    fn assignment(&self, name: &str) -> Assignment {
        let vessel = &self.fleet.vessels[&handle(name)];
        Assignment {
            address: vessel.address(),
            index: vessel.index.unwrap(),
            failures: 0,
        }
    }

    fn stage(&self, name: &str) -> &'static str {
        self.fleet.vessels[&handle(name)].stage.name()
    }
}

fn seen(status: VesselStatus) -> Outcome {
    let observation = VesselObservation {
        status,
        is_ours: true,
    };
    Outcome::Checked(Ok(BTreeMap::from([("v1".parse().unwrap(), observation)])))
}

/// The vessel `v1` of the node of that name: a number.
fn handle(node: &str) -> Handle {
    format!("3 {node}:v1").parse().unwrap()
}

fn held(node: &str) -> HeldVessel {
    HeldVessel {
        handle: handle(node),
        location: format!("10.0.{node}.1:1224").parse().unwrap(),
        expires_in: Duration::from_secs(4 * 60 * 60),
        is_active: true,
    }
}

fn silence() -> NodeError {
    NodeError::Deadline(Duration::from_secs(15))
}

#[test]
fn a_vessel_is_told_of_once_at_each_step() {
    let mut told = Told::new(1);
    let changes = told.acquires(&["1"]);
    assert!(matches!(&changes[..], [Change::Acquired { vessel, .. }] if vessel.index == Some(0)));
    let upload = Operation::Upload(told.assignment("1"));
    let changes = told.does(upload, Outcome::Uploaded(Ok(())));
    assert!(matches!(&changes[..], [Change::Uploaded { .. }]));
    let changes = told.starts("1", false, Ok(Started::Running));
    assert!(matches!(
        &changes[..],
        [Change::Started { .. }, Change::Running { .. }]
    ));
    assert!(told.is_seen("1", VesselStatus::Started).is_empty());
}

#[test]
fn an_answer_to_an_older_question_is_no_news() {
    let mut told = Told::new(1);
    told.acquires(&["1"]);
    told.runs("1");
    let check = told.check("1");
    let old = told.begins(check);
    // Meanwhile it is found ended, and started again.
    told.is_seen("1", VesselStatus::Terminated);
    told.starts("1", true, Ok(Started::Running));
    told.hears(old, seen(VesselStatus::Terminated), Effects::default());
    assert_eq!(told.stage("1"), "running");
}

#[test]
fn a_program_that_worked_and_ended_is_started_again_at_once_and_then_with_pauses() {
    let mut told = Told::new(1);
    told.acquires(&["1"]);
    told.runs("1");
    let pause = |told: &Told| {
        let retry = told.fleet.copies.values().next().unwrap().retry;
        retry.not_before.since(told.now().moment)
    };
    told.seconds += 5;
    told.is_seen("1", VesselStatus::Terminated);
    assert_eq!(pause(&told), Duration::ZERO);
    told.starts("1", true, Ok(Started::Running));
    told.seconds += 5;
    told.is_seen("1", VesselStatus::Terminated);
    assert!(pause(&told) > Duration::ZERO);
}

#[test]
fn a_vessel_that_was_missed_and_is_acquired_anew_is_not_given_back_as_missing() {
    let mut told = Told::new(1);
    let missed = Absent {
        missing_readings: 2,
        ..Absent::default()
    };
    told.fleet.absent.insert(handle("1"), missed);
    told.acquires(&["1"]);
    assert!(told.fleet.absent.is_empty());
    assert_eq!(told.stage("1"), "acquired");
}

#[test]
fn a_full_disk_of_ours_is_no_evidence_against_a_vessel() {
    let mut told = Told::new(1);
    told.acquires(&["1"]);
    told.runs("1");
    told.is_seen("1", VesselStatus::Terminated);
    let rounds = |told: &Told| {
        told.fleet.vessels[&handle("1")]
            .evidence
            .as_ref()
            .unwrap()
            .rounds
    };
    let before = rounds(&told);
    let full = crate::error::JournalError::Write("the disk is full".into());
    told.starts("1", true, Err(InitialiseError::Journal(full)));
    assert_eq!(rounds(&told), before);
}

#[test]
fn a_refused_restart_is_looked_at_because_nodes_refuse_to_start_what_runs() {
    let mut told = Told::new(1);
    told.acquires(&["1"]);
    told.runs("1");
    told.is_seen("1", VesselStatus::Terminated);
    let refused = NodeError::Refused("it runs already".to_owned());
    told.starts("1", true, Err(InitialiseError::Start(refused)));
    told.is_seen("1", VesselStatus::Started);
    assert_eq!(told.stage("1"), "running");
}

#[test]
fn an_outcome_of_something_else_is_a_bug_and_changes_nothing() {
    let mut told = Told::new(1);
    told.acquires(&["1"]);
    let changes = told.does(Operation::ReadHeld, Outcome::Uploaded(Ok(())));
    assert!(matches!(&changes[..], [Change::Bug { .. }]));
    assert_eq!(told.stage("1"), "acquired");
}

#[test]
fn a_start_whose_answer_was_lost_is_looked_at_before_it_counts_as_failed() {
    let mut told = Told::new(1);
    told.acquires(&["1"]);
    told.does(
        Operation::Upload(told.assignment("1")),
        Outcome::Uploaded(Ok(())),
    );
    told.starts("1", false, Err(InitialiseError::Start(silence())));
    let stage = &told.fleet.vessels[&handle("1")].stage;
    assert!(
        matches!(
            stage,
            Stage::Starting {
                progress: StartProgress::Unconfirmed { .. }
            }
        ),
        "{stage:?}"
    );
    told.is_seen("1", VesselStatus::Started);
    assert_eq!(told.stage("1"), "running");
}

/// In the original, all but one kind of error of an upload vanished unlogged.
#[test]
fn every_kind_of_failed_upload_is_told_with_its_cause() {
    let cause = || "the very cause".into();
    for error in [
        NodeError::Unreachable(cause()),
        NodeError::Silent(cause()),
        NodeError::Deadline(Duration::from_secs(90)),
        NodeError::Refused("the very cause".to_owned()),
        NodeError::Misbehaved("the very cause".into()),
        NodeError::Local(cause()),
    ] {
        let mut told = Told::new(1);
        told.acquires(&["1"]);
        let expected = match &error {
            NodeError::Deadline(_) => "within 90 s",
            _ => "the very cause",
        };
        let changes = told.does(
            Operation::Upload(told.assignment("1")),
            Outcome::Uploaded(Err(InitialiseError::Upload(error))),
        );
        assert!(
            matches!(&changes[..], [Change::Failed { reason, .. }] if reason.contains(expected)),
            "{changes:?}"
        );
    }
}

#[test]
fn a_refused_upload_counts_as_failure_of_copy_and_vessel_and_makes_both_wait() {
    let mut told = Told::new(1);
    told.acquires(&["1"]);
    let refused = NodeError::Refused("no room".to_owned());
    let upload = Operation::Upload(told.assignment("1"));
    let changes = told.does(
        upload,
        Outcome::Uploaded(Err(InitialiseError::Upload(refused))),
    );
    assert!(
        matches!(&changes[..], [Change::Failed { failures: 1, .. }]),
        "{changes:?}"
    );
    assert_eq!(told.fleet.vessels[&handle("1")].failures_here, 1);
    assert!(told.fleet.copies[&0].retry.not_before > told.now().moment);
}

#[test]
fn a_copy_keeps_its_failures_when_its_vessel_is_replaced() {
    let mut told = Told::new(1);
    told.acquires(&["1"]);
    let upload = Operation::Upload(told.assignment("1"));
    let refused = NodeError::Refused("no room".to_owned());
    told.does(
        upload,
        Outcome::Uploaded(Err(InitialiseError::Upload(refused))),
    );
    let verdict = Verdict::Condemn {
        handle: handle("1"),
        reason: CondemnReason::Surplus,
    };
    let (now, desired) = (told.now(), told.desired.clone());
    let mut random = || 0;
    let mut at = Circumstances {
        now,
        desired: &desired,
        random: &mut random,
    };
    told.fleet.carry_out(verdict, &mut at);
    let release = Operation::Release {
        vessels: BTreeSet::from([handle("1")]),
    };
    told.does(release, Outcome::Released(Ok(())));
    told.acquires(&["2"]);
    assert_eq!(told.fleet.vessels[&handle("2")].index, Some(0));
    assert_eq!(told.fleet.copies[&0].retry.failures, 1);
}

#[test]
fn a_reading_that_was_asked_for_before_a_vessel_was_ours_does_not_miss_it() {
    let mut told = Told::new(1);
    let reading = told.begins(Operation::ReadHeld);
    told.acquires(&["1"]);
    told.hears(reading, Outcome::Held(Ok(Vec::new())), Effects::default());
    assert_eq!(told.fleet.vessels[&handle("1")].missing_readings, 0);
    told.reads(&[]);
    assert_eq!(told.fleet.vessels[&handle("1")].missing_readings, 1);
    told.reads(&["1"]);
    assert_eq!(told.fleet.vessels[&handle("1")].missing_readings, 0);
}

#[test]
fn a_reading_that_was_overtaken_says_nothing_of_what_is_missing() {
    let mut told = Told::new(1);
    told.acquires(&["1"]);
    let old = told.begins(Operation::ReadHeld);
    told.reads(&["1"]);
    told.reads(&["1"]);
    told.hears(old, Outcome::Held(Ok(Vec::new())), Effects::default());
    assert_eq!(told.fleet.vessels[&handle("1")].missing_readings, 0);
}

#[test]
fn a_lost_acquisition_is_claimed_when_all_it_asked_for_shows() {
    let mut told = Told::new(2);
    told.loses_an_acquisition(2);
    told.reads(&["1"]);
    assert!(told.fleet.claims.is_empty(), "half of it may be anybody's");
    told.reads(&["1", "2"]);
    let vessels = told.fleet.claims[&7].clone();
    assert_eq!(vessels.len(), 2);
    assert!(
        told.fleet.vessels.is_empty(),
        "not before the journal has it"
    );
    told.does(
        Operation::Claim {
            acquisition: 7,
            vessels,
        },
        Outcome::Claimed(Ok(())),
    );
    assert_eq!((told.stage("1"), told.stage("2")), ("acquired", "acquired"));
    assert_eq!(told.fleet.in_doubt(), 0);
}

#[test]
fn a_lost_acquisition_that_brought_nothing_is_settled_by_two_late_readings() {
    let mut told = Told::new(2);
    told.loses_an_acquisition(2);
    told.reads(&[]);
    told.reads(&[]);
    assert!(told.fleet.claims.is_empty(), "it may still come about");
    told.seconds += 61;
    told.reads(&[]);
    assert!(told.fleet.claims.is_empty(), "one reading may be wrong");
    told.reads(&[]);
    assert_eq!(told.fleet.claims[&7], []);
}

#[test]
fn what_others_held_before_is_never_claimed() {
    let mut told = Told::new(1);
    told.reads(&["9"]);
    told.loses_an_acquisition(1);
    told.reads(&["9"]);
    assert!(told.fleet.claims.is_empty());
    told.reads(&["9", "1"]);
    assert_eq!(told.fleet.claims[&7][0].handle, handle("1"));
    assert_eq!(told.fleet.left_alone, BTreeSet::from([handle("9")]));
}

#[test]
fn what_one_reading_left_out_is_still_others() {
    let mut told = Told::new(1);
    told.reads(&["9"]);
    told.reads(&[]);
    told.loses_an_acquisition(1);
    told.reads(&["9"]);
    assert!(
        told.fleet.claims.is_empty(),
        "it was there before, but for one reading"
    );
}

#[test]
fn others_vessels_are_told_of_once() {
    let mut told = Told::new(1);
    assert_eq!(
        told.reads(&["9"]),
        [Change::LeftAlone {
            handle: handle("9")
        }]
    );
    assert_eq!(told.reads(&["9"]), []);
}

#[test]
fn a_large_request_that_is_refused_is_halved_and_grows_again() {
    let mut told = Told::new(8);
    let refused = || {
        let error = ClearinghouseError::UnableToAcquire("not as many".to_owned());
        Outcome::Acquired(Err(AcquireError::Clearinghouse(error)))
    };
    let acquire = |count| Operation::Acquire {
        count,
        owned: Vec::new(),
    };
    told.does(acquire(8), refused());
    assert_eq!(told.fleet.acquisition.ask_limit, Some(4));
    told.does(acquire(4), refused());
    told.does(acquire(2), refused());
    told.does(acquire(1), refused());
    told.does(acquire(1), refused());
    assert_eq!(told.fleet.acquisition.ask_limit, Some(1));
    assert_eq!(
        told.fleet.acquisition.retry.failures, 3,
        "now the pauses grow"
    );
    told.acquires(&["1"]);
    assert_eq!(told.fleet.acquisition.ask_limit, Some(2));
    assert_eq!(told.fleet.acquisition.retry.failures, 0);
}

#[test]
fn a_condemned_vessel_that_is_seen_running_is_pardoned() {
    let mut told = Told::new(1);
    told.acquires(&["1"]);
    told.runs("1");
    for _ in 0..2 {
        let check = told.check("1");
        told.does(check, Outcome::Checked(Err(silence())));
        told.reads(&["1"]);
    }
    let last = Evidence::Silent {
        code: Code::NodeSilent,
        detail: "no answer".to_owned(),
    };
    let reason = CondemnReason::Evidence { last, rounds: 2 };
    let (now, desired) = (told.now(), told.desired.clone());
    let mut random = || 0;
    let mut at = Circumstances {
        now,
        desired: &desired,
        random: &mut random,
    };
    told.fleet.carry_out(
        Verdict::Condemn {
            handle: handle("1"),
            reason,
        },
        &mut at,
    );
    assert_eq!(told.stage("1"), "condemned");
    told.is_seen("1", VesselStatus::Started);
    assert_eq!(told.stage("1"), "running");
    assert_eq!(told.fleet.vessels[&handle("1")].index, Some(0));
}

#[test]
fn silence_after_silence_counts_only_if_somebody_was_heard_between() {
    let mut told = Told::new(1);
    told.acquires(&["1"]);
    told.runs("1");
    for _ in 0..5 {
        let check = told.check("1");
        told.does(check, Outcome::Checked(Err(silence())));
    }
    assert_eq!(told.fleet.vessels[&handle("1")].rounds(), 1);
    told.reads(&["1"]);
    let check = told.check("1");
    told.does(check, Outcome::Checked(Err(silence())));
    assert_eq!(told.fleet.vessels[&handle("1")].rounds(), 2);
}

#[test]
fn a_second_wan_vessel_on_a_network_is_given_back_for_another_a_few_times() {
    let mut told = Told::new(2);
    told.acquires(&["1"]);
    let on_same_network = |name: &str| HeldVessel {
        location: "10.0.1.2:1224".parse().unwrap(),
        ..held(name)
    };
    let mut stages = Vec::new();
    for name in ["11", "12", "13", "14"] {
        let id = told.begins(Operation::Acquire {
            count: 1,
            owned: Vec::new(),
        });
        let effects = Effects {
            acquired: vec![on_same_network(name)],
            ..Effects::default()
        };
        told.hears(id, Outcome::Acquired(Ok(())), effects);
        stages.push(told.stage(name));
    }
    assert_eq!(stages, ["condemned", "condemned", "condemned", "acquired"]);
}
