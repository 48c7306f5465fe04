//! Repy programs: the platforms `repyV2` and `repyV1`, on the runtime of `overlord-repy`.

use overlord_repy::sandbox::execution_header;
use overlord_types::{FileName, Platform};

use super::{ProgramPlan, ProgramPlatform, ProgramRequest, SandboxProgram};

/// Runs Repy programs in a sandbox: one process per vessel, with all of the vessel's resources enforced, reachable
/// at the node's own address only, and behind a second wall of the operating system.
///
/// The word `repyV1` is taken as well, for the many V1 programs that are valid V2: such a one runs, with
/// the API of V2. Any other is refused when it is started, and the vessel's log says which line is not V2.
#[derive(Debug, Clone)]
pub struct RepyPlatform(Platform);

impl RepyPlatform {
    /// The platform `repyV2`.
    #[must_use]
    pub fn v2() -> Self {
        Self(Platform::RepyV2)
    }

    /// The platform `repyV1`, for programs that are valid V2.
    #[must_use]
    pub fn v1() -> Self {
        Self(Platform::RepyV1)
    }
}

impl ProgramPlatform for RepyPlatform {
    fn platform(&self) -> Platform {
        self.0
    }

    fn plan(&self, request: &ProgramRequest) -> ProgramPlan {
        let name = request.words.first().map_or("", String::as_str);
        let is_there = |file: FileName| {
            // Not followed: a link that some program left leads out of the vessel.
            std::fs::symlink_metadata(request.directory.join(file.as_str()))
                .is_ok_and(|metadata| metadata.is_file())
        };
        if !name.parse().is_ok_and(is_there) {
            // Texts and outcomes are the original's, whose two versions differ.
            return match self.0 {
                Platform::RepyV1 => ProgramPlan::Fails {
                    log: format!("Failed to read the specified file: '{name}'\n"),
                },
                _ => ProgramPlan::NeverStarts {
                    log: format!(
                        "FATAL ERROR: Unable to read the specified program file: '{name}'\n"
                    ),
                },
            };
        }
        let arguments = request.words.get(1..).unwrap_or_default().to_vec();
        ProgramPlan::Sandbox(SandboxProgram {
            header: execution_header(name, &arguments),
            program: name.to_owned(),
            arguments,
            resources: request.resources.encode().to_vec(),
            address: request.address,
            refused_openly: self.0 == Platform::RepyV1,
        })
    }
}

/// Why no node would run a Repy V2 program: rule, file, line and column, with a caret below the place. `None` if nodes
/// would. Asks nobody: it is the parser and the safety check that nodes ask before they run it.
#[must_use]
pub fn repy_refusal(name: &str, source: &[u8]) -> Option<String> {
    let refusal = overlord_repy::check::load(source).err()?;
    Some(refusal.render(name, source))
}
