//! The memory limit: what the heap may take, and what the process really takes.
//!
//! The limit is for the whole process, as in the original. What the process takes before the program is loaded is
//! subtracted; the rest is what the counted heap may hold, exactly. The pages the system has given are looked at now
//! and then too, since they can be more than the count (freed room between objects that are held).

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use crate::memory;

/// Watches the memory of this process.
pub(crate) struct MemoryWatch {
    limit: Option<u64>,
    heap_limit: Option<usize>,
    pages: RefCell<Option<File>>,
}

impl MemoryWatch {
    /// Starts watching; the limit is in bytes. To be made before the wall, which hides `/proc`.
    pub(crate) fn new(limit: u64) -> MemoryWatch {
        let mut pages = File::open("/proc/self/statm").ok();
        let resident = pages.as_mut().and_then(resident).unwrap_or(0);
        let outside_heap = resident.saturating_sub(memory::used() as u64);
        let heap_limit = usize::try_from(limit.saturating_sub(outside_heap)).unwrap_or(usize::MAX);
        MemoryWatch {
            limit: Some(limit),
            heap_limit: Some(heap_limit),
            pages: RefCell::new(pages),
        }
    }

    /// Watches the heap only.
    pub(crate) fn heap_only(heap_limit: Option<usize>) -> MemoryWatch {
        MemoryWatch {
            limit: None,
            heap_limit,
            pages: RefCell::new(None),
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
        self.pages
            .borrow_mut()
            .as_mut()
            .and_then(resident)
            .unwrap_or_else(|| memory::used() as u64)
    }

    /// The limit, if the process has more.
    pub(crate) fn exceeded(&self) -> Option<u64> {
        let limit = self.limit?;
        (self.used() > limit).then_some(limit)
    }
}

/// Bytes of resident memory: the second number of `statm`, in pages.
fn resident(statm: &mut File) -> Option<u64> {
    let mut text = [0; 128];
    statm.seek(SeekFrom::Start(0)).ok()?;
    let length = statm.read(&mut text).ok()?;
    let text = std::str::from_utf8(text.get(..length)?).ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
