//! Resource files: what a vessel may use, and the arithmetic of splitting and joining vessels.
//!
//! Enforcing a resource is left to the node and its platforms. Format and refusals are the original's.

mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use thiserror::Error;

pub use file::{RESOURCE_FILE_BYTES_MAX, ResourceFile};

use crate::reply::Reply;
use crate::wire_text::WireText;

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
    /// Calls of the random source per second.
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

/// Why a resource file or a sum of two is refused. `Display` has the original's words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// A line is neither a resource nor a call.
    #[error("Line '{0}' not understood.")]
    NotUnderstood(WireText),
    /// A resource line without exactly a name and a value.
    #[error("Line '{0}' has wrong number of items")]
    ItemCount(WireText),
    /// No such resource.
    #[error("Line '{line}' has an unknown resource '{name}'")]
    UnknownResource {
        /// The whole line.
        line: WireText,
        /// The name in it.
        name: WireText,
    },
    /// A value that is no finite number, or no port. The original takes infinity and NaN, and so splits
    /// without end.
    #[error("Line '{line}' has an invalid resource value '{value}'")]
    Value {
        /// The whole line.
        line: WireText,
        /// The value in it.
        value: WireText,
    },
    /// A quantity is given twice.
    #[error("Line '{line}' has a duplicate resource rule for '{name}'")]
    Duplicate {
        /// The whole line.
        line: WireText,
        /// The resource.
        name: Resource,
    },
    /// A required resource is missing.
    #[error("Missing required resource: '{0}'")]
    Missing(Resource),
    /// A quantity is negative, or would be after a subtraction.
    #[error("Insufficient quantity: Resource '{0}' has a negative quantity")]
    Negative(Resource),
    /// A port is taken away that is not there.
    #[error("Subtracted resource dictionary does not contain all elements")]
    PortsNotContained,
    /// Longer than [`RESOURCE_FILE_BYTES_MAX`].
    #[error("A resource file has at most {RESOURCE_FILE_BYTES_MAX} bytes")]
    TooLong,
}

impl ResourceError {
    /// The text as nodes send it: a refused line byte for byte.
    #[must_use]
    pub fn to_wire(&self) -> Vec<u8> {
        let text = |parts: &[&[u8]]| parts.concat();
        match self {
            Self::NotUnderstood(line) => text(&[b"Line '", line.as_bytes(), b"' not understood."]),
            Self::ItemCount(line) => {
                text(&[b"Line '", line.as_bytes(), b"' has wrong number of items"])
            }
            Self::UnknownResource { line, name } => text(&[
                b"Line '",
                line.as_bytes(),
                b"' has an unknown resource '",
                name.as_bytes(),
                b"'",
            ]),
            Self::Value { line, value } => text(&[
                b"Line '",
                line.as_bytes(),
                b"' has an invalid resource value '",
                value.as_bytes(),
                b"'",
            ]),
            Self::Duplicate { line, name } => text(&[
                b"Line '",
                line.as_bytes(),
                b"' has a duplicate resource rule for '",
                name.as_str().as_bytes(),
                b"'",
            ]),
            other => other.to_string().into_bytes(),
        }
    }

    /// The original foresees a file that cannot be read, and fails on one that lacks something.
    #[must_use]
    fn reply(&self) -> Reply {
        match self {
            Self::Missing(_) => Reply::internal_error(),
            other => Reply::error(other.to_wire()),
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
