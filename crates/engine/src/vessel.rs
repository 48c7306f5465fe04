//! A vessel's life: the stages, the steps between them, and the ones that must never be.
//!
//! ```text
//! Acquired ─► Uploading ─► Starting ─► Running ⇄ Suspect ─► Condemned ─► Releasing ─► gone
//!     ▲           │            │           ▲         ⇅
//!     └───────────┴────────────┘           └───── Unknown (we cannot reach it; its lease still runs)
//! ```
//!
//! One way leads back: a vessel that was condemned on evidence, and is seen running before it could be given
//! back, is pardoned.
//!
//! When a step is taken is decided by the planner and by what operations bring; here is only what is allowed.

use std::time::Duration;

use overlord_time::{Moment, Now, WallTime};
use overlord_types::{Handle, NodeLocation};

use crate::error::IllegalTransition;
use crate::fleet_event::{CondemnReason, Evidence, VesselLabel};
use crate::operation::OperationId;
use crate::ports::{HeldVessel, VesselAddress};
use crate::stage_name::StageName;

/// How far a start has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartProgress {
    /// The program is there; the start waits for its turn.
    Queued,
    /// The node was told to start it.
    Asked(OperationId),
    /// The node did not know yet whether it runs; the next check tells.
    Unconfirmed {
        /// Since when.
        since: Moment,
    },
}

/// Where in its life a vessel is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Ours, in the journal, and nothing runs on it.
    Acquired,
    /// The program is on its way; or a replaced init-vessels hook has the vessel.
    Uploading {
        /// The operation.
        operation: OperationId,
    },
    /// The program is there and is being started.
    Starting {
        /// How far that has come.
        progress: StartProgress,
    },
    /// The program runs, as far as the last look told.
    Running {
        /// Since when without a break.
        since: Moment,
    },
    /// Something is wrong; what, is in the vessel's evidence.
    Suspect {
        /// Since when.
        since: Moment,
    },
    /// We cannot tell, and do nothing about it for now.
    Unknown {
        /// Since when.
        since: Moment,
    },
    /// It will be given back.
    Condemned {
        /// Why.
        reason: CondemnReason,
    },
    /// It is being given back.
    Releasing {
        /// Why.
        reason: CondemnReason,
        /// The operation.
        operation: OperationId,
    },
}

/// What may happen to a vessel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The upload, or a replaced hook, begins.
    UploadBegins(OperationId),
    /// The program arrived whole.
    Uploaded,
    /// The node is told to start it.
    StartBegins(OperationId),
    /// The program runs: said by the start's answer, a check or a hook.
    SeenRunning(Moment),
    /// The node does not know yet.
    NotYetStarted(Moment),
    /// Upload or start failed, or the program was stopped at our request: nothing runs on it.
    NothingRuns,
    /// Something looks wrong.
    Doubted(Moment),
    /// We cannot reach it, and wait.
    OutOfReach(Moment),
    /// It is to be given back.
    Condemned(CondemnReason),
    /// It runs after all, and has not been given back yet.
    Pardoned(Moment),
    /// The clearinghouse is asked to take it back.
    ReleaseBegins(OperationId),
    /// That did not work.
    ReleaseFailed,
}

impl Step {
    fn name(&self) -> &'static str {
        match self {
            Self::UploadBegins(_) => "begin an upload",
            Self::Uploaded => "have been uploaded",
            Self::StartBegins(_) => "begin a start",
            Self::SeenRunning(_) => "be seen running",
            Self::NotYetStarted(_) => "have not started yet",
            Self::NothingRuns => "fall back",
            Self::Doubted(_) => "be doubted",
            Self::OutOfReach(_) => "be out of reach",
            Self::Condemned(_) => "be condemned",
            Self::Pardoned(_) => "be pardoned",
            Self::ReleaseBegins(_) => "begin a release",
            Self::ReleaseFailed => "fail its release",
        }
    }
}

impl Stage {
    /// The stage without its data.
    #[must_use]
    pub fn name(&self) -> StageName {
        match self {
            Self::Acquired => StageName::Acquired,
            Self::Uploading { .. } => StageName::Uploading,
            Self::Starting { .. } => StageName::Starting,
            Self::Running { .. } => StageName::Running,
            Self::Suspect { .. } => StageName::Suspect,
            Self::Unknown { .. } => StageName::Unknown,
            Self::Condemned { .. } => StageName::Condemned,
            Self::Releasing { .. } => StageName::Releasing,
        }
    }

    /// Whether the vessel is on its way out.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        matches!(self, Self::Condemned { .. } | Self::Releasing { .. })
    }

    /// Whether the vessel is to be given back for what was seen of it at its node: such is watched on, for it may
    /// turn out to run before the clearinghouse can be asked to take it back.
    #[must_use]
    pub fn may_be_pardoned(&self) -> bool {
        matches!(
            self,
            Self::Condemned {
                reason: CondemnReason::Evidence { last, .. },
            } if *last != Evidence::NotHeld
        )
    }

    /// Whether a look at the node tells something about this stage.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        matches!(
            self,
            Self::Running { .. }
                | Self::Suspect { .. }
                | Self::Unknown { .. }
                | Self::Starting {
                    progress: StartProgress::Unconfirmed { .. }
                }
        )
    }

    /// The stage after a step; the stage itself if the step is not allowed.
    pub(crate) fn after(self, step: Step) -> Result<Self, (Self, &'static str)> {
        let stage = match (self, step) {
            // A vessel on which nothing runs, or whose program ended, is brought up (again).
            (Self::Acquired | Self::Suspect { .. }, Step::UploadBegins(operation)) => {
                Self::Uploading { operation }
            }
            (Self::Uploading { .. }, Step::Uploaded) => Self::Starting {
                progress: StartProgress::Queued,
            },
            (
                Self::Acquired
                | Self::Suspect { .. }
                | Self::Starting {
                    progress: StartProgress::Queued,
                },
                Step::StartBegins(operation),
            ) => Self::Starting {
                progress: StartProgress::Asked(operation),
            },
            (
                Self::Starting {
                    progress: StartProgress::Asked(_),
                },
                Step::NotYetStarted(since),
            ) => Self::Starting {
                progress: StartProgress::Unconfirmed { since },
            },
            (
                Self::Uploading { .. }
                | Self::Starting { .. }
                | Self::Suspect { .. }
                | Self::Unknown { .. },
                Step::SeenRunning(since),
            ) => Self::Running { since },
            // Seen again: it has run all the while.
            (Self::Running { since }, Step::SeenRunning(_)) => Self::Running { since },
            (
                Self::Uploading { .. }
                | Self::Starting { .. }
                | Self::Running { .. }
                | Self::Suspect { .. }
                | Self::Unknown { .. },
                Step::NothingRuns,
            ) => Self::Acquired,
            (Self::Running { .. } | Self::Unknown { .. }, Step::Doubted(since)) => {
                Self::Suspect { since }
            }
            (Self::Suspect { since }, Step::Doubted(_)) => Self::Suspect { since },
            (Self::Suspect { .. }, Step::OutOfReach(since)) => Self::Unknown { since },
            // Whatever an operation under way brings, it will be of no use any more.
            (
                Self::Acquired
                | Self::Uploading { .. }
                | Self::Starting { .. }
                | Self::Running { .. }
                | Self::Suspect { .. }
                | Self::Unknown { .. },
                Step::Condemned(reason),
            ) => Self::Condemned { reason },
            (Self::Condemned { reason }, Step::ReleaseBegins(operation)) => {
                Self::Releasing { reason, operation }
            }
            (Self::Condemned { .. }, Step::Pardoned(since)) => Self::Running { since },
            (Self::Releasing { reason, .. }, Step::ReleaseFailed) => Self::Condemned { reason },
            (stage, step) => return Err((stage, step.name())),
        };
        Ok(stage)
    }
}

/// When a lease ends, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The end by the clock that never goes back.
    pub until: Moment,
    /// The end by the clock on the wall.
    pub until_wall: WallTime,
    /// When it was granted or last lengthened, as far as we know.
    pub granted: Moment,
    /// How long it was then.
    pub length: Duration,
    /// Whether we have seen it lengthened since the vessel is ours.
    pub renewed: bool,
}

/// Two readings of one lease differ by the time that answers take; more than this is a renewal.
const LENGTHENED_AT_LEAST: Duration = Duration::from_secs(1);

impl Lease {
    /// A lease as just read.
    #[must_use]
    pub fn read(expires_in: Duration, now: Now) -> Self {
        Self {
            until: now.moment + expires_in,
            until_wall: now.wall + expires_in,
            granted: now.moment,
            length: expires_in,
            renewed: false,
        }
    }

    /// The same lease, read again. Says whether it was lengthened. What was read counts in any case.
    pub fn read_again(&mut self, expires_in: Duration, now: Now) -> bool {
        let until = now.moment + expires_in;
        let lengthened = until.since(self.until) > LENGTHENED_AT_LEAST;
        if lengthened {
            self.granted = now.moment;
            self.length = expires_in;
            self.renewed = true;
        }
        self.until = until;
        self.until_wall = now.wall + expires_in;
        lengthened
    }

    /// How long it still runs: the less of what the two clocks say, for one may have slept and the other been set.
    #[must_use]
    pub fn remaining(&self, now: Now) -> Duration {
        self.until
            .since(now.moment)
            .min(self.until_wall.since(now.wall))
    }
}

/// What was seen of a vessel that looks wrong, over how many rounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceLog {
    /// When the first of it was seen.
    pub first: Moment,
    /// How many separate rounds saw something wrong.
    pub rounds: u32,
    /// When the last of them was.
    pub latest: Moment,
    /// The last of it.
    pub last: Evidence,
}

/// A vessel that is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vessel {
    /// Its name.
    pub handle: Handle,
    /// Where its node is reached.
    pub location: NodeLocation,
    /// When its lease ends.
    pub lease: Lease,
    /// Where in its life it is.
    pub stage: Stage,
    /// Which copy it is; `None` while there are more vessels than copies.
    pub index: Option<u32>,
    /// Whether the program is on it, whole.
    pub uploaded: bool,
    /// Whether the program was ever seen running on it: then two rounds of evidence are needed to give it back.
    pub ran: bool,
    /// Whether the program may be running on it: it was seen running or asked to start, and nothing that we have
    /// heard since says that it ended.
    pub may_run: bool,
    /// How often in a row the program could not be kept running here.
    pub failures_here: u32,
    /// What looks wrong.
    pub evidence: Option<EvidenceLog>,
    /// In how many readings in a row the clearinghouse did not list it.
    pub missing_readings: u32,
    /// Counts the changes of stage, so that a look begun before one is not taken for news.
    pub generation: u64,
    /// The fleet's step at which it became ours, so that a reading begun before it is not taken for news.
    pub since_step: u64,
}

impl Vessel {
    /// A vessel that just became ours.
    #[must_use]
    pub fn new(held: &HeldVessel, now: Now, since_step: u64) -> Self {
        Self {
            handle: held.handle.clone(),
            location: held.location.clone(),
            lease: Lease::read(held.expires_in, now),
            stage: Stage::Acquired,
            index: None,
            uploaded: false,
            ran: false,
            may_run: false,
            failures_here: 0,
            evidence: None,
            missing_readings: 0,
            generation: 0,
            since_step,
        }
    }

    /// Takes a step, or says why it cannot; then nothing has changed.
    ///
    /// # Errors
    /// [`IllegalTransition`] if the vessel's stage does not allow the step.
    pub fn take(&mut self, step: Step) -> Result<(), IllegalTransition> {
        let may_run = match &step {
            Step::SeenRunning(_) | Step::Pardoned(_) | Step::StartBegins(_) => true,
            Step::NothingRuns => false,
            _ => self.may_run,
        };
        let stage = std::mem::replace(&mut self.stage, Stage::Acquired);
        match stage.after(step) {
            Ok(stage) => {
                self.stage = stage;
                self.may_run = may_run;
                self.generation += 1;
                Ok(())
            }
            Err((stage, step)) => {
                self.stage = stage;
                Err(IllegalTransition {
                    handle: self.handle.clone(),
                    stage: self.stage.name(),
                    step,
                })
            }
        }
    }

    /// Adds a round of evidence. Silence right after silence counts only if somebody else was heard in between: if
    /// not, it may have been our own link both times, and the count begins anew.
    pub fn doubt(&mut self, evidence: Evidence, last_heard: Moment, now: Moment) {
        let rounds = match &self.evidence {
            Some(log) => {
                let silent = |evidence: &Evidence| matches!(evidence, Evidence::Silent { .. });
                let deaf = silent(&evidence) && silent(&log.last) && last_heard <= log.latest;
                if deaf { 0 } else { log.rounds }
            }
            None => 0,
        };
        let first = match &self.evidence {
            Some(log) if rounds > 0 => log.first,
            _ => now,
        };
        self.evidence = Some(EvidenceLog {
            first,
            rounds: rounds.saturating_add(1),
            latest: now,
            last: evidence,
        });
    }

    /// How many rounds have seen something wrong.
    #[must_use]
    pub fn rounds(&self) -> u32 {
        self.evidence.as_ref().map_or(0, |log| log.rounds)
    }

    /// Where it is, for the node port.
    #[must_use]
    pub fn address(&self) -> VesselAddress {
        VesselAddress {
            handle: self.handle.clone(),
            location: self.location.clone(),
        }
    }

    /// How it is named to the operator.
    #[must_use]
    pub fn label(&self) -> VesselLabel {
        VesselLabel {
            handle: self.handle.clone(),
            location: self.location.clone(),
            index: self.index,
        }
    }
}

#[cfg(test)]
mod tests;
