//! Lists.

use std::cell::{Cell, RefCell};

use super::{Value, reclaim};

/// A list's items.
#[derive(Default)]
pub struct ListObject {
    pub(crate) items: RefCell<Vec<Value>>,
    /// Whether [`cycles`](super::cycles) knows of it.
    pub(crate) noted: Cell<bool>,
}

impl ListObject {
    pub(crate) fn new(items: Vec<Value>) -> ListObject {
        ListObject {
            items: RefCell::new(items),
            noted: Cell::new(false),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.items.borrow().len()
    }

    pub(crate) fn get(&self, index: usize) -> Option<Value> {
        self.items.borrow().get(index).cloned()
    }

    /// A copy of the items.
    pub(crate) fn to_vec(&self) -> Vec<Value> {
        self.items.borrow().clone()
    }
}

impl Drop for ListObject {
    fn drop(&mut self) {
        reclaim::release(std::mem::take(self.items.get_mut()));
    }
}
