//! What kind of world a seed stands for, and what goes wrong in it.

use std::fmt;
use std::time::Duration;

use overlord_engine::{OnStart, OnStop, Policy};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

/// Everything that a seed decides before the world begins. Printed when a seed fails.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    /// How many copies are wanted.
    pub(crate) wanted: u32,
    /// How many nodes there are.
    pub(crate) nodes: usize,
    /// How many vessels each node has.
    pub(crate) vessels_per_node: usize,
    /// How many nodes share a network with their neighbour.
    pub(crate) shared_networks: usize,
    /// How many vessels others hold on our account.
    pub(crate) foreign: usize,
    /// Longest way of a message.
    pub(crate) latency_max: Duration,
    /// How many of a thousand messages are lost.
    pub(crate) loss: u32,
    /// How many of a thousand answers are wrong.
    pub(crate) lies: u32,
    /// How many of a thousand starts end soon by themselves.
    pub(crate) exits: u32,
    pub(crate) lease_on_acquisition: Duration,
    pub(crate) lease_on_renewal: Duration,
    /// How long the world is bad.
    pub(crate) bad_for: Duration,
    /// How long there is between two faults, on average.
    pub(crate) fault_each: Duration,
    /// Which faults there are: a bit for each.
    pub(crate) faults: u32,
    /// When the run is told to stop in the midst of it all; `None`: when the world is good and all copies run.
    pub(crate) stop_after: Option<Duration>,
    pub(crate) policy: Policy,
}

impl Options {
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = ChaCha12Rng::seed_from_u64(seed);
        let wanted = random.random_range(1..=10_u32);
        let minutes = |n: u64| Duration::from_secs(60 * n);
        let (lease_on_acquisition, lease_on_renewal) = match random.random_range(0..3) {
            0 => (minutes(4 * 60), minutes(7 * 24 * 60)),
            1 => (minutes(30), minutes(120)),
            _ => (minutes(12), minutes(20)),
        };
        let mut policy =
            Policy::with_poll_period(Duration::from_secs(random.random_range(10..=60)));
        policy.on_start = if random.random_bool(0.5) {
            OnStart::Release
        } else {
            OnStart::Adopt
        };
        policy.surge = random.random_range(0..=1);
        policy.backoff_most = Duration::from_secs(random.random_range(30..=300));
        policy.operations_max = random.random_range(2..=64);
        let foreign = random.random_range(0..=2);
        let bad_for = minutes(random.random_range(8..=25));
        policy.on_stop = [OnStop::Leave, OnStop::Stop, OnStop::Release][random.random_range(0..3)];
        let stops_early = random.random_ratio(1, 4);
        let stop_after = bad_for.mul_f64(random.random_range(0.0..1.0));
        Self {
            seed,
            wanted,
            // Enough for all copies, even if the others' vessels are on nodes of their own.
            nodes: wanted as usize + foreign + random.random_range(0..=4),
            vessels_per_node: random.random_range(1..=3),
            shared_networks: random.random_range(0..=2),
            foreign,
            latency_max: Duration::from_millis(random.random_range(1..=2000)),
            loss: random.random_range(0..=100),
            lies: random.random_range(0..=20),
            exits: [0, 0, 50, 1000][random.random_range(0..4)],
            lease_on_acquisition,
            lease_on_renewal,
            bad_for,
            fault_each: Duration::from_secs(random.random_range(20..=300)),
            // Not every fault in every world: rare combinations are met more often this way.
            faults: random.random(),
            stop_after: stops_early.then_some(stop_after),
            policy,
        }
    }

    /// A small world in which nothing goes wrong.
    pub(crate) fn calm(wanted: u32, nodes: usize) -> Self {
        Self {
            seed: 0,
            wanted,
            nodes,
            vessels_per_node: 1,
            shared_networks: 0,
            foreign: 0,
            latency_max: Duration::from_millis(50),
            loss: 0,
            lies: 0,
            exits: 0,
            lease_on_acquisition: Duration::from_secs(4 * 60 * 60),
            lease_on_renewal: Duration::from_secs(7 * 24 * 60 * 60),
            bad_for: Duration::ZERO,
            fault_each: Duration::from_secs(3600),
            faults: 0,
            stop_after: None,
            policy: Policy::default(),
        }
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#?}")
    }
}
