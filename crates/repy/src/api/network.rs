//! The network calls: which arguments they take, what they are charged, which exceptions they raise.
//!
//! What happens to sockets is in [`crate::network`]. The order is the same everywhere: arguments, then whether the
//! program may use the address and the port, then the wait for the resources, then what the program itself uses, then
//! the counted item, then the kernel.

pub(super) mod connections;
pub(super) mod messages;
pub(super) mod names;
mod socket;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddrV4};

use overlord_resources::{PortKind, Resource};

use super::arguments::{argument_error, integer, text};
use crate::network::{NetworkError, Traffic, parse_address, parse_port};
use crate::sandbox::Sandbox;
use overlord_repy_machine::{Args, ExceptionKind, Res, Thrown, Value};
use overlord_repy_machine::{Machine, Stop};

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

/// Takes an address, at this place among the arguments.
fn address(args: &mut Args<'_>, at: usize, whose: &str) -> Res<Ipv4Addr> {
    let ip = text(args.take(at));
    parse_address(&ip).ok_or_else(|| {
        let mut message = format!("Provided {whose}ip is not valid! IP: '").into_bytes();
        message.extend(ip);
        message.push(b'\'');
        Thrown::with_bytes(ExceptionKind::RepyArgumentError, message)
    })
}

/// Takes a port, at this place among the arguments.
fn port(machine: &mut Machine, args: &mut Args<'_>, at: usize, whose: &str) -> Res<u16> {
    let port = args.take(at);
    match parse_port(integer(&port)) {
        Some(port) => Ok(port),
        None => {
            let mut message = format!("Provided {whose}port is not valid! Port: ").into_bytes();
            message.extend(machine.str_of(&port)?);
            Err(Thrown::with_bytes(
                ExceptionKind::RepyArgumentError,
                message,
            ))
        }
    }
}

/// Takes both ends of what is sent or connected: where the address and port of each stand among the arguments. Both
/// addresses are judged before the ports, as in the original.
fn ends(
    machine: &mut Machine,
    args: &mut Args<'_>,
    remote: usize,
    local: usize,
) -> Res<(SocketAddrV4, SocketAddrV4)> {
    let addresses = (
        address(args, remote, "dest")?,
        address(args, local, "local")?,
    );
    let remote_port = port(machine, args, remote + 1, "dest")?;
    let local_port = port(machine, args, local + 1, "local")?;
    Ok((
        SocketAddrV4::new(addresses.0, remote_port),
        SocketAddrV4::new(addresses.1, local_port),
    ))
}

/// Takes where to listen, the first two arguments, and sees whether the program may.
fn place_to_listen(
    sandbox: &Sandbox,
    machine: &mut Machine,
    args: &mut Args<'_>,
    kind: PortKind,
) -> Res<SocketAddrV4> {
    let ip = address(args, 0, "local")?;
    let local = SocketAddrV4::new(ip, port(machine, args, 1, "local")?);
    // Here the original's message quotes the address.
    permit(sandbox, kind, local, &format!("'{ip}'"))?;
    Ok(local)
}

/// Whether the program may use a local address and port at all; `shown` is the address as messages show it.
fn permit(sandbox: &Sandbox, kind: PortKind, local: SocketAddrV4, shown: &str) -> Res<()> {
    let forbidden = |what: String| Err(Thrown::new(ExceptionKind::ResourceForbiddenError, what));
    if !sandbox.network.allows(*local.ip()) {
        return forbidden(format!("Provided localip is not allowed! IP: {shown}"));
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
            NetworkError::Refused(_) | NetworkError::HungUp(_) => {
                ExceptionKind::ConnectionRefusedError
            }
            NetworkError::TimedOut(_) => ExceptionKind::TimeoutError,
            NetworkError::Unresolved(_) => ExceptionKind::NetworkAddressError,
            NetworkError::ClosedLocally | NetworkError::ServerClosed => {
                ExceptionKind::SocketClosedLocal
            }
            NetworkError::ClosedRemotely | NetworkError::ClosedBeforeSending => {
                ExceptionKind::SocketClosedRemote
            }
            NetworkError::WouldBlock(_) => ExceptionKind::SocketWouldBlockError,
            NetworkError::ServerInvalid(_) => ExceptionKind::TCPServerSocketInvalidError,
            NetworkError::Exhausted(_) => ExceptionKind::ResourceExhaustedError,
            NetworkError::TooLong => ExceptionKind::RepyArgumentError,
            NetworkError::System(_) => ExceptionKind::NetworkError,
        };
        let mut message = error.to_string();
        if let NetworkError::System(source) | NetworkError::Exhausted(source) = &error {
            message = format!("{message}: {source}");
        }
        Thrown::new(kind, message)
    }
}
