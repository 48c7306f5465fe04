//! The stop file: its appearance stops the program. Its content is `CODE;MESSAGE`, both optional.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{Ending, exit_code};

/// As much of a stop file as is read: a code and a line or two.
const STOP_FILE_BYTES: u64 = 4096;

/// Looks for the stop file.
#[derive(Debug)]
pub(super) struct StopFile {
    path: PathBuf,
    /// It was there at the last look, but empty: its content may not have been written yet.
    seen_empty: bool,
}

impl StopFile {
    /// Will look for a file that must not be there yet.
    ///
    /// # Errors
    /// If it is there already.
    pub(super) fn new(path: &Path) -> io::Result<StopFile> {
        if path.symlink_metadata().is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "it is there already",
            ));
        }
        Ok(StopFile {
            path: path.to_owned(),
            seen_empty: false,
        })
    }

    /// How the program must end, if it must.
    pub(super) fn look(&mut self) -> Option<Ending> {
        self.path.symlink_metadata().ok()?;
        let mut text = Vec::new();
        let read = std::fs::File::open(&self.path)
            .and_then(|file| file.take(STOP_FILE_BYTES).read_to_end(&mut text));
        // Behind the second wall the file may be seen but not read; that it is there says enough.
        if read.is_ok() && text.is_empty() && !std::mem::replace(&mut self.seen_empty, true) {
            return None;
        }
        Some(parse(&String::from_utf8_lossy(&text)))
    }
}

/// What a stop file says. 56 is refused, as in the original, since it would read as a lack of threads; so is 0, which
/// would read as a good end.
fn parse(text: &str) -> Ending {
    let text = text.trim();
    let (code, message) = text.split_once(';').unwrap_or((text, ""));
    let code = match code.trim().parse::<u8>() {
        Ok(0 | exit_code::NO_THREAD) | Err(_) => exit_code::STOPPED,
        Ok(code) => code,
    };
    Ending::Stopped {
        code,
        message: message.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopped(code: u8, message: &str) -> Ending {
        Ending::Stopped {
            code,
            message: message.to_owned(),
        }
    }

    #[test]
    fn a_stop_file_names_code_and_message() {
        for (text, expected) in [
            ("", stopped(44, "")),
            ("44", stopped(44, "")),
            ("17;enough of this\n", stopped(17, "enough of this")),
            ("17;a;b", stopped(17, "a;b")),
            ("56;pretend", stopped(44, "pretend")),
            ("0;fine", stopped(44, "fine")),
            ("300;too large", stopped(44, "too large")),
            ("nonsense", stopped(44, "")),
        ] {
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_file_that_is_there_before_the_program_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stop");
        assert!(StopFile::new(&path).is_ok());
        std::fs::write(&path, "").unwrap();
        assert!(StopFile::new(&path).is_err());
    }

    #[test]
    fn a_file_that_is_being_written_is_given_until_the_next_look() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stop");
        let mut stop = StopFile::new(&path).unwrap();
        assert_eq!(stop.look(), None);
        std::fs::write(&path, "").unwrap();
        assert_eq!(stop.look(), None);
        std::fs::write(&path, "45;go").unwrap();
        assert_eq!(stop.look(), Some(stopped(45, "go")));
        std::fs::write(&path, "").unwrap();
        assert_eq!(stop.look(), Some(stopped(44, "")));
    }
}
