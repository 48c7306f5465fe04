//! The layers of the wall, and what each is to leave to a process. How they are raised is left to the layers.

use std::path::{Path, PathBuf};

use overlord_resources::{PortKind, Resource, Resources};

/// Descriptors beyond the vessel's files and sockets: standard streams, the log, status, wake-up pipes, what
/// name resolution opens for a moment, and sockets accepted only to be refused.
const DESCRIPTOR_ALLOWANCE: u64 = 48;
/// Room for the longest file beyond the vessel's disk: the log, which is not the vessel's, in its two files.
const FILE_ALLOWANCE: u64 = 64 * 1024;

/// A layer of the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// No new privileges and no capabilities, even if root starts the process.
    Privileges,
    /// Resource limits of the process.
    Limits,
    /// Landlock: which files, ports and processes can be reached.
    Places,
    /// Seccomp: which system calls can be made.
    Calls,
}

impl Layer {
    /// All layers, in the order in which they are raised.
    pub const ALL: [Self; 4] = [Self::Privileges, Self::Limits, Self::Places, Self::Calls];

    /// What the layer is called in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Privileges => "privileges",
            Self::Limits => "limits",
            Self::Places => "files and ports",
            Self::Calls => "system calls",
        }
    }
}

/// What a process may still do behind the wall.
#[derive(Debug, Clone, Default)]
pub struct WallPolicy {
    /// The vessel's files: read, written, made and removed here, not in folders below.
    pub directory: Option<PathBuf>,
    /// Files and folders that are read besides, if they are there.
    pub readable: Vec<PathBuf>,
    /// A folder in which files are made, written, removed and renamed, and not read: that of status files.
    pub status_folder: Option<PathBuf>,
    /// TCP ports that may be bound.
    pub tcp_ports: Vec<u16>,
    /// UDP ports that may be bound, where the kernel can tell (Landlock ABI 10).
    pub udp_ports: Vec<u16>,
    /// Most memory beyond what the process has when the wall is raised, in bytes; `None` leaves it as it is.
    pub memory: Option<u64>,
    /// Most descriptors; `None` leaves it as it is.
    pub descriptors: Option<u64>,
    /// Longest file, in bytes; `None` leaves it as it is. Writing beyond fails (`SIGXFSZ` is to be caught).
    pub file_bytes: Option<u64>,
    /// The layers to raise.
    pub layers: Vec<Layer>,
}

impl WallPolicy {
    /// No wall at all: for programs of one's own.
    #[must_use]
    pub fn danger_none() -> Self {
        Self::default()
    }

    /// All layers, for a vessel with these resources and its files in `directory`.
    #[must_use]
    pub fn for_vessel(directory: &Path, resources: &Resources) -> Self {
        let descriptors = resources.descriptors().saturating_add(DESCRIPTOR_ALLOWANCE);
        Self {
            directory: Some(directory.to_owned()),
            readable: Vec::new(),
            status_folder: None,
            tcp_ports: resources.ports(PortKind::Connection).collect(),
            udp_ports: resources.ports(PortKind::Message).collect(),
            memory: Some(resources.whole(Resource::Memory)),
            descriptors: Some(descriptors),
            file_bytes: Some(
                resources
                    .whole(Resource::DiskUsed)
                    .saturating_add(FILE_ALLOWANCE),
            ),
            layers: Layer::ALL.to_vec(),
        }
    }

    pub(super) fn raises(&self, layer: Layer) -> bool {
        self.layers.contains(&layer)
    }
}
