//! What is true of the fleet, as far as we know: the one state that one task owns.
//!
//! [`Fleet::apply`] takes an [`Event`] in; [`crate::plan`] reads the fleet, through what `view` shows of it, and says what
//! to do; [`Fleet::begin`] and [`Fleet::carry_out`] note that it is being done. Nothing here decides, waits, or calls
//! anybody, and nobody else changes what is here.

mod acquiring;
mod bringing_up;
mod ending;
mod holding;
mod parts;
mod reading;
mod view;
mod watching;
#[cfg(test)]
mod written_down;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use overlord_bug::{bug, invariant};
use overlord_time::{Moment, Now};
use overlord_types::{Handle, NodeId};

use crate::breaker::{Breaker, Silence};
use crate::fleet_event::{Change, CondemnReason, Evidence, StopReason, WaitReason};
use crate::journal::Ledger;
use crate::operation::{
    AcquireRequest, Asker, Doubt, Event, Operation, OperationId, OperationKind, Outcome,
};
use crate::quarantine::Quarantine;
use crate::vessel::{Step, Vessel};

pub use parts::{
    Absent, Acquisition, Circumstances, CopyRecord, Desired, NodeWatch, Phase, Reading,
    ReplacedHooks, Retries, Retry, UnderWay, Verdict,
};

/// Everything known of the fleet.
#[derive(Debug, Clone)]
pub struct Fleet {
    phase: Phase,
    vessels: BTreeMap<Handle, Vessel>,
    nodes: BTreeMap<NodeId, NodeWatch>,
    copies: BTreeMap<u32, CopyRecord>,
    under_way: BTreeMap<OperationId, UnderWay>,
    retries: Retries,
    acquisition: Acquisition,
    reading: Reading,
    /// Requests for vessels from before they are made until what they brought is in the journal.
    doubts: BTreeMap<u64, Doubt>,
    absent: BTreeMap<Handle, Absent>,
    left_alone: BTreeSet<Handle>,
    left_alone_missing: BTreeSet<Handle>,
    last_maintained: Moment,
    breaker: Breaker,
    quarantine: Quarantine,
    last_heard: Moment,
    clearinghouse_silent: bool,
    /// What the clearinghouse or the journal last failed with, by what was asked; for the operator.
    troubles: BTreeMap<OperationKind, WaitReason>,
    undone: Vec<String>,
    stops_asked: BTreeSet<Handle>,
    recently_gone: BTreeMap<Handle, u64>,
    ledger: Ledger,
    next_acquisition: u64,
    next_operation: u64,
    step: u64,
    changes: Vec<Change>,
    /// Whether what hooks are told of the fleet has changed.
    membership_changed: bool,
}

impl Fleet {
    /// A fleet as the journal of earlier runs tells it, before anything was asked.
    #[must_use]
    pub fn new(ledger: Ledger, now: Now) -> Self {
        Self {
            phase: Phase::StartingUp,
            vessels: BTreeMap::new(),
            nodes: BTreeMap::new(),
            copies: BTreeMap::new(),
            under_way: BTreeMap::new(),
            retries: Retries::default(),
            acquisition: Acquisition::default(),
            reading: Reading::default(),
            doubts: BTreeMap::new(),
            absent: BTreeMap::new(),
            left_alone: BTreeSet::new(),
            left_alone_missing: BTreeSet::new(),
            last_maintained: now.moment,
            breaker: Breaker::default(),
            quarantine: Quarantine::default(),
            last_heard: Moment::BEGINNING,
            clearinghouse_silent: false,
            troubles: BTreeMap::new(),
            undone: Vec::new(),
            stops_asked: BTreeSet::new(),
            recently_gone: BTreeMap::new(),
            next_acquisition: ledger.next_acquisition,
            ledger,
            next_operation: 0,
            step: 0,
            changes: Vec::new(),
            membership_changed: true,
        }
    }

    /// Takes in what happened, and gives back what of it the operator is told.
    ///
    /// Guarantees: every event is taken, in whatever state; what does not fit (an answer to a question
    /// that is no longer of interest) changes nothing.
    pub fn apply(&mut self, event: Event, at: &mut Circumstances<'_>) -> Vec<Change> {
        self.step += 1;
        match event {
            Event::Began => self.changes.push(Change::RunStarted {
                wanted: at.desired.deployment.vessel_count,
            }),
            Event::TimerDue => {}
            Event::StopRequested(reason) => {
                self.stop(reason, at.moment() + at.desired.policy.final_phase_max);
            }
            Event::StopAtOnceRequested(reason) => self.stop(reason, at.moment()),
            Event::Finished { id, outcome } => self.take_outcome(id, outcome, at),
        }
        self.assign_copies(at.desired.deployment.vessel_count);
        self.look_at_breaker(at);
        self.hold_together();
        std::mem::take(&mut self.changes)
    }

    /// Notes that an operation is begun, and gives it its number.
    pub fn begin(&mut self, operation: &Operation, now: Moment) -> OperationId {
        let id = OperationId::of(self.next_operation);
        self.next_operation += 1;
        if matches!(
            operation,
            Operation::Acquire { .. } | Operation::Release { .. }
        ) {
            // `Acquired` of a vessel may stand in the journal before the `Gone` of it that was asked for earlier.
            invariant!(
                !self.asks_for_a_change(),
                "vessels are got and given back at the same time"
            );
        }
        match operation {
            Operation::Upload(assignment) => {
                self.take_step(&assignment.address.handle, Step::UploadBegins(id));
            }
            Operation::Start { assignment, .. } => {
                self.take_step(&assignment.address.handle, Step::StartBegins(id));
            }
            Operation::Initialise { fresh, .. } => {
                for assignment in fresh {
                    self.take_step(&assignment.address.handle, Step::UploadBegins(id));
                    self.may_run(&assignment.address.handle);
                }
            }
            Operation::Acquire { request, .. } => {
                let AcquireRequest {
                    acquisition,
                    request,
                } = request.clone();
                invariant!(
                    acquisition >= self.next_acquisition,
                    "acquisition {acquisition} is begun again"
                );
                self.next_acquisition = acquisition.saturating_add(1);
                self.doubts.insert(acquisition, Doubt::awaited(request));
            }
            Operation::Release {
                vessels,
                by: Asker::Planner,
            } => {
                for handle in vessels {
                    match self.absent.get_mut(handle) {
                        Some(absent) => absent.releasing = true,
                        None => self.take_step(handle, Step::ReleaseBegins(id)),
                    }
                }
            }
            Operation::Stop(address) => {
                self.stops_asked.insert(address.handle.clone());
            }
            Operation::StartUp
            | Operation::ReadHeld
            | Operation::AcquireByHook { .. }
            | Operation::Release {
                by: Asker::Hook, ..
            }
            | Operation::Claim { .. }
            | Operation::Check { .. }
            | Operation::Weed { .. }
            | Operation::Renew { .. }
            | Operation::Maintain { .. } => {}
        }
        let under_way = UnderWay {
            kind: operation.kind(),
            node: operation.node().cloned(),
            vessel: operation.vessel().cloned(),
            since: now,
            step: self.step,
        };
        self.under_way.insert(id, under_way);
        id
    }

    /// Carries out a decision of the planner, and gives back what of it the operator is told.
    pub fn carry_out(&mut self, verdict: Verdict, at: &mut Circumstances<'_>) -> Vec<Change> {
        match verdict {
            Verdict::Condemn { handle, reason } => self.condemn(&handle, reason, at),
            Verdict::OutOfReach { handle } => {
                self.take_step(&handle, Step::OutOfReach(at.moment()));
                if let Some(vessel) = self.known(&handle).map(|vessel| vessel.label()) {
                    self.changes.push(Change::Unknown { vessel });
                }
            }
        }
        self.assign_copies(at.desired.deployment.vessel_count);
        self.look_at_breaker(at);
        self.hold_together();
        std::mem::take(&mut self.changes)
    }

    fn stop(&mut self, reason: StopReason, deadline: Moment) {
        match &mut self.phase {
            Phase::Stopping { deadline: old, .. } => *old = deadline.min(*old),
            Phase::StartingUp | Phase::Keeping => {
                self.changes.push(Change::Stopping { reason });
                self.phase = Phase::Stopping { reason, deadline };
            }
        }
    }

    fn take_outcome(&mut self, id: OperationId, outcome: Outcome, at: &mut Circumstances<'_>) {
        let Some(under_way) = self.under_way.remove(&id) else {
            bug!("{id} ended and is not under way");
            return;
        };
        invariant!(
            under_way.kind == outcome.kind(),
            "{id} was begun as {} and ended as {}",
            under_way.kind.name(),
            outcome.kind().name()
        );
        match outcome {
            Outcome::StartedUp(result) => self.started_up(result, at),
            Outcome::Held(result) => self.read(result, &under_way, at),
            Outcome::Acquired {
                request,
                by,
                result,
            } => self.acquired(&request, by, result, at),
            Outcome::AcquiredByHook(result) => self.acquired_by_hook(result, at),
            Outcome::Claimed {
                acquisition,
                vessels,
                result,
            } => self.claimed(acquisition, vessels, result, at),
            Outcome::Released {
                vessels,
                by: Asker::Planner,
                result,
            } => self.released(id, &vessels, result, at),
            Outcome::Released {
                vessels,
                by: Asker::Hook,
                result,
            } => self.released_by_hook(&vessels, &result, at),
            Outcome::Renewed {
                vessels,
                renewal,
                held,
            } => self.renewed(&vessels, renewal, held, &under_way, at),
            Outcome::Maintained { last, held } => self.maintained(last, held, &under_way, at),
            Outcome::Uploaded { assignment, result } => {
                self.uploaded(id, &assignment.address.handle, result, at);
            }
            Outcome::Started { assignment, result } => {
                self.started(id, &assignment.address.handle, result, at);
            }
            Outcome::Initialised {
                fresh,
                owned,
                result,
            } => self.initialised(id, &fresh, &owned, result, at),
            Outcome::Checked {
                node,
                vessels,
                result,
            } => self.checked(&node, &vessels, result, at),
            Outcome::Weeded { vessels, result } => self.weeded(&vessels, result, at),
            Outcome::Stopped { address, result } => self.stopped(&address, result, at),
        }
    }

    /// An operation of this kind failed: the next one waits.
    fn failed(&mut self, kind: OperationKind, at: &mut Circumstances<'_>) {
        self.retries.of(kind).fail(at.backoff(), at);
    }

    /// The same, and the operator is told with what for as long as it lasts.
    fn failed_with(&mut self, kind: OperationKind, reason: WaitReason, at: &mut Circumstances<'_>) {
        self.troubles.insert(kind, reason);
        self.failed(kind, at);
    }

    /// An operation of this kind did what it is for.
    fn succeeded(&mut self, kind: OperationKind) {
        self.troubles.remove(&kind);
        self.retries.of(kind).succeed();
    }

    /// An operation of this kind is to be begun again in about that time.
    fn repeat_in(&mut self, kind: OperationKind, period: Duration, at: &mut Circumstances<'_>) {
        self.retries.of(kind).not_before = at.jittered(period);
    }

    /// What is true of the fleet after every event: each copy is on one vessel at most, and each vessel's node is watched.
    /// Looked at where tests run; a release need not look at thousands of vessels each time.
    fn hold_together(&self) {
        if cfg!(debug_assertions) {
            let indices: Vec<u32> = self.active().filter_map(|vessel| vessel.index).collect();
            let distinct: BTreeSet<&u32> = indices.iter().collect();
            invariant!(
                distinct.len() == indices.len(),
                "a copy is on two vessels: {indices:?}"
            );
            for vessel in self.vessels.values() {
                invariant!(
                    self.nodes.contains_key(&vessel.handle.node),
                    "the node of {} is not watched",
                    vessel.handle.short()
                );
                invariant!(
                    !self.absent.contains_key(&vessel.handle),
                    "{} is there and absent",
                    vessel.handle.short()
                );
            }
        }
    }

    /// Gives each vessel without an index the least free one. Those that get none are surplus.
    fn assign_copies(&mut self, wanted: u32) {
        if self.active().all(|vessel| vessel.index.is_some()) {
            return;
        }
        let taken: BTreeSet<u32> = self.active().filter_map(|vessel| vessel.index).collect();
        let mut free = (0..wanted).filter(|index| !taken.contains(index));
        for vessel in self.vessels.values_mut() {
            if vessel.index.is_none() && !vessel.stage.is_leaving() {
                vessel.index = free.next();
                self.membership_changed |= vessel.index.is_some();
            }
        }
    }

    /// Lets the breaker look at the nodes, and tells what changed. Whenever it does, silence from before counts
    /// for one round only.
    fn look_at_breaker(&mut self, at: &mut Circumstances<'_>) {
        let policy = &at.desired.policy;
        let mut silence = Silence {
            silent: 0,
            nodes: 0,
            clearinghouse_silent: self.clearinghouse_silent,
        };
        // Vessels are ordered by node, so those of one node follow each other.
        let mut last = None;
        for vessel in self.active() {
            let node = &vessel.handle.node;
            if last.replace(node) != Some(node) {
                let watch = self.nodes.get(node);
                silence.nodes += 1;
                silence.silent += usize::from(watch.is_some_and(|watch| watch.silent_rounds > 0));
            }
        }
        let before = self.breaker;
        self.breaker = before.look(
            silence,
            policy.breaker_percent,
            policy.breaker_hold,
            at.moment(),
        );
        let Silence { silent, nodes, .. } = silence;
        match (before, self.breaker) {
            (Breaker::Open { .. }, Breaker::Open { .. })
            | (Breaker::HalfOpen { .. }, Breaker::HalfOpen { .. })
            | (Breaker::Closed, Breaker::Closed) => return,
            (_, Breaker::Open { .. }) => self.changes.push(Change::BreakerOpened { silent, nodes }),
            (_, Breaker::HalfOpen { .. }) => {
                self.changes
                    .push(Change::BreakerHalfOpened { silent, nodes });
            }
            (_, Breaker::Closed) => self.changes.push(Change::BreakerClosed),
        }
        for vessel in self.vessels.values_mut() {
            if let Some(log) = &mut vessel.evidence
                && matches!(log.last, Evidence::Silent { .. })
            {
                log.rounds = log.rounds.min(1);
                log.first = at.now.moment;
                log.latest = at.now.moment;
            }
        }
    }

    /// Sends a vessel on its way out, and notes whose fault it was.
    fn condemn(&mut self, handle: &Handle, reason: CondemnReason, at: &mut Circumstances<'_>) {
        let now = at.moment();
        let programs_fault = self.copies_run_nowhere(at.desired, now);
        let blamed = match &reason {
            CondemnReason::Evidence { last, .. } => match last {
                Evidence::Silent { .. } => {
                    self.breaker = self
                        .breaker
                        .condemned_one(at.desired.policy.poll_period, now);
                    true
                }
                Evidence::NotRunning { .. } => !programs_fault,
                Evidence::NotHeld => false,
                Evidence::Misbehaved { .. }
                | Evidence::NoSuchVessel
                | Evidence::NotOurs
                | Evidence::InitialiseFailed { .. } => true,
            },
            CondemnReason::NeverRan { .. } => !programs_fault,
            CondemnReason::Surplus
            | CondemnReason::Quarantined
            | CondemnReason::SameNetwork
            | CondemnReason::DroppedByHook
            | CondemnReason::RunEnds => false,
        };
        if blamed {
            self.quarantine.blame(&handle.node, now);
        }
        self.take_step(handle, Step::Condemned(reason.clone()));
        if let Some(vessel) = self.known(handle) {
            let label = vessel.label();
            vessel.index = None;
            self.changes.push(Change::Condemned {
                vessel: label,
                reason,
            });
        }
    }

    /// A vessel of which the caller knows that it is ours. That it is not is a bug of ours.
    fn known(&mut self, handle: &Handle) -> Option<&mut Vessel> {
        let vessel = self.vessels.get_mut(handle);
        if vessel.is_none() {
            bug!("vessel {} is not ours any more", handle.short());
        }
        vessel
    }

    /// Takes a vessel's step. That it is not allowed is a bug of ours.
    fn take_step(&mut self, handle: &Handle, step: Step) {
        let taken = match self.vessels.get_mut(handle) {
            Some(vessel) => vessel.take(step).map_err(|error| error.to_string()),
            None => Err(format!(
                "vessel {} is not ours and cannot take a step",
                handle.short()
            )),
        };
        if let Err(message) = taken {
            bug!("{message}");
        }
    }

    /// Something answered: our own link works.
    fn heard(&mut self, now: Moment) {
        self.last_heard = now;
    }
}

#[cfg(test)]
mod tests;
