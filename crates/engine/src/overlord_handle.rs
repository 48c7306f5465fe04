//! What a hook is given: the configuration, the original's functions, and the five defaults.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use overlord_types::{FileName, Handle, Platform, UserName, UserPort, VesselStatus, VesselType};

use crate::control::Control;
use crate::error::{Cause, ClearinghouseError, NodeError};
use crate::fleet_event::StopReason;
use crate::ports::{Account, HeldVessel, ProgramFile};
use crate::settings::{Deployment, Policy};
use crate::time::{Moment, Now};

/// The overlord as hooks see it. Cheap to clone.
#[derive(Clone)]
pub struct OverlordHandle {
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) control: Control,
}

impl OverlordHandle {
    /// What shall run (the original's `config`).
    #[must_use]
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// How it is kept running.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whose vessels they are.
    #[must_use]
    pub fn user_name(&self) -> &UserName {
        &self.deployment.user_name
    }

    /// The port that the account may use on each vessel (the original's `geni_port`).
    #[must_use]
    pub fn user_port(&self) -> UserPort {
        self.deployment.user_port
    }

    /// How many copies are wanted.
    #[must_use]
    pub fn vessel_count(&self) -> u32 {
        self.deployment.vessel_count
    }

    /// On which machines.
    #[must_use]
    pub fn vessel_type(&self) -> VesselType {
        self.deployment.vessel_type
    }

    /// The name of the program's file, if there is one.
    #[must_use]
    pub fn program_name(&self) -> Option<&str> {
        self.deployment.program_name()
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Now {
        todo!()
    }

    /// Asks for the end of the run.
    pub fn stop(&self) {
        self.control.stop(StopReason::Operator);
    }

    /// Reads the account at the clearinghouse.
    ///
    /// # Errors
    /// When the clearinghouse gives no good answer within its deadline.
    pub async fn account(&self) -> Result<Account, ClearinghouseError> {
        todo!()
    }

    /// Reads all vessels that the account holds, those of other deployments included.
    ///
    /// # Errors
    /// When the clearinghouse gives no good answer within its deadline.
    pub async fn held_vessels(&self) -> Result<Vec<HeldVessel>, ClearinghouseError> {
        todo!()
    }

    /// Acquires so many vessels, all or nothing; they are ours, and in the journal, when this returns.
    ///
    /// # Errors
    /// When the clearinghouse refuses or cannot be reached. If its answer was lost, the engine finds out by
    /// itself what became of the request.
    pub async fn acquire_vessels(&self, _count: u32) -> Result<Vec<Handle>, ClearinghouseError> {
        todo!()
    }

    /// Uploads files to vessels, concurrently. Gives back those on which all files arrived whole, in the order
    /// given; what failed elsewhere is logged.
    pub async fn upload_to_vessels(
        &self,
        _vessels: &[Handle],
        _files: &[ProgramFile],
    ) -> Vec<Handle> {
        todo!()
    }

    /// Starts an uploaded program on vessels, concurrently. `{port}` and `{index}` in arguments are filled in.
    /// Gives back those on which it runs; what failed elsewhere is logged with the end of the program's log.
    pub async fn run_on_vessels(
        &self,
        _vessels: &[Handle],
        _program: &FileName,
        _platform: Platform,
        _arguments: &[String],
    ) -> Vec<Handle> {
        todo!()
    }

    /// Gives vessels back. An empty list is no call.
    ///
    /// # Errors
    /// When the clearinghouse gives no good answer; the engine does not try again by itself.
    pub async fn release_vessels(&self, _vessels: &[Handle]) -> Result<(), ClearinghouseError> {
        todo!()
    }

    /// Renews leases. An empty list is no call (the original's run ended here).
    ///
    /// # Errors
    /// When the clearinghouse gives no good answer.
    pub async fn renew_vessels(&self, _vessels: &[Handle]) -> Result<(), ClearinghouseError> {
        todo!()
    }

    /// What the nodes say of these vessels, one question per node, concurrently.
    pub async fn vessel_statuses(
        &self,
        _vessels: &[Handle],
    ) -> BTreeMap<Handle, Result<VesselStatus, NodeError>> {
        todo!()
    }

    /// The last 16 KiB that the program printed.
    ///
    /// # Errors
    /// When the node gives no good answer.
    pub async fn read_log(&self, _vessel: &Handle) -> Result<Vec<u8>, NodeError> {
        todo!()
    }

    /// What is in `from` and not in `without`, in the order of `from`.
    #[must_use]
    pub fn list_difference(from: &[Handle], without: &[Handle]) -> Vec<Handle> {
        from.iter()
            .filter(|handle| !without.contains(handle))
            .cloned()
            .collect()
    }

    /// Where a vessel is, for a line of a log: `host:port v3`, or its shortened handle if that is not known.
    #[must_use]
    pub fn vessel_location(&self, _vessel: &Handle) -> String {
        todo!()
    }

    /// The default start-up: gives back whatever the account holds, except vessels of a run that crashed,
    /// which are taken over.
    ///
    /// # Errors
    /// When the clearinghouse gives no good answer.
    pub async fn default_init_overlord(&self) -> Result<(), Cause> {
        todo!()
    }

    /// The default acquisition: asks for what is missing to the number wanted.
    ///
    /// # Errors
    /// As [`OverlordHandle::acquire_vessels`].
    pub async fn default_acquire_vessels(&self, _owned: Vec<Handle>) -> Result<Vec<Handle>, Cause> {
        todo!()
    }

    /// The default initialisation: upload, start, log and give back what failed. Gives back all that are owned after it.
    ///
    /// # Errors
    /// When the deployment has no program.
    pub async fn default_init_vessels(
        &self,
        _fresh: Vec<Handle>,
        _owned: Vec<Handle>,
        _arguments: Vec<String>,
    ) -> Result<Vec<Handle>, Cause> {
        todo!()
    }

    /// The default weeding: gives back vessels of which two rounds tell that the program does not run.
    ///
    /// # Errors
    /// None at present.
    pub async fn default_remove_vessels(&self, _owned: Vec<Handle>) -> Result<Vec<Handle>, Cause> {
        todo!()
    }

    /// The default maintenance: renews all leases when `delay` has passed since `last`. Gives back when that was.
    ///
    /// # Errors
    /// When the clearinghouse gives no good answer.
    pub async fn default_maintenance(
        &self,
        _delay: Duration,
        _last: Moment,
        _owned: Vec<Handle>,
    ) -> Result<Moment, Cause> {
        todo!()
    }
}
