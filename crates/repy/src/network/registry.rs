//! The addresses in use by one program: who listens where, which connections exist.
//!
//! Only what this program did is known here; what other processes use, the kernel says.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddrV4, UdpSocket};
use std::rc::{Rc, Weak};

use super::error::NetworkError;

/// Both ends of a connection, ours first.
pub(super) type Tuple = (SocketAddrV4, SocketAddrV4);

/// The addresses in use by one program.
#[derive(Default)]
pub(super) struct Registry {
    message_servers: RefCell<BTreeMap<SocketAddrV4, Weak<UdpSocket>>>,
    connection_servers: RefCell<BTreeSet<SocketAddrV4>>,
    /// With how many sockets hold each: the other end may come back from the same port while the old socket is kept.
    connections: RefCell<BTreeMap<Tuple, usize>>,
}

/// A place in the registry, given back when dropped.
pub(super) struct Registration {
    registry: Rc<Registry>,
    place: Place,
}

enum Place {
    MessageServer(SocketAddrV4),
    ConnectionServer(SocketAddrV4),
    Connection(Tuple),
}

impl Registry {
    /// The socket of the server that listens for messages here.
    pub(super) fn message_server(&self, local: SocketAddrV4) -> Option<Rc<UdpSocket>> {
        self.message_servers.borrow().get(&local)?.upgrade()
    }

    pub(super) fn may_listen_for_messages(&self, local: SocketAddrV4) -> Result<(), NetworkError> {
        if self.message_servers.borrow().contains_key(&local) {
            return Err(NetworkError::AlreadyListening(local));
        }
        Ok(())
    }

    pub(super) fn may_listen_for_connections(
        &self,
        local: SocketAddrV4,
    ) -> Result<(), NetworkError> {
        if self.connection_servers.borrow().contains(&local) {
            return Err(NetworkError::AlreadyListening(local));
        }
        Ok(())
    }

    pub(super) fn may_connect(
        &self,
        local: SocketAddrV4,
        remote: SocketAddrV4,
    ) -> Result<(), NetworkError> {
        if self.connections.borrow().contains_key(&(local, remote)) {
            return Err(NetworkError::DuplicateTuple { local, remote });
        }
        self.may_listen_for_connections(local)
    }

    pub(super) fn add_message_server(
        self: &Rc<Self>,
        local: SocketAddrV4,
        socket: &Rc<UdpSocket>,
    ) -> Registration {
        self.message_servers
            .borrow_mut()
            .insert(local, Rc::downgrade(socket));
        self.registration(Place::MessageServer(local))
    }

    pub(super) fn add_connection_server(self: &Rc<Self>, local: SocketAddrV4) -> Registration {
        self.connection_servers.borrow_mut().insert(local);
        self.registration(Place::ConnectionServer(local))
    }

    pub(super) fn add_connection(self: &Rc<Self>, tuple: Tuple) -> Registration {
        *self.connections.borrow_mut().entry(tuple).or_default() += 1;
        self.registration(Place::Connection(tuple))
    }

    fn registration(self: &Rc<Self>, place: Place) -> Registration {
        Registration {
            registry: self.clone(),
            place,
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let registry = &self.registry;
        match self.place {
            Place::MessageServer(local) => {
                registry.message_servers.borrow_mut().remove(&local);
            }
            Place::ConnectionServer(local) => {
                registry.connection_servers.borrow_mut().remove(&local);
            }
            Place::Connection(tuple) => {
                let mut connections = registry.connections.borrow_mut();
                if let Some(count) = connections.get_mut(&tuple) {
                    *count -= 1;
                    if *count == 0 {
                        connections.remove(&tuple);
                    }
                }
            }
        }
    }
}
