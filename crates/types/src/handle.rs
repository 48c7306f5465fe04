//! How nodes and vessels are named. What the numbers in a node's name can do is left to `overlord-keys`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::failure::{Classified, Code};

/// Longest node id accepted, in bytes: two decimal numbers of 16,384 bits (4,933 digits each) fit.
pub const NODE_ID_LENGTH_MAX: usize = 10_000;
/// Longest vessel name accepted, in bytes. Nodes make names like `v12`; splits only count upwards.
pub const VESSEL_NAME_LENGTH_MAX: usize = 64;

/// Why a text is not a node id, a vessel name or a handle.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandleError {
    /// The text has no `:` between node id and vessel name.
    #[error("a handle is NODEID:VESSELNAME, and this has no ':'")]
    NoColon,
    /// The node id is not two decimal numbers with one blank between.
    #[error(
        "a node id is the node's public key, two decimal numbers with one blank between, not {0:?}"
    )]
    NodeId(String),
    /// The vessel name is empty, too long, or has characters that nodes never use.
    #[error("a vessel name is 1 to {VESSEL_NAME_LENGTH_MAX} letters and digits, not {0:?}")]
    VesselName(String),
}

impl Classified for HandleError {
    fn code(&self) -> Code {
        Code::Handle
    }
}

/// The name of a node: its public key as text, `e n` in decimal.
///
/// Cheap to clone; printed whole by `Display`, shortened by [`NodeId::short`] and `Debug`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// The whole text, `e n`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last eight digits of the modulus: enough to tell nodes apart for a reader.
    #[must_use]
    pub fn short(&self) -> &str {
        // Only ASCII digits and one blank get in, so every index is a character boundary.
        let from = self.0.len().saturating_sub(8);
        self.0[from..].trim_start()
    }
}

impl FromStr for NodeId {
    type Err = HandleError;

    fn from_str(text: &str) -> Result<Self, HandleError> {
        let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        match text.split_once(' ') {
            Some((e, n)) if text.len() <= NODE_ID_LENGTH_MAX && number(e) && number(n) => {
                Ok(Self(text.into()))
            }
            _ => Err(HandleError::NodeId(excerpt(text))),
        }
    }
}

impl TryFrom<String> for NodeId {
    type Error = HandleError;

    fn try_from(text: String) -> Result<Self, HandleError> {
        text.parse()
    }
}

impl From<NodeId> for String {
    fn from(id: NodeId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId(…{})", self.short())
    }
}

/// The name of a vessel on its node, such as `v3`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VesselName(Arc<str>);

impl VesselName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VesselName {
    type Err = HandleError;

    fn from_str(text: &str) -> Result<Self, HandleError> {
        let fits = (1..=VESSEL_NAME_LENGTH_MAX).contains(&text.len());
        if fits && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            Ok(Self(text.into()))
        } else {
            Err(HandleError::VesselName(excerpt(text)))
        }
    }
}

impl TryFrom<String> for VesselName {
    type Error = HandleError;

    fn try_from(text: String) -> Result<Self, HandleError> {
        text.parse()
    }
}

impl From<VesselName> for String {
    fn from(name: VesselName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for VesselName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for VesselName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VesselName({})", self.0)
    }
}

/// The name of a vessel everywhere: `nodeid:vesselname`. Ordered by node, then vessel.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Handle {
    /// The node that hosts the vessel.
    pub node: NodeId,
    /// The vessel's name there.
    pub vessel: VesselName,
}

impl Handle {
    /// Puts node and vessel name together.
    #[must_use]
    pub fn new(node: NodeId, vessel: VesselName) -> Self {
        Self { node, vessel }
    }

    /// A form for readers, such as `…12345678:v3`; not unique, never parsed.
    #[must_use]
    pub fn short(&self) -> String {
        format!("…{}:{}", self.node.short(), self.vessel)
    }
}

impl FromStr for Handle {
    type Err = HandleError;

    fn from_str(text: &str) -> Result<Self, HandleError> {
        let (node, vessel) = text.rsplit_once(':').ok_or(HandleError::NoColon)?;
        Ok(Self {
            node: node.parse()?,
            vessel: vessel.parse()?,
        })
    }
}

impl TryFrom<String> for Handle {
    type Error = HandleError;

    fn try_from(text: String) -> Result<Self, HandleError> {
        text.parse()
    }
}

impl From<Handle> for String {
    fn from(handle: Handle) -> Self {
        handle.to_string()
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.node, self.vessel)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.short())
    }
}

/// The start of a refused text, so that an error message stays readable.
fn excerpt(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_handle_is_cut_at_its_last_colon() {
        let handle: Handle = "65537 99384923155333721908:v12".parse().unwrap();
        assert_eq!(handle.node.as_str(), "65537 99384923155333721908");
        assert_eq!(handle.vessel.as_str(), "v12");
        assert_eq!(handle.to_string(), "65537 99384923155333721908:v12");
        assert_eq!(handle.short(), "…21908:v12".replace("21908", "33721908"));
    }

    #[test]
    fn what_is_no_handle_says_why() {
        assert_eq!("65537 99".parse::<Handle>(), Err(HandleError::NoColon));
        assert!(matches!(
            "65537:v1".parse::<Handle>(),
            Err(HandleError::NodeId(_))
        ));
        assert!(matches!(
            "65537  9:v1".parse::<Handle>(),
            Err(HandleError::NodeId(_))
        ));
        assert!(matches!(
            "65537 9:".parse::<Handle>(),
            Err(HandleError::VesselName(_))
        ));
        assert!(matches!(
            "65537 9:v|1".parse::<Handle>(),
            Err(HandleError::VesselName(_))
        ));
    }

    #[test]
    fn a_handle_goes_through_json_as_its_text() {
        let handle: Handle = "3 33:v1".parse().unwrap();
        let json = serde_json::to_string(&handle).unwrap();
        assert_eq!(json, "\"3 33:v1\"");
        assert_eq!(serde_json::from_str::<Handle>(&json).unwrap(), handle);
        assert!(serde_json::from_str::<Handle>("\"3:v1\"").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused_without_a_panic(text in "\\PC{0,80}") {
            if let Ok(handle) = text.parse::<Handle>() {
                prop_assert_eq!(handle.to_string(), text);
            }
        }
    }
}
