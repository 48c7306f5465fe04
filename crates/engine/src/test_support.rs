//! What the unit tests of several modules begin with.

use overlord_types::{Platform, UserPort, VesselType};

use crate::fleet::{Desired, ReplacedHooks};
use crate::ports::ProgramFile;
use crate::settings::{ArgumentsTemplate, Deployment, Policy, Program};

/// A deployment of so many copies of a Repy program.
pub(crate) fn deployment(copies: u32) -> Deployment {
    Deployment {
        user_name: "user".parse().unwrap(),
        user_port: UserPort::try_from(63_100).unwrap(),
        vessel_count: copies,
        vessel_type: VesselType::Wan,
        program: Some(Program {
            file: ProgramFile {
                name: "p.r2py".parse().unwrap(),
                contents: b"pass".as_slice().into(),
            },
            platform: Platform::RepyV2,
        }),
        arguments: ArgumentsTemplate::default(),
    }
}

/// That deployment, kept as by default.
pub(crate) fn desired(copies: u32) -> Desired {
    Desired {
        deployment: deployment(copies),
        policy: Policy::default(),
        replaced: ReplacedHooks::default(),
    }
}
