//! The clock of a node, which its fault knobs may set wrong.

use std::sync::Arc;

use overlord_time::WallClock;

use crate::faults::NodeFaults;

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
