//! What a hook is given: the configuration, the original's functions, and the five defaults.
//!
//! The functions work on many vessels concurrently, each call under the policy's deadline, and say of each vessel
//! that failed why, in the log. Vessels are acquired and given back by the run that the hook is part of, which knows of them
//! when the function returns; once the run is over, these two functions fail.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use overlord_time::{Moment, Now};
use overlord_types::{FileName, Handle, Platform, UserName, UserPort, VesselStatus, VesselType};

use crate::breaker::Silence;
use crate::deployment::Deployment;
use crate::error::{Cause, ClearinghouseError, InitialiseError, NodeError};
use crate::fleet_event::StopReason;
use crate::operation::StartResult;
use crate::ports::{AccountSummary, HeldVessel, ProgramFile, StartCommand, VesselAddress};
use crate::settings::Policy;
use crate::shared::Shared;
use crate::text::with_causes;

/// How often a start that was not confirmed at once is looked at again before it counts as failed.
const LOOKS_AFTER_START: u32 = 5;

/// The overlord as hooks see it. Cheap to clone.
#[derive(Clone)]
pub struct OverlordHandle(Arc<Shared>);

impl fmt::Debug for OverlordHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OverlordHandle")
            .field("deployment", &self.0.deployment)
            .finish_non_exhaustive()
    }
}

impl OverlordHandle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// What shall run (the original's `config`).
    #[must_use]
    pub fn deployment(&self) -> &Deployment {
        &self.0.deployment
    }

    /// How it is kept running.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// Whose vessels they are.
    #[must_use]
    pub fn user_name(&self) -> &UserName {
        &self.0.deployment.user_name
    }

    /// The port that the account may use on each vessel (the original's `geni_port`).
    #[must_use]
    pub fn user_port(&self) -> UserPort {
        self.0.deployment.user_port
    }

    /// How many copies are wanted.
    #[must_use]
    pub fn vessel_count(&self) -> u32 {
        self.0.deployment.vessel_count
    }

    /// On which machines.
    #[must_use]
    pub fn vessel_type(&self) -> VesselType {
        self.0.deployment.vessel_type
    }

    /// The name of the program's file, if there is one.
    #[must_use]
    pub fn program_name(&self) -> Option<&str> {
        self.0.deployment.program_name()
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Now {
        self.0.now()
    }

    /// Asks for the end of the run.
    pub fn stop(&self) {
        self.0.control.stop(StopReason::Operator);
    }

    /// Reads the account at the clearinghouse.
    ///
    /// # Errors
    /// When the clearinghouse gives no good answer within its deadline.
    pub async fn account(&self) -> Result<AccountSummary, ClearinghouseError> {
        self.0.account().await
    }

    /// Reads all vessels that the account holds, those of other deployments included.
    ///
    /// # Errors
    /// When the clearinghouse gives no good answer within its deadline.
    pub async fn held_vessels(&self) -> Result<Vec<HeldVessel>, ClearinghouseError> {
        self.0.held().await
    }

    /// Acquires so many vessels, all or nothing; they are ours, and in the journal, when this returns. The engine
    /// renews their leases soon after.
    ///
    /// # Errors
    /// When the clearinghouse refuses or cannot be reached, or the journal cannot be written. If the answer was
    /// lost, the engine finds out by itself what became of the request. It fails, too, once the
    /// run is over.
    pub async fn acquire_vessels(&self, count: u32) -> Result<Vec<Handle>, Cause> {
        self.0.wishes.acquire(count).await
    }

    /// Uploads files to vessels, concurrently. Gives back those on which all files arrived whole, in the order
    /// given; what failed elsewhere is logged.
    pub async fn upload_to_vessels(
        &self,
        vessels: &[Handle],
        files: &[ProgramFile],
    ) -> Vec<Handle> {
        self.on_each(vessels, |address| async move {
            for file in files {
                let upload = self.0.upload_file(&address, file).await;
                upload.map_err(InitialiseError::Upload)?;
            }
            Ok(())
        })
        .await
    }

    /// Starts an uploaded program on vessels, concurrently. `{port}`, `{index}` and `{time}` in arguments are filled
    /// in.
    /// Gives back those on which it runs; what failed elsewhere is logged with the end of the program's log.
    pub async fn run_on_vessels(
        &self,
        vessels: &[Handle],
        program: &FileName,
        platform: Platform,
        arguments: &[String],
    ) -> Vec<Handle> {
        self.on_each(vessels, |address| async move {
            let command = StartCommand {
                platform,
                program: program.clone(),
                arguments: self.0.arguments_for(&address.handle, arguments)?,
            };
            match self.0.start_program(&address, &command).await? {
                StartResult::Running => Ok(()),
                StartResult::NotYet => self.wait_for_start(&address).await,
            }
        })
        .await
    }

    /// Looks again, a few times, at a vessel whose node did not know yet whether the program runs.
    async fn wait_for_start(&self, address: &VesselAddress) -> Result<(), InitialiseError> {
        let mut last = VesselStatus::Fresh;
        for _ in 0..LOOKS_AFTER_START {
            let next = self.now().moment + self.policy().suspect_period;
            self.0.ports.clock.sleep_until(next).await;
            let seen = self.0.check(&address.handle.node, &address.location).await;
            match seen
                .map_err(InitialiseError::Start)?
                .get(&address.handle.vessel)
            {
                Some(vessel) if vessel.status == VesselStatus::Started => return Ok(()),
                Some(vessel) => last = vessel.status,
                None => break,
            }
        }
        Err(InitialiseError::Ended {
            status: last,
            log_tail: String::new(),
        })
    }

    /// Does something on each vessel, concurrently, and gives back those on which it was done, in the order given.
    async fn on_each<F>(&self, vessels: &[Handle], job: impl Fn(VesselAddress) -> F) -> Vec<Handle>
    where
        F: Future<Output = Result<(), InitialiseError>>,
    {
        // By value: a closure over references would keep the future of a hook that calls this from being `Send`.
        let jobs = vessels.iter().cloned().map(|handle| {
            let job = self.0.address(&handle).map(&job);
            async move {
                let Some(job) = job else {
                    tracing::warn!(vessel = handle.short(), "no such vessel is ours");
                    return false;
                };
                let result = job.await;
                if let Err(error) = &result {
                    let place = self.vessel_location(&handle);
                    let log_tail = match error {
                        InitialiseError::Ended { log_tail, .. } => log_tail.as_str(),
                        _ => "",
                    };
                    tracing::warn!(vessel = place, log_tail, "{}", with_causes(error));
                }
                result.is_ok()
            }
        });
        let done: Vec<bool> = stream::iter(jobs)
            .buffered(self.policy().operations_max)
            .collect()
            .await;
        let kept = vessels.iter().zip(done).filter(|(_, done)| *done);
        kept.map(|(handle, _)| handle.clone()).collect()
    }

    /// Gives vessels back. An empty list is no call.
    ///
    /// # Errors
    /// When the clearinghouse gives no good answer, the journal cannot be written, or the run is over.
    pub async fn release_vessels(&self, vessels: &[Handle]) -> Result<(), Cause> {
        if vessels.is_empty() {
            return Ok(());
        }
        self.0
            .wishes
            .release(vessels.iter().cloned().collect())
            .await
    }

    /// Renews leases. An empty list is no call (the original's run ended here).
    ///
    /// # Errors
    /// When the clearinghouse gives no good answer.
    pub async fn renew_vessels(&self, vessels: &[Handle]) -> Result<(), ClearinghouseError> {
        if vessels.is_empty() {
            return Ok(());
        }
        self.0.renew(vessels).await
    }

    /// What the nodes say of these vessels, one question per node, concurrently. Vessels that are not ours, and
    /// ones that their node does not list, are left out.
    pub async fn vessel_statuses(
        &self,
        vessels: &[Handle],
    ) -> BTreeMap<Handle, Result<VesselStatus, Arc<NodeError>>> {
        let addresses: Vec<VesselAddress> = vessels
            .iter()
            .filter_map(|handle| self.0.address(handle))
            .collect();
        let answers = self.0.check_all(&addresses).await;
        let mut statuses = BTreeMap::new();
        for (node, answer) in answers {
            let of_node = addresses
                .iter()
                .filter(|address| address.handle.node == node);
            match answer {
                Ok(seen) => {
                    for VesselAddress { handle, .. } in of_node {
                        if let Some(vessel) = seen.get(&handle.vessel) {
                            statuses.insert(handle.clone(), Ok(vessel.status));
                        }
                    }
                }
                Err(error) => {
                    let error = Arc::new(error);
                    for VesselAddress { handle, .. } in of_node {
                        statuses.insert(handle.clone(), Err(Arc::clone(&error)));
                    }
                }
            }
        }
        statuses
    }

    /// The last 16 KiB that the program printed.
    ///
    /// # Errors
    /// When the vessel is not ours, or its node gives no good answer.
    pub async fn read_log(&self, vessel: &Handle) -> Result<Vec<u8>, NodeError> {
        let not_ours = || NodeError::Refused("no such vessel is ours".to_owned());
        let address = self.0.address(vessel).ok_or_else(not_ours)?;
        self.0.read_log(&address).await
    }

    /// What is in `from` and not in `without`, in the order of `from`.
    #[must_use]
    pub fn list_difference(from: &[Handle], without: &[Handle]) -> Vec<Handle> {
        let without: BTreeSet<&Handle> = without.iter().collect();
        from.iter()
            .filter(|handle| !without.contains(handle))
            .cloned()
            .collect()
    }

    /// Where a vessel is, for a line of a log: `host:port v3`, or its shortened handle if that is not known.
    #[must_use]
    pub fn vessel_location(&self, vessel: &Handle) -> String {
        self.0
            .address(vessel)
            .map_or_else(|| vessel.short(), |address| address.to_string())
    }

    /// The default start-up: gives back whatever the account holds, except vessels of a run that crashed, which are
    /// taken over, and those that are this run's own by now.
    ///
    /// # Errors
    /// When the clearinghouse gives no good answer, the journal cannot be written, or the run is over.
    pub async fn default_init_overlord(&self) -> Result<(), Cause> {
        let held = self.held_vessels().await?;
        let ours_before = self.0.ours_before();
        let others: BTreeSet<Handle> = held
            .into_iter()
            .map(|vessel| vessel.handle)
            .filter(|handle| !ours_before.contains(handle))
            .collect();
        // Which of them have become ours meanwhile, the run knows.
        self.0.wishes.release_others(others).await
    }

    /// The default acquisition: asks for what is missing to the number wanted.
    ///
    /// # Errors
    /// As [`OverlordHandle::acquire_vessels`].
    pub async fn default_acquire_vessels(&self, owned: Vec<Handle>) -> Result<Vec<Handle>, Cause> {
        let owned = u32::try_from(owned.len()).unwrap_or(u32::MAX);
        match self.vessel_count().saturating_sub(owned) {
            0 => Ok(Vec::new()),
            missing => self.acquire_vessels(missing).await,
        }
    }

    /// The default initialisation: upload, start, log and give back what failed. Gives back all that are owned
    /// after it.
    ///
    /// # Errors
    /// When the deployment has no program, or what failed cannot be given back now.
    pub async fn default_init_vessels(
        &self,
        fresh: Vec<Handle>,
        owned: Vec<Handle>,
        arguments: Vec<String>,
    ) -> Result<Vec<Handle>, Cause> {
        let program = self
            .deployment()
            .program
            .as_ref()
            .ok_or(InitialiseError::Program)?;
        let uploaded = self
            .upload_to_vessels(&fresh, std::slice::from_ref(program.file()))
            .await;
        let started = self
            .run_on_vessels(&uploaded, program.name(), program.platform(), &arguments)
            .await;
        let failed = Self::list_difference(&fresh, &started);
        self.release_vessels(&failed).await?;
        let mut all = Self::list_difference(&owned, &fresh);
        all.extend(started);
        Ok(all)
    }

    /// The default weeding: releases the vessels of which two rounds tell that the program does not run, and
    /// gives back the list of the others. Silent vessels are kept as long as too many are silent at once, by the
    /// policy's `breaker_percent`.
    ///
    /// # Errors
    /// When what failed cannot be given back now.
    pub async fn default_remove_vessels(&self, owned: Vec<Handle>) -> Result<Vec<Handle>, Cause> {
        let (mut bad, mut silent) = self.not_started(&owned).await;
        if bad.is_empty() && silent.is_empty() {
            return Ok(owned);
        }
        let next = self.now().moment + self.policy().suspect_period;
        self.0.ports.clock.sleep_until(next).await;
        bad.append(&mut silent);
        let (mut bad, silent) = self.not_started(&bad).await;
        // That the clearinghouse answers shows that our own link works.
        self.held_vessels().await?;
        let nodes = |list: &[Handle]| {
            list.iter()
                .map(|vessel| &vessel.node)
                .collect::<BTreeSet<_>>()
                .len()
        };
        let silence = Silence {
            silent: nodes(&silent),
            nodes: nodes(&owned),
            clearinghouse_silent: false,
        };
        if !silence.is_too_much(self.policy().breaker_percent) {
            bad.extend(silent);
        }
        self.release_vessels(&bad).await?;
        Ok(Self::list_difference(&owned, &bad))
    }

    /// Of these vessels, those whose program does not run, and those whose node is silent.
    async fn not_started(&self, vessels: &[Handle]) -> (Vec<Handle>, Vec<Handle>) {
        let statuses = self.vessel_statuses(vessels).await;
        let (mut bad, mut silent) = (Vec::new(), Vec::new());
        for handle in vessels {
            match statuses.get(handle) {
                Some(Ok(VesselStatus::Started)) => {}
                Some(Err(error)) if error.is_silence() => silent.push(handle.clone()),
                _ => bad.push(handle.clone()),
            }
        }
        (bad, silent)
    }

    /// The default maintenance: renews all leases when `delay` has passed since `last`. Gives back when that was.
    ///
    /// # Errors
    /// When the clearinghouse gives no good answer.
    pub async fn default_maintenance(
        &self,
        delay: Duration,
        last: Moment,
        owned: Vec<Handle>,
    ) -> Result<Moment, Cause> {
        let now = self.now().moment;
        if now.since(last) < delay {
            return Ok(last);
        }
        self.renew_vessels(&owned).await?;
        Ok(now)
    }
}
