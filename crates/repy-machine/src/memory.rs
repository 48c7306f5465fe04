//! Counting what is allocated, so that a program that takes too much is stopped and not the host.
//!
//! A process that installs [`CountingAllocator`] counts every allocation of each thread exactly, with what the system's
//! allocator takes for it. A machine at work looks at the count of its thread, less what other machines there took;
//! operations that would allocate much ask [`reserve`] before they start. A process that runs one program can watch its
//! pages too ([`Pages`](crate::Pages)).

use std::alloc::{GlobalAlloc, Layout, System};

use crate::meter::{HERE, LOOKS_PER_LIMIT, between_looks, watched};
use crate::stop::{Denied, Reason, Stop};

mod ask;

pub use ask::reserve;
pub(crate) use ask::{extend, grow};

/// Operations below this size do not ask before they allocate.
pub(crate) const SMALL: usize = 1 << 14;

/// The system's allocator with a count for each thread.
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: overlord_repy_machine::CountingAllocator = overlord_repy_machine::CountingAllocator;
/// # fn main() {}
/// ```
pub struct CountingAllocator;

/// What the system's allocator takes for a block: its own word before it, all rounded up to 16 bytes.
#[inline]
fn footprint(size: usize) -> usize {
    (size + 8).next_multiple_of(16).max(32)
}

#[inline]
fn count(more: usize, less: usize) {
    // A thread that ends may allocate after its variables are gone; nobody asks for its count then.
    let _ = HERE.try_with(|here| {
        let now = here.used.get().wrapping_add(more).wrapping_sub(less);
        here.used.set(now);
        if more > less {
            let meter = &here.meter;
            let left = meter.until_look.get() - more as isize;
            meter.until_look.set(left);
            if left < 0 || (now > meter.threshold.get() && (now as isize) > 0) {
                // What counts work next looks up, however little it is.
                meter.work_left.set(0);
                meter.pending.set(true);
            }
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
        count(footprint(layout.size()), 0);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(footprint(layout.size()), 0);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, footprint(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(footprint(size), footprint(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Bytes the current thread has allocated and not given back, 0 without the counting allocator.
pub fn used() -> usize {
    HERE.with(|here| here.used.get())
}

/// Bytes that the machine at work is held to: the thread's, less what other machines took. 0 if nothing is counted.
pub(crate) fn held() -> usize {
    HERE.with(|here| {
        let held = (here.used.get().cast_signed()).wrapping_sub(here.meter.others.get());
        usize::try_from(held).unwrap_or(0)
    })
}

/// Whether the count is above the limit.
pub(crate) fn is_over() -> bool {
    held() > limit()
}

/// Whether the count stays above the limit when circular garbage has been given back, or the pages of the process are.
pub(crate) fn exceeded() -> Option<Stop> {
    if is_over() {
        collect_circles();
    }
    if is_over() {
        return Some(Stop::Memory { limit: limit() });
    }
    if HERE.with(|here| here.meter.until_look.get()) >= 0 {
        return None;
    }
    if let Some(limit) = page_limit_passed()
        && (collect_circles() == 0 || page_limit_passed().is_some())
    {
        // The next question has the same answer, unless something was given back.
        return Some(Stop::Memory { limit });
    }
    let pages = watched(|watched| watched.pages.as_ref().map(|pages| pages.limit()));
    let next = between_looks(pages.unwrap_or_else(limit));
    HERE.with(|here| here.meter.until_look.set(next));
    None
}

/// The pages are looked at with the next allocation.
pub(crate) fn look_soon() {
    HERE.with(|here| here.meter.until_look.set(0));
}

/// The limit of the pages, if the process has more.
fn page_limit_passed() -> Option<usize> {
    watched(|watched| {
        let pages = watched.pages.as_ref()?;
        (pages.resident()? > pages.limit()).then_some(pages.limit())
    })
}

/// Whether the pages leave room for a large block. Asked when the count nears its limit: before that, there may be
/// room between blocks that the system does not know of.
fn has_pages_for(bytes: usize) -> bool {
    watched(|watched| match &watched.pages {
        Some(pages) => pages
            .resident()
            .is_none_or(|resident| resident.saturating_add(bytes) <= pages.limit()),
        None => true,
    })
}

/// The limit of the machine at work, in bytes.
pub(crate) fn limit() -> usize {
    HERE.with(|here| here.meter.limit.get())
}

/// Bytes that can still be allocated before a limit is reached.
pub(crate) fn room() -> usize {
    let heap = limit().saturating_sub(held());
    watched(|watched| match &watched.pages {
        Some(pages) => {
            let resident = pages.resident().unwrap_or(0);
            heap.min(pages.limit().saturating_sub(resident))
        }
        None => heap,
    })
}

/// Largest block that a machine gives to one program: in the original, asking for more raises MemoryError, and a program may
/// go on without. Below it the original's system gives what it can, and the monitor ends what passes the limit. Where
/// nothing is limited, a block that the system does not give would end the process, not the program.
const LARGEST_BLOCK: usize = 1 << 34;

/// As [`reserve`] for what grows without being copied as a whole.
pub(crate) fn room_for(bytes: usize) -> Result<(), Denied> {
    let limit = limit();
    if bytes > LARGEST_BLOCK {
        return Err(Denied::new(Reason::Memory));
    }
    let mut after = held().saturating_add(bytes);
    if after > limit && bytes <= limit && collect_circles() > 0 {
        after = held().saturating_add(bytes);
    }
    if after > limit {
        return Err(Stop::Memory { limit }.into());
    }
    if bytes > limit / LOOKS_PER_LIMIT && after > limit / 8 * 7 && !has_pages_for(bytes) {
        return Err(Stop::Memory { limit }.into());
    }
    Ok(())
}

/// Gives back circular garbage of the machine at work, as its budget knows how to; how many objects that were.
fn collect_circles() -> usize {
    let collect = HERE.with(|here| here.meter.collect.get());
    collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Stored;

    #[test]
    fn without_a_limit_a_block_that_no_system_gives_is_a_memory_error() {
        let numbers = Stored::new(None, || 0);
        numbers.put_in();
        let denied = room_for(1 << 36).unwrap_err();
        assert!(matches!(denied.reason(), Reason::Memory));
        assert!(room_for(1 << 30).is_ok());
        numbers.take_out();
    }

    #[test]
    fn what_no_machine_has_is_a_memory_error_and_growth_beyond_the_limit_a_stop() {
        let limit = used() + (1 << 20);
        let numbers = Stored::new(Some(limit), || 0);
        numbers.put_in();
        // As the allocator would count.
        HERE.with(|here| here.used.set(here.used.get() + 1024));
        let alone = room_for(LARGEST_BLOCK + 1).unwrap_err();
        let together = room_for(limit - 1).unwrap_err();
        numbers.take_out();
        assert!(matches!(alone.reason(), Reason::Memory));
        assert!(matches!(
            together.reason(),
            Reason::Stop(Stop::Memory { .. })
        ));
    }
}
