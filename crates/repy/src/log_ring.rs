//! The circular log of a program: two files that keep at least the last 16 KiB and never more than twice that.
//!
//! As with the original, output fills `PREFIX.old` first, and then `PREFIX.new`; when that holds 16 KiB, they move to
//! `PREFIX.old` and it begins anew, so the disk use is bounded however much a program logs. The original renames the
//! files; here their content is moved, so that a writer needs nothing but two files that it opened before its
//! walls were raised. A reader gets the last [`LOG_BYTES`] of both, whole, also while they move.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What is kept at least and read at most, in bytes: the ring size of the original.
pub const LOG_BYTES: usize = 16 * 1024;

/// How often a reader tries again when the log moved under its hands. A writer moves it once per
/// 16 KiB, so a second try nearly always succeeds; after the last, what was read is good enough.
const READ_TRIES: usize = 5;

/// The writing end of a log. One at a time.
#[derive(Debug)]
pub struct LogRing {
    old: File,
    new: File,
    /// Bytes in `old`; what comes goes there until there are enough, and nothing is in `new` until then.
    begun: usize,
    /// Bytes in `new`.
    filled: usize,
}

fn length(file: &File) -> io::Result<usize> {
    Ok(usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX))
}

fn with_ending(prefix: &Path, ending: &str) -> PathBuf {
    let mut path = OsString::from(prefix);
    path.push(ending);
    path.into()
}

fn new_path(prefix: &Path) -> PathBuf {
    with_ending(prefix, ".new")
}

fn old_path(prefix: &Path) -> PathBuf {
    with_ending(prefix, ".old")
}

impl LogRing {
    /// Opens the log `PREFIX.old`, `PREFIX.new`, going on after what is there.
    ///
    /// # Errors
    /// When one of the files cannot be made or opened.
    pub fn open(prefix: &Path) -> io::Result<Self> {
        let open = |path| {
            let mut options = OpenOptions::new();
            options.read(true).append(true).create(true).mode(0o600);
            options.open(path)
        };
        let new = open(new_path(prefix))?;
        let old = open(old_path(prefix))?;
        let mut ring = Self {
            old,
            new,
            begun: 0,
            filled: 0,
        };
        ring.measure()?;
        Ok(ring)
    }

    /// Looks how much is in the files.
    fn measure(&mut self) -> io::Result<()> {
        self.begun = length(&self.old)?;
        self.filled = length(&self.new)?;
        Ok(())
    }

    /// Appends `bytes`, turning the ring as needed. What could never be read again is not written at all.
    ///
    /// # Errors
    /// When the disk is full, mostly; the log then lacks a part of `bytes`, and its bound holds all the same.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let skipped = bytes.len().saturating_sub(2 * LOG_BYTES);
        let mut rest = bytes.get(skipped..).unwrap_or_default();
        while !rest.is_empty() {
            if self.filled >= LOG_BYTES {
                self.turn()?;
            }
            let (file, filled) = if self.filled == 0 && self.begun < LOG_BYTES {
                (&mut self.old, &mut self.begun)
            } else {
                (&mut self.new, &mut self.filled)
            };
            let (now, later) = rest.split_at(rest.len().min(LOG_BYTES - *filled));
            if let Err(error) = file.write_all(now) {
                // A part may have been written.
                self.measure()?;
                return Err(error);
            }
            *filled += now.len();
            rest = later;
        }
        Ok(())
    }

    /// Moves the end of `new` to `old`. Until `new` is cut off it is full, and a reader looks at nothing
    /// else, so nobody sees `old` half written.
    fn turn(&mut self) -> io::Result<()> {
        let mut moved = vec![0; LOG_BYTES];
        let from = self.filled.saturating_sub(LOG_BYTES) as u64;
        self.new.read_exact_at(&mut moved, from)?;
        self.old.set_len(0)?;
        self.old.write_all(&moved)?;
        self.new.set_len(0)?;
        self.begun = LOG_BYTES;
        self.filled = 0;
        Ok(())
    }
}

impl Write for LogRing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The last [`LOG_BYTES`] of the log `PREFIX.old`, `PREFIX.new`; empty when there is none.
///
/// # Errors
/// When a file that is there cannot be read.
pub fn read_log(prefix: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for _ in 0..READ_TRIES {
        bytes = read_if_there(&old_path(prefix))?;
        let old = bytes.len();
        bytes.extend(read_if_there(&new_path(prefix))?);
        let filled = bytes.len() - old;
        if filled >= LOG_BYTES {
            // It says all.
            break;
        }
        // Else `old` must be what it was before `new` was read, or have grown only.
        let again = read_if_there(&old_path(prefix))?;
        if bytes.get(..old) == Some(again.as_slice())
            || (filled == 0 && again.starts_with(&bytes) && again.len() <= LOG_BYTES)
        {
            break;
        }
    }
    Ok(bytes.split_off(bytes.len().saturating_sub(LOG_BYTES)))
}

/// Forgets the log `PREFIX.old`, `PREFIX.new`.
///
/// # Errors
/// When a file that is there cannot be removed.
pub fn remove_log(prefix: &Path) -> io::Result<()> {
    for path in [new_path(prefix), old_path(prefix)] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn read_if_there(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match File::open(path) {
        // The bound holds even if somebody else wrote into the file.
        Ok(file) => file.take(LOG_BYTES as u64).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn size(path: PathBuf) -> u64 {
        fs::metadata(path).map_or(0, |m| m.len())
    }

    #[test]
    fn a_log_keeps_the_last_16_kib_and_no_more_than_32() {
        let directory = tempfile::tempdir().unwrap();
        let prefix = directory.path().join("log");
        let mut ring = LogRing::open(&prefix).unwrap();
        let mut all = Vec::new();
        for line in 0..5000 {
            let line = format!("line {line:06}\n");
            ring.append(line.as_bytes()).unwrap();
            all.extend_from_slice(line.as_bytes());
            let kept = size(new_path(&prefix)) + size(old_path(&prefix));
            assert!(kept <= 2 * LOG_BYTES as u64, "{kept}");
        }
        assert_eq!(read_log(&prefix).unwrap(), all[all.len() - LOG_BYTES..]);
    }

    #[test]
    fn one_huge_write_leaves_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let prefix = directory.path().join("log");
        let mut ring = LogRing::open(&prefix).unwrap();
        ring.append(b"before").unwrap();
        let huge: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
        ring.append(&huge).unwrap();
        assert_eq!(read_log(&prefix).unwrap(), huge[huge.len() - LOG_BYTES..]);
    }

    #[test]
    fn a_log_goes_on_where_the_last_run_left_it_until_it_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let prefix = directory.path().join("v1.log");
        assert_eq!(read_log(&prefix).unwrap(), b"");
        LogRing::open(&prefix).unwrap().append(b"one\n").unwrap();
        LogRing::open(&prefix).unwrap().append(b"two\n").unwrap();
        assert_eq!(read_log(&prefix).unwrap(), b"one\ntwo\n");
        assert!(directory.path().join("v1.log.new").is_file());
        // As the original: what comes first is in the old one.
        let begun = fs::read(directory.path().join("v1.log.old")).unwrap();
        assert_eq!(begun, b"one\ntwo\n");
        remove_log(&prefix).unwrap();
        remove_log(&prefix).unwrap();
        assert_eq!(read_log(&prefix).unwrap(), b"");
    }

    #[test]
    fn a_file_that_somebody_else_made_too_long_is_cut_to_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let prefix = directory.path().join("log");
        let long: Vec<u8> = (0..3 * LOG_BYTES).map(|i| (i % 251) as u8).collect();
        fs::write(new_path(&prefix), &long).unwrap();
        LogRing::open(&prefix).unwrap().append(b"end").unwrap();
        let mut expected = long[long.len() - LOG_BYTES + 3..].to_vec();
        expected.extend_from_slice(b"end");
        assert_eq!(read_log(&prefix).unwrap(), expected);
    }

    #[test]
    fn a_reader_never_sees_a_log_with_a_gap() {
        let directory = tempfile::tempdir().unwrap();
        let prefix = directory.path().join("log");
        let mut ring = LogRing::open(&prefix).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut reads = 0;
                while !done.load(Ordering::Relaxed) || reads == 0 {
                    let log = read_log(&prefix).unwrap();
                    let numbers: Vec<u64> = String::from_utf8(log)
                        .unwrap()
                        .split('\n')
                        // The first line may be cut.
                        .skip(1)
                        .filter(|line| line.len() == 7)
                        .map(|line| line.parse().unwrap())
                        .collect();
                    let gap = numbers.windows(2).find(|pair| pair[1] != pair[0] + 1);
                    assert_eq!(gap, None, "after {reads} reads");
                    reads += 1;
                }
            });
            for number in 0..60_000 {
                ring.append(format!("{number:07}\n").as_bytes()).unwrap();
            }
            done.store(true, Ordering::Relaxed);
            reader.join().unwrap();
        });
    }
}
