//! Where records of the journal are from: of which deployment, of which of its runs, in which form.

use std::fmt;

use overlord_types::FileName;
use serde::{Deserialize, Serialize};

/// The form in which records are written now. It grows by one whenever an older reader would misunderstand a record or a ledger.
pub const RECORD_VERSION: u16 = 1;

/// Which deployment records are about. Several may share a store, and an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeploymentName(String);

impl DeploymentName {
    /// The name of a deployment that has no program, whose hooks bring what runs.
    #[must_use]
    pub fn without_program() -> Self {
        Self("deployment".to_owned())
    }

    /// The name of a deployment of this program: the program's, without its ending.
    #[must_use]
    pub fn of_program(program: &FileName) -> Self {
        let name = program.as_str();
        match name.rsplit_once('.') {
            Some((stem, _)) if !stem.is_empty() => Self(stem.to_owned()),
            _ => Self(name.to_owned()),
        }
    }
}

impl fmt::Display for DeploymentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Counts the runs of a deployment. The store gives each a larger one, and takes no records of an older any more: an
/// overlord that was thought dead and wakes up must not write over what its successor knows.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Generation(u64);

impl Generation {
    /// The generation of the next run.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_is_called_like_its_program() {
        let name =
            |program: &str| DeploymentName::of_program(&program.parse().unwrap()).to_string();
        assert_eq!(name("server.r2py"), "server");
        assert_eq!(name("time.server.py"), "time.server");
        assert_eq!(name("server"), "server");
    }
}
