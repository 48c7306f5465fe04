//! The status file: an empty file `PREFIX-STATE-TIME` that tells others how the program is.
//!
//! It is made anew each second while the program runs, so that its time tells a live program from one that is gone. The
//! new one is there before the old one goes; of two with the same name there is one.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The word while the program runs.
pub(super) const STARTED: &str = "Started";

/// What may be in place of STATE in names that are ours.
const STATES: [&str; 4] = [STARTED, "Terminated", "Stopped", "ThreadErr"];

/// Keeps the status file of one program.
#[derive(Debug)]
pub(super) struct StatusFile {
    folder: PathBuf,
    /// The last part of the prefix.
    name: OsString,
    current: Option<PathBuf>,
}

impl StatusFile {
    /// Takes over a prefix: what others left there is removed.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub(super) fn open(prefix: &Path) -> io::Result<StatusFile> {
        let (Some(folder), Some(name)) = (prefix.parent(), prefix.file_name()) else {
            return Err(io::Error::other("the prefix of the status has no name"));
        };
        let folder = if folder.as_os_str().is_empty() {
            PathBuf::from(".")
        } else {
            folder.to_owned()
        };
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            if is_status_of(name, &entry.file_name()) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(StatusFile {
            folder,
            name: name.to_owned(),
            current: None,
        })
    }

    /// The folder the status is in.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Shows a state; `now` is in seconds since 1970.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub(super) fn show(&mut self, state: &str, now: f64) -> io::Result<()> {
        let mut name = self.name.clone();
        name.push(format!("-{state}-{now:.2}"));
        let path = self.folder.join(name);
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o644)
            .open(&path)?;
        let before = self.current.replace(path.clone());
        match before {
            Some(before) if before != path => std::fs::remove_file(before),
            _ => Ok(()),
        }
    }
}

/// Whether a file name is a status with this prefix.
fn is_status_of(prefix: &OsStr, name: &OsStr) -> bool {
    let Some(rest) = name.as_bytes().strip_prefix(prefix.as_bytes()) else {
        return false;
    };
    STATES.iter().any(|state| {
        rest.strip_prefix(b"-")
            .and_then(|rest| rest.strip_prefix(state.as_bytes()))
            .and_then(|rest| rest.strip_prefix(b"-"))
            .is_some_and(|time| {
                !time.is_empty() && time.iter().all(|b| b.is_ascii_digit() || *b == b'.')
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn there_is_one_status_at_a_time_and_it_tells_state_and_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut status = StatusFile::open(&folder.path().join("v1")).unwrap();
        status.show(STARTED, 1_226_353_212.5).unwrap();
        assert_eq!(names(folder.path()), ["v1-Started-1226353212.50"]);
        status.show(STARTED, 1_226_353_213.5).unwrap();
        assert_eq!(names(folder.path()), ["v1-Started-1226353213.50"]);
        status.show("Terminated", 1_226_353_213.5).unwrap();
        assert_eq!(names(folder.path()), ["v1-Terminated-1226353213.50"]);
    }

    #[test]
    fn two_statuses_in_the_same_instant_leave_one_and_not_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut status = StatusFile::open(&folder.path().join("v1")).unwrap();
        status.show("Terminated", 5.001).unwrap();
        status.show("Terminated", 5.002).unwrap();
        assert_eq!(names(folder.path()), ["v1-Terminated-5.00"]);
    }

    #[test]
    fn what_an_earlier_program_left_under_the_same_prefix_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let others = ["v1-notes", "v12-Started-1.00", "v1-Started-", "v1.old"];
        for name in others.iter().chain(&["v1-Stopped-1.00", "v1-Started-7.12"]) {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        StatusFile::open(&folder.path().join("v1")).unwrap();
        let mut left = names(folder.path());
        left.sort();
        let mut expected = others.map(str::to_owned);
        expected.sort();
        assert_eq!(left, expected);
    }
}
