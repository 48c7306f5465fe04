//! Calling: frames for functions of programs, native functions at once, and argument binding as CPython 2.7 does it.

use std::rc::Rc;

use super::frame::{Frame, State, Then, Thread};
use super::run::Ended;
use super::{Machine, RECURSION_LIMIT};
use crate::object::exception::type_error;
use crate::object::{
    Args, Arity, BoundMethod, Cell, Dict, ExceptionKind, Function, NativeCode, NativeFunction, Res,
    Str, Thrown, Value,
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
            NativeCode::Host(call) => call(self, &mut args),
        }
    }

    /// Puts arguments into the parameters' slots from `base` on.
    pub(super) fn bind(
        &mut self,
        thread: &mut Thread,
        function: &Function,
        base: usize,
        keywords: Vec<(Str, Value)>,
    ) -> Res<()> {
        let code = &function.code;
        let params = code.params as usize;
        let given = thread.stack.len() - base;
        if code.simple && given == params && keywords.is_empty() {
            return Ok(());
        }
        let name = code.name.lossy();
        let defaults = function.defaults.len();
        if params == 0 && !code.varargs && !code.kwargs {
            if given > 0 || !keywords.is_empty() {
                return Err(type_error(format!(
                    "{name}() takes no arguments ({} given)",
                    given + keywords.len()
                )));
            }
            return Ok(());
        }
        if given > params && !code.varargs {
            let how = if defaults > 0 { "at most" } else { "exactly" };
            return Err(takes(&name, how, params, given + keywords.len()));
        }
        let extra: Vec<Value> = if given > params {
            thread.stack.drain(base + params..).collect()
        } else {
            Vec::new()
        };
        thread.stack.resize(base + params, Value::Nil);
        let mut more = Dict::new();
        for (keyword, value) in keywords {
            let sym = self.names.find(keyword.as_bytes());
            let found = code
                .slot_names
                .iter()
                .take(params)
                .position(|known| Some(*known) == sym && !keyword.is_empty());
            match found {
                Some(slot) if !thread.stack[base + slot].is_nil() => {
                    return Err(type_error(format!(
                        "{name}() got multiple values for keyword argument '{}'",
                        keyword.lossy()
                    )));
                }
                Some(slot) => thread.stack[base + slot] = value,
                None if code.kwargs => {
                    more.insert(Value::Str(keyword), value)?;
                }
                None => {
                    return Err(type_error(format!(
                        "{name}() got an unexpected keyword argument '{}'",
                        keyword.lossy()
                    )));
                }
            }
        }
        if given < params {
            let required = params - defaults.min(params);
            for slot in given..required {
                if thread.stack[base + slot].is_nil() {
                    let filled = thread.stack[base..base + params]
                        .iter()
                        .filter(|value| !value.is_nil())
                        .count();
                    let how = if code.varargs || defaults > 0 {
                        "at least"
                    } else {
                        "exactly"
                    };
                    return Err(takes(&name, how, required, filled));
                }
            }
            for (at, default) in function.defaults.iter().enumerate() {
                let slot = &mut thread.stack[base + required + at];
                if slot.is_nil() {
                    *slot = default.clone();
                }
            }
        }
        if code.varargs {
            thread.push(Value::tuple(extra));
        }
        if code.kwargs {
            thread.push(Value::dict(more));
        }
        Ok(())
    }

    /// `f(a, k=b, *c, **d)`: spreads what the stars give onto the stack and returns the keywords.
    pub(super) fn spread(
        &mut self,
        thread: &mut Thread,
        positional: usize,
        stars: u8,
        names: &[Str],
    ) -> Res<Vec<(Str, Value)>> {
        let star_star = if stars & 2 != 0 {
            Some(thread.pop()?)
        } else {
            None
        };
        let star = if stars & 1 != 0 {
            Some(thread.pop()?)
        } else {
            None
        };
        let at = thread.stack.len() - names.len();
        let values: Vec<Value> = thread.stack.drain(at..).collect();
        let callee = thread.stack.len() - positional - 1;
        let mut keywords: Vec<(Str, Value)> = Vec::new();
        if let Some(mapping) = star_star {
            let mut merged = Dict::new();
            match mapping.unwrapped() {
                Value::Dict(dict) => merged = dict.borrow().copied()?,
                Value::Host(host) if host.inner.mapping().is_some() => {
                    if let Some(mapping) = host.inner.mapping() {
                        for key in mapping.keys() {
                            let value = mapping.item(&key)?;
                            merged.insert(key, value)?;
                        }
                    }
                }
                other => {
                    return Err(type_error(format!(
                        "{}() argument after ** must be a mapping, not {}",
                        self.callable_name(&thread.stack[callee]),
                        self.type_name(other)
                    )));
                }
            }
            for (name, value) in names.iter().zip(values).rev() {
                if merged.get_name(name).is_some() {
                    return Err(type_error(format!(
                        "{}() got multiple values for keyword argument '{}'",
                        self.callable_name(&thread.stack[callee]),
                        name.lossy()
                    )));
                }
                merged.insert_name(name, value);
            }
            for (key, value) in merged.iter() {
                match key.unwrapped() {
                    Value::Str(name) => keywords.push((name.clone(), value.clone())),
                    _ => {
                        let name = self.callable_name(&thread.stack[callee]);
                        return Err(type_error(format!("{name}() keywords must be strings")));
                    }
                }
            }
        } else {
            keywords.extend(names.iter().cloned().zip(values));
        }
        if let Some(star) = star {
            let items = match star.unwrapped() {
                Value::Tuple(tuple) => tuple.to_vec(),
                Value::List(list) => list.to_vec(),
                _ => self.collect(&star).map_err(|thrown| {
                    if thrown.is(ExceptionKind::TypeError) && !self.is_iterable(&star) {
                        type_error(format!(
                            "{}() argument after * must be an iterable, not {}",
                            self.callable_name(&thread.stack[callee]),
                            self.type_name(&star)
                        ))
                    } else {
                        thrown
                    }
                })?,
            };
            thread.stack.extend(items);
        }
        Ok(keywords)
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

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn takes(name: &str, how: &str, count: usize, given: usize) -> Thrown {
    type_error(format!(
        "{name}() takes {how} {count} argument{} ({given} given)",
        plural(count)
    ))
}

fn wrong_receiver(native: &NativeFunction, owner: &str, got: &str) -> Thrown {
    type_error(format!(
        "descriptor '{}' requires a '{owner}' object but received a '{got}'",
        native.name
    ))
}

fn check_arity(
    native: &NativeFunction,
    positional: &[Value],
    keywords: &[(Str, Value)],
) -> Res<()> {
    if native.arity == Arity::Any {
        return Ok(());
    }
    let receiver = usize::from(native.owner.is_some());
    let given = positional.len().wrapping_sub(receiver);
    let fits = match native.arity {
        Arity::Any | Arity::Positional => true,
        Arity::Zero => given == 0,
        Arity::One => given == 1,
        Arity::Parse(least, most) | Arity::Unpack(least, most) => {
            (least as usize..=most as usize).contains(&given)
        }
    };
    if fits && keywords.is_empty() {
        return Ok(());
    }
    arity_error(native, positional, keywords)
}

#[cold]
fn arity_error(
    native: &NativeFunction,
    positional: &[Value],
    keywords: &[(Str, Value)],
) -> Res<()> {
    let name = match native.name.as_str() {
        "find" | "rfind" | "index" | "rindex"
            if native.owner == Some(crate::object::TypeTag::Str) =>
        {
            "find/rfind/index/rindex"
        }
        name => name,
    };
    let receiver = usize::from(native.owner.is_some());
    if positional.len() < receiver {
        let owner = native.owner.map_or("", |owner| owner.name());
        return Err(type_error(format!(
            "descriptor '{name}' of '{owner}' object needs an argument"
        )));
    }
    if !keywords.is_empty() {
        return Err(type_error(format!("{name}() takes no keyword arguments")));
    }
    let given = positional.len() - receiver;
    match native.arity {
        Arity::Any | Arity::Positional => Ok(()),
        Arity::Zero if given == 0 => Ok(()),
        Arity::Zero => Err(type_error(format!(
            "{name}() takes no arguments ({given} given)"
        ))),
        Arity::One if given == 1 => Ok(()),
        Arity::One => Err(type_error(format!(
            "{name}() takes exactly one argument ({given} given)"
        ))),
        Arity::Parse(least, most) => {
            let (least, most) = (least as usize, most as usize);
            if (least..=most).contains(&given) {
                return Ok(());
            }
            let how = if least == most {
                "exactly"
            } else if given < least {
                "at least"
            } else {
                "at most"
            };
            Err(takes(
                name,
                how,
                if given < least { least } else { most },
                given,
            ))
        }
        Arity::Unpack(least, most) => {
            let (least, most) = (least as usize, most as usize);
            if (least..=most).contains(&given) {
                return Ok(());
            }
            let (how, count) = if given < least {
                ("at least ", least)
            } else {
                ("at most ", most)
            };
            let how = if least == most { "" } else { how };
            Err(type_error(format!(
                "{name} expected {how}{count} arguments, got {given}"
            )))
        }
    }
}
