//! Repy programs: the platforms `repyV2` and `repyV1`, on the runtime of `overlord-repy`.

use overlord_repy::dialect::{self, Dialect, Missing};
use overlord_types::{FileName, Platform};

use super::plan::{ProgramPlan, ProgramPlatform, ProgramRequest, RepyPlatform, SandboxProgram};

impl RepyPlatform {
    /// All in which the platforms differ.
    #[must_use]
    pub fn dialect(self) -> &'static Dialect {
        match self {
            Self::V1 => &dialect::V1,
            Self::V2 => &dialect::V2,
        }
    }
}

impl ProgramPlatform for RepyPlatform {
    fn platform(&self) -> Platform {
        match self {
            Self::V1 => Platform::RepyV1,
            Self::V2 => Platform::RepyV2,
        }
    }

    fn plan(&self, request: &ProgramRequest) -> ProgramPlan {
        let name = request.words.first().map_or("", String::as_str);
        let is_there = |file: FileName| {
            // Not followed: a link that some program left leads out of the vessel.
            std::fs::symlink_metadata(request.directory.join(file.as_str()))
                .is_ok_and(|metadata| metadata.is_file())
        };
        if !name.parse().is_ok_and(is_there) {
            let dialect = self.dialect();
            let log = dialect.missing_text(name);
            return match dialect.missing {
                Missing::Ended => ProgramPlan::Fails { log },
                Missing::NeverStarts => ProgramPlan::NeverStarts { log },
            };
        }
        ProgramPlan::Sandbox(SandboxProgram {
            platform: *self,
            program: name.to_owned(),
            arguments: request.words.get(1..).unwrap_or_default().to_vec(),
            resources: request.resources.encode().to_vec(),
            address: request.address,
        })
    }
}

/// Why no node would run a Repy V2 program: rule, file, line and column, with a caret below the place. `None` if nodes
/// would. Asks nobody: it is the parser and the safety check that nodes ask before they run it.
#[must_use]
pub fn repy_refusal(name: &str, source: &[u8]) -> Option<String> {
    let refusal = dialect::V2.judge(source).err()?;
    Some(refusal.render(name, source))
}
