//! `overlord vessels …`

use clap::Subcommand;

use super::AccountArguments;
use crate::settings::table::AcquireFlags;

/// See, get, give back and renew vessels of an account, and read their logs.
#[derive(Debug, Subcommand)]
pub(crate) enum VesselsCommand {
    /// Print the vessels that the account holds
    List(AccountArguments),
    /// Get vessels: all of them or none
    Acquire(AcquireArguments),
    /// Give vessels back: the named ones, or all
    Release(HandlesArguments),
    /// Renew leases: of the named ones, or all
    Renew(HandlesArguments),
    /// Print what programs wrote: the end of each vessel's log, as its node keeps it
    Log(HandlesArguments),
}

/// What to get.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct AcquireArguments {
    #[command(flatten)]
    account: AccountArguments,
    #[command(flatten)]
    what: AcquireFlags,
}

/// Which vessels.
#[derive(Debug, Clone, clap::Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["handles", "all"])))]
pub(crate) struct HandlesArguments {
    #[command(flatten)]
    account: AccountArguments,
    /// Every vessel that the account holds
    #[arg(long)]
    pub(crate) all: bool,
    /// Handles (NODEID:VESSELNAME, quoted), or their ends as `list` prints them
    #[arg(value_name = "HANDLE")]
    pub(crate) handles: Vec<String>,
}
