//! The engine's clock: the runtime's timer and this machine's time of day.

use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use overlord_engine::{Clock, Moment, Now, WallTime};
use tokio::time::Instant;

/// Time since this clock was made, and the time of day.
#[derive(Debug, Clone, Copy)]
pub struct RuntimeClock {
    beginning: Instant,
}

impl RuntimeClock {
    /// A clock whose beginning is now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            beginning: Instant::now(),
        }
    }
}

impl Default for RuntimeClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for RuntimeClock {
    fn now(&self) -> Now {
        Now {
            moment: Moment::after_beginning(self.beginning.elapsed()),
            wall: wall_time(),
        }
    }

    async fn sleep_until(&self, moment: Moment) {
        tokio::time::sleep_until(self.beginning + moment.since_beginning()).await;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the edge at which the time of day enters"
)]
fn wall_time() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock before 1970 is read as 1970: leases then look longer, and are renewed by the moment clock.
    let millis = since.map_or(0, |since| since.as_millis());
    WallTime::from_unix_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn moments_follow_the_runtimes_timer() {
        let clock = RuntimeClock::new();
        let later = clock.now().moment + Duration::from_millis(30);
        clock.sleep_until(later).await;
        assert!(clock.now().moment >= later);
        clock.sleep_until(Moment::BEGINNING).await;
        assert!(clock.now().wall > WallTime::from_unix_millis(1_600_000_000_000));
    }
}
