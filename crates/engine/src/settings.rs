//! How a deployment is kept running: the policy, its defaults with reasons, and its bounds.
//!
//! Reading flags, variables and files is left to the binary; what shall run is [`crate::deployment`]'s. Hooks can read both.

use std::ops::Deref;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::SettingsError;
use crate::policy_period::PolicyPeriod;

/// No period is longer: a year of seconds keeps all arithmetic far from overflow.
const PERIOD_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// No period is shorter: below this the engine would ask nodes in a tight loop.
const PERIOD_MIN: Duration = Duration::from_millis(10);

/// What becomes, at the start, of vessels that the account holds already.
///
/// Vessels that the journal knows as ours from a run that crashed are taken over in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnStart {
    /// The original's clean start: give back whatever the account holds.
    #[default]
    Release,
    /// Take over what it holds, running ones first, up to the number wanted; leave the others alone.
    Adopt,
}

/// What becomes of our vessels at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnStop {
    /// As the original: leave them running until their leases end.
    #[default]
    Leave,
    /// Stop the programs, keep the vessels.
    Stop,
    /// Give the vessels back.
    Release,
}

/// How the deployment is kept running: periods, deadlines and bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How often each node is asked for its vessels. The original's 15 minutes is how long a dead copy
    /// stayed unnoticed; one small question per node and half a minute costs next to nothing.
    pub poll_period: Duration,
    /// How soon a node is asked again that was silent, or whose vessel looked wrong.
    pub suspect_period: Duration,
    /// Leases are renewed at least so often (and in any case before half of them is over). The original's two days.
    pub renew_period: Duration,
    /// At least so often is read what the account holds: leases, moved nodes, vessels taken back.
    pub ownership_period: Duration,
    /// What becomes of held vessels at the start.
    pub on_start: OnStart,
    /// What becomes of ours at the end.
    pub on_stop: OnStop,
    /// How long the final phase may take before the run ends anyhow and says what is left undone.
    pub final_phase_max: Duration,
    /// Deadline of a call to the clearinghouse; the original hangs now and then.
    pub clearinghouse_deadline: Duration,
    /// Deadline of asking a node for its vessels.
    pub probe_deadline: Duration,
    /// Deadline of an upload.
    pub upload_deadline: Duration,
    /// Deadline of a start; the original's nodes wait up to 10 s before they answer.
    pub start_deadline: Duration,
    /// Deadline of each replaced hook.
    pub hook_deadline: Duration,
    /// First pause of every backoff.
    pub backoff_first: Duration,
    /// Longest pause of every backoff.
    pub backoff_most: Duration,
    /// A copy that has run so long starts its backoff afresh when it fails.
    pub stable_after: Duration,
    /// How often a program is started again on its vessel before the vessel is replaced.
    pub restarts_in_place: u32,
    /// How many vessels may be held above the number wanted while replacing (0: give back first, then ask).
    pub surge: u32,
    /// Most operations on nodes at a time, over all.
    pub operations_max: usize,
    /// Most operations at a time on one node: the original's nodes close the fifth connection of an address.
    pub operations_per_node_max: usize,
    /// The breaker opens when at least this share, in percent, of our nodes is silent at once (and at least two).
    pub breaker_percent: u32,
    /// How long an open breaker holds before silent vessels are replaced one by one.
    pub breaker_hold: Duration,
}

/// A policy whose periods are within their bounds and which allows operations: only [`Policy::checked`] makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedPolicy(Policy);

impl CheckedPolicy {
    /// The policy alone, as the parts of the engine read it.
    pub(crate) fn into_policy(self) -> Policy {
        self.0
    }
}

impl Deref for CheckedPolicy {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.0
    }
}

impl PolicyPeriod {
    /// Says whether this period may be so long.
    ///
    /// # Errors
    /// [`SettingsError::OutOfBounds`] with the bounds.
    pub fn check(self, value: Duration) -> Result<(), SettingsError> {
        if (PERIOD_MIN..=PERIOD_MAX).contains(&value) {
            return Ok(());
        }
        Err(SettingsError::OutOfBounds {
            period: self,
            value,
            least: PERIOD_MIN,
            most: PERIOD_MAX,
        })
    }
}

impl Default for Policy {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            poll_period: seconds(30),
            suspect_period: seconds(5),
            renew_period: seconds(2 * 24 * 60 * 60),
            ownership_period: seconds(5 * 60),
            on_start: OnStart::default(),
            on_stop: OnStop::default(),
            final_phase_max: seconds(20),
            clearinghouse_deadline: seconds(60),
            probe_deadline: seconds(15),
            upload_deadline: seconds(90),
            start_deadline: seconds(30),
            hook_deadline: seconds(10 * 60),
            backoff_first: seconds(1),
            backoff_most: seconds(5 * 60),
            stable_after: seconds(60),
            restarts_in_place: 3,
            surge: 0,
            operations_max: 128,
            operations_per_node_max: 3,
            breaker_percent: 50,
            breaker_hold: seconds(2 * 60),
        }
    }
}

impl Policy {
    /// The default policy with another polling period; what depends on it follows.
    #[must_use]
    pub fn with_poll_period(poll_period: Duration) -> Self {
        let policy = Self::default();
        Self {
            suspect_period: policy.suspect_period.min(poll_period),
            poll_period,
            ..policy
        }
    }

    /// Says which period is out of its bounds, or that nothing could ever be done.
    ///
    /// # Errors
    /// [`SettingsError::OutOfBounds`] naming the first such period, or [`SettingsError::NoOperations`].
    pub fn checked(self) -> Result<CheckedPolicy, SettingsError> {
        if self.operations_max == 0 || self.operations_per_node_max == 0 {
            return Err(SettingsError::NoOperations);
        }
        let periods = [
            (PolicyPeriod::Poll, self.poll_period),
            (PolicyPeriod::Suspect, self.suspect_period),
            (PolicyPeriod::Renew, self.renew_period),
            (PolicyPeriod::Ownership, self.ownership_period),
            (PolicyPeriod::FinalPhase, self.final_phase_max),
            (
                PolicyPeriod::ClearinghouseDeadline,
                self.clearinghouse_deadline,
            ),
            (PolicyPeriod::ProbeDeadline, self.probe_deadline),
            (PolicyPeriod::UploadDeadline, self.upload_deadline),
            (PolicyPeriod::StartDeadline, self.start_deadline),
            (PolicyPeriod::HookDeadline, self.hook_deadline),
            (PolicyPeriod::FirstBackoff, self.backoff_first),
            (PolicyPeriod::LongestBackoff, self.backoff_most),
            (PolicyPeriod::StableTime, self.stable_after),
            (PolicyPeriod::BreakerHold, self.breaker_hold),
        ];
        for (period, value) in periods {
            period.check(value)?;
        }
        Ok(CheckedPolicy(self))
    }
}
