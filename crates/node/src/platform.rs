//! What can run programs on a vessel. The node asks a platform for a plan, carries it out in a process of the
//! vessel's own, and watches over it; what the program may do inside is the platform's business.

mod native;
mod repy;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use overlord_nodemanager::resources::ResourceFile;
use overlord_types::{Platform, VesselName};
use serde::{Deserialize, Serialize};

pub use native::NativePlatform;
pub use repy::{RepyPlatform, repy_refusal};

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

/// The platforms of a node, by their word on the wire.
#[derive(Clone, Default)]
pub struct Platforms(BTreeMap<Platform, Arc<dyn ProgramPlatform>>);

impl Platforms {
    /// No platform: every start is answered `Programming language platform is not supported.`
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Repy programs, in a sandbox.
    #[must_use]
    pub fn repy() -> Self {
        Self::none()
            .with(Arc::new(RepyPlatform::V2))
            .with(Arc::new(RepyPlatform::V1))
    }

    /// Only [`NativePlatform`]. Not a sandbox: for a testbed of one's own.
    #[must_use]
    pub fn danger_native() -> Self {
        Self::none().and_danger_native()
    }

    /// These, and [`NativePlatform`]. Not a sandbox: for a testbed of one's own.
    #[must_use]
    pub fn and_danger_native(self) -> Self {
        self.with(Arc::new(NativePlatform::danger_not_a_sandbox()))
    }

    /// These, and `platform` for its word.
    #[must_use]
    pub fn with(mut self, platform: Arc<dyn ProgramPlatform>) -> Self {
        self.0.insert(platform.platform(), platform);
        self
    }

    /// What runs programs for `word`, which nodes take in any case.
    #[must_use]
    pub fn for_word(&self, word: &str) -> Option<&Arc<dyn ProgramPlatform>> {
        self.0.get(&word.parse().ok()?)
    }
}
