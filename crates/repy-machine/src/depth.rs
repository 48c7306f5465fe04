//! How deep native code is nested on this thread's stack: one count for everything that goes into data or calls back
//! into the program, for each of them alone would be harmless where all of them together are not (a `__repr__` that
//! shows a deep list whose last item has a `__repr__` that...).
//!
//! Calls between functions of the program are frames on the heap and do not count here. Of all that a machine is held to
//! this alone is the native stack's and not the machine's: one that runs within a host function of another has what that
//! has left of the stack they share. A slice begins and ends with none of its own.

use crate::meter::HERE;
use crate::stop::{Denied, Reason};

/// Most levels at a time, near CPython's recursion limit of 1,000. A level of data takes up to 4 KiB of native stack in
/// an unoptimised build, so all of them fit into half of the 8 MiB that a process' first thread has.
const LIMIT: u32 = 980;

/// What a level of containers counts, shown or compared.
pub(crate) const DATA: u32 = 1;

/// What a native function called by another one counts (`map(map, ...)`).
pub(crate) const NATIVE_CALL: u32 = 4;

/// What a nested run of the interpreter counts (a sort's key, a `__repr__`): some 60 nest.
pub(crate) const CALLBACK: u32 = 16;

/// Levels entered, left when this is dropped.
#[must_use]
pub(crate) struct DepthGuard(u32);

impl Drop for DepthGuard {
    fn drop(&mut self) {
        HERE.with(|here| here.levels.set(here.levels.get() - self.0));
    }
}

/// Enters some levels.
///
/// # Errors
/// RuntimeError if that is too deep; its text ends with what was being done (`" in cmp"`).
#[inline]
pub(crate) fn enter(levels: u32, doing: &str) -> Result<DepthGuard, Denied> {
    let fits = HERE.with(|here| {
        let within = here.levels.get() + levels;
        if within <= LIMIT {
            here.levels.set(within);
        }
        within <= LIMIT
    });
    if fits {
        Ok(DepthGuard(levels))
    } else {
        Err(too_deep(doing))
    }
}

/// This stack's count, put aside while another native stack is at work, which begins with none.
#[must_use]
pub(crate) struct Aside(u32);

impl Drop for Aside {
    fn drop(&mut self) {
        HERE.with(|here| here.levels.set(self.0));
    }
}

/// Leaves this native stack until the result is dropped.
pub(crate) fn put_aside() -> Aside {
    Aside(HERE.with(|here| here.levels.replace(0)))
}

/// How many levels are left.
pub fn left() -> u32 {
    LIMIT.saturating_sub(HERE.with(|here| here.levels.get()))
}

/// The error of going too deep.
#[cold]
pub(crate) fn too_deep(doing: &str) -> Denied {
    Denied::new(Reason::Depth(doing.to_owned()))
}
