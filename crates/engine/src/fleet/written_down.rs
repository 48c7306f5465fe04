//! Fleets that a test writes down, as they could have come about.

use overlord_time::Moment;
use overlord_types::Handle;

use super::{CopyRecord, Fleet, NodeWatch, Phase};
use crate::breaker::Breaker;
use crate::operation::{Doubt, OperationKind};
use crate::vessel::Vessel;

impl Fleet {
    /// It is kept, and the account was read and answered at that moment.
    pub(crate) fn kept_since(mut self, moment: Moment) -> Self {
        self.phase = Phase::Keeping;
        self.reading.last_begun = Some(moment);
        self.last_heard = moment;
        self
    }

    /// This vessel is in it, and its node is asked next at that moment.
    pub(crate) fn write_vessel(&mut self, vessel: Vessel, next_check: Moment) {
        let watch = NodeWatch {
            next_check,
            silent_rounds: 0,
        };
        self.nodes
            .entry(vessel.handle.node.clone())
            .or_insert(watch);
        self.vessels.insert(vessel.handle.clone(), vessel);
    }

    pub(crate) fn vessel_mut(&mut self, handle: &Handle) -> &mut Vessel {
        self.vessels.get_mut(handle).unwrap()
    }

    pub(crate) fn copy_mut(&mut self, index: u32) -> &mut CopyRecord {
        self.copies.entry(index).or_default()
    }

    pub(crate) fn write_doubt(&mut self, acquisition: u64, doubt: Doubt) {
        self.doubts.insert(acquisition, doubt);
    }

    pub(crate) fn set_not_before(&mut self, kind: OperationKind, moment: Moment) {
        self.retries.of(kind).not_before = moment;
    }

    pub(crate) fn set_next_check(&mut self, vessel: &Handle, moment: Moment) {
        self.nodes.get_mut(&vessel.node).unwrap().next_check = moment;
    }

    pub(crate) fn set_breaker(&mut self, breaker: Breaker) {
        self.breaker = breaker;
    }

    pub(crate) fn set_phase(&mut self, phase: Phase) {
        self.phase = phase;
    }

    pub(crate) fn set_last_heard(&mut self, moment: Moment) {
        self.last_heard = moment;
    }
}
