//! How often a call is made again that is safe to make again. The rule of the pauses is [`Backoff`]'s.

use std::time::Duration;

use overlord_time::Backoff;

/// How often and how fast a call is repeated that is safe to repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often a call is made at most, the first time included.
    pub attempts: u32,
    /// The pauses before repetitions.
    pub backoff: Backoff,
}

impl Default for RetryPolicy {
    /// Three attempts within seconds: enough for a dropped connection or a restarted server. Longer absences
    /// are for the caller, who knows what else there is to do.
    fn default() -> Self {
        Self {
            attempts: 3,
            backoff: Backoff {
                first: Duration::from_millis(250),
                most: Duration::from_secs(5),
            },
        }
    }
}

impl RetryPolicy {
    /// Never repeats anything.
    pub const NEVER: Self = Self {
        attempts: 1,
        backoff: Backoff {
            first: Duration::ZERO,
            most: Duration::ZERO,
        },
    };

    /// The pause after `failed` attempts, for a random number; `None` when there were enough.
    #[must_use]
    pub fn pause(&self, failed: u32, random: u64) -> Option<Duration> {
        (1..self.attempts)
            .contains(&failed)
            .then(|| self.backoff.pause(failed, random))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_end_when_there_were_enough_attempts() {
        let policy = RetryPolicy::default();
        let paused: Vec<bool> = (0..=4)
            .map(|failed| policy.pause(failed, u64::MAX).is_some())
            .collect();
        assert_eq!(paused, [false, true, true, false, false]);
        assert_eq!(RetryPolicy::NEVER.pause(1, 0), None);
    }
}
