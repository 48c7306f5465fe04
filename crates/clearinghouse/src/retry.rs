//! When a call is made again, and after what pause: exponential backoff with full jitter.
//!
//! The rule is a pure function. Sleeping and randomness come from a [`Pacer`], so that tests need no time
//! and no luck.

use std::time::Duration;

use async_trait::async_trait;

/// How often and how fast a call is repeated that is safe to repeat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// How often a call is made at most, the first time included.
    pub attempts: u32,
    /// Longest pause before the first repetition; it doubles each time.
    pub first: Duration,
    /// Longest pause of all.
    pub longest: Duration,
}

impl Default for RetryPolicy {
    /// Three attempts within seconds: enough for a dropped connection or a restarted server. Longer absences
    /// are for the caller, who knows what else there is to do.
    fn default() -> Self {
        Self {
            attempts: 3,
            first: Duration::from_millis(250),
            longest: Duration::from_secs(5),
        }
    }
}

impl RetryPolicy {
    /// Never repeats anything.
    pub const NEVER: Self = Self {
        attempts: 1,
        first: Duration::ZERO,
        longest: Duration::ZERO,
    };

    /// The pause after `failed` attempts, for a number drawn evenly from 0 to 1; `None` when there were enough.
    #[must_use]
    pub fn pause(&self, failed: u32, drawn: f64) -> Option<Duration> {
        if failed == 0 || failed >= self.attempts {
            return None;
        }
        let factor = 2_u32.saturating_pow(failed - 1);
        let longest = self.first.saturating_mul(factor).min(self.longest);
        Some(longest.mul_f64(drawn.clamp(0.0, 1.0)))
    }
}

/// Where sleep and chance come from.
#[async_trait]
pub trait Pacer: Send + Sync {
    /// Sleeps that long.
    async fn sleep(&self, pause: Duration);
    /// Draws a number evenly from 0 to 1.
    fn draw(&self) -> f64;
}

/// The runtime's timer and the thread's random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct RuntimePacer;

#[async_trait]
impl Pacer for RuntimePacer {
    async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the edge: jitter needs no seed, and tests bring their own pacer"
    )]
    fn draw(&self) -> f64 {
        use rand::RngExt as _;
        rand::rng().random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_then_end() {
        let policy = RetryPolicy {
            attempts: 6,
            first: Duration::from_secs(1),
            longest: Duration::from_secs(5),
        };
        let pauses: Vec<_> = (0..8).map(|failed| policy.pause(failed, 1.0)).collect();
        let seconds = |s| Some(Duration::from_secs(s));
        assert_eq!(
            pauses,
            [
                None,
                seconds(1),
                seconds(2),
                seconds(4),
                seconds(5),
                seconds(5),
                None,
                None
            ]
        );
    }

    #[test]
    fn jitter_takes_any_part_of_the_pause_and_never_more() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.pause(1, 0.0), Some(Duration::ZERO));
        assert_eq!(policy.pause(1, 7.0), Some(policy.first));
        assert_eq!(policy.pause(2, 0.5), Some(policy.first));
        assert_eq!(RetryPolicy::NEVER.pause(1, 0.5), None);
    }
}
