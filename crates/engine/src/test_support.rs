//! What the unit tests of several modules begin with.

use overlord_types::{UserPort, VesselType};

use crate::deployment::{CheckedProgram, Deployment, DeploymentRequest};
use crate::fleet::{Desired, ReplacedHooks};
use crate::ports::AccountSummary;
use crate::settings::Policy;

/// A deployment of so many copies of a Repy program.
pub(crate) fn deployment(copies: u32) -> Deployment {
    let program = CheckedProgram::new("p.r2py", b"pass".as_slice(), None).unwrap();
    let request = DeploymentRequest::new(copies, VesselType::Wan, Some(program)).unwrap();
    let account = AccountSummary {
        user_name: "user".parse().unwrap(),
        user_port: UserPort::try_from(63_100).unwrap(),
        max_vessels: copies,
    };
    Deployment::new(request, &account).unwrap()
}

/// That deployment, kept as by default.
pub(crate) fn desired(copies: u32) -> Desired {
    Desired {
        deployment: deployment(copies),
        policy: Policy::default(),
        replaced: ReplacedHooks::default(),
    }
}
