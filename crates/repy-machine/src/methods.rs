//! What the builtin types can do: their methods, operators and subscripts.

pub(crate) mod args;
pub(crate) mod dict;
pub(crate) mod list;
mod merge_runs;
pub(crate) mod number;
pub(crate) mod operators;
pub(crate) mod set;
pub(crate) mod signature;
pub(crate) mod sort;
pub(crate) mod string;
pub(crate) mod string_shape;
pub(crate) mod subscript;

use crate::machine::Machine;
use crate::object::exception::type_error;
use crate::object::{Arity, Payload, Res, Str, Value};
pub(crate) use signature::Entry;
use signature::methods;

/// `__iter__` of containers, views and iterators.
fn iter_method(machine: &mut Machine, receiver: &Value) -> Res {
    machine.iter(receiver.unwrapped())
}

/// `__repr__` of anything builtin.
fn repr_method(machine: &mut Machine, receiver: &Value) -> Res {
    let text = match receiver {
        Value::Instance(instance) => match &instance.payload {
            Payload::Plain => machine.plain_repr(receiver),
            Payload::Exception(part) => {
                let args = part.borrow().args.clone();
                let mut text = instance.class.name.as_bytes().to_vec();
                text.extend(machine.repr_of(&args)?);
                text
            }
            Payload::Value(_) => machine.repr_of(receiver.unwrapped())?,
        },
        other => machine.repr_of(other)?,
    };
    Ok(Value::from_vec(text))
}

/// `__str__` of anything builtin.
fn str_method(machine: &mut Machine, receiver: &Value) -> Res {
    let text = match receiver {
        Value::Instance(instance) => match &instance.payload {
            Payload::Exception(_) => machine.str_of_exception(receiver)?,
            // `object.__str__` shows what `repr` shows.
            Payload::Plain => machine.repr_of(receiver)?,
            Payload::Value(held) => machine.str_of(held)?,
        },
        other => machine.str_of(other)?,
    };
    Ok(Value::from_vec(text))
}

/// `object.__init__`: does nothing.
fn init_nothing(
    _machine: &mut Machine,
    _receiver: &Value,
    _given: &mut [Value],
    _keywords: &[(Str, Value)],
) -> Res {
    Ok(Value::None)
}

/// `iterator.next()`.
fn next_method(
    machine: &mut Machine,
    receiver: &Value,
    given: &mut [Value],
    _keywords: &[(Str, Value)],
) -> Res {
    if !given.is_empty() {
        return Err(type_error(format!(
            "expected 0 arguments, got {}",
            given.len()
        )));
    }
    match receiver {
        Value::Iter(iter) => iter.next(),
        other => machine.next_item(other),
    }
}

methods! {
    /// What all that can be iterated over has.
    ITERABLE of &Value {
        "__iter__"() Arity::Zero => iter_method;
    }
}

methods! {
    /// Methods of iterators.
    ITERATOR of &Value {
        "next"(..) Arity::Positional => next_method;
    }
}

methods! {
    /// What containers have, which show their items.
    SHOWN of &Value {
        "__repr__"() Arity::Zero => repr_method;
    }
}

methods! {
    /// What exceptions have, which show what they were given.
    TOLD of &Value {
        "__str__"() Arity::Zero => str_method;
    }
}

methods! {
    /// Methods everything has.
    OBJECT of &Value {
        "__init__"(..) Arity::Any => init_nothing;
        "__repr__"() Arity::Zero => repr_method;
        "__str__"() Arity::Zero => str_method;
    }
}
