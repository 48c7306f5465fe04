//! Files that are whole or not there: written under another name, flushed as far as asked, and moved into their place.
//!
//! Who reads a file, or starts again after a crash, finds the old content or the new one, never a part. The other
//! name lies on the same disk as the place, because only there a move is one step; a file of that name that a crash
//! left behind is taken away by the next write and never written into, since it may have other rights. Only what a crash
//! leaves in the middle of [`create`] stays, hidden and with the rights of the file that it was to be: its name is nobody
//! else's, so nobody can tell that it is not being written.
//!
//! Each path has one writer at a time: that is the callers' business. [`create`] alone bears several.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// Under which ending a file is written that is to replace another.
const INCOMING: &str = ".incoming";

/// What a write outlives, once it was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A power cut: the content, and the name in its directory, are on the disk before the write is answered.
    #[default]
    PowerLoss,
    /// The end of our process, however abrupt, but not that of the machine: nothing is flushed, and what a power cut
    /// leaves may be the old content, the new, or an empty file. For what is worth nothing after a restart.
    ProcessCrash,
}

/// Who may use a file, before the umask takes its share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Its owner reads and writes it: it holds secrets, or concerns nobody else.
    Owner,
    /// As [`Access::Owner`], and the owner may run it: it may be a program.
    OwnerRuns,
    /// Its owner writes it, everybody reads it.
    Everybody,
}

impl Access {
    /// As permission bits.
    #[cfg(unix)]
    fn mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::OwnerRuns => 0o700,
            Self::Everybody => 0o644,
        }
    }
}

/// A file that was written and has no place yet. Dropped without one, it is removed.
#[derive(Debug)]
pub struct UnplacedFile {
    file: NamedTempFile<File>,
    durability: Durability,
}

impl UnplacedFile {
    /// Writes `content` at `aside`, in place of what may be left there of an earlier attempt.
    ///
    /// # Errors
    /// What the system says; then nothing is left at `aside`.
    pub fn write(
        aside: &Path,
        content: &[u8],
        access: Access,
        durability: Durability,
    ) -> io::Result<Self> {
        match fs::remove_file(aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let name = aside.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        // No random characters: this name and no other.
        let file = Builder::new()
            .prefix(name)
            .rand_bytes(0)
            .make_in(directory_of(aside), |path| open_new(path, access))?;
        Self::fill(file, content, durability)
    }

    fn fill(
        mut file: NamedTempFile<File>,
        content: &[u8],
        durability: Durability,
    ) -> io::Result<Self> {
        // Not through the wrapper, whose errors hide the system's number.
        file.as_file_mut().write_all(content)?;
        if durability == Durability::PowerLoss {
            file.as_file().sync_all()?;
        }
        Ok(Self { file, durability })
    }

    /// Moves the file to `path`, over what is there.
    ///
    /// # Errors
    /// What the system says. Unless it was the flush of the directory that failed, `path` is as it was.
    pub fn place(self, path: &Path) -> io::Result<()> {
        self.file.persist(path).map_err(|failed| failed.error)?;
        sync_directory(directory_of(path), self.durability)
    }

    /// As [`UnplacedFile::place`], but never over what is there.
    fn place_new(self, path: &Path) -> io::Result<()> {
        self.file
            .persist_noclobber(path)
            .map_err(|failed| failed.error)?;
        sync_directory(directory_of(path), self.durability)
    }
}

/// Writes the file at `path` in one step, over the one that may be there.
///
/// # Errors
/// What the system says. Unless it was the flush of the directory that failed, the old file is still there.
pub fn replace(
    path: &Path,
    content: &[u8],
    access: Access,
    durability: Durability,
) -> io::Result<()> {
    let mut aside: OsString = path.as_os_str().to_owned();
    aside.push(INCOMING);
    UnplacedFile::write(&PathBuf::from(aside), content, access, durability)?.place(path)
}

/// Writes a file at `path` in one step where none is yet. Of several that do so at once, one succeeds.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if there is a file, which stays as it is; or what the system says.
pub fn create(
    path: &Path,
    content: &[u8],
    access: Access,
    durability: Durability,
) -> io::Result<()> {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    prefix.push(".");
    // A name of its own for each attempt, so that none takes away what another is writing.
    let file = Builder::new()
        .prefix(&prefix)
        .suffix(INCOMING)
        .make_in(directory_of(path), |path| open_new(path, access))?;
    UnplacedFile::fill(file, content, durability)?.place_new(path)
}

fn open_new(path: &Path, access: Access) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, access.mode());
    #[cfg(not(unix))]
    let _ = access;
    options.open(path)
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if directory.as_os_str() != OsStr::new("") => directory,
        _ => Path::new("."),
    }
}

/// Flushes the names in a directory: without that, a power cut can take back a move.
fn sync_directory(directory: &Path, durability: Durability) -> io::Result<()> {
    // Elsewhere directories cannot be opened, and moves are flushed by the system.
    #[cfg(unix)]
    if durability == Durability::PowerLoss {
        File::open(directory)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = (directory, durability);
    Ok(())
}

#[cfg(test)]
mod tests;
