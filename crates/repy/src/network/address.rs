//! Which texts are addresses, which numbers are ports, and what traffic to an address counts as.

use std::net::Ipv4Addr;

/// What traffic is charged as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// With an address 127.x: `loopsend` and `looprecv`.
    Loop,
    /// With any other: `netsend` and `netrecv`.
    Net,
}

impl Traffic {
    /// The kind of traffic with this address.
    #[must_use]
    pub fn with(address: Ipv4Addr) -> Traffic {
        if address.is_loopback() {
            Traffic::Loop
        } else {
            Traffic::Net
        }
    }
}

/// An address that looks like one of a host in many homes, but is that of their network; the original refuses it.
const HOME_NETWORK: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 0);

/// An address as programs write it: four decimal numbers whose first is 1 to 223. Neither "all addresses" (0.x) nor
/// multicast and reserved ones (224 and above) are any program's business, and 192.168.0.0 is nobody's.
///
/// ```
/// use overlord_repy::network::parse_address;
///
/// assert!(parse_address(b"127.0.0.1").is_some());
/// assert!(parse_address(b"0.0.0.0").is_none());
/// assert!(parse_address(b"localhost").is_none());
/// ```
#[must_use]
pub fn parse_address(text: &[u8]) -> Option<Ipv4Addr> {
    let address: Ipv4Addr = std::str::from_utf8(text).ok()?.parse().ok()?;
    let is_host = (1..=223).contains(&address.octets()[0]) && address != HOME_NETWORK;
    is_host.then_some(address)
}

/// A port as programs write it: 1 to 65535.
#[must_use]
pub fn parse_port(number: i64) -> Option<u16> {
    u16::try_from(number).ok().filter(|port| *port != 0)
}
