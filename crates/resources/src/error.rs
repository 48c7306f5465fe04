//! Why resource files, sums and splits are refused, in the original's words.

use thiserror::Error;

use crate::{RESOURCE_FILE_BYTES_MAX, Resource, ResourceLine};

/// Why a resource file or a sum of two is refused. `Display` has the original's words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// A line is neither a resource nor a call.
    #[error("Line '{0}' not understood.")]
    NotUnderstood(ResourceLine),
    /// A resource line without exactly a name and a value.
    #[error("Line '{0}' has wrong number of items")]
    ItemCount(ResourceLine),
    /// No such resource.
    #[error("Line '{line}' has an unknown resource '{name}'")]
    UnknownResource {
        /// The whole line.
        line: ResourceLine,
        /// The name in it.
        name: ResourceLine,
    },
    /// A value that is no finite number, or no port. The original takes infinity and NaN, and so splits
    /// without end.
    #[error("Line '{line}' has an invalid resource value '{value}'")]
    Value {
        /// The whole line.
        line: ResourceLine,
        /// The value in it.
        value: ResourceLine,
    },
    /// A quantity is given twice.
    #[error("Line '{line}' has a duplicate resource rule for '{name}'")]
    Duplicate {
        /// The whole line.
        line: ResourceLine,
        /// The resource.
        name: Resource,
    },
    /// A required resource is missing.
    #[error("Missing required resource: '{0}'")]
    Missing(Resource),
    /// A quantity is negative, or would be after a subtraction.
    #[error("Insufficient quantity: Resource '{0}' has a negative quantity")]
    Negative(Resource),
    /// A port is taken away that is not there.
    #[error("Subtracted resource dictionary does not contain all elements")]
    PortsNotContained,
    /// Longer than [`RESOURCE_FILE_BYTES_MAX`].
    #[error("A resource file has at most {RESOURCE_FILE_BYTES_MAX} bytes")]
    TooLong,
}

impl ResourceError {
    /// The text with a refused line byte for byte, where `Display` replaces what is not UTF-8.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let text = |parts: &[&[u8]]| parts.concat();
        match self {
            Self::NotUnderstood(line) => text(&[b"Line '", line.as_bytes(), b"' not understood."]),
            Self::ItemCount(line) => {
                text(&[b"Line '", line.as_bytes(), b"' has wrong number of items"])
            }
            Self::UnknownResource { line, name } => text(&[
                b"Line '",
                line.as_bytes(),
                b"' has an unknown resource '",
                name.as_bytes(),
                b"'",
            ]),
            Self::Value { line, value } => text(&[
                b"Line '",
                line.as_bytes(),
                b"' has an invalid resource value '",
                value.as_bytes(),
                b"'",
            ]),
            Self::Duplicate { line, name } => text(&[
                b"Line '",
                line.as_bytes(),
                b"' has a duplicate resource rule for '",
                name.as_str().as_bytes(),
                b"'",
            ]),
            other => other.to_string().into_bytes(),
        }
    }
}

/// Why a vessel is not split. Who answers with it adds the cause on a line of its own, as the original does.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SplitError {
    /// The file that was asked for is none.
    #[error("the resources asked for cannot be read")]
    Asked(#[source] ResourceError),
    /// The vessel does not have what a split costs.
    #[error("Existing resources are so small they cannot be split.")]
    TooSmall(#[source] ResourceError),
    /// The vessel does not have what was asked for.
    #[error("Proposed vessel is too large.")]
    TooLarge(#[source] ResourceError),
}
