//! The pure decision: what to do now, and what the fleet waits for and why.
//!
//! `plan` reads the fleet and decides; it calls nobody and changes nothing, so every decision can be had again
//! from the fleet that led to it. It owns the order: give back before asking for more, bring up before
//! watching, watch before renewing. What is true is left to [`crate::fleet`], doing it to the runner.

mod acting;
mod judging;

use std::collections::BTreeMap;

use overlord_bug::invariant;
use overlord_time::{Moment, Now, WallTime};
use overlord_types::{Handle, NodeId};

use crate::fleet::{Desired, Fleet, Phase, Verdict};
use crate::operation::{Operation, OperationKind};
use crate::report::{FleetWait, Report, VesselReport, VesselWait};
use crate::settings::OnStop;
use crate::vessel::{Stage, StartProgress, Vessel};

/// What to do now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Decisions that call nobody. If there are any, they are carried out and the fleet is planned anew
    /// before anything else is done.
    pub verdicts: Vec<Verdict>,
    /// What to begin.
    pub operations: Vec<Operation>,
    /// When to plan again even if nothing happens.
    pub wake_at: Option<Moment>,
    /// Whether the run is over.
    pub finished: bool,
}

/// Decides what to do, and says what the fleet waits for.
///
/// # Guarantees
/// - The same arguments give the same answer.
/// - Of the vessels held, those in doubt included, there are never more than wanted and surge after what it asks for.
/// - No running vessel is condemned on less than two rounds of evidence, or while the breaker is open.
/// - At most the policy's number of operations is under way on one node and in all, after what it begins.
#[must_use]
pub fn plan(desired: &Desired, fleet: &Fleet, now: Now) -> (Plan, Report) {
    let mut planner = Planner::new(desired, fleet, now);
    planner.judge();
    if planner.plan.verdicts.is_empty() {
        match fleet.phase() {
            Phase::StartingUp => planner.start_up(),
            Phase::Keeping => {
                planner.give_back();
                planner.settle_doubts();
                planner.read();
                planner.acquire();
                planner.bring_up();
                planner.watch();
                planner.keep_leases();
            }
            Phase::Stopping { deadline, .. } => planner.wind_up(deadline),
        }
    }
    planner.finish()
}

/// Room for operations on nodes: so many in all, so many on one node.
struct Room<'a> {
    in_all: usize,
    per_node_max: usize,
    taken: BTreeMap<&'a NodeId, usize>,
}

impl<'a> Room<'a> {
    /// What is left beside what is under way.
    fn new(desired: &Desired, fleet: &'a Fleet) -> Self {
        let mut room = Self {
            in_all: desired.policy.operations_max,
            per_node_max: desired.policy.operations_per_node_max,
            taken: BTreeMap::new(),
        };
        for (_, under_way) in fleet.under_way() {
            if let Some(node) = &under_way.node {
                *room.taken.entry(node).or_default() += 1;
                // Checks have a count of their own: they are not to wait behind slow uploads.
                if under_way.kind != OperationKind::Check {
                    room.in_all = room.in_all.saturating_sub(1);
                }
            }
        }
        room
    }

    fn has_for(&self, node: &NodeId) -> bool {
        self.taken
            .get(node)
            .is_none_or(|taken| *taken < self.per_node_max)
    }

    fn take(&mut self, node: &'a NodeId) -> bool {
        let fits = self.in_all > 0 && self.has_for(node);
        if fits {
            self.in_all -= 1;
            *self.taken.entry(node).or_default() += 1;
        }
        fits
    }
}

struct Planner<'a> {
    desired: &'a Desired,
    fleet: &'a Fleet,
    now: Now,
    room: Room<'a>,
    nothing_runs_for_long: bool,
    plan: Plan,
    waits: Vec<FleetWait>,
    vessel_waits: BTreeMap<&'a Handle, VesselWait>,
}

impl<'a> Planner<'a> {
    fn new(desired: &'a Desired, fleet: &'a Fleet, now: Now) -> Self {
        Self {
            desired,
            fleet,
            now,
            room: Room::new(desired, fleet),
            nothing_runs_for_long: fleet.copies_run_nowhere(desired, now.moment),
            plan: Plan::default(),
            waits: Vec::new(),
            vessel_waits: BTreeMap::new(),
        }
    }

    /// Whether no operation of this kind is under way, and it is time for one.
    fn may_begin(&mut self, kind: OperationKind) -> bool {
        !self.fleet.is_under_way(kind) && self.is_time(self.fleet.not_before(kind))
    }

    fn do_it(&mut self, operation: Operation) {
        self.plan.operations.push(operation);
    }

    /// Whether it is time; if not, the planner is woken when it is.
    fn is_time(&mut self, moment: Moment) -> bool {
        let due = self.now.moment >= moment;
        if !due {
            self.wake_at(moment);
        }
        due
    }

    fn wake_at(&mut self, moment: Moment) {
        let sooner = self.plan.wake_at.is_none_or(|wake_at| moment < wake_at);
        if sooner {
            self.plan.wake_at = Some(moment);
        }
    }

    fn wall(&self, moment: Moment) -> WallTime {
        self.now.wall + moment.since(self.now.moment)
    }

    fn wait(&mut self, vessel: &'a Vessel, wait: VesselWait) {
        self.vessel_waits.insert(&vessel.handle, wait);
    }

    /// The last phase: what the operator wants to become of the vessels.
    fn wind_up(&mut self, deadline: Moment) {
        let on_stop = self.desired.policy.on_stop;
        match on_stop {
            OnStop::Leave => {}
            OnStop::Stop => self.stop_programs(),
            OnStop::Release => {
                self.give_back();
                self.settle_doubts();
                self.read();
            }
        }
        let waited_for = self
            .fleet
            .under_way()
            .any(|(_, under_way)| under_way.kind.is_waited_for_at_the_end(on_stop));
        let all_given_back = on_stop != OnStop::Release || self.fleet.holding() == 0;
        let done = self.plan.operations.is_empty() && !waited_for && all_given_back;
        self.plan.finished = done || self.is_time(deadline);
        if self.plan.finished {
            self.plan.operations.clear();
        }
    }

    /// What `plan` promises, looked at where the plan leaves; [`crate::Fleet::begin`] looks at it again where it comes in.
    fn hold_promises(&self) {
        let plan = &self.plan;
        invariant!(
            plan.verdicts.is_empty() || plan.operations.is_empty(),
            "a plan has verdicts, and operations that were decided without them"
        );
        let asked: usize = plan
            .operations
            .iter()
            .map(|operation| match operation {
                Operation::Acquire { request, .. } => request.request.count as usize,
                _ => 0,
            })
            .sum();
        let policy = &self.desired.policy;
        let most = self.desired.deployment.vessel_count as usize + policy.surge as usize;
        invariant!(
            asked == 0 || self.fleet.holding() + asked <= most,
            "{asked} vessels are asked for beside {} that are held, of {most} at most",
            self.fleet.holding()
        );
        let changes = plan.operations.iter().map(Operation::kind);
        invariant!(
            changes.filter(|kind| kind.changes_the_account()).count() <= 1,
            "vessels are to be got and given back at the same time"
        );
    }

    fn finish(mut self) -> (Plan, Report) {
        self.hold_promises();
        if self.plan.verdicts.is_empty()
            && let Some(moment) = self
                .fleet
                .breaker()
                .changes_at(self.desired.policy.breaker_hold)
            && moment > self.now.moment
        {
            self.wake_at(moment);
        }
        for reason in self.fleet.troubles() {
            self.waits.push(FleetWait {
                reason: reason.clone(),
                until: None,
            });
        }
        let vessels = self
            .fleet
            .vessels()
            .map(|vessel| self.report_on(vessel))
            .collect();
        let report = Report {
            wanted: self.desired.deployment.vessel_count,
            breaker: self.fleet.breaker(),
            in_doubt: self.fleet.in_doubt(),
            absent: self.fleet.absent().len(),
            vessels,
            waits: self.waits,
        };
        (self.plan, report)
    }

    fn report_on(&self, vessel: &Vessel) -> VesselReport {
        let wait = match self.vessel_waits.get(&vessel.handle) {
            Some(wait) => *wait,
            None => self.plain_wait(vessel),
        };
        VesselReport {
            handle: vessel.handle.clone(),
            index: vessel.index,
            stage: vessel.stage.name(),
            rounds: vessel.rounds(),
            lease_remaining: vessel.lease.remaining(self.now),
            wait,
        }
    }

    /// What a vessel waits for of which no step of the plan had anything special to say.
    fn plain_wait(&self, vessel: &Vessel) -> VesselWait {
        let look = || {
            let watch = self.fleet.watch(&vessel.handle.node);
            let at = self.wall(watch.map_or(self.now.moment, |watch| watch.next_check));
            VesselWait::NextLook { at }
        };
        match &vessel.stage {
            Stage::Uploading { .. } => VesselWait::Operation { name: "its upload" },
            Stage::Starting {
                progress: StartProgress::Queued,
            }
            | Stage::Acquired => VesselWait::Turn,
            Stage::Starting {
                progress: StartProgress::Asked(_),
            } => VesselWait::Operation { name: "its start" },
            Stage::Starting {
                progress: StartProgress::Unconfirmed { .. },
            }
            | Stage::Running { .. }
            | Stage::Suspect { .. }
            | Stage::Unknown { .. } => look(),
            Stage::Condemned { .. } => VesselWait::Turn,
            Stage::Releasing { .. } => VesselWait::Operation {
                name: "its release",
            },
        }
    }
}

#[cfg(test)]
mod tests;
