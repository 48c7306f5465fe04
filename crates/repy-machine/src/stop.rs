//! Why a machine stops, what a thread waits for, and why work is denied: the words that all floors above share.
//!
//! Nothing here knows an object. What is denied becomes an exception of the program, or a stop, where objects are known.

use std::any::Any;

use overlord_bug::Bug;

/// Why the machine stopped for good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The program called `exitall` or its like.
    #[error("the program ended itself")]
    Exit(i32),
    /// The program holds, or asked for, more memory than it may.
    #[error("the program needs more memory than its limit of {limit} bytes")]
    Memory {
        /// The limit.
        limit: usize,
    },
    /// The program's files need more room than they may.
    #[error("the program's files need more room than their limit of {limit} bytes")]
    Disk {
        /// The limit.
        limit: u64,
    },
    /// The system gave no thread for work that needs one.
    #[error("no thread for work in the background: {0}")]
    NoThread(String),
    /// The stop flag was set.
    #[error("the program was stopped")]
    Interrupted,
    /// A mistake of the machine's own.
    #[error(transparent)]
    Bug(Bug),
}

/// What a blocked thread waits for; only the host that made it knows.
pub struct Wait(pub Box<dyn Any>);

/// Work that is not done: the machine must stop, or the program asks for what it cannot have. One pointer, since what
/// may be denied is done all the time.
#[derive(Debug)]
pub struct Denied(Box<Reason>);

/// Why it is not done.
#[derive(Debug)]
pub(crate) enum Reason {
    /// The machine must stop.
    Stop(Stop),
    /// No limit would leave room for that: MemoryError.
    Memory,
    /// Native code is nested too deeply: RuntimeError, whose text ends with what was being done.
    Depth(String),
}

impl Denied {
    #[cold]
    pub(crate) fn new(reason: Reason) -> Denied {
        Denied(Box::new(reason))
    }

    pub(crate) fn reason(self) -> Reason {
        *self.0
    }
}

impl From<Stop> for Denied {
    fn from(stop: Stop) -> Denied {
        Denied::new(Reason::Stop(stop))
    }
}
