//! What the operations and the hooks' handle have in common: the ports under deadlines, with the journal around them.
//!
//! Each function here is one call and what the journal is told before and after it. When to call is decided
//! elsewhere, and what came of it is remembered elsewhere: nothing here changes.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream;
use overlord_time::Now;
use overlord_types::{Handle, NodeId, NodeLocation, ProgramArguments, VesselName};
use tokio::sync::watch;

use crate::control::Control;
use crate::deployment::{self, Deployment};
use crate::directory::Directory;
use crate::error::{ClearinghouseError, InitialiseError, JournalError, NodeError};
use crate::journal::{JournalRecord, JournalReplay, RecordBatch};
use crate::operation::{
    AcquireError, AcquireRequest, Assignment, ReleaseError, StartResult, StartUpError,
};
use crate::ports::{
    AccountSummary, HeldVessel, Ports, ProgramFile, StartCommand, StartOutcome, VesselAddress,
    VesselObservation,
};
use crate::settings::Policy;
use crate::text::{log_tail, with_causes};
use crate::wishes::Wishes;

/// How long the journal may take for one record, or to be read: a disk that takes longer is as good as broken.
const JOURNAL_DEADLINE: Duration = Duration::from_secs(30);

/// The outside world, and what hooks are told of the inside.
pub(crate) struct Shared {
    pub(crate) deployment: Deployment,
    pub(crate) policy: Policy,
    pub(crate) ports: Ports,
    pub(crate) control: Control,
    pub(crate) wishes: Wishes,
    pub(crate) directory: watch::Receiver<Directory>,
    /// How the journal said that a later run has begun. Whatever was to be written then, the run ends on it.
    pub(crate) superseded: OnceLock<JournalError>,
}

impl Shared {
    pub(crate) fn now(&self) -> Now {
        self.ports.clock.now()
    }

    pub(crate) fn ours_before(&self) -> Arc<BTreeSet<Handle>> {
        Arc::clone(&self.directory.borrow().ours_before)
    }

    /// The vessel's address, if it is known.
    pub(crate) fn address(&self, handle: &Handle) -> Option<VesselAddress> {
        let location = self
            .directory
            .borrow()
            .vessels
            .get(handle)?
            .location
            .clone();
        Some(VesselAddress {
            handle: handle.clone(),
            location,
        })
    }

    pub(crate) fn index(&self, handle: &Handle) -> Option<u32> {
        self.directory.borrow().vessels.get(handle)?.index
    }

    pub(crate) fn known(&self) -> BTreeSet<Handle> {
        self.directory.borrow().vessels.keys().cloned().collect()
    }

    /// The future's result, or `None` once the deadline has passed; then the future was dropped.
    pub(crate) async fn within<T>(
        &self,
        deadline: Duration,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        let end = self.now().moment + deadline;
        let alarm = self.ports.clock.sleep_until(end);
        match select(std::pin::pin!(future), alarm).await {
            Either::Left((result, _)) => Some(result),
            Either::Right(((), _)) => None,
        }
    }

    /// Writes down what belongs together.
    pub(crate) async fn record(&self, records: Vec<JournalRecord>) -> Result<(), JournalError> {
        let batch = RecordBatch {
            deployment: self.deployment.name(),
            generation: self.directory.borrow().generation,
            records: records.into_iter().map(Into::into).collect(),
        };
        let append = self.ports.journal.append(&batch);
        let result = self
            .within(JOURNAL_DEADLINE, append)
            .await
            .unwrap_or_else(|| Err(JournalError::write("it did not take records in time")));
        if let Err(error @ JournalError::Stale { .. }) = &result {
            // The first one stays; they all say the same.
            let _ = self.superseded.set(error.clone());
        }
        result
    }

    /// Begins a run, as far as the journal is concerned.
    pub(crate) async fn open_journal(&self) -> Result<JournalReplay, JournalError> {
        let name = self.deployment.name();
        self.within(JOURNAL_DEADLINE, self.ports.journal.open(&name))
            .await
            .unwrap_or_else(|| Err(JournalError::read("it did not give its records in time")))
    }

    async fn ask<T>(
        &self,
        question: impl Future<Output = Result<T, ClearinghouseError>>,
    ) -> Result<T, ClearinghouseError> {
        let deadline = self.policy.clearinghouse_deadline;
        let answer = self.within(deadline, question).await;
        answer.unwrap_or(Err(ClearinghouseError::Silent(deadline)))
    }

    async fn ask_node<T>(
        &self,
        deadline: Duration,
        question: impl Future<Output = Result<T, NodeError>>,
    ) -> Result<T, NodeError> {
        self.within(deadline, question)
            .await
            .unwrap_or(Err(NodeError::Deadline(deadline)))
    }

    // ── the clearinghouse ────────────────────────────────────────────────────────────────────────

    pub(crate) async fn account(&self) -> Result<AccountSummary, ClearinghouseError> {
        self.ask(self.ports.clearinghouse.account()).await
    }

    pub(crate) async fn held(&self) -> Result<Vec<HeldVessel>, ClearinghouseError> {
        self.ask(self.ports.clearinghouse.held()).await
    }

    /// Acquires vessels, once the intent is written.
    ///
    /// A crash before that: nothing was asked. Between intent and outcome: the journal has
    /// the doubt, and the next run settles it by reading. After the outcome: the vessels are ours.
    pub(crate) async fn acquire(
        &self,
        request: &AcquireRequest,
    ) -> Result<Vec<HeldVessel>, AcquireError> {
        let (acquisition, count) = (request.acquisition, request.request.count);
        let kind = self.deployment.vessel_type;
        let vessels = match self
            .ask(self.ports.clearinghouse.acquire(kind, count))
            .await
        {
            Ok(vessels) => vessels,
            Err(error) => {
                if !error.may_have_been_done() {
                    let refused = JournalRecord::Acquired {
                        acquisition,
                        vessels: BTreeSet::new(),
                    };
                    // Unwritten, it stays a doubt in the journal, which the next run finds empty.
                    if let Err(error) = self.record(vec![refused]).await {
                        let error = with_causes(&error);
                        tracing::warn!(error, "a refusal could not be written down");
                    }
                }
                return Err(AcquireError::Clearinghouse(error));
            }
        };
        self.claim(acquisition, &vessels)
            .await
            .map_err(AcquireError::Unrecorded)?;
        Ok(vessels)
    }

    /// Takes over vessels that a hook brought in some way of its own.
    pub(crate) async fn adopt(&self, vessels: BTreeSet<Handle>) -> Result<(), JournalError> {
        self.record(vec![JournalRecord::Adopted { vessels }]).await
    }

    /// Writes down what an acquisition brought.
    pub(crate) async fn claim(
        &self,
        acquisition: u64,
        vessels: &[HeldVessel],
    ) -> Result<(), JournalError> {
        let vessels = vessels.iter().map(|vessel| vessel.handle.clone()).collect();
        self.record(vec![JournalRecord::Acquired {
            acquisition,
            vessels,
        }])
        .await
    }

    /// Gives vessels back, once the intent is written. A crash before the outcome is written: they count as ours, and may be
    /// given back again.
    pub(crate) async fn release(&self, vessels: &BTreeSet<Handle>) -> Result<(), ReleaseError> {
        let list: Vec<Handle> = vessels.iter().cloned().collect();
        let answer = self.ask(self.ports.clearinghouse.release(&list)).await;
        answer.map_err(ReleaseError::Clearinghouse)?;
        let outcome = JournalRecord::Gone {
            vessels: vessels.clone(),
        };
        Ok(self.record(vec![outcome]).await?)
    }

    /// The original's clean start: gives back whatever the account holds, except what the journal of a run that
    /// crashed calls ours. Gives back what was held before, and what of it was given back.
    pub(crate) async fn release_what_is_held(
        &self,
    ) -> Result<(Vec<HeldVessel>, Vec<Handle>), StartUpError> {
        let held = self.held().await.map_err(StartUpError::Clearinghouse)?;
        let ours = self.ours_before();
        let others = held.iter().map(|vessel| vessel.handle.clone());
        let others: BTreeSet<Handle> = others.filter(|handle| !ours.contains(handle)).collect();
        if !others.is_empty() {
            let intent = JournalRecord::ReleaseIntended {
                vessels: others.clone(),
            };
            let written = self.record(vec![intent]).await;
            written.map_err(StartUpError::Journal)?;
            self.release(&others).await.map_err(|error| match error {
                ReleaseError::Clearinghouse(error) => StartUpError::Clearinghouse(error),
                ReleaseError::Journal(error) => StartUpError::Journal(error),
            })?;
        }
        Ok((held, others.into_iter().collect()))
    }

    pub(crate) async fn renew(&self, vessels: &[Handle]) -> Result<(), ClearinghouseError> {
        self.ask(self.ports.clearinghouse.renew(vessels)).await
    }

    // ── nodes ────────────────────────────────────────────────────────────────────────────────────

    pub(crate) async fn check(
        &self,
        node: &NodeId,
        location: &NodeLocation,
    ) -> Result<BTreeMap<VesselName, VesselObservation>, NodeError> {
        let question = self.ports.nodes.vessels(node, location);
        self.ask_node(self.policy.probe_deadline, question).await
    }

    /// Asks each node once for its vessels, concurrently.
    pub(crate) async fn check_all(
        &self,
        vessels: &[VesselAddress],
    ) -> BTreeMap<NodeId, Result<BTreeMap<VesselName, VesselObservation>, NodeError>> {
        let nodes: BTreeMap<NodeId, NodeLocation> = vessels
            .iter()
            .map(|vessel| (vessel.handle.node.clone(), vessel.location.clone()))
            .collect();
        let checks = nodes.into_iter().map(|(node, location)| async move {
            let answer = self.check(&node, &location).await;
            (node, answer)
        });
        stream::iter(checks)
            .buffer_unordered(self.policy.operations_max)
            .collect()
            .await
    }

    /// Sends a file. A crash or a lost answer on the way: the file may be there in part, and is sent again.
    pub(crate) async fn upload_file(
        &self,
        vessel: &VesselAddress,
        file: &ProgramFile,
    ) -> Result<(), NodeError> {
        self.ask_node(
            self.policy.upload_deadline,
            self.ports.nodes.upload(vessel, file),
        )
        .await
    }

    /// First half of bringing up a vessel, once the intent is written.
    pub(crate) async fn upload(&self, assignment: &Assignment) -> Result<(), InitialiseError> {
        let program = self
            .deployment
            .program
            .as_ref()
            .ok_or(InitialiseError::Program)?;
        let upload = self.upload_file(&assignment.address, program.file()).await;
        upload.map_err(InitialiseError::Upload)
    }

    /// Second half of bringing up a vessel; that, too, only once the intent is written.
    pub(crate) async fn start(
        &self,
        assignment: &Assignment,
    ) -> Result<StartResult, InitialiseError> {
        let program = self
            .deployment
            .program
            .as_ref()
            .ok_or(InitialiseError::Program)?;
        let template = &self.deployment.arguments;
        let arguments = template
            .resolve(self.deployment.user_port, assignment.index, self.now().wall)
            .map_err(InitialiseError::Arguments)?;
        let command = StartCommand {
            platform: program.platform(),
            program: program.name().clone(),
            arguments,
        };
        self.start_program(&assignment.address, &command).await
    }

    /// Starts a program; if it ended at once, the end of its log comes with the error.
    pub(crate) async fn start_program(
        &self,
        vessel: &VesselAddress,
        command: &StartCommand,
    ) -> Result<StartResult, InitialiseError> {
        let start = self.ports.nodes.start(vessel, command);
        match self.ask_node(self.policy.start_deadline, start).await {
            Ok(StartOutcome::Started) => Ok(StartResult::Running),
            Ok(StartOutcome::NotYet) => Ok(StartResult::NotYet),
            Ok(StartOutcome::Ended(status)) => {
                let log = self.read_log(vessel).await.unwrap_or_default();
                Err(InitialiseError::Ended {
                    status,
                    log_tail: log_tail(&log),
                })
            }
            Err(error) => Err(InitialiseError::Start(error)),
        }
    }

    pub(crate) async fn read_log(&self, vessel: &VesselAddress) -> Result<Vec<u8>, NodeError> {
        self.ask_node(
            self.policy.probe_deadline,
            self.ports.nodes.read_log(vessel),
        )
        .await
    }

    pub(crate) async fn stop_program(&self, vessel: &VesselAddress) -> Result<(), NodeError> {
        self.ask_node(self.policy.start_deadline, self.ports.nodes.stop(vessel))
            .await
    }

    /// The arguments of one copy, from a template of a hook's own.
    pub(crate) fn arguments_for(
        &self,
        handle: &Handle,
        arguments: &[String],
    ) -> Result<ProgramArguments, InitialiseError> {
        let index = self.index(handle).unwrap_or_default();
        deployment::fill(arguments, self.deployment.user_port, index, self.now().wall)
            .map_err(InitialiseError::Arguments)
    }
}

#[cfg(test)]
mod tests;
