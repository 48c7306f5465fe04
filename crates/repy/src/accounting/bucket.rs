//! A leaky bucket: what was used of a renewable resource and has not drained yet.

/// A bucket that drains at `rate` per second and may be filled up to what drains in one second before anybody waits.
///
/// A charge is never refused: it may fill the bucket far above the mark, and the next one waits longer. As in the
/// original, what has drained is taken off only when the bucket is touched again: by a charge, by a call that is about
/// to use the resource, or at the end of a wait. Being asked for what is in it is none of these.
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

    /// What was in it when it was last touched.
    pub(crate) fn level(&self) -> f64 {
        self.level
    }

    /// Takes off what has drained by now.
    pub(crate) fn drain(&mut self, now: f64) {
        let elapsed = (now - self.at).max(0.0);
        if self.rate.is_infinite() {
            // What was used within the last second: nothing to wait for, but not nothing at all.
            if elapsed > 1.0 {
                self.level = 0.0;
            }
        } else {
            self.level = (self.level - elapsed * self.rate).max(0.0);
        }
        self.at = self.at.max(now);
    }

    /// Pours in.
    pub(crate) fn charge(&mut self, amount: f64, now: f64) {
        self.drain(now);
        self.level += amount;
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
