//! Methods of sets and frozensets.

use std::rc::Rc;

use super::{Entry, iter_method, repr_method};
use crate::object::cycles;
use crate::object::exception::key_error;
use crate::object::{Args, Arity, Res, Set, SetObject, Value};
use crate::vm::Machine;
use overlord_repy_syntax::ast::BinaryOp;

fn own(call: &Args<'_>) -> Rc<SetObject> {
    match call.get(0).map(Value::unwrapped) {
        Some(Value::Set(set) | Value::FrozenSet(set)) => set.clone(),
        _ => Rc::default(),
    }
}

/// A set of the kind of the receiver.
fn like(call: &Args<'_>, set: Set) -> Value {
    let object = Rc::new(SetObject::new(set));
    match call.get(0).map(Value::unwrapped) {
        Some(Value::FrozenSet(_)) => Value::FrozenSet(object),
        _ => Value::Set(object),
    }
}

/// A mutable set asked for in a set stands for its frozen self.
pub(crate) fn frozen_key(item: &Value) -> Res {
    Ok(match item {
        Value::Set(set) => {
            let copy = set.borrow().copied()?;
            Value::FrozenSet(Rc::new(SetObject::new(copy)))
        }
        other => other.clone(),
    })
}

/// A set of these items, added one by one.
pub(crate) fn from_items(items: Vec<Value>) -> Res<Set> {
    let mut set = Set::new();
    for item in items {
        set.add(item)?;
    }
    Ok(set)
}

/// Adds everything of any iterable, presized as CPython does for sets and dictionaries.
pub(crate) fn update_with(machine: &mut Machine, set: &mut Set, items: &Value) -> Res<()> {
    match items.unwrapped() {
        Value::Set(other) | Value::FrozenSet(other) => set.merge(&other.borrow()),
        Value::Dict(dict) => set.merge_keys(&dict.borrow()),
        _ => {
            for item in machine.collect(items)? {
                set.add(item)?;
            }
            Ok(())
        }
    }
}

fn to_set(machine: &mut Machine, items: &Value) -> Res<Set> {
    let mut set = Set::new();
    update_with(machine, &mut set, items)?;
    Ok(set)
}

/// `s |= t` and its like for two sets.
pub(crate) fn update_in_place(op: BinaryOp, s: &Rc<SetObject>, t: &Rc<SetObject>) -> Res<()> {
    let same = Rc::ptr_eq(s, t);
    if matches!(op, BinaryOp::BitOr | BinaryOp::BitXor) && !same {
        cycles::put_all_into_set(s, &Value::Set(t.clone()));
    }
    match op {
        BinaryOp::BitOr if same => {}
        BinaryOp::BitOr => s.borrow_mut().merge(&t.borrow())?,
        BinaryOp::BitAnd if same => {}
        BinaryOp::BitAnd => {
            let kept = s.borrow().intersection(&t.borrow())?;
            drop(std::mem::replace(&mut *s.borrow_mut(), kept));
        }
        _ if same => {
            let old = s.borrow_mut().clear();
            drop(old);
        }
        BinaryOp::Sub => {
            let keys: Vec<(Value, i64)> = t
                .borrow()
                .hashed()
                .map(|(key, hash)| (key.clone(), hash))
                .collect();
            let mut set = s.borrow_mut();
            for (key, hash) in keys {
                set.discard_hashed(&key, hash)?;
            }
            set.tidy();
        }
        _ => s.borrow_mut().toggle(t.borrow().table())?,
    }
    Ok(())
}

fn add(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let item = call.take(1);
    let set = own(call);
    cycles::put_into_set(&set, &item);
    set.borrow_mut().add(item)?;
    Ok(Value::None)
}

fn discard(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let item = frozen_key(&call.take(1))?;
    own(call).borrow_mut().discard(&item)?;
    Ok(Value::None)
}

fn remove(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let item = call.take(1);
    if own(call).borrow_mut().discard(&frozen_key(&item)?)? {
        return Ok(Value::None);
    }
    Err(key_error(item))
}

fn pop(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    own(call)
        .borrow_mut()
        .pop()
        .ok_or_else(|| key_error(Value::text("pop from an empty set")))
}

fn clear(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let old = own(call).borrow_mut().clear();
    drop(old);
    Ok(Value::None)
}

fn copy(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    if let Some(Value::FrozenSet(set)) = call.get(0) {
        return Ok(Value::FrozenSet(set.clone()));
    }
    let copied = own(call).borrow().copied()?;
    Ok(like(call, copied))
}

fn update(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let set = own(call);
    for at in 1..call.len() {
        let items = call.take(at);
        match items.unwrapped() {
            Value::Set(other) | Value::FrozenSet(other) => {
                update_in_place(BinaryOp::BitOr, &set, other)?
            }
            _ => {
                cycles::put_all_into_set(&set, &items);
                let mut next = std::mem::take(&mut *set.borrow_mut());
                let result = update_with(machine, &mut next, &items);
                *set.borrow_mut() = next;
                result?;
            }
        }
    }
    Ok(Value::None)
}

fn union(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let mut result = own(call).borrow().copied()?;
    for at in 1..call.len() {
        let items = call.take(at);
        update_with(machine, &mut result, &items)?;
    }
    Ok(like(call, result))
}

fn intersect(machine: &mut Machine, set: &SetObject, items: &Value) -> Res<Set> {
    if let Value::Set(other) | Value::FrozenSet(other) = items.unwrapped() {
        if std::ptr::eq(&**other, set) {
            return set.borrow().copied();
        }
        return set.borrow().intersection(&other.borrow());
    }
    let mut result = Set::new();
    for item in machine.collect(items)? {
        if set.borrow().contains(&item)? {
            result.add(item)?;
        }
    }
    Ok(result)
}

fn intersection(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let set = own(call);
    if call.len() == 1 {
        let copied = set.borrow().copied()?;
        return Ok(like(call, copied));
    }
    let mut current = set;
    for at in 1..call.len() {
        let items = call.take(at);
        let next = intersect(machine, &current, &items)?;
        current = Rc::new(SetObject::new(next));
    }
    let result = std::mem::take(&mut *current.borrow_mut());
    Ok(like(call, result))
}

fn intersection_update(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let set = own(call);
    let mut receiver = call.take(0);
    if let Value::Set(shared) = receiver.unwrapped() {
        receiver = Value::Set(shared.clone());
    }
    for at in 1..call.len() {
        let items = call.take(at);
        let next = intersect(machine, &set, &items)?;
        drop(std::mem::replace(&mut *set.borrow_mut(), next));
    }
    drop(receiver);
    Ok(Value::None)
}

fn difference_with(machine: &mut Machine, set: &SetObject, items: &Value) -> Res<Set> {
    match items.unwrapped() {
        Value::Set(other) | Value::FrozenSet(other) => {
            let other = other.borrow();
            set.borrow().difference(other.table())
        }
        Value::Dict(dict) => set.borrow().difference(&dict.borrow()),
        _ => {
            let mut result = set.borrow().copied()?;
            for item in machine.collect(items)? {
                result.discard(&item)?;
            }
            result.tidy();
            Ok(result)
        }
    }
}

fn difference(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let set = own(call);
    if call.len() == 1 {
        let copied = set.borrow().copied()?;
        return Ok(like(call, copied));
    }
    let first = call.take(1);
    let mut result = difference_with(machine, &set, &first)?;
    for at in 2..call.len() {
        let items = call.take(at);
        for item in machine.collect(&items)? {
            result.discard(&item)?;
        }
        result.tidy();
    }
    Ok(like(call, result))
}

fn difference_update(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let set = own(call);
    for at in 1..call.len() {
        let items = call.take(at);
        if let Value::Set(other) | Value::FrozenSet(other) = items.unwrapped() {
            update_in_place(BinaryOp::Sub, &set, other)?;
            continue;
        }
        for item in machine.collect(&items)? {
            set.borrow_mut().discard(&item)?;
        }
        set.borrow_mut().tidy();
    }
    Ok(Value::None)
}

fn symmetric_difference(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let set = own(call);
    let items = call.take(1);
    let mut result = to_set(machine, &items)?;
    result.toggle(set.borrow().table())?;
    Ok(like(call, result))
}

fn symmetric_difference_update(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let set = own(call);
    let items = call.take(1);
    if let Value::Set(other) | Value::FrozenSet(other) = items.unwrapped() {
        update_in_place(BinaryOp::BitXor, &set, other)?;
        return Ok(Value::None);
    }
    cycles::put_all_into_set(&set, &items);
    let other = to_set(machine, &items)?;
    set.borrow_mut().toggle(other.table())?;
    Ok(Value::None)
}

fn isdisjoint(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let set = own(call);
    let items = call.take(1);
    for item in machine.collect(&items)? {
        if set.borrow().contains(&item)? {
            return Ok(Value::bool(false));
        }
    }
    Ok(Value::bool(true))
}

fn issubset(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let items = call.take(1);
    let other = to_set(machine, &items)?;
    let result = own(call).borrow().is_subset(&other)?;
    Ok(Value::bool(result))
}

fn issuperset(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let items = call.take(1);
    let other = to_set(machine, &items)?;
    let result = other.is_subset(&own(call).borrow())?;
    Ok(Value::bool(result))
}

fn init(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let set = own(call);
    let mut made = Set::new();
    if let Some(items) = call.get(1).cloned() {
        cycles::put_all_into_set(&set, &items);
        update_with(machine, &mut made, &items)?;
    }
    drop(std::mem::replace(&mut *set.borrow_mut(), made));
    Ok(Value::None)
}

/// What sets and frozensets share.
pub(crate) const COMMON: &[Entry] = &[
    ("copy", Arity::Zero, copy),
    ("union", Arity::Positional, union),
    ("intersection", Arity::Positional, intersection),
    ("difference", Arity::Positional, difference),
    ("symmetric_difference", Arity::One, symmetric_difference),
    ("isdisjoint", Arity::One, isdisjoint),
    ("issubset", Arity::One, issubset),
    ("issuperset", Arity::One, issuperset),
    ("__iter__", Arity::Zero, iter_method),
    ("__repr__", Arity::Zero, repr_method),
];

/// What only sets have.
pub(crate) const MUTABLE: &[Entry] = &[
    ("add", Arity::One, add),
    ("discard", Arity::One, discard),
    ("remove", Arity::One, remove),
    ("pop", Arity::Zero, pop),
    ("clear", Arity::Zero, clear),
    ("update", Arity::Positional, update),
    (
        "intersection_update",
        Arity::Positional,
        intersection_update,
    ),
    ("difference_update", Arity::Positional, difference_update),
    (
        "symmetric_difference_update",
        Arity::One,
        symmetric_difference_update,
    ),
    ("__init__", Arity::Parse(0, 1), init),
];
