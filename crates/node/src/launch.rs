//! The process that the node starts for a vessel: how it is asked for, and its entry.
//!
//! The node starts its own executable again (or one that the embedding program names) with
//! [`LAUNCH_VARIABLE`] set and nothing else in its environment. For a Repy program that process is the sandbox itself,
//! and runs the program to its end:
//!
//! ```text
//! node ──spawn──► sandbox (own session)   keeps the log ring, writes how the program ended
//! ```
//!
//! A program of the machine is not to be trusted with either, so there the process supervises another:
//!
//! ```text
//! node ──spawn──► supervisor (own session, adopts orphans)   keeps the log ring, writes how the run ended
//!                     └──spawn──► executor (own group) ──exec──► program ──► its children …
//! ```
//!
//! Supervisor and executor are the same executable in two stages. The executor only sets the limits and
//! executes the program, so that the limits bind the program and not the supervisor.
//! When the program ends, or the supervisor is told to, everything the program started is
//! killed, however deep and whatever session it fled to: the supervisor is the *child subreaper* of them all.
//!
//! Neither needs a node to go on: a vessel, its log and the way it ended survive a restart of the node.

mod executor;
mod sandbox;
mod spec;
mod stage;
mod supervisor;

use std::ffi::OsString;
use std::path::PathBuf;

pub(crate) use spec::{ExitReport, LaunchSpec, LaunchedProgram, RunFolder, SupervisorReport};
pub use stage::LAUNCH_VARIABLE;
pub(crate) use stage::LaunchStage;
pub(crate) use supervisor::ReportLine;

use stage::EXIT_BROKEN;

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

/// Becomes a vessel's sandbox or supervisor and never returns, when this process was started to be one; returns
/// at once otherwise.
///
/// To be called first thing in `main` of every program that embeds a node. Such a program installs
/// [`CountingAllocator`](crate::CountingAllocator), without which a Repy program's memory is only looked at from outside.
#[expect(
    clippy::exit,
    reason = "a vessel has a process of its own; nothing of the embedding program runs in it"
)]
pub fn enter_if_asked() {
    let Some(asked) = std::env::var_os(LAUNCH_VARIABLE) else {
        return;
    };
    let code = match asked.to_str().and_then(LaunchStage::read) {
        Some((LaunchStage::Sandbox, folder)) => sandbox::run(&folder),
        Some((LaunchStage::Supervisor, folder)) => supervisor::run(folder),
        Some((LaunchStage::Executor, folder)) => executor::run(&folder),
        None => EXIT_BROKEN,
    };
    std::process::exit(code)
}
