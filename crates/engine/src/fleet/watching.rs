//! What looks at nodes tell: checks of one node each, and the replaced hook's verdict over all.

use std::collections::{BTreeMap, BTreeSet};

use overlord_time::Backoff;
use overlord_types::failure::Classified as _;
use overlord_types::{Handle, NodeId, VesselName, VesselStatus};

use super::bringing_up::is_yet_to_start;
use super::{Circumstances, CopyRecord, Fleet};
use crate::error::{HookError, InitialiseError, NodeError};
use crate::fleet_event::{Change, CondemnReason, Evidence};
use crate::operation::OperationKind;
use crate::ports::VesselObservation;
use crate::text::with_causes;
use crate::vessel::{Stage, StartProgress, Step, Vessel};

impl Fleet {
    /// A node was asked for its vessels.
    pub(super) fn checked(
        &mut self,
        node: &NodeId,
        asked: &BTreeMap<Handle, u64>,
        result: Result<BTreeMap<VesselName, VesselObservation>, NodeError>,
        at: &mut Circumstances<'_>,
    ) {
        let silent = result.as_ref().err().is_some_and(NodeError::is_silence);
        self.note_node(node, silent, at);
        for (handle, generation) in asked {
            // Of one on its way out only good news counts, and that is taken below.
            let current = self.vessels.get(handle).is_some_and(|vessel| {
                vessel.generation == *generation && !vessel.stage.is_leaving()
            });
            if !current {
                continue;
            }
            match &result {
                Ok(observations) => match observations.get(&handle.vessel) {
                    Some(observation) => self.observed(handle, *observation, at),
                    None => self.doubt(handle, Evidence::NoSuchVessel, at),
                },
                Err(error) => {
                    let (code, detail) = (error.code(), with_causes(error));
                    let evidence = if silent {
                        Evidence::Silent { code, detail }
                    } else {
                        Evidence::Misbehaved { code, detail }
                    };
                    self.doubt(handle, evidence, at);
                }
            }
        }
        if let Ok(observations) = &result {
            self.take_good_news(node, observations, at);
        }
        self.schedule_check(node, at);
    }

    /// What a node tells besides what it was asked for, if it is good: the program runs on a vessel that was
    /// condemned for what was seen of it, or is being brought up (again).
    fn take_good_news(
        &mut self,
        node: &NodeId,
        observations: &BTreeMap<VesselName, VesselObservation>,
        at: &mut Circumstances<'_>,
    ) {
        let unanswered = |stage: &Stage| {
            matches!(
                stage,
                Stage::Uploading { .. }
                    | Stage::Starting {
                        progress: StartProgress::Asked(_)
                    }
            )
        };
        let runs = |vessel: &&Vessel| {
            vessel.handle.node == *node
                && (vessel.stage.may_be_pardoned() || unanswered(&vessel.stage))
                && observations
                    .get(&vessel.handle.vessel)
                    .is_some_and(|seen| seen.is_ours && seen.status == VesselStatus::Started)
        };
        let running: Vec<Handle> = self
            .vessels
            .values()
            .filter(runs)
            .map(|vessel| vessel.handle.clone())
            .collect();
        let wanted = at.desired.deployment.vessel_count as usize;
        for handle in running {
            let condemned = self
                .vessels
                .get(&handle)
                .is_some_and(|v| v.stage.may_be_pardoned());
            if condemned {
                // Its place may be taken by now; then it is surplus, and goes.
                if self.active().count() >= wanted {
                    continue;
                }
                self.take_step(&handle, Step::Pardoned(at.moment()));
                self.assign_copies(at.desired.deployment.vessel_count);
                if let Some(vessel) = self.known(&handle).map(|vessel| vessel.label()) {
                    self.changes.push(Change::Running { vessel });
                }
            }
            self.seen_running(&handle, at);
        }
    }

    fn observed(
        &mut self,
        handle: &Handle,
        observation: VesselObservation,
        at: &mut Circumstances<'_>,
    ) {
        let Some(vessel) = self.known(handle) else {
            return;
        };
        let status = observation.status;
        match (&vessel.stage, status) {
            _ if !observation.is_ours => self.doubt(handle, Evidence::NotOurs, at),
            (_, VesselStatus::Started) => self.seen_running(handle, at),
            (
                Stage::Starting {
                    progress: StartProgress::Unconfirmed { since },
                },
                status,
            ) => {
                let waited = at.moment().since(*since);
                let patient = waited < at.desired.policy.start_deadline;
                if !(patient && is_yet_to_start(status)) {
                    let error = InitialiseError::Ended {
                        status,
                        log_tail: String::new(),
                    };
                    self.bringing_up_failed(handle, &error, at);
                }
            }
            (_, status) => self.doubt(handle, Evidence::NotRunning { status }, at),
        }
    }

    /// Something looks wrong with a vessel: one round more.
    fn doubt(&mut self, handle: &Handle, evidence: Evidence, at: &mut Circumstances<'_>) {
        let now = at.moment();
        let stable_after = at.desired.policy.stable_after;
        let last_heard = self.last_heard;
        let Some(vessel) = self.known(handle) else {
            return;
        };
        let ran_until_now = match vessel.stage {
            Stage::Running { since } => Some(now.since(since)),
            _ => None,
        };
        let silent = matches!(evidence, Evidence::Silent { .. });
        let not_running = match &evidence {
            Evidence::NotRunning { status } => Some(*status),
            _ => None,
        };
        vessel.doubt(evidence.clone(), last_heard, now);
        if not_running.is_some() && !matches!(vessel.stage, Stage::Starting { .. }) {
            vessel.may_run = false;
        }
        if not_running == Some(VesselStatus::Fresh) {
            // It was wiped, or is new to us: the program has to be sent (again).
            vessel.uploaded = false;
        }
        if let (Some(ran_for), Some(_)) = (ran_until_now, not_running) {
            if ran_for >= stable_after {
                vessel.failures_here = 0;
                if let Some(copy) = self.copy_on(handle) {
                    copy.retry.succeed();
                }
            }
            self.count_failure(handle, true, at);
            // A program that has done some work and is gone is started again at once, the first time. That is
            // no loop: the next failure within the stable time waits.
            if ran_for >= at.desired.policy.backoff_first
                && let Some(copy) = self.copy_on(handle)
            {
                copy.retry.skip_first_pause(now);
            }
        }
        let Some(vessel) = self.known(handle) else {
            return;
        };
        let unconfirmed = matches!(vessel.stage, Stage::Starting { .. });
        let stays_unknown = silent && matches!(vessel.stage, Stage::Unknown { .. });
        if unconfirmed {
            // Not known to run yet: no answer is no news, until the start's deadline is over.
            if let Stage::Starting {
                progress: StartProgress::Unconfirmed { since },
            } = vessel.stage
                && now.since(since) >= at.desired.policy.start_deadline
            {
                let detail = NodeError::Deadline(at.desired.policy.start_deadline);
                self.bringing_up_failed(handle, &InitialiseError::Start(detail), at);
            }
            return;
        }
        // Silence of one that is out of reach is no news.
        if stays_unknown {
            return;
        }
        let first = !matches!(vessel.stage, Stage::Suspect { .. });
        let label = vessel.label();
        self.take_step(handle, Step::Doubted(now));
        if first {
            self.changes.push(Change::Suspect {
                vessel: label,
                evidence,
            });
        }
    }

    /// What is known of the copy on a vessel: nothing if it is surplus, or the copy has never failed.
    pub(super) fn copy_on(&mut self, handle: &Handle) -> Option<&mut CopyRecord> {
        let index = self.vessels.get(handle)?.index?;
        self.copies.get_mut(&index)
    }

    /// A replaced remove-vessels hook is over.
    pub(super) fn weeded(
        &mut self,
        asked: &BTreeMap<Handle, u64>,
        result: Result<BTreeSet<Handle>, HookError>,
        at: &mut Circumstances<'_>,
    ) {
        let kept = match result {
            Ok(kept) => kept,
            Err(error) => {
                self.hook_failed(&error);
                return self.failed(OperationKind::Weed, at);
            }
        };
        self.succeeded(OperationKind::Weed);
        self.repeat_in(OperationKind::Weed, at.desired.policy.poll_period, at);
        for (handle, generation) in asked {
            // What the hook judged is of no interest any more where the vessel has changed since.
            let current = self
                .vessels
                .get(handle)
                .is_some_and(|vessel| vessel.generation == *generation);
            if !current {
                continue;
            }
            if kept.contains(handle) {
                self.seen_running(handle, at);
            } else {
                self.condemn(handle, CondemnReason::DroppedByHook, at);
            }
        }
    }

    /// Notes whether a node answered, be it what it may.
    pub(super) fn note_node(&mut self, node: &NodeId, silent: bool, at: &Circumstances<'_>) {
        if !silent {
            self.heard(at.moment());
        }
        // The last vessel on it may be gone since it was asked.
        if let Some(watch) = self.nodes.get_mut(node) {
            watch.silent_rounds = if silent {
                watch.silent_rounds.saturating_add(1)
            } else {
                0
            };
        }
    }

    /// When the node is asked next: in a polling period, or sooner if something on it looks wrong; a
    /// node that stays silent is asked less and less often, down to once a period.
    fn schedule_check(&mut self, node: &NodeId, at: &mut Circumstances<'_>) {
        let policy = &at.desired.policy;
        let wrong = self.vessels.values().any(|vessel| {
            vessel.handle.node == *node
                && match vessel.stage {
                    Stage::Running { .. } => vessel.evidence.is_some(),
                    _ => vessel.stage.is_watched() || vessel.stage.may_be_pardoned(),
                }
        });
        // The last vessel on it may be gone since it was asked, and the node is watched no more.
        let Some(watch) = self.nodes.get(node) else {
            return;
        };
        let period = if wrong {
            let backoff = Backoff {
                first: policy.suspect_period,
                most: policy.poll_period,
            };
            backoff
                .ceiling(watch.silent_rounds)
                .max(policy.suspect_period)
        } else {
            policy.poll_period
        };
        let next_check = at.jittered(period);
        if let Some(watch) = self.nodes.get_mut(node) {
            watch.next_check = next_check;
        }
    }

    /// The node of this vessel is asked within a suspect period.
    pub(super) fn check_soon(&mut self, handle: &Handle, at: &mut Circumstances<'_>) {
        let soon = at.jittered(at.desired.policy.suspect_period);
        if let Some(watch) = self.nodes.get_mut(&handle.node) {
            // Keep a check that is due sooner, but not one from before this vessel was of interest.
            let past = watch.next_check <= at.moment();
            watch.next_check = if past {
                soon
            } else {
                watch.next_check.min(soon)
            };
        }
    }
}
