//! The pages of memory the system has given the process, as the system tells.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The pages the system has given this process, and how many it may have. They may be more than the count, since what
/// was given back between blocks that are held can be of no use.
#[derive(Debug)]
pub struct Pages {
    statm: File,
    limit: usize,
}

impl Pages {
    /// Those of this process, which may have no more than `limit` bytes. A file stays open: a wall may hide it later.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn watch(limit: usize) -> io::Result<Pages> {
        let statm = File::open("/proc/self/statm")?;
        let pages = Pages { statm, limit };
        match pages.resident() {
            Some(_) => Ok(pages),
            None => Err(io::Error::other("statm is not understood")),
        }
    }

    /// How many bytes they may be.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes of resident memory (the second number of `statm`, in pages); None if the system does not tell.
    pub fn resident(&self) -> Option<usize> {
        let mut text = [0; 128];
        let length = self.statm.read_at(&mut text, 0).ok()?;
        let text = std::str::from_utf8(text.get(..length)?).ok()?;
        let pages: usize = text.split_whitespace().nth(1)?.parse().ok()?;
        Some(pages * rustix::param::page_size())
    }
}
