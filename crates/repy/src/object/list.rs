//! Lists.

use std::cell::RefCell;

use super::{Value, reclaim};

/// A list's items.
#[derive(Default)]
pub struct ListObject {
    pub(crate) items: RefCell<Vec<Value>>,
}

impl ListObject {
    pub(crate) fn new(items: Vec<Value>) -> ListObject {
        ListObject {
            items: RefCell::new(items),
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
