//! What `GetVessels` answers: a node's version, name, key and vessels. Asking is left to [`crate::client`].

use std::fmt;

use overlord_keys::PublicKey;
use overlord_types::{NodeId, VesselName, VesselStatus};
use thiserror::Error;

use crate::wire_text::{WireText, is_blank, reads_as_long, split_once, words};

/// Most vessels read of one node. The original's machines have about ten.
pub const VESSELS_MAX: usize = 10_000;
/// Most users read of one vessel. The original has no bound; an answer's length is bounded as well.
pub const USERS_MAX: usize = 10_000;

/// Why a text is not what `GetVessels` answers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NodeInfoError {
    /// A line is missing, or another one stands in its place.
    #[error("line {line} should start with {expected:?}, and is {got:?}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What it should start with.
        expected: &'static str,
        /// What came.
        got: WireText,
    },
    /// A line's value is not one that a node has there.
    #[error("line {line}: {value:?} is no {expected}")]
    Value {
        /// Its number, from 1.
        line: usize,
        /// What should stand there, in words.
        expected: &'static str,
        /// What came.
        value: WireText,
    },
    /// More vessels than [`VESSELS_MAX`].
    #[error("more than {VESSELS_MAX} vessels")]
    TooManyVessels,
    /// More users of one vessel than [`USERS_MAX`].
    #[error("more than {USERS_MAX} users of a vessel")]
    TooManyUsers,
    /// Two vessels have the same name.
    #[error("two vessels are named {0}")]
    SameName(VesselName),
}

/// A public key as a node prints it: two decimal numbers.
///
/// Nodes let owners enter keys that nobody could use (`3 21`), and one such key must not hide all
/// vessels of a node; so this is text, and [`KeyString::key`] reads it as a key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyString(String);

impl KeyString {
    /// Reads two decimal numbers.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let plain = words(text).count() == 2
            && words(text).all(reads_as_long)
            && !text.first().is_none_or(|&byte| is_blank(byte));
        let text = std::str::from_utf8(text).ok()?;
        plain.then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key, if it is one that can be used.
    #[must_use]
    pub fn key(&self) -> Option<PublicKey> {
        PublicKey::parse(self.0.as_bytes()).ok()
    }

    /// Whether it is this key.
    #[must_use]
    pub fn is(&self, key: &PublicKey) -> bool {
        self.0 == key.as_str() || self.key().as_ref() == Some(key)
    }
}

impl From<&PublicKey> for KeyString {
    fn from(key: &PublicKey) -> Self {
        Self(key.as_str().to_owned())
    }
}

impl fmt::Display for KeyString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for KeyString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.0.len().saturating_sub(8);
        write!(f, "KeyString(…{})", self.0.get(from..).unwrap_or_default())
    }
}

/// One vessel, as its node describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VesselInfo {
    /// Its name on the node.
    pub name: VesselName,
    /// What its program does.
    pub status: VesselStatus,
    /// Whether the node advertises it.
    pub advertise: bool,
    /// Who owns it.
    pub owner_key: KeyString,
    /// The owner's note, one line.
    pub owner_info: WireText,
    /// Who may use it, besides the owner.
    pub user_keys: Vec<KeyString>,
}

impl VesselInfo {
    /// Whether `key` may upload to the vessel, start and stop it.
    #[must_use]
    pub fn may_be_used_by(&self, key: &PublicKey) -> bool {
        self.owner_key.is(key) || self.user_keys.iter().any(|user| user.is(key))
    }
}

/// A node, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeInfo {
    /// The node manager's version, such as `0.2-alpha-20140714-1434`.
    pub version: WireText,
    /// The node's own idea of its address or name.
    pub name: WireText,
    /// The node's public key, which is its id.
    pub key: NodeId,
    /// Its vessels, in its order.
    pub vessels: Vec<VesselInfo>,
}

impl NodeInfo {
    /// The vessel of this name.
    #[must_use]
    pub fn vessel(&self, name: &VesselName) -> Option<&VesselInfo> {
        self.vessels.iter().find(|vessel| vessel.name == *name)
    }

    /// The payload of the answer.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024 * (self.vessels.len() + 1));
        let mut line = |label: &str, value: &[u8]| {
            out.extend_from_slice(label.as_bytes());
            // A value never holds a newline; were one to get in, it would forge the next line.
            out.extend(value.iter().copied().filter(|&byte| byte != b'\n'));
            out.push(b'\n');
        };
        line(VERSION, self.version.as_bytes());
        line(NODE_NAME, self.name.as_bytes());
        line(NODE_KEY, self.key.as_str().as_bytes());
        for vessel in &self.vessels {
            line(NAME, vessel.name.as_str().as_bytes());
            line(STATUS, vessel.status.as_str().as_bytes());
            line(ADVERTISE, if vessel.advertise { b"True" } else { b"False" });
            line(OWNER_KEY, vessel.owner_key.as_str().as_bytes());
            line(OWNER_INFO, vessel.owner_info.as_bytes());
            for user in &vessel.user_keys {
                line(USER_KEY, user.as_str().as_bytes());
            }
        }
        out
    }

    /// Reads the payload of the answer, line by line in the one order that nodes write.
    ///
    /// # Errors
    /// The first line that no node writes there.
    pub fn parse(payload: &[u8]) -> Result<Self, NodeInfoError> {
        let mut lines = Lines::new(payload);
        let mut info = Self {
            version: lines.text(VERSION)?.into(),
            name: lines.text(NODE_NAME)?.into(),
            key: lines.value(NODE_KEY, "node key", parse_text)?,
            vessels: Vec::new(),
        };
        let mut names = std::collections::BTreeSet::new();
        while !lines.at_end() {
            if info.vessels.len() == VESSELS_MAX {
                return Err(NodeInfoError::TooManyVessels);
            }
            let vessel = lines.vessel()?;
            if !names.insert(vessel.name.clone()) {
                return Err(NodeInfoError::SameName(vessel.name));
            }
            info.vessels.push(vessel);
        }
        Ok(info)
    }
}

const VERSION: &str = "Version: ";
const NODE_NAME: &str = "Nodename: ";
const NODE_KEY: &str = "Nodekey: ";
const NAME: &str = "Name: ";
const STATUS: &str = "Status: ";
const ADVERTISE: &str = "Advertise: ";
const OWNER_KEY: &str = "OwnerKey: ";
const OWNER_INFO: &str = "OwnerInfo: ";
const USER_KEY: &str = "UserKey: ";

/// The lines of an answer, each ended by a newline.
struct Lines<'a> {
    rest: &'a [u8],
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Self { rest, line: 0 }
    }

    fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn text(&mut self, label: &'static str) -> Result<&'a [u8], NodeInfoError> {
        self.line += 1;
        let unexpected = || NodeInfoError::Line {
            line: self.line,
            expected: label,
            got: crate::reply::excerpt(self.rest),
        };
        let (line, rest) = split_once(self.rest, b'\n').ok_or_else(unexpected)?;
        let value = line.strip_prefix(label.as_bytes()).ok_or_else(unexpected)?;
        self.rest = rest;
        Ok(value)
    }

    fn value<T>(
        &mut self,
        label: &'static str,
        expected: &'static str,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, NodeInfoError> {
        let text = self.text(label)?;
        read(text).ok_or_else(|| NodeInfoError::Value {
            line: self.line,
            expected,
            value: crate::reply::excerpt(text),
        })
    }

    fn vessel(&mut self) -> Result<VesselInfo, NodeInfoError> {
        let mut vessel = VesselInfo {
            name: self.value(NAME, "vessel's name", parse_text)?,
            status: self.value(STATUS, "status", parse_text)?,
            advertise: self.value(ADVERTISE, "True or False", |text| match text {
                b"True" => Some(true),
                b"False" => Some(false),
                _ => None,
            })?,
            owner_key: self.value(OWNER_KEY, "key", KeyString::parse)?,
            owner_info: self.text(OWNER_INFO)?.into(),
            user_keys: Vec::new(),
        };
        while self.rest.starts_with(USER_KEY.as_bytes()) {
            if vessel.user_keys.len() == USERS_MAX {
                return Err(NodeInfoError::TooManyUsers);
            }
            let user = self.value(USER_KEY, "key", KeyString::parse)?;
            vessel.user_keys.push(user);
        }
        Ok(vessel)
    }
}

fn parse_text<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::MessageDecoder;
    use crate::reply::Reply;
    use crate::test_vectors;
    use proptest::prelude::*;

    fn sample() -> NodeInfo {
        let vessel = |name: &str, users: &[&str]| VesselInfo {
            name: name.parse().unwrap(),
            status: VesselStatus::Started,
            advertise: false,
            owner_key: KeyString::parse(b"65537 721183909643440430787919655059").unwrap(),
            owner_info: b"note: \xff|".as_slice().into(),
            user_keys: users
                .iter()
                .map(|key| KeyString::parse(key.as_bytes()).unwrap())
                .collect(),
        };
        NodeInfo {
            version: "1".into(),
            name: "127.0.0.2".into(),
            key: "65537 721183909643440430787919655059".parse().unwrap(),
            vessels: vec![vessel("v1", &[]), vessel("v2", &["3 33", "3 21"])],
        }
    }

    #[test]
    fn every_node_of_the_vector_is_read_and_writes_the_same_bytes() {
        let file = test_vectors::load("nm_calls.json");
        let mut nodes = 0;
        for case in test_vectors::list(&file, "calls") {
            let request = test_vectors::whole_bytes(case, "request_hex");
            let response = test_vectors::whole_bytes(case, "response_hex");
            let (Some(request), Some(response)) = (request, response) else {
                continue;
            };
            if request != b"10\nGetVessels" {
                continue;
            }
            let message = MessageDecoder::new(1 << 20)
                .receive(&response)
                .unwrap()
                .unwrap();
            let payload = Reply::parse(message).unwrap().payload;
            let info = NodeInfo::parse(&payload).unwrap();
            assert_eq!(info.encode(), payload);
            assert_eq!(
                info.key.as_str(),
                test_vectors::text(&file, "node_identity")
            );
            nodes += 1;
        }
        assert!(nodes > 0);
    }

    #[test]
    fn a_line_out_of_its_place_is_named() {
        let good = sample().encode();
        let text = String::from_utf8_lossy(&good).replace('\u{fffd}', "");
        let wrong = |from: &str, to: &str| NodeInfo::parse(text.replacen(from, to, 1).as_bytes());
        assert!(matches!(
            wrong("Nodename", "nodename"),
            Err(NodeInfoError::Line { line: 2, .. })
        ));
        assert!(matches!(
            wrong("Started", "Running"),
            Err(NodeInfoError::Value { line: 5, .. })
        ));
        assert!(matches!(
            wrong("False", "false"),
            Err(NodeInfoError::Value { line: 6, .. })
        ));
        assert!(matches!(
            wrong("UserKey: 3 33", "UserKey: 3"),
            Err(NodeInfoError::Value { .. })
        ));
        assert!(matches!(
            wrong("Name: v2", "Name: v1"),
            Err(NodeInfoError::SameName(_))
        ));
        assert!(matches!(
            NodeInfo::parse(b""),
            Err(NodeInfoError::Line { line: 1, .. })
        ));
        assert!(
            NodeInfo::parse(&good[..good.len() - 1]).is_err(),
            "an answer cut short"
        );
    }

    #[test]
    fn a_key_that_nobody_can_use_does_not_hide_a_node() {
        let info = NodeInfo::parse(&sample().encode()).unwrap();
        assert_eq!(info, sample());
        let vessel = info.vessel(&"v2".parse().unwrap()).unwrap();
        assert_eq!(vessel.user_keys[1].as_str(), "3 21");
        let owner = vessel.owner_key.key().unwrap();
        assert!(vessel.may_be_used_by(&owner));
        assert!(vessel.owner_key.is(&owner) && !vessel.user_keys[0].is(&owner));
    }

    proptest! {
        #[test]
        fn any_change_of_an_answer_is_read_or_refused_without_a_panic(
            at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = sample().encode();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = NodeInfo::parse(&bytes[..cut.index(bytes.len())]);
            if let Ok(info) = NodeInfo::parse(&bytes) {
                prop_assert_eq!(NodeInfo::parse(&info.encode()).unwrap(), info);
            }
        }
    }
}
