//! Methods of dictionaries and their views.

use std::rc::Rc;

use super::{Entry, iter_method, repr_method};
use crate::object::cycles;
use crate::object::exception::{key_error, type_error, value_error};
use crate::object::iter::Source;
use crate::object::{
    Args, Arity, Dict, DictObject, DictView, IterObject, Res, Str, Value, ViewKind,
};
use crate::vm::Machine;

/// What a pair takes on the heap.
const PAIR_BYTES: usize = 64;

fn own(call: &Args<'_>) -> Rc<DictObject> {
    match call.get(0).map(Value::unwrapped) {
        Some(Value::Dict(dict)) => dict.clone(),
        _ => Rc::default(),
    }
}

/// `dict.update(other, **keywords)`, also the constructor.
pub(crate) fn update_with(
    machine: &mut Machine,
    dict: &DictObject,
    other: Option<&Value>,
    keywords: &[(Str, Value)],
) -> Res<()> {
    match other.map(Value::unwrapped) {
        None => {}
        // A dictionary updated with itself stays as it is.
        Some(Value::Dict(other)) if std::ptr::eq(dict, &**other) => {}
        Some(Value::Dict(other)) => dict.borrow_mut().merge(&other.borrow())?,
        Some(Value::Host(host)) if host.inner.mapping().is_some() => {
            if let Some(mapping) = host.inner.mapping() {
                for key in mapping.keys() {
                    let value = mapping.item(&key)?;
                    dict.set_unnoted(key, value)?;
                }
            }
        }
        Some(_) => {
            let other = other.cloned().unwrap_or_default();
            let keys = match &other {
                Value::Instance(_) => {
                    let name = machine.names.intern(b"keys");
                    machine.find_method(&other, name)?
                }
                _ => Value::Nil,
            };
            if !keys.is_nil() {
                let keys = machine.call_value(&keys, Vec::new())?;
                for key in machine.collect(&keys)? {
                    let value = machine.subscript(&other, &key)?;
                    dict.set_unnoted(key, value)?;
                }
            } else {
                let iter = machine.iter(&other)?;
                let mut number = 0;
                loop {
                    let item = machine.next_item(&iter)?;
                    if item.is_nil() {
                        break;
                    }
                    if !machine.is_iterable(&item) {
                        return Err(type_error(format!(
                            "cannot convert dictionary update sequence element #{number} to a sequence"
                        )));
                    }
                    let pair = machine.collect(&item)?;
                    let [key, value] = &pair[..] else {
                        return Err(value_error(format!(
                            "dictionary update sequence element #{number} has length {}; 2 is required",
                            pair.len()
                        )));
                    };
                    dict.set_unnoted(key.clone(), value.clone())?;
                    number += 1;
                }
            }
        }
    }
    if !keywords.is_empty() {
        let mut more = Dict::new();
        // The last keyword is entered first, as CPython's calls do.
        for (name, value) in keywords.iter().rev() {
            more.insert_name(name, value.clone());
        }
        dict.borrow_mut().merge(&more)?;
    }
    Ok(())
}

fn update(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    if call.len() > 2 {
        return Err(type_error(format!(
            "update expected at most 1 arguments, got {}",
            call.len() - 1
        )));
    }
    let dict = own(call);
    cycles::put_all_into_dict(&dict, call.get(1), call.keywords);
    update_with(machine, &dict, call.get(1), call.keywords)?;
    Ok(Value::None)
}

fn init(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    if call.len() > 2 {
        return Err(type_error(format!(
            "dict expected at most 1 arguments, got {}",
            call.len() - 1
        )));
    }
    let dict = own(call);
    cycles::put_all_into_dict(&dict, call.get(1), call.keywords);
    update_with(machine, &dict, call.get(1), call.keywords)?;
    Ok(Value::None)
}

fn get(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    if let Some(Value::Dict(dict)) = call.get(0).map(Value::unwrapped)
        && let Some(value) = dict.borrow().get(call.get(1).unwrap_or(&Value::Nil))?
    {
        return Ok(value.clone());
    }
    Ok(if call.len() > 2 {
        call.take(2)
    } else {
        Value::None
    })
}

fn has_key(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let dict = own(call);
    let found = dict
        .borrow()
        .get(call.get(1).unwrap_or(&Value::Nil))?
        .is_some();
    Ok(Value::bool(found))
}

fn listed(call: &Args<'_>, kind: ViewKind) -> Res {
    let view = DictView {
        dict: own(call),
        kind,
    };
    let each = match view.kind {
        ViewKind::Items => PAIR_BYTES + size_of::<Value>(),
        _ => size_of::<Value>(),
    };
    crate::memory::reserve(view.dict.borrow().len() * each)?;
    Ok(Value::list(view.items()))
}

fn keys(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    listed(call, ViewKind::Keys)
}

fn values(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    listed(call, ViewKind::Values)
}

fn items(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    listed(call, ViewKind::Items)
}

fn iterkeys(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    Ok(IterObject::value(Source::Keys(own(call))))
}

fn itervalues(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    Ok(IterObject::value(Source::Values(own(call))))
}

fn iteritems(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    Ok(IterObject::value(Source::Items(own(call))))
}

fn view(call: &Args<'_>, kind: ViewKind) -> Res {
    Ok(Value::View(Rc::new(DictView {
        dict: own(call),
        kind,
    })))
}

fn viewkeys(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    view(call, ViewKind::Keys)
}

fn viewvalues(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    view(call, ViewKind::Values)
}

fn viewitems(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    view(call, ViewKind::Items)
}

fn copy(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let dict = own(call);
    machine.reserve(dict.borrow().memory())?;
    let copied = dict.borrow().copied()?;
    Ok(Value::dict(copied))
}

fn clear(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let old = own(call).borrow_mut().clear();
    drop(old);
    Ok(Value::None)
}

fn pop(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let dict = own(call);
    let key = call.take(1);
    if dict.borrow().len() == 0 {
        // The key is not even hashed.
        return match call.len() {
            0..=2 => Err(key_error(key)),
            _ => Ok(call.take(2)),
        };
    }
    let removed = dict.borrow_mut().remove(&key)?;
    match removed {
        Some((_, value)) => Ok(value),
        None if call.len() > 2 => Ok(call.take(2)),
        None => Err(key_error(key)),
    }
}

fn popitem(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let removed = own(call).borrow_mut().pop_any();
    match removed {
        Some((key, value)) => Ok(Value::pair(key, value)),
        None => Err(key_error(Value::text("popitem(): dictionary is empty"))),
    }
}

fn setdefault(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let dict = own(call);
    let key = call.take(1);
    if let Some(value) = dict.borrow().get(&key)? {
        return Ok(value.clone());
    }
    let value = if call.len() > 2 {
        call.take(2)
    } else {
        Value::None
    };
    dict.set(key, value.clone())?;
    Ok(value)
}

fn fromkeys(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let keys = call.take(0);
    let value = if call.len() > 1 {
        call.take(1)
    } else {
        Value::None
    };
    make_from_keys(machine, &keys, &value)
}

/// `dict.fromkeys(keys, value)`.
fn make_from_keys(machine: &mut Machine, keys: &Value, value: &Value) -> Res {
    let mut dict = Dict::new();
    match keys {
        Value::Dict(source) => {
            let source = source.borrow();
            dict.fill_from_keys(source.fill(), &source, value)?;
        }
        Value::Set(source) | Value::FrozenSet(source) => {
            let source = source.borrow();
            dict.fill_from_keys(source.len(), source.table(), value)?;
        }
        other => {
            for key in machine.collect(other)? {
                dict.insert(key, value.clone())?;
            }
        }
    }
    Ok(Value::dict(dict))
}

pub(crate) const METHODS: &[Entry] = &[
    ("get", Arity::Unpack(1, 2), get),
    ("has_key", Arity::One, has_key),
    ("keys", Arity::Zero, keys),
    ("values", Arity::Zero, values),
    ("items", Arity::Zero, items),
    ("iterkeys", Arity::Zero, iterkeys),
    ("itervalues", Arity::Zero, itervalues),
    ("iteritems", Arity::Zero, iteritems),
    ("viewkeys", Arity::Zero, viewkeys),
    ("viewvalues", Arity::Zero, viewvalues),
    ("viewitems", Arity::Zero, viewitems),
    ("copy", Arity::Zero, copy),
    ("clear", Arity::Zero, clear),
    ("pop", Arity::Unpack(1, 2), pop),
    ("popitem", Arity::Zero, popitem),
    ("setdefault", Arity::Unpack(1, 2), setdefault),
    ("update", Arity::Any, update),
    ("__iter__", Arity::Zero, iter_method),
    ("__repr__", Arity::Zero, repr_method),
    ("__init__", Arity::Any, init),
];

/// Found on the type and not bound to instances.
pub(crate) const CLASS_METHODS: &[Entry] = &[("fromkeys", Arity::Unpack(1, 2), fromkeys)];

pub(crate) const VIEW: &[Entry] = &[("__iter__", Arity::Zero, view_iter)];

fn view_iter(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let view = call.take(0);
    machine.iter(&view)
}
