//! Times that only ever grow, per vessel: what signed requests need, and no clock gives by itself.
//!
//! A vessel refuses a request that is not younger than the last one it accepted, by any key.
//! So requests to one vessel take turns, and each turn's times are above all earlier ones. Writing and
//! reading times is left to [`crate::timestamp`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use overlord_time::WallClock;
use thiserror::Error;
use tokio::sync::OwnedMutexGuard;

use crate::timestamp::Timestamp;

/// How far ahead of the clock a time may be, in hundredths of a second. Ahead of the clock, others who
/// sign for the same vessel are locked out until their clocks arrive there.
const LEAD_MAX: i64 = 100;
/// Longest wait for the clock to catch up; beyond it the clock must have been set back.
const CATCH_UP_MAX: Duration = Duration::from_secs(10);
/// How many vessels' times are kept before those that the clock has passed are dropped.
const VESSELS_KEPT: usize = 4096;

/// This machine's clock was set back so far that no time can be given.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "this machine's clock is {} s behind requests already signed for the vessel; set the clock right, or wait that long",
    behind.as_secs()
)]
pub struct ClockSetBack {
    /// How far the clock is behind.
    pub behind: Duration,
}

/// Gives out times for signed requests, per vessel strictly increasing in steps of 10 ms.
///
/// Share one among all who sign in a process: two sources would give equal times.
pub struct TimestampSource {
    clock: Arc<dyn WallClock>,
    /// How far behind the clock its times are, in hundredths of a second.
    lag: i64,
    vessels: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<Last>>>>,
}

/// The last time given to a vessel, in hundredths of a second since 1900.
type Last = Option<i64>;

impl std::fmt::Debug for TimestampSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TimestampSource").finish_non_exhaustive()
    }
}

impl TimestampSource {
    /// A source by this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn WallClock>) -> Self {
        Self::behind(clock, Duration::ZERO)
    }

    /// A source of times that much behind this clock, for one who signs before others do: the one who signs next for the
    /// vessel, with a clock a little slower, has a later time all the same. Cut downwards to 10 ms.
    #[must_use]
    pub fn behind(clock: Arc<dyn WallClock>, lag: Duration) -> Self {
        Self {
            clock,
            lag: i64::try_from(lag.as_millis() / 10).unwrap_or(i64::MAX),
            vessels: Mutex::default(),
        }
    }

    /// Waits for the vessel's turn and holds it until dropped. Requests to one vessel must reach it in
    /// the order of their times, so one is sent only when the one before is answered.
    pub async fn turn(&self, vessel: &str) -> VesselTurn {
        let vessel = {
            let mut vessels = self.vessels.lock().unwrap_or_else(PoisonError::into_inner);
            if vessels.len() >= VESSELS_KEPT {
                // No time from here on is below this one.
                let now = self.now().saturating_sub(self.lag);
                vessels.retain(|_, last| {
                    Arc::strong_count(last) > 1
                        || last.try_lock().is_ok_and(|last| *last >= Some(now))
                });
            }
            Arc::clone(vessels.entry(vessel.to_owned()).or_default())
        };
        VesselTurn {
            last: vessel.lock_owned().await,
            clock: Arc::clone(&self.clock),
            lag: self.lag,
        }
    }

    fn now(&self) -> i64 {
        hundredths(Timestamp::of(&*self.clock))
    }
}

/// The right to sign requests for one vessel.
pub struct VesselTurn {
    last: OwnedMutexGuard<Last>,
    clock: Arc<dyn WallClock>,
    lag: i64,
}

impl VesselTurn {
    /// How far behind the clock its times are: after so long, they are above one that another signed now.
    #[must_use]
    pub fn lag(&self) -> Duration {
        Duration::from_millis(
            u64::try_from(self.lag)
                .unwrap_or_default()
                .saturating_mul(10),
        )
    }

    /// The next time. Waits at most 10 s when times were given out faster than the clock goes.
    ///
    /// # Errors
    /// When the clock was set back farther than that.
    pub async fn next(&mut self) -> Result<Timestamp, ClockSetBack> {
        let mut waited = Duration::ZERO;
        loop {
            let now = hundredths(Timestamp::of(&*self.clock)).saturating_sub(self.lag);
            match step(*self.last, now) {
                Step::Use(time) => {
                    *self.last = Some(time);
                    return Ok(Timestamp::from_hundredths(time));
                }
                Step::Wait(behind) if waited + behind > CATCH_UP_MAX => {
                    return Err(ClockSetBack { behind });
                }
                Step::Wait(behind) => {
                    waited += behind;
                    tokio::time::sleep(behind).await;
                }
            }
        }
    }
}

/// What to do about the next time.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Use(i64),
    Wait(Duration),
}

/// The first time after `last` that is not behind the clock, unless it is too far ahead of it.
fn step(last: Last, now: i64) -> Step {
    let next = last.map_or(now, |last| now.max(last.saturating_add(1)));
    let lead = next.saturating_sub(now);
    match u64::try_from(lead.saturating_sub(LEAD_MAX)) {
        Ok(too_far) if too_far > 0 => Step::Wait(Duration::from_millis(too_far.saturating_mul(10))),
        _ => Step::Use(next),
    }
}

/// Cut downwards, so that a written time is never in the future.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, and clocks are far from its ends"
)]
pub(crate) fn hundredths(time: Timestamp) -> i64 {
    (time.seconds() * 100.0).floor() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use overlord_time::ManualClock;

    /// Times in hundredths of a second since 1970.
    fn source(now: i64) -> (Arc<ManualClock>, TimestampSource) {
        let clock = Arc::new(ManualClock::new(now as f64 / 100.0));
        let source = TimestampSource::new(Arc::clone(&clock) as Arc<dyn WallClock>);
        (clock, source)
    }

    #[tokio::test]
    async fn times_grow_in_steps_that_survive_the_wire_though_the_clock_stands_still() {
        let (_, source) = source(179_000_000_000);
        let mut turn = source.turn("v1").await;
        let mut texts = Vec::new();
        for _ in 0..100 {
            texts.push(turn.next().await.unwrap().to_string());
        }
        let read = |text: &String| Timestamp::parse(text.as_bytes()).unwrap().seconds();
        assert!(texts.windows(2).all(|pair| read(&pair[0]) < read(&pair[1])));
        assert_eq!(texts[0], "3998988800.0");
        assert_eq!(texts[99], "3998988800.99");
    }

    #[tokio::test]
    async fn times_behind_the_clock_leave_room_for_the_next_signer() {
        let clock = Arc::new(ManualClock::new(1_790_000_000.0));
        let source = TimestampSource::behind(clock, Duration::from_millis(50));
        let mut turn = source.turn("v1").await;
        assert_eq!(turn.next().await.unwrap().to_string(), "3998988799.95");
        assert_eq!(turn.next().await.unwrap().to_string(), "3998988799.96");
        assert_eq!(turn.lag(), Duration::from_millis(50));
    }

    #[tokio::test]
    async fn a_time_behind_the_clock_is_not_given_again_when_vessels_are_forgotten() {
        let clock = Arc::new(ManualClock::new(1_790_000_000.0));
        let source = TimestampSource::behind(clock, Duration::from_millis(50));
        let first = source.turn("v").await.next().await.unwrap();
        for number in 0..VESSELS_KEPT {
            source
                .turn(&format!("v{number}"))
                .await
                .next()
                .await
                .unwrap();
        }
        let again = source.turn("v").await.next().await.unwrap();
        assert!(again.seconds() > first.seconds());
    }

    #[tokio::test]
    async fn a_clock_set_back_a_little_is_waited_for_and_a_lot_is_an_error() {
        let (clock, source) = source(179_000_000_000);
        source.turn("v1").await.next().await.unwrap();
        clock.set(1_789_999_999.5);
        let second = source.turn("v1").await.next().await.unwrap();
        assert_eq!(second.to_string(), "3998988800.01");
        clock.set(1_789_996_399.5);
        let error = source.turn("v1").await.next().await.unwrap_err();
        assert_eq!(error.behind.as_secs(), 3599);
        assert!(error.to_string().contains("3599 s behind"));
        // Another vessel has no later time.
        assert!(source.turn("v2").await.next().await.is_ok());
    }

    #[test]
    fn a_time_is_never_far_ahead_of_the_clock() {
        assert_eq!(step(None, 1000), Step::Use(1000));
        assert_eq!(step(Some(900), 1000), Step::Use(1000));
        assert_eq!(step(Some(1000), 1000), Step::Use(1001));
        assert_eq!(step(Some(1099), 1000), Step::Use(1100));
        assert_eq!(
            step(Some(1100), 1000),
            Step::Wait(Duration::from_millis(10))
        );
        assert!(matches!(step(Some(i64::MAX), i64::MIN), Step::Wait(_)));
    }

    #[tokio::test]
    async fn requests_to_one_vessel_take_turns() {
        let (_, source) = source(0);
        let first = source.turn("v1").await;
        let other = source.turn("v2").await;
        assert!(
            tokio::time::timeout(Duration::from_millis(20), source.turn("v1"))
                .await
                .is_err()
        );
        drop((first, other));
        let _second = source.turn("v1").await;
    }

    #[tokio::test]
    async fn vessels_whose_times_have_passed_are_forgotten() {
        let (clock, source) = source(0);
        let held = source.turn("held").await;
        for number in 0..VESSELS_KEPT {
            source.turn(&number.to_string()).await.next().await.unwrap();
        }
        clock.set(1000.0);
        source.turn("one more").await;
        assert_eq!(source.vessels.lock().unwrap().len(), 2);
        drop(held);
    }
}
