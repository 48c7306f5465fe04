//! Reading a file that an operator names, with a bound.
//!
//! A name that was mistyped or meant badly can lead to a device that never ends, to a pipe that never
//! begins, or to a file larger than memory. So there is one reader for all of them: regular files only, never
//! more than a bound, and what was read is wiped when dropped. What the bytes mean is left to the callers.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

/// What a file held.
#[derive(Clone)]
pub struct OperatorFile {
    /// Its bytes, wiped when dropped.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Its permission bits, where the system has them.
    pub mode: Option<u32>,
}

impl std::fmt::Debug for OperatorFile {
    /// Without the bytes: they may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperatorFile")
            .field("length", &self.bytes.len())
            .field("mode", &self.mode)
            .finish()
    }
}

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
/// What the system says; [`io::ErrorKind::IsADirectory`] for a directory, [`io::ErrorKind::FileTooLarge`] for a
/// file above the bound, and [`io::ErrorKind::Unsupported`] for devices, pipes and sockets. Each says so in words.
pub fn read(path: &Path, most: u64) -> io::Result<OperatorFile> {
    // Before opening as well: to open a pipe that nobody writes to would wait for ever.
    regular(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    regular(&metadata)?;
    if metadata.len() > most {
        return Err(too_long(most));
    }
    // All room at once, so that no copy of a secret stays behind when the buffer grows. What the system says of the
    // length is not relied on: one byte more than allowed shows that a file is too long.
    let room = usize::try_from(metadata.len())
        .unwrap_or(0)
        .saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(too_long(most));
    }
    Ok(OperatorFile {
        bytes,
        mode: permission_bits(&metadata),
    })
}

fn regular(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_dir() {
        let problem = "it is a directory";
        return Err(io::Error::new(io::ErrorKind::IsADirectory, problem));
    }
    if !metadata.is_file() {
        let problem = "it is not a regular file";
        return Err(io::Error::new(io::ErrorKind::Unsupported, problem));
    }
    Ok(())
}

fn too_long(most: u64) -> io::Error {
    let problem = format!("it has more than {most} bytes");
    io::Error::new(io::ErrorKind::FileTooLarge, problem)
}

#[cfg(unix)]
fn permission_bits(metadata: &fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(metadata.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn permission_bits(_metadata: &fs::Metadata) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(path: &Path) -> io::ErrorKind {
        read(path, 10).unwrap_err().kind()
    }

    #[test]
    fn a_file_within_the_bound_is_read_whole_and_one_above_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "0123456789").unwrap();
        assert_eq!(*read(&path, 10).unwrap().bytes, b"0123456789");
        fs::write(&path, "0123456789x").unwrap();
        let error = read(&path, 10).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(error.to_string(), "it has more than 10 bytes");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_that_lies_about_its_length_is_cut_at_the_bound() {
        // Files of /proc say that they are empty.
        assert_eq!(
            kind(Path::new("/proc/self/status")),
            io::ErrorKind::FileTooLarge
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn devices_pipes_and_directories_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
        assert_eq!(kind(&pipe), io::ErrorKind::Unsupported);
        assert_eq!(kind(Path::new("/dev/zero")), io::ErrorKind::Unsupported);
        assert_eq!(kind(folder.path()), io::ErrorKind::IsADirectory);
        assert_eq!(kind(&folder.path().join("none")), io::ErrorKind::NotFound);
    }
}
