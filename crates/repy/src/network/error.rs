//! Why a network call failed, in the terms of the Repy API, and what the kernel's refusals mean in them.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use rustix::io::Errno;
use thiserror::Error;

/// Why a network call failed. Each variant becomes the exception of its name, if it has one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// This program listens there already.
    #[error("this program listens on {0} already")]
    AlreadyListening(SocketAddrV4),
    /// This program has a connection between these addresses already.
    #[error("a connection from {local} to {remote} exists already")]
    DuplicateTuple {
        /// Our end.
        local: SocketAddrV4,
        /// The other end.
        remote: SocketAddrV4,
    },
    /// Something outside of this program uses the address. To programs a DuplicateTupleError, too.
    #[error("the local address {0} is in use by another process")]
    AddressInUse(SocketAddrV4),
    /// An old connection between these addresses is not quite over.
    #[error("the operating system still cleans up an old connection from {local} to {remote}")]
    CleanupInProgress {
        /// Our end.
        local: SocketAddrV4,
        /// The other end.
        remote: SocketAddrV4,
    },
    /// The address is none of this machine's.
    #[error("{0} is not an address of this machine")]
    AddressBinding(Ipv4Addr),
    /// The operating system (its second wall, or a port below 1024) does not let this program have the port.
    #[error("the operating system does not allow the local address {0}")]
    AddressForbidden(SocketAddrV4),
    /// There is no way from the local to the remote address.
    #[error("{remote} cannot be reached from {local}")]
    Unreachable {
        /// Our end.
        local: Ipv4Addr,
        /// The other end.
        remote: SocketAddrV4,
        /// What the kernel said.
        source: io::Error,
    },
    /// The machine has no address towards the Internet.
    #[error("no connection to the Internet was found")]
    NoInternet,
    /// Nobody listens there.
    #[error("the connection to {0} was refused")]
    Refused(SocketAddrV4),
    /// No answer within the time given.
    #[error("no connection to {0} within the time given")]
    TimedOut(SocketAddrV4),
    /// The name has no address.
    #[error("the name '{0}' could not be resolved")]
    Unresolved(String),
    /// Closed by this program.
    #[error("the socket was closed")]
    ClosedLocally,
    /// Closed by the other end, or lost on the way.
    #[error("the socket was closed by the other end")]
    ClosedRemotely,
    /// Nothing to be had at the moment.
    #[error("{0}")]
    WouldBlock(&'static str),
    /// The listening socket is of no use any more.
    #[error("the listening socket has become invalid")]
    ServerInvalid(#[source] io::Error),
    /// The system gives no thread to resolve names on.
    #[error("no thread can be started to resolve a name")]
    NoThread(#[source] io::Error),
    /// The process or the machine has no descriptor or buffer left.
    #[error("the system has no sockets left")]
    Exhausted(#[source] io::Error),
    /// Longer than a datagram may be.
    #[error("the message is too long to be sent")]
    TooLong,
    /// What no call foresees.
    #[error("the operating system refused a network call")]
    System(#[source] io::Error),
}

/// Whether nothing is wrong but that a non-blocking call would have to wait.
pub(super) fn would_block(errno: Errno) -> bool {
    errno == Errno::AGAIN || errno == Errno::WOULDBLOCK
}

/// What making a socket or setting it up failed of.
pub(super) fn from_setup(errno: Errno) -> NetworkError {
    match errno {
        Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM => {
            NetworkError::Exhausted(errno.into())
        }
        _ => NetworkError::System(errno.into()),
    }
}

/// What binding to `local` failed of.
pub(super) fn from_bind(errno: Errno, local: SocketAddrV4) -> NetworkError {
    match errno {
        Errno::ADDRINUSE => NetworkError::AddressInUse(local),
        Errno::ADDRNOTAVAIL => NetworkError::AddressBinding(*local.ip()),
        Errno::ACCESS | Errno::PERM => NetworkError::AddressForbidden(local),
        _ => from_setup(errno),
    }
}

/// What sending or connecting from `local` to `remote` failed of.
pub(super) fn from_route(errno: Errno, local: SocketAddrV4, remote: SocketAddrV4) -> NetworkError {
    match errno {
        Errno::CONNREFUSED | Errno::CONNRESET | Errno::CONNABORTED => NetworkError::Refused(remote),
        Errno::TIMEDOUT => NetworkError::TimedOut(remote),
        // INVAL is how Linux says that no packet goes from a loopback address to any other; ACCESS and PERM come from
        // firewalls and for broadcast addresses.
        Errno::NETDOWN
        | Errno::NETUNREACH
        | Errno::HOSTDOWN
        | Errno::HOSTUNREACH
        | Errno::INVAL
        | Errno::ACCESS
        | Errno::PERM => NetworkError::Unreachable {
            local: *local.ip(),
            remote,
            source: errno.into(),
        },
        Errno::MSGSIZE => NetworkError::TooLong,
        _ => from_setup(errno),
    }
}
