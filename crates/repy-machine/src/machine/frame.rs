//! Threads and frames: what is running, on the heap.

use std::rc::Rc;

use overlord_bug::{Bug, bug, invariant};

use super::{Ended, SliceEnd};
use crate::bytecode::Op;
use crate::object::budget::Budget;
use crate::object::{Code, DictObject, Function, Instance, Raised, Res, Thrown, Value};

/// What happens with a frame's result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Then {
    /// It is pushed for the caller.
    Push,
    /// It is dropped; the value put aside for the caller is pushed instead.
    Replace,
    /// The frame was an `__init__`: it must be None; the instance is on the caller's stack already.
    Init,
    /// The frame was a destructor: it is dropped, and an exception is only reported.
    Discard,
    /// The frame was `next()` of a `for`: StopIteration jumps to the end of the loop.
    NextItem { end: u32, store: Option<u16> },
    /// The frame was a class body: the class is made of its names and of the bases on the caller's stack.
    Class,
}

/// A function being executed.
pub(crate) struct Frame {
    pub(crate) function: Rc<Function>,
    /// The next instruction.
    pub(crate) pc: u32,
    /// The first variable slot on the value stack.
    pub(crate) base: u32,
    /// What is left of the value stack when the frame ends.
    pub(crate) keep: u32,
    pub(crate) then: Then,
    /// What few frames need.
    pub(crate) rare: Option<Box<Rare>>,
}

/// What few frames need.
#[derive(Default)]
pub(crate) struct Rare {
    /// A class body's names.
    pub(crate) names: Option<Rc<DictObject>>,
    /// What the caller gets instead of the frame's result.
    pub(crate) result: Option<Value>,
    /// The exception being handled when the frame began, once the frame handles one itself.
    pub(crate) handled_before: Option<Option<Rc<Raised>>>,
}

impl Frame {
    /// A class body's names.
    pub(crate) fn names(&self) -> Option<&Rc<DictObject>> {
        self.rare.as_ref()?.names.as_ref()
    }
}

/// A Repy thread.
pub struct Thread {
    pub(crate) frames: Vec<Frame>,
    pub(crate) stack: Vec<Value>,
    /// What `raise` without arguments raises again.
    pub(crate) handled: Option<Rc<Raised>>,
    /// The destructors it is in, outermost first; in a nested run, the one that it is for comes first.
    pub(crate) finalizing: Vec<Finalizing>,
    /// Instructions left in this slice.
    pub(crate) budget: i64,
    pub(crate) state: State,
    /// Its machine's, if it is a thread of the program and not of a callback.
    owner: Option<Rc<Budget>>,
}

impl Drop for Thread {
    fn drop(&mut self) {
        if let Some(owner) = self.owner.take() {
            let _at_work = owner.begin();
            self.frames = Vec::new();
            self.stack = Vec::new();
            self.handled = None;
            self.finalizing = Vec::new();
            self.state = State::Running;
        }
    }
}

/// A destructor being run.
pub(crate) struct Finalizing {
    /// The number of the first instance queued since it began.
    pub(crate) since: u64,
    /// Whose it is.
    pub(crate) instance: Option<Rc<Instance>>,
}

pub(crate) enum State {
    /// Not begun: what to call.
    New(Value, Vec<Value>),
    Running,
    /// The result of the call the thread was blocked in, if it has been handed over.
    Blocked(Option<Res>),
}

impl Thread {
    pub(crate) fn new(callable: Value, args: Vec<Value>) -> Thread {
        Thread {
            frames: Vec::new(),
            stack: Vec::new(),
            handled: None,
            finalizing: Vec::new(),
            budget: 0,
            state: State::New(callable, args),
            owner: None,
        }
    }

    /// A thread of the machine whose budget this is.
    pub(crate) fn of(owner: Rc<Budget>, callable: Value, args: Vec<Value>) -> Thread {
        let mut thread = Thread::new(callable, args);
        thread.owner = Some(owner);
        thread
    }

    /// Which destructors may interrupt it: those of instances queued with this number or later.
    pub(crate) fn finalizes_since(&self) -> u64 {
        self.finalizing.last().map_or(0, |one| one.since)
    }

    /// Hands over the result of the call this thread was blocked in.
    pub fn resume_with(&mut self, result: Res) {
        self.state = State::Blocked(Some(result));
    }

    /// Takes the top off.
    ///
    /// # Errors
    /// A bug, if there is none.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Res {
        match self.stack.pop() {
            Some(value) => Ok(value),
            None => Err(too_few()),
        }
    }

    /// The frame whose instructions are run.
    ///
    /// # Errors
    /// A bug, if there is none.
    pub(crate) fn top_frame(&self) -> Res<&Frame> {
        self.frames
            .last()
            .ok_or_else(|| Thrown::bug(bug!("an instruction is run in no frame")))
    }

    /// Takes what the thread's first function returned, which is all that may be left.
    pub(crate) fn take_result(&mut self) -> Ended {
        match self.stack.pop() {
            Some(result) if self.stack.is_empty() => Ended::Finished(result),
            result => Ended::bug(bug!(
                "a thread ended with {} values and not its result",
                self.stack.len() + usize::from(result.is_some())
            )),
        }
    }

    /// What must hold where a slice begins.
    ///
    /// # Errors
    /// A bug, if it does not.
    pub(crate) fn check_before(&self) -> Result<(), Bug> {
        match self.state {
            State::New(..) => self.check_empty("is new"),
            State::Running | State::Blocked(_) => self.check_frame(),
        }
    }

    /// What must hold where a slice ended like this.
    ///
    /// # Errors
    /// A bug, if it does not.
    pub(crate) fn check_after(&self, end: &SliceEnd) -> Result<(), Bug> {
        match end {
            SliceEnd::Finished(_) => self.check_empty("has finished"),
            // The values of the frames that an exception has left are not looked at any more.
            SliceEnd::Raised(_) if self.frames.is_empty() => Ok(()),
            SliceEnd::Raised(_) => Err(bug!("an exception that nobody caught has left frames")),
            SliceEnd::Budget | SliceEnd::Blocked(_) => self.check_frame(),
            // It will not be run again.
            SliceEnd::Stopped(_) => Ok(()),
        }
    }

    fn check_empty(&self, state: &str) -> Result<(), Bug> {
        let (frames, values) = (self.frames.len(), self.stack.len());
        if frames == 0 && values == 0 {
            return Ok(());
        }
        Err(bug!(
            "a thread that {state} has {frames} frames and {values} values"
        ))
    }

    /// Looks whether the top frame is where it can be run.
    fn check_frame(&self) -> Result<(), Bug> {
        let Some(frame) = self.frames.last() else {
            return Ok(());
        };
        let code = &frame.function.code;
        let (keep, base) = (frame.keep as usize, frame.base as usize);
        let variables_end = base + code.slots as usize;
        if keep <= base && variables_end <= self.stack.len() && (frame.pc as usize) < code.ops.len()
        {
            return Ok(());
        }
        Err(bug!(
            "the frame of {} has instruction {} of {}, keeps {keep} and has variables from {base} to {variables_end} of {} values",
            code.name.lossy(),
            frame.pc,
            code.ops.len(),
            self.stack.len()
        ))
    }

    #[inline]
    pub(crate) fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    /// Takes off the top what is known to be an int: nothing has to be given back.
    #[inline(always)]
    pub(crate) fn forget_int(&mut self) {
        debug_assert!(matches!(self.stack.last(), Some(Value::Int(_))));
        std::mem::forget(self.stack.pop());
    }

    /// Cuts the stack down, the lowest value first.
    #[inline(always)]
    pub(crate) fn cut(&mut self, keep: usize) {
        for value in self.stack.iter_mut().skip(keep) {
            std::mem::take(value).discard();
        }
        while self.stack.len() > keep {
            std::mem::forget(self.stack.pop());
        }
    }

    /// Cuts the stack down to what was there before a call, in CPython's order: what the function was working with,
    /// its variables, and then the arguments, the last one first, since its caller holds them until it has returned.
    #[inline(always)]
    pub(crate) fn leave(&mut self, code: &Code, keep: usize, base: usize) {
        // Each return comes here: what it must find is looked at where tests run.
        if cfg!(debug_assertions) {
            let variables_end = base + code.slots as usize;
            invariant!(
                keep <= base && variables_end <= self.stack.len(),
                "a frame of {} ends with {} values, of which {keep} were there before and its variables end at {variables_end}",
                code.name.lossy(),
                self.stack.len()
            );
        }
        if !self.stack.iter().skip(keep).all(Value::is_direct) {
            let arguments = base + code.params as usize;
            self.empty(keep, arguments, base + code.slots as usize);
        }
        while self.stack.len() > keep {
            std::mem::forget(self.stack.pop());
        }
    }

    /// Empties what a call has on the stack: its arguments are there from `keep` on, its variables from `variables`, what
    /// it was working with from `others`.
    #[inline(never)]
    fn empty(&mut self, keep: usize, variables: usize, others: usize) {
        let top = self.stack.len();
        for at in (others..top).rev() {
            self.give_back(at);
        }
        for at in variables..others.min(top) {
            self.give_back(at);
        }
        for at in (keep..variables.min(top)).rev() {
            self.give_back(at);
        }
    }

    #[inline(always)]
    fn give_back(&mut self, at: usize) {
        if let Some(value) = self.stack.get_mut(at)
            && !value.is_direct()
        {
            drop(std::mem::take(value));
        }
    }

    /// A value below the top.
    ///
    /// # Errors
    /// A bug, if there is none.
    #[inline]
    pub(crate) fn peek(&self, below: usize) -> Res<&Value> {
        self.stack
            .len()
            .checked_sub(below + 1)
            .and_then(|at| self.stack.get(at))
            .ok_or_else(too_few)
    }
}

#[cold]
#[inline(never)]
fn too_few() -> Thrown {
    Thrown::bug(bug!("an instruction takes more values than there are"))
}

/// An instruction is where it cannot be, or found what it cannot find there; None where the code should have ended.
#[cold]
#[inline(never)]
pub(crate) fn out_of_place(op: Option<&Op>) -> Thrown {
    Thrown::bug(bug!(
        "the compiler made code that cannot be run: {op:?} is out of place"
    ))
}
