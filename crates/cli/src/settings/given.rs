//! A value as it was given, where it came from, and how it is read: a wrong one is told with its place.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use overlord::engine::{PolicyPeriod, SettingsError, VESSELS_MAX};
use overlord::{Classified, Code};

use crate::failure::Failure;
use crate::text::bound;

/// What is wrong with a value.
type Problem = Box<dyn Error + Send + Sync>;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Typed as this flag.
    Flag(String),
    /// The environment variable.
    Variable(String),
    /// A key of the configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: &'static str,
    },
    /// Nobody said anything about this flag.
    Default(String),
}

impl Origin {
    /// What a wrong value from here is called: in the file it is a mistake of the file, whatever it is elsewhere.
    #[must_use]
    fn code_of(&self, elsewhere: Code) -> Code {
        match self {
            Self::File { .. } => Code::Configuration,
            Self::Flag(_) | Self::Variable(_) | Self::Default(_) => elsewhere,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::File { path, line, key } => write!(f, "{key} in {}:{line}", path.display()),
            Self::Default(flag) => write!(f, "{flag} (its default)"),
        }
    }
}

/// A value as it was given.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// What was written.
    pub(crate) raw: OsString,
    /// Where.
    pub(crate) origin: Origin,
}

/// A value that was read, and what it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sourced<T> {
    /// The value.
    pub(crate) value: T,
    /// As it was given.
    pub(crate) given: Given,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What was written may be a secret.
        f.debug_struct("Given")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl<T> Sourced<T> {
    /// Whether it was typed, and not set for all commands.
    #[must_use]
    pub(crate) fn is_typed(&self) -> bool {
        matches!(self.given.origin, Origin::Flag(_))
    }
}

impl Given {
    /// What was typed as a flag.
    #[must_use]
    pub(crate) fn typed(flag: &str, raw: impl Into<OsString>) -> Self {
        Self {
            raw: raw.into(),
            origin: Origin::Flag(flag.to_owned()),
        }
    }

    /// A failure of that code that blames this value. What is wrong with it is said in the same line, and stays its source.
    pub(crate) fn wrong(&self, code: Code, problem: impl Into<Problem>) -> Failure {
        let problem = problem.into();
        let value = self.raw.to_string_lossy();
        let message = format!("{} cannot be {value:?}: {problem}", self.origin);
        Failure::because(self.origin.code_of(code), message, problem)
            .advise(format!("correct {}", self.origin))
    }

    /// A failure that blames this value, called as what refused it calls it.
    pub(crate) fn refused(&self, error: impl Classified + Send + Sync + 'static) -> Failure {
        self.wrong(error.code(), error)
    }

    /// The text.
    ///
    /// # Errors
    /// Bytes that are none.
    pub(crate) fn text(&self) -> Result<&str, Failure> {
        let text = self.raw.to_str();
        text.ok_or_else(|| self.wrong(Code::Usage, "it is text in UTF-8"))
    }

    /// The path. Every text is one, and what is no text may be one too.
    ///
    /// # Errors
    /// None at all.
    pub(crate) fn path(&self) -> Result<PathBuf, Failure> {
        if self.raw.is_empty() {
            return Err(self.wrong(Code::Usage, "it is the name of a file or directory"));
        }
        Ok(PathBuf::from(&self.raw))
    }

    /// On or off, as a switch that was typed or as the words of a variable.
    ///
    /// # Errors
    /// A failure that names the words.
    pub(crate) fn switch(&self) -> Result<bool, Failure> {
        self.one_of(&[("true", true), ("false", false)])
    }

    /// One of a few words.
    ///
    /// # Errors
    /// A failure that names them.
    pub(crate) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, Failure> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.wrong(Code::Usage, format!("it is one of {}", known.join(", ")))
        })
    }

    /// Reads the text as something; its own error says what is wrong with it, and what that is called.
    ///
    /// # Errors
    /// A failure that names value and origin.
    pub(crate) fn parse<T>(&self) -> Result<T, Failure>
    where
        T: FromStr,
        T::Err: Classified + Send + Sync + 'static,
    {
        self.text()?.parse().map_err(|error| self.refused(error))
    }

    /// Reads the text as a whole number from `least` on.
    ///
    /// # Errors
    /// A failure that says what is accepted.
    pub(crate) fn number(&self, least: u32, most: u32) -> Result<u32, Failure> {
        self.within(Code::Usage, least, most)
    }

    fn within(&self, code: Code, least: u32, most: u32) -> Result<u32, Failure> {
        let number = self.text()?.trim().parse().ok();
        let number = number.filter(|number| (least..=most).contains(number));
        let bounds = || format!("it is a whole number from {least} to {most}");
        number.ok_or_else(|| self.wrong(code, bounds()))
    }

    /// Reads the text as a number of vessels, one at least.
    ///
    /// # Errors
    /// A failure that says what is accepted.
    pub(crate) fn vessels(&self) -> Result<u32, Failure> {
        let number = self.within(Code::VesselCount, 1, VESSELS_MAX);
        number.map_err(|failure| failure.advise("ask for one vessel or more with --count"))
    }

    /// Reads the text as a TCP port; 0 stands for something special.
    ///
    /// # Errors
    /// A failure that says what is accepted.
    pub(crate) fn port(&self) -> Result<u16, Failure> {
        let number = self.number(0, u16::MAX.into())?;
        u16::try_from(number).map_err(|error| self.wrong(Code::Usage, error))
    }

    /// Reads the text as a time such as `30s`, `15m` or `2days 12h`.
    ///
    /// # Errors
    /// A failure that shows the form.
    pub(crate) fn duration(&self) -> Result<Duration, Failure> {
        let text = self.text()?.trim();
        if text.starts_with('-') {
            let form = "a time is not negative, and is written like 30s, 15m or 2days";
            return Err(self.wrong(Code::Period, form));
        }
        humantime::parse_duration(text).map_err(|error| {
            let problem = format!("{error}; a time is written like 30s, 15m or 2days");
            self.wrong(Code::Period, problem)
        })
    }

    /// Reads the text as a period of the policy, within its bounds.
    ///
    /// # Errors
    /// A failure that says what is accepted.
    pub(crate) fn period(&self, period: PolicyPeriod) -> Result<Duration, Failure> {
        let duration = self.duration()?;
        match period.check(duration) {
            Ok(()) => Ok(duration),
            Err(error @ SettingsError::OutOfBounds { least, most, .. }) => {
                let bounds = format!("it is from {} to {}", bound(least), bound(most));
                Err(self.wrong(error.code(), bounds))
            }
            Err(error) => Err(self.refused(error)),
        }
    }

    /// Reads the text as a time in which something can happen.
    ///
    /// # Errors
    /// A failure that says what is accepted.
    pub(crate) fn positive_duration(&self) -> Result<Duration, Failure> {
        let duration = self.duration()?;
        if duration.is_zero() {
            let bound = "it is more than no time, such as 1s, 30s or 15m";
            return Err(self.wrong(Code::Period, bound));
        }
        Ok(duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(value: &str) -> Given {
        Given::typed("--count", value)
    }

    #[test]
    fn numbers_and_times_are_read_within_their_bounds() {
        assert_eq!(given("10").number(1, 100).unwrap(), 10);
        for wrong in ["0", "101", "-1", "ten", "", "1.5", "99999999999"] {
            let failure = given(wrong).number(1, 100).unwrap_err();
            let text = failure.render();
            assert!(
                text.contains("--count") && text.contains("from 1 to 100"),
                "{text}"
            );
            assert_eq!(failure.code, Code::Usage);
        }
        assert_eq!(
            given("2days 12h").duration().unwrap(),
            Duration::from_secs(216_000)
        );
        assert!(
            given("soon")
                .duration()
                .unwrap_err()
                .render()
                .contains("30s, 15m")
        );
        let negative = given("-5s").duration().unwrap_err().render();
        assert!(negative.contains("not negative"), "{negative}");
        let none = given("0s").positive_duration().unwrap_err().render();
        assert!(none.contains("more than no time"), "{none}");
        assert_eq!(given("0").port().unwrap(), 0);
        assert!(given("65536").port().is_err());
        assert!(given("").path().is_err());
    }

    #[test]
    fn a_wrong_value_of_the_file_is_the_files_mistake() {
        let wrong = Given {
            raw: "0".into(),
            origin: Origin::File {
                path: "overlord.toml".into(),
                line: 7,
                key: "count",
            },
        };
        let failure = wrong.number(1, 5).unwrap_err();
        assert_eq!(failure.code, Code::Configuration);
        assert!(failure.render().contains("count in overlord.toml:7"));
    }
}
