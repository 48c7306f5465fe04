//! The command line as plain data: what was typed or set in the environment, nothing checked yet.
//!
//! Checking and the configuration file come next, in [`crate::settings`]. Values stay text here, so that
//! one place reports a wrong one, wherever it came from.

mod account;
mod keys;
mod run;
mod testbed;
mod vessels;

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand};

pub(crate) use account::AccountArguments;
pub(crate) use keys::{KeysArguments, KeysCommand, KeysGenerateArguments, KeysUserArguments};
pub(crate) use run::RunArguments;
pub(crate) use testbed::{FaultArguments, TestbedCommand, TestbedDirectory, UpArguments};
pub(crate) use vessels::{AcquireArguments, HandlesArguments, VesselsCommand};

use crate::exit_meaning::ExitMeaning;

/// Keep a program running on vessels of the Seattle testbed.
#[derive(Debug, Parser)]
#[command(
    name = "overlord",
    version,
    about,
    after_help = "Try it without any account: overlord run --local examples/time_server.r2py -- {port} {time}\nConfiguration: flags over OVERLORD_* variables over overlord.toml. Exit codes: overlord exit-codes",
    arg_required_else_help = true,
    propagate_version = true,
    max_term_width = 110
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: GlobalArguments,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct GlobalArguments {
    /// Configuration file [default: ./overlord.toml, else overlord/config.toml in $XDG_CONFIG_HOME or ~/.config]
    #[arg(long, global = true, value_name = "FILE", env = "OVERLORD_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// What is printed: `text` for people, `json` for programs, one object a line [default: text]
    #[arg(long, global = true, value_name = "FORMAT", env = "OVERLORD_OUTPUT")]
    pub(crate) output: Option<String>,
    /// Colours: auto, always or never [default: auto: on a terminal, and not if NO_COLOR is set]
    #[arg(long, global = true, value_name = "WHEN", env = "OVERLORD_COLOR")]
    pub(crate) color: Option<String>,
    /// Say on standard error what is done underneath; twice for more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Deploy a program on vessels and keep it running
    Run(Box<RunArguments>),
    /// Make, show and check key files
    Keys(KeysArguments),
    /// See, get, give back and renew vessels of an account, and read their logs
    #[command(subcommand)]
    Vessels(VesselsCommand),
    /// Say what the account holds and what runs there
    Status(AccountArguments),
    /// Run a testbed of one's own on this machine
    #[command(subcommand)]
    Testbed(TestbedCommand),
    /// Print what the exit codes mean
    #[command(name = "exit-codes", after_help = ExitMeaning::table())]
    ExitCodes,
}
