//! Where time comes in: the clocks that others are given, and the only two that ask the machine.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use tokio::time::Instant;

use crate::moment::Moment;
use crate::wall_time::WallTime;

/// What the clock says: both kinds of time, read together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Now {
    /// For waiting and measuring.
    pub moment: Moment,
    /// For people, and for leases that run on while the machine sleeps.
    pub wall: WallTime,
}

/// For waiting and measuring, and what goes with it the time of day.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The present, both ways of counting it.
    fn now(&self) -> Now;

    /// Returns once the moment has come; at once if it is past. Safe to drop.
    async fn sleep_until(&self, moment: Moment);
}

/// The time of day alone, passed in so that tests and fault knobs can have their own.
pub trait WallClock: Send + Sync {
    /// Seconds since 1970-01-01; negative for a clock that is set before.
    fn unix_seconds(&self) -> f64;
}

/// This machine's time of day.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn unix_seconds(&self) -> f64 {
        #[expect(
            clippy::disallowed_methods,
            reason = "the edge at which the time of day enters"
        )]
        let now = std::time::SystemTime::now();
        match now.duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => since.as_secs_f64(),
            // A clock before 1970 is refused by every node; a negative number says so.
            Err(before) => -before.duration().as_secs_f64(),
        }
    }
}

/// The runtime's timer, whose beginning is when this was made, and this machine's time of day.
#[derive(Debug, Clone, Copy)]
pub struct RuntimeClock {
    beginning: Instant,
}

impl RuntimeClock {
    /// A clock whose beginning is now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            beginning: Instant::now(),
        }
    }
}

impl Default for RuntimeClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for RuntimeClock {
    fn now(&self) -> Now {
        Now {
            moment: Moment::after_beginning(self.beginning.elapsed()),
            wall: WallTime::from_unix_seconds(SystemClock.unix_seconds()),
        }
    }

    async fn sleep_until(&self, moment: Moment) {
        tokio::time::sleep_until(self.beginning + moment.since_beginning()).await;
    }
}

/// A time of day that shows what it was last set to.
#[derive(Debug, Default)]
pub struct ManualClock(Mutex<f64>);

impl ManualClock {
    /// A clock that shows so many seconds since 1970.
    #[must_use]
    pub fn new(unix_seconds: f64) -> Self {
        Self(Mutex::new(unix_seconds))
    }

    /// Sets the clock, forwards or back.
    pub fn set(&self, unix_seconds: f64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = unix_seconds;
    }
}

impl WallClock for ManualClock {
    fn unix_seconds(&self) -> f64 {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn moments_follow_the_runtimes_timer() {
        let clock = RuntimeClock::new();
        let later = clock.now().moment + Duration::from_millis(30);
        clock.sleep_until(later).await;
        assert!(clock.now().moment >= later);
        clock.sleep_until(Moment::BEGINNING).await;
        assert!(clock.now().wall > WallTime::from_unix_millis(1_600_000_000_000));
    }

    #[test]
    fn a_clock_set_by_hand_shows_that() {
        let clock = ManualClock::new(1.5);
        clock.set(-2.0);
        assert!((clock.unix_seconds() + 2.0).abs() < f64::EPSILON);
    }
}
