//! The process that stands between the node and a vessel's program: how it is asked for, and its entry.
//!
//! The node starts its own executable again (or one that the embedding program names) with
//! [`LAUNCH_VARIABLE`] set. That process supervises one run of one vessel:
//!
//! ```text
//! node ──spawn──► supervisor (own session, adopts orphans)   keeps the log ring, writes how the run ended
//!                     └──spawn──► executor (own group) ──exec──► program ──► its children …
//! ```
//!
//! Supervisor and executor are the same executable in two stages. The executor only sets the limits and
//! executes the program, so that the limits bind the program and not the supervisor.
//! The supervisor needs no node to go on: a vessel, its log and the way it ended survive a restart of
//! the node. When the program ends, or the supervisor is told to, everything the program started is
//! killed, however deep and whatever session it fled to: the supervisor is the *child subreaper* of them all.

mod executor;
mod spec;
mod supervisor;

use std::ffi::OsString;
use std::path::PathBuf;

pub(crate) use spec::{ExitReport, LaunchSpec, RunFolder, SupervisorReport};
pub(crate) use supervisor::ReportLine;

/// The environment variable that makes a process a vessel's supervisor or executor. It holds
/// `supervise:FOLDER` or `execute:FOLDER`, where the folder has the launch spec in `spec.json`.
pub const LAUNCH_VARIABLE: &str = "OVERLORD_VESSEL_LAUNCH";

/// Ties an executor to its supervisor: the environment variable that names the latter's process number.
struct SupervisorTie;

impl SupervisorTie {
    const VARIABLE: &'static str = "OVERLORD_VESSEL_SUPERVISOR";
}

/// Exit code of a supervisor or executor that cannot do its work (`EX_SOFTWARE` of sysexits).
const EXIT_BROKEN: i32 = 70;

/// How a vessel's supervisor is started: an executable that calls [`enter_if_asked`] first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LauncherCommand {
    /// The executable; `None` for the one that runs now.
    pub program: Option<PathBuf>,
    /// Its arguments. In a test built by libtest: `["vessel_process_entry", "--exact", "--nocapture"]`,
    /// with a test of that name that calls [`enter_if_asked`].
    pub arguments: Vec<OsString>,
}

impl LauncherCommand {
    /// The executable that runs now, with `arguments`.
    #[must_use]
    pub fn current_executable_with<I>(arguments: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        Self {
            program: None,
            arguments: arguments.into_iter().map(Into::into).collect(),
        }
    }
}

/// Becomes a vessel's supervisor and never returns, when this process was started to be one; returns
/// at once otherwise.
///
/// To be called first thing in `main` of every program that embeds a node.
#[expect(
    clippy::exit,
    reason = "a supervisor is a process of its own; nothing of the embedding program runs in it"
)]
pub fn enter_if_asked() {
    let Some(asked) = std::env::var_os(LAUNCH_VARIABLE) else {
        return;
    };
    let code = match asked.to_str().and_then(|text| text.split_once(':')) {
        Some(("supervise", folder)) => supervisor::run(RunFolder::new(folder.into())),
        Some(("execute", folder)) => executor::run(&RunFolder::new(folder.into())),
        _ => EXIT_BROKEN,
    };
    std::process::exit(code)
}
