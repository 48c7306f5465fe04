//! Pauses before repeats: exponential, with full jitter, so that many clients do not come back at once.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::NodeClientConfig;

/// The step in which times are written in signed requests: two signers within it have the same time.
const TIME_STEP: Duration = Duration::from_millis(10);

/// Draws pauses from a seeded sequence.
#[derive(Debug)]
pub(super) struct Pauses {
    first: Duration,
    longest: Duration,
    state: AtomicU64,
}

impl Pauses {
    pub(super) fn new(config: &NodeClientConfig) -> Self {
        // Not for secrets: only that two programs differ. The standard hasher is seeded by the system.
        let seed = config
            .seed
            .unwrap_or_else(|| RandomState::new().hash_one(0_u8));
        Self {
            first: config.pause,
            longest: config.pause_max,
            state: AtomicU64::new(seed),
        }
    }

    /// The pause before the `attempt`-th repeat, counted from 1: a random part of what doubles each time.
    pub(super) fn before_repeat(&self, attempt: u32) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1 << attempt.saturating_sub(1).min(16));
        doubled.min(self.longest).mul_f64(self.fraction())
    }

    /// The pause until a request signed now has another time than one of somebody else's had.
    pub(super) fn before_next_time(&self) -> Duration {
        TIME_STEP + TIME_STEP.mul_f64(self.fraction())
    }

    /// From 0 to 1, by the splitmix64 sequence.
    fn fraction(&self) -> f64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self
            .state
            .fetch_add(STEP, Ordering::Relaxed)
            .wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        f64::from(u32::try_from(z >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_are_bounded_and_differ() {
        let config = NodeClientConfig {
            seed: Some(7),
            ..NodeClientConfig::default()
        };
        let pauses = Pauses::new(&config);
        let mut longest = Duration::ZERO;
        let mut shortest = Duration::MAX;
        for _ in 0..1000 {
            assert!(pauses.before_repeat(1) <= config.pause);
            let late = pauses.before_repeat(1000);
            longest = longest.max(late);
            shortest = shortest.min(late);
        }
        assert!(longest <= config.pause_max && longest > config.pause_max.mul_f64(0.95));
        assert!(shortest < config.pause_max.mul_f64(0.05));
        let again = Pauses::new(&config);
        assert_eq!(
            again.before_repeat(3),
            Pauses::new(&config).before_repeat(3)
        );
    }
}
