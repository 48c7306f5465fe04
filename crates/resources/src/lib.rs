//! Resource files: what a vessel may use, and the arithmetic of splitting and joining vessels.
//!
//! The node that splits and joins vessels, the node-manager protocol that carries the files, and the
//! sandbox that enforces them read and write them with this one crate. It enforces nothing itself, opens
//! no file, and knows no protocol. Format and refusals are the original's.
//!
//! ```
//! use overlord_resources::{PortKind, Resource, ResourceFile};
//!
//! let file = ResourceFile::parse(b"
//!     resource cpu .1            # of one processor
//!     resource memory 20000000
//!     resource diskused 1000000
//!     resource connport 63100
//! ")?;
//! assert_eq!(file.resources().whole(Resource::Memory), 20_000_000);
//! assert!(file.resources().allows_port(PortKind::Connection, 63100));
//! # Ok::<(), overlord_resources::ResourceError>(())
//! ```
//!
//! Start with [`ResourceFile`].
#![forbid(unsafe_code)]

mod error;
mod file;
mod line;
pub mod python_text;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use error::{ResourceError, SplitError};
pub use file::{RESOURCE_FILE_BYTES_MAX, ResourceFile};
pub use line::ResourceLine;

/// A resource that has a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// Share of one processor: 0.1 is ten percent.
    Cpu,
    /// Bytes of memory.
    Memory,
    /// Bytes on disk, all files together.
    DiskUsed,
    /// Threads and timers at one time.
    Events,
    /// Bytes written to files per second.
    FileWrite,
    /// Bytes read from files per second.
    FileRead,
    /// Files open at one time.
    FilesOpened,
    /// Listening sockets at one time.
    InSockets,
    /// Outgoing connections at one time.
    OutSockets,
    /// Bytes sent per second to other machines.
    NetSend,
    /// Bytes received per second from other machines.
    NetRecv,
    /// Bytes sent per second on the loopback.
    LoopSend,
    /// Bytes received per second on the loopback.
    LoopRecv,
    /// Bytes logged per second.
    LogRate,
    /// Bytes taken from the random source per second.
    Random,
}

impl Resource {
    /// Every resource with a quantity, in the order in which files list them.
    pub const ALL: [Self; 15] = [
        Self::Cpu,
        Self::Memory,
        Self::DiskUsed,
        Self::Events,
        Self::FileWrite,
        Self::FileRead,
        Self::FilesOpened,
        Self::InSockets,
        Self::OutSockets,
        Self::NetSend,
        Self::NetRecv,
        Self::LoopSend,
        Self::LoopRecv,
        Self::LogRate,
        Self::Random,
    ];
    /// Those without which a file is none.
    pub const REQUIRED: [Self; 3] = [Self::Cpu, Self::Memory, Self::DiskUsed];

    /// The name in a resource file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::DiskUsed => "diskused",
            Self::Events => "events",
            Self::FileWrite => "filewrite",
            Self::FileRead => "fileread",
            Self::FilesOpened => "filesopened",
            Self::InSockets => "insockets",
            Self::OutSockets => "outsockets",
            Self::NetSend => "netsend",
            Self::NetRecv => "netrecv",
            Self::LoopSend => "loopsend",
            Self::LoopRecv => "looprecv",
            Self::LogRate => "lograte",
            Self::Random => "random",
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Kinds of ports that a vessel may use, each port by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortKind {
    /// UDP.
    Message,
    /// TCP.
    Connection,
}

impl PortKind {
    /// Both kinds, in the order in which files list them.
    pub const ALL: [Self; 2] = [Self::Message, Self::Connection];

    /// The name in a resource file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "messport",
            Self::Connection => "connport",
        }
    }
}

/// What a vessel may use.
///
/// Quantities are never negative or infinite; those that a file does not list are 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resources {
    /// Without those that are 0.
    quantities: BTreeMap<Resource, f64>,
    ports: BTreeSet<(PortKind, u16)>,
}

impl Resources {
    /// How much of a resource.
    #[must_use]
    pub fn quantity(&self, resource: Resource) -> f64 {
        self.quantities.get(&resource).copied().unwrap_or_default()
    }

    /// A resource as a whole number, cut downwards: bytes, sockets, files.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "quantities are not negative, and the cast saturates"
    )]
    pub fn whole(&self, resource: Resource) -> u64 {
        self.quantity(resource) as u64
    }

    /// The most descriptors that its files and sockets need together.
    #[must_use]
    pub fn descriptors(&self) -> u64 {
        [
            Resource::FilesOpened,
            Resource::InSockets,
            Resource::OutSockets,
        ]
        .into_iter()
        .map(|resource| self.whole(resource))
        .fold(0, u64::saturating_add)
    }

    /// The ports of one kind.
    pub fn ports(&self, kind: PortKind) -> impl Iterator<Item = u16> + '_ {
        self.ports
            .range((kind, 0)..=(kind, u16::MAX))
            .map(|&(_, port)| port)
    }

    /// Whether a port may be used.
    #[must_use]
    pub fn allows_port(&self, kind: PortKind, port: u16) -> bool {
        self.ports.contains(&(kind, port))
    }

    /// Sets a quantity; what is negative or no number becomes 0.
    pub fn set(&mut self, resource: Resource, quantity: f64) {
        if quantity.is_finite() && quantity > 0.0 {
            self.quantities.insert(resource, quantity);
        } else {
            self.quantities.remove(&resource);
        }
    }

    /// Allows a port.
    pub fn allow_port(&mut self, kind: PortKind, port: u16) {
        self.ports.insert((kind, port));
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        for resource in Resource::ALL {
            sum.set(resource, self.quantity(resource) + other.quantity(resource));
        }
        sum.ports.extend(&other.ports);
        sum
    }

    /// What is left when `other` is taken away.
    ///
    /// # Errors
    /// When a port is missing, or a quantity would be negative. Ports are looked at first, as the
    /// original does.
    pub fn minus(&self, other: &Self) -> Result<Self, ResourceError> {
        let mut rest = self.clone();
        for port in &other.ports {
            if !rest.ports.remove(port) {
                return Err(ResourceError::PortsNotContained);
            }
        }
        for resource in Resource::ALL {
            let left = self.quantity(resource) - other.quantity(resource);
            if left < 0.0 {
                return Err(ResourceError::Negative(resource));
            }
            rest.set(resource, left);
        }
        Ok(rest)
    }
}

#[cfg(test)]
mod tests;
