//! How arguments come to parameters, and what is said if they do not fit: as CPython 2.7 does it.

use crate::machine::Machine;
use crate::machine::frame::Thread;
use crate::object::exception::type_error;
use crate::object::{
    Arity, Dict, ExceptionKind, Function, NativeFunction, Res, Str, Thrown, Value,
};

impl Machine<'_> {
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
}

/// Whether a native function can be called with these arguments.
pub(super) fn check_arity(
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

/// What is said if it cannot.
#[cold]
pub(super) fn arity_error(
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

fn takes(name: &str, how: &str, count: usize, given: usize) -> Thrown {
    type_error(format!(
        "{name}() takes {how} {count} argument{} ({given} given)",
        plural(count)
    ))
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
