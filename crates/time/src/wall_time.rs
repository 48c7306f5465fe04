//! The time of day: goes on while a machine sleeps, and jumps when somebody sets the clock.

use std::fmt;
use std::ops::Add;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// 9999-12-31T23:59:59.999Z, the last time that RFC 3339 can write. Later ones print as this.
const LAST_WRITTEN: u64 = 253_402_300_799_999;

/// Time of day, as milliseconds since 1970 in UTC. Printed and serialised as RFC 3339.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct WallTime(u64);

impl WallTime {
    /// From milliseconds since 1970.
    #[must_use]
    pub const fn from_unix_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// What a clock shows. One set before 1970 counts as 1970: leases then look longer, and are renewed by their
    /// [`crate::Moment`]s.
    #[must_use]
    pub fn from_unix_seconds(seconds: f64) -> Self {
        let since = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn unix_millis(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was, or zero if it is yet to come.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for WallTime {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = UNIX_EPOCH + Duration::from_millis(self.0.min(LAST_WRITTEN));
        humantime::format_rfc3339_millis(time).fmt(f)
    }
}

/// A text that is not a time as [`WallTime`] prints it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a time is YYYY-MM-DDTHH:MM:SS.mmmZ, not {0:?}")]
pub struct WallTimeError(pub String);

impl FromStr for WallTime {
    type Err = WallTimeError;

    fn from_str(text: &str) -> Result<Self, WallTimeError> {
        let refused = || WallTimeError(text.chars().take(40).collect());
        let time = humantime::parse_rfc3339(text).map_err(|_| refused())?;
        let since = time.duration_since(UNIX_EPOCH).map_err(|_| refused())?;
        let millis = u64::try_from(since.as_millis()).map_err(|_| refused())?;
        let time = Self(millis);
        // RFC 3339 has more than one way to write a time; ours are compared as texts.
        if time.to_string() == text {
            Ok(time)
        } else {
            Err(refused())
        }
    }
}

impl TryFrom<String> for WallTime {
    type Error = WallTimeError;

    fn try_from(text: String) -> Result<Self, WallTimeError> {
        text.parse()
    }
}

impl From<WallTime> for String {
    fn from(time: WallTime) -> Self {
        time.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_prints_and_reads_as_rfc_3339() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_772_323_199_999, "2026-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(WallTime::from_unix_millis(millis).to_string(), text);
            assert_eq!(text.parse(), Ok(WallTime::from_unix_millis(millis)));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-02-29T00:00:00.000Z",
            "2026-02-28T24:00:00.000Z",
            "+026-02-28T00:00:00.000Z",
            "2026-02-28 00:00:00.000Z",
            "2026-13-01T00:00:00.000Z",
            "2026-02-28T00:00:60.000Z",
            "2026-02-28T00:00:00Z",
            "2026-02-28T00:00:00.0000Z",
            "1969-12-31T23:59:59.999Z",
        ] {
            assert!(text.parse::<WallTime>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_time_past_what_can_be_written_prints_as_the_last_one_that_can() {
        let last = WallTime::from_unix_millis(u64::MAX).to_string();
        assert_eq!(last, "9999-12-31T23:59:59.999Z");
        assert_eq!(last.parse(), Ok(WallTime::from_unix_millis(LAST_WRITTEN)));
    }

    #[test]
    fn clocks_before_1970_show_1970() {
        assert_eq!(WallTime::from_unix_seconds(-7.5), WallTime::default());
        let time = WallTime::from_unix_seconds(1.25);
        assert_eq!(time, WallTime::from_unix_millis(1250));
    }
}
