//! A connection as programs hold it: `recv`, `send`, `close`.

use std::cell::RefCell;
use std::rc::Rc;

use overlord_resources::Resource;

use super::{HEADER, both_ways, receiving, sending};
use crate::accounting::{Item, PortInUse};
use crate::api::arguments::{self, Parameter, integer};
use crate::network::{NetworkError, TcpSocket, Traffic};
use crate::sandbox::Sandbox;
use overlord_repy_machine::HostType;
use overlord_repy_machine::Machine;
use overlord_repy_machine::attribute_error;
use overlord_repy_machine::{Args, Res, Value};

/// A connection and what it counts as; dropping it closes it.
struct Open {
    socket: TcpSocket,
    _item: Item,
    _port: PortInUse,
}

/// What programs hold of it.
pub(super) struct SocketHandle {
    sandbox: Rc<Sandbox>,
    traffic: Traffic,
    /// None once it is closed.
    open: Rc<RefCell<Option<Open>>>,
}

impl SocketHandle {
    /// The handle of a connection that holds an outsocket and uses a port.
    pub(super) fn new(
        sandbox: &Rc<Sandbox>,
        socket: TcpSocket,
        item: Item,
        port: PortInUse,
    ) -> SocketHandle {
        SocketHandle {
            sandbox: sandbox.clone(),
            traffic: Traffic::with(*socket.remote().ip()),
            open: Rc::new(RefCell::new(Some(Open {
                socket,
                _item: item,
                _port: port,
            }))),
        }
    }
}

impl HostType for SocketHandle {
    fn type_name(&self) -> &str {
        "socket"
    }

    fn methods(&self) -> &[&'static str] {
        &["close", "recv", "send"]
    }

    fn call(&self, machine: &mut Machine, method: &str, args: &mut Args<'_>) -> Res {
        match method {
            "recv" => {
                arguments::check(machine, method, &[Parameter::Integer(1)], args)?;
                let bytes = usize::try_from(integer(&args.take(0))).unwrap_or(usize::MAX);
                self.recv(machine, bytes)
            }
            "send" => {
                arguments::check(machine, method, &[Parameter::Text], args)?;
                self.send(machine, args.take(0))
            }
            "close" => {
                arguments::check(machine, method, &[], args)?;
                self.close()
            }
            other => Err(attribute_error(other)),
        }
    }
}

impl SocketHandle {
    /// Runs `act` on the socket when the resources allow it, and charges what it says.
    fn when_open(
        &self,
        machine: &mut Machine,
        act: impl FnOnce(&TcpSocket) -> Result<(Value, [(Resource, u64); 2]), NetworkError> + 'static,
    ) -> Res {
        if self.open.borrow().is_none() {
            return Err(NetworkError::ClosedLocally.into());
        }
        let (sandbox, open) = (self.sandbox.clone(), self.open.clone());
        self.sandbox
            .when_below(machine, both_ways(self.traffic), move |_| {
                let (result, charges) = match &*open.borrow() {
                    Some(open) => act(&open.socket)?,
                    // Closed while this call waited.
                    None => return Err(NetworkError::ClosedLocally.into()),
                };
                sandbox.charge(&charges, Ok(result))
            })
    }

    fn recv(&self, machine: &mut Machine, bytes: usize) -> Res {
        let traffic = self.traffic;
        self.when_open(machine, move |socket| {
            let data = socket.receive(bytes)?;
            let charges = [
                (receiving(traffic), HEADER + data.len() as u64),
                (sending(traffic), HEADER),
            ];
            Ok((Value::from_vec(data), charges))
        })
    }

    fn send(&self, machine: &mut Machine, data: Value) -> Res {
        let traffic = self.traffic;
        self.when_open(machine, move |socket| {
            let bytes = match &data {
                Value::Str(data) => socket.send(data.as_bytes())?,
                _ => 0,
            };
            let charges = [
                (sending(traffic), HEADER + bytes as u64),
                (receiving(traffic), HEADER),
            ];
            Ok((Value::Int(bytes as i64), charges))
        })
    }

    /// Closes at once, even where nothing may be sent any more: what it holds is to be free.
    fn close(&self) -> Res {
        let open = self.open.borrow_mut().take();
        if open.is_none() {
            return Ok(Value::bool(false));
        }
        drop(open);
        let charges = [
            (receiving(self.traffic), HEADER),
            (sending(self.traffic), 2 * HEADER),
        ];
        self.sandbox.charge(&charges, Ok(Value::bool(true)))
    }
}
