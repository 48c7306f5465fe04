//! What others may read of the fleet: the planner, who decides by it, and those who show it.

use std::collections::BTreeSet;

use overlord_time::{Moment, Now};
use overlord_types::{Handle, NodeId};

use super::{Absent, CopyRecord, Desired, Fleet, NodeWatch, Phase, UnderWay};
use crate::breaker::Breaker;
use crate::fleet_event::WaitReason;
use crate::journal::DoubtfulAcquisition;
use crate::operation::{AcquireRequest, Doubt, OperationId, OperationKind, RequestAnswer};
use crate::ports::HeldVessel;
use crate::vessel::{Stage, Vessel};

impl Fleet {
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

    /// How many vessels requests may have brought at most whose answers were lost.
    #[must_use]
    pub fn in_doubt(&self) -> u32 {
        self.asked_for(|doubt| doubt.answer != RequestAnswer::Awaited)
    }

    /// How many vessels are ours or may be: what is asked for now, and the journal's that were not seen yet, included.
    #[must_use]
    pub fn holding(&self) -> usize {
        self.vessels.len() + self.absent.len() + self.asked_for(|_| true) as usize
    }

    pub(super) fn asked_for(&self, which: impl Fn(&Doubt) -> bool) -> u32 {
        let asked = self.doubts.values().filter(|doubt| which(doubt));
        asked
            .map(|doubt| doubt.request.count)
            .fold(0, u32::saturating_add)
    }

    /// Whether the end was asked for.
    pub(crate) fn is_stopping(&self) -> bool {
        matches!(self.phase, Phase::Stopping { .. })
    }

    /// Vessels that are not on their way out.
    pub(crate) fn active(&self) -> impl Iterator<Item = &Vessel> {
        self.vessels
            .values()
            .filter(|vessel| !vessel.stage.is_leaving())
    }

    /// Vessels that the journal calls ours and the clearinghouse has not listed.
    pub(crate) fn absent(&self) -> impl ExactSizeIterator<Item = (&Handle, &Absent)> {
        self.absent.iter()
    }

    /// Whether an operation of this kind is under way.
    pub(crate) fn is_under_way(&self, kind: OperationKind) -> bool {
        self.under_way
            .values()
            .any(|under_way| under_way.kind == kind)
    }

    /// Whether a vessel is ours, as far as is known: in the fleet, or missing from what the account holds.
    pub(crate) fn has(&self, handle: &Handle) -> bool {
        self.vessels.contains_key(handle) || self.absent.contains_key(handle)
    }

    /// Whether the clearinghouse is being asked to give vessels or to take some back. A replaced acquisition asks
    /// for nothing itself: what it wishes for is an operation of its own.
    pub(crate) fn asks_for_a_change(&self) -> bool {
        self.is_under_way(OperationKind::Acquire) || self.is_under_way(OperationKind::Release)
    }

    /// Whether an operation of this kind is under way on this vessel.
    pub(crate) fn is_under_way_on(&self, kind: OperationKind, vessel: &Handle) -> bool {
        self.under_way
            .values()
            .any(|under_way| under_way.kind == kind && under_way.vessel.as_ref() == Some(vessel))
    }

    /// Not before which moment an operation of this kind may be begun.
    pub(crate) fn not_before(&self, kind: OperationKind) -> Moment {
        self.retries.not_before(kind)
    }

    /// Requests for vessels that are not settled.
    pub(crate) fn doubts(&self) -> impl ExactSizeIterator<Item = &Doubt> {
        self.doubts.values()
    }

    /// The first acquisition of which readings have told what it brought, and that.
    pub(crate) fn first_claim(&self) -> Option<(u64, &[HeldVessel])> {
        self.doubts
            .iter()
            .find_map(|(acquisition, doubt)| match &doubt.answer {
                RequestAnswer::Told { vessels } => Some((*acquisition, vessels.as_slice())),
                RequestAnswer::Awaited | RequestAnswer::Lost { .. } => None,
            })
    }

    /// A request for so many vessels, to be made now.
    pub(crate) fn request_for(&self, count: u32, now: Now) -> AcquireRequest {
        AcquireRequest {
            acquisition: self.next_acquisition,
            request: DoubtfulAcquisition {
                count,
                baseline: self.left_alone.clone(),
                at: now.wall,
            },
        }
    }

    /// Why the last acquisition brought nothing.
    pub(crate) fn refusal(&self) -> Option<&WaitReason> {
        self.acquisition.refusal.as_ref()
    }

    /// Most vessels to ask for at once, after a larger request was refused.
    pub(crate) fn ask_limit(&self) -> Option<u32> {
        self.acquisition.ask_limit
    }

    /// When the last good reading of the account was begun.
    pub(crate) fn last_reading(&self) -> Option<Moment> {
        self.reading.last_begun
    }

    /// What is known of a copy, over all the vessels it has been on.
    pub(crate) fn copy(&self, index: u32) -> CopyRecord {
        self.copies.get(&index).copied().unwrap_or_default()
    }

    /// What is known of a node on which there are vessels of ours.
    pub(crate) fn watch(&self, node: &NodeId) -> Option<&NodeWatch> {
        self.nodes.get(node)
    }

    /// When maintenance was last done.
    pub(crate) fn last_maintained(&self) -> Moment {
        self.last_maintained
    }

    /// When anything last answered: then our own link worked.
    pub(crate) fn last_heard(&self) -> Moment {
        self.last_heard
    }

    /// Whether its program was told to stop, at the end of the run.
    pub(crate) fn was_told_to_stop(&self, vessel: &Handle) -> bool {
        self.stops_asked.contains(vessel)
    }

    /// What the clearinghouse or the journal fails with, for the operator.
    pub(crate) fn troubles(&self) -> impl Iterator<Item = &WaitReason> {
        self.troubles.values()
    }

    /// Whether no copy has run for long anywhere: then a program that ends is likely to be at fault itself.
    pub(crate) fn copies_run_nowhere(&self, desired: &Desired, now: Moment) -> bool {
        let stable = |vessel: &Vessel| match vessel.stage {
            Stage::Running { since } => now.since(since) >= desired.policy.stable_after,
            _ => false,
        };
        !self.active().any(stable)
    }
}
