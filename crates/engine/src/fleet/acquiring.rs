//! How vessels become ours: acquisitions, doubts that were settled, vessels taken over.

use std::collections::BTreeSet;
use std::time::Duration;

use overlord_types::failure::{Classified as _, Code};
use overlord_types::{NodeLocation, VesselType};

use super::holding::journal_trouble;
use super::{Absent, Circumstances, Fleet, NodeWatch};
use crate::error::{ClearinghouseError, JournalError};
use crate::fleet_event::{Change, CondemnReason, VesselLabel, WaitReason};
use crate::operation::{AcquireError, Effects};
use crate::ports::HeldVessel;
use crate::vessel::{Stage, Vessel};

/// How often in a row we are choosy about what the clearinghouse gives us, before we use it anyhow: a few
/// tries find another machine if there is one, and cost a few requests if there is none.
const CHOOSY_MAX: u32 = 3;
/// How long we use whatever comes after that: as long as the shortest quarantine.
const UNCHOOSY_FOR: Duration = Duration::from_secs(10 * 60);

impl Fleet {
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
            // Whoever had it before may have started the program.
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
                // What brought nothing that we can use is no reason to ask for more, or sooner.
                if self.acquisition.unsuitable_in_a_row == 0 {
                    self.acquisition.ask_limit = self
                        .acquisition
                        .ask_limit
                        .map(|limit| limit.saturating_mul(2));
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
        let wanted = at.desired.deployment.vessel_count;
        let there = u32::try_from(self.active().count() + self.absent.len()).unwrap_or(u32::MAX);
        let missing = wanted.saturating_sub(there);
        let reason = match error {
            AcquireError::Clearinghouse(error) => match &error {
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
            AcquireError::Journal(error) => journal_trouble(&error),
            AcquireError::Hook(error) => self.hook_failed(&error),
            AcquireError::Nothing => WaitReason::Vessels {
                missing,
                code: Code::VesselsUnavailable,
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
            if self.acquisition.unsuitable_in_a_row == 0 {
                self.acquisition.retry.failures = 0;
            }
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
}

/// The network of a node as WAN means it: the first three octets. Names and other addresses are taken whole.
fn network(location: &NodeLocation) -> &str {
    let host = location.host();
    match host.parse::<std::net::Ipv4Addr>() {
        Ok(_) => host.rsplit_once('.').map_or(host, |(network, _)| network),
        Err(_) => host,
    }
}
