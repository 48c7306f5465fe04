//! `USERNAME.publickey` and `USERNAME.privatekey` in a directory: the only part of this crate that
//! touches files.
//!
//! A private file is written whole or not at all, readable by its owner only, and never over an
//! existing one: a lost key cannot be had back from anywhere.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use overlord_files::{Access, Durability, OperatorFile};
use overlord_types::UserName;
use overlord_types::failure::{Classified, Code, is_out_of_files};
use thiserror::Error;

use crate::bounds::KEY_FILE_BYTES_MAX;
use crate::error::{KeyError, KeyKind};
use crate::{KeyPair, PrivateKey, PublicKey};

/// Why a pair of key files cannot be loaded or saved.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// One of the two files, or both, are not there.
    #[error("{}", missing(paths))]
    Missing {
        /// What is missing.
        paths: Vec<PathBuf>,
    },
    /// The file is there but cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file's content is no key.
    #[error("{} is not a {kind} key", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What should be in it.
        kind: KeyKind,
        /// What is wrong, and where.
        source: KeyError,
    },
    /// Both files are keys, but not of one pair.
    #[error("{} and {} do not belong together", public.display(), private.display())]
    Mismatch {
        /// The public file.
        public: PathBuf,
        /// The private file.
        private: PathBuf,
        /// How that shows.
        source: KeyError,
    },
    /// There is a file already, and keys are never written over.
    #[error("{} exists already, and keys are never overwritten", path.display())]
    Exists {
        /// Which file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("cannot write {}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// OpenSSL failed: memory, or a bug of ours.
    #[error("the big-number library failed")]
    Crypto(#[from] openssl::error::ErrorStack),
}

impl Classified for KeyFileError {
    fn code(&self) -> Code {
        match self {
            Self::Unreadable { source, .. } | Self::Unwritable { source, .. }
                if is_out_of_files(source) =>
            {
                Code::OpenFilesExhausted
            }
            Self::Missing { .. } => Code::KeysMissing,
            Self::Unreadable { .. } => Code::KeysUnreadable,
            Self::Malformed { .. } => Code::KeysMalformed,
            Self::Mismatch { .. } => Code::KeysMismatched,
            Self::Exists { .. } => Code::KeysExist,
            Self::Unwritable { .. } => Code::KeysUnwritable,
            Self::Crypto(_) => Code::Internal,
        }
    }
}

fn missing(paths: &[PathBuf]) -> String {
    let names: Vec<_> = paths.iter().map(|p| p.display().to_string()).collect();
    match names.as_slice() {
        [one] => format!("{one} does not exist"),
        _ => format!("{} do not exist", names.join(" and ")),
    }
}

/// Something about key files that works but should be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyWarning {
    /// Others on this machine can read the private key.
    PrivateFileOpen {
        /// The private file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl fmt::Display for KeyWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrivateFileOpen { path, mode } => write!(
                f,
                "{path} can be read or written by others on this machine (mode {mode:03o}); run: chmod 600 {path}",
                path = path.display()
            ),
        }
    }
}

/// What was loaded, and what should be said about it.
#[derive(Debug, Clone)]
pub struct LoadedKeys {
    /// The pair.
    pub pair: KeyPair,
    /// For the operator's eyes.
    pub warnings: Vec<KeyWarning>,
}

/// A directory that holds pairs of key files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDirectory {
    path: PathBuf,
}

impl KeyDirectory {
    /// Names a directory; nothing is read yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where a user's key of a kind lies.
    #[must_use]
    pub fn file(&self, user: &UserName, kind: KeyKind) -> PathBuf {
        self.path.join(format!("{user}.{}", kind.file_ending()))
    }

    /// Loads a user's pair.
    ///
    /// # Errors
    /// Which file is missing, unreadable or malformed (and where), or that the two are no pair.
    pub fn load(&self, user: &UserName) -> Result<LoadedKeys, KeyFileError> {
        let public_path = self.file(user, KeyKind::Public);
        let private_path = self.file(user, KeyKind::Private);
        let public_content = read(&public_path, KeyKind::Public)?;
        let private_content = read(&private_path, KeyKind::Private)?;
        let (public_content, private_content) = match (public_content, private_content) {
            (Some(public), Some(private)) => (public, private),
            (public, private) => {
                let absent = [(public, public_path), (private, private_path)];
                let paths = absent
                    .into_iter()
                    .filter_map(|(content, path)| content.is_none().then_some(path))
                    .collect();
                return Err(KeyFileError::Missing { paths });
            }
        };
        let public = PublicKey::parse(&public_content.bytes)
            .map_err(malformed(&public_path, KeyKind::Public))?;
        let private = PrivateKey::parse(&private_content.bytes)
            .map_err(malformed(&private_path, KeyKind::Private))?;
        let pair = KeyPair::new(public, private).map_err(|source| KeyFileError::Mismatch {
            public: public_path,
            private: private_path.clone(),
            source,
        })?;
        let warnings = match private_content.mode {
            Some(mode) if mode & 0o077 != 0 => vec![KeyWarning::PrivateFileOpen {
                path: private_path,
                mode,
            }],
            _ => Vec::new(),
        };
        Ok(LoadedKeys { pair, warnings })
    }

    /// Loads a user's public key alone.
    ///
    /// # Errors
    /// The file is missing, unreadable or malformed.
    pub fn load_public(&self, user: &UserName) -> Result<PublicKey, KeyFileError> {
        let path = self.file(user, KeyKind::Public);
        match read(&path, KeyKind::Public)? {
            Some(content) => {
                PublicKey::parse(&content.bytes).map_err(malformed(&path, KeyKind::Public))
            }
            None => Err(KeyFileError::Missing { paths: vec![path] }),
        }
    }

    /// Writes a pair, private file first. The directory is made (for its owner only) if it is not there.
    ///
    /// # Errors
    /// [`KeyFileError::Exists`] if either file is there already: then neither is written.
    pub fn save(&self, user: &UserName, pair: &KeyPair) -> Result<(), KeyFileError> {
        let public_path = self.file(user, KeyKind::Public);
        let private_path = self.file(user, KeyKind::Private);
        for path in [&private_path, &public_path] {
            if fs::symlink_metadata(path).is_ok() {
                return Err(KeyFileError::Exists { path: path.clone() });
            }
        }
        make_directory(&self.path).map_err(|source| KeyFileError::Unwritable {
            path: self.path.clone(),
            source,
        })?;
        let private_text = pair.private().file_text()?;
        write_new(&private_path, private_text.as_bytes(), KeyKind::Private)?;
        let public_text = pair.public().as_str().as_bytes();
        write_new(&public_path, public_text, KeyKind::Public).inspect_err(|_| {
            // Half a pair would be in the way of the next attempt; it was written by us just now.
            let _ = fs::remove_file(&private_path);
        })
    }
}

fn malformed(path: &Path, kind: KeyKind) -> impl FnOnce(KeyError) -> KeyFileError {
    move |source| KeyFileError::Malformed {
        path: path.to_owned(),
        kind,
        source,
    }
}

/// Reads a file; `None` if it does not exist.
fn read(path: &Path, kind: KeyKind) -> Result<Option<OperatorFile>, KeyFileError> {
    match overlord_files::read(path, KEY_FILE_BYTES_MAX) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            let length = fs::metadata(path).map_or(0, |metadata| metadata.len());
            let error = KeyError::TooLong(length.max(KEY_FILE_BYTES_MAX + 1));
            Err(malformed(path, kind)(error))
        }
        Err(source) => Err(KeyFileError::Unreadable {
            path: path.to_owned(),
            source,
        }),
    }
}

fn make_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Writes a file that must not exist.
fn write_new(path: &Path, content: &[u8], kind: KeyKind) -> Result<(), KeyFileError> {
    let access = match kind {
        KeyKind::Private => Access::Owner,
        KeyKind::Public => Access::Everybody,
    };
    overlord_files::create(path, content, access, Durability::PowerLoss).map_err(|source| {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::AlreadyExists => KeyFileError::Exists { path },
            _ => KeyFileError::Unwritable { path, source },
        }
    })
}

#[cfg(test)]
mod tests;
