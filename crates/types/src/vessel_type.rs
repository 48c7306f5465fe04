//! Which machines a user asks the clearinghouse for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::failure::{Classified, Code};

/// A word that names no type of vessels.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the type of vessels is one of wan, lan, nat, rand, not {0:?}")]
pub struct UnknownVesselType(pub String);

impl Classified for UnknownVesselType {
    fn code(&self) -> Code {
        Code::VesselType
    }
}

/// Which machines a user asks the clearinghouse for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VesselType {
    /// Each on another network: the first three octets of the addresses differ.
    Wan,
    /// All on one network.
    Lan,
    /// Behind a forwarder.
    Nat,
    /// Any. The original's users write `rand`, the wire wants `random`; both are read.
    Rand,
}

impl VesselType {
    /// Every type.
    pub const ALL: [Self; 4] = [Self::Wan, Self::Lan, Self::Nat, Self::Rand];

    /// The word that users of the original write.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wan => "wan",
            Self::Lan => "lan",
            Self::Nat => "nat",
            Self::Rand => "rand",
        }
    }

    /// The word that the clearinghouse's XML-RPC wants as `rspec_type`.
    #[must_use]
    pub fn rspec_type(self) -> &'static str {
        match self {
            Self::Rand => "random",
            other => other.as_str(),
        }
    }
}

impl FromStr for VesselType {
    type Err = UnknownVesselType;

    fn from_str(text: &str) -> Result<Self, UnknownVesselType> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text || kind.rspec_type() == text)
            .ok_or_else(|| UnknownVesselType(text.chars().take(40).collect()))
    }
}

impl fmt::Display for VesselType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rand_is_sent_as_the_server_wants_it_and_both_words_are_read() {
        assert_eq!("rand".parse(), Ok(VesselType::Rand));
        assert_eq!("random".parse(), Ok(VesselType::Rand));
        assert_eq!(VesselType::Rand.rspec_type(), "random");
        assert_eq!(VesselType::Wan.rspec_type(), "wan");
        assert!("WAN".parse::<VesselType>().is_err());
    }
}
