//! Calling and returning: frames for functions of programs, native functions at once.

use std::rc::Rc;

use overlord_bug::bug;

use super::arguments::{arity_error, check_arity};
use super::run::Left;
use super::{Machine, RECURSION_LIMIT};
use crate::machine::Ended;
use crate::machine::frame::{Frame, State, Then, Thread};
use crate::object::exception::type_error;
use crate::object::{
    Args, BoundMethod, Cell, ExceptionKind, Function, NativeCode, NativeFunction, Res, Str, Thrown,
    Value, reclaim,
};

impl Machine<'_> {
    /// Begins or continues a thread.
    pub(super) fn resume(&mut self, thread: &mut Thread) -> Ended {
        match std::mem::replace(&mut thread.state, State::Running) {
            State::Running => self.execute(thread),
            State::New(callable, args) => {
                thread.push(callable);
                thread.stack.extend(args);
                match self.call(thread, 0, 0, Vec::new(), Then::Push) {
                    Ok(true) => self.execute(thread),
                    Ok(false) => thread.take_result(),
                    Err(thrown) => {
                        thread.stack.truncate(0);
                        match self.unwind(thread, thrown, 0) {
                            Some(ended) => ended,
                            None => self.execute(thread),
                        }
                    }
                }
            }
            State::Blocked(None) => {
                thread.state = State::Blocked(None);
                Ended::Budget
            }
            State::Blocked(Some(Ok(value))) => {
                if thread.frames.is_empty() {
                    return Ended::Finished(value);
                }
                thread.push(value);
                self.execute(thread)
            }
            State::Blocked(Some(Err(thrown))) => {
                let pc = thread.frames.last().map_or(0, |frame| frame.pc as usize);
                match self.unwind(thread, thrown, pc) {
                    Some(ended) => ended,
                    None => self.execute(thread),
                }
            }
        }
    }

    /// Pushes a frame for a function whose arguments fill the stack from `base`.
    #[inline]
    pub(super) fn push_frame(
        &mut self,
        thread: &mut Thread,
        function: Rc<Function>,
        keep: usize,
        base: usize,
        then: Then,
    ) -> Res<()> {
        if thread.frames.len() + self.outer_frames >= RECURSION_LIMIT {
            return Err(Thrown::new(
                ExceptionKind::RuntimeError,
                "maximum recursion depth exceeded",
            ));
        }
        let code = &function.code;
        let top = base + code.slots as usize;
        while thread.stack.len() < top {
            thread.stack.push(Value::Nil);
        }
        if code.shares {
            share_variables(thread, &function, base);
        }
        thread.budget -= 4;
        thread.frames.push(Frame {
            function,
            pc: 0,
            base: base as u32,
            keep: keep as u32,
            then,
            rare: None,
        });
        Ok(())
    }

    /// Calls what is at `at` on the stack with what is above it. True: a frame was pushed. False: the result is on
    /// top of a stack cut down to `keep`.
    pub(super) fn call(
        &mut self,
        thread: &mut Thread,
        keep: usize,
        at: usize,
        keywords: Vec<(Str, Value)>,
        then: Then,
    ) -> Res<bool> {
        loop {
            match std::mem::take(&mut thread.stack[at]) {
                Value::Function(function) => {
                    self.bind(thread, &function, at + 1, keywords)?;
                    self.push_frame(thread, function, keep, at + 1, then)?;
                    return Ok(true);
                }
                Value::Method(method) => {
                    if method.receiver.is_nil() {
                        self.check_unbound(&method, thread.stack.get(at + 1))?;
                    } else {
                        thread.stack.insert(at + 1, method.receiver.clone());
                    }
                    thread.stack[at] = method.function.clone();
                }
                Value::Native(native) => {
                    let result = self.call_native(&native, &mut thread.stack[at + 1..], &keywords);
                    thread.stack.truncate(keep);
                    thread.push(result?);
                    return Ok(false);
                }
                Value::NativeBound(bound) => {
                    thread.stack.insert(at + 1, bound.receiver.clone());
                    thread.stack[at] = Value::Native(bound.native.clone());
                }
                Value::Class(class) => {
                    return self.instantiate(thread, class, keep, at, keywords, then);
                }
                other => return Err(self.not_callable(&other)),
            }
        }
    }

    /// Ends the top frame with a result.
    // Its only call is in the loop, which must not take its variables into its own.
    #[inline(never)]
    pub(super) fn finish_frame(&mut self, thread: &mut Thread, value: Value, pc: usize) -> Left {
        let Some(frame) = thread.frames.pop() else {
            return Left::bug(bug!("a function returned that is in no frame"));
        };
        let (keep, base) = (frame.keep as usize, frame.base as usize);
        thread.leave(&frame.function.code, keep, base);
        let name = (frame.then == Then::Class).then(|| frame.function.code.name.clone());
        // What only the function held goes now, before the caller goes on.
        drop(frame.function);
        let rare = frame.rare.map(|rare| *rare).unwrap_or_default();
        if let Some(before) = rare.handled_before {
            thread.handled = before;
        }
        match frame.then {
            Then::Push => {
                thread.stack.push(value);
            }
            Then::Replace => {
                drop(value);
                let Some(result) = rare.result else {
                    return Left::bug(bug!("nothing was put aside for the caller"));
                };
                thread.stack.push(result);
            }
            Then::Init => {
                if !value.is_none() {
                    let Some(Value::Instance(instance)) = thread.stack.last() else {
                        return Left::bug(bug!("there is no instance below its __init__"));
                    };
                    let thrown = self.init_result(&instance.class, &value);
                    let pc = thread.frames.last().map_or(pc, |frame| frame.pc as usize);
                    return Left::Thrown(thrown, pc);
                }
            }
            Then::Discard => {
                drop(value);
                self.finalized(thread);
            }
            Then::NextItem { store, .. } => match store {
                Some(slot) => {
                    let Some(caller) = thread.frames.last() else {
                        return Left::bug(bug!("there is no loop for the next item"));
                    };
                    let at = caller.base as usize + slot as usize;
                    thread.stack[at] = value;
                }
                None => thread.stack.push(value),
            },
            Then::Class => {
                let (Some(Value::Tuple(bases)), Some(names), Some(name)) =
                    (thread.stack.pop(), rare.names, name)
                else {
                    return Left::bug(bug!("a class body ended without bases or names"));
                };
                match self.make_class(name, &names, bases.to_vec()) {
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

    fn not_callable(&self, value: &Value) -> Thrown {
        if let Value::Instance(instance) = value
            && instance.class.is_old()
        {
            let name = instance.class.name.lossy();
            return crate::object::exception::attribute_error(format!(
                "{name} instance has no __call__ method"
            ));
        }
        type_error(format!(
            "'{}' object is not callable",
            self.type_name(value)
        ))
    }

    /// The first argument of an unbound method must be an instance of its class.
    fn check_unbound(&self, method: &BoundMethod, first: Option<&Value>) -> Res<()> {
        if let Some(first) = first
            && self.is_instance_of(first, &method.class)
        {
            return Ok(());
        }
        let got = match first {
            None => "nothing".to_owned(),
            Some(Value::Instance(instance)) => format!("{} instance", instance.class.name.lossy()),
            Some(other) => format!("{} instance", self.type_name(other)),
        };
        let function = match &method.function {
            Value::Function(function) => function.code.name.lossy().into_owned(),
            _ => "?".to_owned(),
        };
        Err(type_error(format!(
            "unbound method {function}() must be called with {} instance as first argument (got {got} instead)",
            method.class.name.lossy()
        )))
    }

    /// Calls native code. A method's receiver is the first argument.
    pub(crate) fn call_native(
        &mut self,
        native: &NativeFunction,
        positional: &mut [Value],
        keywords: &[(Str, Value)],
    ) -> Res {
        check_arity(native, positional, keywords)?;
        if let Some(owner) = native.owner {
            let Some(first) = positional.first() else {
                return arity_error(native, positional, keywords).map(|()| Value::None);
            };
            let receiver = first.unwrapped();
            if receiver.tag() != owner
                && !crate::builtins::types::accepts(owner, receiver, positional.first())
            {
                return Err(wrong_receiver(
                    native,
                    owner.name(),
                    &self.type_name(receiver),
                ));
            }
        }
        let mut args = Args {
            positional,
            keywords,
        };
        match &native.code {
            NativeCode::Plain(call) => call(self, &mut args),
            NativeCode::Host(call) => {
                let result = call(self, &mut args);
                self.after_host_call();
                result
            }
        }
    }

    /// What messages call a callable.
    pub(crate) fn callable_name(&self, value: &Value) -> String {
        match value {
            Value::Function(function) => function.code.name.lossy().into_owned(),
            Value::Method(method) => self.callable_name(&method.function),
            Value::Native(native) => native.name.clone(),
            Value::NativeBound(bound) => bound.native.name.clone(),
            Value::Class(class) if !class.is_old() => format!("type object {}", class.name.lossy()),
            Value::Class(class) => format!("classobj {}", class.name.lossy()),
            other => format!("{} object", self.type_name(other)),
        }
    }
}

/// Puts variables shared with other functions into cells.
#[cold]
fn share_variables(thread: &mut Thread, function: &Function, base: usize) {
    let code = &function.code;
    for &slot in &code.cells {
        let value = std::mem::take(&mut thread.stack[base + slot as usize]);
        thread.stack[base + slot as usize] = Value::Cell(Cell::new(value));
    }
    let first = base + code.first_free();
    for (slot, cell) in thread.stack[first..].iter_mut().zip(&function.closure) {
        *slot = Value::Cell(cell.clone());
    }
}

fn wrong_receiver(native: &NativeFunction, owner: &str, got: &str) -> Thrown {
    type_error(format!(
        "descriptor '{}' requires a '{owner}' object but received a '{got}'",
        native.name
    ))
}
