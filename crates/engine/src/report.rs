//! Why things are as they are: what each vessel and the whole fleet wait for.

use std::time::Duration;

use overlord_time::WallTime;
use overlord_types::Handle;
use serde::{Serialize, Serializer};

use crate::breaker::Breaker;
use crate::fleet_event::WaitReason;
use crate::stage_name::StageName;

/// What the fleet is and waits for, after a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many copies are wanted.
    pub wanted: u32,
    /// Whether silence is being distrusted.
    pub breaker: Breaker,
    /// How many vessels requests may have brought whose answers were lost.
    pub in_doubt: u32,
    /// How many vessels the journal calls ours that the clearinghouse did not list.
    pub absent: usize,
    /// Each vessel, by handle.
    pub vessels: Vec<VesselReport>,
    /// What the fleet as a whole waits for.
    pub waits: Vec<FleetWait>,
}

/// What one vessel is and waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VesselReport {
    /// Which.
    pub handle: Handle,
    /// Which copy it is.
    pub index: Option<u32>,
    /// The stage of its life.
    pub stage: StageName,
    /// How many rounds have seen something wrong with it.
    pub rounds: u32,
    /// How long its lease still runs.
    #[serde(rename = "lease_remaining_s", serialize_with = "seconds")]
    pub lease_remaining: Duration,
    /// What it waits for.
    pub wait: VesselWait,
}

/// What one vessel waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "for", rename_all = "snake_case")]
#[non_exhaustive]
pub enum VesselWait {
    /// Something that is under way.
    Operation {
        /// What.
        name: &'static str,
    },
    /// Room among the operations under way.
    Turn,
    /// The next attempt, after a pause for failures.
    Pause {
        /// When that is over.
        until: WallTime,
    },
    /// The next look at its node.
    NextLook {
        /// When.
        at: WallTime,
    },
    /// The breaker: too many nodes are silent at once.
    Breaker,
    /// Any answer that shows that it is not our own link that is down.
    LinkProof,
}

/// What the fleet as a whole waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FleetWait {
    /// What and why.
    #[serde(flatten)]
    pub reason: WaitReason,
    /// When it is tried again, if that is a matter of time.
    pub until: Option<WallTime>,
}

fn seconds<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(duration.as_secs_f64())
}

impl Report {
    /// Before anything was planned.
    pub(crate) fn nothing_yet(wanted: u32) -> Self {
        Self {
            wanted,
            breaker: Breaker::Closed,
            in_doubt: 0,
            absent: 0,
            vessels: Vec::new(),
            waits: Vec::new(),
        }
    }

    /// How many copies run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.vessels
            .iter()
            .filter(|vessel| vessel.stage == StageName::Running)
            .count()
    }

    /// What keeps the fleet from being as wanted; `None` if it is.
    #[must_use]
    pub fn pending(&self) -> Option<String> {
        let running = self.running();
        if let Some(vessel) = self
            .vessels
            .iter()
            .find(|vessel| vessel.stage != StageName::Running)
        {
            return Some(format!(
                "{running} of {} run; vessel {} is {} and waits for {:?}",
                self.wanted,
                vessel.handle.short(),
                vessel.stage,
                vessel.wait
            ));
        }
        if running != self.wanted as usize || self.in_doubt > 0 || self.absent > 0 {
            return Some(format!(
                "{running} of {} run, {} in doubt, {} absent; the fleet waits for {:?}",
                self.wanted, self.in_doubt, self.absent, self.waits
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use overlord_time::Moment;

    #[test]
    fn all_of_a_report_can_be_serialised() {
        let vessel = VesselReport {
            handle: "3 33:v1".parse().unwrap(),
            index: Some(0),
            stage: StageName::Suspect,
            rounds: 1,
            lease_remaining: Duration::from_millis(1500),
            wait: VesselWait::Operation { name: "a check" },
        };
        let wait = FleetWait {
            reason: WaitReason::LostAnswer { count: 2 },
            until: Some(WallTime::from_unix_millis(0)),
        };
        let report = Report {
            breaker: Breaker::Open {
                since: Moment::after_beginning(Duration::from_secs(2)),
            },
            vessels: vec![vessel],
            waits: vec![wait],
            ..Report::nothing_yet(3)
        };
        let expected = serde_json::json!({
            "wanted": 3,
            "breaker": {"state": "open", "since": 2.0},
            "in_doubt": 0,
            "absent": 0,
            "vessels": [{
                "handle": "3 33:v1",
                "index": 0,
                "stage": "suspect",
                "rounds": 1,
                "lease_remaining_s": 1.5,
                "wait": {"for": "operation", "name": "a check"},
            }],
            "waits": [{
                "waiting_for": "lost_answer",
                "count": 2,
                "until": "1970-01-01T00:00:00.000Z",
            }],
        });
        assert_eq!(serde_json::to_value(&report).unwrap(), expected);
    }
}
