//! The network calls: which arguments they take, what they are charged, which exceptions they raise.
//!
//! What happens to sockets is in [`crate::network`]. The order is the same everywhere: arguments, then whether the
//! program may use the address and the port, then the wait for the resources, then what the program itself uses, then
//! the counted item, then the kernel.

mod connections;
mod messages;
mod names;
mod socket;
#[cfg(test)]
mod tests;

use std::net::SocketAddrV4;

use overlord_resources::{PortKind, Resource};

use super::Entry;
use super::arguments::{argument_error, integer, text};
use crate::network::{NetworkError, Traffic, parse_address, parse_port};
use crate::sandbox::Sandbox;
use overlord_repy_machine::Stop;
use overlord_repy_machine::{Args, ExceptionKind, Res, Thrown, Value};

/// The tables of the themes.
pub(super) const TABLES: &[&[Entry]] = &[connections::CALLS, messages::CALLS, names::CALLS];

/// What a packet costs besides what is in it.
const HEADER: u64 = 64;

/// What sending is charged to.
fn sending(traffic: Traffic) -> Resource {
    match traffic {
        Traffic::Loop => Resource::LoopSend,
        Traffic::Net => Resource::NetSend,
    }
}

/// What receiving is charged to.
fn receiving(traffic: Traffic) -> Resource {
    match traffic {
        Traffic::Loop => Resource::LoopRecv,
        Traffic::Net => Resource::NetRecv,
    }
}

/// What a call that sends and receives waits for.
fn both_ways(traffic: Traffic) -> &'static [Resource] {
    match traffic {
        Traffic::Loop => &[Resource::LoopSend, Resource::LoopRecv],
        Traffic::Net => &[Resource::NetSend, Resource::NetRecv],
    }
}

/// Takes an address and a port, at this place among the arguments.
fn endpoint(args: &mut Args<'_>, at: usize, whose: &str) -> Res<SocketAddrV4> {
    let ip = text(args.take(at));
    let port = integer(&args.take(at + 1));
    let address = parse_address(&ip).ok_or_else(|| {
        let ip = String::from_utf8_lossy(&ip);
        argument_error(format!("Provided {whose}ip is not valid! IP: '{ip}'"))
    })?;
    let port = parse_port(port).ok_or_else(|| {
        argument_error(format!("Provided {whose}port is not valid! Port: {port}"))
    })?;
    Ok(SocketAddrV4::new(address, port))
}

/// Whether the program may use a local address and port at all.
fn permit(sandbox: &Sandbox, kind: PortKind, local: SocketAddrV4) -> Res<()> {
    let forbidden = |what: String| Err(Thrown::new(ExceptionKind::ResourceForbiddenError, what));
    if !sandbox.network.allows(*local.ip()) {
        return forbidden(format!(
            "Provided localip is not allowed! IP: {}",
            local.ip()
        ));
    }
    if !sandbox.account.borrow().allows_port(kind, local.port()) {
        return forbidden(format!(
            "Provided localport is not allowed! Port: {}",
            local.port()
        ));
    }
    Ok(())
}

/// Both ends must differ: a socket that talks to itself is of no use.
fn two_ends(local: SocketAddrV4, remote: SocketAddrV4) -> Res<()> {
    if local == remote {
        return Err(argument_error(
            "Local socket name cannot match destination socket name! Local/Dest IP and Port match.",
        ));
    }
    Ok(())
}

fn ip_value(address: SocketAddrV4) -> Value {
    Value::text(&address.ip().to_string())
}

fn port_value(address: SocketAddrV4) -> Value {
    Value::Int(i64::from(address.port()))
}

impl From<NetworkError> for Thrown {
    fn from(error: NetworkError) -> Thrown {
        let kind = match &error {
            NetworkError::NoThread(why) => {
                return Thrown::stop(Stop::NoThread(format!("{error}: {why}")));
            }
            NetworkError::AlreadyListening(_) => ExceptionKind::AlreadyListeningError,
            NetworkError::DuplicateTuple { .. } | NetworkError::AddressInUse(_) => {
                ExceptionKind::DuplicateTupleError
            }
            NetworkError::CleanupInProgress { .. } => ExceptionKind::CleanupInProgressError,
            NetworkError::AddressBinding(_) => ExceptionKind::AddressBindingError,
            NetworkError::AddressForbidden(_) => ExceptionKind::ResourceForbiddenError,
            NetworkError::Unreachable { .. } | NetworkError::NoInternet => {
                ExceptionKind::InternetConnectivityError
            }
            NetworkError::Refused(_) => ExceptionKind::ConnectionRefusedError,
            NetworkError::TimedOut(_) => ExceptionKind::TimeoutError,
            NetworkError::Unresolved(_) => ExceptionKind::NetworkAddressError,
            NetworkError::ClosedLocally => ExceptionKind::SocketClosedLocal,
            NetworkError::ClosedRemotely => ExceptionKind::SocketClosedRemote,
            NetworkError::WouldBlock(_) => ExceptionKind::SocketWouldBlockError,
            NetworkError::ServerInvalid(_) => ExceptionKind::TCPServerSocketInvalidError,
            NetworkError::Exhausted(_) => ExceptionKind::ResourceExhaustedError,
            NetworkError::TooLong => ExceptionKind::RepyArgumentError,
            NetworkError::System(_) => ExceptionKind::NetworkError,
        };
        let mut message = error.to_string();
        if let Some(source) = std::error::Error::source(&error) {
            message = format!("{message}: {source}");
        }
        Thrown::new(kind, message)
    }
}
