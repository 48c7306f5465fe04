//! A vessel's log: a ring of two files that keeps at least the last 16 KiB and never more than twice that.
//!
//! As with the original, output goes to `log.new`; when that holds 16 KiB it takes the place of `log.old`
//! and a new one begins, so the disk use is bounded however much a program prints. A reader gets the last
//! [`LOG_BYTES`] of both.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What `ReadVesselLog` answers at most, in bytes: the ring size of the original's sandbox.
pub(crate) const LOG_BYTES: usize = 16 * 1024;

/// How often a reader tries again when the ring turned under its hands. A writer turns the ring once
/// per 16 KiB, so a second try nearly always succeeds; after the last, what was read is good enough.
const READ_TRIES: usize = 5;

/// The writing end of a vessel's log. One at a time.
#[derive(Debug)]
pub(crate) struct LogRing {
    directory: PathBuf,
    current: File,
    filled: usize,
}

fn new_path(directory: &Path) -> PathBuf {
    directory.join("log.new")
}

fn old_path(directory: &Path) -> PathBuf {
    directory.join("log.old")
}

fn open_current(directory: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(new_path(directory))
}

impl LogRing {
    /// Opens the log kept in `directory`, going on after what is there.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        let current = open_current(directory)?;
        let filled = usize::try_from(current.metadata()?.len()).unwrap_or(LOG_BYTES);
        Ok(Self {
            directory: directory.to_owned(),
            current,
            filled,
        })
    }

    /// Appends `bytes`, turning the ring as needed. What could never be read again is not written at all.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = &bytes[bytes.len().saturating_sub(2 * LOG_BYTES)..];
        while !rest.is_empty() {
            if self.filled >= LOG_BYTES {
                fs::rename(new_path(&self.directory), old_path(&self.directory))?;
                self.current = open_current(&self.directory)?;
                self.filled = 0;
            }
            let (now, later) = rest.split_at(rest.len().min(LOG_BYTES - self.filled));
            if let Err(error) = self.current.write_all(now) {
                // A part may have been written; the bound must hold on a full disk too.
                let length = self.current.metadata()?.len();
                self.filled = usize::try_from(length).unwrap_or(LOG_BYTES);
                return Err(error);
            }
            self.filled += now.len();
            rest = later;
        }
        Ok(())
    }
}

/// The last [`LOG_BYTES`] of the log kept in `directory`; empty when there is none.
pub(crate) fn read_log(directory: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for _ in 0..READ_TRIES {
        bytes.clear();
        let old = open_if_there(&old_path(directory))?;
        let new = open_if_there(&new_path(directory))?;
        let old_inode = old
            .as_ref()
            .map(File::metadata)
            .transpose()?
            .map(|m| m.ino());
        for file in [old, new].into_iter().flatten() {
            // The bound holds even if somebody else wrote into the files.
            file.take(2 * LOG_BYTES as u64).read_to_end(&mut bytes)?;
        }
        let old_now = fs::metadata(old_path(directory)).ok().map(|m| m.ino());
        if old_now == old_inode {
            break;
        }
    }
    Ok(bytes.split_off(bytes.len().saturating_sub(LOG_BYTES)))
}

/// Forgets the log kept in `directory`.
pub(crate) fn remove_log(directory: &Path) -> io::Result<()> {
    for path in [new_path(directory), old_path(directory)] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn open_if_there(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(path: PathBuf) -> u64 {
        fs::metadata(path).map_or(0, |m| m.len())
    }

    #[test]
    fn a_log_keeps_the_last_16_kib_and_no_more_than_32() {
        let directory = tempfile::tempdir().unwrap();
        let mut ring = LogRing::open(directory.path()).unwrap();
        let mut all = Vec::new();
        for line in 0..5000 {
            let line = format!("line {line:06}\n");
            ring.append(line.as_bytes()).unwrap();
            all.extend_from_slice(line.as_bytes());
            let kept = size(new_path(directory.path())) + size(old_path(directory.path()));
            assert!(kept <= 2 * LOG_BYTES as u64, "{kept}");
        }
        assert_eq!(
            read_log(directory.path()).unwrap(),
            all[all.len() - LOG_BYTES..]
        );
    }

    #[test]
    fn one_huge_write_leaves_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let mut ring = LogRing::open(directory.path()).unwrap();
        ring.append(b"before").unwrap();
        let huge: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
        ring.append(&huge).unwrap();
        assert_eq!(
            read_log(directory.path()).unwrap(),
            huge[huge.len() - LOG_BYTES..]
        );
    }

    #[test]
    fn a_log_goes_on_where_the_last_run_left_it_until_it_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(read_log(directory.path()).unwrap(), b"");
        LogRing::open(directory.path())
            .unwrap()
            .append(b"one\n")
            .unwrap();
        LogRing::open(directory.path())
            .unwrap()
            .append(b"two\n")
            .unwrap();
        assert_eq!(read_log(directory.path()).unwrap(), b"one\ntwo\n");
        remove_log(directory.path()).unwrap();
        remove_log(directory.path()).unwrap();
        assert_eq!(read_log(directory.path()).unwrap(), b"");
    }
}
