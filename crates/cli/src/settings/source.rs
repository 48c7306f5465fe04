//! Where a value came from, and how layers are put together.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::config_file::ConfigFile;
use crate::exit_meaning::ExitMeaning;
use crate::failure::Failure;

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
        /// The key.
        key: String,
    },
    /// Nobody said anything.
    Default(String),
}

impl Origin {
    /// What a wrong value from here is.
    #[must_use]
    pub(crate) fn blame(&self) -> ExitMeaning {
        match self {
            Self::File { .. } => ExitMeaning::Configuration,
            Self::Flag(_) | Self::Variable(_) | Self::Default(_) => ExitMeaning::Usage,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::File { path, key } => write!(f, "{key} in {}", path.display()),
            Self::Default(flag) => write!(f, "{flag} (its default)"),
        }
    }
}

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sourced<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it came from.
    pub(crate) origin: Origin,
}

impl<T: fmt::Display> Sourced<T> {
    /// A failure that blames this value.
    pub(crate) fn wrong(&self, problem: impl fmt::Display) -> Failure {
        let value = &self.value;
        let message = format!(
            "{} cannot be {value:?}: {problem}",
            self.origin,
            value = value.to_string()
        );
        Failure::new(self.origin.blame(), message).advise(format!("correct {}", self.origin))
    }
}

impl Sourced<String> {
    /// Reads the text as something; its own error says what is wrong with it.
    ///
    /// # Errors
    /// A failure that names value and origin.
    pub(crate) fn parse<T>(&self) -> Result<T, Failure>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        self.value.parse().map_err(|error| self.wrong(error))
    }

    /// Reads the text as a whole number from `least` on.
    ///
    /// # Errors
    /// A failure that says what is accepted.
    pub(crate) fn number(&self, least: u32, most: u32) -> Result<u32, Failure> {
        let number = self.value.trim().parse().ok();
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| self.wrong(format!("it is a whole number from {least} to {most}")))
    }

    /// Reads the text as a TCP port; 0 stands for something special.
    ///
    /// # Errors
    /// A failure that says what is accepted.
    pub(crate) fn port(&self) -> Result<u16, Failure> {
        let number = self.number(0, u16::MAX.into())?;
        u16::try_from(number).map_err(|error| self.wrong(error))
    }

    /// Reads the text as a time such as `30s`, `15m` or `2days 12h`.
    ///
    /// # Errors
    /// A failure that shows the form.
    pub(crate) fn duration(&self) -> Result<Duration, Failure> {
        let text = self.value.trim();
        if text.starts_with('-') {
            return Err(self.wrong("a time is not negative, and is written like 30s, 15m or 2days"));
        }
        humantime::parse_duration(text).map_err(|error| {
            self.wrong(format!("{error}; a time is written like 30s, 15m or 2days"))
        })
    }

    /// Reads the text as a time in which something can happen.
    ///
    /// # Errors
    /// A failure that says what is accepted.
    pub(crate) fn positive_duration(&self) -> Result<Duration, Failure> {
        let duration = self.duration()?;
        if duration.is_zero() {
            return Err(self.wrong("it is more than no time, such as 1s, 30s or 15m"));
        }
        Ok(duration)
    }
}

/// The layers below the flags, and which flags were really typed.
pub(crate) struct Layers {
    file: ConfigFile,
    sources: BTreeMap<String, ValueSource>,
}

impl Layers {
    /// Takes what clap found, and the configuration file.
    #[must_use]
    pub(crate) fn new(matches: &ArgMatches, file: ConfigFile) -> Self {
        let mut sources = BTreeMap::new();
        let mut next = Some(matches);
        while let Some(matches) = next {
            for id in matches.ids() {
                if let Some(source) = matches.value_source(id.as_str()) {
                    sources.insert(id.as_str().to_owned(), source);
                }
            }
            next = matches.subcommand().map(|(_, matches)| matches);
        }
        Self { file, sources }
    }

    /// The configuration file.
    #[must_use]
    pub(crate) fn file(&self) -> &ConfigFile {
        &self.file
    }

    /// The first of these flags that was typed; variables are meant for all commands, and do not count.
    #[must_use]
    pub(crate) fn first_typed<'a>(&self, flags: &[&'a str]) -> Option<&'a str> {
        let is_typed = |flag: &&&str| {
            self.sources.get(&flag.replace('-', "_")) == Some(&ValueSource::CommandLine)
        };
        flags.iter().find(is_typed).copied()
    }

    /// A text: what clap has under `flag` (typed or from the environment), else the file's.
    #[must_use]
    pub(crate) fn text(
        &self,
        flag: &str,
        given: Option<&String>,
        filed: Option<String>,
    ) -> Option<Sourced<String>> {
        self.pick(flag, given.cloned(), filed)
    }

    /// A text that has a default.
    #[must_use]
    pub(crate) fn text_or(
        &self,
        flag: &str,
        given: Option<&String>,
        filed: Option<String>,
        default: &str,
    ) -> Sourced<String> {
        self.text(flag, given, filed).unwrap_or_else(|| Sourced {
            value: default.to_owned(),
            origin: Origin::Default(flag_name(flag)),
        })
    }

    /// A path; one from the file counts from the file's directory.
    #[must_use]
    pub(crate) fn path(
        &self,
        flag: &str,
        given: Option<&PathBuf>,
        filed: Option<&PathBuf>,
    ) -> Option<Sourced<PathBuf>> {
        let filed = filed.map(|path| self.file.resolve(path));
        self.pick(flag, given.cloned(), filed)
    }

    /// A path that has a default.
    #[must_use]
    pub(crate) fn path_or(
        &self,
        flag: &str,
        given: Option<&PathBuf>,
        filed: Option<&PathBuf>,
        default: &Path,
    ) -> PathBuf {
        self.path(flag, given, filed)
            .map_or_else(|| default.to_owned(), |path| path.value)
    }

    fn pick<T>(&self, flag: &str, given: Option<T>, filed: Option<T>) -> Option<Sourced<T>> {
        let id = flag.replace('-', "_");
        let from_variable = self.sources.get(&id) == Some(&ValueSource::EnvVariable);
        let origin = if from_variable {
            Origin::Variable(format!("OVERLORD_{}", id.to_uppercase()))
        } else {
            Origin::Flag(flag_name(flag))
        };
        if let Some(value) = given {
            return Some(Sourced { value, origin });
        }
        let path = self.file.path.clone().unwrap_or_default();
        filed.map(|value| Sourced {
            value,
            origin: Origin::File {
                path,
                key: flag.to_owned(),
            },
        })
    }
}

fn flag_name(flag: &str) -> String {
    format!("--{flag}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(value: &str) -> Sourced<String> {
        Sourced {
            value: value.to_owned(),
            origin: Origin::Flag("--count".to_owned()),
        }
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
            assert_eq!(failure.meaning, ExitMeaning::Usage);
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
    }

    #[test]
    fn a_wrong_value_of_the_file_is_the_files_mistake() {
        let wrong = Sourced {
            value: "0".to_owned(),
            origin: Origin::File {
                path: "overlord.toml".into(),
                key: "count".to_owned(),
            },
        };
        let failure = wrong.number(1, 5).unwrap_err();
        assert_eq!(failure.meaning, ExitMeaning::Configuration);
        assert!(failure.render().contains("count in overlord.toml"));
    }
}
