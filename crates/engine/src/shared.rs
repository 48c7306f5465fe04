//! What the runner and the hooks' handle have in common: the ports under deadlines, with the journal around them.
//!
//! Each function here is one call and what the journal is told before and after it. When to call is decided
//! elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream;
use overlord_time::Now;
use overlord_types::{Handle, NodeId, NodeLocation, ProgramArguments, VesselName};

use crate::control::Control;
use crate::deployment::{self, Deployment};
use crate::error::{ClearinghouseError, InitialiseError, JournalError, NodeError};
use crate::journal::{DoubtfulAcquisition, JournalRecord, Ledger};
use crate::operation::{AcquireError, Assignment, Doubt, Effects, ReleaseError, Started};
use crate::ports::{
    Account, HeldVessel, Ports, ProgramFile, StartCommand, StartOutcome, VesselAddress,
    VesselObservation,
};
use crate::settings::Policy;
use crate::text::log_tail;

/// How long the journal may take for one record, or to be read: a disk that takes longer is as good as broken.
const JOURNAL_DEADLINE: Duration = Duration::from_secs(30);

/// What is known of a vessel outside the fleet, for hooks.
#[derive(Debug, Clone)]
pub(crate) struct DirectoryEntry {
    pub(crate) location: NodeLocation,
    pub(crate) index: Option<u32>,
}

/// What hooks may ask about the fleet, kept up to date by the runner.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(crate) vessels: BTreeMap<Handle, DirectoryEntry>,
    /// What the account held at the last reading and is not ours.
    pub(crate) left_alone: BTreeSet<Handle>,
}

impl Directory {
    fn add(&mut self, vessel: &HeldVessel) {
        let entry = DirectoryEntry {
            location: vessel.location.clone(),
            index: None,
        };
        self.vessels.entry(vessel.handle.clone()).or_insert(entry);
    }
}

pub(crate) struct Shared {
    pub(crate) deployment: Deployment,
    pub(crate) policy: Policy,
    pub(crate) ports: Ports,
    pub(crate) control: Control,
    directory: Mutex<Directory>,
    effects: Mutex<Effects>,
    next_acquisition: AtomicU64,
    /// What the journal called ours when the run began.
    ours_before: Mutex<BTreeSet<Handle>>,
}

/// A panic of a hook while it held one of these cannot leave them half changed: each change is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(
        deployment: Deployment,
        policy: Policy,
        ports: Ports,
        control: Control,
    ) -> Self {
        Self {
            deployment,
            policy,
            ports,
            control,
            directory: Mutex::default(),
            effects: Mutex::default(),
            next_acquisition: AtomicU64::new(0),
            ours_before: Mutex::default(),
        }
    }

    /// Learns from the journal what is ours from a run that crashed.
    pub(crate) fn learn(&self, ledger: &Ledger) {
        self.next_acquisition
            .store(ledger.next_acquisition, Ordering::Relaxed);
        *lock(&self.ours_before) = ledger.vessels.keys().cloned().collect();
    }

    pub(crate) fn ours_before(&self) -> BTreeSet<Handle> {
        lock(&self.ours_before).clone()
    }

    /// The fleet as the runner knows it, and what hooks acquired that has not come to the fleet yet.
    pub(crate) fn set_directory(&self, mut directory: Directory) {
        for vessel in &lock(&self.effects).acquired {
            directory.add(vessel);
        }
        *lock(&self.directory) = directory;
    }

    /// What hooks did since this was last asked.
    pub(crate) fn take_effects(&self) -> Effects {
        std::mem::take(&mut lock(&self.effects))
    }

    pub(crate) fn now(&self) -> Now {
        self.ports.clock.now()
    }

    /// The vessel's address, if it is known.
    pub(crate) fn address(&self, handle: &Handle) -> Option<VesselAddress> {
        let directory = lock(&self.directory);
        let location = directory.vessels.get(handle)?.location.clone();
        Some(VesselAddress {
            handle: handle.clone(),
            location,
        })
    }

    pub(crate) fn index(&self, handle: &Handle) -> Option<u32> {
        lock(&self.directory).vessels.get(handle)?.index
    }

    pub(crate) fn known(&self) -> BTreeSet<Handle> {
        lock(&self.directory).vessels.keys().cloned().collect()
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

    pub(crate) async fn record(&self, record: &JournalRecord) -> Result<(), JournalError> {
        match self
            .within(JOURNAL_DEADLINE, self.ports.journal.record(record))
            .await
        {
            Some(result) => result,
            None => Err(JournalError::Write(
                "it did not take a record in time".into(),
            )),
        }
    }

    pub(crate) async fn replay(&self) -> Result<Vec<JournalRecord>, JournalError> {
        match self
            .within(JOURNAL_DEADLINE, self.ports.journal.replay())
            .await
        {
            Some(result) => result,
            None => Err(JournalError::Read(
                "it did not give its records in time".into(),
            )),
        }
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

    pub(crate) async fn account(&self) -> Result<Account, ClearinghouseError> {
        self.ask(self.ports.clearinghouse.account()).await
    }

    pub(crate) async fn held(&self) -> Result<Vec<HeldVessel>, ClearinghouseError> {
        self.ask(self.ports.clearinghouse.held()).await
    }

    /// Acquires vessels. When this returns, or is dropped, what came of it is among the effects.
    ///
    /// A crash before the intent is written: nothing was asked. Between intent and outcome: the journal has
    /// the doubt, and the next run settles it by reading. After the outcome: the vessels are ours.
    pub(crate) async fn acquire(&self, count: u32) -> Result<Vec<HeldVessel>, AcquireError> {
        let acquisition = self.next_acquisition.fetch_add(1, Ordering::Relaxed);
        let request = DoubtfulAcquisition {
            count,
            baseline: lock(&self.directory).left_alone.clone(),
            at: self.now().wall,
        };
        let intent = JournalRecord::AcquireIntended {
            acquisition,
            count,
            baseline: request.baseline.clone(),
            at: request.at,
        };
        self.record(&intent).await.map_err(AcquireError::Journal)?;
        let mut open = OpenAcquisition {
            shared: self,
            acquisition,
            request: Some(request),
        };
        let kind = self.deployment.vessel_type;
        let vessels = match self
            .ask(self.ports.clearinghouse.acquire(kind, count))
            .await
        {
            Ok(vessels) => vessels,
            Err(error) => {
                if error.may_have_been_done() {
                    open.leave_in_doubt(if error.is_answer() {
                        Duration::ZERO
                    } else {
                        self.policy.clearinghouse_deadline
                    });
                } else {
                    open.request = None;
                    let refused = JournalRecord::Acquired {
                        acquisition,
                        vessels: BTreeSet::new(),
                    };
                    // Unwritten, it stays a doubt in the journal, which the next run finds empty.
                    if let Err(error) = self.record(&refused).await {
                        tracing::warn!(%error, "a refusal could not be written down");
                    }
                }
                return Err(AcquireError::Clearinghouse(error));
            }
        };
        let outcome = JournalRecord::Acquired {
            acquisition,
            vessels: vessels.iter().map(|vessel| vessel.handle.clone()).collect(),
        };
        if let Err(error) = self.record(&outcome).await {
            // Not written down, not used: a reading finds them again once the journal works.
            open.leave_in_doubt(Duration::ZERO);
            return Err(AcquireError::Journal(error));
        }
        open.request = None;
        self.became_ours(&vessels);
        Ok(vessels)
    }

    /// Takes over vessels that a hook brought in some way of its own.
    pub(crate) async fn adopt(&self, vessels: &[HeldVessel]) -> Result<(), JournalError> {
        let handles = vessels.iter().map(|vessel| vessel.handle.clone()).collect();
        self.record(&JournalRecord::Adopted { vessels: handles })
            .await?;
        self.became_ours(vessels);
        Ok(())
    }

    fn became_ours(&self, vessels: &[HeldVessel]) {
        lock(&self.effects).acquired.extend(vessels.iter().cloned());
        let mut directory = lock(&self.directory);
        for vessel in vessels {
            directory.add(vessel);
        }
    }

    /// Writes down what a doubtful acquisition brought.
    pub(crate) async fn claim(
        &self,
        acquisition: u64,
        vessels: &[HeldVessel],
    ) -> Result<(), JournalError> {
        let vessels = vessels.iter().map(|vessel| vessel.handle.clone()).collect();
        self.record(&JournalRecord::Acquired {
            acquisition,
            vessels,
        })
        .await
    }

    /// Gives vessels back. A crash before the outcome is written: they count as ours, and may be given back again.
    pub(crate) async fn release(&self, vessels: &BTreeSet<Handle>) -> Result<(), ReleaseError> {
        let intent = JournalRecord::ReleaseIntended {
            vessels: vessels.clone(),
        };
        self.record(&intent).await.map_err(ReleaseError::Journal)?;
        let list: Vec<Handle> = vessels.iter().cloned().collect();
        let answer = self.ask(self.ports.clearinghouse.release(&list)).await;
        answer.map_err(ReleaseError::Clearinghouse)?;
        let outcome = JournalRecord::Gone {
            vessels: vessels.clone(),
        };
        self.record(&outcome).await.map_err(ReleaseError::Journal)
    }

    /// As [`Shared::release`], by a hook: the fleet learns of it through the effects.
    pub(crate) async fn release_by_hook(
        &self,
        vessels: &BTreeSet<Handle>,
    ) -> Result<(), ReleaseError> {
        self.release(vessels).await?;
        lock(&self.effects).released.extend(vessels.iter().cloned());
        Ok(())
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

    async fn record_attempt(&self, assignment: &Assignment) -> Result<(), InitialiseError> {
        let intent = JournalRecord::InitialiseIntended {
            handle: assignment.address.handle.clone(),
            index: assignment.index,
            failures: assignment.failures,
        };
        self.record(&intent).await.map_err(InitialiseError::Journal)
    }

    /// First half of bringing up a vessel.
    pub(crate) async fn upload(&self, assignment: &Assignment) -> Result<(), InitialiseError> {
        let program = self
            .deployment
            .program
            .as_ref()
            .ok_or(InitialiseError::Program)?;
        self.record_attempt(assignment).await?;
        let upload = self.upload_file(&assignment.address, program.file()).await;
        upload.map_err(InitialiseError::Upload)
    }

    /// Second half of bringing up a vessel.
    pub(crate) async fn start(
        &self,
        assignment: &Assignment,
        first: bool,
    ) -> Result<Started, InitialiseError> {
        let program = self
            .deployment
            .program
            .as_ref()
            .ok_or(InitialiseError::Program)?;
        if first {
            self.record_attempt(assignment).await?;
        }
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
    ) -> Result<Started, InitialiseError> {
        let start = self.ports.nodes.start(vessel, command);
        match self.ask_node(self.policy.start_deadline, start).await {
            Ok(StartOutcome::Started) => Ok(Started::Running),
            Ok(StartOutcome::NotYet) => Ok(Started::NotYet),
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

/// An acquisition between intent and outcome. Dropped there (a hook's deadline, the end of the run), it is in doubt.
struct OpenAcquisition<'a> {
    shared: &'a Shared,
    acquisition: u64,
    request: Option<DoubtfulAcquisition>,
}

impl OpenAcquisition<'_> {
    fn leave_in_doubt(&mut self, settles_within: Duration) {
        if let Some(request) = self.request.take() {
            let settled_after = self.shared.now().moment + settles_within;
            let doubt = Doubt {
                request,
                settled_after,
                empty_readings: 0,
            };
            lock(&self.shared.effects)
                .doubts
                .insert(self.acquisition, doubt);
        }
    }
}

impl Drop for OpenAcquisition<'_> {
    fn drop(&mut self) {
        self.leave_in_doubt(self.shared.policy.clearinghouse_deadline);
    }
}

#[cfg(test)]
mod tests;
