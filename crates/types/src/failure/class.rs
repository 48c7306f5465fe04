//! The classes of failures: who is to blame, and whether asking again helps. Which code is in which is [`super::Code`]'s.

use std::fmt;

use serde::Serialize;

/// Who can do something about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// What was asked for is wrong: names, numbers, files, keys, a hook.
    Operator,
    /// This machine refuses: files that cannot be written, no more sockets, no randomness.
    LocalMachine,
    /// The clearinghouse or the way to it.
    Clearinghouse,
    /// A node or the way to it.
    Node,
    /// A bug of ours.
    Bug,
}

impl Blame {
    /// The word in JSON and in documentation.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::LocalMachine => "local_machine",
            Self::Clearinghouse => "clearinghouse",
            Self::Node => "node",
            Self::Bug => "bug",
        }
    }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether the same request can come to a better end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryClass {
    /// The failure may go away by itself: again after a pause.
    Again,
    /// The same question gets the same answer until somebody acts: ask for less, or rarely.
    Rarely,
    /// Somebody must change something first: a key, a file, a certificate. It ends a run that has not begun; in
    /// mid-run it is tried again rarely, for vessels are running.
    AfterChange,
}

impl RetryClass {
    /// The word in JSON and in documentation.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Again => "again",
            Self::Rarely => "rarely",
            Self::AfterChange => "after_change",
        }
    }
}

impl fmt::Display for RetryClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
