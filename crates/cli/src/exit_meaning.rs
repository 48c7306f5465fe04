//! What the exit codes mean: one table for the program, its help, its documentation and its tests.
//!
//! The numbers are those of BSD's `sysexits.h` where it has one that fits, so that no code can be taken
//! for a shell's or a signal's.

use std::fmt::Write as _;

/// How a command ended. One code per blame, so that a script can tell what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExitMeaning {
    /// Done, or ended as asked.
    Done,
    /// The command line or a variable is wrong.
    Usage,
    /// Keys that are malformed or do not belong together, or a program that cannot be sent as it is.
    Data,
    /// A file that must be there is missing or unreadable.
    NoInput,
    /// The clearinghouse, or the testbed that was asked, cannot be reached or does not answer.
    Unavailable,
    /// A bug of ours.
    Internal,
    /// This machine refused: addresses, sockets, processes.
    Machine,
    /// A file cannot be made or written.
    CannotCreate,
    /// Output was cut off by something other than a closed pipe.
    Output,
    /// Not enough vessels or credit.
    NotEnough,
    /// TLS was refused, or an answer made no sense.
    Protocol,
    /// The clearinghouse or a node does not know this user or key, or does not permit the call; or another may do what this
    /// user or run may not.
    NotPermitted,
    /// The configuration file is wrong.
    Configuration,
    /// Some vessels or nodes did what was asked, others did not.
    Partial,
    /// Ended by Ctrl-C.
    Interrupted,
}

impl ExitMeaning {
    /// Every meaning, in the order of the codes.
    pub const ALL: [Self; 15] = [
        Self::Done,
        Self::Usage,
        Self::Data,
        Self::NoInput,
        Self::Unavailable,
        Self::Internal,
        Self::Machine,
        Self::CannotCreate,
        Self::Output,
        Self::NotEnough,
        Self::Protocol,
        Self::NotPermitted,
        Self::Configuration,
        Self::Partial,
        Self::Interrupted,
    ];

    /// The number that the process ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Usage => 64,
            Self::Data => 65,
            Self::NoInput => 66,
            Self::Unavailable => 69,
            Self::Internal => 70,
            Self::Machine => 71,
            Self::CannotCreate => 73,
            Self::Output => 74,
            Self::NotEnough => 75,
            Self::Protocol => 76,
            Self::NotPermitted => 77,
            Self::Configuration => 78,
            Self::Partial => 79,
            Self::Interrupted => 130,
        }
    }

    /// What the number says, and to whom it is addressed.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Done => {
                "done; for `run`: ended by the stop file, SIGTERM, a terminal that went away, or --run-for"
            }
            Self::Usage => {
                "the command line or an OVERLORD_ variable is wrong (unknown flag, count 0, bad type, bad URL, an argument that nodes refuse, a stop file that is still there)"
            }
            Self::Data => {
                "a key file is malformed, two key files do not belong together, the program is not Repy, or its name is one that nodes refuse"
            }
            Self::NoInput => {
                "a file that must be there is missing, unreadable or no ordinary file (program, keys, CA file, configuration)"
            }
            Self::Unavailable => {
                "the clearinghouse cannot be reached or does not answer; also: no testbed runs in this directory"
            }
            Self::Internal => "a bug of overlord; please report it",
            Self::Machine => "this machine refused something (address, socket, process, open file)",
            Self::CannotCreate => {
                "a file cannot be made or written (log file, keys that exist already, testbed directory)"
            }
            Self::Output => "the output cannot be written (a closed pipe is no error)",
            Self::NotEnough => {
                "not enough credit, or the clearinghouse has not as many vessels to give"
            }
            Self::Protocol => {
                "TLS was refused, or the clearinghouse or a node answered what makes no sense"
            }
            Self::NotPermitted => {
                "the clearinghouse or a node does not know this user or key, or does not permit this; also: the testbed is another user's, or a later run of the deployment has begun"
            }
            Self::Configuration => "the configuration file has a mistake",
            Self::Partial => {
                "some vessels or nodes did what was asked and others did not; for `run`: no copy ever ran"
            }
            Self::Interrupted => "ended by Ctrl-C",
        }
    }

    /// The table as text, one code a line.
    #[must_use]
    pub fn table() -> String {
        let mut table = String::from("Exit codes:\n");
        for meaning in Self::ALL {
            // Writing to a String cannot fail.
            let _ = writeln!(table, "  {:>3}  {}", meaning.code(), meaning.description());
        }
        table
    }
}

impl From<ExitMeaning> for std::process::ExitCode {
    fn from(meaning: ExitMeaning) -> Self {
        Self::from(meaning.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_there_once_and_in_order() {
        let codes: Vec<_> = ExitMeaning::ALL.iter().map(|m| m.code()).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
    }

    #[test]
    fn the_page_about_exit_codes_says_what_the_program_does() {
        let page = include_str!("../../../docs/exit-codes.md");
        for meaning in ExitMeaning::ALL {
            let row = format!("| {} | {} |", meaning.code(), meaning.description());
            assert!(
                page.contains(&row),
                "docs/exit-codes.md lacks the row:\n{row}"
            );
        }
        let rows = page.lines().filter(|line| line.starts_with("| ")).count();
        assert_eq!(
            rows,
            ExitMeaning::ALL.len() + 1,
            "one row per code and the heading"
        );
    }
}
