//! The order of any two values. No code of the program is ever run (Repy has no `__cmp__`). Whether two are equal is in
//! [`equality`](crate::object::equality).

use std::cmp::Ordering;

use crate::number::{Number, numbers_equal, order_numbers};
use crate::object::Str;
use crate::object::equality::{LONG, contents, enter, equal, same_or_equal};
use crate::object::exception::type_error;
use crate::object::{Dict, Payload, Res, Thrown, TypeTag, Value};
use crate::work;
use overlord_repy_syntax::ast::CompareOp;

fn order_strings(x: &Str, y: &Str) -> Res<Ordering> {
    let common = x.len().min(y.len());
    if common > LONG && !x.is_same(y) {
        work::spend_bytes(common)?;
    }
    Ok(x.as_bytes().cmp(y.as_bytes()))
}

/// The truth of `a op b` for the six orderings.
pub(crate) fn rich(op: CompareOp, a: &Value, b: &Value) -> Res<bool> {
    match op {
        CompareOp::Equal => return equal(a, b),
        CompareOp::NotEqual => return equal(a, b).map(|equal| !equal),
        _ => {}
    }
    work::spend(1)?;
    let (x, y) = (a.unwrapped(), b.unwrapped());
    if let (Value::Str(x), Value::Str(y)) = (x, y) {
        return Ok(holds(op, order_strings(x, y)?));
    }
    let _level = enter()?;
    match (x, y) {
        (Value::Tuple(x), Value::Tuple(y)) => return sequences(op, x, y),
        (Value::List(x), Value::List(y)) => {
            crate::memory::reserve((x.len() + y.len()) * size_of::<Value>())?;
            let (x, y) = (x.to_vec(), y.to_vec());
            return sequences(op, &x, &y);
        }
        (Value::Set(s) | Value::FrozenSet(s), Value::Set(t) | Value::FrozenSet(t)) => {
            let (s, t) = (s.borrow(), t.borrow());
            return match op {
                CompareOp::Less => Ok(s.len() < t.len() && s.is_subset(&t)?),
                CompareOp::LessEqual => s.is_subset(&t),
                CompareOp::Greater => Ok(t.len() < s.len() && t.is_subset(&s)?),
                _ => t.is_subset(&s),
            };
        }
        _ => {}
    }
    if let (Some(m), Some(n)) = (x.number(), y.number()) {
        if matches!(m, Number::Complex(_)) || matches!(n, Number::Complex(_)) {
            return Err(no_order());
        }
        return Ok(order_numbers(&m, &n).is_some_and(|order| holds(op, order)));
    }
    Ok(holds(op, order_in_container(a, b)?))
}

fn no_order() -> Thrown {
    type_error("no ordering relation is defined for complex numbers")
}

fn holds(op: CompareOp, order: Ordering) -> bool {
    match op {
        CompareOp::Less => order == Ordering::Less,
        CompareOp::LessEqual => order != Ordering::Greater,
        CompareOp::Greater => order == Ordering::Greater,
        CompareOp::GreaterEqual => order != Ordering::Less,
        CompareOp::NotEqual => order != Ordering::Equal,
        _ => order == Ordering::Equal,
    }
}

fn sequences(op: CompareOp, x: &[Value], y: &[Value]) -> Res<bool> {
    for (a, b) in x.iter().zip(y) {
        if !same_or_equal(a, b)? {
            return rich(op, a, b);
        }
    }
    Ok(holds(op, x.len().cmp(&y.len())))
}

/// `cmp(a, b)`.
pub(crate) fn order(a: &Value, b: &Value) -> Res<Ordering> {
    let (x, y) = (a.unwrapped(), b.unwrapped());
    // `cmp` of two sets of one kind is refused outright; within containers it goes by `<` and `>`.
    if !a.is_same(b) && matches!(x, Value::Set(_) | Value::FrozenSet(_)) && x.tag() == y.tag() {
        return Err(type_error("cannot compare sets using cmp()"));
    }
    order_in_container(a, b)
}

fn order_in_container(a: &Value, b: &Value) -> Res<Ordering> {
    work::spend(1)?;
    if a.is_same(b) {
        return Ok(Ordering::Equal);
    }
    let (x, y) = (a.unwrapped(), b.unwrapped());
    if let (Value::Str(x), Value::Str(y)) = (x, y) {
        return order_strings(x, y);
    }
    let _level = enter()?;
    match (x, y) {
        (Value::Tuple(x), Value::Tuple(y)) => return order_sequences(x, y),
        (Value::List(x), Value::List(y)) => {
            crate::memory::reserve((x.len() + y.len()) * size_of::<Value>())?;
            let (x, y) = (x.to_vec(), y.to_vec());
            return order_sequences(&x, &y);
        }
        (Value::Dict(x), Value::Dict(y)) => return order_dicts(&x.borrow(), &y.borrow()),
        (Value::Set(s) | Value::FrozenSet(s), Value::Set(t) | Value::FrozenSet(t)) => {
            let no_order = || Err(type_error("cannot compare sets using cmp()"));
            let (s, t) = (s.borrow(), t.borrow());
            return match (s.is_subset(&t)?, t.is_subset(&s)?) {
                (true, true) => Ok(Ordering::Equal),
                (true, false) => Ok(Ordering::Less),
                (false, true) => Ok(Ordering::Greater),
                (false, false) => no_order(),
            };
        }
        (Value::Slice(x), Value::Slice(y)) => {
            for (p, q) in [(&x.start, &y.start), (&x.stop, &y.stop), (&x.step, &y.step)] {
                let order = order_in_container(p, q)?;
                if order != Ordering::Equal {
                    return Ok(order);
                }
            }
            return Ok(Ordering::Equal);
        }
        (Value::Host(_), _) | (_, Value::Host(_)) => {
            if let (Some(x), Some(y)) = (contents(x)?, contents(y)?) {
                return order_in_container(&x, &y);
            }
        }
        _ => {}
    }
    if let (Some(m), Some(n)) = (x.number(), y.number()) {
        if matches!(m, Number::Complex(_)) || matches!(n, Number::Complex(_)) {
            if numbers_equal(&m, &n) {
                return Ok(Ordering::Equal);
            }
            return Err(no_order());
        }
        // What is not a number is neither more nor less: CPython then goes by addresses.
        return Ok(order_numbers(&m, &n).unwrap_or(Ordering::Less));
    }
    if equal(a, b)? {
        return Ok(Ordering::Equal);
    }
    Ok(order_unlike(a, b))
}

/// The order of values that have none of their own: None first, then numbers, then by the types' names.
fn order_unlike(a: &Value, b: &Value) -> Ordering {
    match (a.is_none(), b.is_none()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Less,
        (false, true) => return Ordering::Greater,
        _ => {}
    }
    let (first, second) = (order_name(a), order_name(b));
    let order = first.cmp(&second);
    let order = order.then_with(|| order_of_numeric_type(a).cmp(&order_of_numeric_type(b)));
    order.then_with(|| a.id().cmp(&b.id()))
}

/// Where the type of a value stands among those that CPython takes for numbers, old-style instances included, if they
/// have no order of their own: by the addresses of the types, which follow the order in which CPython is linked. Classes
/// that a program derives from a number's come before all of them; what is no number, too, and does not meet them here.
fn order_of_numeric_type(value: &Value) -> u8 {
    match value {
        Value::Bool(_) => 1,
        Value::Instance(instance) if instance.class.is_old() => 2,
        other => match other.number() {
            Some(Number::Complex(_)) if !matches!(other, Value::Instance(_)) => 3,
            Some(Number::Float(_)) if !matches!(other, Value::Instance(_)) => 4,
            Some(Number::Int(_)) if !matches!(other, Value::Instance(_)) => 5,
            Some(Number::Long(_)) if !matches!(other, Value::Instance(_)) => 6,
            _ => 0,
        },
    }
}

fn order_name(value: &Value) -> Vec<u8> {
    match value {
        Value::Instance(instance) if instance.class.is_old() => Vec::new(),
        Value::Instance(instance) => match &instance.payload {
            Payload::Value(inner) if inner.number().is_some() => Vec::new(),
            _ => {
                // Builtin exceptions are ordered by their full names, classes of programs by their short ones.
                let class = &instance.class;
                let is_of_python = class
                    .exception
                    .is_some_and(|kind| kind.module() == "exceptions");
                if is_of_python {
                    class.qualified_name()
                } else {
                    class.name.as_bytes().to_vec()
                }
            }
        },
        other if other.number().is_some() => Vec::new(),
        other => {
            let tag: TypeTag = other.tag();
            tag.name().as_bytes().to_vec()
        }
    }
}

fn order_sequences(x: &[Value], y: &[Value]) -> Res<Ordering> {
    for (a, b) in x.iter().zip(y) {
        if !same_or_equal(a, b)? {
            return order_in_container(a, b);
        }
    }
    Ok(x.len().cmp(&y.len()))
}

/// CPython 2's order of dictionaries: by size, then by the smallest key whose values differ, then by those values.
fn order_dicts(x: &Dict, y: &Dict) -> Res<Ordering> {
    if x.len() != y.len() {
        return Ok(x.len().cmp(&y.len()));
    }
    let Some((key, value)) = smallest_difference(x, y)? else {
        return Ok(Ordering::Equal);
    };
    let Some((other_key, other_value)) = smallest_difference(y, x)? else {
        return Ok(Ordering::Equal);
    };
    match order_in_container(&key, &other_key)? {
        Ordering::Equal => order_in_container(&value, &other_value),
        order => Ok(order),
    }
}

fn smallest_difference(x: &Dict, y: &Dict) -> Res<Option<(Value, Value)>> {
    let mut smallest: Option<(Value, Value)> = None;
    for (key, value) in x.iter() {
        if let Some((known, _)) = &smallest
            && order_in_container(known, key)? != Ordering::Greater
        {
            continue;
        }
        let same = match y.get(key)? {
            Some(other) => same_or_equal(value, other)?,
            None => false,
        };
        if !same {
            smallest = Some((key.clone(), value.clone()));
        }
    }
    Ok(smallest)
}
