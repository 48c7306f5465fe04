//! `openconnection`, `listenforconnection` and the listening socket.

use std::cell::RefCell;
use std::net::SocketAddrV4;
use std::rc::Rc;

use overlord_resources::{PortKind, Resource};

use super::socket::SocketHandle;
use super::{
    HEADER, both_ways, ends, ip_value, permit, place_to_listen, port_value, receiving, sending,
    two_ends,
};
use crate::accounting::{Item, PortInUse, use_port};
use crate::api::arguments::{self, Parameter, seconds};
use crate::api::entry::Entry;
use crate::network::{Connecting, NO_CONNECTION, NetworkError, Progress, TcpServer, Traffic};
use crate::sandbox::Sandbox;
use crate::scheduler::wait::{Interest, Until, wait};
use overlord_repy_machine::HostType;
use overlord_repy_machine::Machine;
use overlord_repy_machine::attribute_error;
use overlord_repy_machine::{Args, ExceptionKind, Res, Thrown, Value};

pub(in crate::api) const CALLS: &[Entry] = &[
    Entry {
        name: "openconnection",
        parameters: &[
            Parameter::Text,
            Parameter::Integer(0),
            Parameter::Text,
            Parameter::Integer(0),
            Parameter::Seconds,
        ],
        call: openconnection,
    },
    Entry {
        name: "listenforconnection",
        parameters: &[Parameter::Text, Parameter::Integer(0)],
        call: listenforconnection,
    },
];

/// What opening a connection is charged: a SYN and an ACK out, a SYN/ACK in.
fn opening(traffic: Traffic) -> [(Resource, u64); 2] {
    [(sending(traffic), 2 * HEADER), (receiving(traffic), HEADER)]
}

/// What taking a connection is charged: the same, seen from the other end.
fn taking(traffic: Traffic) -> [(Resource, u64); 2] {
    [(receiving(traffic), 2 * HEADER), (sending(traffic), HEADER)]
}

fn openconnection(sandbox: &Rc<Sandbox>, machine: &mut Machine, args: &mut Args<'_>) -> Res {
    let (remote, local) = ends(machine, args, 0, 2)?;
    let given = args.take(4);
    let timeout = seconds(&given);
    if timeout <= 0.0 {
        let mut message = b"Provided timeout is not valid, must be positive! Timeout: ".to_vec();
        message.extend(machine.str_of(&given)?);
        return Err(Thrown::with_bytes(
            ExceptionKind::RepyArgumentError,
            message,
        ));
    }
    two_ends(local, remote)?;
    permit(
        sandbox,
        PortKind::Connection,
        local,
        &local.ip().to_string(),
    )?;
    let traffic = Traffic::with(*remote.ip());
    let shared = sandbox.clone();
    sandbox.when_below(machine, both_ways(traffic), move |machine| {
        shared.network.may_connect(local, remote)?;
        let attempt = Attempt {
            item: shared.take_item(Resource::OutSockets)?,
            port: use_port(&shared.account, PortKind::Connection, local.port()),
            traffic,
            deadline: shared.system.now() + timeout,
        };
        let connecting = shared.network.connect(local, remote)?;
        connect(shared, machine, attempt, connecting)
    })
}

/// What an attempt to open a connection holds, which the connection then does.
struct Attempt {
    item: Item,
    port: PortInUse,
    traffic: Traffic,
    deadline: f64,
}

/// The connection as soon as it is open, an error as soon as it cannot be.
fn connect(
    sandbox: Rc<Sandbox>,
    machine: &mut Machine,
    attempt: Attempt,
    connecting: Connecting,
) -> Res {
    let remote = connecting.remote();
    let failed = |sandbox: &Rc<Sandbox>, error: NetworkError| {
        sandbox.charge(&opening(attempt.traffic), Err(error.into()))
    };
    match connecting.progress() {
        Ok(Progress::Open(socket)) => {
            let charges = opening(attempt.traffic);
            let handle = SocketHandle::new(&sandbox, socket, attempt.item, attempt.port);
            let value = machine.host_object(handle);
            sandbox.charge(&charges, Ok(value))
        }
        Ok(Progress::Waiting(_)) if sandbox.system.now() >= attempt.deadline => {
            failed(&sandbox, NetworkError::TimedOut(remote))
        }
        Ok(Progress::Waiting(connecting)) => {
            let until = Until::Ready {
                descriptor: connecting.descriptor(),
                interest: Interest::Writable,
                deadline: Some(attempt.deadline),
            };
            Err(wait(until, move |machine| {
                connect(sandbox, machine, attempt, connecting)
            }))
        }
        Err(error) => failed(&sandbox, error),
    }
}

fn listenforconnection(sandbox: &Rc<Sandbox>, machine: &mut Machine, args: &mut Args<'_>) -> Res {
    let local = place_to_listen(sandbox, machine, args, PortKind::Connection)?;
    sandbox.network.may_listen_for_connections(local)?;
    let item = sandbox.take_item(Resource::InSockets)?;
    // As many may wait as the program may have at a time; the cast saturates.
    let backlog = sandbox.account.borrow().limit(Resource::OutSockets) as u32;
    let server = sandbox.network.listen_for_connections(local, backlog)?;
    let open = Open {
        server,
        _item: item,
        _port: use_port(&sandbox.account, PortKind::Connection, local.port()),
    };
    Ok(machine.host_object(TcpServerHandle {
        sandbox: sandbox.clone(),
        local,
        open: Rc::new(RefCell::new(Some(open))),
    }))
}

/// A listening socket and what it counts as; dropping it closes it.
struct Open {
    server: TcpServer,
    _item: Item,
    _port: PortInUse,
}

/// What programs hold of it.
struct TcpServerHandle {
    sandbox: Rc<Sandbox>,
    local: SocketAddrV4,
    /// None once it is closed.
    open: Rc<RefCell<Option<Open>>>,
}

impl HostType for TcpServerHandle {
    fn type_name(&self) -> &str {
        "tcpserversocket"
    }

    fn methods(&self) -> &[&'static str] {
        &["close", "getconnection"]
    }

    fn call(&self, machine: &mut Machine, method: &str, args: &mut Args<'_>) -> Res {
        arguments::check(machine, method, &[], args)?;
        match method {
            "getconnection" => self.getconnection(machine),
            "close" => {
                let open = self.open.borrow_mut().take();
                drop(open);
                // True every time, as from the original, whatever its documentation says.
                Ok(Value::bool(true))
            }
            other => Err(attribute_error(other)),
        }
    }
}

impl TcpServerHandle {
    fn getconnection(&self, machine: &mut Machine) -> Res {
        if self.open.borrow().is_none() {
            return Err(NetworkError::ServerClosed.into());
        }
        let traffic = Traffic::with(*self.local.ip());
        let (sandbox, open, local) = (self.sandbox.clone(), self.open.clone(), self.local);
        self.sandbox
            .when_below(machine, both_ways(traffic), move |machine| {
                let (accepted, item) = match &*open.borrow() {
                    // Without a free socket the connection stays where it is, for later.
                    Some(open) if open.server.has_connection()? => {
                        let item = sandbox.take_item(Resource::OutSockets)?;
                        (open.server.accept()?, item)
                    }
                    Some(_) => {
                        return Err(NetworkError::WouldBlock(NO_CONNECTION).into());
                    }
                    None => return Err(NetworkError::ServerClosed.into()),
                };
                let port = use_port(&sandbox.account, PortKind::Connection, local.port());
                let remote = accepted.remote;
                let handle = SocketHandle::new(&sandbox, accepted.socket, item, port);
                let socket = machine.host_object(handle);
                let result = Value::tuple(vec![ip_value(remote), port_value(remote), socket]);
                sandbox.charge(&taking(traffic), Ok(result))
            })
    }
}
