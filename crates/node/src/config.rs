//! What a node is made with. Checking it and making the node is left to [`crate::Node::start`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use overlord_files::Durability;
use overlord_keys::{KeyPair, PublicKey};
use overlord_nodemanager::server::ServerLimits;
use overlord_time::{SystemClock, WallClock};
use overlord_types::VesselName;

use crate::launch::LauncherCommand;
use crate::platform::Platforms;

/// The resources that a split costs, as the original's installer writes them (recorded answer of
/// `GetOffcutResources`, byte for byte).
pub const OFFCUT_RESOURCES: &str = "resource cpu .002
resource memory 1000000
resource diskused 100000
resource events 2
resource filewrite 1000
resource fileread 1000 
resource filesopened 1 
resource insockets 0
resource outsockets 0
resource netsend 0
resource netrecv 0
resource loopsend 0
resource looprecv 0
resource lograte 100
resource random 0
";

/// The quantities of an ordinary vessel as the original's installer writes them, without ports.
pub const VESSEL_RESOURCES: &str = "resource cpu 0.02
resource memory 30000000
resource diskused 20000000
resource events 15
resource filewrite 100000.0
resource fileread 100000.0
resource filesopened 5
resource insockets 5
resource outsockets 5
resource netsend 10000.0
resource netrecv 10000.0
resource loopsend 1000000.0
resource looprecv 1000000.0
resource lograte 30000.0
resource random 100.0
";

/// A vessel's resource file: `quantities`, and each of `ports` open for TCP and UDP.
#[must_use]
pub fn vessel_resources_with_ports(
    quantities: &str,
    ports: impl IntoIterator<Item = u16> + Clone,
) -> String {
    let mut text = quantities.to_owned();
    for kind in ["messport", "connport"] {
        for port in ports.clone() {
            text.push_str(&format!("resource {kind} {port}\n"));
        }
    }
    text
}

/// Who the node is: the key whose text is its id.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum NodeIdentity {
    /// Kept in the node's directory; made there at the first start, with a modulus of so many bits.
    Stored {
        /// Size of the modulus of a new key, in bits.
        bits: u32,
    },
    /// Given by the embedding program, at every start.
    Pair(KeyPair),
    /// Only the public half: enough to serve the protocol, which never asks a node to sign.
    PublicOnly(PublicKey),
}

/// A vessel that the node makes when it starts for the first time in its directory.
#[derive(Debug, Clone)]
pub struct NewVessel {
    /// Its name: `v` and a number.
    pub name: VesselName,
    /// Whose key decides over it.
    pub owner: PublicKey,
    /// Whose keys may use it.
    pub users: Vec<PublicKey>,
    /// The owner's note, one line of at most 256 bytes.
    pub owner_information: String,
    /// Whether the vessel is to be advertised.
    pub advertise: bool,
    /// Its resource file, as `GetVesselResources` answers it.
    pub resources: String,
}

impl NewVessel {
    /// A vessel of `owner` with nobody else using it.
    #[must_use]
    pub fn new(name: VesselName, owner: PublicKey, resources: String) -> Self {
        Self {
            name,
            owner,
            users: Vec::new(),
            owner_information: String::new(),
            advertise: true,
            resources,
        }
    }
}

/// How long the node waits for what.
#[derive(Debug, Clone, Copy)]
pub struct NodeTiming {
    /// Longest wait for a program to be executed, after which a start is answered
    /// `Did not start in a timely manner`. The original waits 10 s.
    pub start_wait: Duration,
    /// How long a program that was executed is watched before it is called `Started`; one that ends
    /// within it is answered `Terminated`. Not a polling delay: an end is noticed at once.
    pub start_settle: Duration,
    /// As `start_settle`, for a program in a sandbox. Shorter, because whether it is a program at all is known before
    /// it runs.
    pub sandbox_settle: Duration,
    /// How long a program may take to end after SIGTERM before SIGKILL follows.
    pub stop_grace: Duration,
    /// As `stop_grace`, for a program in a sandbox. Shorter, because the sandbox hears and not the program: only an
    /// overloaded machine keeps it from ending at once, and a stop is to take less than a second.
    pub sandbox_grace: Duration,
    /// Longest wait for the processes of a vessel to be gone, after which a stop is answered
    /// `May not have stopped in a timely manner`. The original waits 10 s.
    pub stop_wait: Duration,
    /// How long connections that are open when the node stops may take to finish.
    pub connection_grace: Duration,
}

impl Default for NodeTiming {
    fn default() -> Self {
        Self {
            start_wait: Duration::from_secs(10),
            start_settle: Duration::from_millis(30),
            sandbox_settle: Duration::from_millis(5),
            stop_grace: Duration::from_secs(2),
            sandbox_grace: Duration::from_millis(750),
            stop_wait: Duration::from_secs(10),
            connection_grace: ServerLimits::default().shutdown_grace,
        }
    }
}

/// Everything a node is made with.
#[derive(Clone)]
pub struct NodeConfig {
    /// Where state, keys and vessels are kept; made when it is not there. One node at a time.
    pub directory: PathBuf,
    /// Where to listen. Port 0 takes a free one.
    pub address: SocketAddr,
    /// What `GetVessels` says as `Nodename:`; by default the IP address.
    pub name: Option<String>,
    /// What `GetVessels` says as `Version:`.
    pub version: String,
    /// Who the node is.
    pub identity: NodeIdentity,
    /// The vessels to make at the first start; ignored when the directory has vessels.
    pub vessels: Vec<NewVessel>,
    /// The resources that a split costs, as `GetOffcutResources` answers them.
    pub offcut_resources: String,
    /// What can run programs here.
    pub platforms: Platforms,
    /// How a vessel's supervisor process is started.
    pub launcher: LauncherCommand,
    /// Whether programs end when the process that embeds the node does, however it ends (of a runtime
    /// that is dropped the same is true). For testbeds in a process; a daemon that may be
    /// restarted says no, and finds its programs again.
    pub programs_end_with_process: bool,
    /// What the node takes for the time.
    pub clock: Arc<dyn WallClock>,
    /// How long the node waits for what.
    pub timing: NodeTiming,
    /// What the node's state survives.
    pub durability: Durability,
}

impl NodeConfig {
    /// Size of the modulus of a node's own key, in bits, when it makes one.
    pub const KEY_BITS: u32 = 2048;

    /// A node with no vessels, a key of its own, no program platform that runs anything, and the
    /// current executable as launcher.
    #[must_use]
    pub fn new(directory: PathBuf, address: SocketAddr) -> Self {
        Self {
            directory,
            address,
            name: None,
            version: concat!("overlord-", env!("CARGO_PKG_VERSION")).to_owned(),
            identity: NodeIdentity::Stored {
                bits: Self::KEY_BITS,
            },
            vessels: Vec::new(),
            offcut_resources: OFFCUT_RESOURCES.to_owned(),
            platforms: Platforms::none(),
            launcher: LauncherCommand::default(),
            programs_end_with_process: false,
            clock: Arc::new(SystemClock),
            timing: NodeTiming::default(),
            durability: Durability::default(),
        }
    }
}
