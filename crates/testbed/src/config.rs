//! What a testbed is made with. Making it is left to [`crate::Testbed::start`].

use std::path::PathBuf;
use std::time::Duration;

use overlord_node::platform::Platforms;
use overlord_node::{Durability, LauncherCommand, NodeTiming};

use crate::clearinghouse::LeaseTerms;

/// The quantities of a testbed's vessel. Wider than those of the original's installer, which are cut for
/// machines that their owners use: on the native platform any executable must have room. Ports come on top.
pub const TESTBED_VESSEL_RESOURCES: &str = "resource cpu 0.5
resource memory 2000000000
resource diskused 100000000
resource events 64
resource filewrite 100000000.0
resource fileread 100000000.0
resource filesopened 64
resource insockets 64
resource outsockets 64
resource netsend 100000000.0
resource netrecv 100000000.0
resource loopsend 100000000.0
resource looprecv 100000000.0
resource lograte 1000000.0
resource random 10000.0
";

/// Everything a testbed is made with.
#[derive(Clone)]
pub struct TestbedConfig {
    /// Where keys, certificate authority, state and vessels are kept; made when it is not there. A second
    /// start in the same directory finds accounts, leases and nodes again.
    pub directory: PathBuf,
    /// How many nodes; at most 254.
    pub nodes: usize,
    /// How many of them share a network (/24) and so are a `lan`, from 1 to 254. What a directory had before is kept:
    /// programs may still run at the nodes' addresses.
    pub nodes_per_network: usize,
    /// How many vessels each node has when it is made. Those of one node have one address.
    pub vessels_per_node: usize,
    /// Delay of each connection and answer of the clearinghouse, and of each answer of a node.
    pub latency: Duration,
    /// How long vessels are leased.
    pub leases: LeaseTerms,
    /// The A of 127.A.x.1; `None`: the one this directory had before, or a free one.
    pub network: Option<u8>,
    /// The clearinghouse's port on 127.A.0.1; 0 takes the one that this directory had before, or a free one.
    pub clearinghouse_port: u16,
    /// The nodes' port on 127.A.x.1.
    pub node_port: u16,
    /// Size of the keys of nodes and their owners, in bits.
    pub key_bits: u32,
    /// What can run programs on the vessels.
    pub platforms: Platforms,
    /// How vessels' processes are started: the program that calls
    /// [`enter_if_asked`](overlord_node::launch::enter_if_asked) first thing in `main`.
    pub launcher: LauncherCommand,
    /// The quantities of a new node's vessels, as a resource file without ports.
    pub vessel_resources: String,
    /// How long nodes wait for what.
    pub node_timing: NodeTiming,
    /// What the nodes' state survives.
    pub durability: Durability,
    /// Seed of placement and of pauses. Nothing secret comes from it.
    pub seed: u64,
}

impl TestbedConfig {
    /// Twelve nodes of four vessels each: ten `wan` vessels with two networks to spare, `lan` requests of up
    /// to four. They run Repy programs. For other programs set `platforms` to
    /// `Platforms::repy().and_danger_native()`, which is **not a sandbox**.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            nodes: 12,
            nodes_per_network: 1,
            vessels_per_node: 4,
            latency: Duration::ZERO,
            leases: LeaseTerms::default(),
            network: None,
            clearinghouse_port: 0,
            node_port: overlord_types::NODE_MANAGER_PORT,
            key_bits: 1024,
            platforms: Platforms::repy(),
            launcher: LauncherCommand::default(),
            vessel_resources: TESTBED_VESSEL_RESOURCES.to_owned(),
            node_timing: NodeTiming::default(),
            durability: Durability::ProcessCrash,
            seed: 0,
        }
    }
}
