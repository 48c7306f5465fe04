//! Clocks that tests and fault knobs set. The machine's own is `overlord_nodemanager`'s.

use std::sync::{Arc, Mutex, PoisonError};

use overlord_nodemanager::clock::WallClock;

use crate::faults::NodeFaults;

/// A clock that shows what it was last set to.
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

/// A node's clock, wrong by what its fault knobs say.
pub(crate) struct SkewedClock {
    pub(crate) right: Arc<dyn WallClock>,
    pub(crate) faults: NodeFaults,
}

impl WallClock for SkewedClock {
    fn unix_seconds(&self) -> f64 {
        self.right.unix_seconds() + self.faults.clock_skew_seconds()
    }
}
