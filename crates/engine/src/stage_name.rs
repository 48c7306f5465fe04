//! What a stage of a vessel's life is called, where its data are of no interest: in reports, events and errors.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A stage of a vessel's life, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StageName {
    /// Ours, and nothing runs on it.
    Acquired,
    /// The program is being sent.
    Uploading,
    /// The program is there, and is being started.
    Starting,
    /// The program runs.
    Running,
    /// Something looks wrong with it.
    Suspect,
    /// Nobody can tell.
    Unknown,
    /// To be given back.
    Condemned,
    /// Being given back.
    Releasing,
}

impl StageName {
    /// The name as it is shown and serialised.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Acquired => "acquired",
            Self::Uploading => "uploading",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Suspect => "suspect",
            Self::Unknown => "unknown",
            Self::Condemned => "condemned",
            Self::Releasing => "releasing",
        }
    }
}

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_serialised_as_it_is_shown() {
        for stage in [StageName::Acquired, StageName::Running] {
            let json = serde_json::to_string(&stage).unwrap();
            assert_eq!(json, format!("\"{stage}\""));
        }
    }
}
