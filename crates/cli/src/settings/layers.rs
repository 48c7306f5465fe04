//! How the layers are put together: what was typed comes before variables, these before the configuration file, and
//! that before defaults.

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::file::ConfigFile;
use super::given::{Given, Origin, Sourced};
use super::row::{Form, Optional, Preset, Reach, Row, Setting};
use super::table::ROWS;
use crate::failure::Failure;

/// Everything that was said of settings, for one command.
pub(crate) struct Layers {
    /// By flag: what was typed, or set as a variable of a flag that the command has.
    given: BTreeMap<&'static str, Given>,
    file: ConfigFile,
    variable: fn(&str) -> Option<OsString>,
}

impl Layers {
    /// Takes what clap found, and where variables are that are no flags; the file comes later.
    #[must_use]
    pub(crate) fn new(matches: &ArgMatches, variable: fn(&str) -> Option<OsString>) -> Self {
        let mut given = BTreeMap::new();
        let mut next = Some(matches);
        while let Some(matches) = next {
            for row in ROWS {
                if let Some(found) = found(row, matches) {
                    given.insert(row.flag, found);
                }
            }
            next = matches.subcommand().map(|(_, matches)| matches);
        }
        Self {
            given,
            file: ConfigFile::default(),
            variable,
        }
    }

    /// Puts the file below what was typed and set.
    #[must_use]
    pub(crate) fn above(self, file: ConfigFile) -> Self {
        Self { file, ..self }
    }

    /// A setting's value, its default if nobody said anything.
    ///
    /// # Errors
    /// A value that is none, with the place it came from.
    pub(crate) fn value<T>(&self, setting: &Setting<T>) -> Result<Sourced<T>, Failure> {
        let given = self.given(&setting.row).unwrap_or_else(|| Given {
            raw: default_of(&setting.row).into(),
            origin: Origin::Default(setting.row.typed()),
        });
        let value = (setting.read)(&given)?;
        Ok(Sourced { value, given })
    }

    /// A setting's value, if somebody said one.
    ///
    /// # Errors
    /// As [`Layers::value`].
    pub(crate) fn optional<T>(&self, setting: &Optional<T>) -> Result<Option<Sourced<T>>, Failure> {
        let read = |given| {
            let value = (setting.read)(&given)?;
            Ok(Sourced { value, given })
        };
        self.given(&setting.row).map(read).transpose()
    }

    /// The first of these flags that was typed; variables are meant for all commands, and do not count.
    #[must_use]
    pub(crate) fn first_typed<'a>(&self, rows: &[&'a Row]) -> Option<&'a Row> {
        let is_typed = |row: &&&Row| {
            let given = self.given.get(row.flag);
            given.is_some_and(|given| matches!(given.origin, Origin::Flag(_)))
        };
        rows.iter().find(is_typed).copied()
    }

    /// What the highest layer says that says anything.
    fn given(&self, row: &Row) -> Option<Given> {
        if row.scope.reach == Reach::Variable {
            let name = row.variable()?;
            let raw = (self.variable)(&name)?;
            let origin = Origin::Variable(name);
            return Some(Given { raw, origin });
        }
        let given = self.given.get(row.flag).cloned();
        given.or_else(|| self.file.given(row))
    }
}

/// The text of a row's default.
fn default_of(row: &Row) -> &'static str {
    match row.preset {
        Preset::Value(text) | Preset::Told(text) => text,
    }
}

/// What clap found of a row in the matches of one command, if that command has it.
fn found(row: &Row, matches: &ArgMatches) -> Option<Given> {
    let raw = matches.try_get_raw(row.flag).ok().flatten()?.next_back()?;
    let origin = match matches.value_source(row.flag)? {
        ValueSource::CommandLine => Origin::Flag(row.typed()),
        ValueSource::EnvVariable => Origin::Variable(row.variable()?),
        _ => return None,
    };
    let raw = match row.form {
        // A variable may say `yes` or `1`; clap has read it.
        Form::Switch => matches.get_flag(row.flag).to_string().into(),
        _ => raw.to_owned(),
    };
    Some(Given { raw, origin })
}
