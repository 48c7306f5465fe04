//! What is true of the fleet, as far as we know: the one state that one task owns.
//!
//! [`Fleet::apply`] takes an [`Event`] in; [`crate::plan`] reads the fleet and says what to do; [`Fleet::begin`] and
//! [`Fleet::carry_out`] note that it is being done. Nothing here decides, waits, or calls anybody.

mod acquiring;
mod bringing_up;
mod ending;
mod holding;
mod parts;
mod reading;
mod watching;

use std::collections::{BTreeMap, BTreeSet};

use overlord_time::{Moment, Now};
use overlord_types::{Handle, NodeId};

use crate::breaker::{Breaker, Silence};
use crate::fleet_event::{Change, CondemnReason, Evidence, StopReason, WaitReason};
use crate::journal::Ledger;
use crate::operation::{Doubt, Event, Operation, OperationId, Outcome};
use crate::ports::HeldVessel;
use crate::quarantine::Quarantine;
use crate::vessel::{Stage, Step, Vessel};

pub use parts::{
    Absent, Acquisition, Circumstances, CopyRecord, Desired, NodeWatch, Phase, Reading,
    ReplacedHooks, Retry, UnderWay, Verdict,
};

/// Everything known of the fleet.
#[derive(Debug, Clone)]
pub struct Fleet {
    pub(crate) phase: Phase,
    pub(crate) vessels: BTreeMap<Handle, Vessel>,
    pub(crate) nodes: BTreeMap<NodeId, NodeWatch>,
    pub(crate) copies: BTreeMap<u32, CopyRecord>,
    pub(crate) under_way: BTreeMap<OperationId, UnderWay>,
    pub(crate) start_up: Retry,
    pub(crate) acquisition: Acquisition,
    pub(crate) reading: Reading,
    pub(crate) doubts: BTreeMap<u64, Doubt>,
    pub(crate) claims: BTreeMap<u64, Vec<HeldVessel>>,
    pub(crate) claiming: Retry,
    pub(crate) absent: BTreeMap<Handle, Absent>,
    pub(crate) left_alone: BTreeSet<Handle>,
    left_alone_missing: BTreeSet<Handle>,
    pub(crate) releasing: Retry,
    pub(crate) renewing: Retry,
    pub(crate) initialising: Retry,
    pub(crate) weeding: Retry,
    pub(crate) maintaining: Retry,
    pub(crate) last_maintained: Moment,
    pub(crate) breaker: Breaker,
    pub(crate) quarantine: Quarantine,
    pub(crate) last_heard: Moment,
    pub(crate) clearinghouse_silent: bool,
    /// What the clearinghouse, the journal or a hook last failed with, by what was asked; for the operator.
    pub(crate) troubles: BTreeMap<&'static str, WaitReason>,
    pub(crate) undone: Vec<String>,
    pub(crate) stops_asked: BTreeSet<Handle>,
    recently_gone: BTreeMap<Handle, u64>,
    ledger: Ledger,
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
            start_up: Retry::default(),
            acquisition: Acquisition::default(),
            reading: Reading::default(),
            doubts: BTreeMap::new(),
            claims: BTreeMap::new(),
            claiming: Retry::default(),
            absent: BTreeMap::new(),
            left_alone: BTreeSet::new(),
            left_alone_missing: BTreeSet::new(),
            releasing: Retry::default(),
            renewing: Retry::default(),
            initialising: Retry::default(),
            weeding: Retry::default(),
            maintaining: Retry::default(),
            last_maintained: now.moment,
            breaker: Breaker::default(),
            quarantine: Quarantine::default(),
            last_heard: Moment::BEGINNING,
            clearinghouse_silent: false,
            troubles: BTreeMap::new(),
            undone: Vec::new(),
            stops_asked: BTreeSet::new(),
            recently_gone: BTreeMap::new(),
            ledger,
            next_operation: 0,
            step: 0,
            changes: Vec::new(),
            membership_changed: true,
        }
    }

    /// The vessels that are ours, by handle.
    pub fn vessels(&self) -> impl Iterator<Item = &Vessel> {
        self.vessels.values()
    }

    /// The operations that are under way.
    pub fn under_way(&self) -> impl Iterator<Item = (&OperationId, &UnderWay)> {
        self.under_way.iter()
    }

    /// The breaker's state.
    #[must_use]
    pub fn breaker(&self) -> Breaker {
        self.breaker
    }

    /// How far the run is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Vessels of the account that are not ours, as last read.
    #[must_use]
    pub fn left_alone(&self) -> &BTreeSet<Handle> {
        &self.left_alone
    }

    /// How many vessels doubtful acquisitions may have brought at most.
    #[must_use]
    pub fn in_doubt(&self) -> u32 {
        let asked = self.doubts.values().map(|doubt| doubt.request.count);
        asked.fold(0, u32::saturating_add)
    }

    /// How many vessels are ours or may be: the journal's that were not seen yet included.
    #[must_use]
    pub fn holding(&self) -> usize {
        self.vessels.len() + self.absent.len() + self.in_doubt() as usize
    }

    /// Vessels that are not on their way out.
    pub(crate) fn active(&self) -> impl Iterator<Item = &Vessel> {
        self.vessels
            .values()
            .filter(|vessel| !vessel.stage.is_leaving())
    }

    /// Whether an operation of this kind is under way.
    pub(crate) fn is_under_way(&self, kind: impl Fn(&Operation) -> bool) -> bool {
        self.under_way
            .values()
            .any(|under_way| kind(&under_way.operation))
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
            Event::Finished {
                id,
                outcome,
                effects,
            } => match self.under_way.remove(&id) {
                Some(under_way) => {
                    let by_default_hook = matches!(under_way.operation, Operation::Acquire { .. })
                        && !at.desired.replaced.acquire_vessels;
                    self.take_effects(effects, by_default_hook, at);
                    self.take_outcome(id, under_way, outcome, at);
                }
                None => self.bug(format!("{id} ended and was never begun")),
            },
        }
        self.assign_copies(at.desired.deployment.vessel_count);
        self.look_at_breaker(at);
        std::mem::take(&mut self.changes)
    }

    /// Notes that an operation is begun, and gives it its number.
    pub fn begin(&mut self, operation: Operation, now: Moment) -> OperationId {
        let id = OperationId::of(self.next_operation);
        self.next_operation += 1;
        match &operation {
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
            Operation::Release { vessels } => {
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
            | Operation::Acquire { .. }
            | Operation::Claim { .. }
            | Operation::Check { .. }
            | Operation::Weed { .. }
            | Operation::Renew { .. }
            | Operation::Maintain { .. } => {}
        }
        let under_way = UnderWay {
            operation,
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
                if let Some(vessel) = self.vessels.get(&handle) {
                    self.changes.push(Change::Unknown {
                        vessel: vessel.label(),
                    });
                }
            }
        }
        self.assign_copies(at.desired.deployment.vessel_count);
        self.look_at_breaker(at);
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

    fn take_outcome(
        &mut self,
        id: OperationId,
        under_way: UnderWay,
        outcome: Outcome,
        at: &mut Circumstances<'_>,
    ) {
        match (under_way.operation.clone(), outcome) {
            (Operation::StartUp, Outcome::StartedUp(result)) => self.started_up(result, at),
            (Operation::ReadHeld, Outcome::Held(result)) => self.read(result, &under_way, at),
            (Operation::Acquire { count, .. }, Outcome::Acquired(result)) => {
                self.acquired(count, result, at);
            }
            (
                Operation::Claim {
                    acquisition,
                    vessels,
                },
                Outcome::Claimed(result),
            ) => {
                self.claimed(acquisition, vessels, result, at);
            }
            (Operation::Release { vessels }, Outcome::Released(result)) => {
                self.released(id, &vessels, result, at);
            }
            (Operation::Renew { vessels }, Outcome::Renewed { renewal, held }) => {
                self.renewed(&vessels, renewal, held, &under_way, at);
            }
            (Operation::Maintain { .. }, Outcome::Maintained { last, held }) => {
                self.maintained(last, held, &under_way, at);
            }
            (Operation::Upload(assignment), Outcome::Uploaded(result)) => {
                self.uploaded(id, &assignment.address.handle, result, at);
            }
            (Operation::Start { assignment, .. }, Outcome::Started(result)) => {
                self.started(id, &assignment.address.handle, result, at);
            }
            (Operation::Initialise { fresh, owned }, Outcome::Initialised(result)) => {
                self.initialised(id, &fresh, &owned, result, at);
            }
            (Operation::Check { node, vessels, .. }, Outcome::Checked(result)) => {
                self.checked(&node, &vessels, result, at);
            }
            (Operation::Weed { vessels }, Outcome::Weeded(result)) => {
                self.weeded(&vessels, result, at);
            }
            (Operation::Stop(address), Outcome::Stopped(result)) => {
                self.stopped(&address, result, at);
            }
            (operation, outcome) => {
                let name = operation.name();
                self.bug(format!(
                    "{name} ended with the outcome of something else: {outcome:?}"
                ));
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
        if let Some(vessel) = self.vessels.get_mut(handle) {
            let label = vessel.label();
            vessel.index = None;
            self.changes.push(Change::Condemned {
                vessel: label,
                reason,
            });
        }
    }

    /// Whether no copy has run for long anywhere: then a program that ends is likely to be at fault itself.
    pub(crate) fn copies_run_nowhere(&self, desired: &Desired, now: Moment) -> bool {
        let stable = |vessel: &Vessel| match vessel.stage {
            Stage::Running { since } => now.since(since) >= desired.policy.stable_after,
            _ => false,
        };
        !self.active().any(stable)
    }

    /// Takes a vessel's step. That it is not allowed is a bug of ours, and reported as such.
    fn take_step(&mut self, handle: &Handle, step: Step) {
        let taken = match self.vessels.get_mut(handle) {
            Some(vessel) => vessel.take(step).map_err(|error| error.to_string()),
            None => Err(format!(
                "vessel {} is not ours and cannot take a step",
                handle.short()
            )),
        };
        if let Err(message) = taken {
            self.bug(message);
        }
    }

    fn bug(&mut self, message: String) {
        tracing::error!(message, "bug in the engine");
        self.changes.push(Change::Bug { message });
    }

    /// Something answered: our own link works.
    fn heard(&mut self, now: Moment) {
        self.last_heard = now;
    }
}

#[cfg(test)]
mod tests;
