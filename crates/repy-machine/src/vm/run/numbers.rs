//! Instructions of arithmetic: those of two numbers here, all others in [`crate::vm::operators`].

use overlord_repy_syntax::ast::{BinaryOp, UnaryOp};

use super::cursor::{Cursor, GoOn, attended, let_go};
use crate::machine::Machine;
use crate::machine::frame::Thread;
use crate::number::direct::{float_op, int_op};
use crate::object::Value;

/// `value op= imm` in the value's place, if both are ints and the result is one.
#[inline(always)]
fn update_int(value: &mut Value, operator: BinaryOp, imm: i64) -> bool {
    if let Value::Int(a) = value
        && let Some(int) = int_op(operator, *a, imm)
    {
        *a = int;
        return true;
    }
    false
}

/// The same with the top of the stack.
#[inline(always)]
fn update_top(thread: &mut Thread, operator: BinaryOp, imm: i64) -> bool {
    match thread.stack.last_mut() {
        Some(top) => update_int(top, operator, imm),
        None => false,
    }
}

impl Machine<'_> {
    #[inline(always)]
    pub(super) fn binary_local_imm(
        &mut self,
        thread: &mut Thread,
        at: &Cursor<'_>,
        operator: BinaryOp,
        slot: u16,
        imm: i64,
    ) -> GoOn {
        if let Value::Int(a) = *at.local(thread, slot)
            && let Some(int) = int_op(operator, a, imm)
        {
            thread.stack.push(Value::Int(int));
            return Ok(());
        }
        let a = self.local(thread, at, slot)?;
        let value = self.binary(operator, &a, &Value::Int(imm))?;
        thread.stack.push(value);
        a.discard();
        Ok(())
    }

    #[inline(always)]
    pub(super) fn binary_locals(
        &mut self,
        thread: &mut Thread,
        at: &Cursor<'_>,
        operator: BinaryOp,
        a: u16,
        b: u16,
    ) -> GoOn {
        let operands = (at.local(thread, a), at.local(thread, b));
        if let (Value::Int(x), Value::Int(y)) = operands
            && let Some(int) = int_op(operator, *x, *y)
        {
            thread.stack.push(Value::Int(int));
            return Ok(());
        }
        if let (Value::Float(x), Value::Float(y)) = operands
            && let Some(float) = float_op(operator, x.get(), y.get())
        {
            thread.stack.push(Value::float(float));
            return Ok(());
        }
        self.bound(thread, at, a)?;
        self.bound(thread, at, b)?;
        let value = self.binary(operator, at.local(thread, a), at.local(thread, b))?;
        thread.stack.push(value);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn binary_imm(&mut self, thread: &mut Thread, operator: BinaryOp, imm: i64) -> GoOn {
        if update_top(thread, operator, imm) {
            return Ok(());
        }
        let a = thread.pop()?;
        let value = self.binary(operator, &a, &Value::Int(imm))?;
        thread.stack.push(value);
        let_go(a)
    }

    #[inline(always)]
    pub(super) fn binary_local(
        &mut self,
        thread: &mut Thread,
        at: &Cursor<'_>,
        operator: BinaryOp,
        slot: u16,
    ) -> GoOn {
        if let Value::Int(b) = *at.local(thread, slot)
            && update_top(thread, operator, b)
        {
            return Ok(());
        }
        let b = self.local(thread, at, slot)?;
        let a = thread.pop()?;
        self.binary_any(thread, at, operator, a, b, false)
    }

    /// `a op b` and `a op= b`, with both on the stack.
    #[inline(always)]
    pub(super) fn binary_stack(
        &mut self,
        thread: &mut Thread,
        at: &Cursor<'_>,
        operator: BinaryOp,
        in_place: bool,
    ) -> GoOn {
        if let [.., Value::Int(x), Value::Int(y)] = thread.stack.as_mut_slice()
            && let Some(int) = int_op(operator, *x, *y)
        {
            *x = int;
            thread.forget_int();
            return Ok(());
        }
        let b = thread.pop()?;
        let a = thread.pop()?;
        if let (Value::Float(x), Value::Float(y)) = (&a, &b)
            && let Some(float) = float_op(operator, x.get(), y.get())
        {
            thread.stack.push(Value::float(float));
            return Ok(());
        }
        self.binary_any(thread, at, operator, a, b, in_place)
    }

    /// An operation that may need more than two numbers.
    #[inline(always)]
    fn binary_any(
        &mut self,
        thread: &mut Thread,
        at: &Cursor<'_>,
        operator: BinaryOp,
        a: Value,
        b: Value,
        in_place: bool,
    ) -> GoOn {
        let (code, pc, base) = (at.code, at.pc(), at.base);
        let value = self.binary_owned(thread, code, pc, base, operator, a, &b, in_place)?;
        thread.stack.push(value);
        b.discard();
        attended()
    }

    #[inline(always)]
    pub(super) fn in_place_imm(
        &mut self,
        thread: &mut Thread,
        operator: BinaryOp,
        imm: i64,
    ) -> GoOn {
        if update_top(thread, operator, imm) {
            return Ok(());
        }
        let a = thread.pop()?;
        let value = self.in_place(operator, a, &Value::Int(imm))?;
        thread.stack.push(value);
        attended()
    }

    #[inline(always)]
    pub(super) fn update_local_imm(
        &mut self,
        thread: &mut Thread,
        at: &Cursor<'_>,
        operator: BinaryOp,
        slot: u16,
        imm: i64,
    ) -> GoOn {
        if update_int(at.local_mut(thread, slot), operator, imm) {
            return Ok(());
        }
        let a = self.local(thread, at, slot)?;
        let value = self.in_place(operator, a, &Value::Int(imm))?;
        *at.local_mut(thread, slot) = value;
        attended()
    }

    #[inline(always)]
    pub(super) fn unary_top(&mut self, thread: &mut Thread, operator: UnaryOp) -> GoOn {
        let value = thread.pop()?;
        let result = match operator {
            UnaryOp::Not => Value::bool(!self.truth(&value)),
            _ => self.unary(operator, &value)?,
        };
        thread.stack.push(result);
        let_go(value)
    }
}
