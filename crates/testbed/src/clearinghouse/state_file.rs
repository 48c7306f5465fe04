//! The registry on disk: one JSON file, replaced whole. Who changes what is left to `registry`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use overlord_files::{Access, Durability};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::registry::Registry;

/// The form of the file; another number is refused rather than guessed at.
const FORMAT: u32 = 1;

/// Why the clearinghouse's state cannot be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file cannot be read or written.
    #[error("{} cannot be used; see that the testbed's directory is writable and has space", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is there and is not the state of a clearinghouse.
    #[error("{} does not hold the state of a clearinghouse; restore it from a copy, or remove it to start without accounts and leases", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The file was written by another version.
    #[error("{} has format {found}, and this program reads format {FORMAT}; use the program that wrote it", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format it says it has.
        found: u32,
    },
}

#[derive(Deserialize)]
struct Header {
    format: u32,
}

#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    #[serde(flatten)]
    registry: &'a Registry,
}

/// The file in which a registry is kept. Holds API keys, so only its owner can read it.
#[derive(Debug, Clone)]
pub(crate) struct StateFile(PathBuf);

impl StateFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Reads the registry; an empty one when there is no file yet.
    pub(crate) fn load(&self) -> Result<Registry, StateError> {
        let path = || self.0.clone();
        let text = match fs::read(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Registry::default()),
            Err(source) => {
                return Err(StateError::File {
                    path: path(),
                    source,
                });
            }
        };
        let malformed = |source| StateError::Malformed {
            path: path(),
            source,
        };
        let header: Header = serde_json::from_slice(&text).map_err(malformed)?;
        if header.format != FORMAT {
            return Err(StateError::Format {
                path: path(),
                found: header.format,
            });
        }
        let mut registry: Registry = serde_json::from_slice(&text).map_err(malformed)?;
        registry.after_restart();
        Ok(registry)
    }

    /// The content to write for a registry: taken while it is locked, written after.
    pub(crate) fn content(registry: &Registry) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&Written {
            format: FORMAT,
            registry,
        })
    }

    /// Replaces the file. Blocks until the content is on the disk.
    pub(crate) fn write(&self, content: &[u8]) -> Result<(), StateError> {
        let on_file = |source| StateError::File {
            path: self.0.clone(),
            source,
        };
        overlord_files::replace(&self.0, content, Access::Owner, Durability::PowerLoss)
            .map_err(on_file)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}
