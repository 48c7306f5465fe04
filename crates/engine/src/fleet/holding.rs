//! What is ours: readings of the account, acquisitions and their doubts, releases, leases.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use overlord_types::{Handle, NodeLocation, VesselType};

use super::{Absent, Circumstances, Fleet, NodeWatch, Phase, UnderWay};
use crate::backoff::Backoff;
use crate::error::{ClearinghouseError, HookError, JournalError};
use crate::fleet_event::{Change, CondemnReason, Evidence, VesselLabel, WaitReason};
use crate::operation::{
    AcquireError, Doubt, Effects, OperationId, ReleaseError, StartUpError, StartUpReport,
};
use crate::ports::HeldVessel;
use crate::text::with_causes;
use crate::time::Moment;
use crate::vessel::{Stage, Step, Vessel};

/// How often in a row we are choosy about what the clearinghouse gives us, before we use it anyhow: a few
/// tries find another machine if there is one, and cost a few requests if there is none.
const CHOOSY_MAX: u32 = 3;
/// How long we use whatever comes after that: as long as the shortest quarantine.
const UNCHOOSY_FOR: Duration = Duration::from_secs(10 * 60);
/// Leases of one kind differ by what answers take on their way, and by clocks that are set meanwhile.
const LEASE_SLACK: Duration = Duration::from_secs(5 * 60);
/// One reading that does not show what it should may be a mistake of the clearinghouse; two are believed.
const READINGS_MIN: u32 = 2;

impl Fleet {
    /// The start-up is over: what is ours of what the account holds enters the fleet.
    pub(super) fn started_up(
        &mut self,
        result: Result<StartUpReport, StartUpError>,
        at: &mut Circumstances<'_>,
    ) {
        let report = match result {
            Ok(report) => report,
            Err(error) => {
                let reason = match error {
                    StartUpError::Clearinghouse(error) => self.clearinghouse_failed(&error, at),
                    StartUpError::Journal(error) => journal_trouble(&error),
                    // The runner ends the run on this; it never gets here.
                    StartUpError::Hook(error) => self.hook_failed(&error),
                };
                self.troubles.insert("start-up", reason);
                self.start_up.fail(at.backoff(), at);
                return;
            }
        };
        self.troubles.remove("start-up");
        self.clearinghouse_answered(at);
        if !report.released.is_empty() {
            self.changes.push(Change::ReleasedAtStart {
                vessels: report.released,
            });
        }
        if self.phase == Phase::StartingUp {
            self.phase = Phase::Keeping;
        }
        let ledger = std::mem::take(&mut self.ledger);
        // How long ago it was asked, a clock on the wall cannot tell for certain: twice the deadline from now is
        // what it had at most if it was asked just before the crash.
        let settled_after = at.moment() + at.desired.policy.clearinghouse_deadline * 2;
        for (acquisition, request) in ledger.doubts {
            let doubt = Doubt {
                request,
                settled_after,
                empty_readings: 0,
            };
            self.doubts.insert(acquisition, doubt);
        }
        for (handle, vessel) in ledger.vessels {
            let absent = Absent {
                ledger: vessel,
                ..Absent::default()
            };
            self.absent.insert(handle, absent);
        }
        for handle in &report.adopted {
            self.absent.entry(handle.clone()).or_default();
        }
        let step = self.step;
        self.take_reading(report.held, at.moment(), step, at);
    }

    /// A reading came, or did not.
    pub(super) fn read(
        &mut self,
        result: Result<Vec<HeldVessel>, ClearinghouseError>,
        under_way: &UnderWay,
        at: &mut Circumstances<'_>,
    ) {
        match result {
            Ok(held) => {
                self.troubles.remove("reading");
                self.clearinghouse_answered(at);
                self.take_reading(held, under_way.since, under_way.step, at);
            }
            Err(error) => {
                let reason = self.clearinghouse_failed(&error, at);
                self.troubles.insert("reading", reason);
                // Readings are cheap and tell whether our link works, so they are not put off for long.
                let most = at
                    .desired
                    .policy
                    .poll_period
                    .min(at.desired.policy.backoff_most);
                let backoff = Backoff {
                    most,
                    ..at.backoff()
                };
                self.reading.retry.fail(backoff, at);
            }
        }
    }

    /// Takes in what the clearinghouse says the account holds, of a reading begun at the given moment and step.
    fn take_reading(
        &mut self,
        held: Vec<HeldVessel>,
        begun: Moment,
        begun_step: u64,
        at: &mut Circumstances<'_>,
    ) {
        let now = at.now;
        // A reading that was overtaken by a later one tells no more than the ends of leases.
        let overtaken = begun_step < self.reading.last_step;
        self.reading.last_begun = Some(begun.max(self.reading.last_begun.unwrap_or_default()));
        self.reading.last_step = begun_step.max(self.reading.last_step);
        let mut held: BTreeMap<Handle, HeldVessel> = held
            .into_iter()
            .map(|vessel| (vessel.handle.clone(), vessel))
            .collect();
        for vessel in self.vessels.values_mut() {
            match held.remove(&vessel.handle) {
                Some(found) => {
                    vessel.missing_readings = 0;
                    self.membership_changed |= vessel.location != found.location;
                    vessel.location = found.location;
                    if vessel.lease.read_again(found.expires_in, now) {
                        self.changes.push(Change::LeaseRenewed {
                            vessel: vessel.label(),
                            expires: vessel.lease.until_wall,
                        });
                    }
                }
                None if vessel.since_step < begun_step && !overtaken => {
                    vessel.missing_readings += 1;
                }
                // It became ours while the question was on its way.
                None => {}
            }
        }
        if overtaken {
            return;
        }
        for (handle, mut absent) in std::mem::take(&mut self.absent) {
            match held.remove(&handle) {
                Some(found) => self.enter_taken_over(&found, absent, at),
                None => {
                    absent.missing_readings += 1;
                    self.absent.insert(handle, absent);
                }
            }
        }
        self.recently_gone.retain(|handle, gone| {
            let stale = *gone >= begun_step;
            if stale {
                // The question was asked before it was given back; this is no news.
                held.remove(handle);
            }
            stale
        });
        self.settle_doubts(&mut held, begun, at);
        let open = self
            .doubts
            .iter()
            .any(|(id, _)| !self.claims.contains_key(id));
        if !open {
            self.leave_alone(held.into_keys().collect());
        } else {
            // What is new may be ours; only what was there before is certainly not.
            let known = |handle: &Handle| {
                self.doubts
                    .values()
                    .any(|doubt| doubt.request.baseline.contains(handle))
            };
            self.leave_alone(held.into_keys().filter(known).collect());
        }
        self.reading.repeats = if self.leaves_questions_open() {
            self.reading.repeats + 1
        } else {
            0
        };
        let most = at
            .desired
            .policy
            .poll_period
            .min(at.desired.policy.backoff_most);
        let backoff = Backoff {
            most,
            ..at.backoff()
        };
        let pause = backoff.pause(self.reading.repeats, (at.random)());
        self.reading.retry.succeed();
        self.reading.retry.not_before = at.moment() + pause;
    }

    /// Whether the last reading is to be followed by another soon.
    pub(crate) fn leaves_questions_open(&self) -> bool {
        let missing = |vessel: &Vessel| vessel.missing_readings == 1 && !vessel.stage.is_leaving();
        self.doubts.keys().any(|id| !self.claims.contains_key(id))
            || self
                .absent
                .values()
                .any(|absent| absent.missing_readings < READINGS_MIN)
            || self.vessels.values().any(missing)
    }

    /// Finds out of a reading what doubtful acquisitions brought: all they asked for, or nothing. Anything else
    /// cannot be told from what others acquired meanwhile, and is left alone and reported.
    fn settle_doubts(
        &mut self,
        held: &mut BTreeMap<Handle, HeldVessel>,
        begun: Moment,
        at: &Circumstances<'_>,
    ) {
        let lease = self.acquisition.lease;
        for (acquisition, doubt) in &mut self.doubts {
            if self.claims.contains_key(acquisition) {
                continue;
            }
            let age = at.now.wall.since(doubt.request.at);
            let could_be = |vessel: &&HeldVessel| {
                !doubt.request.baseline.contains(&vessel.handle)
                    && lease.is_none_or(|lease| could_be_so_new(vessel, lease, age))
            };
            let new: Vec<Handle> = held
                .values()
                .filter(could_be)
                .map(|vessel| vessel.handle.clone())
                .collect();
            if !new.is_empty() && new.len() == doubt.request.count as usize {
                let vessels = new
                    .iter()
                    .filter_map(|handle| held.remove(handle))
                    .collect();
                self.claims.insert(*acquisition, vessels);
            } else if begun > doubt.settled_after {
                doubt.empty_readings += 1;
                if doubt.empty_readings >= READINGS_MIN {
                    self.claims.insert(*acquisition, Vec::new());
                }
            }
        }
        // Claimed vessels wait for the journal, and are nobody else's meanwhile.
        for vessel in self.claims.values().flatten() {
            held.remove(&vessel.handle);
        }
    }

    /// What is not ours is remembered until two readings in a row do not show it: one that leaves out others'
    /// vessels must not make them look new, and ours, when they show again.
    fn leave_alone(&mut self, mut handles: BTreeSet<Handle>) {
        let missing: BTreeSet<Handle> = self
            .left_alone
            .difference(&handles)
            .filter(|handle| !self.vessels.contains_key(*handle))
            .cloned()
            .collect();
        handles.extend(missing.difference(&self.left_alone_missing).cloned());
        self.left_alone_missing = missing;
        for handle in handles.difference(&self.left_alone) {
            self.changes.push(Change::LeftAlone {
                handle: handle.clone(),
            });
        }
        self.membership_changed |= self.left_alone != handles;
        self.left_alone = handles;
    }

    /// What hooks, the default ones included, did to the account.
    pub(super) fn take_effects(
        &mut self,
        effects: Effects,
        by_default_hook: bool,
        at: &mut Circumstances<'_>,
    ) {
        for handle in &effects.released {
            self.gone(handle);
        }
        self.doubts.extend(effects.doubts);
        if effects.acquired.is_empty() {
            return;
        }
        // What a user's hook chose, it chose.
        let choosy = by_default_hook && at.moment() >= self.acquisition.choosy_from;
        // Of one request the clearinghouse gives different networks by itself.
        let networks: BTreeSet<String> = self
            .active()
            .map(|vessel| network(&vessel.location).to_owned())
            .collect();
        let mut suitable = 0_usize;
        self.acquisition.lease = effects
            .acquired
            .iter()
            .map(|vessel| vessel.expires_in)
            .max();
        for held in &effects.acquired {
            let objection = self.objection(held, &networks, at).filter(|_| choosy);
            suitable += usize::from(objection.is_none());
            self.enter_acquired(held, objection, at);
        }
        if suitable > 0 {
            self.acquisition.unsuitable_in_a_row = 0;
        } else {
            self.acquisition.unsuitable_in_a_row += 1;
            if self.acquisition.unsuitable_in_a_row >= CHOOSY_MAX {
                // There is nothing better now, and what there is serves better than nothing.
                self.acquisition.choosy_from = at.moment() + UNCHOOSY_FOR;
                self.acquisition.unsuitable_in_a_row = 0;
            }
            let pause = at.backoff();
            self.acquisition.retry.fail(pause, at);
        }
    }

    /// Why we would rather have another vessel than this.
    fn objection(
        &self,
        held: &HeldVessel,
        networks: &BTreeSet<String>,
        at: &Circumstances<'_>,
    ) -> Option<CondemnReason> {
        if self.quarantine.holds(&held.handle.node, at.moment()) {
            return Some(CondemnReason::Quarantined);
        }
        let wan = at.desired.deployment.vessel_type == VesselType::Wan;
        let taken = wan && networks.contains(network(&held.location));
        taken.then_some(CondemnReason::SameNetwork)
    }

    /// A vessel that was just acquired enters the fleet, if only to be given back.
    fn enter_acquired(
        &mut self,
        held: &HeldVessel,
        objection: Option<CondemnReason>,
        at: &mut Circumstances<'_>,
    ) {
        // The one that we are giving back, or gave back a moment ago, may well be the one we get. An
        // active one would be the clearinghouse's mistake: nothing new.
        let known = self.vessels.get(&held.handle);
        if known.is_some_and(|vessel| !vessel.stage.is_leaving()) {
            return;
        }
        self.recently_gone.remove(&held.handle);
        self.left_alone.remove(&held.handle);
        let vessel = Vessel::new(held, at.now, self.step);
        let expires = vessel.lease.until_wall;
        let vessel = self.enter(vessel, at);
        self.changes.push(Change::Acquired { vessel, expires });
        if let Some(reason) = objection {
            self.condemn(&held.handle, reason, at);
        }
    }

    /// A vessel of the journal, or one that was adopted, was found with the account.
    fn enter_taken_over(&mut self, held: &HeldVessel, absent: Absent, at: &mut Circumstances<'_>) {
        let taken = |vessel: &Vessel| vessel.index == absent.ledger.index;
        let wanted = at.desired.deployment.vessel_count;
        let fits = |index: &u32| *index < wanted && !self.active().any(taken);
        let index = absent.ledger.index.filter(fits);
        let vessel = Vessel {
            stage: Stage::Unknown { since: at.moment() },
            index,
            ..Vessel::new(held, at.now, self.step)
        };
        if let Some(index) = index {
            let copy = self.copies.entry(index).or_default();
            copy.retry.failures = copy.retry.failures.max(absent.ledger.failures);
        }
        let expires = vessel.lease.until_wall;
        let vessel = self.enter(vessel, at);
        self.changes.push(Change::Adopted { vessel, expires });
    }

    /// A vessel becomes one of the fleet, and one of the copies if one is missing.
    fn enter(&mut self, vessel: Vessel, at: &Circumstances<'_>) -> VesselLabel {
        let handle = vessel.handle.clone();
        let watch = NodeWatch {
            next_check: at.moment(),
            silent_rounds: 0,
        };
        self.nodes.entry(handle.node.clone()).or_insert(watch);
        let mut label = vessel.label();
        self.membership_changed = true;
        self.vessels.insert(handle.clone(), vessel);
        self.assign_copies(at.desired.deployment.vessel_count);
        label.index = self.vessels.get(&handle).and_then(|vessel| vessel.index);
        label
    }

    /// An acquisition is over.
    pub(super) fn acquired(
        &mut self,
        count: u32,
        result: Result<(), AcquireError>,
        at: &mut Circumstances<'_>,
    ) {
        let error = match result {
            Ok(()) => {
                self.clearinghouse_answered(at);
                self.acquisition.refusal = None;
                self.acquisition.ask_limit = self
                    .acquisition
                    .ask_limit
                    .map(|limit| limit.saturating_mul(2));
                if self.acquisition.unsuitable_in_a_row == 0 {
                    self.acquisition.retry.succeed();
                }
                return;
            }
            Err(error) => error,
        };
        let refused = matches!(
            &error,
            AcquireError::Clearinghouse(
                ClearinghouseError::NotEnoughCredits(_) | ClearinghouseError::UnableToAcquire(_)
            )
        );
        let reason = match error {
            AcquireError::Clearinghouse(error) => match &error {
                ClearinghouseError::NotEnoughCredits(detail) => WaitReason::Credit {
                    missing: count,
                    detail: detail.clone(),
                },
                ClearinghouseError::UnableToAcquire(detail) => WaitReason::Vessels {
                    missing: count,
                    detail: detail.clone(),
                },
                other => self.clearinghouse_failed(other, at),
            },
            AcquireError::Journal(error) => journal_trouble(&error),
            AcquireError::Hook(error) => self.hook_failed(&error),
            AcquireError::Nothing => WaitReason::Vessels {
                missing: count,
                detail: "no vessel came".to_owned(),
            },
        };
        self.acquisition.refusal = Some(reason);
        if refused {
            self.clearinghouse_answered(at);
        }
        if refused && count > 1 {
            // All or nothing was refused: the half may be had. This narrows down, and is no failure yet.
            self.acquisition.ask_limit = Some(count / 2);
            self.acquisition.retry.failures = 0;
        }
        let backoff = at.backoff();
        self.acquisition.retry.fail(backoff, at);
    }

    /// What a doubtful acquisition brought is in the journal, or not yet.
    pub(super) fn claimed(
        &mut self,
        acquisition: u64,
        vessels: Vec<HeldVessel>,
        result: Result<(), JournalError>,
        at: &mut Circumstances<'_>,
    ) {
        match result {
            Ok(()) => {
                self.troubles.remove("claiming");
                self.claiming.succeed();
                self.claims.remove(&acquisition);
                self.doubts.remove(&acquisition);
                for held in &vessels {
                    self.enter_acquired(held, None, at);
                }
            }
            Err(error) => {
                self.troubles.insert("claiming", journal_trouble(&error));
                let backoff = at.backoff();
                self.claiming.fail(backoff, at);
            }
        }
    }

    /// A release is over.
    pub(super) fn released(
        &mut self,
        id: OperationId,
        vessels: &BTreeSet<Handle>,
        result: Result<(), ReleaseError>,
        at: &mut Circumstances<'_>,
    ) {
        let reason = match result {
            Ok(()) => {
                self.troubles.remove("releasing");
                self.clearinghouse_answered(at);
                self.releasing.succeed();
                for handle in vessels {
                    let still_this = self.vessels.get(handle).is_some_and(
                        |vessel| matches!(&vessel.stage, Stage::Releasing { operation, .. } if *operation == id),
                    );
                    if still_this || self.absent.contains_key(handle) {
                        self.gone(handle);
                    }
                }
                return;
            }
            Err(ReleaseError::Clearinghouse(error)) => self.clearinghouse_failed(&error, at),
            Err(ReleaseError::Journal(error)) => journal_trouble(&error),
        };
        self.troubles.insert("releasing", reason);
        for handle in vessels {
            if let Some(absent) = self.absent.get_mut(handle) {
                absent.releasing = false;
            } else if self.vessels.get(handle).is_some_and(
                |vessel| matches!(&vessel.stage, Stage::Releasing { operation, .. } if *operation == id),
            ) {
                self.take_step(handle, Step::ReleaseFailed);
            }
        }
        let backoff = at.backoff();
        self.releasing.fail(backoff, at);
    }

    /// A vessel is no longer ours.
    fn gone(&mut self, handle: &Handle) {
        self.absent.remove(handle);
        self.recently_gone.insert(handle.clone(), self.step);
        let Some(vessel) = self.vessels.remove(handle) else {
            return;
        };
        self.membership_changed = true;
        let same_node = |other: &Handle| other.node == handle.node;
        if !self.vessels.keys().any(same_node) {
            self.nodes.remove(&handle.node);
        }
        let not_held = match &vessel.stage {
            Stage::Condemned { reason } | Stage::Releasing { reason, .. } => matches!(
                reason,
                CondemnReason::Evidence {
                    last: Evidence::NotHeld,
                    ..
                }
            ),
            _ => false,
        };
        let label = vessel.label();
        self.changes.push(if not_held {
            Change::Lost { vessel: label }
        } else {
            Change::Released { vessel: label }
        });
    }

    /// A renewal is over, and the leases were read back.
    pub(super) fn renewed(
        &mut self,
        vessels: &BTreeSet<Handle>,
        renewal: Result<(), ClearinghouseError>,
        held: Result<Vec<HeldVessel>, ClearinghouseError>,
        under_way: &UnderWay,
        at: &mut Circumstances<'_>,
    ) {
        self.read(held, under_way, at);
        let detail = match renewal {
            Ok(()) => "it said yes and did not lengthen them".to_owned(),
            Err(error) => {
                self.clearinghouse_failed(&error, at);
                with_causes(&error)
            }
        };
        let still_due = |handle: &&Handle| {
            self.vessels.get(*handle).is_some_and(|vessel| {
                vessel.lease.granted < under_way.since && !vessel.stage.is_leaving()
            })
        };
        let not_lengthened = vessels.iter().filter(still_due).count();
        if not_lengthened == 0 {
            self.troubles.remove("renewing");
            self.renewing.succeed();
            return;
        }
        let reason = WaitReason::Renewal {
            vessels: not_lengthened,
            detail,
        };
        self.troubles.insert("renewing", reason);
        let shortest = self
            .active()
            .map(|vessel| vessel.lease.length)
            .min()
            .unwrap_or_default();
        // However long the backoff, a lease sees several attempts in its second half.
        let most = at.desired.policy.backoff_most.min(shortest / 8);
        let backoff = Backoff {
            first: at.desired.policy.backoff_first.min(most),
            most,
        };
        self.renewing.fail(backoff, at);
    }

    /// A replaced maintenance hook is over, and the leases were read back.
    pub(super) fn maintained(
        &mut self,
        last: Result<Moment, HookError>,
        held: Result<Vec<HeldVessel>, ClearinghouseError>,
        under_way: &UnderWay,
        at: &mut Circumstances<'_>,
    ) {
        self.read(held, under_way, at);
        match last {
            Ok(last) => {
                self.last_maintained = last;
                self.maintaining.succeed();
                self.maintaining.not_before = at.jittered(at.desired.policy.poll_period);
            }
            Err(error) => {
                self.hook_failed(&error);
                let backoff = at.backoff();
                self.maintaining.fail(backoff, at);
            }
        }
    }

    /// The clearinghouse gave a good answer.
    fn clearinghouse_answered(&mut self, at: &Circumstances<'_>) {
        self.clearinghouse_silent = false;
        self.heard(at.moment());
    }

    /// The clearinghouse gave no good answer.
    fn clearinghouse_failed(
        &mut self,
        error: &ClearinghouseError,
        at: &Circumstances<'_>,
    ) -> WaitReason {
        if error.is_answer() {
            self.clearinghouse_answered(at);
        } else {
            self.clearinghouse_silent = true;
        }
        WaitReason::Clearinghouse {
            detail: with_causes(error),
        }
    }

    /// A replaced hook failed.
    pub(super) fn hook_failed(&mut self, error: &HookError) -> WaitReason {
        let reason = with_causes(error);
        self.changes.push(Change::HookFailed {
            reason: reason.clone(),
        });
        WaitReason::Hook { detail: reason }
    }
}

fn journal_trouble(error: &JournalError) -> WaitReason {
    WaitReason::Journal {
        detail: with_causes(error),
    }
}

/// Whether a vessel's lease is what it would be if it was acquired at most so long ago: others' are mostly older,
/// or renewed.
fn could_be_so_new(vessel: &HeldVessel, lease_on_acquisition: Duration, age: Duration) -> bool {
    let most = lease_on_acquisition + LEASE_SLACK;
    let least = lease_on_acquisition.saturating_sub(age + LEASE_SLACK);
    (least..=most).contains(&vessel.expires_in)
}

/// The network of a node as WAN means it: the first three octets. Names and other addresses are taken whole.
fn network(location: &NodeLocation) -> &str {
    let host = location.host();
    match host.parse::<std::net::Ipv4Addr>() {
        Ok(_) => host.rsplit_once('.').map_or(host, |(network, _)| network),
        Err(_) => host,
    }
}
