//! Why a testbed cannot start or do what its owner asks; each says what to do next.

use std::io;
use std::path::PathBuf;

use overlord_keys::{KeyError, KeyFileError};
use overlord_node::NodeStartError;
use overlord_types::failure::{Classified, Code, is_out_of_files};
use overlord_types::{Handle, NodeLocation};
use thiserror::Error;

use crate::clearinghouse::{AccountError, ClearinghouseStartError, ControlError};
use crate::network::{LoopbackError, NODES_MAX};

/// Why a testbed cannot start or do what its owner asks.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TestbedError {
    /// More nodes than networks.
    #[error(
        "a testbed has at most {NODES_MAX} nodes of its own, and {0} are asked for; give each more vessels"
    )]
    TooManyNodes(usize),
    /// A file or directory cannot be used.
    #[error("{} cannot be used; see that it is writable and that there is space", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file is there and is not what it should be.
    #[error("{} does not describe a testbed; restore it from a copy, or start in an empty directory", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Another testbed runs on the directory.
    #[error("another testbed runs in {}", .0.display())]
    InUse(PathBuf),
    /// No loopback network.
    #[error("the testbed has no network")]
    Network(#[from] LoopbackError),
    /// A key cannot be made.
    #[error("a key cannot be made")]
    Key(#[from] KeyError),
    /// A key file cannot be used.
    #[error("the key of a node's owner cannot be used")]
    KeyFile(#[from] KeyFileError),
    /// A node cannot start.
    #[error("node {number} cannot start")]
    Node {
        /// Which one, counted from 1 as its directory is.
        number: usize,
        /// Why.
        source: NodeStartError,
    },
    /// The clearinghouse cannot start.
    #[error("the clearinghouse cannot start")]
    Clearinghouse(#[from] ClearinghouseStartError),
    /// A node did not say what it has.
    #[error(
        "the node at {location} cannot be taken in; see that it runs and that the key is its owner's"
    )]
    Enrol {
        /// Where it should be.
        location: NodeLocation,
        /// What went wrong.
        source: ControlError,
    },
    /// An account was not made, or the state not saved.
    #[error("the clearinghouse refuses")]
    Account(#[from] AccountError),
    /// There is no such node.
    #[error("there is no node {number}: the testbed has {nodes}, counted from 1")]
    NoSuchNode {
        /// The number asked for.
        number: usize,
        /// How many there are.
        nodes: usize,
    },
    /// The node is not running.
    #[error("node {0} does not run; restart it first")]
    NotRunning(usize),
    /// Nothing runs in the vessel.
    #[error("no program runs in {}", .0.short())]
    NoProgram(Handle),
    /// The process cannot be ended.
    #[error("the process of {} cannot be ended", vessel.short())]
    Kill {
        /// The vessel.
        vessel: Handle,
        /// What the operating system says.
        source: io::Error,
    },
    /// A part of the start did not come to its end: a bug of ours.
    #[error("a part of the testbed's start did not end as it should")]
    Task(#[from] tokio::task::JoinError),
}

impl Classified for TestbedError {
    fn code(&self) -> Code {
        if is_out_of_files(self) {
            return Code::OpenFilesExhausted;
        }
        match self {
            Self::Clearinghouse(ClearinghouseStartError::Listen { source, .. }) => {
                match source.kind() {
                    io::ErrorKind::AddrInUse => Code::PortInUse,
                    io::ErrorKind::PermissionDenied => Code::PortForbidden,
                    _ => Code::PortUnusable,
                }
            }
            Self::TooManyNodes(_)
            | Self::NoSuchNode { .. }
            | Self::NotRunning(_)
            | Self::NoProgram(_) => Code::TestbedRequest,
            Self::File { .. } => Code::TestbedUnwritable,
            Self::InUse(_) => Code::TestbedInUse,
            Self::Malformed { .. } | Self::KeyFile(_) | Self::Account(_) => Code::TestbedData,
            Self::Network(_)
            | Self::Node { .. }
            | Self::Clearinghouse(_)
            | Self::Enrol { .. }
            | Self::Kill { .. } => Code::TestbedMachine,
            Self::Key(_) | Self::Task(_) => Code::Internal,
        }
    }
}
