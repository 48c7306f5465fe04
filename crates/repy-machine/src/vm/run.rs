//! The interpreter loop.
//!
//! One native frame runs any number of Repy frames: a call pushes a frame and goes round, a return pops one. What
//! is frequent is done here; everything else is a method of [`Machine`] elsewhere.

use std::rc::Rc;

use overlord_bug::{Bug, bug};

use super::iterate::ForNext;
use super::slow_path::Next;
use crate::bytecode::{Code, Op, Site};
use crate::machine::frame::{Then, Thread};
use crate::machine::{Ended, Machine};
use crate::number::direct::{compare_floats, compare_ints, float_op, int_op};
use crate::object::function::Shortcut;
use crate::object::iter::Source;
use crate::object::{Thrown, Value, reclaim};
use overlord_repy_syntax::ast::{CompareOp, UnaryOp};

impl Machine<'_> {
    /// Runs a thread's top frame, and all it calls, until the thread ends, its budget is used up, or it must wait.
    pub(crate) fn execute(&mut self, thread: &mut Thread) -> Ended {
        self.finalizes_since = thread.finalizes_since();
        loop {
            // What was dropped by unwinding, or where a slice ended, is looked after before anything else.
            let left = if reclaim::pending() {
                self.attend(thread)
            } else {
                self.run_frames(thread)
            };
            match left {
                Left::Switched => {}
                Left::Ended(ended) => return ended,
                Left::Thrown(thrown, pc) => {
                    if let Some(ended) = self.unwind(thread, thrown, pc) {
                        return ended;
                    }
                }
            }
        }
    }

    /// Runs frames until something out of the ordinary happens.
    fn run_frames(&mut self, thread: &mut Thread) -> Left {
        'frames: loop {
            let Some(frame) = thread.frames.last() else {
                return Left::Ended(thread.take_result());
            };
            let function = frame.function.clone();
            let code: &Code = &function.code;
            let base = frame.base as usize;
            let ops = &*code.ops;
            // What is still to be executed: one pointer to move on, where an index would need the start as well.
            let mut rest = ops[frame.pc as usize..].iter();

            macro_rules! pc {
                () => {
                    ops.len() - rest.len()
                };
            }
            macro_rules! go {
                ($target:expr) => {
                    rest = ops[$target..].iter()
                };
            }

            macro_rules! throw {
                ($thrown:expr) => {
                    return Left::Thrown($thrown, pc!())
                };
            }
            macro_rules! check {
                ($result:expr) => {
                    match $result {
                        Ok(value) => value,
                        Err(thrown) => throw!(thrown),
                    }
                };
            }
            macro_rules! pop {
                () => {
                    check!(thread.pop())
                };
            }
            macro_rules! peek {
                ($below:expr) => {
                    check!(thread.peek($below))
                };
            }
            macro_rules! save {
                () => {
                    if let Some(frame) = thread.frames.last_mut() {
                        frame.pc = pc!() as u32;
                    }
                };
            }
            // After something was dropped: run destructors, or stop for want of memory.
            macro_rules! attend {
                () => {
                    if reclaim::pending() {
                        save!();
                        return self.attend(thread);
                    }
                };
            }
            // Drops values and looks after what that set off. Most are held directly and set off nothing.
            macro_rules! let_go {
                ($value:expr) => {{
                    let value = $value;
                    if value.is_direct() {
                        value.discard();
                    } else {
                        drop(value);
                        attend!();
                    }
                }};
            }
            macro_rules! local {
                ($slot:expr) => {
                    thread.stack[base + $slot as usize]
                };
            }
            macro_rules! load {
                ($slot:expr) => {{
                    let value = local!($slot).clone();
                    if value.is_nil() {
                        throw!(self.unbound(code, u16::from($slot)));
                    }
                    value
                }};
            }
            macro_rules! bound {
                ($slot:expr) => {
                    if local!($slot).is_nil() {
                        throw!(self.unbound(code, $slot));
                    }
                };
            }
            macro_rules! jump {
                ($target:expr) => {{
                    let target = $target as usize;
                    let pc = pc!();
                    go!(target);
                    if target < pc {
                        thread.budget -= (pc - target) as i64;
                        if thread.budget <= 0 {
                            save!();
                            return Left::Ended(Ended::Budget);
                        }
                        attend!();
                    }
                }};
            }
            // The jump that stands behind a comparison and is part of it.
            macro_rules! jump_next {
                ($truth:expr) => {
                    match rest.next() {
                        Some(&Op::JumpIfFalse(target)) if !$truth => jump!(target),
                        Some(&Op::JumpIfTrue(target)) if $truth => jump!(target),
                        Some(Op::JumpIfFalse(_) | Op::JumpIfTrue(_)) => {}
                        other => throw!(out_of_place(other)),
                    }
                };
            }
            macro_rules! truth {
                ($value:expr) => {
                    match $value {
                        Value::Bool(truth) => truth.get(),
                        Value::None => false,
                        Value::Int(int) => *int != 0,
                        other => self.is_true(other),
                    }
                };
            }
            // An operation that may need more than two numbers.
            macro_rules! binary {
                ($operator:expr, $a:expr, $b:expr, $in_place:expr) => {{
                    let at = pc!();
                    let value = check!(
                        self.binary_owned(thread, code, at, base, $operator, $a, &$b, $in_place)
                    );
                    thread.stack.push(value);
                    $b.discard();
                    attend!();
                }};
            }
            macro_rules! call_native {
                ($at:expr) => {{
                    let at = $at;
                    let Value::Native(native) = std::mem::take(&mut thread.stack[at]) else {
                        throw!(out_of_place(ops.get(pc!() - 1)));
                    };
                    save!();
                    let result = self.call_native(&native, &mut thread.stack[at + 1..], &[]);
                    // Before looking at the result: a call that must wait is given its result later, in its place.
                    thread.cut(at);
                    thread.stack.push(check!(result));
                    attend!();
                }};
            }
            macro_rules! called {
                ($result:expr) => {{
                    save!();
                    match $result {
                        Ok(true) => {
                            if thread.budget <= 0 {
                                return Left::Ended(Ended::Budget);
                            }
                            continue 'frames;
                        }
                        Ok(false) => attend!(),
                        Err(thrown) => throw!(thrown),
                    }
                }};
            }

            macro_rules! finish {
                ($value:expr) => {{
                    let value = $value;
                    if let [.., _, frame] = thread.frames.as_slice()
                        && frame.then == Then::Push
                        && frame.rare.is_none()
                    {
                        let (keep, frames) = (frame.keep as usize, thread.frames.len());
                        thread.leave(code, keep, base);
                        thread.frames.truncate(frames - 1);
                        // What only the function held goes now, before the caller goes on.
                        drop(function);
                        thread.stack.push(value);
                        if reclaim::pending() {
                            return self.attend(thread);
                        }
                        continue 'frames;
                    }
                    let pc = pc!();
                    drop(function);
                    return self.finish_frame(thread, value, pc);
                }};
            }

            loop {
                // Its operands are taken where they are used: taken here they would fill the registers.
                let Some(op) = rest.next() else {
                    throw!(out_of_place(None))
                };
                match *op {
                    Op::LoadLocal(slot) => {
                        let value = load!(slot);
                        thread.stack.push(value);
                    }
                    Op::StoreLocal(slot) => {
                        let value = pop!();
                        let_go!(std::mem::replace(&mut local!(slot), value));
                    }
                    Op::SmallInt(int) => thread.stack.push(Value::Int(i64::from(int))),
                    Op::Const(index) => {
                        let value = code.consts[index as usize].clone();
                        thread.stack.push(value);
                    }
                    Op::LoadGlobal(cache, name) => {
                        let value = check!(self.load_global(&function, cache, name));
                        thread.stack.push(value);
                    }
                    Op::StoreGlobal(cache, name) => {
                        let value = pop!();
                        let old = self.store_global(&function, cache, name, value);
                        let_go!(old);
                    }
                    Op::BinaryLocalImm(operator, slot, imm) => {
                        if let Value::Int(a) = local!(slot)
                            && let Some(int) = int_op(operator, a, i64::from(imm))
                        {
                            thread.stack.push(Value::Int(int));
                            continue;
                        }
                        let a = load!(slot);
                        let value = check!(self.binary(operator, &a, &Value::Int(i64::from(imm))));
                        thread.stack.push(value);
                        a.discard();
                    }
                    Op::BinaryLocals(operator, a, b) => {
                        if let (Value::Int(x), Value::Int(y)) = (&local!(a), &local!(b))
                            && let Some(int) = int_op(operator, *x, *y)
                        {
                            thread.stack.push(Value::Int(int));
                            continue;
                        }
                        if let (Value::Float(x), Value::Float(y)) = (&local!(a), &local!(b))
                            && let Some(value) = float_op(operator, x.get(), y.get())
                        {
                            thread.stack.push(value);
                            continue;
                        }
                        bound!(a);
                        bound!(b);
                        let value = check!(self.binary(operator, &local!(a), &local!(b)));
                        thread.stack.push(value);
                    }
                    Op::BinaryImm(operator, imm) => {
                        if let Some(top) = thread.stack.last_mut()
                            && let Value::Int(a) = top
                            && let Some(int) = int_op(operator, *a, i64::from(imm))
                        {
                            *a = int;
                            continue;
                        }
                        let a = pop!();
                        let value = check!(self.binary(operator, &a, &Value::Int(i64::from(imm))));
                        thread.stack.push(value);
                        let_go!(a);
                    }
                    Op::BinaryLocal(operator, slot) => {
                        if let Value::Int(b) = local!(slot)
                            && let Some(top) = thread.stack.last_mut()
                            && let Value::Int(a) = top
                            && let Some(int) = int_op(operator, *a, b)
                        {
                            *a = int;
                            continue;
                        }
                        let b = load!(slot);
                        let a = pop!();
                        binary!(operator, a, b, false);
                    }
                    Op::Binary(operator) | Op::InPlace(operator) => {
                        if let [.., Value::Int(x), Value::Int(y)] = thread.stack.as_mut_slice()
                            && let Some(int) = int_op(operator, *x, *y)
                        {
                            *x = int;
                            thread.forget_int();
                            continue;
                        }
                        let b = pop!();
                        let a = pop!();
                        if let (Value::Float(x), Value::Float(y)) = (&a, &b)
                            && let Some(value) = float_op(operator, x.get(), y.get())
                        {
                            thread.stack.push(value);
                            continue;
                        }
                        binary!(operator, a, b, matches!(op, Op::InPlace(_)));
                    }
                    Op::InPlaceImm(operator, imm) => {
                        if let Some(top) = thread.stack.last_mut()
                            && let Value::Int(a) = top
                            && let Some(int) = int_op(operator, *a, i64::from(imm))
                        {
                            *a = int;
                            continue;
                        }
                        let a = pop!();
                        let value = check!(self.in_place(operator, a, &Value::Int(i64::from(imm))));
                        thread.stack.push(value);
                        attend!();
                    }
                    Op::UpdateLocalImm(operator, slot, imm) => {
                        if let Value::Int(a) = &mut local!(slot)
                            && let Some(int) = int_op(operator, *a, i64::from(imm))
                        {
                            *a = int;
                            continue;
                        }
                        let a = load!(slot);
                        let value = check!(self.in_place(operator, a, &Value::Int(i64::from(imm))));
                        local!(slot) = value;
                        attend!();
                    }
                    Op::Unary(operator) => {
                        let value = pop!();
                        let result = match (operator, &value) {
                            (UnaryOp::Not, other) => Value::bool(!truth!(other)),
                            _ => check!(self.unary(operator, &value)),
                        };
                        thread.stack.push(result);
                        let_go!(value);
                    }
                    Op::CompareLocalImmJump(operator, slot, imm) => {
                        let truth = if let Value::Int(a) = local!(slot) {
                            compare_ints(operator, a, i64::from(imm))
                        } else {
                            let a = load!(slot);
                            check!(self.compare_truth(operator, &a, &Value::Int(i64::from(imm))))
                        };
                        jump_next!(truth);
                    }
                    Op::CompareLocalsJump(operator, a, b) => {
                        let truth = match (&local!(a), &local!(b)) {
                            (Value::Int(x), Value::Int(y)) if !operator.is_of_objects() => {
                                compare_ints(operator, *x, *y)
                            }
                            (Value::Float(x), Value::Float(y)) if !operator.is_of_objects() => {
                                compare_floats(operator, x.get(), y.get())
                            }
                            _ => {
                                bound!(a);
                                bound!(b);
                                check!(self.compare_truth(operator, &local!(a), &local!(b)))
                            }
                        };
                        jump_next!(truth);
                    }
                    Op::CompareJump(operator, wanted, target) => {
                        let b = pop!();
                        let a = pop!();
                        let truth = match (&a, &b) {
                            (Value::Int(x), Value::Int(y)) if !operator.is_of_objects() => {
                                compare_ints(operator, *x, *y)
                            }
                            (Value::Str(x), Value::Str(y)) if operator == CompareOp::Equal => {
                                x == y
                            }
                            _ => check!(self.compare_truth(operator, &a, &b)),
                        };
                        a.discard();
                        b.discard();
                        if truth == wanted {
                            jump!(target);
                        }
                        attend!();
                    }
                    Op::Compare(operator) => {
                        let b = pop!();
                        let a = pop!();
                        let truth = check!(self.compare_truth(operator, &a, &b));
                        thread.stack.push(Value::bool(truth));
                        a.discard();
                        b.discard();
                        attend!();
                    }
                    Op::Jump(target) => jump!(target),
                    Op::JumpIfFalse(target) => {
                        let value = pop!();
                        let truth = truth!(&value);
                        value.discard();
                        if !truth {
                            jump!(target);
                        }
                        attend!();
                    }
                    Op::JumpIfTrue(target) => {
                        let value = pop!();
                        let truth = truth!(&value);
                        value.discard();
                        if truth {
                            jump!(target);
                        }
                        attend!();
                    }
                    Op::JumpIfFalseOrPop(target) => {
                        if truth!(peek!(0)) {
                            let_go!(pop!());
                        } else {
                            jump!(target);
                        }
                    }
                    Op::JumpIfTrueOrPop(target) => {
                        if truth!(peek!(0)) {
                            jump!(target);
                        } else {
                            let_go!(pop!());
                        }
                    }
                    Op::LoadLocalAttr(slot, cache, name) => {
                        if let Value::Instance(instance) = &local!(slot)
                            && let Site::Own { shape, slot } = code.remembered(cache)
                            && shape == instance.shape.get()
                        {
                            let value = instance.slots.borrow().get(slot as usize).cloned();
                            if let Some(value) = value {
                                thread.stack.push(value);
                                continue;
                            }
                        }
                        let object = load!(slot);
                        let value = check!(self.load_attr(&object, code, cache, name));
                        thread.stack.push(value);
                    }
                    Op::LoadAttr(cache, name) => {
                        let object = pop!();
                        let value = check!(self.load_attr(&object, code, cache, name));
                        thread.stack.push(value);
                        let_go!(object);
                    }
                    Op::StoreAttr(cache, name) => {
                        let object = pop!();
                        let value = pop!();
                        let old = check!(self.store_attr(&object, code, cache, name, value));
                        drop((object, old));
                        attend!();
                    }
                    Op::LoadLocalMethod(slot, cache, name) => {
                        let object = load!(slot);
                        check!(self.load_method(thread, object, code, cache, name));
                    }
                    Op::LoadMethod(cache, name) => {
                        let object = pop!();
                        check!(self.load_method(thread, object, code, cache, name));
                    }
                    Op::CallMethod(count) => {
                        let keep = thread.stack.len() - count as usize - 2;
                        match &thread.stack[keep] {
                            Value::Function(function)
                                if function.code.simple
                                    && function.code.params as u32 == count + 1 =>
                            {
                                let Value::Function(function) =
                                    std::mem::take(&mut thread.stack[keep])
                                else {
                                    throw!(out_of_place(Some(op)));
                                };
                                save!();
                                check!(self.push_frame(
                                    thread,
                                    function,
                                    keep,
                                    keep + 1,
                                    Then::Push
                                ));
                                if thread.budget <= 0 {
                                    return Left::Ended(Ended::Budget);
                                }
                                continue 'frames;
                            }
                            Value::Nil => {
                                called!(self.call(thread, keep, keep + 1, Vec::new(), Then::Push))
                            }
                            Value::Native(native)
                                if count == 1
                                    && native.shortcut == Shortcut::Append
                                    && matches!(thread.stack[keep + 1], Value::List(_)) =>
                            {
                                let item = pop!();
                                let receiver = pop!();
                                let Value::List(list) = &receiver else {
                                    throw!(out_of_place(Some(op)));
                                };
                                check!(list.append(item));
                                thread.stack[keep] = Value::None;
                                drop(receiver);
                                attend!();
                            }
                            Value::Native(_) => call_native!(keep),
                            _ => called!(self.call(thread, keep, keep, Vec::new(), Then::Push)),
                        }
                    }
                    Op::Call(count) => {
                        let at = thread.stack.len() - count as usize - 1;
                        if let Value::Function(function) = &thread.stack[at]
                            && function.code.simple
                            && u32::from(function.code.params) == count
                        {
                            let Value::Function(function) = std::mem::take(&mut thread.stack[at])
                            else {
                                throw!(out_of_place(Some(op)));
                            };
                            save!();
                            check!(self.push_frame(thread, function, at, at + 1, Then::Push));
                            if thread.budget <= 0 {
                                return Left::Ended(Ended::Budget);
                            }
                            continue 'frames;
                        }
                        if let Value::Native(_) = &thread.stack[at] {
                            call_native!(at);
                            continue;
                        }
                        called!(self.call(thread, at, at, Vec::new(), Then::Push));
                    }
                    Op::Return => {
                        let value = pop!();
                        finish!(value);
                    }
                    Op::ReturnLocal(slot) => {
                        bound!(slot);
                        let value = std::mem::take(&mut local!(slot));
                        finish!(value);
                    }
                    Op::ForIterLocal(slot, end) => {
                        if let Value::Iter(iter) = peek!(0) {
                            let item = match &iter.source {
                                Source::List(list) => iter.advance_list(list),
                                Source::XRange(range) => iter.advance_range(range),
                                Source::Str(string) => iter.advance_str(string),
                                _ => check!(iter.advance()),
                            };
                            if item.is_nil() {
                                pop!();
                                go!(end as usize);
                                attend!();
                                continue;
                            }
                            let_go!(std::mem::replace(&mut local!(slot), item));
                            continue;
                        }
                        save!();
                        match check!(self.for_next(thread, end, Some(slot))) {
                            ForNext::Item(item) => {
                                let_go!(std::mem::replace(&mut local!(slot), item));
                            }
                            ForNext::End => go!(end as usize),
                            ForNext::Frame => continue 'frames,
                        }
                    }
                    Op::ForIter(end) => {
                        save!();
                        match check!(self.for_next(thread, end, None)) {
                            ForNext::Item(item) => thread.stack.push(item),
                            ForNext::End => go!(end as usize),
                            ForNext::Frame => continue 'frames,
                        }
                    }
                    Op::SubscriptLocals(a, b) => {
                        if let (Value::List(list), Value::Int(index)) = (&local!(a), &local!(b)) {
                            // A negative index becomes one far too large.
                            let item = list.items.borrow().get(*index as usize).cloned();
                            if let Some(item) = item {
                                thread.stack.push(item);
                                continue;
                            }
                        }
                        bound!(a);
                        bound!(b);
                        let value = check!(self.subscript(&local!(a), &local!(b)));
                        thread.stack.push(value);
                    }
                    Op::Subscript => {
                        let index = pop!();
                        let object = pop!();
                        let value = check!(self.subscript(&object, &index));
                        thread.stack.push(value);
                        object.discard();
                        index.discard();
                        attend!();
                    }
                    Op::StoreSubscript => {
                        let index = pop!();
                        let object = pop!();
                        let value = pop!();
                        check!(self.store_subscript(&object, index, value));
                        drop(object);
                        attend!();
                    }
                    Op::StoreSubscriptLocals(a, b) => {
                        let value = pop!();
                        match (&local!(a), &local!(b)) {
                            (Value::Dict(dict), key) if !key.is_nil() => {
                                check!(dict.set(key.clone(), value))
                            }
                            _ => {
                                let object = load!(a);
                                let index = load!(b);
                                check!(self.store_subscript(&object, index, value));
                            }
                        }
                        attend!();
                    }
                    Op::Pop => {
                        let value = pop!();
                        let_go!(value);
                    }
                    Op::Dup => {
                        let value = peek!(0).clone();
                        thread.stack.push(value);
                    }
                    Op::DupTwo => {
                        let (a, b) = (peek!(1).clone(), peek!(0).clone());
                        thread.stack.push(a);
                        thread.stack.push(b);
                    }
                    Op::RotTwo => {
                        // Popping and pushing keeps values in registers; swapping would go through memory.
                        let (b, a) = (pop!(), pop!());
                        thread.stack.push(b);
                        thread.stack.push(a);
                    }
                    Op::RotThree => {
                        let (c, b, a) = (pop!(), pop!(), pop!());
                        thread.stack.push(c);
                        thread.stack.push(a);
                        thread.stack.push(b);
                    }
                    Op::LoadCell(slot) => {
                        let Value::Cell(cell) = &local!(slot) else {
                            throw!(out_of_place(Some(op)));
                        };
                        let value = cell.value.borrow().clone();
                        if value.is_nil() {
                            throw!(self.unbound(code, slot));
                        }
                        thread.stack.push(value);
                    }
                    Op::StoreCell(slot) => {
                        let value = pop!();
                        let Value::Cell(cell) = &local!(slot) else {
                            throw!(out_of_place(Some(op)));
                        };
                        let old = cell.value.replace(value);
                        drop(old);
                        attend!();
                    }
                    Op::BuildTuple(2) => {
                        let second = pop!();
                        let first = pop!();
                        thread.stack.push(Value::pair(first, second));
                    }
                    Op::BuildTuple(3) => {
                        let third = pop!();
                        let second = pop!();
                        let first = pop!();
                        let tuple = crate::object::TupleObject::triple([first, second, third]);
                        thread.stack.push(Value::Tuple(Rc::new(tuple)));
                    }
                    Op::BuildTuple(count) => {
                        let first = thread.stack.len() - count as usize;
                        let tuple = Value::tuple(thread.stack.drain(first..).collect());
                        thread.stack.push(tuple);
                    }
                    Op::BuildList(count) => {
                        let first = thread.stack.len() - count as usize;
                        let list = Value::list(thread.stack.drain(first..).collect());
                        thread.stack.push(list);
                    }
                    Op::ListAppend(below) => {
                        let item = pop!();
                        let Value::List(list) = peek!(below as usize) else {
                            throw!(out_of_place(Some(op)));
                        };
                        list.items.borrow_mut().push(item);
                    }
                    rare => {
                        save!();
                        match check!(self.run_slow(thread, code, base, rare)) {
                            Next::Go => attend!(),
                            Next::Jump(target) => {
                                go!(target);
                                attend!();
                            }
                            Next::Frame => continue 'frames,
                            Next::Called(true) => {
                                if thread.budget <= 0 {
                                    return Left::Ended(Ended::Budget);
                                }
                                continue 'frames;
                            }
                            Next::Called(false) => attend!(),
                        }
                    }
                }
            }
        }
    }
}

/// An instruction is where it cannot be, or found what it cannot find there; None where the code should have ended.
#[cold]
#[inline(never)]
pub(super) fn out_of_place(op: Option<&Op>) -> Thrown {
    Thrown::bug(bug!(
        "the compiler made code that cannot be run: {op:?} is out of place"
    ))
}

/// Why a frame was left.
pub(super) enum Left {
    /// Another frame, or this one anew, is to be run.
    Switched,
    Ended(Ended),
    /// Something was thrown by the instruction before this one.
    Thrown(Thrown, usize),
}

impl Left {
    /// As [`Ended::bug`].
    pub(super) fn bug(bug: Bug) -> Left {
        Left::Ended(Ended::bug(bug))
    }
}
