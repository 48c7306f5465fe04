//! What can be limited: resources with a quantity, and ports, with their names in resource files.

use std::fmt;

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

    /// Whether its quantity is a whole number, in files and for programs: what is held or counted at one time. The share
    /// of a processor and what renews are real numbers.
    #[must_use]
    pub fn is_whole(self) -> bool {
        matches!(
            self,
            Self::Memory
                | Self::DiskUsed
                | Self::Events
                | Self::FilesOpened
                | Self::InSockets
                | Self::OutSockets
        )
    }

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
