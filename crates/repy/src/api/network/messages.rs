//! `sendmessage`, `listenformessage` and what the latter returns.

use std::cell::RefCell;
use std::net::SocketAddrV4;
use std::rc::Rc;

use overlord_resources::{PortKind, Resource};

use super::{
    HEADER, ends, ip_value, permit, place_to_listen, port_value, receiving, sending, two_ends,
};
use crate::accounting::{Item, PortInUse, use_port};
use crate::api::arguments::{self, Parameter, text};
use crate::api::entry::Entry;
use crate::network::{MESSAGE_BYTES_MAX, NetworkError, Sending, Traffic, UdpServer};
use crate::sandbox::Sandbox;
use crate::scheduler::wait::{Interest, Until, wait};
use overlord_repy_machine::HostType;
use overlord_repy_machine::Machine;
use overlord_repy_machine::attribute_error;
use overlord_repy_machine::{Args, Res, Value};

pub(in crate::api) const CALLS: &[Entry] = &[
    Entry {
        name: "sendmessage",
        parameters: &[
            Parameter::Text,
            Parameter::Integer(0),
            Parameter::Text,
            Parameter::Text,
            Parameter::Integer(0),
        ],
        call: sendmessage,
    },
    Entry {
        name: "listenformessage",
        parameters: &[Parameter::Text, Parameter::Integer(0)],
        call: listenformessage,
    },
];

fn sendmessage(sandbox: &Rc<Sandbox>, machine: &mut Machine, args: &mut Args<'_>) -> Res {
    let (remote, local) = ends(machine, args, 0, 3)?;
    let message = text(args.take(2));
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(NetworkError::TooLong.into());
    }
    two_ends(local, remote)?;
    permit(sandbox, PortKind::Message, local, &local.ip().to_string())?;
    let shared = sandbox.clone();
    let resources: &'static [Resource] = match Traffic::with(*remote.ip()) {
        Traffic::Loop => &[Resource::LoopSend],
        Traffic::Net => &[Resource::NetSend],
    };
    sandbox.when_below(machine, resources, move |_| {
        // A listening socket is counted already and is used as it is; any other is counted while it sends.
        let item = if shared.network.listens_for_messages(local) {
            None
        } else {
            Some(shared.take_item(Resource::OutSockets)?)
        };
        let message = Message {
            sending: shared.network.message(local, remote)?,
            text: message,
            traffic: Traffic::with(*remote.ip()),
            _item: item,
            _port: use_port(&shared.account, PortKind::Message, local.port()),
        };
        send(shared, message)
    })
}

/// A message and what it holds until it is sent. Unlike in the original it is given back then.
struct Message {
    sending: Sending,
    text: Vec<u8>,
    traffic: Traffic,
    _item: Option<Item>,
    _port: PortInUse,
}

/// Sends a message as soon as the kernel takes it.
fn send(sandbox: Rc<Sandbox>, message: Message) -> Res {
    match message.sending.send(&message.text)? {
        Some(bytes) => {
            let charge = (sending(message.traffic), HEADER + bytes as u64);
            // What the message held is free while the program waits for what it used.
            drop(message);
            sandbox.charge(&[charge], Ok(Value::Int(bytes as i64)))
        }
        None => {
            let until = Until::Ready {
                descriptor: message.sending.descriptor(),
                interest: Interest::Writable,
                deadline: None,
            };
            Err(wait(until, move |_| send(sandbox, message)))
        }
    }
}

fn listenformessage(sandbox: &Rc<Sandbox>, machine: &mut Machine, args: &mut Args<'_>) -> Res {
    let local = place_to_listen(sandbox, machine, args, PortKind::Message)?;
    sandbox.network.may_listen_for_messages(local)?;
    let item = sandbox.take_item(Resource::InSockets)?;
    let server = sandbox.network.listen_for_messages(local)?;
    let open = Open {
        server,
        _item: item,
        _port: use_port(&sandbox.account, PortKind::Message, local.port()),
    };
    Ok(machine.host_object(UdpServerHandle {
        sandbox: sandbox.clone(),
        local,
        open: Rc::new(RefCell::new(Some(open))),
    }))
}

/// A listening socket and what it counts as; dropping it closes it.
struct Open {
    server: UdpServer,
    _item: Item,
    _port: PortInUse,
}

/// What programs hold of it.
struct UdpServerHandle {
    sandbox: Rc<Sandbox>,
    local: SocketAddrV4,
    /// None once it is closed.
    open: Rc<RefCell<Option<Open>>>,
}

impl HostType for UdpServerHandle {
    fn type_name(&self) -> &str {
        "udpserversocket"
    }

    fn methods(&self) -> &[&'static str] {
        &["close", "getmessage"]
    }

    fn call(&self, machine: &mut Machine, method: &str, args: &mut Args<'_>) -> Res {
        arguments::check(machine, method, &[], args)?;
        match method {
            "getmessage" => self.getmessage(machine),
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

impl UdpServerHandle {
    fn getmessage(&self, machine: &mut Machine) -> Res {
        if self.open.borrow().is_none() {
            return Err(NetworkError::ServerClosed.into());
        }
        let resources: &'static [Resource] = match Traffic::with(*self.local.ip()) {
            Traffic::Loop => &[Resource::LoopRecv],
            Traffic::Net => &[Resource::NetRecv],
        };
        let (sandbox, open, local) = (self.sandbox.clone(), self.open.clone(), self.local);
        self.sandbox.when_below(machine, resources, move |_| {
            let received = match &*open.borrow() {
                Some(open) => open.server.receive()?,
                None => return Err(NetworkError::ServerClosed.into()),
            };
            let charge = (
                receiving(Traffic::with(*local.ip())),
                HEADER + received.message.len() as u64,
            );
            let result = Value::tuple(vec![
                ip_value(received.from),
                port_value(received.from),
                Value::from_vec(received.message),
            ]);
            sandbox.charge(&[charge], Ok(result))
        })
    }
}
