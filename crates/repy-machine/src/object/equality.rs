//! Equality of any two values, by which dictionaries and sets find their keys. No code of the program is ever run (Repy
//! has no `__eq__`). Which of two values comes first is in [`crate::compare`].

use std::rc::Rc;

use super::{Res, Str, Value, ViewKind};
use crate::depth::{self, DATA, DepthGuard};
use crate::number::numbers_equal;
use crate::work;

/// What containers use to find an item: identical or equal.
pub(crate) fn same_or_equal(a: &Value, b: &Value) -> Res<bool> {
    match (a, b) {
        (Value::Int(x), Value::Int(y)) => Ok(x == y),
        (Value::Str(x), Value::Str(y)) => strings_equal(x, y),
        _ => Ok(a.is_same(b) || equal(a, b)?),
    }
}

/// Strings longer than this count as work when they are compared.
pub(crate) const LONG: usize = 1 << 12;

/// `x == y`, counted as work if they are long.
#[inline]
pub(crate) fn strings_equal(x: &Str, y: &Str) -> Res<bool> {
    if x.len() > LONG && x.len() == y.len() && !x.is_same(y) {
        work::spend_bytes(x.len())?;
    }
    Ok(x == y)
}

/// A level of containers, methods and such.
pub(crate) fn enter() -> Res<DepthGuard> {
    Ok(depth::enter(DATA, " in cmp")?)
}

/// `a == b`.
pub(crate) fn equal(a: &Value, b: &Value) -> Res<bool> {
    work::spend(1)?;
    let (a, b) = (a.unwrapped(), b.unwrapped());
    match (a, b) {
        (Value::Int(x), Value::Int(y)) => return Ok(x == y),
        (Value::Str(x), Value::Str(y)) => return strings_equal(x, y),
        (Value::Float(x), Value::Float(y)) => return Ok(x.get() == y.get()),
        _ => {}
    }
    let _level = enter()?;
    match (a, b) {
        (Value::Tuple(x), Value::Tuple(y)) => sequences_equal(x, y),
        (Value::List(x), Value::List(y)) => {
            // A list compared with itself looks at each item, which is identical to itself.
            Ok(Rc::ptr_eq(x, y) || sequences_equal(&x.items.borrow(), &y.items.borrow())?)
        }
        _ => others_equal(a, b),
    }
}

/// `a == b` where they are not both lists or tuples: apart from those, which are nested deepest, so that a level of
/// them takes little of the native stack.
#[inline(never)]
fn others_equal(a: &Value, b: &Value) -> Res<bool> {
    Ok(match (a, b) {
        (Value::Dict(x), Value::Dict(y)) => {
            if Rc::ptr_eq(x, y) {
                return Ok(true);
            }
            let (x, y) = (x.borrow(), y.borrow());
            if x.len() != y.len() {
                return Ok(false);
            }
            for (key, value) in x.iter() {
                match y.get(key)? {
                    Some(other) if same_or_equal(value, other)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        (Value::Set(x) | Value::FrozenSet(x), Value::Set(y) | Value::FrozenSet(y)) => {
            let (x, y) = (x.borrow(), y.borrow());
            x.len() == y.len() && x.is_subset(&y)?
        }
        (Value::View(x), _) if x.kind != ViewKind::Values => view_equal(&x.items(), b)?,
        (_, Value::View(y)) if y.kind != ViewKind::Values => view_equal(&y.items(), a)?,
        (Value::Slice(x), Value::Slice(y)) => {
            equal(&x.start, &y.start)? && equal(&x.stop, &y.stop)? && equal(&x.step, &y.step)?
        }
        (Value::Method(x), Value::Method(y)) => {
            x.function.is_same(&y.function)
                && match (&x.receiver, &y.receiver) {
                    (Value::Nil, Value::Nil) => true,
                    (Value::Nil, _) | (_, Value::Nil) => false,
                    (x, y) => x.is_same(y) || equal(x, y)?,
                }
        }
        (Value::NativeBound(x), Value::NativeBound(y)) => {
            Rc::ptr_eq(&x.native, &y.native) && x.receiver.is_same(&y.receiver)
        }
        (Value::Host(_), _) | (_, Value::Host(_)) => {
            a.is_same(b)
                || match (contents(a)?, contents(b)?) {
                    (Some(x), Some(y)) => equal(&x, &y)?,
                    _ => false,
                }
        }
        _ => match (a.number(), b.number()) {
            (Some(x), Some(y)) => numbers_equal(&x, &y),
            _ => a.is_same(b),
        },
    })
}

/// The dictionary as which a value is compared: a dictionary itself, or what a mapping of the host holds.
pub(crate) fn contents(value: &Value) -> Res<Option<Value>> {
    match value {
        Value::Dict(_) => Ok(Some(value.clone())),
        Value::Host(host) => match host.inner.mapping() {
            Some(mapping) => Ok(mapping.compared_as()?.map(Value::dict)),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

fn view_equal(items: &[Value], other: &Value) -> Res<bool> {
    let others: Vec<Value> = match other {
        Value::Set(set) | Value::FrozenSet(set) => set.borrow().iter().cloned().collect(),
        Value::View(view) if view.kind != ViewKind::Values => view.items(),
        _ => return Ok(false),
    };
    if items.len() != others.len() {
        return Ok(false);
    }
    for item in items {
        work::spend(others.len())?;
        let mut found = false;
        for other in &others {
            found |= same_or_equal(item, other)?;
        }
        if !found {
            return Ok(false);
        }
    }
    Ok(true)
}

fn sequences_equal(x: &[Value], y: &[Value]) -> Res<bool> {
    if x.len() != y.len() {
        return Ok(false);
    }
    for (a, b) in x.iter().zip(y) {
        if !same_or_equal(a, b)? {
            return Ok(false);
        }
    }
    Ok(true)
}
