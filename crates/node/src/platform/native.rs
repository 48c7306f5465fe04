//! Executables of the machine as programs. Not a sandbox.

use overlord_types::Platform;

use super::{ProgramPlan, ProgramPlatform, ProgramRequest};

/// Executes an uploaded script or binary with the rights of the daemon.
///
/// **Not a sandbox**: only for a testbed of one's own.
#[derive(Debug, Clone)]
pub struct NativePlatform(());

impl NativePlatform {
    /// The platform; the name is the warning.
    #[must_use]
    pub fn danger_not_a_sandbox() -> Self {
        Self(())
    }
}

impl ProgramPlatform for NativePlatform {
    fn platform(&self) -> Platform {
        Platform::Native
    }

    fn plan(&self, _request: &ProgramRequest) -> ProgramPlan {
        ProgramPlan::Fails { log: String::new() }
    }
}
