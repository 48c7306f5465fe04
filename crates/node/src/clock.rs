//! The wall clock that a node judges timestamps by, passed in so that tests and fault knobs can set it.

use std::sync::Mutex;
use std::time::{Duration, UNIX_EPOCH};

/// What time it is, as a node sees it.
pub trait WallClock: Send + Sync + 'static {
    /// Time since 1970-01-01 UTC.
    fn since_unix_epoch(&self) -> Duration;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the edge where time comes in"
    )]
    fn since_unix_epoch(&self) -> Duration {
        // A machine set before 1970 judges every request expired or far in the future; either way refused.
        std::time::SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }
}

/// A clock that shows what it was last set to.
#[derive(Debug, Default)]
pub struct ManualClock(Mutex<Duration>);

impl ManualClock {
    /// A clock showing `since_unix_epoch`.
    #[must_use]
    pub fn new(since_unix_epoch: Duration) -> Self {
        Self(Mutex::new(since_unix_epoch))
    }

    /// Sets the clock, forwards or back.
    pub fn set(&self, since_unix_epoch: Duration) {
        *self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = since_unix_epoch;
    }
}

impl WallClock for ManualClock {
    fn since_unix_epoch(&self) -> Duration {
        *self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
