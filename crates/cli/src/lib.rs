//! The overlord command: parse, wire, print, exit code.
//!
//! ```text
//! argv, OVERLORD_*, overlord.toml ─► args (plain data) ─► settings (checked) ─► commands ─► Output
//!                                                                                   └► Failure ─► exit code
//! ```
//!
//! It decides nothing about vessels: that is the engine's, through the facade. It is a library only so
//! that its parts can be tested and its `main` can come after a node's
//! [`enter_if_asked`](overlord_node::launch::enter_if_asked).
//!
//! Start with [`main`]. The exit codes are [`ExitMeaning`].
#![forbid(unsafe_code)]

mod account;
mod args;
mod blame;
mod commands;
mod config_file;
mod control;
mod diagnostics;
mod embedded;
mod exit_meaning;
mod failure;
mod output;
mod probe;
mod settings;
mod signals;
mod text;
mod watcher;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

pub use exit_meaning::ExitMeaning;
pub use failure::{Failure, FailureRecord};

use args::{Arguments, Command};
use config_file::ConfigFile;
use output::{Format, Output, Palette};
use settings::Layers;

/// Runs the command that this process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let matches = match Arguments::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return explain(&error),
    };
    let arguments = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => return explain(&error),
    };
    diagnostics::start(arguments.global.verbose);
    let (meaning, failure, format) = match prepare(&arguments, &matches) {
        Ok((layers, output)) => {
            let format = output.format();
            let ended = dispatch(&arguments.command, &layers, &output);
            output.progress().finish();
            match ended {
                Ok(meaning) => (meaning, None, format),
                Err(failure) => (failure.meaning, Some(failure), format),
            }
        }
        Err(failure) => (failure.meaning, Some(failure), Format::Text),
    };
    if let Some(failure) = failure.filter(|failure| failure.meaning != ExitMeaning::Done) {
        report(&failure, format);
    }
    meaning.into()
}

/// Reads the lower layers and sets the output up.
fn prepare(arguments: &Arguments, matches: &clap::ArgMatches) -> Result<(Layers, Output), Failure> {
    let variable = |name: &str| -> Option<OsString> { std::env::var_os(name) };
    let user_directory = config_file::user_directory(variable);
    let file = ConfigFile::load(
        arguments.global.config.as_deref(),
        user_directory.as_deref(),
    )?;
    let layers = Layers::new(matches, file);
    let global = &arguments.global;
    let filed = layers.file();
    let format = layers.text_or(
        "output",
        global.output.as_ref(),
        filed.output.clone(),
        "text",
    );
    let color = layers.text_or("color", global.color.as_ref(), filed.color.clone(), "auto");
    let output = Output::new(output::format(&format)?, output::palette(&color, variable)?);
    Ok((layers, output))
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
            let work = commands::vessels::run(command, layers, output);
            commands::block_on(work).map(|()| ExitMeaning::Done)
        }
        Command::Status(arguments) => {
            commands::block_on(commands::status::run(arguments, layers, output))
        }
        Command::Testbed(command) => commands::testbed::run(command, layers, output),
        Command::Run(arguments) => {
            commands::block_on(commands::run::run(arguments, layers, output))
        }
    }
}

/// An exit code as a line of JSON.
#[derive(serde::Serialize)]
struct MeaningRecord {
    exit_code: u8,
    description: &'static str,
}

/// Prints what clap has to say: help and version are no mistakes, the rest is one of usage.
fn explain(error: &clap::Error) -> ExitCode {
    // A closed pipe while printing help is no mistake either.
    let _ = error.print();
    if error.use_stderr() {
        ExitMeaning::Usage.into()
    } else {
        ExitMeaning::Done.into()
    }
}

/// Prints why the command failed: for people always, for programs if they asked.
fn report(failure: &Failure, format: Format) {
    let output = Output::new(format, Palette::Plain);
    // Where output cannot be written, there is nobody to tell.
    let _ = output.record(&failure.record());
    output.note(failure.render().trim_end());
}
