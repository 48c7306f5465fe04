//! Which addresses of the machine are a program's own: `--ip`, `--iface`, `--nootherips`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4, UdpSocket};

use super::address::parse_address;

/// An address or interface that a program is to prefer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preference {
    /// `--ip`: this address.
    Address(Ipv4Addr),
    /// `--iface`: the addresses of this interface, whatever they are at the time.
    Interface(String),
}

/// Which addresses of the machine a program may use, and which it is to prefer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressRules {
    /// `--ip` and `--iface` in the order given.
    pub preferences: Vec<Preference>,
    /// `--nootherips`: no address but the preferred ones and 127.0.0.1, if any is preferred.
    pub no_others: bool,
}

/// The machine's addresses, as they are at the time of asking.
pub trait MachineAddresses {
    /// Whether a socket can be bound to this address.
    fn is_ours(&self, address: Ipv4Addr) -> bool;

    /// The addresses of an interface, in the machine's order.
    fn of_interface(&self, name: &str) -> Vec<Ipv4Addr>;

    /// The address that packets to the Internet leave from.
    fn towards_internet(&self) -> Option<Ipv4Addr>;
}

impl AddressRules {
    /// Whether a program may use this address as its own. Whether the machine has it is seen when it is used.
    #[must_use]
    pub fn allows(&self, address: Ipv4Addr, machine: &dyn MachineAddresses) -> bool {
        if !self.no_others || self.preferences.is_empty() || address == Ipv4Addr::LOCALHOST {
            return true;
        }
        self.preferences.iter().any(|preference| match preference {
            Preference::Address(own) => *own == address,
            Preference::Interface(name) => machine.of_interface(name).contains(&address),
        })
    }

    /// The first preferred address that the machine has; 127.0.0.1 if it has none of them, nothing if none is preferred.
    #[must_use]
    pub fn first(&self, machine: &dyn MachineAddresses) -> Option<Ipv4Addr> {
        if self.preferences.is_empty() {
            return None;
        }
        self.preferences
            .iter()
            .find_map(|preference| match preference {
                Preference::Address(own) => machine.is_ours(*own).then_some(*own),
                Preference::Interface(name) => machine.of_interface(name).first().copied(),
            })
            .or(Some(Ipv4Addr::LOCALHOST))
    }
}

/// Public addresses that stay what they are: web servers of four universities (those that the original asks about).
/// No packet is sent to them.
const PUBLIC_ADDRESSES: [Ipv4Addr; 4] = [
    Ipv4Addr::new(18, 7, 22, 69),
    Ipv4Addr::new(171, 67, 216, 8),
    Ipv4Addr::new(169, 229, 131, 81),
    Ipv4Addr::new(140, 142, 12, 202),
];

/// The addresses of the machine that this process runs on.
///
/// Behind the second wall the process may not be let ask about all of them; then what was known before holds on. So
/// the code that raises the wall asks before ([`super::Network::new`] does).
#[derive(Default)]
pub struct ThisMachine {
    interfaces: RefCell<BTreeMap<String, Vec<Ipv4Addr>>>,
    towards_internet: Cell<Option<Ipv4Addr>>,
}

impl MachineAddresses for ThisMachine {
    fn is_ours(&self, address: Ipv4Addr) -> bool {
        match UdpSocket::bind(SocketAddrV4::new(address, 0)) {
            Ok(_) => true,
            // Whatever else keeps it from being bound (the wall, for one), the address is there.
            Err(error) => error.kind() != io::ErrorKind::AddrNotAvailable,
        }
    }

    fn of_interface(&self, name: &str) -> Vec<Ipv4Addr> {
        let mut known = self.interfaces.borrow_mut();
        if let Ok(interfaces) = if_addrs::get_if_addrs() {
            let addresses = interfaces
                .iter()
                .filter(|interface| interface.name == name)
                .filter_map(|interface| match interface.ip() {
                    IpAddr::V4(address) => Some(address),
                    IpAddr::V6(_) => None,
                })
                .collect();
            known.insert(name.to_owned(), addresses);
        }
        known.get(name).cloned().unwrap_or_default()
    }

    fn towards_internet(&self) -> Option<Ipv4Addr> {
        let mut found = None;
        for public in PUBLIC_ADDRESSES {
            match source_of_packets_to(public) {
                Ok(None) => {}
                Ok(own) => {
                    found = own;
                    break;
                }
                // Not let ask: what was known holds on.
                Err(_) => return self.towards_internet.get(),
            }
        }
        self.towards_internet.set(found);
        found
    }
}

/// The address that packets to `public` leave from; None if there is no way.
///
/// # Errors
/// If the process may not ask.
fn source_of_packets_to(public: Ipv4Addr) -> io::Result<Option<Ipv4Addr>> {
    let socket = UdpSocket::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))?;
    if let Err(error) = socket.connect(SocketAddrV4::new(public, 80)) {
        return match error.kind() {
            io::ErrorKind::PermissionDenied => Err(error),
            _ => Ok(None),
        };
    }
    Ok(match socket.local_addr()?.ip() {
        IpAddr::V4(own) => parse_address(own.to_string().as_bytes()),
        IpAddr::V6(_) => None,
    })
}
