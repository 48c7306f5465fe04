//! How deep native code is nested on this thread's stack: one count for everything that goes into data or calls back
//! into the program, for each of them alone would be harmless where all of them together are not (a `__repr__` that
//! shows a deep list whose last item has a `__repr__` that...).
//!
//! Calls between functions of the program are frames on the heap and do not count here.

use std::cell::Cell;

use crate::object::{ExceptionKind, Res, Thrown};

/// Most levels at a time, near CPython's recursion limit of 1,000. A level of data takes up to 4 KiB of native stack in
/// an unoptimised build, so all of them fit into half of the 8 MiB that a process' first thread has.
const LIMIT: u32 = 980;

/// What a level of containers counts, shown or compared.
pub(crate) const DATA: u32 = 1;

/// What a native function called by another one counts (`map(map, ...)`).
pub(crate) const NATIVE_CALL: u32 = 4;

/// What a nested run of the interpreter counts (a sort's key, a `__repr__`): some 60 nest.
pub(crate) const CALLBACK: u32 = 16;

thread_local! {
    static LEVELS: Cell<u32> = const { Cell::new(0) };
}

/// Levels entered, left when this is dropped.
#[must_use]
pub(crate) struct Level(u32);

impl Drop for Level {
    fn drop(&mut self) {
        LEVELS.set(LEVELS.get() - self.0);
    }
}

/// Enters some levels.
///
/// # Errors
/// RuntimeError if that is too deep; its text ends with what was being done (`" in cmp"`).
#[inline]
pub(crate) fn enter(levels: u32, doing: &str) -> Res<Level> {
    let before = LEVELS.get();
    if before + levels > LIMIT {
        return Err(too_deep(doing));
    }
    LEVELS.set(before + levels);
    Ok(Level(levels))
}

/// This stack's count, put aside while another native stack is at work, which begins with none.
#[must_use]
pub(crate) struct Aside(u32);

impl Drop for Aside {
    fn drop(&mut self) {
        LEVELS.set(self.0);
    }
}

/// Leaves this native stack until the result is dropped.
pub(crate) fn put_aside() -> Aside {
    Aside(LEVELS.replace(0))
}

/// How many levels are left.
pub fn left() -> u32 {
    LIMIT.saturating_sub(LEVELS.get())
}

/// The error of going too deep.
#[cold]
pub(crate) fn too_deep(doing: &str) -> Thrown {
    Thrown::new(
        ExceptionKind::RuntimeError,
        format!("maximum recursion depth exceeded{doing}"),
    )
}
