//! How long to wait before the next attempt: exponential, fully jittered, never none.
//!
//! A number of failures and a random number go in, a pause comes out. Counting failures is left to those who have them.

use std::time::Duration;

/// The least pause, as a share of the ceiling: full jitter alone would now and then give no pause at
/// all, and a loop without a pause is what this is here to prevent.
const FLOOR_SHARE: u32 = 10;
/// Doublings after which every ceiling has reached its bound; keeps the shift in range.
const DOUBLINGS_MAX: u32 = 30;

/// The shape of the pauses: the ceiling doubles with each failure from `first` to `most`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Ceiling of the pause after the first failure.
    pub first: Duration,
    /// Ceiling of all pauses.
    pub most: Duration,
}

impl Backoff {
    /// The longest pause after so many failures in a row.
    #[must_use]
    pub fn ceiling(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(DOUBLINGS_MAX);
        self.first.saturating_mul(1 << doublings).min(self.most)
    }

    /// The pause after so many failures in a row: evenly between a tenth of the ceiling and the ceiling.
    #[must_use]
    pub fn pause(&self, failures: u32, random: u64) -> Duration {
        let ceiling = self.ceiling(failures);
        between(ceiling / FLOOR_SHARE, ceiling, random)
    }
}

/// A duration evenly from `least` to `most`, to the millisecond or finer.
#[must_use]
pub fn between(least: Duration, most: Duration, random: u64) -> Duration {
    // 20 bits of chance are finer than any timer needs, and keep the product in range.
    const PARTS: u32 = 1 << 20;
    let part = u32::try_from(random >> 44).unwrap_or(PARTS);
    least + (most.saturating_sub(least) / PARTS).saturating_mul(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_secs(1),
        most: Duration::from_secs(300),
    };

    #[test]
    fn the_ceiling_doubles_up_to_its_bound() {
        let ceilings: Vec<u64> = (0..=11).map(|n| BACKOFF.ceiling(n).as_secs()).collect();
        assert_eq!(ceilings, [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(BACKOFF.ceiling(u32::MAX).as_secs(), 300);
    }

    proptest! {
        #[test]
        fn a_pause_is_never_none_and_never_over_the_ceiling(failures: u32, random: u64) {
            let pause = BACKOFF.pause(failures, random);
            prop_assert!(pause >= BACKOFF.ceiling(failures) / FLOOR_SHARE);
            prop_assert!(pause <= BACKOFF.ceiling(failures));
        }
    }
}
