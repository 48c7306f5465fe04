//! Time that never goes back, but may stand still while a laptop sleeps: for waiting and measuring.

use std::ops::Add;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// Time since the clock's own beginning; never goes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

impl Moment {
    /// The clock's beginning.
    pub const BEGINNING: Self = Self(Duration::ZERO);

    /// The moment so long after the beginning.
    #[must_use]
    pub const fn after_beginning(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// How long after the beginning this is.
    #[must_use]
    pub const fn since_beginning(self) -> Duration {
        self.0
    }

    /// How long ago `earlier` was, or zero if it is yet to come.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Seconds since the clock's beginning: it has no meaning outside the process, but for how far apart two of them are.
impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(self.0.as_secs_f64())
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_yet_to_come_is_no_time_ago() {
        let later = Moment::BEGINNING + Duration::from_secs(5);
        assert_eq!(later.since(Moment::BEGINNING), Duration::from_secs(5));
        assert_eq!(Moment::BEGINNING.since(later), Duration::ZERO);
    }
}
