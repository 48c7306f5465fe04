//! Tuples: up to three items inside the object, more behind it.

use std::rc::Rc;

use super::{Value, reclaim};

/// A tuple's items.
pub struct TupleObject {
    items: Items,
}

enum Items {
    One([Value; 1]),
    Two([Value; 2]),
    Three([Value; 3]),
    Many(Vec<Value>),
}

thread_local! {
    // Of use to all and changed by none: it is no machine's.
    static EMPTY: Rc<TupleObject> = Rc::new(TupleObject::new(Vec::new()));
}

impl TupleObject {
    /// The empty tuple; one object for a thread.
    pub(crate) fn empty() -> Rc<TupleObject> {
        EMPTY.with(Rc::clone)
    }

    pub(crate) fn new(items: Vec<Value>) -> TupleObject {
        let items = match items.len() {
            1 => match <[Value; 1]>::try_from(items) {
                Ok(one) => Items::One(one),
                Err(items) => Items::Many(items),
            },
            2 => match <[Value; 2]>::try_from(items) {
                Ok(two) => Items::Two(two),
                Err(items) => Items::Many(items),
            },
            3 => match <[Value; 3]>::try_from(items) {
                Ok(three) => Items::Three(three),
                Err(items) => Items::Many(items),
            },
            _ => Items::Many(items),
        };
        TupleObject { items }
    }

    pub(crate) fn triple(items: [Value; 3]) -> TupleObject {
        TupleObject {
            items: Items::Three(items),
        }
    }

    pub(crate) fn pair(first: Value, second: Value) -> TupleObject {
        TupleObject {
            items: Items::Two([first, second]),
        }
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[Value] {
        match &self.items {
            Items::One(items) => items,
            Items::Two(items) => items,
            Items::Three(items) => items,
            Items::Many(items) => items,
        }
    }
}

impl std::ops::Deref for TupleObject {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        self.as_slice()
    }
}

impl Drop for TupleObject {
    fn drop(&mut self) {
        match &mut self.items {
            Items::One([item]) => reclaim::release_one(std::mem::take(item)),
            Items::Two(items) => items
                .iter_mut()
                .rev()
                .for_each(|item| reclaim::release_one(std::mem::take(item))),
            Items::Three(items) => items
                .iter_mut()
                .rev()
                .for_each(|item| reclaim::release_one(std::mem::take(item))),
            Items::Many(items) => reclaim::release(std::mem::take(items)),
        }
    }
}
