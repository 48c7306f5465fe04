//! Executables of the machine as programs. Not a sandbox.

use std::collections::BTreeMap;

use overlord_nodemanager::resources::Resource;
use overlord_types::{FileName, Platform};

use super::plan::{ProcessLimits, ProgramCommand, ProgramPlan, ProgramPlatform, ProgramRequest};

/// Where a program finds the machine's commands.
const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// What a process may use of writable memory beyond the vessel's `memory`, in bytes: an interpreter and
/// the stacks of its threads are not the program's doing, and the original counts resident memory only.
const DATA_ALLOWANCE: u64 = 64 * 1024 * 1024;
/// What a process may use of address space beyond the vessel's `memory`, in bytes. Runtimes reserve far more
/// than they use (64 MiB for each thread's arena in glibc); this bounds what is beyond all reason.
const ADDRESS_SPACE_ALLOWANCE: u64 = 1024 * 1024 * 1024;
/// Descriptors that a process may have beyond the vessel's files and sockets: standard streams, and
/// those that a runtime opens for itself (event queues, wake-up pipes, shared libraries while loading).
const OPEN_FILES_ALLOWANCE: u64 = 32;

/// Executes an uploaded script or binary with the rights of the daemon.
///
/// **Not a sandbox**: it can read and write what the daemon can, and use any port. Only for a testbed
/// of one's own. Of a vessel's resources the operating system enforces, per process:
///
/// | resource | limit | how exactly |
/// |---|---|---|
/// | `memory` | `RLIMIT_DATA`, `RLIMIT_AS` | plus an allowance for interpreters and thread stacks |
/// | `filesopened`, `insockets`, `outsockets` | `RLIMIT_NOFILE` | their sum, plus an allowance for the runtime |
/// | `diskused` | `RLIMIT_FSIZE` | each file; the sum is looked at when something is uploaded |
///
/// CPU share, rates, ports and threads are **not** enforced: there is no such limit per process.
/// A text without a `#!` line is run by `/bin/sh`, as shells do.
///
/// A program's environment is `PATH`, `HOME`, `PWD` and `TMPDIR` (the vessel's directory, which is its working
/// directory too), `LANG`, `OVERLORD_VESSEL_IP` (the node's own address) and `OVERLORD_VESSEL_NAME`.
#[derive(Debug, Clone)]
pub struct NativePlatform(());

impl NativePlatform {
    /// The platform; the name is the warning.
    #[must_use]
    pub fn danger_not_a_sandbox() -> Self {
        Self(())
    }

    fn limits(request: &ProgramRequest) -> ProcessLimits {
        let resources = request.resources.resources();
        let memory = resources.whole(Resource::Memory);
        ProcessLimits {
            address_space: Some(memory.saturating_add(ADDRESS_SPACE_ALLOWANCE)),
            data: Some(memory.saturating_add(DATA_ALLOWANCE)),
            open_files: Some(resources.descriptors().saturating_add(OPEN_FILES_ALLOWANCE)),
            file_size: Some(resources.whole(Resource::DiskUsed)),
            // A core would fill the vessel's disk with what the program had in memory.
            core_size: Some(0),
        }
    }
}

impl ProgramPlatform for NativePlatform {
    fn platform(&self) -> Platform {
        Platform::Native
    }

    fn plan(&self, request: &ProgramRequest) -> ProgramPlan {
        let fails = |log: String| ProgramPlan::Fails { log };
        let Some((name, arguments)) = request.words.split_first() else {
            return fails("No program was named.\n".to_owned());
        };
        let Ok(file) = name.parse::<FileName>() else {
            return fails(format!("{name}: no vessel can have a file of this name.\n"));
        };
        let program = request.directory.join(file.as_str());
        // Not followed: a link that a program left leads out of the vessel.
        if !std::fs::symlink_metadata(&program).is_ok_and(|metadata| metadata.is_file()) {
            return fails(format!("{name}: there is no such file in the vessel.\n"));
        }
        let directory = request.directory.display().to_string();
        let environment = BTreeMap::from(
            [
                ("HOME", directory.as_str()),
                ("LANG", "C.UTF-8"),
                ("OVERLORD_VESSEL_IP", &request.address.to_string()),
                ("OVERLORD_VESSEL_NAME", request.vessel.as_str()),
                ("PATH", SEARCH_PATH),
                ("PWD", &directory),
                ("TMPDIR", &directory),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        ProgramPlan::Execute(ProgramCommand {
            program,
            arguments: arguments.to_vec(),
            environment,
            limits: Self::limits(request),
            log_header: String::new(),
            thread_error_code: None,
        })
    }
}
