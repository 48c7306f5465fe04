//! What can be under way, what it brings, and the one closed list of what wakes the engine.
//!
//! The planner makes operations, the runner carries them out, and their outcomes go back as [`Event`]s. An
//! [`Outcome`] owns what its [`Operation`] was about, so that none can end with the outcome of another.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use overlord_time::Moment;
use overlord_types::{Handle, NodeId, NodeLocation, VesselName};

use thiserror::Error;

use crate::error::{ClearinghouseError, HookError, InitialiseError, JournalError, NodeError};
use crate::fleet_event::StopReason;
use crate::journal::{DoubtfulAcquisition, JournalRecord};
use crate::ports::{HeldVessel, VesselAddress, VesselObservation};
use crate::settings::OnStop;

/// Tells operations of one run apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(u64);

impl OperationId {
    /// The operation of this number.
    #[must_use]
    pub const fn of(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operation {}", self.0)
    }
}

/// A vessel that is to run the program as one of the copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Which vessel, and where.
    pub address: VesselAddress,
    /// Which copy.
    pub index: u32,
    /// How often that copy has failed in a row.
    pub failures: u32,
}

impl Assignment {
    fn intent(&self) -> JournalRecord {
        JournalRecord::InitialiseIntended {
            handle: self.address.handle.clone(),
            index: self.index,
            failures: self.failures,
        }
    }
}

/// A request for vessels, as the journal and the fleet know it from before it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcquireRequest {
    /// Tells acquisitions apart within and across runs.
    pub acquisition: u64,
    /// What is asked for, and beside what.
    pub request: DoubtfulAcquisition,
}

/// Who wants the account to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// The planner.
    Planner,
    /// A hook, through its handle.
    Hook,
}

/// Something that takes time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// The start-up hook, then reading what the account holds.
    StartUp,
    /// Reading what the account holds.
    ReadHeld,
    /// Asking the clearinghouse for vessels.
    Acquire {
        /// For what.
        request: AcquireRequest,
        /// Who wants them.
        by: Asker,
    },
    /// A replaced acquire-vessels hook.
    AcquireByHook {
        /// What is owned.
        owned: Vec<Handle>,
    },
    /// Writing down what a doubtful acquisition turned out to have brought.
    Claim {
        /// Which acquisition.
        acquisition: u64,
        /// What it brought.
        vessels: Vec<HeldVessel>,
    },
    /// First half of the default init-vessels hook, for one vessel.
    Upload(Assignment),
    /// Second half of the default init-vessels hook, for one vessel.
    Start {
        /// Which vessel and copy.
        assignment: Assignment,
        /// Whether the program was there already, so that this is the attempt's first operation.
        first: bool,
    },
    /// A replaced init-vessels hook, for all that are fresh.
    Initialise {
        /// Vessels on which nothing runs.
        fresh: Vec<Assignment>,
        /// All that are owned.
        owned: Vec<Handle>,
    },
    /// The default remove-vessels hook, for one node.
    Check {
        /// Which node.
        node: NodeId,
        /// Where it is reached.
        location: NodeLocation,
        /// The vessels it is asked for, and their generations at that time.
        vessels: BTreeMap<Handle, u64>,
    },
    /// A replaced remove-vessels hook, for the fleet.
    Weed {
        /// The vessels it is asked for, and their generations at that time.
        vessels: BTreeMap<Handle, u64>,
    },
    /// The default maintenance hook: renewing leases, then reading them back.
    Renew {
        /// Which.
        vessels: BTreeSet<Handle>,
    },
    /// A replaced maintenance hook, then reading the leases back.
    Maintain {
        /// When maintenance was last done.
        last: Moment,
        /// All that are owned.
        owned: Vec<Handle>,
    },
    /// Giving vessels back.
    Release {
        /// Which.
        vessels: BTreeSet<Handle>,
        /// Who wants that.
        by: Asker,
    },
    /// Stopping the program of one vessel, at the end of a run.
    Stop(VesselAddress),
}

/// What an operation is, without what it is about: under this name the fleet counts what is under way and what failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperationKind {
    /// Of [`Operation::Acquire`].
    Acquire,
    /// Of [`Operation::AcquireByHook`].
    AcquireByHook,
    /// Of [`Operation::Check`].
    Check,
    /// Of [`Operation::Claim`].
    Claim,
    /// Of [`Operation::Initialise`].
    Initialise,
    /// Of [`Operation::Maintain`].
    Maintain,
    /// Of [`Operation::ReadHeld`].
    ReadHeld,
    /// Of [`Operation::Release`].
    Release,
    /// Of [`Operation::Renew`].
    Renew,
    /// Of [`Operation::Start`].
    Start,
    /// Of [`Operation::StartUp`].
    StartUp,
    /// Of [`Operation::Stop`].
    Stop,
    /// Of [`Operation::Upload`].
    Upload,
    /// Of [`Operation::Weed`].
    Weed,
}

impl OperationKind {
    /// What it is, in a few words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::StartUp => "the start-up",
            Self::ReadHeld => "reading what the account holds",
            Self::Acquire => "an acquisition",
            Self::AcquireByHook => "the acquire_vessels hook",
            Self::Claim => "writing down an acquisition",
            Self::Upload => "an upload",
            Self::Start => "a start",
            Self::Initialise => "the init_vessels hook",
            Self::Check => "a check",
            Self::Weed => "the remove_vessels hook",
            Self::Renew => "a renewal",
            Self::Maintain => "the maintenance hook",
            Self::Release => "a release",
            Self::Stop => "a stop",
        }
    }

    /// Whether it changes what the account holds.
    #[must_use]
    pub fn changes_the_account(self) -> bool {
        matches!(self, Self::Acquire | Self::AcquireByHook | Self::Release)
    }

    /// Whether dropping it half-way could leave vessels behind that nobody knows of, or the clearinghouse's
    /// answer unread, or start a program after it was stopped: at the end of a run such are waited for, within
    /// the final phase.
    #[must_use]
    pub fn is_waited_for_at_the_end(self, on_stop: OnStop) -> bool {
        match self {
            Self::Claim | Self::Stop => true,
            Self::Start => on_stop == OnStop::Stop,
            _ => self.changes_the_account(),
        }
    }
}

impl Operation {
    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::StartUp => OperationKind::StartUp,
            Self::ReadHeld => OperationKind::ReadHeld,
            Self::Acquire { .. } => OperationKind::Acquire,
            Self::AcquireByHook { .. } => OperationKind::AcquireByHook,
            Self::Claim { .. } => OperationKind::Claim,
            Self::Upload(_) => OperationKind::Upload,
            Self::Start { .. } => OperationKind::Start,
            Self::Initialise { .. } => OperationKind::Initialise,
            Self::Check { .. } => OperationKind::Check,
            Self::Weed { .. } => OperationKind::Weed,
            Self::Renew { .. } => OperationKind::Renew,
            Self::Maintain { .. } => OperationKind::Maintain,
            Self::Release { .. } => OperationKind::Release,
            Self::Stop(_) => OperationKind::Stop,
        }
    }

    /// What the journal is told before it is begun.
    #[must_use]
    pub fn intents(&self) -> Vec<JournalRecord> {
        match self {
            Self::Acquire { request, .. } => {
                let DoubtfulAcquisition {
                    count,
                    baseline,
                    at,
                } = request.request.clone();
                vec![JournalRecord::AcquireIntended {
                    acquisition: request.acquisition,
                    count,
                    baseline,
                    at,
                }]
            }
            Self::Upload(assignment)
            | Self::Start {
                assignment,
                first: true,
            } => vec![assignment.intent()],
            Self::Initialise { fresh, .. } => fresh.iter().map(Assignment::intent).collect(),
            Self::Release { vessels, .. } => vec![JournalRecord::ReleaseIntended {
                vessels: vessels.clone(),
            }],
            _ => Vec::new(),
        }
    }

    /// The one vessel that it is about, if it is about one.
    #[must_use]
    pub fn vessel(&self) -> Option<&Handle> {
        match self {
            Self::Upload(assignment) | Self::Start { assignment, .. } => {
                Some(&assignment.address.handle)
            }
            Self::Stop(address) => Some(&address.handle),
            _ => None,
        }
    }

    /// The node whose connections it takes, if it takes any.
    #[must_use]
    pub fn node(&self) -> Option<&NodeId> {
        match self {
            Self::Check { node, .. } => Some(node),
            other => other.vessel().map(|handle| &handle.node),
        }
    }
}

/// Why a start-up did not succeed.
#[derive(Debug)]
pub enum StartUpError {
    /// The clearinghouse gave no good answer.
    Clearinghouse(ClearinghouseError),
    /// The replaced hook failed.
    Hook(HookError),
    /// The journal did not take what was adopted.
    Journal(JournalError),
}

/// Why an acquisition did not succeed.
#[derive(Debug, Error)]
pub enum AcquireError {
    /// The clearinghouse gave no good answer.
    #[error(transparent)]
    Clearinghouse(#[from] ClearinghouseError),
    /// The replaced hook failed.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// The journal did not take the intent, so nothing was asked.
    #[error(transparent)]
    Intent(JournalError),
    /// Vessels came, and the journal did not take that: they are not used before a reading has shown them again.
    #[error(transparent)]
    Unrecorded(JournalError),
}

impl AcquireError {
    /// Whether vessels may have come all the same, and if so, after how long the request will not come about any more.
    #[must_use]
    pub fn may_come_within(&self, clearinghouse_deadline: Duration) -> Option<Duration> {
        match self {
            Self::Clearinghouse(error) if error.may_have_been_done() => {
                Some(if error.is_answer() {
                    Duration::ZERO
                } else {
                    clearinghouse_deadline
                })
            }
            Self::Unrecorded(_) => Some(Duration::ZERO),
            Self::Clearinghouse(_) | Self::Hook(_) | Self::Intent(_) => None,
        }
    }

    /// Whether as many were refused, and fewer may be had.
    #[must_use]
    pub fn is_all_or_nothing(&self) -> bool {
        matches!(
            self,
            Self::Clearinghouse(
                ClearinghouseError::NotEnoughCredits(_) | ClearinghouseError::UnableToAcquire(_)
            )
        )
    }
}

/// Why a release did not succeed; it is tried again.
#[derive(Debug, Error)]
pub enum ReleaseError {
    /// The clearinghouse gave no good answer.
    #[error(transparent)]
    Clearinghouse(#[from] ClearinghouseError),
    /// The journal did not take intent or outcome.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// How a start went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartResult {
    /// The program runs.
    Running,
    /// The node does not know yet.
    NotYet,
}

/// What a start-up found.
#[derive(Debug, Default)]
pub struct StartUpReport {
    /// What the account holds after it.
    pub held: Vec<HeldVessel>,
    /// What was given back.
    pub released: Vec<Handle>,
    /// What was taken over from the account, and written down as ours.
    pub adopted: BTreeSet<Handle>,
}

/// What a replaced acquire-vessels hook brought.
#[derive(Debug, Default)]
pub struct Brought {
    /// What it got in a way of its own: looked up at the clearinghouse, and in the journal as ours.
    pub adopted: Vec<HeldVessel>,
    /// Whether there is any vessel now that was not known before.
    pub anything_new: bool,
}

/// What came of an operation, and what the operation was about.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// Of [`Operation::StartUp`].
    StartedUp(Result<StartUpReport, StartUpError>),
    /// Of [`Operation::ReadHeld`].
    Held(Result<Vec<HeldVessel>, ClearinghouseError>),
    /// Of [`Operation::Acquire`]: vessels that are ours, and in the journal as such.
    Acquired {
        /// What was asked for.
        request: AcquireRequest,
        /// By whom.
        by: Asker,
        /// What came. A hook that asked gets the same.
        result: Result<Vec<HeldVessel>, Arc<AcquireError>>,
    },
    /// Of [`Operation::AcquireByHook`]; what the hook acquired through its handle has come by itself.
    AcquiredByHook(Result<Brought, AcquireError>),
    /// Of [`Operation::Claim`].
    Claimed {
        /// Which acquisition.
        acquisition: u64,
        /// What it brought.
        vessels: Vec<HeldVessel>,
        /// Whether the journal has it.
        result: Result<(), JournalError>,
    },
    /// Of [`Operation::Upload`].
    Uploaded {
        /// Where to.
        assignment: Assignment,
        /// How it went.
        result: Result<(), InitialiseError>,
    },
    /// Of [`Operation::Start`].
    Started {
        /// Where.
        assignment: Assignment,
        /// How it went.
        result: Result<StartResult, InitialiseError>,
    },
    /// Of [`Operation::Initialise`].
    Initialised {
        /// Vessels on which nothing ran.
        fresh: Vec<Assignment>,
        /// All that were owned.
        owned: Vec<Handle>,
        /// What is owned after it.
        result: Result<BTreeSet<Handle>, HookError>,
    },
    /// Of [`Operation::Check`].
    Checked {
        /// Which node.
        node: NodeId,
        /// The vessels it was asked for, and their generations at that time.
        vessels: BTreeMap<Handle, u64>,
        /// What it said.
        result: Result<BTreeMap<VesselName, VesselObservation>, NodeError>,
    },
    /// Of [`Operation::Weed`].
    Weeded {
        /// The vessels it was asked for, and their generations at that time.
        vessels: BTreeMap<Handle, u64>,
        /// What is kept.
        result: Result<BTreeSet<Handle>, HookError>,
    },
    /// Of [`Operation::Renew`].
    Renewed {
        /// Which.
        vessels: BTreeSet<Handle>,
        /// What the clearinghouse said to the renewal.
        renewal: Result<(), ClearinghouseError>,
        /// What it said afterwards of what the account holds.
        held: Result<Vec<HeldVessel>, ClearinghouseError>,
    },
    /// Of [`Operation::Maintain`].
    Maintained {
        /// When maintenance was last done, by the hook.
        last: Result<Moment, HookError>,
        /// What the account holds after it.
        held: Result<Vec<HeldVessel>, ClearinghouseError>,
    },
    /// Of [`Operation::Release`].
    Released {
        /// Which.
        vessels: BTreeSet<Handle>,
        /// By whom.
        by: Asker,
        /// How it went. A hook that asked gets the same.
        result: Result<(), Arc<ReleaseError>>,
    },
    /// Of [`Operation::Stop`].
    Stopped {
        /// Where.
        address: VesselAddress,
        /// How it went.
        result: Result<(), NodeError>,
    },
}

impl Outcome {
    /// Which kind of operation it is of.
    #[must_use]
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::StartedUp(_) => OperationKind::StartUp,
            Self::Held(_) => OperationKind::ReadHeld,
            Self::Acquired { .. } => OperationKind::Acquire,
            Self::AcquiredByHook(_) => OperationKind::AcquireByHook,
            Self::Claimed { .. } => OperationKind::Claim,
            Self::Uploaded { .. } => OperationKind::Upload,
            Self::Started { .. } => OperationKind::Start,
            Self::Initialised { .. } => OperationKind::Initialise,
            Self::Checked { .. } => OperationKind::Check,
            Self::Weeded { .. } => OperationKind::Weed,
            Self::Renewed { .. } => OperationKind::Renew,
            Self::Maintained { .. } => OperationKind::Maintain,
            Self::Released { .. } => OperationKind::Release,
            Self::Stopped { .. } => OperationKind::Stop,
        }
    }
}

/// An acquisition that may bring vessels, or has brought some that are not in the journal yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// What was asked for.
    pub request: DoubtfulAcquisition,
    /// How far it is from being settled.
    pub answer: RequestAnswer,
}

/// What is known of the answer to a request for vessels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestAnswer {
    /// It is waited for. If its operation is lost, nothing changes, and so the doubt stays.
    Awaited,
    /// It was lost. Readings of the account settle it.
    Lost {
        /// Readings begun after this moment tell for certain: the request will not come about any more.
        settled_after: Moment,
        /// How many such readings have shown nothing that it could have brought; two are believed.
        empty_readings: u32,
    },
    /// Readings have told what it brought, and the journal is to take that.
    Told {
        /// What it brought.
        vessels: Vec<HeldVessel>,
    },
}

impl Doubt {
    /// Of a request that is about to be made.
    #[must_use]
    pub fn awaited(request: DoubtfulAcquisition) -> Self {
        Self {
            request,
            answer: RequestAnswer::Awaited,
        }
    }

    /// Of a request whose answer was lost, and which may come about until that moment.
    #[must_use]
    pub fn lost(request: DoubtfulAcquisition, settled_after: Moment) -> Self {
        Self {
            request,
            answer: RequestAnswer::Lost {
                settled_after,
                empty_readings: 0,
            },
        }
    }

    /// Whether readings are to settle it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.answer, RequestAnswer::Lost { .. })
    }
}

/// Everything that can wake the engine.
#[derive(Debug)]
pub enum Event {
    /// The run begins.
    Began,
    /// An operation ended.
    Finished {
        /// Which.
        id: OperationId,
        /// What came of it.
        outcome: Outcome,
    },
    /// A moment has come at which something is due.
    TimerDue,
    /// The end is asked for, in an orderly way.
    StopRequested(StopReason),
    /// The end is asked for now.
    StopAtOnceRequested(StopReason),
}
