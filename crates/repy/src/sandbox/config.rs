//! What a sandbox is given.

use std::io::Write;
use std::path::PathBuf;

use overlord_resources::Resources;

use crate::network::AddressRules;
use crate::wall::{WallPolicy, WallReport};

/// Called when a program is about to run.
pub type Started = Box<dyn FnOnce(&WallReport)>;

/// Where goes what is told about a program besides its own output.
pub enum Reports {
    /// Into the log, in order, as in a vessel.
    InLog,
    /// The program's own faults (uncaught exceptions, unsafe code) to this stream, as in the original; what the sandbox
    /// did with it into the log.
    FaultsTo(Box<dyn Write>),
    /// All of it to this stream.
    AllTo(Box<dyn Write>),
}

/// What a sandbox is given.
pub struct SandboxConfig {
    /// The program's file; relative to `directory` unless it is absolute.
    pub program: PathBuf,
    /// Its bytes, if they have been read already; they are read from the file otherwise.
    pub source: Option<Vec<u8>>,
    /// `callargs`.
    pub arguments: Vec<String>,
    /// Where the program's files are.
    pub directory: PathBuf,
    /// What the program may use; None: as much as it likes.
    pub resources: Option<Resources>,
    /// The seed of the turns that threads take; None: another one each time.
    pub schedule: Option<u64>,
    /// Which addresses the program may use as its own.
    pub addresses: AddressRules,
    /// Where the program's log goes.
    pub log: Box<dyn Write>,
    /// Where goes what is told about the program.
    pub reports: Reports,
    /// The prefix of the status file, if there is to be one.
    pub status: Option<PathBuf>,
    /// The stop file, if one is to be looked for: its appearance stops the program. It must not be there yet.
    pub stop: Option<PathBuf>,
    /// The second wall, raised before the program is read. Where a part of it is missing the program runs all the same.
    pub wall: WallPolicy,
    /// Whether the log begins with what stands of the wall. If a part of it is missing, the log says so in any case.
    pub log_wall: bool,
    /// Whether the log has program and arguments before anything of the program's own.
    pub show_execution: bool,
    /// Called when the program is loaded and about to run, with what stands of the wall.
    pub started: Started,
}
