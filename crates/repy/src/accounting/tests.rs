//! The arithmetic of limits, on a clock made of numbers.

use overlord_resources::{PortKind, Resource, Resources};

use super::processor::{PAUSES_KEPT, PERIOD, ProcessorShare};
use super::{Accounting, Bucket, RENEWABLE, take_item, use_port};

fn limits(quantities: &[(Resource, f64)]) -> Option<Resources> {
    let mut limits = Resources::default();
    for &(resource, quantity) in quantities {
        limits.set(resource, quantity);
    }
    Some(limits)
}

#[test]
fn a_bucket_lets_one_second_of_burst_pass_and_then_makes_wait_for_what_is_above() {
    let mut bucket = Bucket::new(1000.0);
    bucket.charge(1000.0, 0.0);
    assert!(bucket.drained_at() <= 0.0, "a second's worth is free");
    bucket.charge(500.0, 0.0);
    assert_eq!(bucket.drained_at(), 0.5);
    bucket.drain(0.5);
    assert_eq!(bucket.level(), 1000.0);
    bucket.drain(9.0);
    assert_eq!(bucket.level(), 0.0, "it never holds less than nothing");
}

#[test]
fn what_has_drained_is_taken_off_when_the_bucket_is_charged_again() {
    let mut bucket = Bucket::new(1000.0);
    bucket.charge(400.0, 1.0);
    assert_eq!(bucket.level(), 400.0, "however late it is asked");
    bucket.charge(50.0, 1.25);
    assert_eq!(bucket.level(), 200.0);
}

#[test]
fn over_ten_seconds_a_bucket_passes_its_rate_and_one_burst() {
    let mut bucket = Bucket::new(1000.0);
    let (mut now, mut passed) = (0.0_f64, 0.0);
    while now < 10.0 {
        bucket.charge(300.0, now);
        passed += 300.0;
        now = now.max(bucket.drained_at());
    }
    assert!((11_000.0..11_600.0).contains(&passed), "{passed}");
}

#[test]
fn a_bucket_without_a_limit_never_makes_wait() {
    let mut bucket = Bucket::new(f64::INFINITY);
    bucket.charge(1e12, 5.0);
    assert!(bucket.drained_at() < 5.0);
    bucket.drain(5.5);
    assert_eq!(bucket.level(), 1e12);
    bucket.drain(7.0);
    assert_eq!(bucket.level(), 0.0);
}

#[test]
fn a_resource_with_limit_nought_may_not_be_used_at_all() {
    let account = Accounting::new(limits(&[(Resource::LogRate, 10.0)]));
    for resource in RENEWABLE {
        let allowed = account.borrow().is_allowed(resource);
        assert_eq!(allowed, resource == Resource::LogRate, "{resource}");
    }
    assert!(take_item(&account, Resource::Events).is_err());
}

#[test]
fn items_are_counted_and_given_back_when_dropped() {
    let account = Accounting::new(limits(&[(Resource::FilesOpened, 2.0)]));
    let first = take_item(&account, Resource::FilesOpened);
    let second = take_item(&account, Resource::FilesOpened);
    assert!(first.is_ok() && second.is_ok());
    let refused = take_item(&account, Resource::FilesOpened)
        .err()
        .map(|exhausted| exhausted.to_string());
    assert_eq!(
        refused.as_deref(),
        Some("Resource 'filesopened' limit exceeded!!")
    );
    drop(first);
    assert_eq!(account.borrow().held(Resource::FilesOpened), 1);
    assert!(take_item(&account, Resource::FilesOpened).is_ok());
}

#[test]
fn ports_are_in_use_until_the_last_user_is_gone() {
    let mut resources = Resources::default();
    resources.allow_port(PortKind::Connection, 12345);
    let account = Accounting::new(Some(resources));
    assert!(account.borrow().allows_port(PortKind::Connection, 12345));
    assert!(!account.borrow().allows_port(PortKind::Message, 12345));
    let first = use_port(&account, PortKind::Connection, 12345);
    let second = use_port(&account, PortKind::Connection, 12345);
    drop(first);
    assert_eq!(
        account.borrow().ports_in_use(PortKind::Connection),
        [12345_u16]
    );
    drop(second);
    assert!(
        account
            .borrow()
            .ports_in_use(PortKind::Connection)
            .is_empty()
    );
}

/// Runs a program that always wants the processor, in steps of `step` seconds of processor time, for ten seconds.
fn used_in_ten_seconds(share: f64, step: f64) -> f64 {
    let (mut now, mut used) = (0.0, 0.0);
    let mut processor = ProcessorShare::new(share, now, used);
    while now < 10.0 {
        now += step;
        used += step;
        if let Some(until) = processor.observe(now, used) {
            processor.paused(now, until - now);
            now = until;
        }
    }
    used
}

#[test]
fn a_greedy_program_gets_its_share_of_the_processor_within_a_tenth() {
    for share in [0.01, 0.1, 0.5, 0.9] {
        for step in [0.0005, 0.002, 0.02] {
            let used = used_in_ten_seconds(share, step);
            let most = 10.0 * share * 1.1;
            let least = 10.0 * share * 0.9;
            assert!(
                (least..=most + step).contains(&used),
                "share {share} step {step}: {used}"
            );
        }
    }
}

#[test]
fn what_was_used_is_looked_at_once_a_period_and_paused_for_by_what_it_takes_to_be_earned() {
    let mut processor = ProcessorShare::new(0.1, 0.0, 0.0);
    assert_eq!(processor.observe(0.05, 0.05), None, "within the period");
    let until = processor.observe(0.1, 0.1).unwrap_or_default();
    // 0.1 used / 0.1 - the period of 0.1: a pause of 0.9 seconds.
    assert!((until - 1.0).abs() < 1e-9, "{until}");
    assert_eq!(processor.observe(1.05, 0.15), None, "the next period");
    let until = processor.observe(1.125, 0.225).unwrap_or_default();
    // 0.125 used / 0.1 - 0.125.
    assert!((until - 2.25).abs() < 1e-9, "{until}");
}

#[test]
fn a_program_that_was_idle_may_make_up_for_a_tenth_of_ten_seconds_and_no_more() {
    let mut processor = ProcessorShare::new(0.5, 0.0, 0.0);
    assert_eq!(processor.observe(100.0, 0.0), None);
    assert_eq!(processor.observe(100.5, 0.5), None, "within the burst");
    let until = processor.observe(101.0, 1.1).unwrap_or_default();
    // 1.1 used, 0.498 left over from before (a second's, but for a late turn), 0.5 earned meanwhile.
    assert!((until - 101.204).abs() < 1e-9, "{until}");
    // A share so small that a late turn is more than the tolerance has still something to make up with.
    let mut processor = ProcessorShare::new(0.001, 0.0, 0.0);
    assert_eq!(processor.observe(100.0, 0.0), None);
    assert_eq!(processor.observe(100.2, 0.000_2), None);
    assert!(processor.observe(100.4, 0.000_6).is_some());
}

/// splitmix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    /// A number from 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64
    }

    /// So many seconds, mostly few: at most `most`, and a tenth of it on average.
    fn seconds(&mut self, most: f64) -> f64 {
        most * self.next().powi(9)
    }
}

/// A machine on which a program that always wants the processor is woken late and is interrupted while it runs.
/// What it has used at which times, in the order of time, for a minute.
fn busy_on_a_loaded_machine(share: f64, delay: f64, random: &mut Random) -> Vec<(f64, f64)> {
    let (mut now, mut used) = (0.0, 0.0);
    let mut processor = ProcessorShare::new(share, now, used);
    let mut seen = vec![(now, used)];
    while now < 60.0 {
        let turn = 0.004 * random.next();
        used += turn;
        // Others run in between, and so less often if the program wants more of the processor.
        now += turn + random.seconds(delay * (1.0 - share) * 0.01);
        seen.push((now, used));
        if let Some(until) = processor.observe(now, used) {
            now = until + random.seconds(delay);
            seen.push((now, used));
        }
    }
    seen
}

#[test]
fn on_a_loaded_machine_a_program_gets_its_share_within_a_tenth_in_every_ten_seconds() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let share = [0.02, 0.1, 0.2, 0.5, 0.8][seed as usize % 5];
        // Up to seven tenths of a second late now and then; more would not leave it its share.
        let delay = 0.7 * random.next();
        let seen = busy_on_a_loaded_machine(share, delay, &mut random);
        let mut end = 0;
        for (at, before) in &seen {
            while seen.get(end).is_some_and(|(later, _)| *later < at + 10.0) {
                end += 1;
            }
            let Some((later, after)) = seen.get(end) else {
                break;
            };
            let expected = (later - at) * share;
            // What is used in one period may fall into these ten seconds or beside them.
            let off = ((after - before - expected).abs() - PERIOD).max(0.0) / expected;
            assert!(
                off <= 0.1,
                "seed {seed}: share {share}, delays up to {delay}: {:+.1} % from {at}",
                off * 100.0
            );
        }
    }
}

#[test]
fn late_wakings_take_no_part_of_a_share_however_large_it_is() {
    for share in [0.05, 0.2, 0.5, 0.9] {
        let mut random = Random(7);
        let seen = busy_on_a_loaded_machine(share, 0.3, &mut random);
        let (lasted, used) = *seen.last().unwrap_or(&(1.0, 0.0));
        let expected = lasted * share;
        let off = ((used - expected).abs() - PERIOD).max(0.0) / expected;
        assert!(off < 0.02, "share {share}: {:+.2} %", off * 100.0);
    }
}

#[test]
fn only_the_last_pauses_are_kept() {
    let mut processor = ProcessorShare::new(0.5, 0.0, 0.0);
    for at in 0..250 {
        processor.paused(f64::from(at), 0.5);
    }
    let pauses: Vec<_> = processor.pauses().collect();
    assert_eq!(pauses.len(), PAUSES_KEPT);
    assert_eq!(pauses.first(), Some(&(150.0, 0.5)));
}

#[test]
fn without_a_limit_nothing_is_paused() {
    let mut processor = ProcessorShare::new(f64::INFINITY, 0.0, 0.0);
    assert_eq!(processor.observe(1.0, 1.0), None);
}
