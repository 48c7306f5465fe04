//! The names of a policy's periods, as its errors tell them. Their values and bounds are left to [`crate::settings`].

use std::fmt;

/// The periods, deadlines and pauses of a [`crate::Policy`]. Each is from 10 ms to 366 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyPeriod {
    /// How often each node is asked.
    Poll,
    /// How soon a node that looked wrong is asked again.
    Suspect,
    /// How often leases are renewed.
    Renew,
    /// How often is read what the account holds.
    Ownership,
    /// How long the end of a run may take.
    FinalPhase,
    /// How long a call to the clearinghouse may take.
    ClearinghouseDeadline,
    /// How long a question to a node may take.
    ProbeDeadline,
    /// How long an upload may take.
    UploadDeadline,
    /// How long a start may take.
    StartDeadline,
    /// How long a replaced hook may take.
    HookDeadline,
    /// The first pause of a backoff.
    FirstBackoff,
    /// The longest pause of a backoff.
    LongestBackoff,
    /// After how long a copy starts its backoff afresh.
    StableTime,
    /// How long an open breaker holds.
    BreakerHold,
}

impl fmt::Display for PolicyPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Poll => "poll period",
            Self::Suspect => "suspect period",
            Self::Renew => "renew period",
            Self::Ownership => "ownership period",
            Self::FinalPhase => "final phase",
            Self::ClearinghouseDeadline => "clearinghouse deadline",
            Self::ProbeDeadline => "probe deadline",
            Self::UploadDeadline => "upload deadline",
            Self::StartDeadline => "start deadline",
            Self::HookDeadline => "hook deadline",
            Self::FirstBackoff => "first backoff",
            Self::LongestBackoff => "longest backoff",
            Self::StableTime => "stable time",
            Self::BreakerHold => "breaker hold",
        })
    }
}
