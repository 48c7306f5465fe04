//! Methods of dictionaries and their views.

use std::rc::Rc;

use super::signature::{functions, methods};
use crate::machine::Machine;
use crate::object::cycles;
use crate::object::exception::{key_error, type_error, value_error};
use crate::object::iter::Source;
use crate::object::{Arity, Dict, DictObject, DictView, IterObject, Res, Str, Value, ViewKind};

/// What a pair takes on the heap.
const PAIR_BYTES: usize = 64;

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

/// `dict.update(..)` and `dict.__init__(..)`, which complain of more arguments in different words.
fn fill(
    machine: &mut Machine,
    dict: &Rc<DictObject>,
    name: &str,
    given: &[Value],
    keywords: &[(Str, Value)],
) -> Res {
    if given.len() > 1 {
        return Err(type_error(format!(
            "{name} expected at most 1 arguments, got {}",
            given.len()
        )));
    }
    cycles::put_all_into_dict(dict, given.first(), keywords);
    update_with(machine, dict, given.first(), keywords)?;
    Ok(Value::None)
}

fn update(
    machine: &mut Machine,
    dict: &Rc<DictObject>,
    given: &mut [Value],
    keywords: &[(Str, Value)],
) -> Res {
    fill(machine, dict, "update", given, keywords)
}

fn init(
    machine: &mut Machine,
    dict: &Rc<DictObject>,
    given: &mut [Value],
    keywords: &[(Str, Value)],
) -> Res {
    fill(machine, dict, "dict", given, keywords)
}

fn get(
    _machine: &mut Machine,
    dict: &Rc<DictObject>,
    key: &Value,
    otherwise: Option<&mut Value>,
) -> Res {
    if let Some(value) = dict.borrow().get(key)? {
        return Ok(value.clone());
    }
    Ok(otherwise.map_or(Value::None, std::mem::take))
}

fn has_key(_machine: &mut Machine, dict: &Rc<DictObject>, key: &Value) -> Res {
    let found = dict.borrow().get(key)?.is_some();
    Ok(Value::bool(found))
}

fn listed(dict: &Rc<DictObject>, kind: ViewKind) -> Res {
    let view = DictView {
        dict: dict.clone(),
        kind,
    };
    let each = match view.kind {
        ViewKind::Items => PAIR_BYTES + size_of::<Value>(),
        _ => size_of::<Value>(),
    };
    crate::memory::reserve(view.dict.borrow().len() * each)?;
    Ok(Value::list(view.items()))
}

fn keys(_machine: &mut Machine, dict: &Rc<DictObject>) -> Res {
    listed(dict, ViewKind::Keys)
}

fn values(_machine: &mut Machine, dict: &Rc<DictObject>) -> Res {
    listed(dict, ViewKind::Values)
}

fn items(_machine: &mut Machine, dict: &Rc<DictObject>) -> Res {
    listed(dict, ViewKind::Items)
}

fn iterkeys(_machine: &mut Machine, dict: &Rc<DictObject>) -> Res {
    Ok(IterObject::value(Source::Keys(dict.clone())))
}

fn itervalues(_machine: &mut Machine, dict: &Rc<DictObject>) -> Res {
    Ok(IterObject::value(Source::Values(dict.clone())))
}

fn iteritems(_machine: &mut Machine, dict: &Rc<DictObject>) -> Res {
    Ok(IterObject::value(Source::Items(dict.clone())))
}

fn view(dict: &Rc<DictObject>, kind: ViewKind) -> Res {
    Ok(Value::View(Rc::new(DictView {
        dict: dict.clone(),
        kind,
    })))
}

fn viewkeys(_machine: &mut Machine, dict: &Rc<DictObject>) -> Res {
    view(dict, ViewKind::Keys)
}

fn viewvalues(_machine: &mut Machine, dict: &Rc<DictObject>) -> Res {
    view(dict, ViewKind::Values)
}

fn viewitems(_machine: &mut Machine, dict: &Rc<DictObject>) -> Res {
    view(dict, ViewKind::Items)
}

fn copy(machine: &mut Machine, dict: &Rc<DictObject>) -> Res {
    machine.reserve(dict.borrow().memory())?;
    let copied = dict.borrow().copied()?;
    Ok(Value::dict(copied))
}

fn clear(_machine: &mut Machine, dict: &Rc<DictObject>) -> Res {
    let old = dict.borrow_mut().clear();
    drop(old);
    Ok(Value::None)
}

fn pop(
    _machine: &mut Machine,
    dict: &Rc<DictObject>,
    key: Value,
    otherwise: Option<&mut Value>,
) -> Res {
    // In an empty one the key is not even hashed.
    let is_empty = dict.borrow().len() == 0;
    let removed = if is_empty {
        None
    } else {
        dict.borrow_mut().remove(&key)?
    };
    match (removed, otherwise) {
        (Some((_, value)), _) => Ok(value),
        (None, Some(otherwise)) => Ok(std::mem::take(otherwise)),
        (None, None) => Err(key_error(key)),
    }
}

fn popitem(_machine: &mut Machine, dict: &Rc<DictObject>) -> Res {
    let removed = dict.borrow_mut().pop_any();
    match removed {
        Some((key, value)) => Ok(Value::pair(key, value)),
        None => Err(key_error(Value::text("popitem(): dictionary is empty"))),
    }
}

fn setdefault(
    _machine: &mut Machine,
    dict: &Rc<DictObject>,
    key: Value,
    value: Option<&mut Value>,
) -> Res {
    if let Some(value) = dict.borrow().get(&key)? {
        return Ok(value.clone());
    }
    let value = value.map_or(Value::None, std::mem::take);
    dict.set(key, value.clone())?;
    Ok(value)
}

/// `dict.fromkeys(keys, value)`.
fn fromkeys(machine: &mut Machine, keys: Value, value: Option<Value>) -> Res {
    let value = &value.unwrap_or(Value::None);
    let mut dict = Dict::new();
    match &keys {
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

methods! {
    /// Methods of dictionaries.
    METHODS of &Rc<DictObject> {
        "get"(key, otherwise) Arity::Unpack(1, 2) => get;
        "has_key"(key) Arity::One => has_key;
        "keys"() Arity::Zero => keys;
        "values"() Arity::Zero => values;
        "items"() Arity::Zero => items;
        "iterkeys"() Arity::Zero => iterkeys;
        "itervalues"() Arity::Zero => itervalues;
        "iteritems"() Arity::Zero => iteritems;
        "viewkeys"() Arity::Zero => viewkeys;
        "viewvalues"() Arity::Zero => viewvalues;
        "viewitems"() Arity::Zero => viewitems;
        "copy"() Arity::Zero => copy;
        "clear"() Arity::Zero => clear;
        "pop"(key, otherwise) Arity::Unpack(1, 2) => pop;
        "popitem"() Arity::Zero => popitem;
        "setdefault"(key, value) Arity::Unpack(1, 2) => setdefault;
        "update"(..) Arity::Any => update;
        "__init__"(..) Arity::Any => init;
    }
}

functions! {
    /// Found on the type and not bound to instances.
    CLASS_METHODS {
        "fromkeys"(keys, value) Arity::Unpack(1, 2) => fromkeys;
    }
}
