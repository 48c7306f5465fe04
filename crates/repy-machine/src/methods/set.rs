//! Methods of sets and frozensets.

use std::rc::Rc;

use super::signature::{AnySet, methods};
use crate::machine::Machine;
use crate::object::cycles;
use crate::object::exception::key_error;
use crate::object::{Arity, Payload, Res, Set, SetObject, Str, Value};
use overlord_repy_syntax::ast::BinaryOp;

impl AnySet<'_> {
    /// A set of the kind and class of this one. A class' own `__init__` is not called, as in CPython.
    pub(super) fn like(self, machine: &mut Machine, set: Set) -> Value {
        let object = Rc::new(SetObject::new(set));
        let made = if self.is_frozen {
            Value::FrozenSet(object)
        } else {
            Value::Set(object)
        };
        match self.class {
            Some(class) => machine.new_instance(class.clone(), Payload::Value(made)),
            None => made,
        }
    }

    fn copied(self) -> Res<Set> {
        self.object.borrow().copied()
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

fn add(_machine: &mut Machine, set: &Rc<SetObject>, item: Value) -> Res {
    cycles::put_into_set(set, &item);
    set.borrow_mut().add(item)?;
    Ok(Value::None)
}

fn discard(_machine: &mut Machine, set: &Rc<SetObject>, item: Value) -> Res {
    let item = frozen_key(&item)?;
    set.borrow_mut().discard(&item)?;
    Ok(Value::None)
}

fn remove(_machine: &mut Machine, set: &Rc<SetObject>, item: Value) -> Res {
    if set.borrow_mut().discard(&frozen_key(&item)?)? {
        return Ok(Value::None);
    }
    Err(key_error(item))
}

fn pop(_machine: &mut Machine, set: &Rc<SetObject>) -> Res {
    set.borrow_mut()
        .pop()
        .ok_or_else(|| key_error(Value::text("pop from an empty set")))
}

fn clear(_machine: &mut Machine, set: &Rc<SetObject>) -> Res {
    let old = set.borrow_mut().clear();
    drop(old);
    Ok(Value::None)
}

fn copy(machine: &mut Machine, set: AnySet<'_>) -> Res {
    if set.is_frozen && set.class.is_none() {
        return Ok(Value::FrozenSet(set.object.clone()));
    }
    let copy = set.copied()?;
    Ok(set.like(machine, copy))
}

fn update(
    machine: &mut Machine,
    set: &Rc<SetObject>,
    given: &mut [Value],
    _keywords: &[(Str, Value)],
) -> Res {
    for items in given {
        let items = std::mem::take(items);
        match items.unwrapped() {
            Value::Set(other) | Value::FrozenSet(other) => {
                update_in_place(BinaryOp::BitOr, set, other)?
            }
            _ => {
                cycles::put_all_into_set(set, &items);
                let mut next = std::mem::take(&mut *set.borrow_mut());
                let result = update_with(machine, &mut next, &items);
                *set.borrow_mut() = next;
                result?;
            }
        }
    }
    Ok(Value::None)
}

fn union(
    machine: &mut Machine,
    set: AnySet<'_>,
    given: &mut [Value],
    _keywords: &[(Str, Value)],
) -> Res {
    let mut result = set.copied()?;
    for items in given {
        update_with(machine, &mut result, &std::mem::take(items))?;
    }
    Ok(set.like(machine, result))
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

fn intersection(
    machine: &mut Machine,
    set: AnySet<'_>,
    given: &mut [Value],
    _keywords: &[(Str, Value)],
) -> Res {
    if given.is_empty() {
        let copy = set.copied()?;
        return Ok(set.like(machine, copy));
    }
    let mut current = set.object.clone();
    for items in given {
        let next = intersect(machine, &current, &std::mem::take(items))?;
        current = Rc::new(SetObject::new(next));
    }
    let result = std::mem::take(&mut *current.borrow_mut());
    Ok(set.like(machine, result))
}

fn intersection_update(
    machine: &mut Machine,
    set: &Rc<SetObject>,
    given: &mut [Value],
    _keywords: &[(Str, Value)],
) -> Res {
    for items in given {
        let next = intersect(machine, set, &std::mem::take(items))?;
        drop(std::mem::replace(&mut *set.borrow_mut(), next));
    }
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

fn difference(
    machine: &mut Machine,
    set: AnySet<'_>,
    given: &mut [Value],
    _keywords: &[(Str, Value)],
) -> Res {
    let Some((first, more)) = given.split_first_mut() else {
        let copy = set.copied()?;
        return Ok(set.like(machine, copy));
    };
    let mut result = difference_with(machine, set.object, &std::mem::take(first))?;
    for items in more {
        for item in machine.collect(&std::mem::take(items))? {
            result.discard(&item)?;
        }
        result.tidy();
    }
    Ok(set.like(machine, result))
}

fn difference_update(
    machine: &mut Machine,
    set: &Rc<SetObject>,
    given: &mut [Value],
    _keywords: &[(Str, Value)],
) -> Res {
    for items in given {
        let items = std::mem::take(items);
        if let Value::Set(other) | Value::FrozenSet(other) = items.unwrapped() {
            update_in_place(BinaryOp::Sub, set, other)?;
            continue;
        }
        for item in machine.collect(&items)? {
            set.borrow_mut().discard(&item)?;
        }
        set.borrow_mut().tidy();
    }
    Ok(Value::None)
}

fn symmetric_difference(machine: &mut Machine, set: AnySet<'_>, items: Value) -> Res {
    let mut result = to_set(machine, &items)?;
    result.toggle(set.object.borrow().table())?;
    Ok(set.like(machine, result))
}

fn symmetric_difference_update(machine: &mut Machine, set: &Rc<SetObject>, items: Value) -> Res {
    if let Value::Set(other) | Value::FrozenSet(other) = items.unwrapped() {
        update_in_place(BinaryOp::BitXor, set, other)?;
        return Ok(Value::None);
    }
    cycles::put_all_into_set(set, &items);
    let other = to_set(machine, &items)?;
    set.borrow_mut().toggle(other.table())?;
    Ok(Value::None)
}

fn isdisjoint(machine: &mut Machine, set: AnySet<'_>, items: Value) -> Res {
    for item in machine.collect(&items)? {
        if set.object.borrow().contains(&item)? {
            return Ok(Value::bool(false));
        }
    }
    Ok(Value::bool(true))
}

fn issubset(machine: &mut Machine, set: AnySet<'_>, items: Value) -> Res {
    let other = to_set(machine, &items)?;
    let result = set.object.borrow().is_subset(&other)?;
    Ok(Value::bool(result))
}

fn issuperset(machine: &mut Machine, set: AnySet<'_>, items: Value) -> Res {
    let other = to_set(machine, &items)?;
    let result = other.is_subset(&set.object.borrow())?;
    Ok(Value::bool(result))
}

fn init(machine: &mut Machine, set: &Rc<SetObject>, items: Option<&Value>) -> Res {
    let mut made = Set::new();
    if let Some(items) = items {
        cycles::put_all_into_set(set, items);
        update_with(machine, &mut made, items)?;
    }
    drop(std::mem::replace(&mut *set.borrow_mut(), made));
    Ok(Value::None)
}

methods! {
    /// What sets and frozensets share.
    COMMON of AnySet<'_> {
        "copy"() Arity::Zero => copy;
        "union"(..) Arity::Positional => union;
        "intersection"(..) Arity::Positional => intersection;
        "difference"(..) Arity::Positional => difference;
        "symmetric_difference"(items) Arity::One => symmetric_difference;
        "isdisjoint"(items) Arity::One => isdisjoint;
        "issubset"(items) Arity::One => issubset;
        "issuperset"(items) Arity::One => issuperset;
    }
}

methods! {
    /// What only sets have.
    MUTABLE of &Rc<SetObject> {
        "add"(item) Arity::One => add;
        "discard"(item) Arity::One => discard;
        "remove"(item) Arity::One => remove;
        "pop"() Arity::Zero => pop;
        "clear"() Arity::Zero => clear;
        "update"(..) Arity::Positional => update;
        "intersection_update"(..) Arity::Positional => intersection_update;
        "difference_update"(..) Arity::Positional => difference_update;
        "symmetric_difference_update"(items) Arity::One => symmetric_difference_update;
        "__init__"(items) Arity::Parse(0, 1) => init;
    }
}
