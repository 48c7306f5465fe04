//! What node and supervisor tell each other through a run's folder: the launch spec, who supervises,
//! and how the program ended. A sandbox is its own supervisor.
//!
//! ```text
//! run/spec.json        by the node, before the supervisor is started
//! run/supervisor.json  by the supervisor, before the program is executed and again with its number
//! run/stopping         by the node, before it stops the program
//! run/wall             by a sandbox, before its program runs: what stands of the wall around it, in a line
//! run/exit.json        by the supervisor, when nothing of the program runs any more
//! ```
//! A run's folder exists from before its supervisor starts until its end has been written into the
//! vessel's state, so a node that starts finds every run there is, and each as far as it got.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use overlord_files::{Access, Durability};
use overlord_repy::dialect::Refused;
use overlord_repy::sandbox::exit_code;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::platform::{ProgramCommand, SandboxProgram};
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
    /// What to run.
    pub(crate) program: LaunchedProgram,
}

/// What a run runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum LaunchedProgram {
    /// A program of the machine, under a supervisor.
    Command(ProgramCommand),
    /// A Repy program, in the very process that the node starts.
    Sandbox(SandboxProgram),
}

impl LaunchedProgram {
    /// The exit code that says that no thread could be made, if there is one.
    pub(crate) fn thread_error_code(&self) -> Option<i32> {
        match self {
            Self::Command(command) => command.thread_error_code,
            Self::Sandbox(_) => Some(i32::from(exit_code::NO_THREAD)),
        }
    }

    /// How a program that the sandbox does not take is answered.
    pub(crate) fn refused(&self) -> Refused {
        match self {
            Self::Command(_) => Refused::Ended,
            Self::Sandbox(program) => program.platform.dialect().refused,
        }
    }
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
    /// The program is none that the sandbox takes; the log says why.
    Refused,
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

    /// Opens the report of the end before there is one, for a process that can open nothing later. As long as it is
    /// empty it is none.
    pub(crate) fn open_exit(&self) -> io::Result<ExitSlot> {
        fs::File::create_new(self.0.join("exit.json")).map(ExitSlot)
    }

    /// Opens the report of the wall before it is raised, for the same reason.
    pub(crate) fn open_wall(&self) -> io::Result<fs::File> {
        fs::File::create_new(self.0.join("wall"))
    }

    /// What stands of the wall around the program, once it was said.
    pub(crate) fn wall(&self) -> Option<String> {
        let wall = fs::read_to_string(self.0.join("wall")).ok()?;
        (!wall.is_empty()).then_some(wall)
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

/// Where the end of a run is to be reported.
pub(crate) struct ExitSlot(fs::File);

impl ExitSlot {
    /// Reports the end, in one write.
    pub(crate) fn write(mut self, report: ExitReport) -> io::Result<()> {
        let text = serde_json::to_vec(&report).map_err(io::Error::other)?;
        self.0.write_all(&text)
    }
}

/// Writes a document whole or not at all. After a power cut there is no run to know of.
fn write<T: Serialize>(path: &Path, document: &T) -> io::Result<()> {
    let text = serde_json::to_vec(document).map_err(io::Error::other)?;
    overlord_files::replace(path, &text, Access::Everybody, Durability::ProcessCrash)
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}
