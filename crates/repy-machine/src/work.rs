//! Work done inside native functions, so that none of them can hold up the machine for long.
//!
//! Between two instructions the interpreter looks at the stop flag and at the memory count. But one instruction may
//! do much: `sum(xrange(10 ** 12))`, the comparison of two lists that contain each other's parts a million times, a
//! search in 100 MB. Whatever loops or copies by the size of its operands tells this module how much, and every so
//! often [`spend`] looks up as the interpreter does, ends the operation if the machine must stop, and lets the host
//! do what cannot wait ([`Machine::set_pulse`](crate::Machine::set_pulse)).
//!
//! Where work cannot be ended in the middle it is only noted ([`note`]), and the interpreter looks up behind it.
//!
//! A unit is some 10 ns: a comparison, an item of an iterator, 64 bytes searched or copied, 16 steps of big-integer
//! arithmetic.

use std::sync::atomic::Ordering;

use crate::memory;
use crate::meter::{HERE, LOOK_EVERY, watched};
use crate::stop::{Denied, Stop};

/// Bytes searched, compared or copied that count as one unit.
const BYTES_A_UNIT: usize = 64;

/// Steps of big-integer arithmetic, a product of two 64-bit words each, that count as one unit.
const STEPS_A_UNIT: u64 = 16;

/// Counts work; ends the operation if the machine must stop.
#[inline]
pub(crate) fn spend(units: usize) -> Result<(), Denied> {
    let is_due = HERE.with(|here| {
        let left = here.meter.work_left.get();
        if units < left {
            here.meter.work_left.set(left - units);
        }
        units >= left
    });
    if is_due { look_up() } else { Ok(()) }
}

/// Counts work where nothing can be ended: the machine looks up after the instruction.
#[inline]
pub(crate) fn note(units: usize) {
    HERE.with(|here| {
        let left = here.meter.work_left.get().saturating_sub(units);
        here.meter.work_left.set(left);
        if left == 0 {
            here.meter.pending.set(true);
        }
    });
}

/// Looks up if that is due; true if that was done since the last time: the thread that runs may have run long enough.
pub(crate) fn catch_up() -> Result<bool, Denied> {
    spend(0)?;
    Ok(HERE.with(|here| here.meter.looked_up.replace(false)))
}

/// Counts work by the bytes gone through.
#[inline]
pub(crate) fn spend_bytes(bytes: usize) -> Result<(), Denied> {
    spend(bytes / BYTES_A_UNIT)
}

/// Counts work by the steps of big-integer arithmetic.
pub(crate) fn spend_steps(steps: u64) -> Result<(), Denied> {
    spend(usize::try_from(steps / STEPS_A_UNIT).unwrap_or(usize::MAX))
}

#[cold]
fn look_up() -> Result<(), Denied> {
    HERE.with(|here| {
        here.meter.work_left.set(LOOK_EVERY);
        here.meter.looked_up.set(true);
        here.meter.pending.set(true);
    });
    let (stop, pulse) = watched(|watched| (watched.stop.clone(), watched.pulse.clone()));
    if let Some(pulse) = pulse {
        pulse();
    }
    if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
        return Err(Stop::Interrupted.into());
    }
    match memory::exceeded() {
        Some(stop) => Err(stop.into()),
        None => Ok(()),
    }
}
