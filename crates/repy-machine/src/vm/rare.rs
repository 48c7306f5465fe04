//! Instructions that are not frequent enough for the interpreter loop: slices, class bodies, deletion, exceptions.

use std::rc::Rc;

use overlord_bug::bug;

use super::Machine;
use super::frame::{Frame, Then, Thread};
use super::run::out_of_place;
use crate::bytecode::{Code, Op};
use crate::object::cycles;
use crate::object::exception::{type_error, value_error};
use crate::object::{Dict, DictObject, ExceptionKind, Function, Res, Signal, Sym, Thrown, Value};

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
    pub(super) fn run_rare(
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
                self.delete_name(&top_frame(thread)?.function.globals, name)?;
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

    pub(super) fn unbound(&self, code: &Code, slot: u16) -> Thrown {
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

    /// `del NAME` in one of the program's namespaces.
    fn delete_name(&self, names: &DictObject, name: Sym) -> Res<()> {
        let text = self.name(name);
        let removed = names.borrow_mut().remove(&Value::Str(text.clone()))?;
        match removed {
            Some(_) => Ok(()),
            None => Err(name_error(&text.lossy())),
        }
    }

    fn load_name(&self, thread: &Thread, name: Sym) -> Res {
        let text = self.name(name);
        let frame = top_frame(thread)?;
        if let Some(value) = frame
            .names()
            .and_then(|names| names.borrow().get_name(&text).cloned())
        {
            return Ok(value);
        }
        if let Some(value) = frame.function.globals.borrow().get_name(&text) {
            return Ok(value.clone());
        }
        self.builtins
            .borrow()
            .get_name(&text)
            .cloned()
            .ok_or_else(|| name_error(&text.lossy()))
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
            // What an instance of an old-style class is asked for it may have itself; to ask is to find out.
            other
                if !self.is_iterable(other)
                    && !matches!(other, Value::Instance(instance) if instance.class.is_old()) =>
            {
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

fn top_frame(thread: &Thread) -> Res<&Frame> {
    thread
        .frames
        .last()
        .ok_or_else(|| Thrown::bug(bug!("an instruction is run in no frame")))
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
        globals: top_frame(thread)?.function.globals.clone(),
        code: inner,
        defaults,
        closure,
        attrs: std::cell::RefCell::default(),
    })
}

pub(super) fn name_error(name: &str) -> Thrown {
    Thrown::new(
        ExceptionKind::NameError,
        format!("name '{name}' is not defined"),
    )
}

pub(super) fn global_name_error(name: &str) -> Thrown {
    Thrown::new(
        ExceptionKind::NameError,
        format!("global name '{name}' is not defined"),
    )
}
