//! Pauses before repeats, so that many clients do not come back at once. The rule is [`Backoff`]'s.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use overlord_time::{Backoff, Randomness, between};

/// The step in which times are written in signed requests: two signers within it have the same time.
const TIME_STEP: Duration = Duration::from_millis(10);

/// Draws pauses.
#[derive(Clone)]
pub(super) struct Pauses {
    backoff: Backoff,
    randomness: Arc<dyn Randomness>,
}

impl fmt::Debug for Pauses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.backoff.fmt(f)
    }
}

impl Pauses {
    pub(super) fn new(backoff: Backoff, randomness: Arc<dyn Randomness>) -> Self {
        Self {
            backoff,
            randomness,
        }
    }

    /// The pause before the `attempt`-th repeat, counted from 1.
    pub(super) fn before_repeat(&self, attempt: u32) -> Duration {
        self.backoff.pause(attempt, self.randomness.next_u64())
    }

    /// The pause until a request signed now has another time than one of somebody else's had.
    pub(super) fn before_next_time(&self) -> Duration {
        between(TIME_STEP, TIME_STEP * 2, self.randomness.next_u64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use overlord_time::SeededRandomness;

    #[test]
    fn the_next_time_is_one_to_two_steps_away_and_differs_from_client_to_client() {
        let backoff = crate::client::config::NodeClientConfig::default().backoff;
        let pauses = |seed| Pauses::new(backoff, Arc::new(SeededRandomness::from_seed(seed)));
        let (one, other) = (pauses(1), pauses(2));
        for _ in 0..100 {
            let pause = one.before_next_time();
            assert!((TIME_STEP..=TIME_STEP * 2).contains(&pause), "{pause:?}");
        }
        assert_ne!(one.before_repeat(3), other.before_repeat(3));
    }
}
