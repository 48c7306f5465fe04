//! The command line as plain data: what was typed or set in the environment, nothing checked yet.
//!
//! Settings come from the table in [`crate::settings`]: a command says here which groups of rows it takes, and gets their
//! values from there. What is here in full are commands, what they are about, and switches that are no settings.

mod account;
mod keys;
mod run;
mod testbed;
mod vessels;

use clap::{ArgAction, Parser, Subcommand};

pub(crate) use account::AccountArguments;
pub(crate) use keys::{KeysArguments, KeysCommand};
pub(crate) use run::RunArguments;
pub(crate) use testbed::{FaultArguments, TestbedCommand, UpArguments};
pub(crate) use vessels::{HandlesArguments, VesselsCommand};

use crate::exit_meaning::ExitMeaning;
use crate::settings::table::{ConfigFlags, TalkFlags};

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
    #[command(flatten)]
    config: ConfigFlags,
    #[command(flatten)]
    talk: TalkFlags,
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
