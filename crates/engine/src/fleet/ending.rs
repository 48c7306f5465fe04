//! The end of a run, and what the outside is told of the fleet as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use overlord_types::Handle;

use super::Fleet;
use crate::directory::DirectoryEntry;
use crate::fleet_event::{LeftVessel, RunReport, StopReason};
use crate::operation::{OperationId, OperationKind};
use crate::vessel::{Stage, Vessel};

impl Fleet {
    /// Forgets operations that are not waited for any more, and says which. Their vessels keep their stages: what
    /// was begun on them may have been done or not.
    pub(crate) fn abandon(&mut self, which: impl Fn(OperationKind) -> bool) -> Vec<OperationId> {
        let abandoned: Vec<OperationId> = self
            .under_way
            .iter()
            .filter(|(_, under_way)| which(under_way.kind))
            .map(|(id, _)| *id)
            .collect();
        for id in &abandoned {
            self.under_way.remove(id);
        }
        abandoned
    }

    /// What the run leaves with the account; `None` if it never came so far as to know.
    pub(crate) fn handles_to_leave(&self) -> Option<BTreeSet<Handle>> {
        if self.never_started_up() {
            return None;
        }
        Some(
            self.vessels
                .keys()
                .chain(self.absent.keys())
                .cloned()
                .collect(),
        )
    }

    fn never_started_up(&self) -> bool {
        self.reading.last_begun.is_none()
    }

    /// What is left where.
    pub(crate) fn final_report(&self, reason: StopReason, duration: Duration) -> RunReport {
        let mut running = Vec::new();
        let mut may_run = Vec::new();
        let mut idle = Vec::new();
        for vessel in self.vessels.values() {
            let left = LeftVessel {
                vessel: vessel.label(),
                stage: vessel.stage.name(),
                expires: vessel.lease.until_wall,
            };
            match vessel.stage {
                Stage::Running { .. } => running.push(left),
                _ if vessel.may_run => may_run.push(left),
                _ => idle.push(left),
            }
        }
        let mut undone = self.undone.clone();
        for under_way in self.under_way.values() {
            undone.push(format!("{} did not end in time", under_way.kind.name()));
        }
        for handle in self.absent.keys() {
            undone.push(format!(
                "vessel {} was ours, and the clearinghouse does not list it",
                handle.short()
            ));
        }
        RunReport {
            reason,
            running,
            may_run,
            idle,
            // No answer is waited for any more.
            in_doubt: self.asked_for(|_| true),
            undone,
            duration,
        }
    }

    /// What hooks may ask about the fleet, if it has changed since this was last asked.
    pub(crate) fn new_directory(&mut self) -> Option<BTreeMap<Handle, DirectoryEntry>> {
        if !std::mem::take(&mut self.membership_changed) {
            return None;
        }
        let entry = |vessel: &Vessel| DirectoryEntry {
            location: vessel.location.clone(),
            index: vessel.index,
        };
        let entries = self.vessels.iter();
        Some(
            entries
                .map(|(handle, vessel)| (handle.clone(), entry(vessel)))
                .collect(),
        )
    }
}
