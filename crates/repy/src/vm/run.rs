//! The interpreter loop.
//!
//! One native frame runs any number of Repy frames: a call pushes a frame and goes round, a return pops one. What
//! is frequent is done here; everything else is a method of [`Machine`] elsewhere.

use std::rc::Rc;

use super::frame::{Frame, Then, Thread};
use super::ops::{compare_floats, compare_ints, float_op, int_op};
use super::{Machine, Stop, Wait};
use crate::ast::{CompareOp, UnaryOp};
use crate::bytecode::{Code, Op};
use crate::memory;
use crate::object::exception::{type_error, value_error};
use crate::object::iter::Source;
use crate::object::{
    Dict, ExceptionKind, Function, Raised, Res, Signal, Sym, Thrown, Value, reclaim,
};

/// Why the loop ended.
pub(crate) enum Ended {
    Finished(Value),
    Budget,
    Blocked(Wait),
    Raised(Rc<Raised>),
    Stopped(Stop),
}

impl Machine {
    /// Runs a thread's top frame, and all it calls, until the thread ends, its budget is used up, or it must wait.
    pub(crate) fn execute(&mut self, thread: &mut Thread) -> Ended {
        loop {
            match self.run_frames(thread) {
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
                return Left::Ended(Ended::Finished(thread.pop()));
            };
            let owned = frame.function.code.clone();
            let code: &Code = &owned;
            let (mut pc, base) = (frame.pc as usize, frame.base as usize);
            let ops = &*code.ops;

            macro_rules! throw {
                ($thrown:expr) => {
                    return Left::Thrown($thrown, pc)
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
            macro_rules! save {
                () => {
                    if let Some(frame) = thread.frames.last_mut() {
                        frame.pc = pc as u32;
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
                    if target < pc {
                        thread.budget -= (pc - target) as i64;
                        if thread.budget <= 0 {
                            pc = target;
                            save!();
                            return Left::Ended(Ended::Budget);
                        }
                        if reclaim::pending() {
                            pc = target;
                            save!();
                            return self.attend(thread);
                        }
                    }
                    pc = target;
                }};
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
            macro_rules! call_native {
                ($at:expr) => {{
                    let at = $at;
                    if let Value::Native(native) = std::mem::take(&mut thread.stack[at]) {
                        save!();
                        let result =
                            check!(self.call_native(&native, &mut thread.stack[at + 1..], &[]));
                        thread.stack.truncate(at);
                        thread.stack.push(result);
                        attend!();
                    }
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
                    match thread.frames.last() {
                        Some(frame)
                            if frame.then == Then::Push
                                && frame.rare.is_none()
                                && thread.frames.len() > 1 =>
                        {
                            thread.stack.truncate(frame.keep as usize);
                            thread.frames.truncate(thread.frames.len() - 1);
                            thread.stack.push($value);
                            if reclaim::pending() {
                                return self.attend(thread);
                            }
                            continue 'frames;
                        }
                        Some(_) => return self.finish_frame(thread, $value, pc),
                        None => return Left::Switched,
                    }
                }};
            }

            loop {
                let Some(&op) = ops.get(pc) else {
                    throw!(type_error("the code has no end"))
                };
                pc += 1;
                match op {
                    Op::LoadLocal(slot) => {
                        let value = load!(slot);
                        thread.stack.push(value);
                    }
                    Op::StoreLocal(slot) => {
                        let value = thread.pop();
                        let old = std::mem::replace(&mut local!(slot), value);
                        if reclaim::can_nest(&old) {
                            drop(old);
                            attend!();
                        }
                    }
                    Op::SmallInt(int) => thread.stack.push(Value::Int(i64::from(int))),
                    Op::Const(index) => {
                        let value = code.consts[index as usize].clone();
                        thread.stack.push(value);
                    }
                    Op::LoadGlobal(cache, name) => {
                        let value = check!(self.load_global(thread, code, cache, name));
                        thread.stack.push(value);
                    }
                    Op::StoreGlobal(cache, name) => {
                        let value = thread.pop();
                        let old = self.store_global(thread, code, cache, name, value);
                        if reclaim::can_nest(&old) {
                            drop(old);
                            attend!();
                        }
                    }
                    Op::BinaryLocalImm(operator, slot, imm) => {
                        if let Value::Int(a) = local!(slot)
                            && let Some(value) = int_op(operator, a, i64::from(imm))
                        {
                            thread.stack.push(value);
                            continue;
                        }
                        let a = load!(slot);
                        let value = check!(self.binary(operator, &a, &Value::Int(i64::from(imm))));
                        thread.stack.push(value);
                    }
                    Op::BinaryLocals(operator, a, b) => {
                        if let (Value::Int(x), Value::Int(y)) = (&local!(a), &local!(b))
                            && let Some(value) = int_op(operator, *x, *y)
                        {
                            thread.stack.push(value);
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
                            && let Value::Int(a) = *top
                            && let Some(value) = int_op(operator, a, i64::from(imm))
                        {
                            *top = value;
                            continue;
                        }
                        let a = thread.pop();
                        let value = check!(self.binary(operator, &a, &Value::Int(i64::from(imm))));
                        thread.stack.push(value);
                    }
                    Op::BinaryLocal(operator, slot) => {
                        if let Value::Int(b) = local!(slot)
                            && let Some(top) = thread.stack.last_mut()
                            && let Value::Int(a) = *top
                            && let Some(value) = int_op(operator, a, b)
                        {
                            *top = value;
                            continue;
                        }
                        let b = load!(slot);
                        let a = thread.pop();
                        let value = check!(
                            self.binary_owned(thread, code, pc, base, operator, a, &b, false)
                        );
                        thread.stack.push(value);
                    }
                    Op::Binary(operator) => {
                        let b = thread.pop();
                        if let Value::Int(y) = b
                            && let Some(top) = thread.stack.last_mut()
                            && let Value::Int(x) = *top
                            && let Some(value) = int_op(operator, x, y)
                        {
                            *top = value;
                            continue;
                        }
                        let a = thread.pop();
                        if let (Value::Float(x), Value::Float(y)) = (&a, &b)
                            && let Some(value) = float_op(operator, x.get(), y.get())
                        {
                            thread.stack.push(value);
                            continue;
                        }
                        let value = check!(
                            self.binary_owned(thread, code, pc, base, operator, a, &b, false)
                        );
                        thread.stack.push(value);
                    }
                    Op::InPlace(operator) => {
                        let b = thread.pop();
                        let a = thread.pop();
                        if let (Value::Int(x), Value::Int(y)) = (&a, &b)
                            && let Some(value) = int_op(operator, *x, *y)
                        {
                            thread.stack.push(value);
                            continue;
                        }
                        let value = check!(
                            self.binary_owned(thread, code, pc, base, operator, a, &b, true)
                        );
                        thread.stack.push(value);
                    }
                    Op::InPlaceImm(operator, imm) => {
                        if let Some(top) = thread.stack.last_mut()
                            && let Value::Int(a) = *top
                            && let Some(value) = int_op(operator, a, i64::from(imm))
                        {
                            *top = value;
                            continue;
                        }
                        let a = thread.pop();
                        let value = check!(self.in_place(operator, a, &Value::Int(i64::from(imm))));
                        thread.stack.push(value);
                    }
                    Op::UpdateLocalImm(operator, slot, imm) => {
                        if let Value::Int(a) = local!(slot)
                            && let Some(value) = int_op(operator, a, i64::from(imm))
                        {
                            local!(slot) = value;
                            continue;
                        }
                        let a = load!(slot);
                        let value = check!(self.in_place(operator, a, &Value::Int(i64::from(imm))));
                        local!(slot) = value;
                    }
                    Op::Unary(operator) => {
                        let value = thread.pop();
                        let result = match (operator, &value) {
                            (UnaryOp::Not, other) => Value::bool(!truth!(other)),
                            _ => check!(self.unary(operator, &value)),
                        };
                        thread.stack.push(result);
                    }
                    Op::CompareLocalImmJump(operator, slot, imm) => {
                        let truth = if let Value::Int(a) = local!(slot) {
                            compare_ints(operator, a, i64::from(imm))
                        } else {
                            let a = load!(slot);
                            check!(self.compare_truth(operator, &a, &Value::Int(i64::from(imm))))
                        };
                        let next = ops.get(pc).copied();
                        pc += 1;
                        match next {
                            Some(Op::JumpIfFalse(target)) if !truth => jump!(target),
                            Some(Op::JumpIfTrue(target)) if truth => jump!(target),
                            _ => {}
                        }
                    }
                    Op::CompareLocalsJump(operator, a, b) => {
                        let truth = match (&local!(a), &local!(b)) {
                            (Value::Int(x), Value::Int(y))
                                if !matches!(operator, CompareOp::In | CompareOp::NotIn) =>
                            {
                                compare_ints(operator, *x, *y)
                            }
                            (Value::Float(x), Value::Float(y))
                                if !matches!(operator, CompareOp::In | CompareOp::NotIn) =>
                            {
                                compare_floats(operator, x.get(), y.get())
                            }
                            _ => {
                                bound!(a);
                                bound!(b);
                                check!(self.compare_truth(operator, &local!(a), &local!(b)))
                            }
                        };
                        let next = ops.get(pc).copied();
                        pc += 1;
                        match next {
                            Some(Op::JumpIfFalse(target)) if !truth => jump!(target),
                            Some(Op::JumpIfTrue(target)) if truth => jump!(target),
                            _ => {}
                        }
                    }
                    Op::CompareJump(operator, wanted, target) => {
                        let b = thread.pop();
                        let a = thread.pop();
                        let truth = match (&a, &b) {
                            (Value::Int(x), Value::Int(y)) => match operator {
                                CompareOp::Is => x == y,
                                CompareOp::IsNot => x != y,
                                _ if matches!(operator, CompareOp::In | CompareOp::NotIn) => {
                                    check!(self.compare_truth(operator, &a, &b))
                                }
                                _ => compare_ints(operator, *x, *y),
                            },
                            (Value::Str(x), Value::Str(y)) if operator == CompareOp::Equal => {
                                x == y
                            }
                            _ => check!(self.compare_truth(operator, &a, &b)),
                        };
                        drop((a, b));
                        if truth == wanted {
                            jump!(target);
                        }
                    }
                    Op::Compare(operator) => {
                        let b = thread.pop();
                        let a = thread.pop();
                        let truth = check!(self.compare_truth(operator, &a, &b));
                        thread.stack.push(Value::bool(truth));
                    }
                    Op::Jump(target) => jump!(target),
                    Op::JumpIfFalse(target) => {
                        let value = thread.pop();
                        if !truth!(&value) {
                            jump!(target);
                        }
                    }
                    Op::JumpIfTrue(target) => {
                        let value = thread.pop();
                        if truth!(&value) {
                            jump!(target);
                        }
                    }
                    Op::JumpIfFalseOrPop(target) => {
                        if truth!(thread.peek(0)) {
                            thread.pop();
                        } else {
                            jump!(target);
                        }
                    }
                    Op::JumpIfTrueOrPop(target) => {
                        if truth!(thread.peek(0)) {
                            jump!(target);
                        } else {
                            thread.pop();
                        }
                    }
                    Op::LoadLocalAttr(slot, cache, name) => {
                        if let Value::Instance(instance) = &local!(slot) {
                            let site = code.caches[cache as usize].get();
                            if site.version == u64::from(instance.shape.get()) && site.kind == 1 {
                                let value =
                                    instance.slots.borrow().get(site.slot as usize).cloned();
                                if let Some(value) = value {
                                    thread.stack.push(value);
                                    continue;
                                }
                            }
                        }
                        let object = load!(slot);
                        let value = check!(self.load_attr(&object, code, cache, name));
                        thread.stack.push(value);
                    }
                    Op::LoadAttr(cache, name) => {
                        let object = thread.pop();
                        let value = check!(self.load_attr(&object, code, cache, name));
                        thread.stack.push(value);
                        if reclaim::can_nest(&object) {
                            drop(object);
                            attend!();
                        }
                    }
                    Op::StoreAttr(cache, name) => {
                        let object = thread.pop();
                        let value = thread.pop();
                        let old = check!(self.store_attr(&object, code, cache, name, value));
                        drop((object, old));
                        attend!();
                    }
                    Op::DelAttr(name) => {
                        let object = thread.pop();
                        check!(self.delete_attr(&object, name));
                        drop(object);
                        attend!();
                    }
                    Op::LoadLocalMethod(slot, cache, name) => {
                        let object = load!(slot);
                        check!(self.load_method(thread, object, code, cache, name));
                    }
                    Op::LoadMethod(cache, name) => {
                        let object = thread.pop();
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
                                    continue;
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
                                continue;
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
                    Op::CallKeywords(positional, names) => {
                        let names = &code.keyword_lists[names as usize];
                        let first = thread.stack.len() - names.len();
                        let keywords = names
                            .iter()
                            .cloned()
                            .zip(thread.stack.drain(first..))
                            .collect();
                        let at = first - positional as usize - 1;
                        called!(self.call(thread, at, at, keywords, Then::Push));
                    }
                    Op::CallStar(positional, stars, names) => {
                        let names = &code.keyword_lists[names as usize];
                        let extra = names.len() + stars.count_ones() as usize;
                        let at = thread.stack.len() - extra - positional as usize - 1;
                        save!();
                        let keywords =
                            check!(self.spread(thread, positional as usize, stars, names));
                        called!(self.call(thread, at, at, keywords, Then::Push));
                    }
                    Op::Return => {
                        let value = thread.pop();
                        finish!(value);
                    }
                    Op::ReturnLocal(slot) => {
                        bound!(slot);
                        let value = std::mem::take(&mut local!(slot));
                        finish!(value);
                    }
                    Op::ForIterLocal(slot, end) => {
                        if let Value::Iter(iter) = thread.peek(0) {
                            let item = match &iter.source {
                                Source::List(list) => iter.advance_list(list),
                                _ => check!(iter.advance()),
                            };
                            if item.is_nil() {
                                thread.pop();
                                attend!();
                                pc = end as usize;
                                continue;
                            }
                            let old = std::mem::replace(&mut local!(slot), item);
                            if reclaim::can_nest(&old) {
                                drop(old);
                                attend!();
                            }
                            continue;
                        }
                        save!();
                        match check!(self.for_next(thread, end, Some(slot))) {
                            ForNext::Item(item) => local!(slot) = item,
                            ForNext::End => pc = end as usize,
                            ForNext::Frame => continue 'frames,
                        }
                    }
                    Op::ForIter(end) => {
                        save!();
                        match check!(self.for_next(thread, end, None)) {
                            ForNext::Item(item) => thread.stack.push(item),
                            ForNext::End => pc = end as usize,
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
                        let index = thread.pop();
                        let object = thread.pop();
                        let value = check!(self.subscript(&object, &index));
                        thread.stack.push(value);
                        if reclaim::can_nest(&object) {
                            drop(object);
                            attend!();
                        }
                    }
                    Op::StoreSubscript => {
                        let index = thread.pop();
                        let object = thread.pop();
                        let value = thread.pop();
                        check!(self.store_subscript(&object, index, value));
                        drop(object);
                        attend!();
                    }
                    Op::StoreSubscriptLocals(a, b) => {
                        let value = thread.pop();
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
                    Op::DelSubscript => {
                        let index = thread.pop();
                        let object = thread.pop();
                        check!(self.delete_subscript(&object, &index));
                        drop(object);
                        attend!();
                    }
                    Op::Slice(bounds) => {
                        let (low, high) = pop_bounds(thread, bounds);
                        let object = thread.pop();
                        let value = check!(self.slice(&object, &low, &high));
                        thread.stack.push(value);
                    }
                    Op::StoreSlice(bounds) => {
                        let (low, high) = pop_bounds(thread, bounds);
                        let object = thread.pop();
                        let value = thread.pop();
                        check!(self.store_slice(&object, low, high, value));
                        drop(object);
                        attend!();
                    }
                    Op::DelSlice(bounds) => {
                        let (low, high) = pop_bounds(thread, bounds);
                        let object = thread.pop();
                        check!(self.delete_slice(&object, low, high));
                        drop(object);
                        attend!();
                    }
                    Op::DupSlice(bounds) => {
                        let count = bounds.count_ones() as usize + 1;
                        let from = thread.stack.len() - count;
                        thread.stack.extend_from_within(from..);
                    }
                    Op::Pop => {
                        let value = thread.pop();
                        if reclaim::can_nest(&value) {
                            drop(value);
                            attend!();
                        }
                    }
                    Op::Dup => {
                        let value = thread.peek(0).clone();
                        thread.stack.push(value);
                    }
                    Op::DupTwo => {
                        let (a, b) = (thread.peek(1).clone(), thread.peek(0).clone());
                        thread.stack.push(a);
                        thread.stack.push(b);
                    }
                    Op::RotTwo => {
                        // Popping and pushing keeps values in registers; swapping would go through memory.
                        let (b, a) = (thread.pop(), thread.pop());
                        thread.stack.push(b);
                        thread.stack.push(a);
                    }
                    Op::RotThree => {
                        let (c, b, a) = (thread.pop(), thread.pop(), thread.pop());
                        thread.stack.push(c);
                        thread.stack.push(a);
                        thread.stack.push(b);
                    }
                    Op::RotFour => {
                        let len = thread.stack.len();
                        thread.stack[len - 4..].rotate_right(1);
                    }
                    Op::Squash(count) => {
                        let value = thread.pop();
                        let len = thread.stack.len() - count as usize;
                        thread.stack.truncate(len);
                        thread.stack.push(value);
                    }
                    Op::DelLocal(slot) => {
                        bound!(slot);
                        drop(std::mem::take(&mut local!(slot)));
                        attend!();
                    }
                    Op::LoadCell(slot) => {
                        let value = match &local!(slot) {
                            Value::Cell(cell) => cell.value.borrow().clone(),
                            _ => Value::Nil,
                        };
                        if value.is_nil() {
                            throw!(self.unbound(code, slot));
                        }
                        thread.stack.push(value);
                    }
                    Op::StoreCell(slot) => {
                        let value = thread.pop();
                        let old = match &local!(slot) {
                            Value::Cell(cell) => cell.value.replace(value),
                            _ => Value::Nil,
                        };
                        drop(old);
                        attend!();
                    }
                    Op::LoadName(name) => {
                        let value = check!(self.load_name(thread, name));
                        thread.stack.push(value);
                    }
                    Op::StoreName(name) => {
                        let value = thread.pop();
                        let text = self.name(name);
                        if let Some(names) = thread.frames.last().and_then(Frame::names) {
                            let old = names.borrow_mut().insert_name(&text, value);
                            drop(old);
                        }
                        attend!();
                    }
                    Op::DelName(name) => {
                        let text = self.name(name);
                        let names = thread.frames.last().and_then(Frame::names).cloned();
                        let removed = match names {
                            Some(names) => {
                                check!(names.borrow_mut().remove(&Value::Str(text.clone())))
                            }
                            None => None,
                        };
                        if removed.is_none() {
                            throw!(name_error(&text.lossy()));
                        }
                        drop(removed);
                        attend!();
                    }
                    Op::DelGlobal(name) => {
                        let text = self.name(name);
                        let globals = thread
                            .frames
                            .last()
                            .map(|frame| frame.function.globals.clone());
                        let removed = match globals {
                            Some(globals) => {
                                check!(globals.borrow_mut().remove(&Value::Str(text.clone())))
                            }
                            None => None,
                        };
                        if removed.is_none() {
                            throw!(name_error(&text.lossy()));
                        }
                        drop(removed);
                        attend!();
                    }
                    Op::BuildTuple(2) => {
                        let second = thread.pop();
                        let first = thread.pop();
                        thread.stack.push(Value::pair(first, second));
                    }
                    Op::BuildTuple(3) => {
                        let third = thread.pop();
                        let second = thread.pop();
                        let first = thread.pop();
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
                    Op::BuildDict(count) => thread
                        .stack
                        .push(Value::dict(Dict::with_display_size(count as usize))),
                    Op::StoreMap => {
                        let key = thread.pop();
                        let value = thread.pop();
                        if let Value::Dict(dict) = thread.peek(0) {
                            check!(dict.set(key, value));
                        }
                    }
                    Op::ListAppend(below) => {
                        let item = thread.pop();
                        if let Value::List(list) = thread.peek(below as usize) {
                            list.items.borrow_mut().push(item);
                        }
                    }
                    Op::BuildSlice => {
                        let step = thread.pop();
                        let stop = thread.pop();
                        let start = thread.pop();
                        thread
                            .stack
                            .push(Value::Slice(Rc::new(crate::object::SliceObject {
                                start,
                                stop,
                                step,
                            })));
                    }
                    Op::Unpack(count) => {
                        let value = thread.pop();
                        save!();
                        check!(self.unpack(thread, value, count as usize));
                    }
                    Op::MakeFunction(defaults, child) => {
                        let first = thread.stack.len() - defaults as usize;
                        let defaults = thread.stack.drain(first..).collect();
                        let function = make_function(thread, code, base, child, defaults);
                        thread.stack.push(Value::Function(Rc::new(function)));
                    }
                    Op::MakeClass(bases, child) => {
                        let function =
                            Rc::new(make_function(thread, code, base, child, Vec::new()));
                        save!();
                        check!(self.enter_class_body(thread, function, bases));
                        continue 'frames;
                    }
                    Op::GetIter => {
                        let value = thread.pop();
                        save!();
                        let iter = check!(self.iter(&value));
                        thread.stack.push(iter);
                    }
                    Op::EnterFinally => {
                        thread.stack.push(Value::Nil);
                        thread.stack.push(Value::Int(0));
                    }
                    Op::EndFinally(table) => {
                        let how = thread.pop();
                        let payload = thread.pop();
                        match (how, payload) {
                            (Value::Int(0), _) => {}
                            (_, Value::Raised(raised)) => {
                                throw!(Thrown::from_signal(Signal::Again(raised)))
                            }
                            (Value::Int(number), payload) => {
                                thread.stack.push(payload);
                                pc = code.exits[table as usize][number as usize - 2] as usize;
                            }
                            _ => {}
                        }
                    }
                    Op::MatchException => {
                        let wanted = thread.pop();
                        let matches = match thread.peek(0) {
                            Value::Raised(raised) => self.exception_matches(&raised.value, &wanted),
                            _ => false,
                        };
                        thread.stack.push(Value::bool(matches));
                    }
                    Op::BindException => {
                        if let Value::Raised(raised) = thread.pop() {
                            thread.stack.push(raised.value.clone());
                        }
                    }
                    Op::Reraise => {
                        if let Value::Raised(raised) = thread.pop() {
                            throw!(Thrown::from_signal(Signal::Again(raised)));
                        }
                    }
                    Op::Raise(count) => {
                        let traceback = if count > 2 { thread.pop() } else { Value::Nil };
                        let value = if count > 1 { thread.pop() } else { Value::Nil };
                        let exception = if count > 0 { thread.pop() } else { Value::Nil };
                        save!();
                        throw!(self.raise(thread, exception, value, &traceback));
                    }
                    Op::Refused => throw!(type_error("this construct does not exist in Repy")),
                }
            }
        }
    }

    /// Ends the top frame with a result.
    fn finish_frame(&mut self, thread: &mut Thread, value: Value, pc: usize) -> Left {
        let Some(frame) = thread.frames.pop() else {
            return Left::Switched;
        };
        thread.stack.truncate(frame.keep as usize);
        let rare = frame.rare.map(|rare| *rare).unwrap_or_default();
        if let Some(before) = rare.handled_before {
            thread.handled = before;
        }
        match frame.then {
            Then::Push => {
                if thread.frames.is_empty() {
                    thread.stack.truncate(0);
                }
                thread.stack.push(value);
            }
            Then::Init => {
                if !value.is_none()
                    && let Some(Value::Instance(instance)) = thread.stack.last()
                {
                    let thrown = self.init_result(&instance.class, &value);
                    let pc = thread.frames.last().map_or(pc, |frame| frame.pc as usize);
                    return Left::Thrown(thrown, pc);
                }
            }
            Then::Discard => drop(value),
            Then::NextItem { store, .. } => match store {
                Some(slot) => {
                    if let Some(caller) = thread.frames.last() {
                        let at = caller.base as usize + slot as usize;
                        thread.stack[at] = value;
                    }
                }
                None => thread.stack.push(value),
            },
            Then::Class { bases } => {
                let first = thread.stack.len() - bases as usize;
                let bases: Vec<Value> = thread.stack.drain(first..).collect();
                let name = frame.function.code.name.clone();
                let names = rare.names.unwrap_or_default();
                match self.make_class(name, &names, bases) {
                    Ok(class) => thread.stack.push(class),
                    Err(thrown) => {
                        let pc = thread.frames.last().map_or(pc, |frame| frame.pc as usize);
                        return Left::Thrown(thrown, pc);
                    }
                }
            }
        }
        if reclaim::pending() {
            return self.attend(thread);
        }
        Left::Switched
    }

    /// Looks up from work: stops if memory has run out, runs a destructor if one waits.
    #[cold]
    fn attend(&mut self, thread: &mut Thread) -> Left {
        if let Some(stop) = memory::exceeded() {
            return Left::Ended(Ended::Stopped(stop));
        }
        if thread.frames.is_empty() {
            // The thread's last function has returned: destructors run by themselves.
            let result = thread.pop();
            while let Some(instance) = reclaim::next_to_finalize() {
                self.finalize_now(instance);
            }
            reclaim::attended();
            return Left::Ended(Ended::Finished(result));
        }
        let Some(instance) = reclaim::next_to_finalize() else {
            reclaim::attended();
            return Left::Switched;
        };
        let del = self.class_attr(&instance.class.clone(), crate::object::symbol::known::del);
        if let Value::Function(function) = del {
            let keep = thread.stack.len();
            thread.stack.push(Value::Instance(instance));
            if function.code.simple
                && function.code.params == 1
                && self
                    .push_frame(thread, function, keep, keep, Then::Discard)
                    .is_ok()
            {
                return Left::Switched;
            }
            thread.stack.truncate(keep);
        }
        Left::Switched
    }

    fn unbound(&self, code: &Code, slot: u16) -> Thrown {
        let name = code
            .slot_names
            .get(slot as usize)
            .map_or_else(String::new, |sym| self.name(*sym).lossy().into_owned());
        if slot as usize >= code.first_free() {
            return Thrown::new(
                ExceptionKind::NameError,
                format!("free variable '{name}' referenced before assignment in enclosing scope"),
            );
        }
        Thrown::new(
            ExceptionKind::UnboundLocalError,
            format!("local variable '{name}' referenced before assignment"),
        )
    }

    #[inline]
    fn load_global(&mut self, thread: &Thread, code: &Code, cache: u16, name: Sym) -> Res {
        let Some(frame) = thread.frames.last() else {
            return Ok(Value::Nil);
        };
        let globals = frame.function.globals.borrow();
        let cell = &code.caches[cache as usize];
        let site = cell.get();
        if site.version == globals.version() {
            let found = match site.kind {
                1 => globals.slot_value(site.slot as usize).cloned(),
                2 => self
                    .builtins
                    .borrow()
                    .slot_value(site.slot as usize)
                    .cloned(),
                _ => None,
            };
            if let Some(value) = found {
                return Ok(value);
            }
        }
        let text = self.name(name);
        let version = globals.version();
        if let Some(slot) = globals.find_name(&text) {
            cell.set(crate::bytecode::SiteCache {
                version,
                slot: slot as u32,
                kind: 1,
            });
            return Ok(globals.slot_value(slot).cloned().unwrap_or_default());
        }
        let builtins = self.builtins.borrow();
        match builtins.find_name(&text) {
            Some(slot) => {
                cell.set(crate::bytecode::SiteCache {
                    version,
                    slot: slot as u32,
                    kind: 2,
                });
                Ok(builtins.slot_value(slot).cloned().unwrap_or_default())
            }
            None if code.kind == crate::bytecode::CodeKind::Function => {
                Err(global_name_error(&text.lossy()))
            }
            None => Err(name_error(&text.lossy())),
        }
    }

    #[inline]
    fn store_global(
        &mut self,
        thread: &Thread,
        code: &Code,
        cache: u16,
        name: Sym,
        value: Value,
    ) -> Value {
        let Some(frame) = thread.frames.last() else {
            return Value::Nil;
        };
        let mut globals = frame.function.globals.borrow_mut();
        let cell = &code.caches[cache as usize];
        let site = cell.get();
        if site.version == globals.version() && site.kind == 1 {
            return globals.set_slot(site.slot as usize, value);
        }
        let text = self.name(name);
        let old = globals.insert_name(&text, value);
        if let Some(slot) = globals.find_name(&text) {
            let version = globals.version();
            cell.set(crate::bytecode::SiteCache {
                version,
                slot: slot as u32,
                kind: 1,
            });
        }
        old.unwrap_or_default()
    }

    fn load_name(&self, thread: &Thread, name: Sym) -> Res {
        let text = self.name(name);
        if let Some(frame) = thread.frames.last() {
            if let Some(value) = frame
                .names()
                .and_then(|names| names.borrow().get_name(&text).cloned())
            {
                return Ok(value);
            }
            if let Some(value) = frame.function.globals.borrow().get_name(&text) {
                return Ok(value.clone());
            }
        }
        self.builtins
            .borrow()
            .get_name(&text)
            .cloned()
            .ok_or_else(|| name_error(&text.lossy()))
    }

    /// The next item of a `for` over anything.
    fn for_next(&mut self, thread: &mut Thread, end: u32, store: Option<u16>) -> Res<ForNext> {
        let item = match thread.peek(0) {
            Value::Iter(iter) => iter.clone().advance()?,
            Value::Instance(instance) => {
                let next =
                    self.class_attr(&instance.class.clone(), crate::object::symbol::known::next);
                if let Value::Function(function) = &next
                    && function.code.simple
                    && function.code.params == 1
                {
                    let object = thread.peek(0).clone();
                    let keep = thread.stack.len();
                    thread.push(object);
                    self.push_frame(
                        thread,
                        function.clone(),
                        keep,
                        keep,
                        Then::NextItem { end, store },
                    )?;
                    return Ok(ForNext::Frame);
                }
                let object = thread.peek(0).clone();
                self.next_item(&object)?
            }
            other => {
                let object = other.clone();
                self.next_item(&object)?
            }
        };
        if item.is_nil() {
            thread.pop();
            return Ok(ForNext::End);
        }
        Ok(ForNext::Item(item))
    }

    /// Puts `count` items on the stack, the first on top.
    fn unpack(&mut self, thread: &mut Thread, value: Value, count: usize) -> Res<()> {
        let items = match &value {
            Value::Tuple(tuple) if tuple.len() == count => {
                thread.stack.extend(tuple.iter().rev().cloned());
                return Ok(());
            }
            Value::Tuple(tuple) => tuple.to_vec(),
            Value::List(list) => list.to_vec(),
            other if !self.is_iterable(other) => {
                return Err(type_error(format!(
                    "'{}' object is not iterable",
                    self.type_name(other)
                )));
            }
            other => {
                // Only as many items as are needed, and one more, are asked for.
                let iter = self.iter(other)?;
                let mut items = Vec::new();
                while items.len() <= count {
                    match self.next_item(&iter)? {
                        Value::Nil => break,
                        item => items.push(item),
                    }
                }
                items
            }
        };
        if items.len() > count {
            return Err(value_error("too many values to unpack"));
        }
        if items.len() < count {
            let more = items.len();
            return Err(value_error(format!(
                "need more than {more} value{} to unpack",
                if more == 1 { "" } else { "s" }
            )));
        }
        thread.stack.extend(items.into_iter().rev());
        Ok(())
    }
}

/// Why a frame was left.
pub(super) enum Left {
    /// Another frame, or this one anew, is to be run.
    Switched,
    Ended(Ended),
    /// Something was thrown by the instruction before this one.
    Thrown(Thrown, usize),
}

enum ForNext {
    Item(Value),
    End,
    Frame,
}

fn pop_bounds(thread: &mut Thread, bounds: u8) -> (Value, Value) {
    let high = if bounds & 2 != 0 {
        thread.pop()
    } else {
        Value::None
    };
    let low = if bounds & 1 != 0 {
        thread.pop()
    } else {
        Value::None
    };
    (low, high)
}

fn make_function(
    thread: &Thread,
    code: &Code,
    base: usize,
    child: u32,
    defaults: Vec<Value>,
) -> Function {
    let inner = code.children[child as usize].clone();
    let closure = inner
        .captures
        .iter()
        .filter_map(|&slot| match &thread.stack[base + slot as usize] {
            Value::Cell(cell) => Some(cell.clone()),
            _ => None,
        })
        .collect();
    let globals = thread
        .frames
        .last()
        .map(|frame| frame.function.globals.clone())
        .unwrap_or_default();
    Function {
        code: inner,
        globals,
        defaults,
        closure,
        attrs: std::cell::RefCell::default(),
    }
}

fn name_error(name: &str) -> Thrown {
    Thrown::new(
        ExceptionKind::NameError,
        format!("name '{name}' is not defined"),
    )
}

fn global_name_error(name: &str) -> Thrown {
    Thrown::new(
        ExceptionKind::NameError,
        format!("global name '{name}' is not defined"),
    )
}
