//! Instructions that call: functions of the program whose arguments fit as they lie, and native ones, here; all others in
//! [`crate::vm::call`].

use super::cursor::{Cursor, Exit, GoOn, attended};
use crate::bytecode::Op;
use crate::machine::Machine;
use crate::machine::frame::{Then, Thread, out_of_place};
use crate::object::function::Shortcut;
use crate::object::{Res, Value};

impl Machine<'_> {
    #[inline(always)]
    pub(super) fn call_stack(&mut self, thread: &mut Thread, at: &Cursor<'_>, count: u32) -> GoOn {
        let callee = thread.stack.len() - count as usize - 1;
        match &thread.stack[callee] {
            Value::Function(function)
                if function.code.simple && u32::from(function.code.params) == count =>
            {
                self.enter_function(thread, at, callee, Op::Call(count))
            }
            Value::Native(_) => self.call_native_at(thread, at, callee, Op::Call(count)),
            _ => {
                at.save(thread);
                let called = self.call(thread, callee, callee, Vec::new(), Then::Push);
                after_call(called)
            }
        }
    }

    /// Calls what [`Op::LoadMethod`] has found: a function with its receiver above it, or `Nil` and anything that can be
    /// called.
    #[inline(always)]
    pub(super) fn call_method(&mut self, thread: &mut Thread, at: &Cursor<'_>, count: u32) -> GoOn {
        let keep = thread.stack.len() - count as usize - 2;
        match &thread.stack[keep] {
            Value::Function(function)
                if function.code.simple && u32::from(function.code.params) == count + 1 =>
            {
                self.enter_function(thread, at, keep, Op::CallMethod(count))
            }
            Value::Nil => {
                at.save(thread);
                let called = self.call(thread, keep, keep + 1, Vec::new(), Then::Push);
                after_call(called)
            }
            Value::Native(native)
                if count == 1
                    && native.shortcut == Shortcut::Append
                    && matches!(thread.stack[keep + 1], Value::List(_)) =>
            {
                let item = thread.pop()?;
                let receiver = thread.pop()?;
                let Value::List(list) = &receiver else {
                    return Err(Exit::Thrown(out_of_place(Some(&Op::CallMethod(count)))));
                };
                list.append(item)?;
                thread.stack[keep] = Value::None;
                drop(receiver);
                attended()
            }
            Value::Native(_) => self.call_native_at(thread, at, keep, Op::CallMethod(count)),
            _ => {
                at.save(thread);
                let called = self.call(thread, keep, keep, Vec::new(), Then::Push);
                after_call(called)
            }
        }
    }

    /// Enters a function of the program that takes exactly what lies above it.
    #[inline(always)]
    fn enter_function(
        &mut self,
        thread: &mut Thread,
        at: &Cursor<'_>,
        callee: usize,
        op: Op,
    ) -> GoOn {
        let Value::Function(function) = std::mem::take(&mut thread.stack[callee]) else {
            return Err(Exit::Thrown(out_of_place(Some(&op))));
        };
        at.save(thread);
        self.push_frame(thread, function, callee, callee + 1, Then::Push)?;
        Err(Exit::Called)
    }

    #[inline(always)]
    fn call_native_at(
        &mut self,
        thread: &mut Thread,
        at: &Cursor<'_>,
        callee: usize,
        op: Op,
    ) -> GoOn {
        let Value::Native(native) = std::mem::take(&mut thread.stack[callee]) else {
            return Err(Exit::Thrown(out_of_place(Some(&op))));
        };
        at.save(thread);
        let result = self.call_native(&native, &mut thread.stack[callee + 1..], &[]);
        // Before looking at the result: a call that must wait is given its result later, in its place.
        thread.cut(callee);
        thread.stack.push(result?);
        attended()
    }
}

/// How the loop goes on after a call: true if it pushed a frame.
#[inline(always)]
pub(super) fn after_call(pushed: Res<bool>) -> GoOn {
    if pushed? {
        return Err(Exit::Called);
    }
    attended()
}
