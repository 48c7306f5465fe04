//! The planner, decision by decision, on fleets that are written down for it.

use std::time::Duration;

use super::*;
use crate::breaker::Breaker;
use crate::fleet::ReplacedHooks;
use crate::fleet_event::{CondemnReason, Evidence, StopReason};
use crate::journal::{DoubtfulAcquisition, Ledger};
use crate::operation::{Asker, Doubt};
use crate::ports::HeldVessel;
use crate::test_support::desired;
use crate::vessel::{EvidenceLog, Lease};
use overlord_types::failure::Code;

const LEASE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

fn at(seconds: u64) -> Moment {
    Moment::after_beginning(Duration::from_secs(seconds))
}

fn now(seconds: u64) -> Now {
    Now {
        moment: at(seconds),
        wall: WallTime::from_unix_millis(1000 * seconds),
    }
}

/// A fleet that has been read a moment ago, with these vessels on a node each.
fn fleet(stages: Vec<Stage>) -> Fleet {
    let mut fleet = Fleet::new(Ledger::default(), now(0)).kept_since(at(1000));
    for (number, stage) in stages.into_iter().enumerate() {
        let held = HeldVessel {
            handle: handle(number),
            location: format!("10.{}.{}.1:1224", number / 256, number % 256)
                .parse()
                .unwrap(),
            expires_in: LEASE,
            is_active: true,
        };
        let mut vessel = Vessel {
            index: (!stage.is_leaving()).then(|| u32::try_from(number).unwrap()),
            ran: !matches!(stage, Stage::Acquired),
            uploaded: !matches!(stage, Stage::Acquired),
            stage,
            ..Vessel::new(&held, now(1000), 0)
        };
        vessel.lease.renewed = true;
        fleet.write_vessel(vessel, at(1030));
    }
    fleet
}

fn handle(number: usize) -> Handle {
    format!("3 {}:v1", 100 + number).parse().unwrap()
}

fn running() -> Stage {
    Stage::Running { since: at(10) }
}

fn suspect() -> Stage {
    Stage::Suspect { since: at(990) }
}

fn silent() -> Evidence {
    Evidence::Silent {
        code: Code::NodeSilent,
        detail: "no answer".to_owned(),
    }
}

fn doubted(fleet: &mut Fleet, number: usize, rounds: u32, last: Evidence) {
    let log = EvidenceLog {
        first: at(990),
        rounds,
        latest: at(995),
        last,
    };
    fleet.vessel_mut(&handle(number)).evidence = Some(log);
}

fn operations(desired: &Desired, fleet: &Fleet, seconds: u64) -> Vec<&'static str> {
    let plan = plan(desired, fleet, now(seconds)).0;
    assert!(plan.verdicts.is_empty(), "{:?}", plan.verdicts);
    plan.operations.iter().map(|o| o.kind().name()).collect()
}

fn condemned(desired: &Desired, fleet: &Fleet, seconds: u64) -> Vec<usize> {
    let verdicts = plan(desired, fleet, now(seconds)).0.verdicts;
    let number = |verdict: &Verdict| match verdict {
        Verdict::Condemn {
            handle: condemned, ..
        } => (0..100).find(|n| handle(*n) == *condemned),
        Verdict::OutOfReach { .. } => None,
    };
    verdicts.iter().filter_map(number).collect()
}

#[test]
fn a_fleet_as_wanted_needs_nothing_until_its_next_look() {
    let fleet = fleet(vec![running(), running()]);
    let (plan, report) = plan(&desired(2), &fleet, now(1000));
    assert_eq!(
        plan,
        Plan {
            wake_at: Some(at(1030)),
            ..Plan::default()
        }
    );
    assert_eq!(report.pending(), None);
}

#[test]
fn the_same_fleet_gives_the_same_plan() {
    let mut fleet = fleet(vec![running(), suspect(), Stage::Acquired]);
    doubted(&mut fleet, 1, 1, silent());
    let desired = desired(5);
    assert_eq!(
        plan(&desired, &fleet, now(1100)),
        plan(&desired, &fleet, now(1100))
    );
}

#[test]
fn what_is_missing_is_asked_for_in_one_request() {
    let fleet = fleet(vec![running()]);
    let (plan, report) = plan(&desired(4), &fleet, now(1000));
    let request = fleet.request_for(3, now(1000));
    let by = Asker::Planner;
    assert_eq!(plan.operations, [Operation::Acquire { request, by }]);
    assert!(report.pending().unwrap().contains("1 of 4 run"));
}

#[test]
fn vessels_on_their_way_out_count_as_held_and_surge_makes_room() {
    let condemned = Stage::Condemned {
        reason: CondemnReason::Surplus,
    };
    let mut fleet = fleet(vec![running(), condemned]);
    let mut desired = desired(2);
    // Given back first, then asked for.
    assert_eq!(operations(&desired, &fleet, 1000), ["a release"]);
    fleet.set_not_before(OperationKind::Release, at(2000));
    assert!(operations(&desired, &fleet, 1000).is_empty());
    desired.policy.surge = 1;
    assert_eq!(operations(&desired, &fleet, 1000), ["an acquisition"]);
}

#[test]
fn nothing_is_asked_for_while_an_answer_is_lost() {
    let mut fleet = fleet(vec![running()]);
    let request = DoubtfulAcquisition {
        count: 1,
        baseline: std::collections::BTreeSet::new(),
        at: WallTime::default(),
    };
    fleet.write_doubt(0, Doubt::lost(request, at(1060)));
    assert_eq!(
        operations(&desired(2), &fleet, 1000),
        ["reading what the account holds"]
    );
    let report = plan(&desired(2), &fleet, now(1000)).1;
    assert!(matches!(
        report.waits[0].reason,
        crate::fleet_event::WaitReason::LostAnswer { count: 1 }
    ));
}

#[test]
fn without_a_fresh_reading_the_account_is_read_before_it_is_changed() {
    let fleet = fleet(vec![running()]);
    assert_eq!(
        operations(&desired(2), &fleet, 1061),
        ["reading what the account holds", "a check"]
    );
}

#[test]
fn starts_go_before_uploads_and_no_node_gets_more_than_three() {
    let queued = Stage::Starting {
        progress: StartProgress::Queued,
    };
    let mut fleet = fleet(vec![Stage::Acquired, queued]);
    // All of them on one node.
    let one_node = |name: &str| -> Handle { format!("3 100:{name}").parse().unwrap() };
    let template = fleet.vessel_mut(&handle(0)).clone();
    for number in 2..6_u32 {
        let handle = one_node(&format!("x{number}"));
        let vessel = Vessel {
            handle: handle.clone(),
            index: Some(number),
            ..template.clone()
        };
        fleet.write_vessel(vessel, at(1030));
    }
    let (plan, report) = plan(&desired(6), &fleet, now(1000));
    let names: Vec<&str> = plan.operations.iter().map(|o| o.kind().name()).collect();
    assert_eq!(names, ["a start", "an upload", "an upload", "an upload"]);
    let turns = report
        .vessels
        .iter()
        .filter(|vessel| vessel.wait == VesselWait::Turn)
        .count();
    assert!(turns >= 2, "{report:?}");
}

#[test]
fn the_bound_over_all_holds_and_checks_have_their_own() {
    let mut desired = desired(10);
    desired.policy.operations_max = 4;
    let mut stages = vec![Stage::Acquired; 5];
    stages.extend(vec![running(); 5]);
    let fleet = fleet(stages);
    let names = operations(&desired, &fleet, 1030);
    let count = |name: &str| names.iter().filter(|n| **n == name).count();
    assert_eq!((count("an upload"), count("a check")), (4, 4));
}

#[test]
fn one_round_of_silence_is_not_enough_and_two_are() {
    let mut fleet = fleet(vec![running(), running(), suspect()]);
    doubted(&mut fleet, 2, 1, silent());
    assert!(condemned(&desired(3), &fleet, 1000).is_empty());
    doubted(&mut fleet, 2, 2, silent());
    assert_eq!(condemned(&desired(3), &fleet, 1000), [2]);
}

#[test]
fn silence_counts_only_if_somebody_else_was_heard_since() {
    let mut fleet = fleet(vec![suspect()]);
    doubted(&mut fleet, 0, 2, silent());
    fleet.set_last_heard(at(980));
    let (plan, report) = plan(&desired(1), &fleet, now(1000));
    assert!(plan.verdicts.is_empty());
    assert_eq!(report.vessels[0].wait, VesselWait::LinkProof);
}

#[test]
fn under_an_open_breaker_silent_vessels_are_out_of_reach_and_not_given_back() {
    let mut fleet = fleet(vec![running(), suspect(), suspect()]);
    doubted(&mut fleet, 1, 3, silent());
    doubted(&mut fleet, 2, 1, silent());
    fleet.set_breaker(Breaker::Open { since: at(995) });
    let (plan, _) = plan(&desired(3), &fleet, now(1000));
    assert_eq!(plan.verdicts, [Verdict::OutOfReach { handle: handle(1) }]);
}

#[test]
fn what_was_condemned_waits_while_the_breaker_is_open() {
    let reason = CondemnReason::Evidence {
        last: silent(),
        rounds: 2,
    };
    let mut fleet = fleet(vec![running(), Stage::Condemned { reason }]);
    fleet.set_breaker(Breaker::Open { since: at(995) });
    let (plan, report) = plan(&desired(2), &fleet, now(1000));
    assert!(plan.operations.is_empty(), "{plan:?}");
    assert_eq!(report.vessels[1].wait, VesselWait::Breaker);
}

#[test]
fn a_half_open_breaker_lets_one_pass_at_a_time() {
    let mut fleet = fleet(vec![suspect(), suspect(), suspect()]);
    for number in 0..3 {
        doubted(&mut fleet, number, 2, silent());
    }
    fleet.set_breaker(Breaker::HalfOpen { next: at(1000) });
    assert_eq!(condemned(&desired(3), &fleet, 1000).len(), 1);
    fleet.set_breaker(Breaker::HalfOpen { next: at(1030) });
    assert!(condemned(&desired(3), &fleet, 1000).is_empty());
}

#[test]
fn a_program_that_ended_is_started_again_in_place_then_the_vessel_is_replaced() {
    let ended = Evidence::NotRunning {
        status: overlord_types::VesselStatus::Terminated,
    };
    // Elsewhere the program runs for long, so it is this vessel.
    let mut fleet = fleet(vec![running(), suspect()]);
    doubted(&mut fleet, 1, 1, ended.clone());
    fleet.vessel_mut(&handle(1)).failures_here = 3;
    assert_eq!(operations(&desired(2), &fleet, 1000), ["a start"]);
    fleet.vessel_mut(&handle(1)).failures_here = 4;
    assert!(
        condemned(&desired(2), &fleet, 1000).is_empty(),
        "one round is not enough"
    );
    doubted(&mut fleet, 1, 2, ended);
    assert_eq!(condemned(&desired(2), &fleet, 1000), [1]);
}

#[test]
fn a_program_that_runs_nowhere_is_given_more_patience() {
    let ended = Evidence::NotRunning {
        status: overlord_types::VesselStatus::Terminated,
    };
    let mut fleet = fleet(vec![suspect(), suspect()]);
    for number in 0..2 {
        doubted(&mut fleet, number, 2, ended.clone());
        fleet.vessel_mut(&handle(number)).failures_here = 9;
    }
    assert_eq!(
        operations(&desired(2), &fleet, 1000),
        ["a start", "a start"]
    );
    fleet.vessel_mut(&handle(1)).failures_here = 10;
    assert_eq!(condemned(&desired(2), &fleet, 1000), [1]);
}

#[test]
fn of_too_many_vessels_those_farthest_from_running_go() {
    let mut fleet = fleet(vec![running(), Stage::Acquired, running(), running()]);
    fleet.vessel_mut(&handle(3)).index = None;
    assert_eq!(condemned(&desired(3), &fleet, 1000), [1]);
}

#[test]
fn while_some_have_not_been_looked_at_nobody_is_too_many() {
    let fleet = fleet(vec![
        running(),
        Stage::Unknown { since: at(999) },
        running(),
    ]);
    assert!(condemned(&desired(2), &fleet, 1000).is_empty());
}

#[test]
fn a_vessel_that_two_readings_did_not_list_is_given_up() {
    let mut fleet = fleet(vec![running(), running()]);
    fleet.vessel_mut(&handle(1)).missing_readings = 1;
    assert!(condemned(&desired(2), &fleet, 1000).is_empty());
    assert_eq!(
        operations(&desired(2), &fleet, 1001),
        ["reading what the account holds"]
    );
    fleet.vessel_mut(&handle(1)).missing_readings = 2;
    assert_eq!(condemned(&desired(2), &fleet, 1000), [1]);
}

#[test]
fn leases_are_renewed_before_half_of_them_is_over_in_one_batch() {
    let half = LEASE.as_secs() / 2;
    let mut desired = desired(3);
    desired.policy.renew_period = LEASE;
    desired.policy.ownership_period = LEASE;
    let mut fleet = fleet(vec![running(), running(), running()]);
    for number in 0..3 {
        fleet.set_next_check(&handle(number), at(10 * half));
    }
    assert!(operations(&desired, &fleet, 1000 + half - 1).is_empty());
    // One of them was renewed a moment ago.
    fleet.vessel_mut(&handle(2)).lease.granted = at(1000 + half - 10);
    let plan = plan(&desired, &fleet, now(1000 + half)).0;
    let vessels = [handle(0), handle(1)].into_iter().collect();
    assert_eq!(plan.operations, [Operation::Renew { vessels }]);
}

#[test]
fn of_more_leases_than_one_request_takes_those_that_end_first_are_renewed_first() {
    let half = LEASE.as_secs() / 2;
    let mut fleet = fleet(vec![running(); 501]);
    let longest = fleet.vessel_mut(&handle(0));
    let longer = LEASE + Duration::from_secs(60);
    longest.lease = Lease::read(longer, now(1000));
    let plan = plan(&desired(501), &fleet, now(1000 + half + 120)).0;
    let renewed = plan
        .operations
        .iter()
        .find_map(|operation| match operation {
            Operation::Renew { vessels } => Some(vessels),
            _ => None,
        });
    assert_eq!(renewed.unwrap().len(), 500);
    assert!(!renewed.unwrap().contains(&handle(0)));
}

#[test]
fn new_vessels_are_renewed_soon_after_they_run() {
    let mut fleet = fleet(vec![running(), Stage::Acquired]);
    for number in 0..2 {
        fleet.vessel_mut(&handle(number)).lease.renewed = false;
    }
    fleet.copy_mut(1).retry.not_before = at(2000);
    assert!(operations(&desired(2), &fleet, 1009).is_empty());
    let plan = plan(&desired(2), &fleet, now(1010)).0;
    assert_eq!(
        plan.operations,
        [Operation::Renew {
            vessels: [handle(0)].into()
        }]
    );
}

#[test]
fn a_copy_that_failed_waits_for_its_pause_and_says_until_when() {
    let mut fleet = fleet(vec![Stage::Acquired]);
    fleet.copy_mut(0).retry.not_before = at(1020);
    let (plan, report) = plan(&desired(1), &fleet, now(1000));
    assert!(plan.operations.is_empty());
    assert_eq!(plan.wake_at, Some(at(1020)));
    let until = WallTime::from_unix_millis(1_020_000);
    assert_eq!(report.vessels[0].wait, VesselWait::Pause { until });
}

#[test]
fn replaced_hooks_get_lists_instead_of_single_vessels() {
    let mut desired = desired(4);
    desired.replaced = ReplacedHooks {
        init_vessels: true,
        remove_vessels: true,
        maintenance: true,
        ..ReplacedHooks::default()
    };
    let fleet = fleet(vec![Stage::Acquired, Stage::Acquired, running(), running()]);
    let plan = plan(&desired, &fleet, now(1030)).0;
    let names: Vec<&str> = plan.operations.iter().map(|o| o.kind().name()).collect();
    assert_eq!(
        names,
        [
            "the init_vessels hook",
            "the remove_vessels hook",
            "the maintenance hook"
        ]
    );
    let Operation::Initialise { fresh, owned } = &plan.operations[0] else {
        panic!("{plan:?}");
    };
    assert_eq!((fresh.len(), owned.len()), (2, 4));
}

#[test]
fn at_the_end_nothing_new_is_begun_and_what_is_left_is_left() {
    let mut fleet = fleet(vec![running(), Stage::Acquired]);
    fleet.set_phase(Phase::Stopping {
        reason: StopReason::Signal,
        deadline: at(1020),
    });
    let plan = plan(&desired(3), &fleet, now(1000)).0;
    assert!(plan.finished && plan.operations.is_empty() && plan.verdicts.is_empty());
}
