//! How vessels become ours: acquisitions, doubts that were settled, vessels taken over.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use overlord_bug::invariant;
use overlord_types::failure::{Classified as _, Code};
use overlord_types::{NodeLocation, VesselType};

use super::holding::journal_trouble;
use super::{Absent, Circumstances, Fleet, NodeWatch};
use crate::error::{ClearinghouseError, JournalError};
use crate::fleet_event::{Change, CondemnReason, VesselLabel, WaitReason};
use crate::operation::{
    AcquireError, AcquireRequest, Asker, Brought, Doubt, OperationKind, RequestAnswer,
};
use crate::ports::HeldVessel;
use crate::vessel::{Stage, Vessel};

/// How often in a row we are choosy about what the clearinghouse gives us, before we use it anyhow: a few
/// tries find another machine if there is one, and cost a few requests if there is none.
const CHOOSY_MAX: u32 = 3;
/// How long we use whatever comes after that: as long as the shortest quarantine.
const UNCHOOSY_FOR: Duration = Duration::from_secs(10 * 60);

impl Fleet {
    /// Vessels have become ours.
    fn enter_all_acquired(
        &mut self,
        vessels: &[HeldVessel],
        choosy: bool,
        at: &mut Circumstances<'_>,
    ) {
        // What is made of that, the caller decides.
        if vessels.is_empty() {
            return;
        }
        let choosy = choosy && at.moment() >= self.acquisition.choosy_from;
        // Of one request the clearinghouse gives different networks by itself.
        let networks: BTreeSet<String> = self
            .active()
            .map(|vessel| network(&vessel.location).to_owned())
            .collect();
        let mut suitable = 0_usize;
        self.acquisition.lease = vessels.iter().map(|vessel| vessel.expires_in).max();
        for held in vessels {
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
            self.failed(OperationKind::Acquire, at);
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
        // One that an earlier run had and that the account did not hold any more: whatever was missing, this is new.
        self.absent.remove(&held.handle);
        let vessel = Vessel::new(held, at.now, self.step);
        let expires = vessel.lease.until_wall;
        let Some(reason) = objection else {
            let vessel = self.enter(vessel, at);
            return self.changes.push(Change::Acquired { vessel, expires });
        };
        // It never becomes one of the copies.
        let label = vessel.label();
        self.insert(vessel, at);
        self.changes.push(Change::Acquired {
            vessel: label,
            expires,
        });
        self.condemn(&held.handle, reason, at);
    }

    /// A vessel of the journal, or one that was adopted, was found with the account.
    pub(super) fn enter_taken_over(
        &mut self,
        held: &HeldVessel,
        absent: Absent,
        at: &mut Circumstances<'_>,
    ) {
        let taken = |vessel: &Vessel| vessel.index == absent.ledger.index;
        let wanted = at.desired.deployment.vessel_count;
        let fits = |index: &u32| *index < wanted && !self.active().any(taken);
        let index = absent.ledger.index.filter(fits);
        let vessel = Vessel {
            stage: Stage::Unknown { since: at.moment() },
            // Its user before us may have started the program.
            may_run: true,
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
        let mut label = vessel.label();
        self.insert(vessel, at);
        self.assign_copies(at.desired.deployment.vessel_count);
        label.index = self.vessels.get(&handle).and_then(|vessel| vessel.index);
        label
    }

    fn insert(&mut self, vessel: Vessel, at: &Circumstances<'_>) {
        let watch = NodeWatch {
            next_check: at.moment(),
            silent_rounds: 0,
        };
        self.nodes
            .entry(vessel.handle.node.clone())
            .or_insert(watch);
        self.membership_changed = true;
        self.vessels.insert(vessel.handle.clone(), vessel);
    }

    /// A request for vessels was answered, or is known not to be.
    pub(super) fn acquired(
        &mut self,
        request: &AcquireRequest,
        by: Asker,
        result: Result<Vec<HeldVessel>, Arc<AcquireError>>,
        at: &mut Circumstances<'_>,
    ) {
        self.settle_request(request, &result, at);
        if let Ok(vessels) = &result {
            // What a user's hook chose, it chose.
            self.enter_all_acquired(vessels, by == Asker::Planner, at);
        }
        // What a hook failed to get, the hook is told; it may know what to do about it.
        if by == Asker::Hook {
            return;
        }
        match result {
            Ok(vessels) if vessels.is_empty() => {
                // What brings nothing new would at once be asked for again: it counts as a failure.
                let reason = self.nothing_came(at);
                self.acquiring_failed(reason, at);
            }
            Ok(_) => self.acquiring_succeeded(at),
            Err(error) => {
                let reason = self.why_not_acquired(&error, at);
                if error.is_all_or_nothing() {
                    self.clearinghouse_answered(at);
                    self.ask_for_less(request.request.count);
                }
                self.acquiring_failed(reason, at);
            }
        }
    }

    /// A replaced acquire-vessels hook is over.
    pub(super) fn acquired_by_hook(
        &mut self,
        result: Result<Brought, AcquireError>,
        at: &mut Circumstances<'_>,
    ) {
        match result {
            Ok(brought) => {
                self.enter_all_acquired(&brought.adopted, false, at);
                if brought.anything_new {
                    self.acquiring_succeeded(at);
                } else {
                    let reason = self.nothing_came(at);
                    self.acquiring_failed(reason, at);
                }
            }
            Err(error) => {
                let reason = self.why_not_acquired(&error, at);
                self.acquiring_failed(reason, at);
            }
        }
    }

    /// The doubt that was there since the request was begun is settled now, or is one for readings to settle.
    fn settle_request(
        &mut self,
        request: &AcquireRequest,
        result: &Result<Vec<HeldVessel>, Arc<AcquireError>>,
        at: &Circumstances<'_>,
    ) {
        let deadline = at.desired.policy.clearinghouse_deadline;
        let may_come_within = result
            .as_ref()
            .err()
            .and_then(|error| error.may_come_within(deadline));
        let before = self.doubts.remove(&request.acquisition);
        invariant!(
            before.is_some_and(|doubt| doubt.answer == RequestAnswer::Awaited),
            "acquisition {} ended and was in no doubt before",
            request.acquisition
        );
        if let Some(within) = may_come_within {
            let doubt = Doubt::lost(request.request.clone(), at.moment() + within);
            self.doubts.insert(request.acquisition, doubt);
        }
    }

    fn acquiring_succeeded(&mut self, at: &mut Circumstances<'_>) {
        self.clearinghouse_answered(at);
        self.acquisition.refusal = None;
        // What brought nothing that we can use is no reason to ask for more, or sooner.
        if self.acquisition.unsuitable_in_a_row == 0 {
            self.acquisition.ask_limit = self
                .acquisition
                .ask_limit
                .map(|limit| limit.saturating_mul(2));
            self.retries.of(OperationKind::Acquire).succeed();
        }
    }

    fn acquiring_failed(&mut self, reason: WaitReason, at: &mut Circumstances<'_>) {
        self.acquisition.refusal = Some(reason);
        self.failed(OperationKind::Acquire, at);
    }

    /// All or nothing was refused: the half may be had. This narrows down, and is no failure yet.
    fn ask_for_less(&mut self, count: u32) {
        if count > 1 {
            self.acquisition.ask_limit = Some(count / 2);
            if self.acquisition.unsuitable_in_a_row == 0 {
                self.retries.of(OperationKind::Acquire).failures = 0;
            }
        }
    }

    fn missing(&self, at: &Circumstances<'_>) -> u32 {
        let there = u32::try_from(self.active().count() + self.absent.len()).unwrap_or(u32::MAX);
        at.desired.deployment.vessel_count.saturating_sub(there)
    }

    fn nothing_came(&self, at: &Circumstances<'_>) -> WaitReason {
        WaitReason::Vessels {
            missing: self.missing(at),
            code: Code::VesselsUnavailable,
            detail: "no vessel came".to_owned(),
        }
    }

    fn why_not_acquired(&mut self, error: &AcquireError, at: &Circumstances<'_>) -> WaitReason {
        let missing = self.missing(at);
        match error {
            AcquireError::Clearinghouse(error) => match error {
                ClearinghouseError::NotEnoughCredits(detail) => WaitReason::Credit {
                    missing,
                    code: error.code(),
                    detail: detail.clone(),
                },
                ClearinghouseError::UnableToAcquire(detail) => WaitReason::Vessels {
                    missing,
                    code: error.code(),
                    detail: detail.clone(),
                },
                other => self.clearinghouse_failed(other, at),
            },
            AcquireError::Intent(error) | AcquireError::Unrecorded(error) => journal_trouble(error),
            AcquireError::Hook(error) => self.hook_failed(error),
        }
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
                self.succeeded(OperationKind::Claim);
                self.doubts.remove(&acquisition);
                for held in &vessels {
                    self.enter_acquired(held, None, at);
                }
            }
            Err(error) => self.failed_with(OperationKind::Claim, journal_trouble(&error), at),
        }
    }
}

/// The network of a node as WAN means it: the first three octets. Names and other addresses are taken whole.
fn network(location: &NodeLocation) -> &str {
    let host = location.host();
    match host.parse::<std::net::Ipv4Addr>() {
        Ok(_) => host.rsplit_once('.').map_or(host, |(network, _)| network),
        Err(_) => host,
    }
}
