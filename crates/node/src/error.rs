//! Why a node cannot start. What goes wrong in a call is answered over the wire, in the original's words.

use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

/// Why a node cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NodeStartError {
    /// Nobody can listen there.
    #[error(
        "the node cannot listen on {address}; choose another address or end what listens there"
    )]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The node's directory or a file in it cannot be made, read or written.
    #[error("the node cannot use {}; see that the directory exists, is writable and has space", path.display())]
    Directory {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Another node runs in the same directory.
    #[error("another node uses {}; stop it or give this one a directory of its own", .0.display())]
    InUse(PathBuf),
    /// The node's key is there but cannot be used, or cannot be written.
    #[error(
        "the node has no key to be known by; repair its key files, or remove both to make a new node of it"
    )]
    KeyFile(#[source] overlord_keys::KeyFileError),
    /// A key cannot be made.
    #[error("the node cannot make a key")]
    KeyGeneration(#[source] overlord_keys::KeyError),
    /// A resource file of the configuration is not one.
    #[error("the resources of {what} are not a resource file: {reason}")]
    Resources {
        /// Whose resources.
        what: String,
        /// What is wrong with them.
        reason: String,
    },
    /// The vessels of the configuration cannot be a node's: two have the same name.
    #[error("two vessels of the node are named {0}; give each its own name")]
    SameName(overlord_types::VesselName),
    /// The executable that supervises vessels cannot be found.
    #[error("the executable that supervises vessels cannot be found")]
    Launcher(#[source] std::io::Error),
    /// The runtime that the node was started on is shutting down.
    #[error("the runtime shuts down while the node starts")]
    Runtime,
}
