//! How a program ended: exit code, status and what is said about it.

use overlord_bug::Bug;
use overlord_repy_machine::Stop;

/// How a program ended. Codes and statuses are those the original uses inside; it then loses the code on Linux by
/// ending itself with a signal, so that a shell always sees 143. Here the shell sees the code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// All threads have ended.
    Finished,
    /// The program called `exitall`.
    Exited,
    /// SystemExit was raised.
    SystemExit,
    /// An exception that nobody caught, in the main thread.
    Uncaught,
    /// An exception that nobody caught, in another thread.
    UncaughtInThread,
    /// The program is not Repy, or cannot be compiled.
    Refused {
        /// Whether it is not even Python.
        syntax: bool,
    },
    /// The program, or something else that is needed to start it, cannot be read.
    Unreadable(String),
    /// Stopped from outside.
    Stopped {
        /// The exit code that was asked for.
        code: u8,
        /// What the stop file says.
        message: String,
    },
    /// More memory was needed than the limit.
    OverMemory {
        /// The limit in bytes.
        limit: u64,
    },
    /// The files take more room than the limit.
    OverDisk {
        /// The limit in bytes.
        limit: u64,
    },
    /// The system gave no thread for work that needs one.
    NoThread(String),
    /// A fault of the sandbox or the system under it.
    Internal(String),
    /// A mistake of the machine or the sandbox.
    Bug(Bug),
}

/// The exit codes in which dialects differ; the others are those of [`exit_code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitCodes {
    /// The program called `exitall`.
    pub exited: u8,
    /// An exception nobody caught, in the main thread.
    pub uncaught: u8,
    /// An exception nobody caught, in a thread that the program made.
    pub uncaught_in_thread: u8,
    /// The program is not safe, or no Python.
    pub refused: u8,
    /// The program, or what is needed to start it, cannot be read.
    pub unreadable: u8,
}

/// Exit codes that are the same in all dialects, those of the original; the others are in
/// [`super::ExitCodes`].
pub mod exit_code {
    /// The program ended by itself.
    pub const OK: u8 = 0;
    /// A fault of the sandbox.
    pub const INTERNAL: u8 = 3;
    /// SystemExit was raised.
    pub const SYSTEM_EXIT: u8 = 4;
    /// Stopped from outside.
    pub const STOPPED: u8 = 44;
    /// No more threads could be made.
    pub const NO_THREAD: u8 = 56;
    /// Killed for using more than its limit.
    pub const OVER_LIMIT: u8 = 98;
}

/// What a status says of a program that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndStatus {
    /// It ended, whether well or not.
    Terminated,
    /// It was stopped from outside.
    Stopped,
    /// It could not get a thread.
    ThreadErr,
}

impl EndStatus {
    /// The word in status files.
    pub fn as_str(self) -> &'static str {
        match self {
            EndStatus::Terminated => "Terminated",
            EndStatus::Stopped => "Stopped",
            EndStatus::ThreadErr => "ThreadErr",
        }
    }
}

impl Ending {
    /// The exit code of the process that ran a program of a dialect with these codes.
    pub fn code(&self, codes: &ExitCodes) -> u8 {
        match self {
            Ending::Finished => exit_code::OK,
            Ending::Exited => codes.exited,
            Ending::SystemExit => exit_code::SYSTEM_EXIT,
            Ending::Uncaught => codes.uncaught,
            Ending::UncaughtInThread => codes.uncaught_in_thread,
            Ending::Refused { .. } => codes.refused,
            Ending::Unreadable(_) => codes.unreadable,
            Ending::Stopped { code, .. } => *code,
            Ending::OverMemory { .. } | Ending::OverDisk { .. } => exit_code::OVER_LIMIT,
            Ending::NoThread(_) => exit_code::NO_THREAD,
            Ending::Internal(_) | Ending::Bug(_) => exit_code::INTERNAL,
        }
    }

    /// What the status says.
    pub fn status(&self) -> EndStatus {
        match self {
            Ending::Stopped { .. } => EndStatus::Stopped,
            Ending::NoThread(_) => EndStatus::ThreadErr,
            _ => EndStatus::Terminated,
        }
    }

    /// What is written to the log about it, if the program's own output does not tell already.
    pub fn explanation(&self) -> Option<String> {
        match self {
            Ending::Stopped { message, .. } if message.is_empty() => {
                Some("the program was stopped".to_owned())
            }
            Ending::Stopped { message, .. } => Some(format!("the program was stopped: {message}")),
            Ending::OverMemory { limit } => Some(format!(
                "the program was killed: it needs more than its {limit} bytes of memory"
            )),
            Ending::OverDisk { limit } => Some(format!(
                "the program was killed: its files need more than its {limit} bytes of disk"
            )),
            Ending::Unreadable(what) => Some(what.clone()),
            Ending::Internal(_) | Ending::Bug(_) | Ending::NoThread(_) => self.fault(),
            _ => None,
        }
    }

    /// What `--servicelog` tells: a fault that is not the program's, but the sandbox's or of the system under it.
    pub fn fault(&self) -> Option<String> {
        match self {
            Ending::Internal(what) => Some(format!("internal error: {what}")),
            Ending::Bug(bug) => Some(bug.to_string()),
            Ending::NoThread(what) => Some(what.clone()),
            _ => None,
        }
    }
}

impl From<Stop> for Ending {
    fn from(stop: Stop) -> Ending {
        match stop {
            Stop::Exit(_) => Ending::Exited,
            Stop::Memory { limit } => Ending::OverMemory {
                limit: limit as u64,
            },
            Stop::Disk { limit } => Ending::OverDisk { limit },
            Stop::NoThread(why) => Ending::NoThread(why),
            Stop::Bug(bug) => Ending::Bug(bug),
            Stop::Interrupted => Ending::Stopped {
                code: exit_code::STOPPED,
                message: String::new(),
            },
        }
    }
}
