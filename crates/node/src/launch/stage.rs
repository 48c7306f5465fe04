//! What a process that was started for a vessel is told of its part, and how: what `launch` and the stages share.

use std::ffi::OsString;

use super::spec::{LaunchedProgram, RunFolder};

/// The environment variable that makes a process a vessel's sandbox, supervisor or executor. It holds
/// `sandbox:FOLDER`, `supervise:FOLDER` or `execute:FOLDER`, where the folder has the launch spec in `spec.json`.
pub const LAUNCH_VARIABLE: &str = "OVERLORD_VESSEL_LAUNCH";

/// Ties an executor to its supervisor: the environment variable that names the latter's process number.
pub(super) struct SupervisorTie;

impl SupervisorTie {
    pub(super) const VARIABLE: &'static str = "OVERLORD_VESSEL_SUPERVISOR";
}

/// What a process that was started for a vessel does first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LaunchStage {
    /// Runs a Repy program itself.
    Sandbox,
    /// Supervises a program of the machine.
    Supervisor,
    /// Becomes a program of the machine.
    Executor,
}

impl LaunchStage {
    const ALL: [Self; 3] = [Self::Sandbox, Self::Supervisor, Self::Executor];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Supervisor => "supervise",
            Self::Executor => "execute",
        }
    }

    /// The first stage of what is launched.
    pub(crate) fn first_of(program: &LaunchedProgram) -> Self {
        match program {
            LaunchedProgram::Command(_) => Self::Supervisor,
            LaunchedProgram::Sandbox(_) => Self::Sandbox,
        }
    }

    /// The value of [`LAUNCH_VARIABLE`] for this stage.
    pub(crate) fn value(self, folder: &RunFolder) -> OsString {
        let mut value = OsString::from(self.word());
        value.push(":");
        value.push(folder.path());
        value
    }

    pub(super) fn read(value: &str) -> Option<(Self, RunFolder)> {
        let (word, folder) = value.split_once(':')?;
        let stage = Self::ALL.into_iter().find(|stage| stage.word() == word)?;
        Some((stage, RunFolder::new(folder.into())))
    }
}

/// Exit code of a supervisor or executor that cannot do its work (`EX_SOFTWARE` of sysexits).
pub(super) const EXIT_BROKEN: i32 = 70;
