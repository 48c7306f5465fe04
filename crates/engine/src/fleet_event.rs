//! What the operator is told, one event per change: for a screen, a log, a line of JSON.
//!
//! The stream never holds up the engine: each subscriber has room for [`EVENTS_KEPT`], and one that reads
//! too slowly is told how many it missed. What wakes the engine itself is [`crate::Event`].

use std::fmt;
use std::time::Duration;

use overlord_time::WallTime;
use overlord_types::failure::Code;
use overlord_types::{Handle, NodeLocation, VesselStatus};
use serde::Serialize;
use tokio::sync::broadcast;

use crate::stage_name::StageName;

/// Events kept for a slow subscriber: a start of 1,000 vessels makes about 4 each.
pub const EVENTS_KEPT: usize = 4096;

/// One change of the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FleetEvent {
    /// Counts from 1 in each run, without gaps.
    pub number: u64,
    /// When.
    pub at: WallTime,
    /// What.
    #[serde(flatten)]
    pub change: Change,
}

/// A vessel as it is named to the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VesselLabel {
    /// Its name.
    pub handle: Handle,
    /// Where its node is.
    pub location: NodeLocation,
    /// Which copy it is, once it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Change {
    /// The run began.
    RunStarted {
        /// How many copies are wanted.
        wanted: u32,
    },
    /// A vessel is ours.
    Acquired {
        /// Which.
        #[serde(flatten)]
        vessel: VesselLabel,
        /// When its lease ends.
        expires: WallTime,
    },
    /// A vessel that the account held already was taken over.
    Adopted {
        /// Which.
        #[serde(flatten)]
        vessel: VesselLabel,
        /// When its lease ends.
        expires: WallTime,
    },
    /// The program arrived whole.
    Uploaded {
        /// Where.
        #[serde(flatten)]
        vessel: VesselLabel,
    },
    /// The node was told to start it and said it did, or did not know yet.
    Started {
        /// Where.
        #[serde(flatten)]
        vessel: VesselLabel,
    },
    /// The program is known to run.
    Running {
        /// Where.
        #[serde(flatten)]
        vessel: VesselLabel,
    },
    /// Something is wrong, and a second look will tell.
    Suspect {
        /// Where.
        #[serde(flatten)]
        vessel: VesselLabel,
        /// What was seen.
        evidence: Evidence,
    },
    /// We cannot reach it; its lease still runs, and nothing is done about it for now.
    Unknown {
        /// Which.
        #[serde(flatten)]
        vessel: VesselLabel,
    },
    /// An attempt to make it run failed; it will be tried again.
    Failed {
        /// Where.
        #[serde(flatten)]
        vessel: VesselLabel,
        /// What the failure is called.
        code: Code,
        /// What happened, with its causes.
        reason: String,
        /// How often this copy has failed in a row.
        failures: u32,
        /// When it is tried again at the earliest.
        next_attempt: WallTime,
        /// The end of the program's log, if it could be had.
        #[serde(skip_serializing_if = "String::is_empty")]
        log_tail: String,
    },
    /// It will be given back.
    Condemned {
        /// Which.
        #[serde(flatten)]
        vessel: VesselLabel,
        /// Why.
        reason: CondemnReason,
    },
    /// It was given back.
    Released {
        /// Which.
        #[serde(flatten)]
        vessel: VesselLabel,
    },
    /// Vessels that the account held from before were given back at the start.
    ReleasedAtStart {
        /// Which.
        vessels: Vec<Handle>,
    },
    /// The clearinghouse no longer counts it as ours: its lease ended, or it was taken back.
    Lost {
        /// Which.
        #[serde(flatten)]
        vessel: VesselLabel,
    },
    /// The lease is longer now, as read back.
    LeaseRenewed {
        /// Whose.
        #[serde(flatten)]
        vessel: VesselLabel,
        /// Its new end.
        expires: WallTime,
    },
    /// Too many nodes went silent at once, or our own link is down: nothing is given back for silence.
    BreakerOpened {
        /// How many nodes are silent.
        silent: usize,
        /// Of how many.
        nodes: usize,
    },
    /// The breaker has held long enough: silent vessels are replaced one by one.
    BreakerHalfOpened {
        /// How many nodes are silent.
        silent: usize,
        /// Of how many.
        nodes: usize,
    },
    /// Enough nodes answer again.
    BreakerClosed,
    /// Nothing can be done now about something that is wanted.
    Waiting {
        /// What for and why.
        reason: WaitReason,
        /// When it is tried again, if that is a matter of time.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<WallTime>,
    },
    /// A replaced hook failed.
    HookFailed {
        /// What the failure is called.
        code: Code,
        /// What happened, with its causes.
        reason: String,
    },
    /// A vessel of the account is nobody's we know; it is left alone.
    LeftAlone {
        /// Which.
        handle: Handle,
    },
    /// A promise of our own code was found broken, and the run went on. Told once for each place in the code, and of at
    /// most [`overlord_bug::PLACES_MAX`] places in a process.
    Bug {
        /// What the failure is called: a bug of ours.
        code: Code,
        /// Which promise, and where in the code.
        message: String,
    },
    /// The end is asked for.
    Stopping {
        /// By whom.
        reason: StopReason,
    },
    /// The run is over.
    Stopped {
        /// What is left where.
        #[serde(flatten)]
        report: RunReport,
    },
}

/// What was seen of a vessel that looks wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "evidence", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Evidence {
    /// Its node did not answer.
    Silent {
        /// What the failure is called.
        code: Code,
        /// What was tried, with its causes.
        detail: String,
    },
    /// Its node answered what cannot be trusted.
    Misbehaved {
        /// What the failure is called.
        code: Code,
        /// What, with its causes.
        detail: String,
    },
    /// The node says the program does not run.
    NotRunning {
        /// What it says.
        status: VesselStatus,
    },
    /// The node knows no such vessel.
    NoSuchVessel,
    /// The node lists the vessel, but our key is not among its users.
    NotOurs,
    /// The clearinghouse did not list it among ours.
    NotHeld,
    /// The program could not be brought up.
    InitialiseFailed {
        /// What the failure is called.
        code: Code,
        /// What happened, with its causes.
        detail: String,
    },
}

impl Evidence {
    /// What the failure is called.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Silent { code, .. }
            | Self::Misbehaved { code, .. }
            | Self::InitialiseFailed { code, .. } => *code,
            Self::NotRunning { .. } => Code::ProgramEnded,
            Self::NoSuchVessel | Self::NotOurs | Self::NotHeld => Code::VesselLost,
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent { detail, .. }
            | Self::Misbehaved { detail, .. }
            | Self::InitialiseFailed { detail, .. } => f.write_str(detail),
            Self::NotRunning { status } => write!(f, "the program does not run: {status}"),
            Self::NoSuchVessel => f.write_str("the node knows no such vessel"),
            Self::NotOurs => f.write_str("our key is not among the vessel's users"),
            Self::NotHeld => f.write_str("the clearinghouse does not list it among ours"),
        }
    }
}

/// Why a vessel is given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
#[non_exhaustive]
pub enum CondemnReason {
    /// Two rounds of evidence or more.
    Evidence {
        /// The last of it.
        last: Evidence,
        /// How many rounds.
        rounds: u32,
    },
    /// It never came to run the program.
    NeverRan {
        /// What the last failure is called.
        code: Code,
        /// The last failure, with its causes.
        last: String,
        /// How many attempts.
        attempts: u32,
    },
    /// More vessels are held than wanted.
    Surplus,
    /// Its node has failed us often lately.
    Quarantined,
    /// Another of our vessels is on the same network already, and WAN asks for different ones.
    SameNetwork,
    /// A replaced remove-vessels hook left it out.
    DroppedByHook,
    /// The run ends and gives everything back.
    RunEnds,
}

/// What the fleet waits for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "waiting_for", rename_all = "snake_case")]
#[non_exhaustive]
pub enum WaitReason {
    /// The clearinghouse does not answer or fails.
    Clearinghouse {
        /// What the failure is called.
        code: Code,
        /// What it was asked for, and what happened, with causes.
        detail: String,
    },
    /// The clearinghouse has not enough of these vessels.
    Vessels {
        /// How many are missing.
        missing: u32,
        /// What the failure is called.
        code: Code,
        /// The clearinghouse's text.
        detail: String,
    },
    /// The account's credit is used up.
    Credit {
        /// How many are missing.
        missing: u32,
        /// What the failure is called.
        code: Code,
        /// The clearinghouse's text.
        detail: String,
    },
    /// An acquisition whose answer was lost is being resolved.
    LostAnswer {
        /// How many were asked for.
        count: u32,
    },
    /// The clearinghouse did not lengthen a lease that it was asked to renew.
    Renewal {
        /// How many vessels.
        vessels: usize,
        /// What the failure is called.
        code: Code,
        /// What happened, with causes.
        detail: String,
    },
    /// A replaced hook fails.
    Hook {
        /// What the failure is called.
        code: Code,
        /// What happened, with its causes.
        detail: String,
    },
    /// The journal does not take records, so nothing new is begun.
    Journal {
        /// What the failure is called.
        code: Code,
        /// What happened, with causes.
        detail: String,
    },
}

/// Who asked for the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StopReason {
    /// The stop file was there.
    StopFile,
    /// SIGTERM, Ctrl-C or the like.
    Signal,
    /// The program that embeds us.
    Operator,
    /// Standard output, on which the run was shown, was closed or cannot be written.
    OutputLost,
}

/// One vessel that is still with the account when a run ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftVessel {
    /// Which.
    #[serde(flatten)]
    pub vessel: VesselLabel,
    /// The stage it was in.
    pub stage: StageName,
    /// When its lease ends.
    pub expires: WallTime,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunReport {
    /// Who asked for it.
    pub reason: StopReason,
    /// Vessels on which the program is left running, as far as we know.
    pub running: Vec<LeftVessel>,
    /// Vessels on which the program was started or seen running, and of which nothing certain was heard since.
    pub may_run: Vec<LeftVessel>,
    /// Vessels that are left with the account without a running program.
    pub idle: Vec<LeftVessel>,
    /// How many vessels may have been acquired besides, by requests whose answers never came.
    pub in_doubt: u32,
    /// What could not be finished in time.
    pub undone: Vec<String>,
    /// How long the run took.
    #[serde(serialize_with = "seconds")]
    pub duration: Duration,
}

fn seconds<S: serde::Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(duration.as_secs_f64())
}

/// What a subscriber receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// A change.
    Event(FleetEvent),
    /// The subscriber was too slow, and so many events are gone.
    Missed(u64),
}

/// One subscriber's end of the stream.
#[derive(Debug)]
pub struct Subscription(broadcast::Receiver<FleetEvent>);

impl Subscription {
    /// The next change; `None` once the run is over and all was read. Safe to drop at the await.
    pub async fn next(&mut self) -> Option<Delivery> {
        match self.0.recv().await {
            Ok(event) => Some(Delivery::Event(event)),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Delivery::Missed(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// The engine's end of the stream.
#[derive(Debug)]
pub(crate) struct Publisher {
    sender: broadcast::Sender<FleetEvent>,
    last_number: u64,
}

impl Publisher {
    pub(crate) fn new() -> Self {
        Self {
            sender: broadcast::Sender::new(EVENTS_KEPT),
            last_number: 0,
        }
    }

    pub(crate) fn subscribe(&self) -> Subscription {
        Subscription(self.sender.subscribe())
    }

    /// Numbers the change and gives it to those who listen.
    pub(crate) fn publish(&mut self, at: WallTime, change: Change) {
        self.last_number += 1;
        let event = FleetEvent {
            number: self.last_number,
            at,
            change,
        };
        tracing::debug!(number = event.number, change = ?event.change, "fleet");
        // Nobody listening is fine.
        let _ = self.sender.send(event);
    }
}
