//! Times of signed requests: seconds since 1900, written and read as Python 2 does with floats.
//!
//! Which times a vessel accepts is left to [`crate::verification`]; making times that only ever grow to
//! [`crate::timestamps`].

use std::fmt;

use overlord_resources::python_text::{read_float, write_float};
use overlord_time::WallClock;

/// Seconds from 1900-01-01 (the protocol's zero) to 1970-01-01 (Unix's).
pub const UNIX_EPOCH_SECONDS: f64 = 2_208_988_800.0;

/// A time in seconds since 1900-01-01, as signed requests carry it.
///
/// Python 2 writes 12 significant digits, which leaves steps of 10 ms until the year 2216.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Timestamp(Number);

/// The original's callers pass floats or whole numbers, and each is written in its own way.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
enum Number {
    Float(f64),
    Whole(i128),
}

impl Timestamp {
    /// A time given in seconds since 1900, written as a float.
    #[must_use]
    pub fn from_seconds(seconds: f64) -> Self {
        Self(Number::Float(seconds))
    }

    /// A time given in whole seconds since 1900, written without a fraction.
    #[must_use]
    pub fn from_whole_seconds(seconds: impl Into<i128>) -> Self {
        Self(Number::Whole(seconds.into()))
    }

    /// A time given in hundredths of a second since 1900: exactly the steps that survive the wire.
    #[must_use]
    pub fn from_hundredths(hundredths: i64) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            reason = "12 digits are all that the wire keeps, and a float holds 15"
        )]
        Self::from_seconds(hundredths as f64 / 100.0)
    }

    /// The time of a clock that counts seconds since 1970.
    #[must_use]
    pub fn from_unix_seconds(seconds: f64) -> Self {
        Self::from_seconds(seconds + UNIX_EPOCH_SECONDS)
    }

    /// The time that a clock shows.
    #[must_use]
    pub fn of(clock: &dyn WallClock) -> Self {
        Self::from_unix_seconds(clock.unix_seconds())
    }

    /// Seconds since 1900. May be infinite or not a number when a stranger wrote it.
    #[must_use]
    pub fn seconds(self) -> f64 {
        match self.0 {
            Number::Float(seconds) => seconds,
            #[expect(
                clippy::cast_precision_loss,
                reason = "Python compares it as a float as well"
            )]
            Number::Whole(seconds) => seconds as f64,
        }
    }

    /// This many seconds later, written in the same way.
    #[must_use]
    pub fn plus_seconds(self, seconds: u32) -> Self {
        match self.0 {
            Number::Float(from) => Self::from_seconds(from + f64::from(seconds)),
            Number::Whole(from) => Self::from_whole_seconds(from.saturating_add(seconds.into())),
        }
    }

    /// Reads what Python's `float()` reads: blanks around, a sign, `inf` and `nan`, exponents; no
    /// suffix, no hexadecimals, no underscores.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        read_float(text).map(Self::from_seconds)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Number::Float(seconds) => f.write_str(&write_float(seconds)),
            Number::Whole(seconds) => write!(f, "{seconds}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_vectors::{self, Json};
    use proptest::prelude::*;

    #[test]
    fn floats_are_written_as_the_vector_writes_them() {
        let file = test_vectors::load("float_formats.json");
        for case in test_vectors::list(&file, "str_of_float") {
            let value: f64 = test_vectors::text(case, "repr").parse().unwrap();
            let written = write_float(value);
            assert_eq!(written, test_vectors::text(case, "str"), "{case}");
            let back: f64 = test_vectors::text(case, "back_repr").parse().unwrap();
            let read = read_float(written.as_bytes()).unwrap();
            assert!(read == back || (read.is_nan() && back.is_nan()), "{case}");
            let kept = case.get("round_trips").and_then(Json::as_bool);
            assert_eq!(Some(read == value), kept, "{case}");
        }
        for case in test_vectors::list(&file, "str_of_int") {
            let text = test_vectors::text(case, "value");
            let value: i128 = text.parse().unwrap();
            let written = Timestamp::from_whole_seconds(value).to_string();
            assert_eq!(written, test_vectors::text(case, "str"));
        }
    }

    #[test]
    fn floats_are_read_as_the_vector_reads_them() {
        let file = test_vectors::load("float_formats.json");
        for case in test_vectors::list(&file, "float_of_string") {
            let read = read_float(test_vectors::text(case, "text").as_bytes());
            if case["ok"] == true {
                let expected: f64 = test_vectors::text(case, "repr").parse().unwrap();
                let read = read.unwrap_or_else(|| panic!("{case} is refused"));
                assert!(
                    read == expected || (read.is_nan() && expected.is_nan()),
                    "{case}"
                );
            } else {
                assert_eq!(read, None, "{case}");
            }
        }
    }

    #[test]
    fn halves_are_rounded_to_the_even_digit() {
        // Exact ties in binary; checked against CPython 2.7.18.
        for (value, text) in [
            (999_999_999_999.5, "1e+12"),
            (123_456_789_012.5, "1.23456789012e+11"),
            (123_456_789_013.5, "1.23456789014e+11"),
            (1_070_543_952_605.0, "1.07054395260e+12"),
            (1_070_543_952_995.0, "1.070543953e+12"),
            (12_345_678_901.125, "12345678901.1"),
            (99_999_999_999.75, "99999999999.8"),
            (1_234_567_890.125, "1234567890.12"),
            (1_234_567_890.375, "1234567890.38"),
            (0.000_1, "0.0001"),
            (0.000_099_999_999_999_999, "0.0001"),
            (5e-324, "4.94065645841e-324"),
        ] {
            assert_eq!(write_float(value), text);
        }
    }

    #[test]
    fn hundredths_survive_the_wire_exactly() {
        let first = 400_433_163_625;
        let mut before = f64::NEG_INFINITY;
        for hundredths in first..first + 1000 {
            let written = Timestamp::from_hundredths(hundredths).to_string();
            let read = Timestamp::parse(written.as_bytes()).unwrap().seconds();
            assert!(read > before, "{written}");
            assert!((read * 100.0 - hundredths as f64).abs() < 1e-3, "{written}");
            before = read;
        }
    }

    proptest! {
        #[test]
        fn twelve_digits_of_any_float_read_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            let read = read_float(write_float(value).as_bytes()).unwrap();
            if value.is_nan() {
                prop_assert!(read.is_nan());
            } else if value.is_finite() && value.is_normal() {
                prop_assert!(((read - value) / value).abs() < 1e-11 || read.is_infinite());
            }
        }

        #[test]
        fn any_bytes_are_a_time_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some(time) = Timestamp::parse(&bytes) {
                let _ = (time.to_string(), time.plus_seconds(3600).seconds());
            }
        }
    }
}
