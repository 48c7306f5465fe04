//! The event loop: waits for one [`crate::Event`] at a time, lets the planner decide, starts what it decided.

use crate::control::Control;
use crate::error::{RunError, SettingsError};
use crate::fleet_event::{RunReport, Subscription};
use crate::hooks::Hooks;
use crate::overlord_handle::OverlordHandle;
use crate::ports::Ports;
use crate::settings::{Deployment, Policy};

/// One run of one deployment.
pub struct Runner {
    _private: (),
}

impl Runner {
    /// Checks what is asked for; does nothing yet.
    ///
    /// # Errors
    /// What the operator has to change.
    pub fn new(
        deployment: Deployment,
        policy: Policy,
        _hooks: Hooks,
        _ports: Ports,
    ) -> Result<Self, SettingsError> {
        deployment.check()?;
        policy.check()?;
        todo!()
    }

    /// Ends the run, now or later, from anywhere.
    #[must_use]
    pub fn control(&self) -> Control {
        todo!()
    }

    /// A subscriber of everything that changes from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        todo!()
    }

    /// The overlord as hooks see it.
    #[must_use]
    pub fn overlord(&self) -> OverlordHandle {
        todo!()
    }

    /// Deploys, watches and heals until told to stop.
    ///
    /// Once started up, nothing but a stop ends it: everything that fails is tried again, with pauses.
    ///
    /// # Errors
    /// When the run cannot begin: see [`RunError`].
    pub async fn run(self) -> Result<RunReport, RunError> {
        todo!()
    }
}
