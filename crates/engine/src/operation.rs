//! What can be under way, what it brings, and the one closed list of what wakes the engine.
//!
//! The planner makes operations, the runner carries them out, and what comes of them goes back as [`Event`]s.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use overlord_time::Moment;
use overlord_types::{Handle, NodeId, NodeLocation, VesselName};

use crate::error::{ClearinghouseError, HookError, InitialiseError, JournalError, NodeError};
use crate::fleet_event::StopReason;
use crate::journal::DoubtfulAcquisition;
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

/// Something that takes time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// The start-up hook, then reading what the account holds.
    StartUp,
    /// Reading what the account holds.
    ReadHeld,
    /// The acquire-vessels hook.
    Acquire {
        /// How many are missing and may be asked for.
        count: u32,
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
    },
    /// Stopping the program of one vessel, at the end of a run.
    Stop(VesselAddress),
}

impl Operation {
    /// What it is, in a few words.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::StartUp => "the start-up",
            Self::ReadHeld => "reading what the account holds",
            Self::Acquire { .. } => "an acquisition",
            Self::Claim { .. } => "writing down an acquisition",
            Self::Upload(_) => "an upload",
            Self::Start { .. } => "a start",
            Self::Initialise { .. } => "the init_vessels hook",
            Self::Check { .. } => "a check",
            Self::Weed { .. } => "the remove_vessels hook",
            Self::Renew { .. } => "a renewal",
            Self::Maintain { .. } => "the maintenance hook",
            Self::Release { .. } => "a release",
            Self::Stop(_) => "a stop",
        }
    }

    /// The node whose connections it takes, if it takes any.
    #[must_use]
    pub fn node(&self) -> Option<&NodeId> {
        match self {
            Self::Upload(assignment) | Self::Start { assignment, .. } => {
                Some(&assignment.address.handle.node)
            }
            Self::Check { node, .. } => Some(node),
            Self::Stop(address) => Some(&address.handle.node),
            Self::StartUp
            | Self::ReadHeld
            | Self::Acquire { .. }
            | Self::Claim { .. }
            | Self::Initialise { .. }
            | Self::Weed { .. }
            | Self::Renew { .. }
            | Self::Maintain { .. }
            | Self::Release { .. } => None,
        }
    }

    /// Whether dropping it half-way could leave vessels behind that nobody knows of, or the clearinghouse's
    /// answer unread, or start a program after it was stopped: at the end of a run such are waited for, within
    /// the final phase.
    #[must_use]
    pub fn is_waited_for_at_the_end(&self, on_stop: OnStop) -> bool {
        match self {
            Self::Acquire { .. } | Self::Claim { .. } | Self::Release { .. } | Self::Stop(_) => {
                true
            }
            Self::Start { .. } => on_stop == OnStop::Stop,
            _ => false,
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
#[derive(Debug)]
pub enum AcquireError {
    /// The clearinghouse gave no good answer.
    Clearinghouse(ClearinghouseError),
    /// The replaced hook failed.
    Hook(HookError),
    /// The journal did not take the intent, so nothing was asked.
    Journal(JournalError),
    /// It brought no vessel that is new to us.
    Nothing,
}

/// Why a release did not succeed; it is tried again.
#[derive(Debug)]
pub enum ReleaseError {
    /// The clearinghouse gave no good answer.
    Clearinghouse(ClearinghouseError),
    /// The journal did not take intent or outcome.
    Journal(JournalError),
}

/// How a start went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
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

/// What came of an operation.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// Of [`Operation::StartUp`].
    StartedUp(Result<StartUpReport, StartUpError>),
    /// Of [`Operation::ReadHeld`].
    Held(Result<Vec<HeldVessel>, ClearinghouseError>),
    /// Of [`Operation::Acquire`]; the vessels are among the [`Effects`].
    Acquired(Result<(), AcquireError>),
    /// Of [`Operation::Claim`].
    Claimed(Result<(), JournalError>),
    /// Of [`Operation::Upload`].
    Uploaded(Result<(), InitialiseError>),
    /// Of [`Operation::Start`].
    Started(Result<Started, InitialiseError>),
    /// Of [`Operation::Initialise`]: what is owned after it.
    Initialised(Result<BTreeSet<Handle>, HookError>),
    /// Of [`Operation::Check`].
    Checked(Result<BTreeMap<VesselName, VesselObservation>, NodeError>),
    /// Of [`Operation::Weed`]: what is kept.
    Weeded(Result<BTreeSet<Handle>, HookError>),
    /// Of [`Operation::Renew`].
    Renewed {
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
    Released(Result<(), ReleaseError>),
    /// Of [`Operation::Stop`].
    Stopped(Result<(), NodeError>),
}

/// What hooks did to the account by the way, through the functions of their handle.
#[derive(Debug, Default)]
pub struct Effects {
    /// Vessels that became ours, and are in the journal as such.
    pub acquired: Vec<HeldVessel>,
    /// Acquisitions whose outcome is not known.
    pub doubts: BTreeMap<u64, Doubt>,
    /// Vessels that are no longer ours, and are in the journal as such.
    pub released: BTreeSet<Handle>,
}

impl Effects {
    /// Whether nothing was done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.acquired.is_empty() && self.doubts.is_empty() && self.released.is_empty()
    }
}

/// An acquisition whose outcome is not known, and until when it may still come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// What was asked for.
    pub request: DoubtfulAcquisition,
    /// Readings begun after this moment tell for certain: the request will not come about any more.
    pub settled_after: Moment,
    /// How many such readings have shown nothing that it could have brought; two are believed.
    pub empty_readings: u32,
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
        /// What hooks did by the way.
        effects: Effects,
    },
    /// A moment has come at which something is due.
    TimerDue,
    /// The end is asked for, in an orderly way.
    StopRequested(StopReason),
    /// The end is asked for now.
    StopAtOnceRequested(StopReason),
}
