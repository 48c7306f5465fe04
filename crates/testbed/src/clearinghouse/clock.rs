//! Moments that survive a restart. Where the time comes from is [`overlord_time::WallClock`]; what is due
//! when is left to `registry` and `upkeep`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment in microseconds since 1970-01-01 UTC: leases outlive the process, so they are kept in wall time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct UnixMicros(u64);

impl UnixMicros {
    /// The moment that lies so long after 1970-01-01 UTC.
    pub(crate) fn since_1970(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }

    /// The moment that a clock shows. One set before 1970 counts as 1970: no lease is that old.
    pub(crate) fn of_unix_seconds(seconds: f64) -> Self {
        Self::since_1970(Duration::try_from_secs_f64(seconds).unwrap_or_default())
    }

    /// The moment `later` after this one.
    pub(crate) fn after(self, later: Duration) -> Self {
        Self(self.0.saturating_add(Self::since_1970(later).0))
    }

    /// How long it is from `now` to this moment; zero when it has passed.
    pub(crate) fn remaining(self, now: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(now.0))
    }
}
