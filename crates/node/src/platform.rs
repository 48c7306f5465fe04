//! What can run programs on a vessel. The node asks a platform for a plan, carries it out in a process of the
//! vessel's own, and watches over it; what the program may do inside is the platform's business.

mod native;
mod plan;
mod repy;

use std::collections::BTreeMap;
use std::sync::Arc;

use overlord_types::Platform;

pub use native::NativePlatform;
pub use plan::{
    ProcessLimits, ProgramCommand, ProgramPlan, ProgramPlatform, ProgramRequest, RepyPlatform,
    SandboxProgram,
};
pub use repy::repy_refusal;

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
