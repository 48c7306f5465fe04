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

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::memory;
use crate::object::{Res, Thrown, reclaim};
use crate::vm::Stop;

/// Units between two looks: below a millisecond.
const LOOK_EVERY: usize = 1 << 15;

/// Bytes searched, compared or copied that count as one unit.
const BYTES_A_UNIT: usize = 64;

/// Steps of big-integer arithmetic, a product of two 64-bit words each, that count as one unit.
const STEPS_A_UNIT: u64 = 16;

/// What a host does between parts of a long operation.
pub(crate) type Pulse = Rc<dyn Fn()>;

thread_local! {
    static LEFT: Cell<usize> = const { Cell::new(LOOK_EVERY) };
    static LOOKED_UP: Cell<bool> = const { Cell::new(false) };
    static WATCHED: RefCell<Option<(Arc<AtomicBool>, Option<Pulse>)>> = const { RefCell::new(None) };
}

/// From now on, this machine's flag is looked at on this thread, and its host called.
pub(crate) fn watch(stop: &Arc<AtomicBool>, pulse: Option<&Pulse>) {
    WATCHED.set(Some((stop.clone(), pulse.cloned())));
}

/// Counts work; ends the operation if the machine must stop.
#[inline]
pub(crate) fn spend(units: usize) -> Res<()> {
    let left = LEFT.get();
    if units < left {
        LEFT.set(left - units);
        Ok(())
    } else {
        look_up()
    }
}

/// Counts work where nothing can be ended: the machine looks up after the instruction.
#[inline]
pub(crate) fn note(units: usize) {
    let left = LEFT.get().saturating_sub(units);
    LEFT.set(left);
    if left == 0 {
        reclaim::call_attention();
    }
}

/// Whoever counts work next looks up, however little it is: memory runs short.
#[inline]
pub(crate) fn hurry() {
    LEFT.set(0);
}

/// Looks up if that is due; true if that was done since the last time: the thread that runs may have run long enough.
pub(crate) fn catch_up() -> Res<bool> {
    spend(0)?;
    Ok(LOOKED_UP.replace(false))
}

/// Counts work by the bytes gone through.
#[inline]
pub(crate) fn spend_bytes(bytes: usize) -> Res<()> {
    spend(bytes / BYTES_A_UNIT)
}

/// Counts work by the steps of big-integer arithmetic.
pub(crate) fn spend_steps(steps: u64) -> Res<()> {
    spend(usize::try_from(steps / STEPS_A_UNIT).unwrap_or(usize::MAX))
}

#[cold]
fn look_up() -> Res<()> {
    LEFT.set(LOOK_EVERY);
    LOOKED_UP.set(true);
    reclaim::call_attention();
    let watched = WATCHED.with(|watched| watched.borrow().clone());
    if let Some((stop, pulse)) = watched {
        if let Some(pulse) = pulse {
            pulse();
        }
        if stop.load(Ordering::Relaxed) {
            return Err(Thrown::stop(Stop::Interrupted));
        }
    }
    match memory::exceeded() {
        Some(stop) => Err(Thrown::stop(stop)),
        None => Ok(()),
    }
}
