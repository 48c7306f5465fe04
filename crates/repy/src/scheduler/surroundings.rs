//! What the scheduler needs of the sandbox whose threads it runs, so that it can be read, and changed, without it.

use std::cell::RefCell;

use super::Scheduler;
use super::system::System;
use crate::accounting::Account;
use crate::accounting::processor::ProcessorShare;
use crate::sandbox::Ending;

/// The sandbox as its scheduler sees it: what turns are measured with, what waits are for, and who is told.
pub(crate) trait Surroundings {
    /// The scheduler itself: what the machine calls back finds it here.
    fn scheduler(&self) -> &Scheduler;

    /// The operating system.
    fn system(&self) -> &dyn System;

    /// The program's share of the processor, which says when it must pause.
    fn processor(&self) -> &RefCell<ProcessorShare>;

    /// The renewable resources that calls wait for.
    fn account(&self) -> &Account;

    /// Looks after what must be looked at regularly; Some if the program must end.
    fn look_after(&self, now: f64) -> Option<Ending>;

    /// Writes the report of an uncaught exception.
    fn report(&self, report: &[u8]);

    /// Makes what was logged visible: the program has nothing to do for a while.
    fn flush_log(&self);
}
