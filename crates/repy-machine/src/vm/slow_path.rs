//! The slow path of the interpreter loop: instructions that are seldom run or do much, so that a call does not tell, and
//! that would only take registers there. Definitions, `del`, slices, calls with names and stars, exceptions.

use std::rc::Rc;

use overlord_bug::bug;

use crate::bytecode::Op;
use crate::machine::Machine;
use crate::machine::frame::{Frame, Then, Thread, out_of_place};
use crate::object::cycles;
use crate::object::exception::type_error;
use crate::object::{Code, Dict, Function, Res, Signal, Thrown, Value};

/// How the interpreter loop goes on.
pub(super) enum Next {
    /// With the next instruction.
    Go,
    /// With this one.
    Jump(usize),
    /// With the top frame, which is another.
    Frame,
    /// As after a call: true if a frame was pushed.
    Called(bool),
}

impl Machine<'_> {
    /// Runs one instruction; the frame's position has been saved.
    // Its only call is in the loop, which must not take its variables into its own.
    #[inline(never)]
    pub(super) fn run_slow(
        &mut self,
        thread: &mut Thread,
        code: &Code,
        base: usize,
        op: Op,
    ) -> Res<Next> {
        match op {
            Op::DelAttr(name) => {
                let object = thread.pop()?;
                self.delete_attr(&object, name)?;
                drop(object);
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
                return Ok(Next::Called(self.call(
                    thread,
                    at,
                    at,
                    keywords,
                    Then::Push,
                )?));
            }
            Op::CallStar(positional, stars, names) => {
                let names = &code.keyword_lists[names as usize];
                let extra = names.len() + stars.count_ones() as usize;
                let at = thread.stack.len() - extra - positional as usize - 1;
                let keywords = self.spread(thread, positional as usize, stars, names)?;
                return Ok(Next::Called(self.call(
                    thread,
                    at,
                    at,
                    keywords,
                    Then::Push,
                )?));
            }
            Op::DelSubscript => {
                let index = thread.pop()?;
                let object = thread.pop()?;
                self.delete_subscript(&object, &index)?;
                drop(object);
            }
            Op::Slice(bounds) => {
                let (low, high) = pop_bounds(thread, bounds)?;
                let object = thread.pop()?;
                let value = self.slice(&object, &low, &high)?;
                thread.stack.push(value);
            }
            Op::StoreSlice(bounds) => {
                let (low, high) = pop_bounds(thread, bounds)?;
                let object = thread.pop()?;
                let value = thread.pop()?;
                self.store_slice(&object, low, high, value)?;
                drop(object);
            }
            Op::DelSlice(bounds) => {
                let (low, high) = pop_bounds(thread, bounds)?;
                let object = thread.pop()?;
                self.delete_slice(&object, low, high)?;
                drop(object);
            }
            Op::DupSlice(bounds) => {
                let count = bounds.count_ones() as usize + 1;
                let from = thread.stack.len() - count;
                thread.stack.extend_from_within(from..);
            }
            Op::RotFour => {
                let len = thread.stack.len();
                thread.stack[len - 4..].rotate_right(1);
            }
            Op::Squash(count) => {
                let value = thread.pop()?;
                let len = thread.stack.len() - count as usize;
                thread.stack.truncate(len);
                thread.stack.push(value);
            }
            Op::DelLocal(slot) => {
                if thread.stack[base + slot as usize].is_nil() {
                    return Err(self.unbound(code, slot));
                }
                drop(std::mem::take(&mut thread.stack[base + slot as usize]));
            }
            Op::LoadName(name) => {
                let value = self.load_name(thread, name)?;
                thread.stack.push(value);
            }
            Op::StoreName(name) => {
                let value = thread.pop()?;
                let text = self.name(name);
                let names = thread.frames.last().and_then(Frame::names);
                let names = names.ok_or_else(|| out_of_place(Some(&op)))?;
                let old = names.borrow_mut().insert_name(&text, value);
                drop(old);
            }
            Op::DelName(name) => {
                let names = thread.frames.last().and_then(Frame::names);
                let names = names.ok_or_else(|| out_of_place(Some(&op)))?;
                self.delete_name(names, name)?;
            }
            Op::DelGlobal(name) => {
                self.delete_name(&thread.top_frame()?.function.globals, name)?;
            }
            Op::BuildDict(count) => thread
                .stack
                .push(Value::dict(Dict::with_display_size(count as usize))),
            Op::StoreMap => {
                let key = thread.pop()?;
                let value = thread.pop()?;
                let Value::Dict(dict) = thread.peek(0)? else {
                    return Err(out_of_place(Some(&op)));
                };
                dict.set(key, value)?;
            }
            Op::BuildSlice => {
                let step = thread.pop()?;
                let stop = thread.pop()?;
                let start = thread.pop()?;
                thread
                    .stack
                    .push(Value::Slice(Rc::new(crate::object::SliceObject {
                        start,
                        stop,
                        step,
                    })));
            }
            Op::Unpack(count) => {
                let value = thread.pop()?;
                self.unpack(thread, value, count as usize)?;
            }
            Op::MakeFunction(defaults, child) => {
                let first = thread.stack.len() - defaults as usize;
                let defaults = thread.stack.drain(first..).collect();
                let function = Rc::new(make_function(thread, code, base, child, defaults)?);
                if !function.closure.is_empty() {
                    cycles::note_function(&function);
                }
                thread.stack.push(Value::Function(function));
            }
            Op::MakeClass(child) => {
                let function = Rc::new(make_function(thread, code, base, child, Vec::new())?);
                self.enter_class_body(thread, function)?;
                return Ok(Next::Frame);
            }
            Op::GetIter => {
                let value = thread.pop()?;
                let iter = self.iter(&value)?;
                thread.stack.push(iter);
            }
            Op::EnterFinally => {
                thread.stack.push(Value::Nil);
                thread.stack.push(Value::Int(0));
            }
            Op::EndFinally(table) => {
                let how = thread.pop()?;
                let payload = thread.pop()?;
                match (how, payload) {
                    (Value::Int(0), _) => {}
                    (_, Value::Raised(raised)) => {
                        return Err(Thrown::from_signal(Signal::Again(raised)));
                    }
                    (Value::Int(number), payload) => {
                        thread.stack.push(payload);
                        return Ok(Next::Jump(
                            code.exits[table as usize][number as usize - 2] as usize,
                        ));
                    }
                    _ => return Err(out_of_place(Some(&op))),
                }
            }
            Op::MatchException => {
                let wanted = thread.pop()?;
                let Value::Raised(raised) = thread.peek(0)? else {
                    return Err(out_of_place(Some(&op)));
                };
                let matches = self.exception_matches(&raised.value, &wanted)?;
                thread.stack.push(Value::bool(matches));
            }
            Op::BindException => {
                let Value::Raised(raised) = thread.pop()? else {
                    return Err(out_of_place(Some(&op)));
                };
                thread.stack.push(raised.value.clone());
            }
            Op::Reraise => {
                return Err(match thread.pop()? {
                    Value::Raised(raised) => Thrown::from_signal(Signal::Again(raised)),
                    _ => out_of_place(Some(&op)),
                });
            }
            Op::Raise(count) => {
                let traceback = if count > 2 { thread.pop()? } else { Value::Nil };
                let value = if count > 1 { thread.pop()? } else { Value::Nil };
                let exception = if count > 0 { thread.pop()? } else { Value::Nil };
                return Err(self.raise(thread, exception, value, &traceback));
            }
            Op::Refused => return Err(type_error("this construct does not exist in Repy")),
            // Everything else is run by the loop itself.
            _ => return Err(out_of_place(Some(&op))),
        }
        Ok(Next::Go)
    }
}

fn pop_bounds(thread: &mut Thread, bounds: u8) -> Res<(Value, Value)> {
    let high = if bounds & 2 != 0 {
        thread.pop()?
    } else {
        Value::None
    };
    let low = if bounds & 1 != 0 {
        thread.pop()?
    } else {
        Value::None
    };
    Ok((low, high))
}

fn make_function(
    thread: &Thread,
    code: &Code,
    base: usize,
    child: u32,
    defaults: Vec<Value>,
) -> Res<Function> {
    let inner = code.children[child as usize].clone();
    let closure = inner
        .captures
        .iter()
        .map(|&slot| match &thread.stack[base + slot as usize] {
            Value::Cell(cell) => Ok(cell.clone()),
            other => Err(Thrown::bug(bug!(
                "{} captures {other:?}, which is no shared variable",
                inner.name.lossy()
            ))),
        })
        .collect::<Res<_>>()?;
    Ok(Function {
        globals: thread.top_frame()?.function.globals.clone(),
        code: inner,
        defaults,
        closure,
        attrs: std::cell::RefCell::default(),
    })
}
