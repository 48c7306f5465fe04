//! Time as values: the engine is told what time it is, and never asks a clock of the machine.
//!
//! Two kinds, because they fail differently. [`Moment`] never goes back, but may stand still while
//! a laptop sleeps; [`WallTime`] goes on through sleep, but jumps when somebody sets the clock.

use std::fmt;
use std::ops::Add;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

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

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

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
        let (seconds, millis) = (self.0 / 1000, self.0 % 1000);
        let (days, second_of_day) = (seconds / 86_400, seconds % 86_400);
        // Days to a date of the Gregorian calendar, counted in eras of 400 years from 1 March 0000.
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let day_of_era = shifted % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{millis:03}Z",
            second_of_day / 3600,
            second_of_day / 60 % 60,
            second_of_day % 60
        )
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
        let number = |from: usize, to: usize| -> Result<u64, WallTimeError> {
            let digits = text.get(from..to).ok_or_else(refused)?;
            if !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(refused());
            }
            digits.parse().map_err(|_| refused())
        };
        let mark = |at: usize, mark: u8| text.as_bytes().get(at) == Some(&mark);
        let marks = [
            (4, b'-'),
            (7, b'-'),
            (10, b'T'),
            (13, b':'),
            (16, b':'),
            (19, b'.'),
            (23, b'Z'),
        ];
        if text.len() != 24 || !marks.into_iter().all(|(at, byte)| mark(at, byte)) {
            return Err(refused());
        }
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let in_range = year >= 1970
            && (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        if !in_range {
            return Err(refused());
        }
        let (year, month_from_march) = if month > 2 {
            (year, month - 3)
        } else {
            (year - 1, month + 9)
        };
        let year_of_era = year % 400;
        let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = year / 400 * 146_097 + day_of_era - 719_468;
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
        let time = Self(seconds * 1000 + number(20, 23)?);
        // A day that its month does not have prints as another one.
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

/// What the clock says: both kinds of time, read together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Now {
    /// For waiting and measuring.
    pub moment: Moment,
    /// For people, and for leases that run on while the machine sleeps.
    pub wall: WallTime,
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
        ] {
            assert!(text.parse::<WallTime>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_moment_yet_to_come_is_no_time_ago() {
        let later = Moment::BEGINNING + Duration::from_secs(5);
        assert_eq!(later.since(Moment::BEGINNING), Duration::from_secs(5));
        assert_eq!(Moment::BEGINNING.since(later), Duration::ZERO);
    }
}
