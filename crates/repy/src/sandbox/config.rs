//! What a sandbox is given.

use std::io::Write;
use std::path::PathBuf;

use overlord_resources::Resources;

use crate::network::AddressRules;

/// What a sandbox is given.
pub struct SandboxConfig {
    /// The program's file; relative to `directory` unless it is absolute.
    pub program: PathBuf,
    /// `callargs`.
    pub arguments: Vec<String>,
    /// Where the program's files are.
    pub directory: PathBuf,
    /// What the program may use; None: as much as it likes.
    pub resources: Option<Resources>,
    /// Which addresses of the machine it may use.
    pub addresses: AddressRules,
    /// Where the program's log goes.
    pub log: Box<dyn Write>,
    /// Where reports of errors go; None: to the log.
    pub errors: Option<Box<dyn Write>>,
    /// Called when the program is loaded and about to run.
    pub started: Box<dyn FnOnce()>,
}
