//! Where the wall clock comes in. All else in this crate is given the time.

use crate::timestamp::Timestamp;

/// A wall clock, passed in so that tests and fault knobs can have their own.
pub trait WallClock: Send + Sync {
    /// Seconds since 1970-01-01.
    fn unix_seconds(&self) -> f64;

    /// The time as the protocol counts it.
    fn timestamp(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.unix_seconds())
    }
}

/// This machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn unix_seconds(&self) -> f64 {
        #[expect(
            clippy::disallowed_methods,
            reason = "the edge at which the real clock enters"
        )]
        let now = std::time::SystemTime::now();
        match now.duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => since.as_secs_f64(),
            // A clock before 1970 is refused by every node; a negative number says so.
            Err(before) => -before.duration().as_secs_f64(),
        }
    }
}
