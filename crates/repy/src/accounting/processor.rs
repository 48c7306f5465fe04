//! The share of a processor: how long a program must pause so that its processor time stays within its share.
//!
//! As in the original, what was used is looked at once a period, and a pause is as long as what was used in it takes
//! to be earned, less the period. Programs see these pauses. Unlike the original, time that was not used is not lost at
//! once, so that a program on a loaded machine, which is woken late, still gets its share.

use std::collections::VecDeque;

/// The smallest share that is honoured. A vessel with less could not even be told to stop.
const LEAST_SHARE: f64 = 0.001;

/// Seconds between two looks at what was used: the original's.
pub(crate) const PERIOD: f64 = 0.1;

/// How much more or less than its share a program may get over any [`WINDOW`], as a part of its share there; beside
/// what it can use in a [`PERIOD`].
const TOLERANCE: f64 = 0.1;

/// The time over which shares are judged, in seconds.
const WINDOW: f64 = 10.0;

/// Processor time that a program may use beyond its share before it is noticed, in seconds: a turn of the scheduler's.
const OVERSHOOT: f64 = 0.004;

/// Unused time that may always be made up for later, in seconds.
const LEAST_BURST: f64 = 0.1;

/// Unused time that may be made up for later, in seconds: so much later than asked a loaded machine may wake a program
/// without making it lose its share. As much as the tolerance leaves beside the time that is noticed too late, which
/// is most for small shares.
fn burst(share: f64) -> f64 {
    (TOLERANCE * WINDOW - OVERSHOOT * (1.0 - share).max(0.0) / share).max(LEAST_BURST)
}

/// Pauses shorter than this are put off, in seconds: waking up costs time too.
const SHORTEST_PAUSE: f64 = 0.005;

/// How many of the last pauses `getresources` tells.
pub(crate) const PAUSES_KEPT: usize = 100;

/// Watches processor time against a share.
#[derive(Debug)]
pub(crate) struct ProcessorShare {
    share: f64,
    /// Processor time used beyond the share; negative: left over.
    debt: f64,
    at: f64,
    used: f64,
    /// When the period is over that began with the last look, or with the end of the pause after it.
    next_look: f64,
    pauses: VecDeque<(f64, f64)>,
}

impl ProcessorShare {
    /// Starts watching. `share` is a fraction of one processor; `now` and `used` are the clock and the processor time
    /// used so far, in seconds.
    pub(crate) fn new(share: f64, now: f64, used: f64) -> ProcessorShare {
        ProcessorShare {
            share: share.max(LEAST_SHARE),
            debt: 0.0,
            at: now,
            used,
            next_look: now + PERIOD,
            pauses: VecDeque::new(),
        }
    }

    /// Whether there is anything to watch.
    pub(crate) fn is_limited(&self) -> bool {
        self.share.is_finite()
    }

    /// Notes the processor time used until now. If it is beyond the share: until when to pause.
    pub(crate) fn observe(&mut self, now: f64, used: f64) -> Option<f64> {
        if !self.is_limited() || now < self.next_look {
            return None;
        }
        let earned = (now - self.at).max(0.0) * self.share;
        let spent = (used - self.used).max(0.0);
        self.debt = (self.debt + spent - earned).max(-burst(self.share) * self.share);
        self.at = now;
        self.used = used;
        let pause = self.debt / self.share;
        let until = (pause >= SHORTEST_PAUSE).then_some(now + pause);
        self.next_look = until.unwrap_or(now) + PERIOD;
        until
    }

    /// Notes a pause that was made: when it began and how long it was.
    pub(crate) fn paused(&mut self, from: f64, seconds: f64) {
        if self.pauses.len() == PAUSES_KEPT {
            self.pauses.pop_front();
        }
        self.pauses.push_back((from, seconds));
        // The next period begins when the pause was really over.
        self.next_look = from + seconds + PERIOD;
    }

    /// The last pauses, oldest first.
    pub(crate) fn pauses(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.pauses.iter().copied()
    }
}
