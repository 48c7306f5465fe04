//! `overlord testbed …`

use std::path::PathBuf;

use clap::Subcommand;
use overlord_testbed::daemon::{CLEARINGHOUSE_FAULTS, NODE_FAULTS, VESSEL_FAULTS};

/// Run a testbed of one's own on this machine.
#[derive(Debug, Subcommand)]
pub(crate) enum TestbedCommand {
    /// Start a clearinghouse and nodes on loopback networks, until Ctrl-C
    Up(UpArguments),
    /// Make a node or the clearinghouse of a running testbed misbehave, or behave again
    Fault(FaultArguments),
    /// Say what a running testbed consists of
    Show(TestbedDirectory),
}

/// Which testbed.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct TestbedDirectory {
    /// Directory of the testbed: keys, CA certificate, state, control socket
    #[arg(
        long,
        value_name = "DIR",
        env = "OVERLORD_TESTBED_DIR",
        default_value = "testbed"
    )]
    pub(crate) dir: PathBuf,
}

/// What to start.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "A fault at the start: --fault 2=silence, --fault 3=latency:200ms, --fault 1=refuse. Later: overlord testbed fault"
)]
pub(crate) struct UpArguments {
    #[command(flatten)]
    pub(crate) directory: TestbedDirectory,
    /// How many nodes, each on a network of its own unless --nodes-per-network says otherwise
    #[arg(
        long,
        value_name = "N",
        default_value = "12",
        allow_hyphen_values = true
    )]
    pub(crate) nodes: String,
    /// How many nodes share a network (/24), and so are a lan; kept from the first start in the directory
    #[arg(
        long,
        value_name = "N",
        default_value = "1",
        allow_hyphen_values = true
    )]
    pub(crate) nodes_per_network: String,
    /// How many vessels each node has
    #[arg(
        long,
        value_name = "N",
        default_value = "4",
        allow_hyphen_values = true
    )]
    pub(crate) vessels_per_node: String,
    /// How much later each node answers
    #[arg(
        long,
        value_name = "TIME",
        default_value = "0s",
        allow_hyphen_values = true
    )]
    pub(crate) latency: String,
    /// TCP port of the clearinghouse; 0 takes a free one
    #[arg(
        long,
        value_name = "PORT",
        default_value = "0",
        allow_hyphen_values = true
    )]
    pub(crate) port: String,
    /// How many vessels each account that is made may hold; the original's accounts begin with ten
    #[arg(
        long,
        value_name = "N",
        default_value = "10",
        allow_hyphen_values = true
    )]
    pub(crate) credits: String,
    /// Also run programs that are not Repy, with the rights of this process: not a sandbox
    #[arg(long)]
    pub(crate) danger_native: bool,
    /// Account to make, with new keys in the testbed's directory unless they are there; may be repeated
    #[arg(long, value_name = "USER", default_value = "guest")]
    pub(crate) user: Vec<String>,
    /// Fault of a node from the start, as NODE=FAULT; may be repeated
    #[arg(long, value_name = "NODE=FAULT")]
    pub(crate) fault: Vec<String>,
    /// Length of leases on acquisition [default: 4h]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) lease: Option<String>,
    /// Length of leases after a renewal [default: 7days]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) renewed_lease: Option<String>,
}

/// What shall go wrong.
#[derive(Debug, Clone, clap::Args)]
#[command(
    group(clap::ArgGroup::new("whose").required(true).args(["node", "clearinghouse", "vessel"])),
    after_help = format!("Faults of a node: {NODE_FAULTS}\nFaults of the clearinghouse: {CLEARINGHOUSE_FAULTS}\nFaults of a vessel: {VESSEL_FAULTS}\nWhat each does: docs/testbed.md")
)]
pub(crate) struct FaultArguments {
    #[command(flatten)]
    pub(crate) directory: TestbedDirectory,
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
