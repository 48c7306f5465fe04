//! How long vessels are leased.

use std::time::Duration;

use overlord_types::{LEASE_ON_ACQUISITION, LEASE_ON_RENEWAL};

/// How long vessels are leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTerms {
    /// From the acquisition.
    pub on_acquisition: Duration,
    /// From each renewal.
    pub on_renewal: Duration,
}

impl Default for LeaseTerms {
    /// The original's: 4 hours, then 7 days.
    fn default() -> Self {
        Self {
            on_acquisition: LEASE_ON_ACQUISITION,
            on_renewal: LEASE_ON_RENEWAL,
        }
    }
}
