//! Operators of strings, sequences and sets, and the messages when there is none.

use std::rc::Rc;

use super::set as sets;
use super::signature::{AnySet, class_of_instance};
use crate::arithmetic;
use crate::machine::Machine;
use crate::object::exception::{memory_error, overflow_error, type_error};
use crate::object::{Res, Set, SetObject, Signal, Str, Thrown, Value};
use crate::string::LONGEST_STRING;
use overlord_repy_syntax::ast::BinaryOp;

fn symbol(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::FloorDiv => "//",
        BinaryOp::Mod => "%",
        BinaryOp::Pow => "** or pow()",
        BinaryOp::LeftShift => "<<",
        BinaryOp::RightShift => ">>",
        BinaryOp::BitAnd => "&",
        BinaryOp::BitOr => "|",
        BinaryOp::BitXor => "^",
    }
}

fn unsupported(machine: &Machine, op: BinaryOp, a: &Value, b: &Value) -> Thrown {
    type_error(format!(
        "unsupported operand type(s) for {}: '{}' and '{}'",
        symbol(op),
        machine.type_name(a),
        machine.type_name(b)
    ))
}

/// The message of a failed `a op= b`, which names the operator with its `=` (save `**=`).
pub(crate) fn in_place_message(thrown: Thrown, op: BinaryOp) -> Thrown {
    let plain = format!("unsupported operand type(s) for {}:", symbol(op));
    if op == BinaryOp::Pow {
        return thrown;
    }
    if let Signal::New(kind, args) = thrown.signal()
        && let [Value::Str(message)] = &args[..]
        && let Some(rest) = message.as_bytes().strip_prefix(plain.as_bytes())
    {
        let mut text = format!("unsupported operand type(s) for {}=:", symbol(op)).into_bytes();
        text.extend_from_slice(rest);
        return Thrown::with_bytes(*kind, text);
    }
    thrown
}

/// `a op b` for anything but two numbers.
pub(crate) fn binary(machine: &mut Machine, op: BinaryOp, a: &Value, b: &Value) -> Res {
    let (x, y) = (a.unwrapped(), b.unwrapped());
    match (op, x, y) {
        (BinaryOp::Add, Value::Str(x), Value::Str(y)) => {
            machine.reserve(x.len().saturating_add(y.len()))?;
            Ok(Value::Str(Str::concat(x.as_bytes(), y.as_bytes())))
        }
        (BinaryOp::Add, Value::Str(_), _) => Err(type_error(format!(
            "cannot concatenate 'str' and '{}' objects",
            machine.type_name(b)
        ))),
        (BinaryOp::Add, Value::List(x), Value::List(y)) => {
            machine.reserve((x.len() + y.len()) * size_of::<Value>())?;
            let (x, y) = (x.items.borrow(), y.items.borrow());
            Ok(Value::list(x.iter().chain(y.iter()).cloned().collect()))
        }
        (BinaryOp::Add, Value::Tuple(x), Value::Tuple(y)) => {
            machine.reserve((x.len() + y.len()) * size_of::<Value>())?;
            Ok(Value::tuple(x.iter().chain(y.iter()).cloned().collect()))
        }
        (BinaryOp::Add, Value::List(_) | Value::Tuple(_), _) => {
            let name = x.tag().name();
            Err(type_error(format!(
                "can only concatenate {name} (not \"{}\") to {name}",
                machine.type_name(b)
            )))
        }
        (BinaryOp::Mul, Value::Str(_) | Value::List(_) | Value::Tuple(_), _) => {
            repeat(machine, x, b)
        }
        (BinaryOp::Mul, _, Value::Str(_) | Value::List(_) | Value::Tuple(_)) => {
            repeat(machine, y, a)
        }
        (BinaryOp::Mod, Value::Str(format), _) => {
            let format = format.clone();
            Ok(Value::from_vec(
                machine.percent_format(format.as_bytes(), b)?,
            ))
        }
        (
            BinaryOp::Sub | BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor,
            Value::Set(s) | Value::FrozenSet(s),
            Value::Set(t) | Value::FrozenSet(t),
        ) => {
            let result = combine(op, s, t)?;
            // Of the class of the left one.
            let left = AnySet {
                object: s,
                is_frozen: matches!(x, Value::FrozenSet(_)),
                class: class_of_instance(a),
            };
            Ok(left.like(machine, result))
        }
        (
            BinaryOp::Sub | BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor,
            Value::View(view),
            _,
        ) if view.kind != crate::object::ViewKind::Values => {
            let own = sets::from_items(view.items())?;
            let other = sets::from_items(machine.collect(b)?)?;
            let (own, other) = (SetObject::new(own), SetObject::new(other));
            Ok(Value::Set(Rc::new(SetObject::new(combine(
                op, &own, &other,
            )?))))
        }
        _ => Err(unsupported(machine, op, a, b)),
    }
}

fn combine(op: BinaryOp, s: &SetObject, t: &SetObject) -> Res<Set> {
    let same = std::ptr::eq(s, t);
    Ok(match op {
        BinaryOp::Sub => s.borrow().difference(t.borrow().table())?,
        BinaryOp::BitAnd if same => s.borrow().copied()?,
        BinaryOp::BitAnd => s.borrow().intersection(&t.borrow())?,
        BinaryOp::BitOr => {
            let mut result = s.borrow().copied()?;
            result.merge(&t.borrow())?;
            result
        }
        _ => {
            let mut result = t.borrow().copied()?;
            result.toggle(s.borrow().table())?;
            result
        }
    })
}

/// `sequence * count`.
fn repeat(machine: &mut Machine, sequence: &Value, count: &Value) -> Res {
    if let Some(thrown) = super::args::lacks_index(count) {
        return Err(thrown);
    }
    let count = match arithmetic::as_index(count) {
        Some(Ok(count)) => usize::try_from(count).unwrap_or(0),
        Some(Err(())) => {
            return Err(overflow_error(
                "cannot fit 'long' into an index-sized integer",
            ));
        }
        None => {
            return Err(type_error(format!(
                "can't multiply sequence by non-int of type '{}'",
                machine.type_name(count)
            )));
        }
    };
    Ok(match sequence {
        Value::Str(string) => {
            if count == 1 {
                return Ok(sequence.clone());
            }
            let total = string.len().saturating_mul(count);
            if total > LONGEST_STRING {
                return Err(overflow_error("repeated string is too long"));
            }
            machine.reserve(total)?;
            Value::from_vec(string.as_bytes().repeat(count))
        }
        Value::List(list) => Value::list(repeat_items(machine, &list.items.borrow(), count)?),
        Value::Tuple(_) if count == 1 => sequence.clone(),
        Value::Tuple(tuple) => Value::tuple(repeat_items(machine, tuple, count)?),
        _ => Value::None,
    })
}

fn repeat_items(machine: &Machine, items: &[Value], count: usize) -> Res<Vec<Value>> {
    let total = items
        .len()
        .checked_mul(count)
        .filter(|total| *total < isize::MAX as usize / size_of::<Value>());
    let Some(total) = total else {
        return Err(memory_error());
    };
    machine.reserve(total * size_of::<Value>())?;
    let mut out = Vec::with_capacity(total);
    if items.is_empty() {
        return Ok(out);
    }
    for _ in 0..count {
        out.extend_from_slice(items);
    }
    Ok(out)
}

/// `a op= b` for what changes in place; None if the operator makes a new value.
pub(crate) fn in_place(
    machine: &mut Machine,
    op: BinaryOp,
    a: &Value,
    b: &Value,
) -> Res<Option<Value>> {
    match (op, a.unwrapped(), b.unwrapped()) {
        (BinaryOp::Add, Value::List(list), _) => {
            super::list::extend_with(machine, list, b)?;
            Ok(Some(a.clone()))
        }
        (BinaryOp::Mul, Value::List(list), count) => {
            let Some(Ok(count)) = arithmetic::as_index(count) else {
                return Ok(None);
            };
            let repeated = repeat_items(
                machine,
                &list.items.borrow(),
                usize::try_from(count).unwrap_or(0),
            )?;
            let old = list.items.replace(repeated);
            drop(old);
            Ok(Some(a.clone()))
        }
        (
            BinaryOp::Sub | BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor,
            Value::Set(s),
            Value::Set(t) | Value::FrozenSet(t),
        ) => {
            sets::update_in_place(op, s, t)?;
            Ok(Some(a.clone()))
        }
        _ => Ok(None),
    }
}
