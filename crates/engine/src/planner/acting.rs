//! What to begin: each step of the plan, in the order in which `plan` calls them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use overlord_time::Moment;
use overlord_types::{Handle, NodeId};

use super::Planner;
use super::judging::ROUNDS_MIN;
use crate::fleet_event::{CondemnReason, Evidence, WaitReason};
use crate::operation::{Asker, Assignment, Doubt, Operation, OperationKind, RequestAnswer};
use crate::report::{FleetWait, VesselWait};
use crate::vessel::{Stage, StartProgress, Vessel};

/// Most vessels asked for, renewed or given back in one request: the answer stays well under a megabyte.
const REQUEST_MAX: usize = 500;
/// A reading older than this does not tell what the account held before an acquisition: whatever came since
/// would be taken for ours if the answer were lost.
const BASELINE_AGE_MAX: Duration = Duration::from_secs(60);
/// New vessels are first renewed so long after their acquisition: long enough for one request to do for all of
/// a start, short enough that an overlord that dies soon leaves them with long leases.
const FIRST_RENEWAL_AFTER: Duration = Duration::from_secs(10);

impl<'a> Planner<'a> {
    // ── starting up ──────────────────────────────────────────────────────────────────────────────

    pub(super) fn start_up(&mut self) {
        if self.may_begin(OperationKind::StartUp) {
            self.do_it(Operation::StartUp);
        }
    }

    // ── giving back, before anything is asked for ────────────────────────────────────────────────

    pub(super) fn give_back(&mut self) {
        let mut vessels = BTreeSet::new();
        let absent = self.fleet.absent();
        let lost =
            absent.filter(|(_, absent)| absent.missing_readings >= ROUNDS_MIN && !absent.releasing);
        vessels.extend(lost.map(|(handle, _)| handle.clone()));
        for vessel in self.fleet.vessels() {
            let Stage::Condemned { reason } = &vessel.stage else {
                continue;
            };
            // What was condemned before the breaker opened waits like the others.
            let held_back = vessel.ran && self.fleet.breaker().is_open();
            if held_back && *reason != CondemnReason::RunEnds && !self.fleet.is_stopping() {
                self.wait(vessel, VesselWait::Breaker);
            } else {
                vessels.insert(vessel.handle.clone());
            }
        }
        if vessels.is_empty() || self.account_is_changing() {
            return;
        }
        let not_before = self.fleet.not_before(OperationKind::Release);
        if self.is_time(not_before) {
            let vessels = vessels.into_iter().take(REQUEST_MAX).collect();
            let by = Asker::Planner;
            self.do_it(Operation::Release { vessels, by });
        } else {
            let until = self.wall(not_before);
            for vessel in self.fleet.vessels() {
                if vessels.contains(&vessel.handle) {
                    self.wait(vessel, VesselWait::Pause { until });
                }
            }
        }
    }

    // ── what lost answers brought ────────────────────────────────────────────────────────────────

    pub(super) fn settle_doubts(&mut self) {
        let unanswered = |doubt: &&Doubt| doubt.answer != RequestAnswer::Awaited;
        for doubt in self.fleet.doubts().filter(unanswered) {
            let reason = WaitReason::LostAnswer {
                count: doubt.request.count,
            };
            self.waits.push(FleetWait {
                reason,
                until: None,
            });
        }
        if let Some((acquisition, vessels)) = self.fleet.first_claim()
            && self.may_begin(OperationKind::Claim)
        {
            self.do_it(Operation::Claim {
                acquisition,
                vessels: vessels.to_vec(),
            });
        }
    }

    // ── reading what the account holds ───────────────────────────────────────────────────────────

    pub(super) fn read(&mut self) {
        let under_way = self.fleet.is_under_way(OperationKind::ReadHeld);
        if !under_way && self.wants_reading() && self.may_begin(OperationKind::ReadHeld) {
            self.do_it(Operation::ReadHeld);
        }
    }

    fn wants_reading(&mut self) -> bool {
        let Some(last) = self.fleet.last_reading() else {
            return true;
        };
        let now = self.now;
        // Something looks wrong since: does the vessel still count as ours, has its node moved, does our link work?
        let wrong_since = |vessel: &Vessel| {
            vessel.stage.is_watched()
                && vessel.evidence.as_ref().is_some_and(|log| {
                    log.first >= last && !matches!(log.last, Evidence::NotRunning { .. })
                })
        };
        let run_out = |vessel: &Vessel| vessel.lease.remaining(now).is_zero();
        self.fleet.leaves_questions_open()
            || self
                .fleet
                .active()
                .any(|vessel| wrong_since(vessel) || run_out(vessel))
            || (self.missing_copies() > 0 && now.moment.since(last) > BASELINE_AGE_MAX)
            || self.is_time(last + self.desired.policy.ownership_period)
    }

    // ── acquiring ────────────────────────────────────────────────────────────────────────────────

    fn missing_copies(&self) -> usize {
        let wanted = self.desired.deployment.vessel_count as usize;
        wanted.saturating_sub(self.fleet.active().count() + self.fleet.absent().len())
    }

    pub(super) fn acquire(&mut self) {
        let missing = self.missing_copies();
        if missing == 0 {
            return;
        }
        let not_before = self.fleet.not_before(OperationKind::Acquire);
        if let Some(reason) = self.fleet.refusal() {
            let until = Some(self.wall(not_before));
            self.waits.push(FleetWait {
                reason: reason.clone(),
                until,
            });
        }
        // A lost answer is found out about first: asking again blindly could get twice as many.
        if self.account_is_changing() || self.fleet.doubts().len() > 0 || !self.is_time(not_before)
        {
            return;
        }
        let fresh_baseline = self
            .fleet
            .last_reading()
            .is_some_and(|last| self.now.moment.since(last) <= BASELINE_AGE_MAX);
        if !fresh_baseline {
            return;
        }
        let policy = &self.desired.policy;
        let most = self.desired.deployment.vessel_count as usize + policy.surge as usize;
        let room = most.saturating_sub(self.fleet.holding());
        let limit = self
            .fleet
            .ask_limit()
            .map_or(REQUEST_MAX, |limit| limit as usize);
        let count = missing.min(room).min(limit.max(1)).min(REQUEST_MAX);
        if let Ok(count @ 1..) = u32::try_from(count) {
            self.do_it(if self.desired.replaced.acquire_vessels {
                let owned = self.owned();
                Operation::AcquireByHook { owned }
            } else {
                let request = self.fleet.request_for(count, self.now);
                let by = Asker::Planner;
                Operation::Acquire { request, by }
            });
        }
    }

    /// Whether vessels are being got or given back. One after the other: the vessel that is given back may be the
    /// one that is got, and the journal must tell in which order. Hooks' wishes wait for the same reason.
    fn account_is_changing(&self) -> bool {
        let mut under_way = self.fleet.under_way().map(|(_, under_way)| under_way.kind);
        let mut begun = self.plan.operations.iter().map(Operation::kind);
        under_way.any(OperationKind::changes_the_account)
            || begun.any(OperationKind::changes_the_account)
    }

    fn owned(&self) -> Vec<Handle> {
        self.fleet
            .active()
            .map(|vessel| vessel.handle.clone())
            .collect()
    }

    // ── bringing up ──────────────────────────────────────────────────────────────────────────────

    pub(super) fn bring_up(&mut self) {
        if self.desired.replaced.init_vessels {
            return self.bring_up_by_hook();
        }
        // What has come farthest goes first: it takes the least to make it run.
        for vessel in self.fleet.active() {
            if matches!(
                vessel.stage,
                Stage::Starting {
                    progress: StartProgress::Queued
                }
            ) {
                self.begin_on_node(vessel, |assignment| Operation::Start {
                    assignment,
                    first: false,
                });
            }
        }
        for vessel in self.fleet.active() {
            if !self.is_to_be_brought_up(vessel) {
                continue;
            }
            if vessel.uploaded {
                self.begin_on_node(vessel, |assignment| Operation::Start {
                    assignment,
                    first: true,
                });
            } else {
                self.begin_on_node(vessel, Operation::Upload);
            }
        }
    }

    fn bring_up_by_hook(&mut self) {
        let mut fresh = Vec::new();
        for vessel in self.fleet.active() {
            if self.is_to_be_brought_up(vessel) {
                fresh.extend(self.assignment(vessel));
            }
        }
        if fresh.is_empty() || !self.may_begin(OperationKind::Initialise) {
            return;
        }
        let owned = self.owned();
        self.do_it(Operation::Initialise { fresh, owned });
    }

    /// Whether nothing runs on the vessel, and it may be brought up now.
    fn is_to_be_brought_up(&mut self, vessel: &'a Vessel) -> bool {
        let idle = match &vessel.stage {
            Stage::Acquired => true,
            Stage::Suspect { .. } => {
                let ended = vessel
                    .evidence
                    .as_ref()
                    .is_some_and(|log| matches!(log.last, Evidence::NotRunning { .. }));
                ended && !self.desired.replaced.remove_vessels && self.may_try_again_here(vessel)
            }
            Stage::Uploading { .. }
            | Stage::Starting { .. }
            | Stage::Running { .. }
            | Stage::Unknown { .. }
            | Stage::Condemned { .. }
            | Stage::Releasing { .. } => false,
        };
        if !idle || vessel.missing_readings > 0 {
            return false;
        }
        let copy = vessel.index.map(|index| self.fleet.copy(index));
        let not_before = copy.map_or(Moment::BEGINNING, |copy| copy.retry.not_before);
        let due = self.is_time(not_before);
        if !due {
            let until = self.wall(not_before);
            self.wait(vessel, VesselWait::Pause { until });
        }
        due
    }

    fn assignment(&self, vessel: &Vessel) -> Option<Assignment> {
        let index = vessel.index?;
        Some(Assignment {
            address: vessel.address(),
            index,
            failures: self.fleet.copy(index).retry.failures,
        })
    }

    fn begin_on_node(
        &mut self,
        vessel: &'a Vessel,
        operation: impl FnOnce(Assignment) -> Operation,
    ) {
        let Some(assignment) = self.assignment(vessel) else {
            return;
        };
        if self.room.take(&vessel.handle.node) {
            self.do_it(operation(assignment));
        } else {
            self.wait(vessel, VesselWait::Turn);
        }
    }

    // ── watching ─────────────────────────────────────────────────────────────────────────────────

    pub(super) fn watch(&mut self) {
        if self.desired.replaced.remove_vessels {
            self.weed();
        }
        let mut by_node: BTreeMap<&NodeId, Vec<&Vessel>> = BTreeMap::new();
        for vessel in self.fleet.vessels() {
            // A replaced hook looks itself; only what a start left open is ours to find out.
            let open_start = matches!(vessel.stage, Stage::Starting { .. });
            let ours_to_look = open_start || !self.desired.replaced.remove_vessels;
            let of_interest = vessel.stage.is_watched() || vessel.stage.may_be_pardoned();
            if of_interest && ours_to_look {
                by_node.entry(&vessel.handle.node).or_default().push(vessel);
            }
        }
        let under_way = self.fleet.under_way().map(|(_, under_way)| under_way);
        let checks = under_way.filter(|under_way| under_way.kind == OperationKind::Check);
        let checked: BTreeSet<&NodeId> = checks.filter_map(|check| check.node.as_ref()).collect();
        let mut room = self
            .desired
            .policy
            .operations_max
            .saturating_sub(checked.len());
        for (node, vessels) in by_node {
            let Some(watch) = self.fleet.watch(node) else {
                continue;
            };
            if checked.contains(node) || !self.is_time(watch.next_check) {
                continue;
            }
            if room == 0 || !self.room.has_for(node) {
                continue;
            }
            room -= 1;
            let Some(location) = vessels.first().map(|vessel| vessel.location.clone()) else {
                continue;
            };
            let vessels = vessels
                .into_iter()
                .map(|vessel| (vessel.handle.clone(), vessel.generation));
            self.do_it(Operation::Check {
                node: node.clone(),
                location,
                vessels: vessels.collect(),
            });
        }
    }

    fn weed(&mut self) {
        let watched = |vessel: &&Vessel| {
            matches!(
                vessel.stage,
                Stage::Running { .. } | Stage::Suspect { .. } | Stage::Unknown { .. }
            )
        };
        let vessels: BTreeMap<Handle, u64> = self
            .fleet
            .active()
            .filter(watched)
            .map(|vessel| (vessel.handle.clone(), vessel.generation))
            .collect();
        if !vessels.is_empty() && self.may_begin(OperationKind::Weed) {
            self.do_it(Operation::Weed { vessels });
        }
    }

    // ── leases ───────────────────────────────────────────────────────────────────────────────────

    pub(super) fn keep_leases(&mut self) {
        if self.desired.replaced.maintenance {
            return self.maintain_by_hook();
        }
        let mut due = false;
        // By what is left of the lease: of more than one request takes, those that end first go first.
        let mut batch = BTreeSet::new();
        for vessel in self.fleet.active() {
            let at = self.renewal_due(vessel);
            let left = vessel.lease.remaining(self.now);
            let half_over = left < vessel.lease.length / 2;
            due |= half_over || self.is_time(at);
            // Those whose turn comes soon go with them, so that requests stay few.
            let age = self.now.moment.since(vessel.lease.granted);
            if half_over || self.now.moment >= at || age >= vessel.lease.length / 8 {
                batch.insert((left, vessel.handle.clone()));
            }
        }
        if !due || !self.may_begin(OperationKind::Renew) {
            return;
        }
        let first = batch.into_iter().take(REQUEST_MAX);
        let vessels = first.map(|(_, handle)| handle).collect();
        self.do_it(Operation::Renew { vessels });
    }

    /// When a vessel's lease is to be renewed: soon after it was acquired and runs; then once per period, and
    /// in any case before half of it is over.
    fn renewal_due(&self, vessel: &Vessel) -> Moment {
        let lease = &vessel.lease;
        let in_use = matches!(vessel.stage, Stage::Running { .. });
        let after = if in_use && !lease.renewed {
            FIRST_RENEWAL_AFTER.min(lease.length / 4)
        } else {
            self.desired.policy.renew_period.min(lease.length / 2)
        };
        lease.granted + after
    }

    fn maintain_by_hook(&mut self) {
        let owned = self.owned();
        if !owned.is_empty() && self.may_begin(OperationKind::Maintain) {
            let last = self.fleet.last_maintained();
            self.do_it(Operation::Maintain { last, owned });
        }
    }

    // ── the end ──────────────────────────────────────────────────────────────────────────────────

    pub(super) fn stop_programs(&mut self) {
        for vessel in self.fleet.active() {
            let asked = self.fleet.was_told_to_stop(&vessel.handle);
            // While the node is being told to start it, a stop could overtake the start.
            let starting = self
                .fleet
                .is_under_way_on(OperationKind::Start, &vessel.handle);
            if vessel.may_run && !starting && !asked && self.room.take(&vessel.handle.node) {
                self.do_it(Operation::Stop(vessel.address()));
            }
        }
    }
}
