//! Time and chance: the values, where they come in, and the one rule of pauses made of both.
//!
//! Everything that waits or measures is given a [`Clock`], everything that needs only the time of day a
//! [`WallClock`], everything that draws a [`Randomness`]; this crate alone asks the machine for any of them, in
//! [`RuntimeClock`], [`SystemClock`] and [`SeededRandomness::from_system`]. What to wait for, and how often, is left to
//! those who wait.
#![forbid(unsafe_code)]

mod backoff;
mod clock;
mod moment;
mod randomness;
mod wall_time;

pub use backoff::{Backoff, between};
pub use clock::{Clock, ManualClock, Now, RuntimeClock, SystemClock, WallClock};
pub use moment::Moment;
pub use randomness::{NoRandomness, Randomness, SeededRandomness};
pub use wall_time::{WallTime, WallTimeError};
