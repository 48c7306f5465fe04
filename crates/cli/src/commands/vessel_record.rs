//! What commands read from a vessel as the clearinghouse tells it: where it is, and how long its lease still runs.

use std::time::Duration;

use overlord::Code;
use overlord::clearinghouse::LeasedVessel;
use overlord::types::NodeLocation;

use crate::failure::Failure;
use crate::text::short_duration;

/// What is left of a lease, for a reader.
pub(super) fn lease(left: Duration) -> String {
    if left.is_zero() {
        "ended".to_owned()
    } else {
        short_duration(left)
    }
}

/// A location of a record that its own client has checked already.
pub(super) fn location(vessel: &LeasedVessel) -> Result<NodeLocation, Failure> {
    vessel
        .location()
        .map_err(|error| Failure::new(Code::ClearinghouseMalformed, error))
}
