//! Files that are whole or not there: written beside their place, flushed, and moved into it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The owner only: it holds secrets.
    Owner,
    /// Everybody, as far as the umask lets them.
    Everybody,
}

/// Writes a file in one step: readers and the next start find the old or the new content, never a part.
///
/// # Errors
/// What the system says; the old content is then still there.
pub fn replace(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    let mode = match access {
        Access::Owner => 0o600,
        Access::Everybody => 0o644,
    };
    // A file left over from a crash may have another mode, so it is not written into.
    match fs::remove_file(beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(beside, path)
}
