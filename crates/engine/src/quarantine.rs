//! Nodes that failed us are avoided for a while, longer each time, and forgiven in the end.
//!
//! The clearinghouse chooses the vessels; all we can do is give back one that is on such a node, and ask
//! again. Whether to be that choosy is the planner's decision.

use std::collections::BTreeMap;
use std::time::Duration;

use overlord_time::Moment;
use overlord_types::NodeId;

/// How long a node is avoided after its first failure: a few times as long as a machine takes to restart.
const QUARANTINE_FIRST: Duration = Duration::from_secs(10 * 60);
/// No node is avoided longer: machines are repaired within half a day or not at all.
const QUARANTINE_MOST: Duration = Duration::from_secs(4 * 60 * 60);
/// Most nodes remembered; beyond it the one forgiven soonest is forgotten.
const NODES_MAX: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Blame {
    strikes: u32,
    until: Moment,
}

impl Blame {
    /// Half the strikes are forgotten for each quarantine's length that has passed since the last ended.
    fn strikes_at(self, now: Moment) -> u32 {
        let halvings = now.since(self.until).as_secs() / QUARANTINE_FIRST.as_secs();
        self.strikes
            .checked_shr(u32::try_from(halvings).unwrap_or(u32::MAX))
            .unwrap_or(0)
    }
}

/// The nodes that failed us lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quarantine(BTreeMap<NodeId, Blame>);

impl Quarantine {
    /// A vessel on this node failed us.
    pub fn blame(&mut self, node: &NodeId, now: Moment) {
        let strikes = self.0.get(node).map_or(0, |blame| blame.strikes_at(now));
        let length = QUARANTINE_FIRST
            .saturating_mul(1 << strikes.min(16))
            .min(QUARANTINE_MOST);
        let blame = Blame {
            strikes: strikes.saturating_add(1),
            until: now + length,
        };
        self.0.insert(node.clone(), blame);
        self.0.retain(|_, blame| blame.strikes_at(now) > 0);
        if self.0.len() > NODES_MAX {
            let soonest = self.0.iter().min_by_key(|(_, blame)| blame.until);
            if let Some(node) = soonest.map(|(node, _)| node.clone()) {
                self.0.remove(&node);
            }
        }
    }

    /// Whether the node is to be avoided now.
    #[must_use]
    pub fn holds(&self, node: &NodeId, now: Moment) -> bool {
        self.0.get(node).is_some_and(|blame| now < blame.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Moment {
        Moment::after_beginning(Duration::from_secs(60 * minutes))
    }

    #[test]
    fn a_node_is_avoided_longer_each_time_and_forgiven_in_the_end() {
        let node: NodeId = "3 33".parse().unwrap();
        let mut quarantine = Quarantine::default();
        assert!(!quarantine.holds(&node, at(0)));
        quarantine.blame(&node, at(0));
        assert!(quarantine.holds(&node, at(9)) && !quarantine.holds(&node, at(10)));
        quarantine.blame(&node, at(10));
        assert!(quarantine.holds(&node, at(29)) && !quarantine.holds(&node, at(30)));
        for _ in 0..40 {
            quarantine.blame(&node, at(30));
        }
        assert!(quarantine.holds(&node, at(269)) && !quarantine.holds(&node, at(270)));
        // A day later it is as if nothing had been.
        quarantine.blame(&node, at(30 + 24 * 60));
        assert!(!quarantine.holds(&node, at(40 + 24 * 60)));
    }

    #[test]
    fn nodes_that_were_forgiven_take_no_room() {
        let mut quarantine = Quarantine::default();
        quarantine.blame(&"3 33".parse().unwrap(), at(0));
        quarantine.blame(&"3 34".parse().unwrap(), at(60 * 24));
        assert_eq!(quarantine.0.len(), 1);
    }
}
