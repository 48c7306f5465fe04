//! The overlord command: parse, wire, print, exit code.
//!
//! ```text
//! argv, OVERLORD_*, overlord.toml ─► args, layers ─► settings (read, checked) ─► commands ─► Output
//!                                                                                    └► Failure ─► exit code
//! ```
//!
//! It decides nothing about vessels: that is the engine's, through the facade. It is a library only so
//! that its parts can be tested and its `main` can come after a node's
//! [`enter_if_asked`](overlord_testbed::node::launch::enter_if_asked).
//!
//! Start with [`main`]. The exit codes are [`ExitMeaning`].
#![forbid(unsafe_code)]

mod account;
mod args;
mod code_table;
mod commands;
mod diagnostics;
mod exit_meaning;
mod failure;
mod output;
mod probe;
mod settings;
mod signals;
mod text;
mod usage;
mod watcher;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};

pub use exit_meaning::ExitMeaning;
pub use failure::{Failure, FailureRecord};
use overlord::Code;

use args::{Arguments, Command};
use output::{Format, Output, Palette};
use settings::table::{COLOR, CONFIG, OUTPUT};
use settings::{ConfigFile, Layers};

/// Runs the command that this process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let asked = asked_format(&arguments);
    let (format, ended) = guarded(asked.unwrap_or(Format::Text), || command(&arguments, asked));
    let meaning = match ended {
        Ok(meaning) => meaning,
        Err(failure) => {
            if failure.meaning() != ExitMeaning::Done {
                report(&failure, format);
            }
            failure.meaning()
        }
    };
    meaning.into()
}

/// How a command ended, and for whom that is to be told.
type Ended = (Format, Result<ExitMeaning, Failure>);

/// Runs a command; a bug in it ends with a code of its own and a record, as any failure does.
fn guarded(format: Format, command: impl FnOnce() -> Ended) -> Ended {
    // What the command was doing is gone with it, so nothing half done is seen by anybody.
    catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|_| {
        let bug = Failure::new(Code::Internal, "overlord came upon a bug of its own");
        let advice = "report it, please, with the command and the lines above";
        (format, Err(bug.advise(advice)))
    })
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Parses, prepares, dispatches.
fn command(arguments: &[OsString], asked: Option<Format>) -> Ended {
    let matches = match Arguments::command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => return explain(&error, arguments, asked),
    };
    let parsed = match Arguments::from_arg_matches(&matches) {
        Ok(parsed) => parsed,
        Err(error) => return explain(&error, arguments, asked),
    };
    diagnostics::start(parsed.global.verbose);
    match prepare(&matches) {
        Ok((layers, output)) => {
            let ended = dispatch(&parsed.command, &layers, &output)
                .map_err(Failure::blaming_the_limit_of_open_files);
            output.progress().finish();
            (output.format(), ended)
        }
        Err(failure) => (format_without_parsing(arguments, asked), Err(failure)),
    }
}

/// The format that was asked for by flag or variable.
fn asked_format(arguments: &[OsString]) -> Option<Format> {
    let set = OUTPUT.row.variable().and_then(|name| variable(&name));
    output::asked_format(&OUTPUT.row.typed(), arguments, set)
}

/// In which format a mistake is told that keeps the layers from being put together: as asked by flag or variable,
/// else by the configuration file as far as that can be read.
fn format_without_parsing(arguments: &[OsString], asked: Option<Format>) -> Format {
    asked.unwrap_or_else(|| {
        let set = || CONFIG.row.variable().and_then(|name| variable(&name));
        let named = output::typed(&CONFIG.row.typed(), arguments).or_else(set);
        let user_directory = settings::user_directory(variable);
        let file = ConfigFile::load(named.as_deref().map(Path::new), user_directory.as_deref());
        let word = file.ok().and_then(|file| file.given(&OUTPUT.row));
        let format = word.and_then(|word| (OUTPUT.read)(&word).ok());
        format.unwrap_or(Format::Text)
    })
}

/// Reads the lower layers and sets the output up.
fn prepare(matches: &clap::ArgMatches) -> Result<(Layers, Output), Failure> {
    let layers = Layers::new(matches, variable);
    let named = layers.optional(&CONFIG)?.map(|path| path.value);
    let user_directory = settings::user_directory(variable);
    let file = ConfigFile::load(named.as_deref(), user_directory.as_deref())?;
    let layers = layers.above(file);
    let format = layers.value(&OUTPUT)?.value;
    let palette = output::palette(layers.value(&COLOR)?.value, variable);
    Ok((layers, Output::new(format, palette)))
}

fn dispatch(command: &Command, layers: &Layers, output: &Output) -> Result<ExitMeaning, Failure> {
    match command {
        Command::Keys(arguments) => {
            commands::keys::run(&arguments.command, layers, output).map(|()| ExitMeaning::Done)
        }
        Command::ExitCodes => {
            let meanings = ExitMeaning::ALL.map(|meaning| MeaningRecord {
                exit_code: meaning.code(),
                description: meaning.description(),
            });
            for meaning in &meanings {
                output.record(meaning)?;
            }
            output
                .line(ExitMeaning::table().trim_end())
                .map(|()| ExitMeaning::Done)
        }
        Command::Vessels(command) => {
            commands::block_on(commands::vessels::run(command, layers, output))
        }
        Command::Status(_) => commands::block_on(commands::status::run(layers, output)),
        Command::Testbed(command) => commands::testbed::run(command, layers, output),
        Command::Run(arguments) => commands::run::run(arguments, layers, output),
    }
}

/// An exit code as a line of JSON.
#[derive(serde::Serialize)]
struct MeaningRecord {
    exit_code: u8,
    description: &'static str,
}

/// What clap has to say: help and version are no mistakes, the rest is one of usage.
fn explain(error: &clap::Error, arguments: &[OsString], asked: Option<Format>) -> Ended {
    let format = format_without_parsing(arguments, asked);
    let is_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if !error.use_stderr() || (is_help && format == Format::Text) {
        // A closed pipe while printing help is no mistake either.
        let _ = error.print();
    }
    if error.use_stderr() {
        (format, Err(usage::mistake(error)))
    } else {
        (format, Ok(ExitMeaning::Done))
    }
}

/// Prints why the command failed: for people always, for programs if they asked.
fn report(failure: &Failure, format: Format) {
    let output = Output::new(format, Palette::Plain);
    // Where output cannot be written, there is nobody to tell.
    let _ = output.record(&failure.record());
    output.note(failure.render().trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_ends_with_its_own_code_and_asks_to_be_reported() {
        let (format, ended) = guarded(Format::Json, || panic!("as a bug would"));
        let failure = ended.unwrap_err();
        assert_eq!((format, failure.meaning().code()), (Format::Json, 70));
        assert!(failure.render().contains("report it, please"));
    }
}
