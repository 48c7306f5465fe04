//! Instructions that compare, and those that go on elsewhere: by what is true, and where a loop has its next item.

use overlord_repy_syntax::ast::CompareOp;

use super::cursor::{Cursor, Exit, GoOn, attended, let_go};
use crate::bytecode::Op;
use crate::machine::Machine;
use crate::machine::frame::{Thread, out_of_place};
use crate::number::direct::{compare_floats, compare_ints};
use crate::object::Value;
use crate::object::iter::Source;
use crate::vm::iterate::ForNext;

/// The jump that stands behind a comparison and is part of it.
#[inline(always)]
fn jump_next(thread: &mut Thread, at: &mut Cursor<'_>, truth: bool) -> GoOn {
    match at.next() {
        Some(&Op::JumpIfFalse(target)) => {
            if truth {
                return Ok(());
            }
            at.jump(thread, target)
        }
        Some(&Op::JumpIfTrue(target)) => {
            if truth {
                return at.jump(thread, target);
            }
            Ok(())
        }
        other => Err(Exit::Thrown(out_of_place(other))),
    }
}

impl Machine<'_> {
    #[inline(always)]
    pub(super) fn compare_local_imm_jump(
        &mut self,
        thread: &mut Thread,
        at: &mut Cursor<'_>,
        operator: CompareOp,
        slot: u16,
        imm: i64,
    ) -> GoOn {
        let truth = if let Value::Int(a) = *at.local(thread, slot) {
            compare_ints(operator, a, imm)
        } else {
            let a = self.local(thread, at, slot)?;
            self.compare_truth(operator, &a, &Value::Int(imm))?
        };
        jump_next(thread, at, truth)
    }

    #[inline(always)]
    pub(super) fn compare_locals_jump(
        &mut self,
        thread: &mut Thread,
        at: &mut Cursor<'_>,
        operator: CompareOp,
        a: u16,
        b: u16,
    ) -> GoOn {
        let truth = match (at.local(thread, a), at.local(thread, b)) {
            (Value::Int(x), Value::Int(y)) if !operator.is_of_objects() => {
                compare_ints(operator, *x, *y)
            }
            (Value::Float(x), Value::Float(y)) if !operator.is_of_objects() => {
                compare_floats(operator, x.get(), y.get())
            }
            _ => {
                self.bound(thread, at, a)?;
                self.bound(thread, at, b)?;
                self.compare_truth(operator, at.local(thread, a), at.local(thread, b))?
            }
        };
        jump_next(thread, at, truth)
    }

    #[inline(always)]
    pub(super) fn compare_jump(
        &mut self,
        thread: &mut Thread,
        at: &mut Cursor<'_>,
        operator: CompareOp,
        wanted: bool,
        target: u32,
    ) -> GoOn {
        let b = thread.pop()?;
        let a = thread.pop()?;
        let truth = match (&a, &b) {
            (Value::Int(x), Value::Int(y)) if !operator.is_of_objects() => {
                compare_ints(operator, *x, *y)
            }
            (Value::Str(x), Value::Str(y)) if operator == CompareOp::Equal => x == y,
            _ => self.compare_truth(operator, &a, &b)?,
        };
        a.discard();
        b.discard();
        if truth == wanted {
            at.jump(thread, target)?;
        }
        attended()
    }

    #[inline(always)]
    pub(super) fn compare_stack(&mut self, thread: &mut Thread, operator: CompareOp) -> GoOn {
        let b = thread.pop()?;
        let a = thread.pop()?;
        let truth = self.compare_truth(operator, &a, &b)?;
        thread.stack.push(Value::bool(truth));
        a.discard();
        b.discard();
        attended()
    }

    #[inline(always)]
    pub(super) fn jump_if(
        &mut self,
        thread: &mut Thread,
        at: &mut Cursor<'_>,
        wanted: bool,
        target: u32,
    ) -> GoOn {
        let value = thread.pop()?;
        let truth = self.truth(&value);
        value.discard();
        if truth == wanted {
            at.jump(thread, target)?;
        }
        attended()
    }

    /// Jumps with the value left on the stack, or drops it and goes on.
    #[inline(always)]
    pub(super) fn jump_if_or_pop(
        &mut self,
        thread: &mut Thread,
        at: &mut Cursor<'_>,
        wanted: bool,
        target: u32,
    ) -> GoOn {
        if self.truth(thread.peek(0)?) == wanted {
            at.jump(thread, target)
        } else {
            let_go(thread.pop()?)
        }
    }

    #[inline(always)]
    pub(super) fn for_iter_local(
        &mut self,
        thread: &mut Thread,
        at: &mut Cursor<'_>,
        slot: u16,
        end: u32,
    ) -> GoOn {
        if let Value::Iter(iter) = thread.peek(0)? {
            let item = match &iter.source {
                Source::List(list) => iter.advance_list(list),
                Source::XRange(range) => iter.advance_range(range),
                Source::Str(string) => iter.advance_str(string),
                _ => iter.advance()?,
            };
            if item.is_nil() {
                thread.pop()?;
                at.go(end as usize);
                return attended();
            }
            return let_go(std::mem::replace(at.local_mut(thread, slot), item));
        }
        at.save(thread);
        match self.for_next(thread, end, Some(slot))? {
            ForNext::Item(item) => let_go(std::mem::replace(at.local_mut(thread, slot), item)),
            ForNext::End => {
                at.go(end as usize);
                Ok(())
            }
            ForNext::Frame => Err(Exit::Frame),
        }
    }

    #[inline(always)]
    pub(super) fn for_iter(&mut self, thread: &mut Thread, at: &mut Cursor<'_>, end: u32) -> GoOn {
        at.save(thread);
        match self.for_next(thread, end, None)? {
            ForNext::Item(item) => thread.stack.push(item),
            ForNext::End => at.go(end as usize),
            ForNext::Frame => return Err(Exit::Frame),
        }
        Ok(())
    }
}
