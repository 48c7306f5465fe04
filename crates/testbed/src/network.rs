//! A testbed's own part of the loopback network: 127.A.0.0/16, with A different between testbeds that run
//! side by side. Each node has a /24 of it, so that networks differ as on the Internet, or so many share one as asked.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

use thiserror::Error;

/// The A of 127.A.x.y that testbeds take. 0 is the machine's own, and some systems use 127.0.1.1.
const NUMBERS: std::ops::RangeInclusive<u8> = 1..=254;
/// Listening here claims the network: the claim ends with the process, however that ends.
const CLAIM_PORT: u16 = 1223;
/// Nodes of one testbed: one for each /24 but the first, where the clearinghouse is.
pub(crate) const NODES_MAX: usize = 254;

/// Why there is no network.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoopbackError {
    /// Another testbed has this one.
    #[error("another testbed runs on 127.{number}.0.0/16; end it, or choose another network")]
    Taken {
        /// The A of 127.A.0.0/16.
        number: u8,
        /// What the operating system says.
        source: io::Error,
    },
    /// All are taken, or this system has one loopback address only.
    #[error(
        "no loopback network is free for a testbed; on other systems than Linux there is only one address"
    )]
    NoneFree(#[source] io::Error),
}

/// A claimed network; free again when dropped.
#[derive(Debug)]
pub(crate) struct LoopbackNetwork {
    number: u8,
    _claim: TcpListener,
}

impl LoopbackNetwork {
    /// Claims one network.
    pub(crate) fn claim(number: u8) -> Result<Self, LoopbackError> {
        let address = SocketAddrV4::new(Ipv4Addr::new(127, number, 0, 1), CLAIM_PORT);
        let claim = TcpListener::bind(address);
        let claim = claim.map_err(|source| LoopbackError::Taken { number, source })?;
        Ok(Self {
            number,
            _claim: claim,
        })
    }

    /// Claims the first free network, looking from a place that differs between processes: so two that
    /// start at once seldom meet, and what an earlier testbed left behind is seldom met again.
    pub(crate) fn claim_free() -> Result<Self, LoopbackError> {
        let in_use = networks_in_use();
        let first = u8::try_from(std::process::id() % 254).unwrap_or_default();
        let mut refused = io::Error::other("programs of other testbeds listen on all of them");
        for offset in 0..=u8::MAX {
            let number = first.wrapping_add(offset);
            if !NUMBERS.contains(&number) || in_use.contains(&number) {
                continue;
            }
            match Self::claim(number) {
                Ok(network) => return Ok(network),
                Err(LoopbackError::Taken { source, .. }) => refused = source,
                Err(error) => return Err(error),
            }
        }
        Err(LoopbackError::NoneFree(refused))
    }

    /// The A of 127.A.0.0/16.
    pub(crate) fn number(&self) -> u8 {
        self.number
    }

    /// Where the clearinghouse is.
    pub(crate) fn clearinghouse(&self) -> Ipv4Addr {
        Ipv4Addr::new(127, self.number, 0, 1)
    }

    /// Where node `index` is, counted from 0, if so many nodes share a /24; none past the last place there is.
    pub(crate) fn node(&self, index: usize, nodes_per_network: usize) -> Option<Ipv4Addr> {
        let place = |number: usize| {
            u8::try_from(number.checked_add(1)?)
                .ok()
                .filter(|n| *n <= 254)
        };
        let third = place(index.checked_div(nodes_per_network)?)?;
        let fourth = place(index.checked_rem(nodes_per_network)?)?;
        Some(Ipv4Addr::new(127, self.number, third, fourth))
    }
}

/// The networks on which something listens, as after a testbed that was killed and left its vessels.
/// Best effort: where the system does not say, claiming decides alone.
fn networks_in_use() -> BTreeSet<u8> {
    let tables = ["/proc/net/tcp", "/proc/net/udp"];
    let tables = tables
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok());
    tables
        .flat_map(|table| listening_networks(&table))
        .collect()
}

/// The A of each 127.A.x.y that is in a table of the kernel as listening (TCP) or bound (UDP).
fn listening_networks(table: &str) -> BTreeSet<u8> {
    /// `TCP_LISTEN`, and `TCP_CLOSE`, which is how a bound UDP socket looks.
    const STATES: [&str; 2] = ["0A", "07"];
    let network = |line: &str| {
        let mut columns = line.split_whitespace().skip(1);
        let (address, _) = columns.next()?.split_once(':')?;
        let state = columns.nth(1)?;
        // The kernel prints the address as a number in the machine's order of bytes.
        let octets = u32::from_str_radix(address, 16).ok()?.to_ne_bytes();
        let [first, second, _, _] = octets;
        (first == 127 && STATES.contains(&state)).then_some(second)
    };
    table.lines().filter_map(network).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_claimed_by_one_at_a_time() {
        let network = LoopbackNetwork::claim_free().unwrap();
        assert!(matches!(
            LoopbackNetwork::claim(network.number()),
            Err(LoopbackError::Taken { .. })
        ));
        let other = LoopbackNetwork::claim_free().unwrap();
        assert_ne!(network.number(), other.number());
        let number = network.number();
        drop(network);
        assert_eq!(LoopbackNetwork::claim(number).unwrap().number(), number);
    }

    #[test]
    fn each_node_has_a_network_of_its_own_unless_several_share_one() {
        let network = LoopbackNetwork::claim_free().unwrap();
        let a = network.number();
        assert_eq!(network.clearinghouse(), Ipv4Addr::new(127, a, 0, 1));
        assert_eq!(network.node(0, 1), Some(Ipv4Addr::new(127, a, 1, 1)));
        assert_eq!(
            network.node(NODES_MAX - 1, 1),
            Some(Ipv4Addr::new(127, a, 254, 1))
        );
        assert_eq!(network.node(NODES_MAX, 1), None);
        assert_eq!(network.node(usize::MAX, 1), None);
        assert_eq!(network.node(3, 2), Some(Ipv4Addr::new(127, a, 2, 2)));
        assert_eq!(network.node(253, 254), Some(Ipv4Addr::new(127, a, 1, 254)));
        assert_eq!(network.node(254, 300), None);
        assert_eq!(network.node(0, 0), None);
    }

    #[test]
    fn a_network_with_a_listener_is_not_taken() {
        let listener = TcpListener::bind((Ipv4Addr::new(127, 253, 77, 1), 0)).unwrap();
        assert!(networks_in_use().contains(&253));
        drop(listener);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn the_kernels_table_is_read() {
        let table = "  sl  local_address rem_address   st\n   \
            0: 0101057F:04C8 00000000:0000 0A 00000000:00000000\n   \
            1: 0101067F:04C8 0101067F:9000 01 00000000:00000000\n   \
            2: 00000000:0016 00000000:0000 0A 00000000:00000000\n";
        assert_eq!(listening_networks(table), BTreeSet::from([5]));
    }
}
