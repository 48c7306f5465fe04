//! The fleet's breaker: when too much goes silent at once, the fault is more likely ours than theirs.
//!
//! Open, nothing is given back for silence. After it has held long enough it half-opens: if the nodes really are
//! gone, they are replaced one by one, slowly, so that the fleet heals in bounded time either way.

use std::time::Duration;

use overlord_time::Moment;
use serde::Serialize;

/// One silent node is never "too many at once", however small the fleet.
const SILENT_NODES_MIN: usize = 2;

/// What the breaker looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// How many of our nodes are silent.
    pub silent: usize,
    /// How many nodes we have vessels on.
    pub nodes: usize,
    /// Whether the clearinghouse is silent too.
    pub clearinghouse_silent: bool,
}

impl Silence {
    /// Whether it is more than a few nodes of their own accord: at least the share, or all that we
    /// can ask, clearinghouse included (our own link is down).
    #[must_use]
    pub fn is_too_much(self, percent: u32) -> bool {
        let share = self.silent.saturating_mul(100) >= self.nodes.saturating_mul(percent as usize);
        let many = self.silent >= SILENT_NODES_MIN && share;
        let all = self.silent > 0 && self.silent == self.nodes && self.clearinghouse_silent;
        many || all
    }
}

/// The breaker's state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Breaker {
    /// Silent vessels are replaced after two rounds.
    #[default]
    Closed,
    /// Nothing is given back for silence.
    Open {
        /// Since when.
        since: Moment,
    },
    /// Silent vessels are replaced one at a time.
    HalfOpen {
        /// Not before this moment the next.
        next: Moment,
    },
}

impl Breaker {
    /// The state after a look at the fleet.
    #[must_use]
    pub fn look(self, silence: Silence, percent: u32, hold: Duration, now: Moment) -> Self {
        match (self, silence.is_too_much(percent)) {
            (_, false) => Self::Closed,
            (Self::Closed, true) => Self::Open { since: now },
            (Self::Open { since }, true) if now.since(since) >= hold => {
                Self::HalfOpen { next: now }
            }
            (open, true) => open,
        }
    }

    /// The state after one silent vessel was condemned.
    #[must_use]
    pub fn condemned_one(self, pause: Duration, now: Moment) -> Self {
        match self {
            Self::HalfOpen { .. } => Self::HalfOpen { next: now + pause },
            other => other,
        }
    }

    /// Whether silence is reason enough to give back a vessel now.
    #[must_use]
    pub fn allows_one(self, now: Moment) -> bool {
        match self {
            Self::Closed => true,
            Self::Open { .. } => false,
            Self::HalfOpen { next } => now >= next,
        }
    }

    /// Whether it is open.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Open { .. })
    }

    /// When it changes by the mere passing of time.
    #[must_use]
    pub fn changes_at(self, hold: Duration) -> Option<Moment> {
        match self {
            Self::Closed => None,
            Self::Open { since } => Some(since + hold),
            Self::HalfOpen { next } => Some(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Duration = Duration::from_secs(120);

    fn silence(silent: usize, nodes: usize, clearinghouse_silent: bool) -> Silence {
        Silence {
            silent,
            nodes,
            clearinghouse_silent,
        }
    }

    fn at(seconds: u64) -> Moment {
        Moment::after_beginning(Duration::from_secs(seconds))
    }

    #[test]
    fn one_silent_node_is_that_nodes_affair() {
        for nodes in 1..20 {
            assert!(!silence(1, nodes, false).is_too_much(50));
        }
    }

    #[test]
    fn half_of_the_nodes_at_once_is_too_much() {
        assert!(!silence(4, 10, false).is_too_much(50));
        assert!(silence(5, 10, false).is_too_much(50));
        assert!(silence(2, 2, false).is_too_much(50));
    }

    #[test]
    fn everything_silent_including_the_clearinghouse_is_our_own_link() {
        assert!(silence(1, 1, true).is_too_much(50));
        assert!(!silence(1, 2, true).is_too_much(50));
        assert!(!silence(0, 0, true).is_too_much(50));
    }

    #[test]
    fn it_holds_then_lets_one_at_a_time_pass_then_closes_when_nodes_answer() {
        let look = |breaker: Breaker, silent, now| {
            breaker.look(silence(silent, 10, false), 50, HOLD, at(now))
        };
        let open = look(Breaker::Closed, 5, 100);
        assert!(open.is_open() && !open.allows_one(at(100)));
        assert_eq!(look(open, 6, 219), open);
        assert_eq!(open.changes_at(HOLD), Some(at(220)));
        let half = look(open, 6, 220);
        assert!(half.allows_one(at(220)));
        let half = half.condemned_one(Duration::from_secs(30), at(220));
        assert!(!half.allows_one(at(249)) && half.allows_one(at(250)));
        assert_eq!(look(half, 4, 230), Breaker::Closed);
    }
}
