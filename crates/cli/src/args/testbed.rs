//! `overlord testbed …`

use clap::Subcommand;
use overlord_testbed::daemon::{CLEARINGHOUSE_FAULTS, NODE_FAULTS, VESSEL_FAULTS};

use crate::settings::table::{TestbedFlags, UpFlags};

/// Run a testbed of one's own on this machine.
#[derive(Debug, Subcommand)]
pub(crate) enum TestbedCommand {
    /// Start a clearinghouse and nodes on loopback networks, until Ctrl-C
    Up(UpArguments),
    /// Make a node or the clearinghouse of a running testbed misbehave, or behave again
    Fault(FaultArguments),
    /// Say what a running testbed consists of
    Show(TestbedFlags),
}

/// What to start.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "A fault at the start: --fault 2=silence, --fault 3=latency:200ms, --fault 1=refuse. Later: overlord testbed fault"
)]
pub(crate) struct UpArguments {
    #[command(flatten)]
    directory: TestbedFlags,
    #[command(flatten)]
    testbed: UpFlags,
    /// Account to make, with new keys in the testbed's directory unless they are there; may be repeated
    #[arg(long, value_name = "USER", default_value = "guest")]
    pub(crate) user: Vec<String>,
    /// Fault of a node from the start, as NODE=FAULT; may be repeated
    #[arg(long, value_name = "NODE=FAULT")]
    pub(crate) fault: Vec<String>,
}

/// What shall go wrong.
#[derive(Debug, Clone, clap::Args)]
#[command(
    group(clap::ArgGroup::new("whose").required(true).args(["node", "clearinghouse", "vessel"])),
    after_help = format!("Faults of a node: {NODE_FAULTS}\nFaults of the clearinghouse: {CLEARINGHOUSE_FAULTS}\nFaults of a vessel: {VESSEL_FAULTS}\nWhat each does: docs/testbed.md")
)]
pub(crate) struct FaultArguments {
    #[command(flatten)]
    directory: TestbedFlags,
    /// Number of the node, from 1, as `testbed show` prints it
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(crate) node: Option<String>,
    /// The clearinghouse
    #[arg(long)]
    pub(crate) clearinghouse: bool,
    /// Vessel whose program is to be killed: its handle, or NODE:NAME such as 3:v2
    #[arg(long, value_name = "HANDLE")]
    pub(crate) vessel: Option<String>,
    /// The fault, and its time if it takes one
    #[arg(value_name = "FAULT", required = true, num_args = 1..=2)]
    pub(crate) fault: Vec<String>,
}
