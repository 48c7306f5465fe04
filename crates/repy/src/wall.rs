//! The second wall: what the operating system refuses to a program's process, should the language let something by.
//!
//! [`raise`] is called after the log is open and before the first byte of the user's is read, by a process that
//! runs one program and nothing else. Four layers, each of which holds without the others and without root:
//!
//! | layer | by | refuses |
//! |---|---|---|
//! | [`Layer::Privileges`] | no new privileges, no capabilities | what root or a set-user-id program could do |
//! | [`Layer::Limits`] | resource limits | memory, descriptors and file sizes beyond the vessel's |
//! | [`Layer::Places`] | Landlock | files outside of the vessel's folder, other TCP ports, signals to others |
//! | [`Layer::Calls`] | seccomp | every system call that the runtime does not need |
//!
//! Where the kernel lacks a layer the others are raised all the same, and the [`WallReport`] says so. There is
//! no way back: a wall that was raised stays until the process ends, on its later threads too.
//!
//! It does not count what a program uses (the accounting does), and knows no names of the API.

mod limits;
mod places;
mod privileges;
mod report;
mod self_test;
mod system_calls;

use std::path::{Path, PathBuf};

use overlord_resources::{PortKind, Resource, Resources};

pub use report::{Level, WallReport};
pub use self_test::{SelfTest, Trial, self_test, self_test_main};

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

    fn raises(&self, layer: Layer) -> bool {
        self.layers.contains(&layer)
    }
}

/// Raises the wall around this process, as much of it as the kernel has.
///
/// To be called while the process has one thread; a kernel before 7.0 binds only the calling thread, and those
/// that it starts, to [`Layer::Places`].
pub fn raise(policy: &WallPolicy) -> WallReport {
    let mut report = WallReport::default();
    for layer in Layer::ALL {
        let level = if policy.raises(layer) {
            match layer {
                Layer::Privileges => privileges::drop_all(),
                Layer::Limits => limits::set(policy),
                Layer::Places => places::restrict(policy),
                Layer::Calls => system_calls::restrict(),
            }
        } else {
            Level::Off
        };
        report.set(layer, level);
    }
    report
}
