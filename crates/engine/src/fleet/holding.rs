//! How vessels stay ours, and how they cease to be: renewals and releases, and what trouble there was with either.

use std::collections::BTreeSet;
use std::sync::Arc;

use overlord_time::{Backoff, Moment};
use overlord_types::Handle;
use overlord_types::failure::{Classified as _, Code};

use super::{Circumstances, Fleet, UnderWay};
use crate::error::{ClearinghouseError, HookError, JournalError};
use crate::fleet_event::{Change, CondemnReason, Evidence, WaitReason};
use crate::operation::{OperationId, OperationKind, ReleaseError};
use crate::ports::HeldVessel;
use crate::text::with_causes;
use crate::vessel::{Stage, Step};

impl Fleet {
    /// A release is over.
    pub(super) fn released(
        &mut self,
        id: OperationId,
        vessels: &BTreeSet<Handle>,
        result: Result<(), Arc<ReleaseError>>,
        at: &mut Circumstances<'_>,
    ) {
        let reason = match result.as_ref().map_err(AsRef::as_ref) {
            Ok(()) => {
                self.succeeded(OperationKind::Release);
                self.clearinghouse_answered(at);
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
            Err(ReleaseError::Clearinghouse(error)) => self.clearinghouse_failed(error, at),
            Err(ReleaseError::Journal(error)) => journal_trouble(error),
        };
        for handle in vessels {
            if let Some(absent) = self.absent.get_mut(handle) {
                absent.releasing = false;
            } else if self.vessels.get(handle).is_some_and(
                |vessel| matches!(&vessel.stage, Stage::Releasing { operation, .. } if *operation == id),
            ) {
                self.take_step(handle, Step::ReleaseFailed);
            }
            // What is in another stage by now, or gone, waits for this release no more.
        }
        self.failed_with(OperationKind::Release, reason, at);
    }

    /// A hook gave vessels back. What kept it from it, the hook is told.
    pub(super) fn released_by_hook(
        &mut self,
        vessels: &BTreeSet<Handle>,
        result: &Result<(), Arc<ReleaseError>>,
        at: &Circumstances<'_>,
    ) {
        if result.is_ok() {
            self.clearinghouse_answered(at);
            for handle in vessels {
                self.gone(handle);
            }
        }
    }

    /// A vessel is no longer ours.
    pub(super) fn gone(&mut self, handle: &Handle) {
        self.absent.remove(handle);
        self.recently_gone.insert(handle.clone(), self.step);
        // It was absent, or a hook gave back what was not in the fleet.
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
        let (code, detail) = match renewal {
            Ok(()) => {
                let detail = "it said yes and did not lengthen them";
                (Code::ClearinghouseFailed, detail.to_owned())
            }
            Err(error) => {
                self.clearinghouse_failed(&error, at);
                (error.code(), with_causes(&error))
            }
        };
        let still_due = |handle: &&Handle| {
            self.vessels.get(*handle).is_some_and(|vessel| {
                vessel.lease.granted < under_way.since && !vessel.stage.is_leaving()
            })
        };
        let not_lengthened = vessels.iter().filter(still_due).count();
        if not_lengthened == 0 {
            self.succeeded(OperationKind::Renew);
            return;
        }
        let reason = WaitReason::Renewal {
            vessels: not_lengthened,
            code,
            detail,
        };
        self.troubles.insert(OperationKind::Renew, reason);
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
        self.retries.of(OperationKind::Renew).fail(backoff, at);
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
                self.succeeded(OperationKind::Maintain);
                self.repeat_in(OperationKind::Maintain, at.desired.policy.poll_period, at);
            }
            Err(error) => {
                self.hook_failed(&error);
                self.failed(OperationKind::Maintain, at);
            }
        }
    }

    /// The clearinghouse gave a good answer.
    pub(super) fn clearinghouse_answered(&mut self, at: &Circumstances<'_>) {
        self.clearinghouse_silent = false;
        self.heard(at.moment());
    }

    /// The clearinghouse gave no good answer.
    pub(super) fn clearinghouse_failed(
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
            code: error.code(),
            detail: with_causes(error),
        }
    }

    /// A replaced hook failed.
    pub(super) fn hook_failed(&mut self, error: &HookError) -> WaitReason {
        let (code, reason) = (error.code(), with_causes(error));
        self.changes.push(Change::HookFailed {
            code,
            reason: reason.clone(),
        });
        WaitReason::Hook {
            code,
            detail: reason,
        }
    }
}

pub(super) fn journal_trouble(error: &JournalError) -> WaitReason {
    WaitReason::Journal {
        code: error.code(),
        detail: with_causes(error),
    }
}
