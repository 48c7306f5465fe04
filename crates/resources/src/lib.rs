//! Resource files: what a vessel may use, and the arithmetic of splitting and joining vessels.
//!
//! The node that splits and joins vessels, the node-manager protocol that carries the files, and the
//! sandbox that enforces them read and write them with this one crate. It enforces nothing itself, opens
//! no file, and knows no protocol. Format and refusals are the original's.
//!
//! ```
//! use overlord_resources::{PortKind, Resource, ResourceFile};
//!
//! let file = ResourceFile::parse(b"
//!     resource cpu .1            # of one processor
//!     resource memory 20000000
//!     resource diskused 1000000
//!     resource connport 63100
//! ")?;
//! assert_eq!(file.resources().whole(Resource::Memory), 20_000_000);
//! assert!(file.resources().allows_port(PortKind::Connection, 63100));
//! # Ok::<(), overlord_resources::ResourceError>(())
//! ```
//!
//! Start with [`ResourceFile`].
#![forbid(unsafe_code)]

mod error;
mod file;
mod kind;
mod line;
pub mod python_text;
mod resources;

pub use error::{ResourceError, SplitError};
pub use file::ResourceFile;
pub use kind::{PortKind, Resource};
pub use line::ResourceLine;
pub use resources::Resources;

/// Longest resource file read, in bytes. The original's have about 1,300.
pub const RESOURCE_FILE_BYTES_MAX: usize = 256 * 1024;

#[cfg(test)]
mod tests;
