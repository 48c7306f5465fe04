//! A leaky bucket: what was used of a renewable resource and has not drained yet.

/// A bucket that drains at `rate` per second and may be filled up to what drains in one second before anybody waits.
///
/// A charge is never refused: it may fill the bucket far above the mark, and whoever comes next waits longer.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    rate: f64,
    level: f64,
    at: f64,
}

impl Bucket {
    /// An empty bucket; `rate` is in units per second, 0 or more, possibly infinite.
    pub(crate) fn new(rate: f64) -> Bucket {
        Bucket {
            rate,
            level: 0.0,
            at: 0.0,
        }
    }

    /// What is in it at a time.
    pub(crate) fn level(&self, now: f64) -> f64 {
        if self.rate.is_infinite() {
            // What was used within the last instant: nothing to wait for, but not nothing at all.
            return if now > self.at + 1.0 { 0.0 } else { self.level };
        }
        (self.level - (now - self.at).max(0.0) * self.rate).max(0.0)
    }

    /// Pours in.
    pub(crate) fn charge(&mut self, amount: f64, now: f64) {
        self.level = self.level(now) + amount;
        self.at = self.at.max(now);
    }

    /// From when on the level is at or below a second's worth; infinite if it never will be.
    pub(crate) fn drained_at(&self) -> f64 {
        let above = self.level - self.rate;
        if self.rate.is_infinite() || above <= 0.0 {
            f64::NEG_INFINITY
        } else {
            self.at + above / self.rate
        }
    }
}
