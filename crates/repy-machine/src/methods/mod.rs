//! What the builtin types can do: their methods, operators and subscripts.

pub(crate) mod args;
pub(crate) mod dict;
pub(crate) mod list;
mod merge_runs;
pub(crate) mod number;
pub(crate) mod operators;
pub(crate) mod set;
pub(crate) mod sort;
pub(crate) mod string;
pub(crate) mod string_shape;
pub(crate) mod subscript;

use crate::object::exception::type_error;
use crate::object::function::NativeCall;
use crate::object::{Args, Arity, Res, Value};
use crate::vm::Machine;

/// A method as the tables list it.
pub(crate) type Entry = (&'static str, Arity, NativeCall);

/// `__iter__` of containers.
pub(crate) fn iter_method(machine: &mut Machine, args: &mut Args<'_>) -> Res {
    let receiver = args.take(0).unwrapped().clone();
    machine.iter(&receiver)
}

/// `__repr__` of anything builtin.
pub(crate) fn repr_method(machine: &mut Machine, args: &mut Args<'_>) -> Res {
    let receiver = args.take(0);
    let text = match &receiver {
        Value::Instance(instance) if matches!(instance.payload, crate::object::Payload::Plain) => {
            machine.plain_repr(&receiver)
        }
        Value::Instance(instance) => match &instance.payload {
            crate::object::Payload::Exception(part) => {
                let args = part.borrow().args.clone();
                let mut text = instance.class.name.as_bytes().to_vec();
                text.extend(machine.repr_of(&args)?);
                text
            }
            _ => machine.repr_of(receiver.unwrapped())?,
        },
        other => machine.repr_of(other)?,
    };
    Ok(Value::from_vec(text))
}

/// `__str__` of anything builtin.
pub(crate) fn str_method(machine: &mut Machine, args: &mut Args<'_>) -> Res {
    let receiver = args.take(0);
    let text = match &receiver {
        Value::Instance(instance) if instance.exception().is_some() => {
            machine.str_of_exception(&receiver)?
        }
        // `object.__str__` shows what `repr` shows.
        Value::Instance(instance) if matches!(instance.payload, crate::object::Payload::Plain) => {
            machine.repr_of(&receiver)?
        }
        other => machine.str_of(other.unwrapped())?,
    };
    Ok(Value::from_vec(text))
}

/// `object.__init__`: does nothing.
pub(crate) fn init_nothing(_machine: &mut Machine, _args: &mut Args<'_>) -> Res {
    Ok(Value::None)
}

/// `iterator.next()`.
pub(crate) fn next_method(machine: &mut Machine, args: &mut Args<'_>) -> Res {
    if args.len() > 1 {
        return Err(type_error(format!(
            "expected 0 arguments, got {}",
            args.len() - 1
        )));
    }
    match args.take(0) {
        Value::Iter(iter) => iter.next(),
        other => machine.next_item(&other),
    }
}

/// Methods of iterators.
pub(crate) const ITERATOR: &[Entry] = &[
    ("next", Arity::Positional, next_method),
    ("__iter__", Arity::Zero, iter_method),
];

/// Methods everything has.
pub(crate) const OBJECT: &[Entry] = &[
    ("__init__", Arity::Any, init_nothing),
    ("__repr__", Arity::Zero, repr_method),
    ("__str__", Arity::Zero, str_method),
];
