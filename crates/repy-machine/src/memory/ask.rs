//! Asking before memory is taken: what is filled is work too, and there must be room for it.

use super::{SMALL, held, limit, room_for};
use crate::stop::Denied;
use crate::work;

/// Stops the machine if `bytes` more, about to be filled, would exceed the limit. Without a limit the address space
/// is one.
///
/// # Errors
/// The stop, for memory or because the machine was told to meanwhile; MemoryError for what alone is more than the limit:
/// a program that asks for what it can never have may go on without it.
#[inline]
pub fn reserve(bytes: usize) -> Result<(), Denied> {
    if bytes < SMALL {
        return Ok(());
    }
    work::spend_bytes(bytes)?;
    room_for(bytes)
}

/// Makes room for more items in a vector if there is memory for it: twice the room, or exactly what is needed where
/// that would take much of what is left.
pub(crate) fn grow<T>(items: &mut Vec<T>, more: usize) -> Result<(), Denied> {
    if items.capacity() - items.len() >= more {
        return Ok(());
    }
    let wanted = items.len().saturating_add(more);
    let twice = wanted.max(items.capacity().saturating_mul(2));
    let additional = twice
        .saturating_sub(items.capacity())
        .saturating_mul(size_of::<T>());
    if additional < SMALL || additional < limit().saturating_sub(held()) / 2 {
        reserve(additional)?;
        items.reserve_exact(twice - items.len());
        return Ok(());
    }
    // An eighth at least, or each item would move all before it.
    let least = wanted.max(items.capacity() / 8 * 9);
    reserve((least - items.capacity()).saturating_mul(size_of::<T>()))?;
    items.reserve_exact(least - items.len());
    Ok(())
}

/// Appends bytes if there is memory for them.
pub(crate) fn extend(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Denied> {
    work::spend_bytes(bytes.len())?;
    grow(out, bytes.len())?;
    out.extend_from_slice(bytes);
    Ok(())
}
