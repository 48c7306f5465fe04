//! The life cycle, pair by pair.

use super::*;

const OPERATION: OperationId = OperationId::of(7);

fn moment(seconds: u64) -> Moment {
    Moment::after_beginning(Duration::from_secs(seconds))
}

fn vessel(stage: Stage) -> Vessel {
    let held = HeldVessel {
        handle: "3 33:v1".parse().unwrap(),
        location: "10.0.0.1:1224".parse().unwrap(),
        expires_in: Duration::from_secs(100),
        is_active: true,
    };
    Vessel {
        stage,
        ..Vessel::new(&held, Now::default(), 0)
    }
}

fn stages() -> Vec<Stage> {
    let since = moment(1);
    let reason = CondemnReason::Surplus;
    vec![
        Stage::Acquired,
        Stage::Uploading {
            operation: OPERATION,
        },
        Stage::Starting {
            progress: StartProgress::Queued,
        },
        Stage::Starting {
            progress: StartProgress::Asked(OPERATION),
        },
        Stage::Starting {
            progress: StartProgress::Unconfirmed { since },
        },
        Stage::Running { since },
        Stage::Suspect { since },
        Stage::Unknown { since },
        Stage::Condemned {
            reason: reason.clone(),
        },
        Stage::Releasing {
            reason,
            operation: OPERATION,
        },
    ]
}

fn steps() -> Vec<Step> {
    let now = moment(2);
    vec![
        Step::UploadBegins(OPERATION),
        Step::Uploaded,
        Step::StartBegins(OPERATION),
        Step::SeenRunning(now),
        Step::NotYetStarted(now),
        Step::NothingRuns,
        Step::Doubted(now),
        Step::OutOfReach(now),
        Step::Condemned(CondemnReason::RunEnds),
        Step::Pardoned(now),
        Step::ReleaseBegins(OPERATION),
        Step::ReleaseFailed,
    ]
}

#[test]
fn the_straight_way_leads_from_acquired_to_running() {
    let mut vessel = vessel(Stage::Acquired);
    vessel.take(Step::UploadBegins(OPERATION)).unwrap();
    vessel.take(Step::Uploaded).unwrap();
    vessel.take(Step::StartBegins(OPERATION)).unwrap();
    vessel.take(Step::SeenRunning(moment(5))).unwrap();
    assert_eq!(vessel.stage, Stage::Running { since: moment(5) });
    assert_eq!(vessel.generation, 4);
}

#[test]
fn a_vessel_that_is_seen_again_has_run_all_the_while() {
    let mut vessel = vessel(Stage::Running { since: moment(5) });
    vessel.take(Step::SeenRunning(moment(9))).unwrap();
    assert_eq!(vessel.stage, Stage::Running { since: moment(5) });
}

#[test]
fn only_a_pardon_leads_back_from_condemned_to_use() {
    for stage in stages().into_iter().filter(Stage::is_leaving) {
        for step in steps() {
            let mut vessel = vessel(stage.clone());
            let pardon = matches!(step, Step::Pardoned(_));
            if vessel.take(step).is_ok() {
                assert_eq!(vessel.stage.is_leaving(), !pardon);
            }
        }
    }
}

#[test]
fn a_refused_step_names_stage_and_step_and_changes_nothing() {
    let mut refused = 0;
    for stage in stages() {
        for step in steps() {
            let mut vessel = vessel(stage.clone());
            let before = vessel.clone();
            if let Err(error) = vessel.take(step) {
                refused += 1;
                assert_eq!(vessel, before);
                assert_eq!(error.stage, before.stage.name());
            }
        }
    }
    // Of 120 pairs these many make no sense; a new legal pair has to be counted here on purpose.
    assert_eq!(refused, 120 - 36);
}

#[test]
fn only_a_condemned_vessel_can_be_released() {
    for stage in stages() {
        let condemned = matches!(stage, Stage::Condemned { .. });
        let taken = vessel(stage).take(Step::ReleaseBegins(OPERATION));
        assert_eq!(taken.is_ok(), condemned);
    }
}

#[test]
fn a_lease_runs_out_by_whichever_clock_is_ahead() {
    let now = |moment: u64, wall: u64| Now {
        moment: Moment::after_beginning(Duration::from_secs(moment)),
        wall: WallTime::from_unix_millis(1000 * wall),
    };
    let mut lease = Lease::read(Duration::from_secs(100), now(0, 1000));
    assert_eq!(lease.remaining(now(10, 1010)).as_secs(), 90);
    // The laptop slept: the wall clock knows better.
    assert_eq!(lease.remaining(now(10, 1060)).as_secs(), 40);
    // Somebody set the clock back: the other knows better.
    assert_eq!(lease.remaining(now(10, 500)).as_secs(), 90);
    // Reading it again sets both right, and is no renewal.
    assert!(!lease.read_again(Duration::from_secs(90), now(10, 5000)));
    assert_eq!(lease.remaining(now(11, 5001)).as_secs(), 89);
    assert!(lease.read_again(Duration::from_secs(100), now(20, 5010)));
    assert!(lease.renewed);
    assert_eq!(lease.granted, moment(20));
}
