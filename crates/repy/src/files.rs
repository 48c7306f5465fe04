//! A program's files: one flat directory, which names are in use, what all of it takes on disk.
//!
//! Every name is looked up relative to the directory that was opened at the start, no link is followed, and only
//! regular files are opened. What the files take on disk is known after every write; a write that would pass the limit
//! is not made, the program is killed instead, as the original's monitor does a little later. What programs may call
//! their files, and what calls cost, is the API's business.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, statat};

use overlord_repy_machine::{Res, Stop, Thrown};

/// What a file costs on disk besides its bytes, and the unit in which reads and writes are charged.
pub(crate) const BLOCK: u64 = 4096;

/// The files of a program.
pub(crate) struct FileTable {
    /// None: there are no files, and none can be made.
    directory: Option<OwnedFd>,
    /// Names of open files.
    pub(crate) open: RefCell<BTreeSet<String>>,
    /// Bytes on disk, all files together.
    used: Cell<u64>,
    limit: Option<u64>,
}

impl FileTable {
    /// The files in a directory; the limit is in bytes, infinite for none.
    ///
    /// # Errors
    /// If the directory cannot be opened or read.
    pub(crate) fn open(directory: &Path, limit: f64) -> io::Result<FileTable> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let table = FileTable {
            directory: Some(rustix::fs::open(directory, flags, Mode::empty())?),
            open: RefCell::default(),
            used: Cell::new(0),
            limit: limit.is_finite().then_some(limit as u64),
        };
        table.measure()?;
        Ok(table)
    }

    /// No files at all.
    pub(crate) fn none() -> FileTable {
        FileTable {
            directory: None,
            open: RefCell::default(),
            used: Cell::new(0),
            limit: None,
        }
    }

    pub(crate) fn directory(&self) -> io::Result<&OwnedFd> {
        self.directory
            .as_ref()
            .ok_or_else(|| io::Error::other("the program has no directory"))
    }

    /// Shows names and sizes of all regular files, until told that it is enough.
    pub(crate) fn each_file(
        &self,
        mut is_enough: impl FnMut(&[u8], u64) -> bool,
    ) -> io::Result<()> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            let name = entry.file_name();
            // A file removed meanwhile is none.
            if let Ok(stat) = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
                && FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
                && is_enough(name.to_bytes(), stat.st_size.max(0) as u64)
            {
                break;
            }
        }
        Ok(())
    }

    /// Measures what the files take on disk; others than the program may have changed them. However many there are, no
    /// more are looked at than reach beyond the limit.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub(crate) fn measure(&self) -> io::Result<u64> {
        let mut used = 0_u64;
        self.each_file(|_, size| {
            used = used.saturating_add(size).saturating_add(BLOCK);
            self.limit.is_some_and(|limit| used > limit)
        })?;
        self.used.set(used);
        Ok(used)
    }

    /// Bytes on disk, all files together.
    pub(crate) fn disk_used(&self) -> u64 {
        self.used.get()
    }

    /// The limit, if the files take more.
    pub(crate) fn exceeded(&self) -> Option<u64> {
        self.limit.filter(|limit| self.used.get() > *limit)
    }

    /// Makes room for more bytes.
    ///
    /// # Errors
    /// Stops the machine if they would pass the limit.
    pub(crate) fn grow(&self, bytes: u64) -> Res<()> {
        let after = self.used.get().saturating_add(bytes);
        match self.limit {
            Some(limit) if after > limit => Err(Thrown::stop(Stop::Disk { limit })),
            _ => {
                self.used.set(after);
                Ok(())
            }
        }
    }

    pub(crate) fn shrink(&self, bytes: u64) {
        self.used.set(self.used.get().saturating_sub(bytes));
    }

    /// The size of a regular file; None if there is none.
    pub(crate) fn size_of(&self, name: &str) -> Option<u64> {
        let stat = statat(self.directory.as_ref()?, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        (FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
            .then_some(stat.st_size.max(0) as u64)
    }
}
