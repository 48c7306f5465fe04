//! Resource files as the protocol carries them, and how a refused split is answered.
//!
//! Files and arithmetic are `overlord-resources`'; they are handed on here because calls take and give them.

use crate::reply::Reply;

pub use overlord_resources::{
    PortKind, RESOURCE_FILE_BYTES_MAX, Resource, ResourceError, ResourceFile, ResourceLine,
    Resources, SplitError,
};

/// The original's answer to a split that is refused: a line it refuses goes back byte for byte.
#[must_use]
pub fn split_refusal(error: &SplitError) -> Reply {
    let with_cause = |cause: &ResourceError| {
        Reply::error([error.to_string().as_bytes(), b"\n", &cause.to_bytes()].concat())
    };
    match error {
        // The original foresees a file that cannot be read, and fails on one that lacks something.
        SplitError::Asked(ResourceError::Missing(_)) => Reply::internal_error(),
        SplitError::Asked(cause) => Reply::error(cause.to_bytes()),
        SplitError::TooSmall(cause) | SplitError::TooLarge(cause) => with_cause(cause),
        // A reason that a newer resource file has and this protocol half does not know.
        _ => Reply::error(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
