//! Why a network call failed, in the terms of the Repy API, and what the kernel's refusals mean in them.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use rustix::io::Errno;
use thiserror::Error;

/// Why a network call failed. Each variant becomes the exception of its name, if it has one; the texts are the
/// original's, which programs print and match.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// This program listens there already.
    #[error("There is a listening socket on the provided localip and localport!")]
    AlreadyListening(SocketAddrV4),
    /// This program has a connection between these addresses already.
    #[error("There is a duplicate connection which conflicts with the request!")]
    DuplicateTuple {
        /// Our end.
        local: SocketAddrV4,
        /// The other end.
        remote: SocketAddrV4,
    },
    /// Something outside of this program uses the address. To programs a DuplicateTupleError, too.
    #[error("Provided Local IP and Local Port is already in use!")]
    AddressInUse(SocketAddrV4),
    /// An old connection between these addresses is not quite over.
    #[error("The socket is being cleaned up by the operating system!")]
    CleanupInProgress {
        /// Our end.
        local: SocketAddrV4,
        /// The other end.
        remote: SocketAddrV4,
    },
    /// The address is none of this machine's.
    #[error("Cannot bind to the specified local ip, invalid!")]
    AddressBinding(Ipv4Addr),
    /// The operating system (its second wall, or a port below 1024) does not let this program have the port.
    #[error("Provided localport is not allowed! Port: {}", .0.port())]
    AddressForbidden(SocketAddrV4),
    /// There is no way from the local to the remote address.
    #[error("The network is down or cannot be reached from the local IP!")]
    Unreachable {
        /// Our end.
        local: Ipv4Addr,
        /// The other end.
        remote: SocketAddrV4,
        /// What the kernel said.
        source: io::Error,
    },
    /// The machine has no address towards the Internet.
    #[error("Cannot detect a connection to the Internet.")]
    NoInternet,
    /// Nobody listens there.
    #[error("The connection was refused!")]
    Refused(SocketAddrV4),
    /// The other end gave up while the connection was being made.
    #[error("{HUNG_UP}")]
    HungUp(SocketAddrV4),
    /// No answer within the time given.
    #[error("Timed-out connecting to the remote host!")]
    TimedOut(SocketAddrV4),
    /// The name has no address.
    #[error("The hostname '{0}' could not be resolved.")]
    Unresolved(String),
    /// Closed by this program.
    #[error("The socket is closed!")]
    ClosedLocally,
    /// A listening socket that was closed by this program.
    #[error("The socket has been closed!")]
    ServerClosed,
    /// Closed by the other end, or lost on the way.
    #[error("The socket has been closed remotely!")]
    ClosedRemotely,
    /// Closed by the other end, as was seen before anything was sent.
    #[error("The socket has been closed by the remote end!")]
    ClosedBeforeSending,
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
    #[error("Provided message is too long for UDP datagrams on this platform!")]
    TooLong,
    /// What no call foresees.
    #[error("the operating system refused a network call")]
    System(#[source] io::Error),
}

/// What is said of a connection that was gone before it was there.
pub(super) const HUNG_UP: &str = "The remote side hung up before the connection was established.";

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
        Errno::CONNREFUSED | Errno::CONNRESET => NetworkError::Refused(remote),
        Errno::CONNABORTED => NetworkError::HungUp(remote),
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
