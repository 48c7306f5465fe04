//! The memory limit: what the heap may take, and what the process really takes.
//!
//! The limit is for the whole process, as in the original. What the process takes before the program is loaded is
//! subtracted; the rest is what the counted heap may hold, exactly. The pages the system has given are looked at too,
//! after each few percent of the limit that were allocated and ten times a second: they can be more than the count.

use std::rc::Rc;

use overlord_repy_machine::Machine;
use overlord_repy_machine::{Pages, memory};

/// Watches the memory of this process.
pub(crate) struct MemoryWatch {
    limit: Option<u64>,
    heap_limit: Option<usize>,
    pages: Option<Rc<Pages>>,
}

impl MemoryWatch {
    /// Starts watching; the limit is in bytes. To be made before the wall, which hides `/proc`.
    pub(crate) fn new(limit: u64) -> MemoryWatch {
        let bytes = usize::try_from(limit).unwrap_or(usize::MAX);
        // Where the system does not tell, the heap alone counts.
        let pages = Pages::watch(bytes).ok();
        let resident = pages.as_ref().and_then(Pages::resident).unwrap_or(0);
        let outside_heap = resident.saturating_sub(memory::used());
        MemoryWatch {
            limit: Some(limit),
            heap_limit: Some(bytes.saturating_sub(outside_heap)),
            pages: pages.map(Rc::new),
        }
    }

    /// Watches the heap only.
    pub(crate) fn heap_only(heap_limit: Option<usize>) -> MemoryWatch {
        MemoryWatch {
            limit: None,
            heap_limit,
            pages: None,
        }
    }

    /// Holds a machine to the pages of the process.
    pub(crate) fn watch(&self, machine: &mut Machine) {
        if let Some(pages) = &self.pages {
            machine.limit_pages(pages.clone());
        }
    }

    /// What the heap may hold, in bytes.
    pub(crate) fn heap_limit(&self) -> Option<usize> {
        self.heap_limit
    }

    /// The limit for the process, in bytes.
    pub(crate) fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// Bytes of memory the process has; what is counted where the system does not tell.
    pub(crate) fn used(&self) -> u64 {
        let resident = self.pages.as_ref().and_then(|pages| pages.resident());
        resident.unwrap_or_else(memory::used) as u64
    }

    /// The limit, if the process has more.
    pub(crate) fn exceeded(&self) -> Option<u64> {
        self.limit.filter(|limit| self.used() > *limit)
    }
}
