//! The files of a vessel: list, read, write whole, delete, count. Names are checked by the caller.
//!
//! A program that is no sandbox may leave anything in its folder: links, pipes, folders. Nothing here
//! follows a link or waits for a pipe.

use std::fs::{self, DirEntry, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use overlord_files::{Access, Durability, UnplacedFile};
use overlord_types::FileName;
use rustix::fs::OFlags;

/// What the original charges for each file besides its content, so that many small ones cost as well.
const BYTES_PER_FILE: u64 = 4096;
/// Most names that a list has. The reply has to fit into a message, and no vessel of the original has
/// disk for as many files at [`BYTES_PER_FILE`] each.
const LISTED_FILES_MAX: usize = 100_000;

/// The files of one vessel, and the place where uploads are put together before they are named.
#[derive(Debug, Clone)]
pub(crate) struct VesselFiles {
    directory: PathBuf,
    incoming: PathBuf,
}

impl VesselFiles {
    /// The files in `vessel_folder`.
    pub(crate) fn new(vessel_folder: &Path) -> Self {
        Self {
            directory: vessel_folder.join("files"),
            incoming: vessel_folder.join("incoming"),
        }
    }

    /// Where the files are: the working directory of programs.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Makes the folder, if it is not there.
    pub(crate) fn create(&self) -> io::Result<()> {
        fs::create_dir_all(&self.directory)
    }

    /// Deletes every file.
    pub(crate) fn clear(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.create()
    }

    /// The names of all files, sorted.
    pub(crate) fn list(&self) -> io::Result<Vec<Vec<u8>>> {
        use std::os::unix::ffi::OsStringExt as _;
        let mut names = Vec::new();
        for entry in self.entries()? {
            names.push(entry?.file_name().into_vec());
        }
        names.sort_unstable();
        Ok(names)
    }

    /// What the files use of the vessel's disk, as the original counts it: sizes, and 4096 bytes each.
    pub(crate) fn disk_use(&self) -> io::Result<u64> {
        let mut used = 0u64;
        for entry in self.entries()? {
            // One that is deleted meanwhile still costs its 4096.
            let size = entry?.metadata().map_or(0, |metadata| metadata.len());
            used = used.saturating_add(size).saturating_add(BYTES_PER_FILE);
        }
        Ok(used)
    }

    fn entries(&self) -> io::Result<impl Iterator<Item = io::Result<DirEntry>>> {
        // A program can remove the folder that it runs in.
        self.create()?;
        Ok(fs::read_dir(&self.directory)?.take(LISTED_FILES_MAX))
    }

    /// Writes a file over one of the same name. A program that runs from the old one keeps it.
    pub(crate) fn write(
        &self,
        name: &FileName,
        content: &[u8],
        durability: Durability,
    ) -> io::Result<()> {
        // Executable, so that an uploaded script or binary can be a program.
        let incoming = UnplacedFile::write(&self.incoming, content, Access::OwnerRuns, durability)?;
        self.create()?;
        incoming.place(&self.path(name))
    }

    /// A file's content; `None` when there is no such file.
    pub(crate) fn read(&self, name: &FileName, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
            .open(self.path(name));
        let file: File = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let mut content = Vec::new();
        file.take(bytes_max.saturating_add(1))
            .read_to_end(&mut content)?;
        if content.len() as u64 > bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(Some(content))
    }

    /// Deletes a file; false when there is no such file.
    pub(crate) fn delete(&self, name: &FileName) -> io::Result<bool> {
        match fs::remove_file(self.path(name)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn path(&self, name: &FileName) -> PathBuf {
        // A FileName is one path component that is neither `.` nor `..`.
        self.directory.join(name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> (tempfile::TempDir, VesselFiles) {
        let folder = tempfile::tempdir().unwrap();
        let files = VesselFiles::new(folder.path());
        files.create().unwrap();
        (folder, files)
    }

    fn name(text: &str) -> FileName {
        text.parse().unwrap()
    }

    fn write(files: &VesselFiles, file: &str, content: &[u8]) {
        files
            .write(&name(file), content, Durability::PowerLoss)
            .unwrap();
    }

    #[test]
    fn files_are_written_whole_listed_in_order_read_and_deleted() {
        let (_folder, files) = files();
        write(&files, "b", b"old");
        write(&files, "b", b"new\n\0\xff");
        write(&files, "a", b"");
        assert_eq!(files.list().unwrap(), [b"a".to_vec(), b"b".to_vec()]);
        assert_eq!(
            files.read(&name("b"), 100).unwrap(),
            Some(b"new\n\0\xff".to_vec())
        );
        assert_eq!(files.read(&name("c"), 100).unwrap(), None);
        assert!(files.delete(&name("b")).unwrap());
        assert!(!files.delete(&name("b")).unwrap());
        files.clear().unwrap();
        assert!(files.list().unwrap().is_empty());
    }

    #[test]
    fn disk_use_counts_sizes_and_4096_for_each_file() {
        let (_folder, files) = files();
        assert_eq!(files.disk_use().unwrap(), 0);
        write(&files, "a", &[0; 1000]);
        write(&files, "b", b"");
        assert_eq!(files.disk_use().unwrap(), 1000 + 2 * 4096);
    }

    #[test]
    fn no_link_is_followed_and_no_pipe_waited_for() {
        let (folder, files) = files();
        fs::write(folder.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink("../secret", files.directory().join("link")).unwrap();
        assert!(files.read(&name("link"), 100).is_err());
        let pipe = files.directory().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        assert!(files.read(&name("pipe"), 100).is_err());
        write(&files, "link", b"mine");
        assert_eq!(
            fs::read(folder.path().join("secret")).unwrap(),
            b"secret",
            "an upload replaces the link and not what it leads to"
        );
    }

    #[test]
    fn a_file_larger_than_an_answer_is_refused_and_not_cut() {
        let (_folder, files) = files();
        write(&files, "a", &[7; 11]);
        assert!(files.read(&name("a"), 10).is_err());
        assert_eq!(files.read(&name("a"), 11).unwrap().unwrap().len(), 11);
    }
}
