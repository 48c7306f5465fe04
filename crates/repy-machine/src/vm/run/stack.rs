//! Instructions that only move values of the stack. They pop and push, which keeps the values in registers; swapping would
//! go through memory.

use super::cursor::GoOn;
use crate::machine::frame::Thread;

#[inline(always)]
pub(super) fn dup(thread: &mut Thread) -> GoOn {
    let value = thread.peek(0)?.clone();
    thread.stack.push(value);
    Ok(())
}

#[inline(always)]
pub(super) fn dup_two(thread: &mut Thread) -> GoOn {
    let (a, b) = (thread.peek(1)?.clone(), thread.peek(0)?.clone());
    thread.stack.push(a);
    thread.stack.push(b);
    Ok(())
}

#[inline(always)]
pub(super) fn rot_two(thread: &mut Thread) -> GoOn {
    let (b, a) = (thread.pop()?, thread.pop()?);
    thread.stack.push(b);
    thread.stack.push(a);
    Ok(())
}

#[inline(always)]
pub(super) fn rot_three(thread: &mut Thread) -> GoOn {
    let (c, b, a) = (thread.pop()?, thread.pop()?, thread.pop()?);
    thread.stack.push(c);
    thread.stack.push(a);
    thread.stack.push(b);
    Ok(())
}
