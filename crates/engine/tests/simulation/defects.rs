//! The defects of the original that the engine must not have, one test each; and what it promises instead.

use std::time::Duration;

use overlord_engine::{Change, CondemnReason, Hooks, OnStart, OnStop, OverlordHandle, StopReason};

use crate::options::Options;
use crate::ports::Reach;
use crate::scenario::Scenario;
use crate::world::Holder;

const MINUTE: Duration = Duration::from_secs(60);

/// A process of a vessel that is killed is back within one poll (the original took 30.6 s at a poll of 10 s).
#[test]
fn a_killed_program_is_back_within_one_poll_on_the_same_vessel() {
    let mut scenario = Scenario::new(Options::calm(5, 8));
    scenario.until_all_run();
    scenario.wait(2 * MINUTE);
    scenario.kill_one();
    let took = scenario.until_all_run();
    assert!(took < Duration::from_secs(32), "{took:?}");
    assert_eq!(scenario.asked("release"), 0);
}

/// The original gave a vessel back for any error at all.
#[test]
fn one_lost_answer_gives_no_vessel_back() {
    let mut scenario = Scenario::new(Options::calm(5, 8));
    scenario.until_all_run();
    let node = scenario.our_nodes()[0];
    scenario.world(|world| world.nodes[node].silent += 1);
    let suspect = |scenario: &Scenario| scenario.count(|c| matches!(c, Change::Suspect { .. })) > 0;
    scenario.until("a vessel is suspect", suspect);
    scenario.world(|world| world.nodes[node].silent -= 1);
    scenario.wait(10 * MINUTE);
    assert_eq!(scenario.asked("release"), 0);
    assert!(scenario.all_run());
}

/// The original's bare `except` took Ctrl-C for a dead vessel: it gave that vessel back and went on.
#[test]
fn an_interrupt_during_a_look_ends_the_run_and_condemns_nobody() {
    let mut scenario = Scenario::new(Options::calm(3, 4));
    scenario.until_all_run();
    let node = scenario.our_nodes()[0];
    scenario.world(|world| world.nodes[node].silent += 1);
    // Half a minute on, the silent node is being asked, and has not answered.
    scenario.wait(Duration::from_secs(35));
    let condemned = |c: &Change| matches!(c, Change::Condemned { .. });
    assert_eq!(scenario.count(condemned), 0);
    let (report, took) = scenario.stop();
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(report.reason, StopReason::Operator);
    assert_eq!(scenario.count(condemned), 0);
    assert_eq!((scenario.asked("release"), scenario.running()), (0, 3));
}

/// The original's whole fleet was given back when its own link was down.
#[test]
fn an_outage_of_our_own_costs_no_vessel() {
    let mut scenario = Scenario::new(Options::calm(10, 12));
    scenario.until_all_run();
    let before = scenario.our_nodes();
    scenario.world(|world| world.link_down += 1);
    scenario.wait(30 * MINUTE);
    assert_eq!(scenario.asked("release"), 0);
    scenario.world(|world| world.link_down -= 1);
    scenario.until_all_run();
    assert_eq!(scenario.our_nodes(), before);
    assert_eq!(scenario.count(|c| matches!(c, Change::Condemned { .. })), 0);
    assert!(scenario.count(|c| matches!(c, Change::BreakerOpened { .. })) >= 1);
    assert!(scenario.count(|c| matches!(c, Change::BreakerClosed)) >= 1);
}

/// The clearinghouse being away ended the original's run, or cost it its vessels.
#[test]
fn a_clearinghouse_that_is_away_costs_no_running_vessel() {
    let mut scenario = Scenario::new(Options::calm(5, 8));
    scenario.until_all_run();
    scenario.world(|world| world.clearinghouse_down += 1);
    scenario.wait(60 * MINUTE);
    assert_eq!(scenario.running(), 5);
    assert!(!scenario.is_over());
    scenario.world(|world| world.clearinghouse_down -= 1);
    scenario.wait(10 * MINUTE);
    assert!(scenario.all_run());
    assert_eq!(scenario.count(|c| matches!(c, Change::Condemned { .. })), 0);
}

/// A node that is gone for good is replaced, on another network.
#[test]
fn a_dead_node_is_replaced_by_another() {
    let mut scenario = Scenario::new(Options::calm(5, 8));
    scenario.until_all_run();
    let node = scenario.our_nodes()[0];
    scenario.world(|world| world.nodes[node].dead += 1);
    scenario.until("the node is given up", |scenario| {
        scenario.count(|c| matches!(c, Change::Released { .. })) == 1
    });
    let took = scenario.until_all_run();
    assert!(took < MINUTE, "{took:?}");
    assert!(!scenario.our_nodes().contains(&node));
}

/// One hung node blocked the original's loop for 91 s each time.
#[test]
fn a_node_that_accepts_and_never_answers_delays_nobody() {
    let mut scenario = Scenario::new(Options::calm(10, 11));
    scenario.world(|world| world.nodes[3].silent += 1);
    let took = scenario.until("nine copies run", |scenario| scenario.running() >= 9);
    assert!(took < Duration::from_secs(2), "{took:?}");
}

/// Refused in mid-run, the original asked 33 to 142 times a second.
#[test]
fn a_clearinghouse_that_has_no_vessels_is_asked_with_growing_pauses() {
    let mut scenario = Scenario::new(Options::calm(4, 8));
    scenario.world(|world| world.gives_nothing += 1);
    scenario.wait(60 * MINUTE);
    let asked = scenario.asked("acquire");
    assert!((5..40).contains(&asked), "{asked} acquisitions in an hour");
    let waits = scenario.count(|c| matches!(c, Change::Waiting { .. }));
    assert!(waits > 0, "the operator was not told");
    scenario.world(|world| world.gives_nothing -= 1);
    scenario.until_all_run();
}

/// All or nothing: the original got nothing where less was to be had.
#[test]
fn what_there_is_is_taken_and_the_rest_waited_for() {
    let mut scenario = Scenario::new(Options::calm(8, 5));
    let took = scenario.until("five copies run", |scenario| scenario.running() == 5);
    assert!(took < MINUTE, "{took:?}");
    // More machines come.
    let asked = scenario.asked("acquire");
    scenario.wait(30 * MINUTE);
    assert!(scenario.asked("acquire") - asked < 30);
}

/// The original started a program that ends at once in a cycle of six seconds, for ever.
#[test]
fn a_program_that_ends_at_once_is_not_started_in_a_tight_loop() {
    let mut scenario = Scenario::new(Options {
        exits: 1000,
        ..Options::calm(1, 4)
    });
    scenario.wait(60 * MINUTE);
    let starts = scenario.asked("start");
    // Pauses of at most 1, 2, 4, … 256, 300 s: about nine to get there, then at least one each 300 s.
    assert!((12..60).contains(&starts), "{starts} starts in an hour");
    let failures = scenario.changes().iter().filter_map(|change| match change {
        Change::Failed { failures, .. } => Some(*failures),
        _ => None,
    });
    // The count goes on although the vessel was replaced in between.
    assert!(failures.max() > Some(9));
}

/// Renewing an empty list ended the original's run.
#[test]
fn with_no_vessel_there_is_nothing_to_renew_and_no_error() {
    let mut options = Options::calm(2, 4);
    options.policy.renew_period = MINUTE;
    let mut scenario = Scenario::new(options);
    scenario.world(|world| world.gives_nothing += 1);
    scenario.wait(30 * MINUTE);
    assert_eq!(scenario.asked("renew"), 0);
    assert!(!scenario.is_over());
}

/// A renewal that failed right after an acquisition ended the original's run, with the vessels held.
#[test]
fn a_failing_renewal_after_the_acquisition_ends_nothing() {
    let mut scenario = Scenario::new(Options::calm(3, 5));
    scenario.until("all run", |scenario| scenario.running() == 3);
    scenario.world(|world| world.clearinghouse_down += 1);
    scenario.wait(5 * MINUTE);
    assert!(scenario.asked("renew") > 1);
    assert_eq!(scenario.running(), 3);
    scenario.world(|world| world.clearinghouse_down -= 1);
    scenario.until("the leases are long", |scenario| {
        scenario.count(|c| matches!(c, Change::LeaseRenewed { .. })) == 3
    });
}

/// The original took up to 15 minutes to notice, and left vessels behind without a word.
#[test]
fn a_stop_is_noticed_at_once_even_while_nodes_are_silent_and_says_what_is_left() {
    let mut scenario = Scenario::new(Options::calm(4, 4));
    scenario.world(|world| world.nodes[1].silent += 1);
    scenario.until("three are known to run", |scenario| {
        scenario.known_to_run() == 3
    });
    let (report, took) = scenario.stop();
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(
        (report.running.len(), report.idle.len(), report.in_doubt),
        (3, 1, 0)
    );
    assert!(report.may_run.is_empty(), "{report:?}");
    assert_eq!(scenario.running(), 3, "they are left running");
    assert!(matches!(
        scenario.changes().last(),
        Some(Change::Stopped { .. })
    ));
}

/// The original deleted a stop request that was made before its start.
#[test]
fn a_stop_that_was_asked_for_before_the_start_is_heeded() {
    let mut scenario = Scenario::new(Options::calm(4, 4));
    scenario.control.stop(StopReason::StopFile);
    scenario.until("it is over", Scenario::is_over);
    let report = scenario.result().unwrap();
    assert_eq!(report.reason, StopReason::StopFile);
    assert_eq!(scenario.asked("acquire"), 0);
}

#[test]
fn at_the_end_programs_are_stopped_or_vessels_given_back_if_that_is_wanted() {
    for (on_stop, held) in [(OnStop::Stop, 4), (OnStop::Release, 0)] {
        let mut options = Options::calm(4, 6);
        options.policy.on_stop = on_stop;
        let mut scenario = Scenario::new(options);
        scenario.until_all_run();
        let (report, took) = scenario.stop();
        assert!(took < Duration::from_secs(2), "{took:?}");
        assert_eq!(scenario.running(), 0);
        assert_eq!(scenario.world(|world| world.ours().count()), held);
        assert_eq!((report.running.len(), report.idle.len()), (0, held));
        assert!(report.undone.is_empty(), "{:?}", report.undone);
    }
}

#[test]
fn an_end_that_cannot_be_reached_is_given_up_in_time_and_reported() {
    let mut options = Options::calm(2, 4);
    options.policy.on_stop = OnStop::Release;
    let mut scenario = Scenario::new(options);
    scenario.until_all_run();
    scenario.world(|world| world.link_down += 1);
    let (report, took) = scenario.stop();
    assert!(took <= Duration::from_secs(20), "{took:?}");
    // Their release was asked for and nobody answered; the programs were last seen running.
    assert_eq!(
        (report.may_run.len(), report.idle.len()),
        (2, 0),
        "{report:?}"
    );
}

/// The original's second start gave back what the first one had running.
#[test]
fn after_a_crash_our_vessels_are_taken_over_and_others_are_given_back_as_asked() {
    let mut options = Options::calm(3, 6);
    options.foreign = 2;
    let mut scenario = Scenario::new(options);
    scenario.until_all_run();
    let (before, starts) = (scenario.our_nodes(), scenario.asked("start"));
    let reach = scenario.crash();
    let mut scenario = Scenario::in_world(reach, Hooks::default());
    scenario.until_all_run();
    assert_eq!(scenario.our_nodes(), before);
    assert_eq!(scenario.asked("start"), starts, "nothing was started anew");
    assert_eq!(scenario.count(|c| matches!(c, Change::Adopted { .. })), 3);
}

fn world_with_others(on_start: OnStart, wanted: u32, others: usize) -> Scenario {
    let mut options = Options::calm(wanted, 8);
    options.foreign = others;
    options.policy.on_start = on_start;
    Scenario::new(options)
}

#[test]
fn the_clean_start_gives_back_whatever_the_account_holds() {
    let mut scenario = world_with_others(OnStart::Release, 2, 3);
    scenario.until_all_run();
    let others = scenario.world(|world| {
        world
            .vessels
            .values()
            .filter(|vessel| vessel.holder == Holder::Others)
            .count()
    });
    assert_eq!(others, 0);
    let released = scenario.changes().iter().find_map(|change| match change {
        Change::ReleasedAtStart { vessels } => Some(vessels.len()),
        _ => None,
    });
    assert_eq!(released, Some(3));
}

#[test]
fn adopting_takes_over_no_more_than_wanted_and_leaves_the_rest_alone() {
    let mut scenario = world_with_others(OnStart::Adopt, 2, 4);
    scenario.until_all_run();
    assert_eq!(scenario.count(|c| matches!(c, Change::Adopted { .. })), 2);
    assert_eq!(scenario.count(|c| matches!(c, Change::LeftAlone { .. })), 2);
    assert_eq!(scenario.asked("acquire"), 0);
    scenario.wait(10 * MINUTE);
    assert_eq!(scenario.asked("release"), 0);
}

/// A vessel that failed us is not the one that replaces it, while there is another.
#[test]
fn a_node_that_failed_is_avoided_for_a_while() {
    let mut scenario = Scenario::new(Options::calm(1, 2));
    scenario.until_all_run();
    let bad = scenario.our_nodes()[0];
    // It answers, but no program runs on it for long.
    for _ in 0..40 {
        if scenario.our_nodes() != [bad] {
            break;
        }
        scenario.kill_one();
        scenario.wait(MINUTE / 2);
    }
    scenario.wait(10 * MINUTE);
    assert_eq!(scenario.running(), 1);
}

/// The clearinghouse takes a vessel back: it is found out, and replaced.
#[test]
fn a_vessel_that_was_taken_back_is_noticed_and_replaced() {
    let mut scenario = Scenario::new(Options::calm(3, 5));
    scenario.until_all_run();
    scenario.world(|world| {
        let vessel = world
            .vessels
            .values_mut()
            .find(|vessel| vessel.holder == Holder::Us)
            .unwrap();
        vessel.holder = Holder::Nobody;
        vessel.wipe();
    });
    scenario.until("it is noticed", |scenario| {
        scenario.count(|c| matches!(c, Change::Lost { .. } | Change::Released { .. })) == 1
    });
    scenario.until_all_run();
}

/// When the laptop wakes, leases by the wall clock look over; they are read before anything is concluded.
#[test]
fn a_clock_that_jumps_costs_no_vessel() {
    let mut scenario = Scenario::new(Options::calm(3, 5));
    scenario.until_all_run();
    scenario.wait(MINUTE);
    for step in [10 * 24 * 3_600_000, -20 * 24 * 3_600_000] {
        scenario.reach.time.step_wall(step);
        scenario.wait(30 * MINUTE);
        assert!(scenario.all_run());
    }
    assert_eq!(
        scenario.count(|c| matches!(c, Change::Condemned { .. } | Change::Lost { .. })),
        0
    );
}

/// More vessels than wanted made the original spin without sleep, for ever.
#[test]
fn more_vessels_than_wanted_are_given_back_and_nothing_spins() {
    let mut scenario = Scenario::new(Options::calm(5, 8));
    scenario.until_all_run();
    let reach: Reach = scenario.crash();
    reach.world().options.wanted = 3;
    reach.world().ruler.wants_fewer(3);
    let mut scenario = Scenario::in_world(reach, Hooks::default());
    scenario.until("three are left", |s| {
        s.world(|world| world.ours().count()) == 3
    });
    let surplus = scenario.count(|change| {
        matches!(
            change,
            Change::Condemned {
                reason: CondemnReason::Surplus,
                ..
            }
        )
    });
    assert_eq!(surplus, 2);
    let asked = scenario.asked("held");
    scenario.wait(30 * MINUTE);
    assert!(scenario.asked("held") - asked < 12);
}

/// The original's helper raised inside its error path.
#[test]
fn where_a_vessel_is_can_always_be_said() {
    let hooks = Hooks::default().init_overlord(|overlord: OverlordHandle| async move {
        let unknown = "65537 1234567890123:v9".parse()?;
        assert_eq!(overlord.vessel_location(&unknown), "…67890123:v9");
        Ok(())
    });
    let mut scenario = Scenario::with_hooks(Options::calm(1, 2), hooks);
    scenario.until_all_run();
}
