//! What a platform is asked, and what it answers: the words that the node and all platforms share.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use overlord_nodemanager::resources::ResourceFile;
use overlord_types::{Platform, VesselName};
use serde::{Deserialize, Serialize};

/// What a platform is asked to run.
#[derive(Debug, Clone)]
pub struct ProgramRequest {
    /// The vessel's name on its node.
    pub vessel: VesselName,
    /// The vessel's files: the program's working directory.
    pub directory: PathBuf,
    /// The vessel's resource file.
    pub resource_file: PathBuf,
    /// Its resources, read from that file.
    pub resources: ResourceFile,
    /// The node's own address, where the program is to be reached.
    pub address: IpAddr,
    /// Program name and arguments, as cut at blanks. May be empty.
    pub words: Vec<String>,
}

/// A command for the supervisor to execute in the vessel's directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramCommand {
    /// The executable.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its whole environment: nothing of the node's own is handed on.
    pub environment: BTreeMap<String, String>,
    /// Limits that the operating system enforces.
    pub limits: ProcessLimits,
    /// What the supervisor writes into the vessel's log before the program's own output.
    pub log_header: String,
    /// The exit code by which the program says that it could not make a thread, if it has one (56 with
    /// Repy): the vessel's status is `ThreadErr` then.
    pub thread_error_code: Option<i32>,
}

/// A Repy program, to be run in a sandbox by the vessel's process itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxProgram {
    /// The program's file in the vessel's directory.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The vessel's resource file.
    pub resources: Vec<u8>,
    /// The only address that the program may use.
    pub address: IpAddr,
    /// Which Repy it is written in.
    pub platform: RepyPlatform,
}

/// Runs Repy programs in a sandbox: one process per vessel, with all of the vessel's resources enforced, reachable
/// at the node's own address only, and behind a second wall of the operating system.
///
/// The word `repyV1` is taken as well, for the many V1 programs that are valid V2: such a one runs, with
/// the API of V2. Any other is refused when it is started, and the vessel's log says which line is not V2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RepyPlatform {
    /// `repyV1`, for programs that are valid V2.
    V1,
    /// `repyV2`.
    V2,
}

/// Limits of one process that the operating system enforces; `None` leaves the node's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProcessLimits {
    /// Virtual memory, in bytes.
    pub address_space: Option<u64>,
    /// Writable private memory: heap, thread stacks, and the like, in bytes.
    pub data: Option<u64>,
    /// Open files and sockets together.
    pub open_files: Option<u64>,
    /// Largest file, in bytes.
    pub file_size: Option<u64>,
    /// Core dumps, in bytes.
    pub core_size: Option<u64>,
}

/// What a platform says to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProgramPlan {
    /// Execute this.
    Execute(ProgramCommand),
    /// Run this in a sandbox.
    Sandbox(SandboxProgram),
    /// There is no such program, or nothing that can be executed: the text goes into the vessel's
    /// log, and the vessel is `Terminated`.
    Fails {
        /// What the vessel's log says.
        log: String,
    },
    /// As [`ProgramPlan::Fails`], but no status is ever reported: the start is answered
    /// `Did not start in a timely manner` and the vessel keeps its status.
    NeverStarts {
        /// What the vessel's log says.
        log: String,
    },
}

/// Something that runs programs.
pub trait ProgramPlatform: Send + Sync {
    /// Which word on the wire asks for it.
    fn platform(&self) -> Platform;

    /// What to do for `request`. Reads the vessel's directory, starts nothing.
    fn plan(&self, request: &ProgramRequest) -> ProgramPlan;
}
