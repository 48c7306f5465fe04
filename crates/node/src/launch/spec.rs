//! What node and supervisor tell each other through a run's folder: the launch spec, who supervises,
//! and how the program ended.
//!
//! ```text
//! run/spec.json        by the node, before the supervisor is started
//! run/supervisor.json  by the supervisor, before the program is executed and again with its number
//! run/stopping         by the node, before it stops the program
//! run/exit.json        by the supervisor, when nothing of the program runs any more
//! ```
//! A run's folder exists from before its supervisor starts until its end has been written into the
//! vessel's state, so a node that starts finds every run there is, and each as far as it got.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::platform::ProgramCommand;
use crate::proc::ProcessIdentity;

/// What a supervisor is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LaunchSpec {
    /// Where the program runs: the vessel's files.
    pub(crate) directory: PathBuf,
    /// The prefix of the log ring's two files.
    pub(crate) log: PathBuf,
    /// Whether standard input is a pipe whose end means that the node's process has ended, and with it
    /// the program has to.
    pub(crate) ends_with_node_process: bool,
    /// What to execute.
    pub(crate) command: ProgramCommand,
}

/// Who supervises a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SupervisorReport {
    /// The supervisor: leader of the session that all of the run's processes are in.
    pub(crate) supervisor: ProcessIdentity,
    /// The program, once it was started: leader of its process group.
    pub(crate) program: Option<u32>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ExitReport {
    /// The program ended by itself with this code.
    Code(i32),
    /// The program was ended by this signal.
    Signal(i32),
    /// The program could not be executed.
    NotExecuted,
}

/// The folder of a vessel's run.
#[derive(Debug, Clone)]
pub(crate) struct RunFolder(PathBuf);

impl RunFolder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the folder with the spec in it, in place of what may be left of an earlier run.
    pub(crate) fn create(&self, spec: &LaunchSpec) -> io::Result<()> {
        self.remove()?;
        fs::create_dir(&self.0)?;
        write(&self.0.join("spec.json"), spec)
    }

    pub(crate) fn spec(&self) -> io::Result<LaunchSpec> {
        read(&self.0.join("spec.json"))
    }

    pub(crate) fn write_supervisor(&self, report: &SupervisorReport) -> io::Result<()> {
        write(&self.0.join("supervisor.json"), report)
    }

    pub(crate) fn supervisor(&self) -> Option<SupervisorReport> {
        read(&self.0.join("supervisor.json")).ok()
    }

    pub(crate) fn write_exit(&self, report: ExitReport) -> io::Result<()> {
        write(&self.0.join("exit.json"), &report)
    }

    pub(crate) fn exit(&self) -> Option<ExitReport> {
        read(&self.0.join("exit.json")).ok()
    }

    pub(crate) fn mark_stopping(&self) -> io::Result<()> {
        fs::write(self.0.join("stopping"), "")
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.join("stopping").exists()
    }

    /// Removes the folder; one that is not there is fine.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Writes a document whole or not at all. Not flushed: after a power cut there is no run to know of.
fn write<T: Serialize>(path: &Path, document: &T) -> io::Result<()> {
    let incoming = path.with_extension("incoming");
    fs::write(
        &incoming,
        serde_json::to_vec(document).map_err(io::Error::other)?,
    )?;
    fs::rename(incoming, path)
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}
