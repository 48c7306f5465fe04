//! What a node says of a vessel's program.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::failure::{Classified, Code};

/// A word that no node of the original uses as a status.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a node reported the status {0:?}, which no Seattle node uses")]
pub struct UnknownStatus(pub String);

impl Classified for UnknownStatus {
    fn code(&self) -> Code {
        Code::NodeMalformed
    }
}

/// What a node says of a vessel's program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum VesselStatus {
    /// Never started since the vessel was made or reset.
    Fresh,
    /// Running.
    Started,
    /// Stopped on request.
    Stopped,
    /// Ended by itself.
    Terminated,
    /// Was running, but showed no sign of life for 15 seconds: its sandbox was killed or hangs.
    Stale,
    /// The sandbox could not make a thread, and ended.
    ThreadErr,
}

impl VesselStatus {
    /// Every status, in the order of their declaration.
    pub const ALL: [Self; 6] = [
        Self::Fresh,
        Self::Started,
        Self::Stopped,
        Self::Terminated,
        Self::Stale,
        Self::ThreadErr,
    ];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "Fresh",
            Self::Started => "Started",
            Self::Stopped => "Stopped",
            Self::Terminated => "Terminated",
            Self::Stale => "Stale",
            Self::ThreadErr => "ThreadErr",
        }
    }
}

impl FromStr for VesselStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| UnknownStatus(text.chars().take(40).collect()))
    }
}

impl fmt::Display for VesselStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_reads_back_as_itself_and_nothing_else_is_one() {
        for status in VesselStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert!("started".parse::<VesselStatus>().is_err());
        assert!("".parse::<VesselStatus>().is_err());
    }
}
