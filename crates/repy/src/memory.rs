//! Counting what is allocated, so that a program that takes too much is stopped and not the host.
//!
//! A process that installs [`CountingAllocator`] counts every allocation of each thread exactly. The machine runs
//! on one thread and looks at the count; operations that would allocate much ask [`reserve`] before they start.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use crate::object::{Res, Thrown, reclaim};
use crate::vm::Stop;
use crate::work;

thread_local! {
    static USED: Cell<usize> = const { Cell::new(0) };
    static LIMIT: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Operations below this size do not ask before they allocate.
pub(crate) const SMALL: usize = 1 << 14;

/// The system's allocator with a count for each thread.
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: overlord_repy::CountingAllocator = overlord_repy::CountingAllocator;
/// # fn main() {}
/// ```
pub struct CountingAllocator;

#[inline]
fn count(more: usize, less: usize) {
    // A thread that ends may allocate after its variables are gone; nobody asks for its count then.
    let _ = USED.try_with(|used| {
        let now = used.get().wrapping_add(more).wrapping_sub(less);
        used.set(now);
        if more > less && now > LIMIT.get() && (now as isize) > 0 {
            reclaim::call_attention();
        }
    });
}

#[expect(
    unsafe_code,
    reason = "an allocator cannot be written without; it only passes calls on and counts"
)]
// SAFETY: every call is passed unchanged to `System`, which keeps `GlobalAlloc`'s contract; counting touches only
// plain thread-local numbers without destructors, so it neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Bytes the current thread has allocated and not given back, 0 without the counting allocator.
pub fn used() -> usize {
    USED.get()
}

pub(crate) fn set_limit(limit: Option<usize>) {
    LIMIT.set(limit.unwrap_or(usize::MAX));
}

/// Whether the count is above the limit.
pub(crate) fn exceeded() -> Option<Stop> {
    let limit = LIMIT.get();
    (used() > limit && used() as isize > 0).then_some(Stop::Memory { limit })
}

/// Stops the machine if `bytes` more, about to be filled, would exceed the limit. Without a limit the address space
/// is one.
#[inline]
pub(crate) fn reserve(bytes: usize) -> Res<()> {
    if bytes < SMALL {
        return Ok(());
    }
    work::spend_bytes(bytes)?;
    room_for(bytes)
}

/// As [`reserve`] for what grows without being copied as a whole.
pub(crate) fn room_for(bytes: usize) -> Res<()> {
    let limit = LIMIT.get();
    let after = used().saturating_add(bytes);
    if after > limit {
        return Err(Thrown::stop(Stop::Memory { limit }));
    }
    if after > isize::MAX as usize / 4 {
        return Err(Thrown::with_args(
            crate::object::ExceptionKind::MemoryError,
            Vec::new(),
        ));
    }
    Ok(())
}
