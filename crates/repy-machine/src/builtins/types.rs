//! Builtin types called as functions: `int('12')`, `list(x)`, `dict(a=1)`.

use std::rc::Rc;

use super::super::methods::{args, dict as dicts, set as sets};
use crate::arithmetic::convert;
use crate::machine::Machine;
use crate::number::Number;
use crate::object::exception::{type_error, value_error};
use crate::object::{
    Args, DictObject, Payload, Res, Set, SetObject, SliceObject, Str, TypeTag, Value, XRange,
};

/// Whether a method of the type `owner` may be called on a receiver.
pub(crate) fn accepts(owner: TypeTag, receiver: &Value, raw: Option<&Value>) -> bool {
    let tag = receiver.tag();
    match owner {
        TypeTag::Object => true,
        TypeTag::Exception => {
            matches!(raw, Some(Value::Instance(instance)) if matches!(instance.payload, Payload::Exception(_)))
        }
        TypeTag::Int => matches!(tag, TypeTag::Int | TypeTag::Bool),
        _ => tag == owner,
    }
}

/// Takes keyword arguments into the positions of these names; complains about others.
fn with_keywords(call: &mut Args<'_>, function: &str, names: &[&str]) -> Res<Vec<Value>> {
    let most = names.len();
    let given = call.len() + call.keywords.len();
    if given > most {
        let plural = if most == 1 { "" } else { "s" };
        return Err(type_error(format!(
            "{function}() takes at most {most} argument{plural} ({given} given)"
        )));
    }
    let mut values = vec![Value::Nil; most];
    for (slot, value) in values.iter_mut().zip(call.positional.iter()) {
        *slot = value.clone();
    }
    for (name, value) in call.keywords {
        match names
            .iter()
            .position(|known| known.as_bytes() == name.as_bytes())
        {
            Some(at) if values.get(at).is_some_and(Value::is_nil) => {
                if let Some(slot) = values.get_mut(at) {
                    *slot = value.clone();
                }
            }
            Some(at) => {
                return Err(type_error(format!(
                    "Argument given by name ('{}') and position ({})",
                    name.lossy(),
                    at + 1
                )));
            }
            None => {
                return Err(type_error(format!(
                    "'{}' is an invalid keyword argument for this function",
                    name.lossy()
                )));
            }
        }
    }
    Ok(values)
}

fn no_keywords(call: &Args<'_>, function: &str) -> Res<()> {
    if call.keywords.is_empty() {
        Ok(())
    } else {
        Err(type_error(format!(
            "{function}() does not take keyword arguments"
        )))
    }
}

/// Makes a value of a builtin type.
pub(crate) fn construct(machine: &mut Machine, tag: TypeTag, call: &mut Args<'_>) -> Res {
    if call.keywords.is_empty()
        && let [only] = &mut *call.positional
    {
        match (tag, &*only) {
            (TypeTag::Str, Value::Int(int)) => {
                return Ok(Value::Str(crate::text::repr::int_text(*int)));
            }
            (TypeTag::Str, Value::Str(_)) | (TypeTag::Int, Value::Int(_)) => {
                return Ok(std::mem::take(only));
            }
            (TypeTag::Str, other) => return Ok(Value::from_vec(machine.str_of(other)?)),
            (TypeTag::Int, Value::Str(text)) => {
                return convert::parse_integer(text.as_bytes(), None, false);
            }
            (TypeTag::Int, Value::Float(_)) => return convert::to_integer(only, false, "float"),
            _ => {}
        }
    }
    match tag {
        TypeTag::Int => integer(machine, call, false),
        TypeTag::Long => integer(machine, call, true),
        TypeTag::Float => float(machine, call),
        TypeTag::Str => {
            let values = with_keywords(call, "str", &["object"])?;
            match values.first() {
                Some(Value::Nil) | None => Ok(Value::bytes(b"")),
                Some(Value::Str(string)) => Ok(Value::Str(string.clone())),
                Some(value) => Ok(Value::from_vec(machine.str_of(value)?)),
            }
        }
        TypeTag::Bool => {
            let values = with_keywords(call, "bool", &["x"])?;
            Ok(Value::bool(
                values.first().is_some_and(|value| machine.is_true(value)),
            ))
        }
        TypeTag::Complex => complex(machine, call),
        TypeTag::List => {
            let values = with_keywords(call, "list", &["sequence"])?;
            match values.first() {
                Some(Value::Nil) | None => Ok(Value::list(Vec::new())),
                Some(items) => Ok(Value::list(collected(machine, items)?)),
            }
        }
        TypeTag::Tuple => {
            let values = with_keywords(call, "tuple", &["sequence"])?;
            match values.first() {
                Some(Value::Nil) | None => Ok(Value::tuple(Vec::new())),
                Some(Value::Tuple(tuple)) => Ok(Value::Tuple(tuple.clone())),
                Some(items) => Ok(Value::tuple(collected(machine, items)?)),
            }
        }
        TypeTag::Dict => {
            if call.len() > 1 {
                return Err(type_error(format!(
                    "dict expected at most 1 arguments, got {}",
                    call.len()
                )));
            }
            let dict = DictObject::default();
            dicts::update_with(machine, &dict, call.get(0), call.keywords)?;
            Ok(Value::Dict(Rc::new(dict)))
        }
        TypeTag::Set => {
            if !call.keywords.is_empty() {
                return Err(type_error("set() does not take keyword arguments"));
            }
            if call.len() > 1 {
                return Err(type_error(format!(
                    "set expected at most 1 arguments, got {}",
                    call.len()
                )));
            }
            Ok(Value::Set(Rc::new(SetObject::new(set_of(machine, call)?))))
        }
        TypeTag::FrozenSet => {
            no_keywords(call, "frozenset")?;
            if call.len() > 1 {
                return Err(type_error(format!(
                    "frozenset expected at most 1 arguments, got {}",
                    call.len()
                )));
            }
            if let Some(Value::FrozenSet(set)) = call.get(0) {
                return Ok(Value::FrozenSet(set.clone()));
            }
            Ok(Value::FrozenSet(Rc::new(SetObject::new(set_of(
                machine, call,
            )?))))
        }
        TypeTag::Object => {
            if !call.is_empty() || !call.keywords.is_empty() {
                return Err(type_error("object() takes no parameters"));
            }
            let class = machine.type_class(TypeTag::Object);
            Ok(machine.new_instance(class, Payload::Plain))
        }
        TypeTag::Slice => {
            no_keywords(call, "slice")?;
            let (start, stop, step) = match call.len() {
                0 => return Err(type_error("slice expected at least 1 arguments, got 0")),
                1 => (Value::None, call.take(0), Value::None),
                2 => (call.take(0), call.take(1), Value::None),
                3 => (call.take(0), call.take(1), call.take(2)),
                more => {
                    return Err(type_error(format!(
                        "slice expected at most 3 arguments, got {more}"
                    )));
                }
            };
            Ok(Value::Slice(Rc::new(SliceObject { start, stop, step })))
        }
        TypeTag::XRange => xrange(call),
        other => Err(type_error(format!(
            "cannot create '{}' instances",
            other.name()
        ))),
    }
}

fn collected(machine: &mut Machine, items: &Value) -> Res<Vec<Value>> {
    // An instance's own `__iter__` goes before what it holds.
    let collected = machine.collect(items)?;
    machine.reserve(collected.len() * size_of::<Value>())?;
    Ok(collected)
}

fn set_of(machine: &mut Machine, call: &Args<'_>) -> Res<Set> {
    let mut set = Set::new();
    if let Some(items) = call.get(0).cloned() {
        sets::update_with(machine, &mut set, &items)?;
    }
    Ok(set)
}

fn integer(machine: &mut Machine, call: &mut Args<'_>, is_long: bool) -> Res {
    let function = if is_long { "long" } else { "int" };
    let values = with_keywords(call, function, &["x", "base"])?;
    let zero = || {
        if is_long {
            Value::long(0.into())
        } else {
            Value::Int(0)
        }
    };
    let (value, base) = match &values[..] {
        [value, base] => (value, base),
        _ => return Ok(zero()),
    };
    if base.is_nil() {
        return match value.unwrapped() {
            Value::Nil => Ok(zero()),
            Value::Str(text) => convert::parse_integer(text.as_bytes(), None, is_long),
            other => {
                if let Some(thrown) = args::lacks(value, "__trunc__") {
                    return Err(thrown);
                }
                convert::to_integer(other, is_long, &machine.type_name(value))
            }
        };
    }
    let base = i64::from(args::c_int(base)?);
    match value.unwrapped() {
        Value::Str(text) => convert::parse_integer(text.as_bytes(), Some(base), is_long),
        Value::Nil => Err(type_error(format!("{function}() missing string argument"))),
        _ => Err(type_error(format!(
            "{function}() can't convert non-string with explicit base"
        ))),
    }
}

fn float(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let values = with_keywords(call, "float", &["x"])?;
    let Some(value) = values.first() else {
        return Ok(Value::float(0.0));
    };
    match value.unwrapped() {
        Value::Nil => Ok(Value::float(0.0)),
        Value::Str(text) => Ok(Value::float(convert::parse_float(text.as_bytes())?)),
        other => match other.number() {
            Some(Number::Complex(_)) => Err(type_error("can't convert complex to float")),
            // A float is handed back as it is; which object it is shows where it is not a number.
            Some(Number::Float(_)) if matches!(other, Value::Float(_)) => Ok(other.clone()),
            Some(number) => Ok(Value::float(number.to_float()?)),
            None => {
                if let Some(thrown) = args::lacks(value, "__float__") {
                    return Err(thrown);
                }
                let _ = machine;
                Err(type_error("float() argument must be a string or a number"))
            }
        },
    }
}

fn complex(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let values = with_keywords(call, "complex", &["real", "imag"])?;
    let (real, imaginary) = match &values[..] {
        [real, imaginary] => (real, imaginary),
        _ => return Ok(Value::Complex(Rc::new((0.0, 0.0)))),
    };
    let _ = machine;
    if let Value::Str(text) = real.unwrapped() {
        if !imaginary.is_nil() {
            return Err(type_error(
                "complex() can't take second arg if first is a string",
            ));
        }
        return Ok(Value::Complex(Rc::new(convert::parse_complex(
            text.as_bytes(),
        )?)));
    }
    if let Value::Str(_) = imaginary.unwrapped() {
        return Err(type_error("complex() second arg can't be a string"));
    }
    let part = |value: &Value| match value {
        Value::Nil => Ok((0.0, 0.0)),
        other => match other.unwrapped().number() {
            Some(number) => Ok(number.to_complex()?),
            None => Err(args::lacks(other, "__float__")
                .unwrap_or_else(|| type_error("complex() argument must be a string or a number"))),
        },
    };
    let (r, i) = (part(real)?, part(imaginary)?);
    // Parts are added only where there are two, so that negative zeros survive.
    let is_complex = |value: &Value| matches!(value.unwrapped(), Value::Complex(_));
    let real_part = if is_complex(imaginary) {
        r.0 - i.1
    } else {
        r.0
    };
    let imaginary_part = match (is_complex(real), imaginary.is_nil()) {
        (true, true) => r.1,
        (true, false) => r.1 + i.0,
        (false, _) => i.0,
    };
    Ok(Value::Complex(Rc::new((real_part, imaginary_part))))
}

fn xrange(call: &mut Args<'_>) -> Res {
    no_keywords(call, "xrange")?;
    let (start, stop, step) = match call.positional {
        [stop] => (0, args::integer(stop)?, 1),
        [start, stop] => (args::integer(start)?, args::integer(stop)?, 1),
        [start, stop, step] => (
            args::integer(start)?,
            args::integer(stop)?,
            args::integer(step)?,
        ),
        [] => return Err(type_error("xrange() requires 1-3 int arguments")),
        _ => return Err(type_error("xrange() requires 1-3 int arguments")),
    };
    if step == 0 {
        return Err(value_error("xrange() arg 3 must not be zero"));
    }
    let len = super::iteration::range_len(start.into(), stop.into(), step.into());
    match i64::try_from(len) {
        Ok(len) => Ok(Value::XRange(Rc::new(XRange { start, step, len }))),
        Err(_) => Err(crate::object::exception::overflow_error(
            "xrange() result has too many items",
        )),
    }
}

/// A string as `chr()` makes it.
pub(crate) fn chr(code: i64) -> Res {
    match u8::try_from(code) {
        Ok(byte) => Ok(Value::Str(Str::from_byte(byte))),
        Err(_) => Err(value_error("chr() arg not in range(256)")),
    }
}
