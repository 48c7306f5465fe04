//! Resource files: what a vessel may use, and the arithmetic of splitting and joining vessels.
//!
//! Enforcing a resource is left to the node and its platforms. Format and refusals are the original's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use thiserror::Error;

use crate::reply::Reply;
use crate::timestamp::{read_float, write_float};
use crate::wire_text::{WireText, trim, words};

/// Longest resource file read, in bytes. The original's have about 1,300.
pub const RESOURCE_FILE_BYTES_MAX: usize = 256 * 1024;

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

/// A resource file: what it says, and its text as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceFile {
    text: Vec<u8>,
    resources: Resources,
    calls: Vec<WireText>,
}

impl ResourceFile {
    /// Writes a file of these resources. `calls` are lines `call NAME allow|deny`, for repyV1.
    #[must_use]
    pub fn new(resources: Resources, calls: Vec<WireText>) -> Self {
        let mut text = Vec::new();
        for resource in Resource::ALL {
            let quantity = write_float(resources.quantity(resource));
            text.extend_from_slice(format!("resource {resource} {quantity}\n").as_bytes());
        }
        for kind in PortKind::ALL {
            for port in resources.ports(kind) {
                text.extend_from_slice(format!("resource {} {port}\n", kind.as_str()).as_bytes());
            }
        }
        for call in &calls {
            text.extend_from_slice(call.as_bytes());
            text.push(b'\n');
        }
        Self {
            text,
            resources,
            calls,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// The first line that is refused, then a required resource that is missing, then a quantity
    /// below 0.
    pub fn parse(text: &[u8]) -> Result<Self, ResourceError> {
        Lines::read(text)?.into_file(text)
    }

    /// The file's text: as it was read, comments included.
    #[must_use]
    pub fn encode(&self) -> &[u8] {
        &self.text
    }

    /// What the file allows.
    #[must_use]
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// The lines `call NAME allow|deny`.
    #[must_use]
    pub fn calls(&self) -> &[WireText] {
        &self.calls
    }

    /// Splits a vessel of this file: gives what is left, and what was asked for. The split itself
    /// costs `offcut`. Both keep the call lines of this file.
    ///
    /// # Errors
    /// The original's answer.
    pub fn split(&self, offcut: &Self, asked: &[u8]) -> Result<(Self, Self), Reply> {
        let lines = Lines::read(asked).map_err(|error| error.reply())?;
        let too_large = |error: ResourceError| {
            Reply::error([&b"Proposed vessel is too large.\n"[..], &error.to_wire()].concat())
        };
        let available = self.resources.minus(&offcut.resources).map_err(|error| {
            let text = &b"Existing resources are so small they cannot be split.\n"[..];
            Reply::error([text, &error.to_wire()].concat())
        })?;
        let asked = lines.into_file(asked).map_err(too_large)?;
        let left = available.minus(&asked.resources).map_err(too_large)?;
        Ok((
            Self::new(left, self.calls.clone()),
            Self::new(asked.resources, self.calls.clone()),
        ))
    }

    /// Joins two vessels; what their split cost comes back. The call lines are those of this file.
    #[must_use]
    pub fn join(&self, other: &Self, offcut: &Self) -> Self {
        let sum = self
            .resources
            .plus(&other.resources)
            .plus(&offcut.resources);
        Self::new(sum, self.calls.clone())
    }
}

/// The lines of a file, read; quantities may be negative: the original refuses those later than lines.
#[derive(Debug, Default)]
struct Lines {
    quantities: BTreeMap<Resource, f64>,
    ports: BTreeSet<(PortKind, u16)>,
    calls: Vec<WireText>,
}

impl Lines {
    fn read(text: &[u8]) -> Result<Self, ResourceError> {
        if text.len() > RESOURCE_FILE_BYTES_MAX {
            return Err(ResourceError::TooLong);
        }
        let mut lines = Self::default();
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            // Lines may end as on Windows.
            let line = match line {
                [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] => line,
                last => last,
            };
            lines.read_line(line)?;
        }
        match Resource::REQUIRED
            .into_iter()
            .find(|required| !lines.quantities.contains_key(required))
        {
            Some(missing) => Err(ResourceError::Missing(missing)),
            None => Ok(lines),
        }
    }

    fn into_file(self, text: &[u8]) -> Result<ResourceFile, ResourceError> {
        let mut resources = Resources {
            ports: self.ports,
            ..Resources::default()
        };
        for (resource, quantity) in self.quantities {
            if quantity < 0.0 {
                return Err(ResourceError::Negative(resource));
            }
            resources.set(resource, quantity);
        }
        Ok(ResourceFile {
            text: text.to_vec(),
            resources,
            calls: self.calls,
        })
    }

    fn read_line(&mut self, line: &[u8]) -> Result<(), ResourceError> {
        let code = line.split(|&byte| byte == b'#').next().unwrap_or_default();
        let items: Vec<&[u8]> = words(code).take(4).collect();
        match items.as_slice() {
            [] => Ok(()),
            [b"resource", name, value] => self.read_resource(line, name, value),
            [b"resource", ..] => Err(ResourceError::ItemCount(line.into())),
            // Calls of repyV1 are kept as they are; a comment behind one goes.
            [b"call", ..] => {
                self.calls.push(trim(code).into());
                Ok(())
            }
            _ => Err(ResourceError::NotUnderstood(line.into())),
        }
    }

    fn read_resource(
        &mut self,
        line: &[u8],
        name: &[u8],
        value: &[u8],
    ) -> Result<(), ResourceError> {
        let port_kind = PortKind::ALL
            .into_iter()
            .find(|kind| kind.as_str().as_bytes() == name);
        let resource = Resource::ALL
            .into_iter()
            .find(|resource| resource.as_str().as_bytes() == name);
        if port_kind.is_none() && resource.is_none() {
            return Err(ResourceError::UnknownResource {
                line: line.into(),
                name: name.into(),
            });
        }
        let invalid = || ResourceError::Value {
            line: line.into(),
            value: value.into(),
        };
        let number = read_float(value)
            .filter(|number| number.is_finite())
            .ok_or_else(invalid)?;
        if let Some(kind) = port_kind {
            let port = read_port(number).ok_or_else(invalid)?;
            self.ports.insert((kind, port));
        }
        if let Some(resource) = resource
            && self.quantities.insert(resource, number).is_some()
        {
            return Err(ResourceError::Duplicate {
                line: line.into(),
                name: resource,
            });
        }
        Ok(())
    }
}

/// Ports are whole numbers from 1 on, though written as floats by some.
fn read_port(number: f64) -> Option<u16> {
    let fits = number.fract() == 0.0 && (1.0..=f64::from(u16::MAX)).contains(&number);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a whole number that fits"
    )]
    fits.then_some(number as u16)
}

#[cfg(test)]
mod tests;
