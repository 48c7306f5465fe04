//! What a failure is called, who can do something about it, and whether asking again helps: one vocabulary for all
//! crates, the command line, the events and whatever else carries failures outwards.
//!
//! An error type says its [`Code`] through [`Classified`]; everything else follows from the code, by the one table in
//! `code`. What an exit code or a flag is, is left to the command line.

mod class;
mod code;

use std::error::Error;
use std::fmt;
use std::io;

pub use class::{Blame, RetryClass};
pub use code::Code;

/// An error that says in fixed words what it is.
///
/// An error that only adds to another where it happened has the code of that other one.
pub trait Classified: Error {
    /// What it is called, for ever.
    fn code(&self) -> Code;

    /// Who can do something about it.
    fn blame(&self) -> Blame {
        self.code().blame()
    }

    /// Whether asking again can help.
    fn retry(&self) -> RetryClass {
        self.code().retry()
    }

    /// What to do about it.
    fn hint(&self) -> &'static str {
        self.code().hint()
    }
}

/// An error of the innermost kind that others are told with: what a library keeps under layers of its own.
///
/// It keeps the whole error, and shows and gives as source the one at its bottom; the layers above say nothing that an
/// operator could use.
pub struct InnermostCause(Box<dyn Error + Send + Sync + 'static>);

impl InnermostCause {
    /// Keeps an error for what is at its bottom.
    pub fn of(error: impl Into<Box<dyn Error + Send + Sync + 'static>>) -> Self {
        Self(error.into())
    }
}

impl std::ops::Deref for InnermostCause {
    type Target = dyn Error + 'static;

    fn deref(&self) -> &Self::Target {
        let mut innermost: &(dyn Error + 'static) = &*self.0;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        innermost
    }
}

impl fmt::Debug for InnermostCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for InnermostCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

/// An error and its causes in one line: `outer: cause: cause`.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// How the systems that we know say that this process (EMFILE) or this machine (ENFILE) has as many files and sockets
/// open as it may. Neither has a kind of its own in [`io::ErrorKind`].
const OPEN_FILES_EXHAUSTED: [i32; 2] = [24, 23];

/// Whether an error comes from the limit of open files, whatever could not be opened or connected for it.
#[must_use]
pub fn is_out_of_files(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            let code = io.raw_os_error();
            if cfg!(unix) && code.is_some_and(|code| OPEN_FILES_EXHAUSTED.contains(&code)) {
                return true;
            }
            // An I/O error's source() skips the error that it wraps, so that one is looked at by hand.
            if let Some(inner) = io.get_ref()
                && is_out_of_files(inner)
            {
                return true;
            }
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use thiserror::Error;

    #[derive(Debug, Error)]
    #[error("the file cannot be used")]
    struct Outer(#[source] io::Error);

    #[derive(Debug, Error)]
    #[error("no connection")]
    struct Told(#[source] InnermostCause);

    #[test]
    #[cfg(unix)]
    fn the_limit_of_open_files_is_found_at_every_depth_and_nothing_else_is_taken_for_it() {
        let full = || io::Error::from_raw_os_error(24);
        assert!(is_out_of_files(&full()));
        assert!(is_out_of_files(&Outer(full())));
        assert!(is_out_of_files(&io::Error::other(Outer(full()))));
        assert!(is_out_of_files(&Outer(io::Error::from_raw_os_error(23))));
        assert!(!is_out_of_files(&Outer(io::Error::from_raw_os_error(2))));
        // The words alone mean nothing: a node or a path may have them.
        let words = io::Error::other("Too many open files (os error 24)");
        assert!(!is_out_of_files(&Outer(words)));
    }

    #[test]
    #[cfg(unix)]
    fn the_innermost_cause_is_shown_and_can_still_be_told_by_its_type() {
        let library = Outer(io::Error::from_raw_os_error(24));
        let told = Told(InnermostCause::of(library));
        let source = told.source().unwrap();
        assert!(source.to_string().contains("os error 24"), "{source}");
        assert!(source.downcast_ref::<io::Error>().is_some());
        assert!(is_out_of_files(&told));
        assert!(format!("{told:?}").contains("Outer"), "{told:?}");
    }

    #[test]
    fn causes_follow_the_error_once_each() {
        let error = Outer(io::Error::other("the disk is full"));
        assert_eq!(
            with_causes(&error),
            "the file cannot be used: the disk is full"
        );
    }
}
