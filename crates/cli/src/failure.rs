//! A command that did not do what was asked: exit code, what failed and why, and what to do next.
//!
//! Which exit code and which advice a failure gets is decided in [`crate::code_table`].

use std::error::Error;
use std::fmt::Write as _;

use overlord::types::UserName;
use overlord::types::failure::is_out_of_files;
use overlord::{Blame, Classified, Code, RetryClass};
use serde::Serialize;

use crate::code_table;
use crate::exit_meaning::ExitMeaning;

/// Longest chain of causes that is printed: ours are a handful; a longer one goes in circles.
const CAUSES_MAX: usize = 16;

/// Why a command ended without success.
#[derive(Debug)]
pub struct Failure {
    /// What it is called; what the process ends with follows from it.
    pub code: Code,
    /// What failed; its sources are printed too.
    pub error: Box<dyn Error + Send + Sync>,
    /// What the operator can do about it.
    pub advice: String,
}

impl Failure {
    /// A failure of that code, with the advice that the code has.
    pub(crate) fn new(code: Code, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            code,
            error: error.into(),
            advice: code_table::advice(code),
        }
    }

    /// The same with what it comes from.
    pub(crate) fn because(
        code: Code,
        message: String,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        let source = source.into();
        Self::new(code, Because { message, source })
    }

    /// A mistake on the command line.
    pub(crate) fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Code::Usage, error)
    }

    /// What the process ends with.
    #[must_use]
    pub fn meaning(&self) -> ExitMeaning {
        code_table::row(self.code).0
    }

    /// Says what to do next in better words than the code's own.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }

    /// Blames the limit of open files where that is the cause, whatever could not be opened for it.
    #[must_use]
    pub(crate) fn blaming_the_limit_of_open_files(self) -> Self {
        if is_out_of_files(&*self.error) {
            Self::new(Code::OpenFilesExhausted, self.error)
        } else {
            self
        }
    }

    /// Says in whose name a refusal was met; other failures are left as they are.
    #[must_use]
    pub fn in_the_name_of(self, user: &UserName) -> Self {
        if self.meaning() != ExitMeaning::NotPermitted {
            return self;
        }
        let refused = Refused {
            user: user.clone(),
            source: self.error,
        };
        Self {
            error: Box::new(refused),
            ..self
        }
    }

    /// The error and its causes, outermost first. A cause that the line before already says is left out.
    #[must_use]
    pub fn chain(&self) -> Vec<String> {
        chain(&*self.error)
    }

    /// The whole message for a person.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        for (depth, line) in self.chain().iter().enumerate() {
            let label = if depth == 0 { "error: " } else { "  because: " };
            let _ = writeln!(text, "{label}{line}");
        }
        let _ = writeln!(text, "what to do: {}", self.advice);
        text
    }

    /// The message for a program.
    #[must_use]
    pub fn record(&self) -> FailureRecord {
        let mut causes = self.chain().into_iter();
        FailureRecord {
            event: "error",
            exit_code: self.meaning().code(),
            code: self.code,
            blame: self.code.blame(),
            retry: self.code.retry(),
            error: causes.next().unwrap_or_default(),
            causes: causes.collect(),
            advice: self.advice.clone(),
        }
    }
}

impl<E: Classified + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.code(), error)
    }
}

/// What could not be done, and what it comes from.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Because {
    message: String,
    source: Box<dyn Error + Send + Sync>,
}

/// A refusal and whom it met.
#[derive(Debug, thiserror::Error)]
#[error("the clearinghouse does not let us act for {user}")]
struct Refused {
    user: UserName,
    source: Box<dyn Error + Send + Sync>,
}

/// An error and its causes as texts, outermost first.
#[must_use]
pub(crate) fn chain(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next.filter(|_| lines.len() < CAUSES_MAX) {
        let line = error.to_string();
        if lines.last().is_none_or(|last| !last.contains(&line)) {
            lines.push(line);
        }
        next = error.source();
    }
    lines
}

/// A failure as a line of JSON.
#[derive(Debug, Serialize)]
pub struct FailureRecord {
    event: &'static str,
    exit_code: u8,
    code: Code,
    blame: Blame,
    retry: RetryClass,
    error: String,
    causes: Vec<String>,
    advice: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use thiserror::Error;

    #[test]
    fn a_file_that_cannot_be_opened_since_too_many_are_open_is_not_to_blame() {
        let limit = std::io::Error::from_raw_os_error(24);
        let message = "cannot read the file".to_owned();
        let failure =
            Failure::because(Code::FileMalformed, message, limit).advise("repair the file");
        let failure = failure.blaming_the_limit_of_open_files();
        assert_eq!(failure.meaning(), ExitMeaning::Machine);
        assert_eq!(failure.code, Code::OpenFilesExhausted);
        let text = failure.render();
        assert!(
            text.contains("ulimit -n") && !text.contains("repair"),
            "{text}"
        );
        let other = Failure::new(Code::FileMalformed, std::io::Error::from_raw_os_error(2));
        let other = other.blaming_the_limit_of_open_files();
        assert_eq!(other.meaning(), ExitMeaning::Data);
    }

    #[derive(Debug, Error)]
    #[error("the outer thing failed")]
    struct Outer(#[source] Inner);

    #[derive(Debug, Error)]
    #[error("the inner thing is broken")]
    struct Inner;

    #[test]
    fn a_failure_says_what_why_and_what_to_do() {
        let failure = Failure::new(Code::FileMalformed, Outer(Inner)).advise("repair it");
        assert_eq!(
            failure.render(),
            "error: the outer thing failed\n  because: the inner thing is broken\nwhat to do: repair it\n"
        );
        let record = serde_json::to_value(failure.record()).unwrap();
        assert_eq!(record["exit_code"], 65);
        assert_eq!(record["causes"][0], "the inner thing is broken");
        assert_eq!(record["advice"], "repair it");
        assert_eq!(record["code"], "file_malformed");
        assert_eq!(record["blame"], "operator");
        assert_eq!(record["retry"], "after_change");
    }

    #[test]
    fn what_kept_a_testbed_from_answering_decides_the_exit_code() {
        use overlord_testbed::daemon::{AskError, ExchangeError};
        let meaning = |source| {
            let directory = "bed".into();
            Failure::from(AskError::NoReply { directory, source }).meaning()
        };
        let forbidden = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        assert_eq!(meaning(forbidden.into()), ExitMeaning::NotPermitted);
        let absent = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert_eq!(meaning(absent.into()), ExitMeaning::Unavailable);
        assert_eq!(meaning(ExchangeError::Cut), ExitMeaning::Unavailable);
        assert_eq!(meaning(ExchangeError::TooLong(1)), ExitMeaning::Protocol);
        let refused = Failure::from(AskError::Refused("no such node".to_owned()));
        assert_eq!(refused.meaning(), ExitMeaning::Usage);
        assert!(refused.render().starts_with("error: no such node\n"));
    }
}
