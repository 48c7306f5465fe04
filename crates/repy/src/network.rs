//! What Repy's network calls do to sockets, without the interpreter: addresses, UDP, TCP, name resolution.
//!
//! No socket ever blocks and nothing here waits: a connection under way is a state that is asked ([`Connecting`]), a
//! name being resolved is a [`Lookup`], both with a descriptor to poll. Who waits, what is charged and how errors
//! become exceptions is left to the API.
//!
//! [`Network`] is one program's share of the network. Whatever it hands out gives back its socket and its place in
//! the table of addresses when dropped. Errors are found in the order of the table in the API's documentation: an
//! address that is not allowed, then one that this program uses, then what the kernel says.

mod address;
mod connect;
mod error;
mod registry;
mod resolve;
mod rules;
mod tcp;
#[cfg(test)]
pub(crate) mod tests;
mod udp;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

pub use address::{Traffic, parse_address, parse_port};
pub use connect::{Connecting, Progress};
pub use error::NetworkError;
pub use resolve::{Lookup, NAME_BYTES_MAX, Resolver, resolve_with_system};
pub use rules::{AddressRules, MachineAddresses, Preference, ThisMachine};
pub use tcp::{Accepted, NO_CONNECTION, RECEIVE_BYTES_MAX, TCP_BUFFER_BYTES, TcpServer, TcpSocket};
pub use udp::{MESSAGE_BYTES_MAX, Received, Sending, UDP_BUFFER_BYTES, UdpServer};

use registry::Registry;

/// One program's share of the network.
pub struct Network {
    rules: AddressRules,
    machine: Box<dyn MachineAddresses>,
    registry: Rc<Registry>,
    resolver: Resolver,
}

impl Network {
    /// The network of a program that may use these addresses of this machine. To be made before the wall is raised:
    /// behind it the machine may not tell its addresses any more.
    #[must_use]
    pub fn new(rules: AddressRules) -> Network {
        let machine = ThisMachine::default();
        if rules.first(&machine).is_none() {
            machine.towards_internet();
        }
        for preference in &rules.preferences {
            if let Preference::Interface(name) = preference {
                machine.of_interface(name);
            }
        }
        Network::with(rules, Box::new(machine), Resolver::new(resolve_with_system))
    }

    /// The same with addresses and names from elsewhere.
    #[must_use]
    pub fn with(
        rules: AddressRules,
        machine: Box<dyn MachineAddresses>,
        resolver: Resolver,
    ) -> Network {
        Network {
            rules,
            machine,
            registry: Rc::default(),
            resolver,
        }
    }

    /// Whether the program may use this address as its own.
    #[must_use]
    pub fn allows(&self, address: Ipv4Addr) -> bool {
        self.rules.allows(address, &*self.machine)
    }

    /// The address of `getmyip()`: the first preferred one, or else the one that packets to the Internet leave from.
    ///
    /// # Errors
    /// [`NetworkError::NoInternet`] if there is neither.
    pub fn my_address(&self) -> Result<Ipv4Addr, NetworkError> {
        self.rules
            .first(&*self.machine)
            .or_else(|| self.machine.towards_internet())
            .ok_or(NetworkError::NoInternet)
    }

    /// Starts to resolve a name.
    ///
    /// # Errors
    /// [`NetworkError::Exhausted`] or [`NetworkError::NoThread`] if the process has no descriptor or thread for it.
    pub fn resolve(&self, name: &[u8]) -> Result<Lookup, NetworkError> {
        self.resolver.start(name)
    }

    /// Listens for messages.
    ///
    /// # Errors
    /// AlreadyListening, then what binding refuses.
    pub fn listen_for_messages(&self, local: SocketAddrV4) -> Result<UdpServer, NetworkError> {
        UdpServer::listen(&self.registry, local)
    }

    /// A message on its way: from the server listening there, if there is one, or else from a socket of its own.
    ///
    /// # Errors
    /// What binding refuses.
    pub fn message(
        &self,
        local: SocketAddrV4,
        remote: SocketAddrV4,
    ) -> Result<Sending, NetworkError> {
        Sending::prepare(&self.registry, local, remote)
    }

    /// Whether a listening server would lend its socket to messages from this address.
    #[must_use]
    pub fn listens_for_messages(&self, local: SocketAddrV4) -> bool {
        self.registry.message_server(local).is_some()
    }

    /// Whether opening a connection between these addresses can be refused without asking the kernel.
    ///
    /// # Errors
    /// DuplicateTuple or AlreadyListening.
    pub fn may_connect(
        &self,
        local: SocketAddrV4,
        remote: SocketAddrV4,
    ) -> Result<(), NetworkError> {
        self.registry.may_connect(local, remote)
    }

    /// Starts to open a connection.
    ///
    /// # Errors
    /// DuplicateTuple, AlreadyListening, CleanupInProgress, what binding refuses, and what is known at once about the
    /// other end.
    pub fn connect(
        &self,
        local: SocketAddrV4,
        remote: SocketAddrV4,
    ) -> Result<Connecting, NetworkError> {
        Connecting::start(&self.registry, local, remote)
    }

    /// Whether a server listening here can be refused without asking the kernel.
    ///
    /// # Errors
    /// AlreadyListening.
    pub fn may_listen_for_connections(&self, local: SocketAddrV4) -> Result<(), NetworkError> {
        self.registry.may_listen_for_connections(local)
    }

    /// The same for messages.
    ///
    /// # Errors
    /// AlreadyListening.
    pub fn may_listen_for_messages(&self, local: SocketAddrV4) -> Result<(), NetworkError> {
        self.registry.may_listen_for_messages(local)
    }

    /// Listens for connections; `backlog` of them may wait to be taken.
    ///
    /// # Errors
    /// AlreadyListening, then what binding refuses.
    pub fn listen_for_connections(
        &self,
        local: SocketAddrV4,
        backlog: u32,
    ) -> Result<TcpServer, NetworkError> {
        TcpServer::listen(&self.registry, local, backlog)
    }
}
