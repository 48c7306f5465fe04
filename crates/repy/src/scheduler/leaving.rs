//! How a thread that waits within a native function's callback leaves its native stack, and how the others go on.
//!
//! All turns are taken on a stack of the pool ([`super::stacks`]). As long as no native function is in the middle of its
//! work there is one, and nothing is switched. A thread that must wait there leaves its stack, with the native function's
//! state on it, and the loop goes on on another; when the wait is over and the thread's turn has come, the loop's stack is
//! given back and the thread's is continued. So they go on in any order, and take turns as all threads do.

use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use corosensei::{Coroutine, CoroutineResult, Yielder};
use overlord_bug::bug;

use super::stacks::{AWAY_MAX, StackId, WAITING_MAX};
use super::surroundings::Surroundings;
use super::{Scheduler, Waiter};
use crate::sandbox::Ending;
use overlord_repy_machine::NativeStack;
use overlord_repy_machine::{ExceptionKind, Res, Thrown};
use overlord_repy_machine::{Machine, Stop, Wait};

/// What a stack is left with for good.
pub(super) enum Left {
    /// The program has ended.
    Ended(Ending),
    /// It is the turn of a thread that waits on another stack.
    For(StackId),
}

/// The loop of turns on a stack of its own. It is left by handing the machine over.
type Loop = Coroutine<Machine<'static>, Machine<'static>, (Machine<'static>, Left)>;

/// The stack the loop runs on, seen from there.
struct OnStack<'a>(&'a Yielder<Machine<'static>, Machine<'static>>);

impl NativeStack for OnStack<'_> {
    fn leave(&self, machine: Machine<'static>) -> Machine<'static> {
        self.0.suspend(machine)
    }
}

impl Scheduler {
    /// Maps the stacks of a program of at most so many threads. The operating system counts them whole from then on,
    /// whatever of them is used, so this comes before limits are set to what is left.
    ///
    /// # Errors
    /// If there is no room for them.
    pub(crate) fn reserve_stacks(&self, threads: usize) -> io::Result<()> {
        // One for the loop beside those of the threads.
        let stacks = threads.min(AWAY_MAX) + 1;
        self.stacks.borrow_mut().reserve(stacks)
    }

    /// Takes turns until the program ends.
    pub(super) fn run_on_stacks(
        &self,
        sandbox: &Rc<dyn Surroundings>,
        mut machine: Machine<'static>,
    ) -> (Ending, Option<Machine<'static>>) {
        let _at_work = machine.at_work();
        let mut away: BTreeMap<StackId, Loop> = BTreeMap::new();
        let mut next = match self.begin_stack(sandbox) {
            Ok(next) => next,
            Err(error) => return (no_stack(&error), Some(machine)),
        };
        let ending = loop {
            let (id, mut stack) = next;
            self.stacks.borrow_mut().current = id;
            match stack.resume(machine) {
                CoroutineResult::Yield(handed_over) => {
                    machine = handed_over;
                    away.insert(id, stack);
                    next = match self.begin_stack(sandbox) {
                        Ok(next) => next,
                        Err(error) => break no_stack(&error),
                    };
                }
                CoroutineResult::Return((handed_over, Left::For(other))) => {
                    machine = handed_over;
                    self.stacks.borrow_mut().spare.push(stack.into_stack());
                    next = match away.remove(&other) {
                        Some(stack) => (other, stack),
                        None => break Ending::Bug(bug!("there is no stack {other}")),
                    };
                }
                CoroutineResult::Return((handed_over, Left::Ended(ending))) => {
                    machine = handed_over;
                    break ending;
                }
            }
        };
        // Those that still wait end with an error, as if they had been stopped there.
        self.stacks.borrow_mut().closing = true;
        machine.stop_flag().store(true, Ordering::Relaxed);
        for (id, mut stack) in away {
            self.stacks.borrow_mut().current = id;
            match stack.resume(machine) {
                CoroutineResult::Return((handed_over, _)) => machine = handed_over,
                CoroutineResult::Yield(_) => {
                    // It cannot wait again. What is left is unwound.
                    return (ending, None);
                }
            }
        }
        (ending, Some(machine))
    }

    /// Begins the loop of turns on another stack.
    fn begin_stack(&self, sandbox: &Rc<dyn Surroundings>) -> io::Result<(StackId, Loop)> {
        let (id, stack) = self.stacks.borrow_mut().take()?;
        let sandbox = sandbox.clone();
        let body = move |yielder: &Yielder<_, _>, machine: Machine<'static>| {
            let stack = OnStack(yielder);
            let mut machine = machine.on_stack(&stack);
            let left = loop {
                if let Some(left) = sandbox.scheduler().step(&sandbox, &mut machine) {
                    break left;
                }
            };
            (machine.off_stack(), left)
        };
        Ok((id, Coroutine::with_stack(stack, body)))
    }

    /// Waits where a native function is in the middle of its work: other threads run meanwhile.
    pub(super) fn wait_in_native(
        &self,
        sandbox: &Rc<dyn Surroundings>,
        machine: &mut Machine,
        wait: Wait,
    ) -> Res {
        self.prepare_to_leave(WAITING_MAX)?;
        let waiter = self.waiter_in_native();
        self.park(waiter, wait)?;
        self.leave_stack(sandbox, machine)
    }

    /// Ends the turn of a thread whose callback has run long enough, if others want theirs and there is a stack for
    /// them.
    pub(super) fn end_turn_in_native(
        &self,
        sandbox: &Rc<dyn Surroundings>,
        machine: &mut Machine,
    ) -> Res<()> {
        let now = sandbox.system().now();
        let current = self.state.borrow().current;
        let ended = self.end_waits(sandbox, machine, now);
        self.state.borrow_mut().current = current;
        if let Some(ending) = ended {
            return Err(self.stop_with(machine, ending));
        }
        if self.state.borrow().ready.is_empty() || self.prepare_to_leave(AWAY_MAX).is_err() {
            self.begin_turn(&**sandbox);
            return Ok(());
        }
        let waiter = self.waiter_in_native();
        self.resume(waiter, Ok(overlord_repy_machine::Value::None));
        self.leave_stack(sandbox, machine).map(drop)
    }

    /// What has to be there before anybody leaves this stack.
    fn prepare_to_leave(&self, most: usize) -> Res<()> {
        let mut stacks = self.stacks.borrow_mut();
        if stacks.closing {
            return Err(Thrown::stop(Stop::Interrupted));
        }
        if stacks.away >= most {
            return Err(Thrown::new(
                ExceptionKind::RuntimeError,
                format!("more than {most} threads wait in callbacks of native functions"),
            ));
        }
        stacks.ensure_spare().map_err(|error| {
            Thrown::new(
                ExceptionKind::RuntimeError,
                format!(
                    "no memory for a thread to wait in a callback of a native function: {error}"
                ),
            )
        })
    }

    fn waiter_in_native(&self) -> Waiter {
        Waiter::Stack(self.stacks.borrow().current, self.state.borrow().current)
    }

    /// Leaves this stack until the thread that runs on it has its turn again; the result of its wait.
    fn leave_stack(&self, sandbox: &Rc<dyn Surroundings>, machine: &mut Machine) -> Res {
        let thread = self.state.borrow().current;
        let id = self.stacks.borrow().current;
        self.count_turn(&**sandbox, thread);
        self.stacks.borrow_mut().away += 1;
        let left = machine.leave_stack();
        let mut stacks = self.stacks.borrow_mut();
        stacks.away -= 1;
        let result = stacks.results.remove(&id);
        if stacks.closing {
            return Err(Thrown::stop(Stop::Interrupted));
        }
        drop(stacks);
        self.state.borrow_mut().current = thread;
        self.begin_turn(&**sandbox);
        match result {
            Some(result) if left => result,
            _ => Err(Thrown::new(
                ExceptionKind::RuntimeError,
                "cannot wait inside a native function",
            )),
        }
    }

    /// Queues up a thread that waits on its stack.
    pub(super) fn resume_stack(&self, id: StackId, result: Res) {
        self.stacks.borrow_mut().results.insert(id, result);
    }

    /// Whether nobody may go on any more.
    pub(super) fn is_closing(&self) -> bool {
        self.stacks.borrow().closing
    }
}

fn no_stack(error: &io::Error) -> Ending {
    Ending::NoThread(format!("no native stack for the program: {error}"))
}

#[cfg(test)]
mod tests;
