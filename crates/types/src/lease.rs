//! What the original's clearinghouse grants: constants of the protocol, not of anybody's policy.

use std::time::Duration;

/// How long a vessel is ours after its acquisition.
pub const LEASE_ON_ACQUISITION: Duration = Duration::from_secs(4 * 60 * 60);
/// How long a vessel is ours after a renewal, counted from the renewal.
pub const LEASE_ON_RENEWAL: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How many vessels an account may hold that has donated no node; each donation adds as many.
pub const VESSELS_WITHOUT_DONATION: u32 = 10;
