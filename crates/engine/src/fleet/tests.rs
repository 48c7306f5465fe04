//! The fleet, event by event: what is taken for news, and what is not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use overlord_time::WallTime;
use overlord_types::failure::Code;
use overlord_types::{NodeLocation, VesselName, VesselStatus};

use super::*;
use crate::error::{ClearinghouseError, InitialiseError, NodeError};
use crate::operation::{AcquireError, Assignment, StartResult, StartUpReport};
use crate::ports::{HeldVessel, VesselObservation};
use crate::test_support::desired;
use crate::vessel::{Stage, StartProgress};

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
        let id = told.begins(&Operation::StartUp);
        told.hears(id, Outcome::StartedUp(Ok(StartUpReport::default())));
        told
    }

    fn now(&self) -> Now {
        Now {
            moment: Moment::after_beginning(Duration::from_secs(self.seconds)),
            wall: WallTime::from_unix_millis(1000 * self.seconds),
        }
    }

    fn begins(&mut self, operation: &Operation) -> OperationId {
        self.seconds += 1;
        self.fleet.begin(operation, self.now().moment)
    }

    fn hears(&mut self, id: OperationId, outcome: Outcome) -> Vec<Change> {
        self.seconds += 1;
        let mut random = || u64::MAX / 2;
        let mut at = Circumstances {
            now: self.now(),
            desired: &self.desired,
            random: &mut random,
        };
        self.fleet.apply(Event::Finished { id, outcome }, &mut at)
    }

    fn acquires(&mut self, vessels: &[&str]) -> Vec<Change> {
        self.is_given(1, Ok(vessels.iter().map(|name| held(name)).collect()))
    }

    /// So many vessels are asked for, and that is the answer.
    fn is_given(
        &mut self,
        count: u32,
        result: Result<Vec<HeldVessel>, AcquireError>,
    ) -> Vec<Change> {
        let request = self.fleet.request_for(count, self.now());
        let by = Asker::Planner;
        let id = self.begins(&Operation::Acquire {
            request: request.clone(),
            by,
        });
        let result = result.map_err(Arc::new);
        let acquired = Outcome::Acquired {
            request,
            by,
            result,
        };
        self.hears(id, acquired)
    }

    fn loses_an_acquisition(&mut self, count: u32) {
        let error = ClearinghouseError::Silent(Duration::from_secs(60));
        self.is_given(count, Err(AcquireError::Clearinghouse(error)));
    }

    /// What the one lost acquisition is known to have brought, once readings have told.
    fn claim(&self) -> Option<Vec<HeldVessel>> {
        self.fleet
            .first_claim()
            .map(|(_, vessels)| vessels.to_vec())
    }

    fn reads(&mut self, vessels: &[&str]) -> Vec<Change> {
        let held = vessels.iter().map(|name| held(name)).collect();
        let id = self.begins(&Operation::ReadHeld);
        self.hears(id, Outcome::Held(Ok(held)))
    }

    /// The vessel is brought up and runs.
    fn runs(&mut self, name: &str) {
        self.is_uploaded(name, Ok(()));
        self.starts(name, false, Ok(StartResult::Running));
        assert_eq!(self.stage(name), "running");
    }

    /// The program is uploaded, and that is how it ends.
    fn is_uploaded(&mut self, name: &str, result: Result<(), InitialiseError>) -> Vec<Change> {
        let assignment = self.assignment(name);
        let id = self.begins(&Operation::Upload(assignment.clone()));
        self.hears(id, Outcome::Uploaded { assignment, result })
    }

    /// The program is started, for the first time since it was uploaded or again, and that is how it ends.
    fn starts(
        &mut self,
        name: &str,
        first: bool,
        result: Result<StartResult, InitialiseError>,
    ) -> Vec<Change> {
        let assignment = self.assignment(name);
        let id = self.begins(&Operation::Start {
            assignment: assignment.clone(),
            first,
        });
        self.hears(id, Outcome::Started { assignment, result })
    }

    fn check(&self, name: &str) -> Check {
        let vessel = &self.fleet.vessels[&handle(name)];
        Check {
            node: vessel.handle.node.clone(),
            location: vessel.location.clone(),
            vessels: BTreeMap::from([(vessel.handle.clone(), vessel.generation)]),
        }
    }

    /// The vessel's node is asked, and that is what it says.
    fn is_checked(&mut self, name: &str, result: CheckResult) -> Vec<Change> {
        let check = self.check(name);
        let id = self.begins(&check.operation());
        self.hears(id, check.ends(result))
    }

    fn is_seen(&mut self, name: &str, status: VesselStatus) -> Vec<Change> {
        self.is_checked(name, seen(status))
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
        self.fleet.vessels[&handle(name)].stage.name().as_str()
    }
}

type CheckResult = Result<BTreeMap<VesselName, VesselObservation>, NodeError>;

/// One question to a node.
struct Check {
    node: NodeId,
    location: NodeLocation,
    vessels: BTreeMap<Handle, u64>,
}

impl Check {
    fn operation(&self) -> Operation {
        Operation::Check {
            node: self.node.clone(),
            location: self.location.clone(),
            vessels: self.vessels.clone(),
        }
    }

    fn ends(self, result: CheckResult) -> Outcome {
        Outcome::Checked {
            node: self.node,
            vessels: self.vessels,
            result,
        }
    }
}

fn seen(status: VesselStatus) -> CheckResult {
    let observation = VesselObservation {
        status,
        is_ours: true,
    };
    Ok(BTreeMap::from([("v1".parse().unwrap(), observation)]))
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
    let changes = told.is_uploaded("1", Ok(()));
    assert!(matches!(&changes[..], [Change::Uploaded { .. }]));
    let changes = told.starts("1", false, Ok(StartResult::Running));
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
    let old = told.begins(&check.operation());
    // Meanwhile it is found ended, and started again.
    told.is_seen("1", VesselStatus::Terminated);
    told.starts("1", true, Ok(StartResult::Running));
    told.hears(old, check.ends(seen(VesselStatus::Terminated)));
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
    told.starts("1", true, Ok(StartResult::Running));
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
    let full = crate::error::JournalError::write("the disk is full");
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
#[should_panic(expected = "was begun as reading what the account holds and ended as an upload")]
fn an_outcome_of_something_else_is_a_bug() {
    let mut told = Told::new(1);
    told.acquires(&["1"]);
    let id = told.begins(&Operation::ReadHeld);
    let assignment = told.assignment("1");
    let result = Ok(());
    told.hears(id, Outcome::Uploaded { assignment, result });
}

#[test]
#[should_panic(expected = "is not under way")]
fn an_outcome_that_comes_twice_is_a_bug() {
    let mut told = Told::new(1);
    let id = told.begins(&Operation::ReadHeld);
    told.hears(id, Outcome::Held(Ok(Vec::new())));
    told.hears(id, Outcome::Held(Ok(Vec::new())));
}

#[test]
fn what_a_hook_acquires_is_in_doubt_while_it_is_asked_for_and_ours_when_it_came() {
    let mut told = Told::new(2);
    let request = told.fleet.request_for(2, told.now());
    let by = Asker::Hook;
    let id = told.begins(&Operation::Acquire {
        request: request.clone(),
        by,
    });
    assert_eq!((told.fleet.holding(), told.fleet.in_doubt()), (2, 0));
    // A reading meanwhile neither settles it nor takes what it shows for others'.
    assert_eq!(told.reads(&["1", "2"]), []);
    assert!(told.fleet.vessels.is_empty() && told.claim().is_none());
    let result = Ok(vec![held("1"), held("2")]);
    told.hears(
        id,
        Outcome::Acquired {
            request,
            by,
            result,
        },
    );
    assert_eq!((told.stage("1"), told.stage("2")), ("acquired", "acquired"));
    assert_eq!(told.fleet.doubts().len(), 0);
}

#[test]
fn a_lost_operation_leaves_its_doubt_by_doing_nothing() {
    let mut told = Told::new(2);
    let request = told.fleet.request_for(2, told.now());
    let by = Asker::Planner;
    told.begins(&Operation::Acquire { request, by });
    told.fleet.abandon(|kind| kind == OperationKind::Acquire);
    let report = told
        .fleet
        .final_report(StopReason::Operator, Duration::ZERO);
    assert_eq!(report.in_doubt, 2);
}

#[test]
fn a_start_whose_answer_was_lost_is_looked_at_before_it_counts_as_failed() {
    let mut told = Told::new(1);
    told.acquires(&["1"]);
    told.is_uploaded("1", Ok(()));
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
        NodeError::BehindForwarder(cause()),
        NodeError::Local {
            code: Code::MachineRefused,
            cause: cause(),
        },
    ] {
        let mut told = Told::new(1);
        told.acquires(&["1"]);
        let expected = match &error {
            NodeError::Deadline(_) => "within 90 s",
            _ => "the very cause",
        };
        let changes = told.is_uploaded("1", Err(InitialiseError::Upload(error)));
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
    let changes = told.is_uploaded("1", Err(InitialiseError::Upload(refused)));
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
    let refused = NodeError::Refused("no room".to_owned());
    told.is_uploaded("1", Err(InitialiseError::Upload(refused)));
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
    let (vessels, by) = (BTreeSet::from([handle("1")]), Asker::Planner);
    let id = told.begins(&Operation::Release {
        vessels: vessels.clone(),
        by,
    });
    let result = Ok(());
    told.hears(
        id,
        Outcome::Released {
            vessels,
            by,
            result,
        },
    );
    told.acquires(&["2"]);
    assert_eq!(told.fleet.vessels[&handle("2")].index, Some(0));
    assert_eq!(told.fleet.copies[&0].retry.failures, 1);
}

#[test]
fn a_reading_that_was_asked_for_before_a_vessel_was_ours_does_not_miss_it() {
    let mut told = Told::new(1);
    let reading = told.begins(&Operation::ReadHeld);
    told.acquires(&["1"]);
    told.hears(reading, Outcome::Held(Ok(Vec::new())));
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
    let old = told.begins(&Operation::ReadHeld);
    told.reads(&["1"]);
    told.reads(&["1"]);
    told.hears(old, Outcome::Held(Ok(Vec::new())));
    assert_eq!(told.fleet.vessels[&handle("1")].missing_readings, 0);
}

#[test]
fn a_lost_acquisition_is_claimed_when_all_it_asked_for_shows() {
    let mut told = Told::new(2);
    told.loses_an_acquisition(2);
    told.reads(&["1"]);
    assert_eq!(told.claim(), None, "half of it may be anybody's");
    told.reads(&["1", "2"]);
    let vessels = told.claim().unwrap();
    assert_eq!(vessels.len(), 2);
    assert!(
        told.fleet.vessels.is_empty(),
        "not before the journal has it"
    );
    let (acquisition, result) = (0, Ok(()));
    let id = told.begins(&Operation::Claim {
        acquisition,
        vessels: vessels.clone(),
    });
    told.hears(
        id,
        Outcome::Claimed {
            acquisition,
            vessels,
            result,
        },
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
    assert_eq!(told.claim(), None, "it may still come about");
    told.seconds += 61;
    told.reads(&[]);
    assert_eq!(told.claim(), None, "one reading may be wrong");
    told.reads(&[]);
    assert_eq!(told.claim(), Some(Vec::new()));
}

#[test]
fn what_others_held_before_is_never_claimed() {
    let mut told = Told::new(1);
    told.reads(&["9"]);
    told.loses_an_acquisition(1);
    told.reads(&["9"]);
    assert_eq!(told.claim(), None);
    told.reads(&["9", "1"]);
    assert_eq!(told.claim().unwrap()[0].handle, handle("1"));
    assert_eq!(told.fleet.left_alone, BTreeSet::from([handle("9")]));
}

#[test]
fn what_one_reading_left_out_is_still_others() {
    let mut told = Told::new(1);
    told.reads(&["9"]);
    told.reads(&[]);
    told.loses_an_acquisition(1);
    told.reads(&["9"]);
    assert_eq!(
        told.claim(),
        None,
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
        Err(AcquireError::Clearinghouse(error))
    };
    told.is_given(8, refused());
    assert_eq!(told.fleet.acquisition.ask_limit, Some(4));
    told.is_given(4, refused());
    told.is_given(2, refused());
    told.is_given(1, refused());
    told.is_given(1, refused());
    assert_eq!(told.fleet.acquisition.ask_limit, Some(1));
    let failures = |told: &mut Told| told.fleet.retries.of(OperationKind::Acquire).failures;
    assert_eq!(failures(&mut told), 3, "now the pauses grow");
    told.acquires(&["1"]);
    assert_eq!(told.fleet.acquisition.ask_limit, Some(2));
    assert_eq!(failures(&mut told), 0);
}

#[test]
fn a_condemned_vessel_that_is_seen_running_is_pardoned() {
    let mut told = Told::new(1);
    told.acquires(&["1"]);
    told.runs("1");
    for _ in 0..2 {
        told.is_checked("1", Err(silence()));
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
        told.is_checked("1", Err(silence()));
    }
    assert_eq!(told.fleet.vessels[&handle("1")].rounds(), 1);
    told.reads(&["1"]);
    told.is_checked("1", Err(silence()));
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
        told.is_given(1, Ok(vec![on_same_network(name)]));
        stages.push(told.stage(name));
    }
    assert_eq!(stages, ["condemned", "condemned", "condemned", "acquired"]);
}
