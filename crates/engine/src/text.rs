//! Errors and logs as text for the operator.

pub use overlord_types::failure::with_causes;

/// Most characters of a program's log that are shown with a failure: a screenful.
const LOG_TAIL_MAX: usize = 1600;

/// What stands in the header that the sandbox of a Repy program, the original's too, writes at each start …
const HEADER: &str = "\nRunning program: ";
/// … and how many lines end it after that: the arguments, and a rule.
const HEADER_LINES_AFTER: usize = 2;

/// The end of a program's log as text, from a line's beginning if it has any: of a Repy program what its last start wrote.
#[must_use]
pub(crate) fn log_tail(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    let text = of_last_start(&text).trim_end();
    let Some(cut) = text.len().checked_sub(LOG_TAIL_MAX) else {
        return text.to_owned();
    };
    let tail = text
        .char_indices()
        .find(|(at, _)| *at >= cut)
        .map_or("", |(at, _)| &text[at..]);
    let from_line = tail.split_once('\n').map_or(tail, |(_, rest)| rest);
    from_line.to_owned()
}

/// What follows the last header of a log; all of a log that has none.
fn of_last_start(text: &str) -> &str {
    let Some(at) = text.rfind(HEADER) else {
        return text;
    };
    let mut rest = &text[at + 1..];
    for _ in 0..=HEADER_LINES_AFTER {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{InitialiseError, NodeError};

    #[test]
    fn causes_follow_the_error_once_each() {
        let cause: crate::Cause = "connection refused".into();
        let error = InitialiseError::Upload(NodeError::Unreachable(cause));
        assert_eq!(
            with_causes(&error),
            "the program could not be uploaded: the node cannot be reached: connection refused"
        );
    }

    #[test]
    fn of_a_repy_program_only_what_the_last_start_wrote_is_shown() {
        let rule = "========================================";
        let start = |said: &str| {
            format!("{rule}\nRunning program: a.r2py\nArguments: [63100]\n{rule}\n{said}")
        };
        let log = format!("{}{}", start("first\n"), start("second\nlast\n"));
        assert_eq!(log_tail(log.as_bytes()), "second\nlast");
        assert_eq!(log_tail(start("").as_bytes()), "");
        let cut = format!("{rule}\nRunning program: a.r2py\nArg");
        assert_eq!(log_tail(cut.as_bytes()), "");
    }

    #[test]
    fn a_long_log_is_cut_at_a_line_and_a_short_one_is_not() {
        assert_eq!(log_tail(b"one\ntwo\n"), "one\ntwo");
        let long = format!("{}\nlast line\n", "ä".repeat(2000));
        assert_eq!(log_tail(long.as_bytes()), "last line");
        let one_line = "ä".repeat(2000);
        assert_eq!(
            log_tail(one_line.as_bytes()).chars().count(),
            LOG_TAIL_MAX / 2
        );
    }
}
