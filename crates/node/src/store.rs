//! State on disk: one JSON document per file, replaced whole, and the last one but one beside it.
//!
//! A document is written under another name, flushed, and renamed into place, so a crash leaves either
//! the old or the new one. Should the disk still hand back a damaged one, the last but one is taken.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use overlord_files::{Access, Durability, UnplacedFile};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Replaces the document at `path`.
pub(crate) fn save<T: Serialize>(
    path: &Path,
    document: &T,
    durability: Durability,
) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(document).map_err(io::Error::other)?;
    let incoming =
        UnplacedFile::write(&beside(path, ".incoming"), &text, Access::Owner, durability)?;
    match fs::rename(path, beside(path, ".previous")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    incoming.place(path)
}

/// The document at `path`, or the last but one when that is missing or damaged; `None` when there is neither.
///
/// # Errors
/// The reason why the newest that is there cannot be read, when no older one can stand in.
pub(crate) fn load<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let newest = read_document(path);
    match newest {
        Ok(Some(document)) => return Ok(Some(document)),
        Ok(None) => {}
        Err(ref error) => {
            tracing::warn!(path = %path.display(), %error, "state is damaged; taking the one before");
        }
    }
    match read_document(&beside(path, ".previous")) {
        Ok(Some(document)) => Ok(Some(document)),
        Ok(None) | Err(_) => newest,
    }
}

fn read_document<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(path: &Path, number: u32) {
        save(path, &number, Durability::PowerLoss).unwrap();
    }

    #[test]
    fn what_was_saved_last_is_loaded() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        assert_eq!(load::<u32>(&path).unwrap(), None);
        saved(&path, 1);
        saved(&path, 2);
        assert_eq!(load::<u32>(&path).unwrap(), Some(2));
    }

    #[test]
    fn a_torn_or_missing_file_falls_back_to_the_one_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        saved(&path, 1);
        saved(&path, 2);
        for damage in [&b""[..], b"{\"half\":", b"\0\0\0\0"] {
            fs::write(&path, damage).unwrap();
            assert_eq!(load::<u32>(&path).unwrap(), Some(1), "{damage:?}");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(load::<u32>(&path).unwrap(), Some(1));
    }

    #[test]
    fn damage_without_a_way_back_is_an_error_and_not_a_fresh_start() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        fs::write(&path, "damaged").unwrap();
        assert!(load::<u32>(&path).is_err());
    }
}
