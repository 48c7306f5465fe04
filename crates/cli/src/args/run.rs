//! `overlord run …`

use std::path::PathBuf;

use super::AccountArguments;

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
    pub(crate) account: AccountArguments,

    /// How many copies [default: 10]
    #[arg(
        long,
        value_name = "N",
        allow_hyphen_values = true,
        env = "OVERLORD_COUNT",
        help_heading = "Deployment"
    )]
    pub(crate) count: Option<String>,
    /// On which machines: wan (different networks), lan (one network), nat, rand (any) [default: wan]
    #[arg(
        id = "type",
        long = "type",
        value_name = "TYPE",
        env = "OVERLORD_TYPE",
        help_heading = "Deployment"
    )]
    pub(crate) vessel_type: Option<String>,
    /// What runs the program: auto (by its ending), repyV2, repyV1, native [default: auto]
    #[arg(
        long,
        value_name = "PLATFORM",
        env = "OVERLORD_PLATFORM",
        help_heading = "Deployment"
    )]
    pub(crate) platform: Option<String>,
    /// Deploy a Repy program even if nodes will not run it, by the safety check of this program
    #[arg(long, help_heading = "Deployment")]
    pub(crate) no_check: bool,
    /// What becomes of vessels held at the start: release (the original's clean start) or adopt (what runs is
    /// taken to be this program: vessels do not tell) [default: release]
    #[arg(
        long,
        value_name = "WHAT",
        env = "OVERLORD_ON_START",
        help_heading = "Deployment"
    )]
    pub(crate) on_start: Option<String>,
    /// What becomes of the vessels at the end: leave (they run on; not with --local), stop, release [default: leave; with --local release]
    #[arg(
        long,
        value_name = "WHAT",
        env = "OVERLORD_ON_STOP",
        help_heading = "Deployment"
    )]
    pub(crate) on_stop: Option<String>,

    /// How often nodes are asked [default: 30s]
    #[arg(
        long,
        value_name = "TIME",
        allow_hyphen_values = true,
        env = "OVERLORD_POLL_PERIOD",
        help_heading = "Watching"
    )]
    pub(crate) poll_period: Option<String>,
    /// How often leases are renewed at least [default: 2days]
    #[arg(
        long,
        value_name = "TIME",
        allow_hyphen_values = true,
        env = "OVERLORD_RENEW_PERIOD",
        help_heading = "Watching"
    )]
    pub(crate) renew_period: Option<String>,
    /// File that every change is written to besides; appended to, never truncated
    #[arg(
        long,
        value_name = "FILE",
        env = "OVERLORD_LOG_FILE",
        help_heading = "Watching"
    )]
    pub(crate) log_file: Option<PathBuf>,
    /// File whose appearance ends the run [default: stop]
    #[arg(
        long,
        value_name = "FILE",
        env = "OVERLORD_STOP_FILE",
        help_heading = "Watching"
    )]
    pub(crate) stop_file: Option<PathBuf>,
    /// End the run after this time
    #[arg(
        long,
        value_name = "TIME",
        allow_hyphen_values = true,
        env = "OVERLORD_RUN_FOR",
        help_heading = "Watching"
    )]
    pub(crate) run_for: Option<String>,
    /// Ask each copy on this TCP port for a line and show the answers [default: the account's port if ARGS have {port}; 0: do not ask]
    #[arg(
        long,
        value_name = "PORT",
        allow_hyphen_values = true,
        env = "OVERLORD_PROBE_PORT",
        help_heading = "Watching"
    )]
    pub(crate) probe_port: Option<String>,

    /// Run on a testbed inside this process: no account, no network needed
    #[arg(long, help_heading = "Embedded testbed")]
    pub(crate) local: bool,
    /// Nodes of the embedded testbed [default: two more than copies]
    #[arg(
        long,
        value_name = "N",
        allow_hyphen_values = true,
        env = "OVERLORD_LOCAL_NODES",
        help_heading = "Embedded testbed"
    )]
    pub(crate) local_nodes: Option<String>,
    /// Directory of the embedded testbed, kept at the end [default: a temporary one, removed at the end]
    #[arg(
        long,
        value_name = "DIR",
        env = "OVERLORD_LOCAL_DIR",
        help_heading = "Embedded testbed"
    )]
    pub(crate) local_dir: Option<PathBuf>,
    /// How much later each node of the embedded testbed answers [default: 0s]
    #[arg(
        long,
        value_name = "TIME",
        allow_hyphen_values = true,
        env = "OVERLORD_LOCAL_LATENCY",
        help_heading = "Embedded testbed"
    )]
    pub(crate) local_latency: Option<String>,
}
