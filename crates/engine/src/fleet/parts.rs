//! What the fleet's state is made of, and what it is given with each event.

use std::collections::BTreeMap;
use std::time::Duration;

use overlord_time::{Backoff, Moment, Now, between};
use overlord_types::{Handle, NodeId};

use crate::deployment::Deployment;
use crate::fleet_event::{CondemnReason, StopReason, WaitReason};
use crate::journal::LedgerVessel;
use crate::operation::OperationKind;
use crate::settings::Policy;

/// What the planner strives for.
#[derive(Debug, Clone)]
pub struct Desired {
    /// What shall run, and how often.
    pub deployment: Deployment,
    /// How it is kept running.
    pub policy: Policy,
    /// Which hooks are replaced: those are called with lists, the others vessel by vessel.
    pub replaced: ReplacedHooks,
}

/// Which of the hooks that the planner calls are the user's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplacedHooks {
    /// How vessels are got.
    pub acquire_vessels: bool,
    /// How they are made to run the program.
    pub init_vessels: bool,
    /// How bad ones are weeded out.
    pub remove_vessels: bool,
    /// How ownership is kept.
    pub maintenance: bool,
}

/// What [`super::Fleet::apply`] needs besides the event.
pub struct Circumstances<'a> {
    /// What time it is.
    pub now: Now,
    /// What is striven for.
    pub desired: &'a Desired,
    /// Chance, for jitter.
    pub random: &'a mut dyn FnMut() -> u64,
}

impl Circumstances<'_> {
    pub(super) fn moment(&self) -> Moment {
        self.now.moment
    }

    pub(super) fn backoff(&self) -> Backoff {
        Backoff {
            first: self.desired.policy.backoff_first,
            most: self.desired.policy.backoff_most,
        }
    }

    /// A moment evenly between three quarters of a period from now and all of it, so that many timers of
    /// one period do not fire together.
    pub(super) fn jittered(&mut self, period: Duration) -> Moment {
        self.now.moment + between(period / 4 * 3, period, (self.random)())
    }
}

/// When something that failed may be tried again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retry {
    /// How often it has failed in a row.
    pub failures: u32,
    /// Not before this moment.
    pub not_before: Moment,
}

impl Retry {
    pub(super) fn fail(&mut self, backoff: Backoff, at: &mut Circumstances<'_>) {
        self.failures = self.failures.saturating_add(1);
        self.not_before = at.moment() + backoff.pause(self.failures, (at.random)());
    }

    /// Lets the next attempt be made at once if the failure just counted is the first in a row.
    pub(super) fn skip_first_pause(&mut self, now: Moment) {
        if self.failures == 1 {
            self.not_before = now;
        }
    }

    pub(super) fn succeed(&mut self) {
        *self = Self::default();
    }
}

/// When what failed may be tried again, by what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retries(BTreeMap<OperationKind, Retry>);

impl Retries {
    /// Not before which moment an operation of this kind may be begun.
    #[must_use]
    pub fn not_before(&self, kind: OperationKind) -> Moment {
        self.0
            .get(&kind)
            .map_or(Moment::BEGINNING, |retry| retry.not_before)
    }

    pub(super) fn of(&mut self, kind: OperationKind) -> &mut Retry {
        self.0.entry(kind).or_default()
    }
}

/// How far the run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The start-up hook has not succeeded yet.
    StartingUp,
    /// The fleet is kept.
    Keeping,
    /// The end was asked for.
    Stopping {
        /// By whom.
        reason: StopReason,
        /// Until when the final phase may take.
        deadline: Moment,
    },
}

/// An operation that was begun and has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    /// What it is.
    pub kind: OperationKind,
    /// The node whose connections it takes, if it takes any.
    pub node: Option<NodeId>,
    /// The one vessel that it is about, if it is about one.
    pub vessel: Option<Handle>,
    /// When it was begun.
    pub since: Moment,
    /// At which step of the fleet.
    pub step: u64,
}

/// What we know of a node on which we have vessels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeWatch {
    /// Not before this moment is it asked for its vessels.
    pub next_check: Moment,
    /// In how many operations in a row it was silent.
    pub silent_rounds: u32,
}

/// What we know of one of the copies, over all the vessels it has been on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CopyRecord {
    /// When it may be brought up again, and how often it has failed in a row.
    pub retry: Retry,
}

/// How acquiring goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acquisition {
    /// Most vessels to ask for at once, after a larger request was refused.
    pub ask_limit: Option<u32>,
    /// How many requests in a row brought nothing but vessels that we would rather not use.
    pub unsuitable_in_a_row: u32,
    /// How long the lease of a vessel is when it was just acquired, once one was.
    pub lease: Option<Duration>,
    /// Until this moment whatever comes is used.
    pub choosy_from: Moment,
    /// Why the last request brought nothing.
    pub refusal: Option<WaitReason>,
}

/// How reading what the account holds goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// When the last good one was begun.
    pub last_begun: Option<Moment>,
    /// At which step of the fleet that was.
    pub last_step: u64,
    /// How many good ones were made in a row that left something open.
    pub repeats: u32,
}

/// A vessel that the journal calls ours and the clearinghouse has not listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Absent {
    /// What the journal says of it.
    pub ledger: LedgerVessel,
    /// In how many readings in a row it was not listed.
    pub missing_readings: u32,
    /// Whether its release is under way.
    pub releasing: bool,
}

/// What the planner decided about one vessel without calling anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is to be given back.
    Condemn {
        /// Which.
        handle: Handle,
        /// Why.
        reason: CondemnReason,
    },
    /// We cannot tell, and wait.
    OutOfReach {
        /// Which.
        handle: Handle,
    },
}
