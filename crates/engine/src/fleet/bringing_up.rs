//! How vessels come to run the program: uploads, starts, the replaced hook, and what happens when they fail.

use std::collections::BTreeSet;

use overlord_types::failure::Classified as _;
use overlord_types::{Handle, VesselStatus};

use super::{Circumstances, Fleet};
use crate::error::{HookError, InitialiseError, NodeError};
use crate::fleet_event::{Change, CondemnReason, Evidence};
use crate::operation::{Assignment, OperationId, OperationKind, StartResult};
use crate::ports::VesselAddress;
use crate::text::with_causes;
use crate::vessel::{Stage, StartProgress, Step};

impl Fleet {
    /// An upload is over.
    pub(super) fn uploaded(
        &mut self,
        id: OperationId,
        handle: &Handle,
        result: Result<(), InitialiseError>,
        at: &mut Circumstances<'_>,
    ) {
        self.note_node_answer(handle, result.as_ref().err(), at);
        if !self.is_bringing_up(handle, id) {
            return;
        }
        match result {
            Ok(()) => {
                self.take_step(handle, Step::Uploaded);
                if let Some(vessel) = self.known(handle) {
                    vessel.uploaded = true;
                    let vessel = vessel.label();
                    self.changes.push(Change::Uploaded { vessel });
                }
            }
            Err(error) => self.bringing_up_failed(handle, &error, at),
        }
    }

    /// A start is over.
    pub(super) fn started(
        &mut self,
        id: OperationId,
        handle: &Handle,
        result: Result<StartResult, InitialiseError>,
        at: &mut Circumstances<'_>,
    ) {
        self.note_node_answer(handle, result.as_ref().err(), at);
        if !self.is_bringing_up(handle, id) {
            return;
        }
        let answered = result.is_ok();
        let ran = self.vessels.get(handle).is_some_and(|vessel| vessel.ran);
        let started = match result {
            Ok(started) => started,
            // The answer was lost, and the program may run: the next look tells.
            Err(InitialiseError::Start(NodeError::Silent(_) | NodeError::Deadline(_))) => {
                StartResult::NotYet
            }
            // So it does if the look that called it ended was wrong: nodes refuse to start what runs.
            Err(InitialiseError::Start(NodeError::Refused(_))) if ran => StartResult::NotYet,
            Err(error) => return self.bringing_up_failed(handle, &error, at),
        };
        if answered && let Some(vessel) = self.known(handle).map(|vessel| vessel.label()) {
            self.changes.push(Change::Started { vessel });
        }
        match started {
            StartResult::Running => self.seen_running(handle, at),
            StartResult::NotYet => self.take_step(handle, Step::NotYetStarted(at.moment())),
        }
        // Programs that end soon end very soon: the first look is not put off for a whole period.
        self.check_soon(handle, at);
    }

    /// A replaced init-vessels hook is over.
    pub(super) fn initialised(
        &mut self,
        id: OperationId,
        fresh: &[Assignment],
        owned: &[Handle],
        result: Result<BTreeSet<Handle>, HookError>,
        at: &mut Circumstances<'_>,
    ) {
        let kept = match result {
            Ok(kept) => kept,
            Err(error) => {
                // The hook's fault, and no vessel's.
                self.hook_failed(&error);
                for assignment in fresh {
                    let handle = &assignment.address.handle;
                    if self.is_bringing_up(handle, id) {
                        self.take_step(handle, Step::NothingRuns);
                        // How far the hook came with it, only the hook knows.
                        self.may_run(handle);
                    }
                }
                return self.failed(OperationKind::Initialise, at);
            }
        };
        self.succeeded(OperationKind::Initialise);
        for assignment in fresh {
            let handle = &assignment.address.handle;
            if !self.is_bringing_up(handle, id) {
                continue;
            }
            if kept.contains(handle) {
                if let Some(vessel) = self.known(handle) {
                    vessel.uploaded = true;
                    let vessel = vessel.label();
                    self.changes.push(Change::Started { vessel });
                }
                self.seen_running(handle, at);
                self.check_soon(handle, at);
            } else {
                self.bringing_up_failed(handle, &InitialiseError::Hook, at);
            }
        }
        let runs = |fleet: &Self, handle: &Handle| {
            fleet
                .vessels
                .get(handle)
                .is_some_and(|vessel| matches!(vessel.stage, Stage::Running { .. }))
        };
        for handle in owned {
            let is_fresh = fresh
                .iter()
                .any(|assignment| assignment.address.handle == *handle);
            if !is_fresh && !kept.contains(handle) && runs(self, handle) {
                self.condemn(handle, CondemnReason::DroppedByHook, at);
            }
        }
    }

    /// The program runs on it.
    pub(super) fn seen_running(&mut self, handle: &Handle, at: &mut Circumstances<'_>) {
        let now = at.moment();
        let was_running = self
            .vessels
            .get(handle)
            .is_some_and(|vessel| matches!(vessel.stage, Stage::Running { .. }));
        if !was_running {
            self.take_step(handle, Step::SeenRunning(now));
        }
        let stable_after = at.desired.policy.stable_after;
        let Some(vessel) = self.known(handle) else {
            return;
        };
        // Otherwise the step was not allowed, and that was told.
        let Stage::Running { since } = vessel.stage else {
            return;
        };
        vessel.evidence = None;
        vessel.uploaded = true;
        vessel.ran = true;
        let is_stable = now.since(since) >= stable_after;
        if is_stable {
            vessel.failures_here = 0;
        }
        let newly_running = (!was_running).then(|| vessel.label());
        if is_stable && let Some(copy) = self.copy_on(handle) {
            copy.retry.succeed();
        }
        if let Some(vessel) = newly_running {
            self.changes.push(Change::Running { vessel });
        }
    }

    /// An attempt to bring a vessel up failed: nothing runs on it, as far as we know.
    pub(super) fn bringing_up_failed(
        &mut self,
        handle: &Handle,
        error: &InitialiseError,
        at: &mut Circumstances<'_>,
    ) {
        let (code, reason) = (error.code(), with_causes(error));
        let (evidence, log_tail) = match error {
            InitialiseError::Upload(error) | InitialiseError::Start(error) => {
                let detail = with_causes(error);
                if error.is_silence() {
                    (Evidence::Silent { code, detail }, String::new())
                } else {
                    (Evidence::InitialiseFailed { code, detail }, String::new())
                }
            }
            InitialiseError::Ended { status, log_tail } => {
                (Evidence::NotRunning { status: *status }, log_tail.clone())
            }
            InitialiseError::Arguments(_)
            | InitialiseError::Hook
            | InitialiseError::Program
            | InitialiseError::Journal(_) => (
                Evidence::InitialiseFailed {
                    code,
                    detail: reason.clone(),
                },
                String::new(),
            ),
        };
        // A node that refused to start it may have been wiped since; a silent one may have part of the file.
        let file_is_there = matches!(error, InitialiseError::Ended { .. });
        // What is no fault of the vessel's only makes it wait, and is no evidence against it.
        let vessels_fault = !matches!(
            error,
            InitialiseError::Arguments(_) | InitialiseError::Journal(_) | InitialiseError::Program
        );
        let started_perhaps = match error {
            InitialiseError::Start(error) => matches!(
                error,
                NodeError::Silent(_) | NodeError::Deadline(_) | NodeError::Misbehaved(_)
            ),
            InitialiseError::Hook => true,
            _ => false,
        };
        self.take_step(handle, Step::NothingRuns);
        if started_perhaps {
            self.may_run(handle);
        }
        let last_heard = self.last_heard;
        let Some(vessel) = self.known(handle) else {
            return;
        };
        vessel.uploaded &= file_is_there || !vessels_fault;
        if vessels_fault {
            vessel.doubt(evidence, last_heard, at.now.moment);
        }
        let label = vessel.label();
        self.count_failure(handle, vessels_fault, at);
        // One that is surplus is no copy, and nothing is counted for it.
        let retry = self.copy_on(handle).map(|copy| copy.retry);
        let retry = retry.unwrap_or_default();
        self.changes.push(Change::Failed {
            vessel: label,
            code,
            reason,
            failures: retry.failures,
            next_attempt: at.now.wall + retry.not_before.since(at.now.moment),
            log_tail,
        });
    }

    /// One failure more of a copy, and of its vessel unless it is none of the vessel's fault: the next attempt
    /// waits. The copy's count stays when its vessel is replaced.
    pub(super) fn count_failure(
        &mut self,
        handle: &Handle,
        vessels_fault: bool,
        at: &mut Circumstances<'_>,
    ) {
        let Some(vessel) = self.known(handle) else {
            return;
        };
        vessel.failures_here = vessel
            .failures_here
            .saturating_add(u32::from(vessels_fault));
        if let Some(index) = vessel.index {
            let backoff = at.backoff();
            self.copies
                .entry(index)
                .or_default()
                .retry
                .fail(backoff, at);
        }
    }

    /// The program may have been started on it.
    pub(super) fn may_run(&mut self, handle: &Handle) {
        if let Some(vessel) = self.known(handle) {
            vessel.may_run = true;
        }
    }

    /// A stop at the end of the run is over.
    pub(super) fn stopped(
        &mut self,
        address: &VesselAddress,
        result: Result<(), NodeError>,
        at: &mut Circumstances<'_>,
    ) {
        match result {
            Ok(()) => {
                let may_run = self.vessels.get(&address.handle).is_some_and(|vessel| {
                    !vessel.stage.is_leaving() && vessel.stage != Stage::Acquired
                });
                if may_run {
                    self.take_step(&address.handle, Step::NothingRuns);
                }
                self.heard(at.moment());
            }
            Err(error) => {
                let cause = with_causes(&error);
                self.undone.push(format!(
                    "the program on {address} could not be stopped: {cause}"
                ));
            }
        }
    }

    /// Whether this operation is what the vessel waits for. If not, its answer is of no interest any more.
    fn is_bringing_up(&self, handle: &Handle, id: OperationId) -> bool {
        self.vessels
            .get(handle)
            .is_some_and(|vessel| match vessel.stage {
                Stage::Uploading { operation }
                | Stage::Starting {
                    progress: StartProgress::Asked(operation),
                } => operation == id,
                _ => false,
            })
    }

    /// Notes whether the vessel's node answered an upload or a start.
    fn note_node_answer(
        &mut self,
        handle: &Handle,
        error: Option<&InitialiseError>,
        at: &Circumstances<'_>,
    ) {
        let silent = match error {
            None | Some(InitialiseError::Ended { .. }) => false,
            Some(InitialiseError::Upload(error) | InitialiseError::Start(error)) => {
                error.is_silence()
            }
            Some(
                // The node was not asked, or by a hook that tells nothing of it.
                InitialiseError::Arguments(_)
                | InitialiseError::Hook
                | InitialiseError::Program
                | InitialiseError::Journal(_),
            ) => return,
        };
        self.note_node(&handle.node, silent, at);
    }
}

/// What a status means for a program that was just started.
pub(super) fn is_yet_to_start(status: VesselStatus) -> bool {
    matches!(status, VesselStatus::Fresh | VesselStatus::Stopped)
}
