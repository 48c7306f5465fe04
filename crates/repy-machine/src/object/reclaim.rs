//! Giving objects back: without native recursion however deep they are nested, and with their `__del__` run.
//!
//! Dropping a list drops its items, which may be lists... A million levels would overflow the native stack. So
//! each container hands its contents to this module, which drops them at once while the nesting is shallow and
//! puts them aside to be dropped by the outermost drop otherwise.
//!
//! A destructor written in Repy cannot run inside Rust's `Drop`. The dying instance is revived into a queue here,
//! and the machine, which looks at [`pending`] after every instruction that can drop something, runs it at once.

use std::rc::Rc;

use super::budget::PLACE;
use super::{Instance, Value};
use crate::meter::HERE;

/// Native nesting of drops at which contents are put aside. A level takes well below 1 KiB of stack.
const DEEPEST: u32 = 48;

/// Begins a drop that may nest, unless drops are nested as deeply as they may: how deep they were.
#[inline]
fn go_deeper() -> Option<u32> {
    HERE.with(|here| {
        let depth = here.meter.drops.get();
        (depth < DEEPEST).then(|| {
            here.meter.drops.set(depth + 1);
            depth
        })
    })
}

/// Ends it: the outermost drops what was put aside.
#[inline]
fn come_back(depth: u32) {
    if depth == 0 && HERE.with(|here| here.meter.has_later.get()) {
        drain();
    }
    HERE.with(|here| here.meter.drops.set(depth));
}

/// Drops `items` now, or puts them aside if drops are nested deeply.
pub(crate) fn release(items: Vec<Value>) {
    if items.is_empty() {
        return;
    }
    let Some(depth) = go_deeper() else {
        // At thread exit the list may be gone; then plain dropping is all that is left.
        let mut items = Some(items);
        let _ = PLACE.try_with(|place| {
            if let (Ok(mut later), Some(items)) = (place.lists.later.try_borrow_mut(), items.take())
            {
                later.push(items);
            }
        });
        HERE.with(|here| here.meter.has_later.set(true));
        return;
    };
    // Last first, as CPython gives back lists and tuples; destructors show the order.
    items.into_iter().rev().for_each(drop);
    come_back(depth);
}

/// Drops `items` in their order, where they are unless drops are nested deeply: a copy of much may be too much.
pub(crate) fn release_in_order(items: impl DoubleEndedIterator<Item = Value>) {
    match go_deeper() {
        Some(depth) => {
            items.for_each(drop);
            come_back(depth);
        }
        None => release(items.rev().collect()),
    }
}

fn drain() {
    loop {
        let next = PLACE.try_with(|place| {
            (place.lists.later.try_borrow_mut().ok()).and_then(|mut later| later.pop())
        });
        match next {
            Ok(Some(items)) => items.into_iter().rev().for_each(drop),
            _ => break,
        }
    }
    HERE.with(|here| here.meter.has_later.set(false));
}

/// Drops one value; nothing is allocated unless drops are nested deeply.
pub(crate) fn release_one(value: Value) {
    if !can_nest(&value) {
        return;
    }
    let Some(depth) = go_deeper() else {
        release(vec![value]);
        return;
    };
    drop(value);
    come_back(depth);
}

/// Whether dropping the value can drop others.
#[inline(always)]
pub(crate) fn can_nest(value: &Value) -> bool {
    !value.is_direct()
        && !matches!(
            value,
            Value::Str(_) | Value::Long(_) | Value::Complex(_) | Value::XRange(_)
        )
}

/// Whether a value can be part of a circle.
#[inline(always)]
pub(crate) fn can_close(value: &Value) -> bool {
    can_nest(value) && !matches!(value, Value::Native(_))
}

/// Whether the machine should look up from its work: an instance waits for its `__del__`, or memory runs short.
#[inline]
pub(crate) fn pending() -> bool {
    HERE.with(|here| here.meter.pending.get())
}

/// Makes the machine look up.
pub(crate) fn call_attention() {
    HERE.with(|here| here.meter.pending.set(true));
}

/// The machine has seen that there is nothing.
pub(crate) fn attended() {
    HERE.with(|here| here.meter.pending.set(false));
}

/// Queues an instance whose last reference is gone: with its machine, or among the strays until that is at work.
pub(crate) fn finalize_later(instance: Rc<Instance>) {
    HERE.with(|here| {
        let is_stray = here.machine.get() != instance.class.machine;
        let number = here.meter.queued.get();
        let queued = PLACE.try_with(|place| {
            if is_stray {
                place.keep_stray(instance);
                return false;
            }
            match place.lists.finalize.try_borrow_mut() {
                Ok(mut queue) => {
                    queue.push_back((number, instance));
                    true
                }
                Err(_) => false,
            }
        });
        if queued == Ok(true) {
            here.meter.queued.set(number + 1);
            here.meter.pending.set(true);
        }
    });
}

/// The number of the next instance to be queued. A destructor is interrupted only by those of instances queued since it
/// began, as it is by what it drops itself; the others wait for its end.
pub(crate) fn next_number() -> u64 {
    HERE.with(|here| here.meter.queued.get())
}

/// The next instance whose `__del__` is to be run, of those queued with this number or later.
pub(crate) fn next_to_finalize(since: u64) -> Option<Rc<Instance>> {
    PLACE.with(|place| {
        let mut queue = place.lists.finalize.borrow_mut();
        let at = queue.partition_point(|(number, _)| *number < since);
        let next = queue.remove(at);
        if at >= queue.len() {
            attended();
        }
        next.map(|(_, instance)| instance)
    })
}

/// A destructor has ended: the machine looks for those that had to wait for it.
pub(crate) fn finalized_one() {
    if PLACE.with(|place| !place.lists.finalize.borrow().is_empty()) {
        call_attention();
    }
}
