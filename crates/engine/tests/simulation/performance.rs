//! How long it takes and how many questions: the engine adds nothing to what the messages need.

use std::time::Duration;

use crate::options::Options;
use crate::scenario::Scenario;

/// Longest way of a message, there or back.
const LATENCY: Duration = Duration::from_millis(50);

#[test]
fn a_hundred_copies_run_after_four_round_trips() {
    let mut scenario = Scenario::new(Options {
        latency_max: LATENCY,
        ..Options::calm(100, 100)
    });
    let took = scenario.until("a hundred copies run", |scenario| scenario.running() == 100);
    // Reading what is held, acquiring, uploading, starting.
    assert!(took <= 4 * 2 * LATENCY, "{took:?}");
    assert_eq!(scenario.asked("acquire"), 1);
    assert_eq!(scenario.asked("upload"), 100);
    assert_eq!(scenario.asked("start"), 100);
}

#[test]
fn vessels_of_one_node_are_brought_up_three_at_a_time_and_watched_with_one_question() {
    let options = Options {
        vessels_per_node: 12,
        ..Options::calm(12, 1)
    };
    let mut scenario = Scenario::new(options);
    scenario.until_all_run();
    let minutes = 30;
    scenario.wait(Duration::from_secs(60));
    let asked = scenario.asked("check");
    scenario.wait(Duration::from_secs(60 * minutes));
    let checks = scenario.asked("check") - asked;
    // Every 22.5 to 30 s.
    assert!(
        (60..=80).contains(&checks),
        "{checks} checks in {minutes} minutes"
    );
}

#[test]
fn many_copies_ask_the_clearinghouse_no_more_often_than_few() {
    let questions = |copies: u32| {
        let mut scenario = Scenario::new(Options::calm(copies, copies as usize));
        scenario.until_all_run();
        scenario.wait(Duration::from_secs(60));
        scenario.world(|world| {
            let calls = ["account", "held", "acquire", "release", "renew"];
            calls
                .iter()
                .map(|call| world.asked.get(call).copied().unwrap_or(0))
                .sum::<u64>()
        })
    };
    let (few, many) = (questions(10), questions(300));
    assert!(many <= few + 2, "{few} for ten, {many} for three hundred");
}
