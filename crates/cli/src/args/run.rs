//! `overlord run …`

use std::path::PathBuf;

use super::AccountArguments;
use crate::settings::table::{CheckFlags, DeploymentFlags, LocalFlag, LocalFlags, WatchingFlags};

/// Deploy a program on vessels and keep it running.
///
/// Gets vessels from the clearinghouse, uploads PROGRAM, starts it with ARGS, and then watches: what
/// ends is started again, what stays away is replaced, leases are renewed. Ends when a file named `stop`
/// appears in the current directory, on SIGTERM and on Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  overlord run --local examples/time_server.r2py -- {port} {time}\n  overlord run time_server.r2py --user alice --count 10 --type wan -- {port}"
)]
pub(crate) struct RunArguments {
    /// The program: a file that is uploaded to each vessel
    #[arg(value_name = "PROGRAM")]
    pub(crate) program: PathBuf,
    /// Arguments of the program; {port} stands for the account's port, {index} for the number of the copy,
    /// {time} for the seconds since 1970 when it is started
    #[arg(value_name = "ARGS", last = true)]
    pub(crate) arguments: Vec<String>,

    #[command(flatten)]
    account: AccountArguments,
    #[command(flatten)]
    deployment: DeploymentFlags,
    #[command(flatten)]
    check: CheckFlags,
    #[command(flatten)]
    watching: WatchingFlags,
    #[command(flatten)]
    local: LocalFlag,
    #[command(flatten)]
    testbed: LocalFlags,
}
