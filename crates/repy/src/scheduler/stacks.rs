//! The native stacks of a program: those in use by number, spare ones, and how many there may be.

use std::collections::BTreeMap;
use std::io;

use corosensei::stack::DefaultStack;
use overlord_repy_machine::Res;

/// A native stack, by number.
pub(super) type StackId = u64;

/// Bytes of a native stack: twice what is needed at the greatest depth ([`overlord_repy_machine::depth`]). Only pages that
/// were used take memory.
const STACK_BYTES: usize = if cfg!(debug_assertions) {
    8 << 20
} else {
    2 << 20
};

/// Most threads that are away from the loop, each on its stack, of which it may have used all pages.
pub(super) const AWAY_MAX: usize = 80;

/// Most of them that wait. The others have had their turn within a native function; beyond [`AWAY_MAX`] such a turn
/// goes on, so that there are some stacks left for that however many wait.
pub(crate) const WAITING_MAX: usize = 64;

/// Native stacks, those in use by number.
#[derive(Default)]
pub(super) struct Stacks {
    pub(super) spare: Vec<DefaultStack>,
    made: StackId,
    /// The one in use.
    pub(super) current: StackId,
    /// How many threads wait on theirs.
    pub(super) away: usize,
    /// What those are given who go on.
    pub(super) results: BTreeMap<StackId, Res>,
    /// A thread that goes on must end.
    pub(super) closing: bool,
}

impl Stacks {
    /// Makes sure that there is a stack to go on with when the current one is left.
    pub(super) fn ensure_spare(&mut self) -> io::Result<()> {
        self.reserve(1)
    }

    /// Makes sure that there are so many spare ones.
    pub(super) fn reserve(&mut self, stacks: usize) -> io::Result<()> {
        while self.spare.len() < stacks {
            self.spare.push(DefaultStack::new(STACK_BYTES)?);
        }
        Ok(())
    }

    /// Takes a stack into use, a spare one if there is any.
    pub(super) fn take(&mut self) -> io::Result<(StackId, DefaultStack)> {
        let stack = match self.spare.pop() {
            Some(stack) => stack,
            None => DefaultStack::new(STACK_BYTES)?,
        };
        let id = self.made;
        self.made += 1;
        Ok((id, stack))
    }
}
