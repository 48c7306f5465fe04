//! How a server serves, and how much it has served.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use overlord_time::{SystemClock, WallClock};

use super::faults::Faults;
use super::limits::ServerLimits;

/// How a server serves.
#[derive(Clone)]
pub struct ServerOptions {
    /// The time by which requests expire.
    pub clock: Arc<dyn WallClock>,
    /// Bounds on connections, sizes and times.
    pub limits: ServerLimits,
    /// What goes wrong on purpose; a handle to change it while serving.
    pub faults: Faults,
    /// Counts what is served; a handle to read it while serving.
    pub served: ServedCount,
}

/// How many connections a server has taken, each of which carries one request at most. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct ServedCount(Arc<AtomicU64>);

impl ServedCount {
    /// The connections taken so far; those closed at once for being too many are not among them.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            limits: ServerLimits::default(),
            faults: Faults::default(),
            served: ServedCount::default(),
        }
    }
}
