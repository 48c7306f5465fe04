//! What a row of the table of settings is, and what is made of it: the flag, the variable, and the key of the file.
//!
//! The rows themselves are in [`super::table`]; how layers are put together is [`super::layers`].

use clap::builder::{BoolishValueParser, OsStringValueParser};
use clap::{Arg, ArgAction, Command};

use super::given::Given;
use crate::failure::Failure;

/// What the configuration file may say, as its sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Section {
    /// Before the first section.
    Top,
    /// Under `[run]`.
    Run,
}

impl Section {
    /// All of them, in the order in which the file has them.
    pub(crate) const ALL: [Self; 2] = [Self::Top, Self::Run];

    /// Its name in the file; none for the top.
    #[must_use]
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Top => None,
            Self::Run => Some("run"),
        }
    }
}

/// Where a setting can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// As a flag only.
    Flag,
    /// As a flag or a variable.
    FlagOrVariable,
    /// As a variable only: others on the machine can read flags.
    Variable,
    /// As a flag, a variable, or a key of this section of the file.
    Everywhere(Section),
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A word, an address, a time.
    Text,
    /// A path; in the file it counts from the file's directory.
    Path,
    /// A whole number; in the file it has no quotes.
    Number,
    /// On or off; a flag without a value.
    Switch,
}

/// What the rows of one group have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    /// The heading in `--help`; none for the options of one command.
    pub(crate) heading: Option<&'static str>,
    /// For which commands, as the documentation names it.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the documentation is written by a test")
    )]
    pub(crate) commands: &'static str,
    /// What stands before the flag's name in the names of variables and keys.
    pub(crate) prefix: &'static str,
    /// Where they can be given.
    pub(crate) reach: Reach,
    /// Whether every command takes them.
    pub(crate) is_global: bool,
}

/// What holds if nobody says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preset {
    /// This value, read as if it had been given.
    Value(&'static str),
    /// No value; the words say what happens then.
    Told(&'static str),
}

/// One setting as far as its type does not matter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// The flag, without its dashes.
    pub(crate) flag: &'static str,
    /// What stands for the value in `--help`.
    pub(crate) value_name: &'static str,
    /// How it is written.
    pub(crate) form: Form,
    /// What holds otherwise.
    pub(crate) preset: Preset,
    /// What it is, for `--help` and the documentation; lines begin with a blank.
    pub(crate) help: &'static str,
    /// What it shares with the rows beside it.
    pub(crate) scope: Scope,
}

impl Row {
    /// The flag with its dashes.
    #[must_use]
    pub(crate) fn typed(&self) -> String {
        format!("--{}", self.flag)
    }

    /// The variable, if there is one.
    #[must_use]
    pub(crate) fn variable(&self) -> Option<String> {
        let name = format!("OVERLORD_{}{}", self.scope.prefix, self.flag);
        (self.scope.reach != Reach::Flag).then(|| name.replace('-', "_").to_uppercase())
    }

    /// Section and key in the configuration file, if it may stand there.
    #[must_use]
    pub(crate) fn key(&self) -> Option<(Section, &'static str)> {
        match self.scope.reach {
            Reach::Everywhere(section) => Some((section, self.flag)),
            _ => None,
        }
    }

    /// What holds if nobody says anything, in words; nothing for what is off then.
    #[must_use]
    pub(crate) fn default_in_words(&self) -> Option<&'static str> {
        match self.preset {
            Preset::Value(_) if self.form == Form::Switch => None,
            Preset::Value(text) | Preset::Told(text) => Some(text),
        }
    }

    /// The flag as clap wants it; none for what is no flag.
    fn argument(&self) -> Option<Arg> {
        if self.scope.reach == Reach::Variable {
            return None;
        }
        let help = match self.default_in_words() {
            Some(default) => format!("{} [default: {default}]", self.help.trim()),
            None => self.help.trim().to_owned(),
        };
        let argument = Arg::new(self.flag)
            .long(self.flag)
            .help(help)
            .help_heading(self.scope.heading)
            .global(self.scope.is_global);
        let argument = match self.variable() {
            Some(name) => argument.env(name),
            None => argument,
        };
        Some(match self.form {
            Form::Switch => argument
                .action(ArgAction::SetTrue)
                .value_parser(BoolishValueParser::new()),
            // What is no value of the setting is told by its reader, with the place it came from.
            _ => argument
                .value_name(self.value_name)
                .value_parser(OsStringValueParser::new())
                .allow_hyphen_values(self.form == Form::Number || self.value_name == "TIME"),
        })
    }
}

/// Adds the flags of rows to a command.
#[must_use]
pub(crate) fn add_flags(command: Command, rows: &[&Row]) -> Command {
    command.args(rows.iter().filter_map(|row| row.argument()))
}

/// Reads what was given; a failure says what is wrong with it and where it came from.
type Reader<T> = fn(&Given) -> Result<T, Failure>;

/// A setting that always has a value.
pub(crate) struct Setting<T> {
    pub(crate) row: Row,
    pub(crate) read: Reader<T>,
}

impl<T> Setting<T> {
    pub(crate) const fn preset(text: &'static str) -> Preset {
        Preset::Value(text)
    }
}

/// A setting that has no value unless one is given.
pub(crate) struct Optional<T> {
    pub(crate) row: Row,
    pub(crate) read: Reader<T>,
}

impl<T> Optional<T> {
    pub(crate) const fn preset(text: &'static str) -> Preset {
        Preset::Told(text)
    }
}
