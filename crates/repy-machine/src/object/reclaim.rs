//! Giving objects back: without native recursion however deep they are nested, and with their `__del__` run.
//!
//! Dropping a list drops its items, which may be lists... A million levels would overflow the native stack. So
//! each container hands its contents to this module, which drops them at once while the nesting is shallow and
//! puts them aside to be dropped by the outermost drop otherwise.
//!
//! A destructor written in Repy cannot run inside Rust's `Drop`. The dying instance is revived into a queue here,
//! and the machine, which looks at [`pending`] after every instruction that can drop something, runs it at once.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::{Instance, Value};

/// Native nesting of drops at which contents are put aside. A level takes well below 1 KiB of stack.
const DEEPEST: u32 = 48;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static HAS_LATER: Cell<bool> = const { Cell::new(false) };
    static LATER: RefCell<Vec<Vec<Value>>> = const { RefCell::new(Vec::new()) };
    static PENDING: Cell<bool> = const { Cell::new(false) };
    static FINALIZE: RefCell<VecDeque<(u64, Rc<Instance>)>> = const { RefCell::new(VecDeque::new()) };
    static QUEUED: Cell<u64> = const { Cell::new(0) };
}

/// Drops `items` now, or puts them aside if drops are nested deeply.
pub(crate) fn release(items: Vec<Value>) {
    if items.is_empty() {
        return;
    }
    let depth = DEPTH.get();
    if depth >= DEEPEST {
        // At thread exit the queue may be gone; then plain dropping is all that is left.
        let mut items = Some(items);
        let _ = LATER.try_with(|later| {
            if let (Ok(mut later), Some(items)) = (later.try_borrow_mut(), items.take()) {
                later.push(items);
            }
        });
        HAS_LATER.set(true);
        return;
    }
    DEPTH.set(depth + 1);
    // Last first, as CPython gives back lists and tuples; destructors show the order.
    items.into_iter().rev().for_each(drop);
    if depth == 0 && HAS_LATER.get() {
        drain();
    }
    DEPTH.set(depth);
}

fn drain() {
    loop {
        let next = LATER.try_with(|later| {
            later
                .try_borrow_mut()
                .ok()
                .and_then(|mut later| later.pop())
        });
        match next {
            Ok(Some(items)) => items.into_iter().rev().for_each(drop),
            _ => break,
        }
    }
    HAS_LATER.set(false);
}

/// Drops one value; nothing is allocated unless drops are nested deeply.
pub(crate) fn release_one(value: Value) {
    if !can_nest(&value) {
        return;
    }
    let depth = DEPTH.get();
    if depth >= DEEPEST {
        release(vec![value]);
        return;
    }
    DEPTH.set(depth + 1);
    drop(value);
    if depth == 0 && HAS_LATER.get() {
        drain();
    }
    DEPTH.set(depth);
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

/// Whether the machine should look up from its work: an instance waits for its `__del__`, or memory runs short.
#[inline]
pub(crate) fn pending() -> bool {
    PENDING.get()
}

/// Makes the machine look up.
pub(crate) fn call_attention() {
    PENDING.set(true);
}

/// The machine has seen that there is nothing.
pub(crate) fn attended() {
    PENDING.set(false);
}

/// Queues an instance whose last reference is gone.
pub(crate) fn finalize_later(instance: Rc<Instance>) {
    let number = QUEUED.get();
    let queued = FINALIZE.try_with(|queue| {
        queue
            .try_borrow_mut()
            .map(|mut queue| queue.push_back((number, instance)))
    });
    if matches!(queued, Ok(Ok(()))) {
        QUEUED.set(number + 1);
        PENDING.set(true);
    }
}

/// The number of the next instance to be queued. A destructor is interrupted only by those of instances queued since it
/// began, as it is by what it drops itself; the others wait for its end.
pub(crate) fn next_number() -> u64 {
    QUEUED.get()
}

/// The next instance whose `__del__` is to be run, of those queued with this number or later.
pub(crate) fn next_to_finalize(since: u64) -> Option<Rc<Instance>> {
    FINALIZE.with(|queue| {
        let mut queue = queue.borrow_mut();
        let at = queue.partition_point(|(number, _)| *number < since);
        let next = queue.remove(at);
        if at >= queue.len() {
            PENDING.set(false);
        }
        next.map(|(_, instance)| instance)
    })
}

/// A destructor has ended: the machine looks for those that had to wait for it.
pub(crate) fn finalized_one() {
    let waiting = FINALIZE.with(|queue| !queue.borrow().is_empty());
    if waiting {
        PENDING.set(true);
    }
}
