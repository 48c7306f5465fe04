//! What the instructions of the loop have at hand, their place in the code and the function's variables, and the ways in
//! which they leave the loop.

use crate::bytecode::Op;
use crate::machine::Machine;
use crate::machine::frame::Thread;
use crate::object::{Code, Function, Res, Thrown, Value, reclaim};

/// Why the loop stops running instructions of a frame one after the other.
pub(super) enum Exit {
    /// The instruction has thrown this.
    Thrown(Thrown),
    /// Something was dropped that is to be looked after before the next instruction: destructors, the end of memory.
    Attend,
    /// The instructions of the slice are used up.
    Budget,
    /// The top frame is another.
    Frame,
    /// The top frame is that of a function just called.
    Called,
    /// The function returns this.
    Return(Value),
}

impl From<Thrown> for Exit {
    #[inline(always)]
    fn from(thrown: Thrown) -> Exit {
        Exit::Thrown(thrown)
    }
}

/// How an instruction of the loop ends: with the next one, or not.
pub(super) type GoOn = Result<(), Exit>;

/// A frame being run.
pub(super) struct Cursor<'code> {
    pub(super) function: &'code Function,
    pub(super) code: &'code Code,
    /// The first variable of the function on the value stack.
    pub(super) base: usize,
    ops: &'code [Op],
    /// What is still to be executed: one pointer to move on, where an index would need the start as well.
    rest: std::slice::Iter<'code, Op>,
}

impl<'code> Cursor<'code> {
    #[inline(always)]
    pub(super) fn new(function: &'code Function, base: usize, pc: usize) -> Cursor<'code> {
        let ops = &*function.code.ops;
        Cursor {
            function,
            code: &function.code,
            base,
            ops,
            rest: ops[pc..].iter(),
        }
    }

    /// The number of the next instruction.
    #[inline(always)]
    pub(super) fn pc(&self) -> usize {
        self.ops.len() - self.rest.len()
    }

    /// The next instruction, which is taken.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<&'code Op> {
        self.rest.next()
    }

    /// Goes on elsewhere, forward.
    #[inline(always)]
    pub(super) fn go(&mut self, target: usize) {
        self.rest = self.ops[target..].iter();
    }

    /// Goes on elsewhere. Backward is where a program can spend any time: it pays for the loop it goes round.
    #[inline(always)]
    pub(super) fn jump(&mut self, thread: &mut Thread, target: u32) -> GoOn {
        let target = target as usize;
        let pc = self.pc();
        self.go(target);
        if target < pc {
            thread.budget -= (pc - target) as i64;
            if thread.budget <= 0 {
                return Err(Exit::Budget);
            }
            return attended();
        }
        Ok(())
    }

    /// A variable of the function, `Nil` if it has no value.
    #[inline(always)]
    pub(super) fn local<'a>(&self, thread: &'a Thread, slot: impl Into<usize>) -> &'a Value {
        &thread.stack[self.base + slot.into()]
    }

    /// The place of a variable of the function.
    #[inline(always)]
    pub(super) fn local_mut<'a>(
        &self,
        thread: &'a mut Thread,
        slot: impl Into<usize>,
    ) -> &'a mut Value {
        &mut thread.stack[self.base + slot.into()]
    }

    /// Notes where the frame goes on: needed before all that may push a frame, wait or look at the frames.
    #[inline(always)]
    pub(super) fn save(&self, thread: &mut Thread) {
        if let Some(frame) = thread.frames.last_mut() {
            frame.pc = self.pc() as u32;
        }
    }
}

/// After something was dropped: the loop is left if that set off something.
#[inline(always)]
pub(super) fn attended() -> GoOn {
    if reclaim::pending() {
        return Err(Exit::Attend);
    }
    Ok(())
}

/// Drops a value and looks after what that set off. Most are held directly and set off nothing.
#[inline(always)]
pub(super) fn let_go(value: Value) -> GoOn {
    if value.is_direct() {
        value.discard();
        return Ok(());
    }
    drop(value);
    attended()
}

impl Machine<'_> {
    /// A copy of a variable of the function, which must have a value.
    #[inline(always)]
    pub(super) fn local(&self, thread: &Thread, at: &Cursor<'_>, slot: u16) -> Res {
        let value = at.local(thread, slot).clone();
        if value.is_nil() {
            return Err(self.unbound(at.code, slot));
        }
        Ok(value)
    }

    /// Sees to it that a variable of the function has a value.
    #[inline(always)]
    pub(super) fn bound(&self, thread: &Thread, at: &Cursor<'_>, slot: u16) -> Res<()> {
        if at.local(thread, slot).is_nil() {
            return Err(self.unbound(at.code, slot));
        }
        Ok(())
    }

    /// The truth of a value; that of the frequent ones without a call.
    #[inline(always)]
    pub(super) fn truth(&self, value: &Value) -> bool {
        match value {
            Value::Bool(truth) => truth.get(),
            Value::None => false,
            Value::Int(int) => *int != 0,
            other => self.is_true(other),
        }
    }
}
