//! Where a node manager is reached. Connecting there is left to `overlord-nodemanager`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::failure::{Classified, Code};

/// The port on which the original's node managers listen, unless it is taken.
pub const NODE_MANAGER_PORT: u16 = 1224;
/// Longest host name in DNS, which also bounds `NAT$` names.
const HOST_LENGTH_MAX: usize = 253;

/// Why a text is not a node's location.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a node's location is HOST:PORT with a port from 1 to 65535, not {text:?}")]
pub struct LocationError {
    /// The refused text, shortened.
    pub text: String,
}

impl Classified for LocationError {
    fn code(&self) -> Code {
        Code::Location
    }
}

/// Where a node manager is reached: `host:port`. The host of a node behind a forwarder has the form `NAT$id`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeLocation {
    host: String,
    port: u16,
}

impl NodeLocation {
    /// Puts host (address or name) and port together.
    ///
    /// # Errors
    /// When the host is empty, longer than a DNS name, or has characters no host has; or the port is 0.
    pub fn new(host: &str, port: u16) -> Result<Self, LocationError> {
        let allowed = |b: u8| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'$' | b':' | b'%')
        };
        // The id in `NAT$id` may be a whole key, blank included, with newer nodes; `NAT$` names get that one freedom.
        let named = host.bytes().all(allowed)
            || host
                .strip_prefix("NAT$")
                .is_some_and(|id| id.bytes().all(|b| allowed(b) || b == b' '));
        let length_max = if host.starts_with("NAT$") {
            crate::NODE_ID_LENGTH_MAX
        } else {
            HOST_LENGTH_MAX
        };
        if host.is_empty() || host.len() > length_max || !named || port == 0 {
            let text: String = format!("{host}:{port}").chars().take(60).collect();
            return Err(LocationError { text });
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }

    /// Address or name of the machine, without brackets around an IPv6 address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The node manager's TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the node can only be reached through a forwarder.
    #[must_use]
    pub fn is_behind_nat(&self) -> bool {
        self.host.starts_with("NAT$")
    }
}

impl FromStr for NodeLocation {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let refused = || LocationError {
            text: text.chars().take(60).collect(),
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
        let host = host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .unwrap_or(host);
        Self::new(host, port.parse().map_err(|_| refused())?)
    }
}

impl TryFrom<String> for NodeLocation {
    type Error = LocationError;

    fn try_from(text: String) -> Result<Self, LocationError> {
        text.parse()
    }
}

impl From<NodeLocation> for String {
    fn from(location: NodeLocation) -> Self {
        location.to_string()
    }
}

impl From<std::net::SocketAddr> for NodeLocation {
    fn from(address: std::net::SocketAddr) -> Self {
        Self {
            host: address.ip().to_string(),
            port: address.port(),
        }
    }
}

impl fmt::Display for NodeLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for NodeLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeLocation({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_read_and_printed_as_host_and_port() {
        for text in [
            "127.0.0.1:1224",
            "node.example.org:1",
            "[::1]:1224",
            "NAT$abc123:1224",
        ] {
            assert_eq!(text.parse::<NodeLocation>().unwrap().to_string(), text);
        }
        assert!("NAT$abc:1".parse::<NodeLocation>().unwrap().is_behind_nat());
        assert_eq!("[::1]:5".parse::<NodeLocation>().unwrap().host(), "::1");
    }

    #[test]
    fn what_is_no_location_is_refused() {
        for text in [
            "",
            "host",
            ":1",
            "host:",
            "host:0",
            "host:65536",
            "ho st:1",
            "h|t:1",
        ] {
            assert!(text.parse::<NodeLocation>().is_err(), "{text:?}");
        }
    }
}
