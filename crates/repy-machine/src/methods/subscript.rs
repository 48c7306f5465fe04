//! Subscripts and slices of everything that has them.

use std::rc::Rc;

use overlord_bug::bug;

use super::args;
use crate::arithmetic;
use crate::machine::Machine;
use crate::object::cycles;
use crate::object::exception::{attribute_error, index_error, key_error, type_error, value_error};
use crate::object::{DictObject, ListObject, Payload, Res, SliceObject, Str, Thrown, Value};
use crate::{memory, work};

/// Start, step and number of items of a slice of something of this length.
pub(crate) fn indices(slice: &SliceObject, len: usize) -> Res<(i64, i64, usize)> {
    let len = len as i64;
    let step = args::bound(Some(&slice.step))?.unwrap_or(1);
    if step == 0 {
        return Err(value_error("slice step cannot be zero"));
    }
    let step = step.max(-i64::MAX);
    let (low, high) = if step < 0 { (-1, len - 1) } else { (0, len) };
    let clamp = |bound: i64| {
        let bound = if bound < 0 {
            bound.saturating_add(len)
        } else {
            bound
        };
        bound.clamp(low, high)
    };
    let start = args::bound(Some(&slice.start))?.map_or(if step < 0 { high } else { low }, clamp);
    let stop = args::bound(Some(&slice.stop))?.map_or(if step < 0 { low } else { high }, clamp);
    let count = if step < 0 {
        if stop >= start {
            0
        } else {
            (start - stop - 1) / -step + 1
        }
    } else if start >= stop {
        0
    } else {
        (stop - start - 1) / step + 1
    };
    Ok((start, step, count as usize))
}

fn select<T: Clone>(items: &[T], (start, step, count): (i64, i64, usize)) -> Res<Vec<T>> {
    memory::reserve(count * size_of::<T>())?;
    if step == 1 {
        return items
            .get(start as usize..start as usize + count)
            .map(<[T]>::to_vec)
            .ok_or_else(outside);
    }
    (0..count as i64)
        .map(|at| items.get((start + at * step) as usize).cloned())
        .collect::<Option<_>>()
        .ok_or_else(outside)
}

#[cold]
fn outside() -> Thrown {
    Thrown::bug(bug!(
        "an index was found to be within a sequence, and is not"
    ))
}

/// An index into something of this length.
fn position(machine: &Machine, index: &Value, len: usize, what: &str, plural: &str) -> Res<usize> {
    match arithmetic::as_index(index) {
        Some(Ok(at)) => {
            let at = if at < 0 { at + len as i64 } else { at };
            match usize::try_from(at) {
                Ok(at) if at < len => Ok(at),
                _ => Err(index_error(format!("{what} index out of range"))),
            }
        }
        Some(Err(())) => Err(index_error("cannot fit 'long' into an index-sized integer")),
        None => Err(super::args::lacks_index(index).unwrap_or_else(|| {
            type_error(format!(
                "{plural} must be integers, not {}",
                machine.type_name(index)
            ))
        })),
    }
}

/// `object[index]`.
pub(crate) fn get(machine: &mut Machine, object: &Value, index: &Value) -> Res {
    let inner = object.unwrapped().clone();
    match &inner {
        Value::List(list) => {
            let items = list.items.borrow();
            if let Value::Slice(slice) = index {
                return Ok(Value::list(select(&items, indices(slice, items.len())?)?));
            }
            let at = position(machine, index, items.len(), "list", "list indices")?;
            items.get(at).cloned().ok_or_else(outside)
        }
        Value::Tuple(tuple) => {
            if let Value::Slice(slice) = index {
                return Ok(Value::tuple(select(tuple, indices(slice, tuple.len())?)?));
            }
            let at = position(machine, index, tuple.len(), "tuple", "tuple indices")?;
            tuple.get(at).cloned().ok_or_else(outside)
        }
        Value::Str(string) => {
            if let Value::Slice(slice) = index {
                return Ok(Value::from_vec(select(
                    string.as_bytes(),
                    indices(slice, string.len())?,
                )?));
            }
            let at = position(machine, index, string.len(), "string", "string indices")?;
            match string.as_bytes().get(at) {
                Some(byte) => Ok(Value::Str(Str::from_byte(*byte))),
                None => Err(outside()),
            }
        }
        Value::Dict(dict) => dict.index(index),
        Value::XRange(range) => match arithmetic::as_index(index) {
            Some(Ok(at)) => {
                let at = if at < 0 { at + range.len } else { at };
                if (0..range.len).contains(&at) {
                    Ok(Value::Int(
                        range.start.wrapping_add(at.wrapping_mul(range.step)),
                    ))
                } else {
                    Err(index_error("xrange object index out of range"))
                }
            }
            Some(Err(())) => Err(index_error("cannot fit 'long' into an index-sized integer")),
            None => Err(args::lacks_index(index).unwrap_or_else(|| {
                type_error(format!(
                    "sequence index must be integer, not '{}'",
                    machine.type_name(index)
                ))
            })),
        },
        Value::Host(host) if host.inner.mapping().is_some() => match host.inner.mapping() {
            Some(mapping) => mapping.item(index),
            None => Ok(Value::None),
        },
        Value::Instance(instance) => match &instance.payload {
            Payload::Exception(part) => {
                let args = part.borrow().args.clone();
                get(machine, &args, index)
            }
            _ if !instance.class.is_old() && arithmetic::as_index(index).is_some() => {
                Err(type_error(format!(
                    "'{}' object does not support indexing",
                    machine.type_name(object)
                )))
            }
            _ => Err(no_method(machine, object, "__getitem__")),
        },
        Value::Set(_) | Value::FrozenSet(_) if arithmetic::as_index(index).is_some() => {
            Err(type_error(format!(
                "'{}' object does not support indexing",
                machine.type_name(object)
            )))
        }
        _ => Err(no_method(machine, object, "__getitem__")),
    }
}

fn no_method(machine: &Machine, object: &Value, method: &str) -> Thrown {
    if let Value::Instance(instance) = object
        && instance.class.is_old()
    {
        let name = instance.class.name.lossy();
        return attribute_error(format!("{name} instance has no attribute '{method}'"));
    }
    let name = machine.type_name(object);
    match method {
        "__setitem__" => type_error(format!("'{name}' object does not support item assignment")),
        "__delitem__" => type_error(format!("'{name}' object does not support item deletion")),
        _ => type_error(format!("'{name}' object has no attribute '{method}'")),
    }
}

/// `object[index] = value`.
pub(crate) fn set(machine: &mut Machine, object: &Value, index: Value, value: Value) -> Res<()> {
    let inner = object.unwrapped().clone();
    match &inner {
        Value::List(list) => {
            if let Value::Slice(slice) = &index {
                return set_slice(machine, list, slice, Some(value));
            }
            cycles::put_into_list(list, &value);
            let mut items = list.items.borrow_mut();
            let at = position(
                machine,
                &index,
                items.len(),
                "list assignment",
                "list indices",
            )?;
            let old = items.get_mut(at).map(|slot| std::mem::replace(slot, value));
            drop(items);
            drop(old);
            Ok(())
        }
        Value::Dict(dict) => dict.set(index, value),
        Value::Host(host) if host.inner.mapping().is_some() => match host.inner.mapping() {
            Some(mapping) => mapping.set_item(index, value),
            None => Ok(()),
        },
        _ => Err(no_method(machine, object, "__setitem__")),
    }
}

/// `del object[index]`.
pub(crate) fn delete(machine: &mut Machine, object: &Value, index: &Value) -> Res<()> {
    let inner = object.unwrapped().clone();
    match &inner {
        Value::List(list) => {
            if let Value::Slice(slice) = index {
                return set_slice(machine, list, slice, None);
            }
            let mut items = list.items.borrow_mut();
            let at = position(
                machine,
                index,
                items.len(),
                "list assignment",
                "list indices",
            )?;
            work::note((items.len() - at) / super::list::ITEMS_MOVED_A_UNIT);
            let old = items.remove(at);
            drop(items);
            drop(old);
            Ok(())
        }
        Value::Dict(dict) => remove_key(dict, index),
        Value::Host(host) if host.inner.mapping().is_some() => match host.inner.mapping() {
            Some(mapping) => mapping.remove_item(index),
            None => Ok(()),
        },
        Value::Str(_)
        | Value::Tuple(_)
        | Value::Set(_)
        | Value::FrozenSet(_)
        | Value::XRange(_)
            if arithmetic::as_index(index).is_some() =>
        {
            Err(type_error(format!(
                "'{}' object doesn't support item deletion",
                machine.type_name(object)
            )))
        }
        Value::Instance(instance)
            if !instance.class.is_old() && arithmetic::as_index(index).is_some() =>
        {
            Err(type_error(format!(
                "'{}' object doesn't support item deletion",
                machine.type_name(object)
            )))
        }
        _ => Err(no_method(machine, object, "__delitem__")),
    }
}

fn remove_key(dict: &DictObject, key: &Value) -> Res<()> {
    let removed = dict.borrow_mut().remove(key)?;
    match removed {
        Some(removed) => {
            drop(removed);
            Ok(())
        }
        None => Err(key_error(key.clone())),
    }
}

/// `list[slice] = value`, or its deletion.
fn set_slice(
    machine: &mut Machine,
    list: &Rc<ListObject>,
    slice: &SliceObject,
    value: Option<Value>,
) -> Res<()> {
    let step = args::bound(Some(&slice.step))?.unwrap_or(1);
    if step == 0 {
        return Err(value_error("slice step cannot be zero"));
    }
    if step == 1 {
        return splice(machine, list, slice, value, "can only assign an iterable");
    }
    indices(slice, list.len())?;
    let new = match &value {
        Some(value) => {
            if !machine.is_iterable(value) {
                return Err(type_error("must assign iterable to extended slice"));
            }
            let new = machine.collect(value)?;
            cycles::put_all_into_list(list, &new);
            Some(new)
        }
        None => None,
    };
    let mut items = list.items.borrow_mut();
    let (start, step, count) = indices(slice, items.len())?;
    let old: Vec<Value> = match new {
        Some(new) => {
            if new.len() != count {
                return Err(value_error(format!(
                    "attempt to assign sequence of size {} to extended slice of size {count}",
                    new.len()
                )));
            }
            new.into_iter()
                .enumerate()
                .filter_map(|(at, value)| {
                    let slot = items.get_mut((start + at as i64 * step) as usize)?;
                    Some(std::mem::replace(slot, value))
                })
                .collect()
        }
        None => {
            memory::reserve(items.len() * (1 + size_of::<Value>()))?;
            let mut gone = vec![false; items.len()];
            for at in 0..count as i64 {
                if let Some(flag) = gone.get_mut((start + at * step) as usize) {
                    *flag = true;
                }
            }
            let mut removed = Vec::with_capacity(count);
            let mut flags = gone.into_iter();
            let all = std::mem::take(&mut *items);
            for item in all {
                if flags.next() == Some(true) {
                    removed.push(item);
                } else {
                    items.push(item);
                }
            }
            removed
        }
    };
    drop(items);
    drop(old);
    Ok(())
}

/// Replaces a run of items.
fn splice(
    machine: &mut Machine,
    list: &Rc<ListObject>,
    slice: &SliceObject,
    value: Option<Value>,
    message: &str,
) -> Res<()> {
    // Wrong bounds are told before a wrong value.
    indices(slice, list.len())?;
    let new = match &value {
        Some(value) => {
            if !machine.is_iterable(value) {
                return Err(type_error(message));
            }
            machine.collect(value)?
        }
        None => Vec::new(),
    };
    machine.reserve(new.len() * size_of::<Value>())?;
    cycles::put_all_into_list(list, &new);
    let mut items = list.items.borrow_mut();
    let (start, _, count) = indices(slice, items.len())?;
    let (start, count) = (start as usize, count);
    work::note((items.len() - start) / super::list::ITEMS_MOVED_A_UNIT);
    let old: Vec<Value> = items.splice(start..start + count, new).collect();
    drop(items);
    drop(old);
    Ok(())
}

/// `object[low:high]`.
pub(crate) fn slice(machine: &mut Machine, object: &Value, low: &Value, high: &Value) -> Res {
    let simple = |low: &Value, high: &Value| SliceObject {
        start: low.clone(),
        stop: high.clone(),
        step: Value::None,
    };
    match object.unwrapped() {
        Value::Str(string) => {
            let (start, _, count) = indices(&simple(low, high), string.len())?;
            if count == string.len() {
                return Ok(object.unwrapped().clone());
            }
            let start = start as usize;
            machine.reserve(count)?;
            Ok(Value::bytes(
                string.as_bytes().get(start..start + count).unwrap_or(&[]),
            ))
        }
        _ => {
            let index = Value::Slice(Rc::new(simple(low, high)));
            get(machine, object, &index)
        }
    }
}

/// `object[low:high] = value`, or its deletion.
pub(crate) fn store_slice(
    machine: &mut Machine,
    object: &Value,
    low: Value,
    high: Value,
    value: Option<Value>,
) -> Res<()> {
    let slice = SliceObject {
        start: low,
        stop: high,
        step: Value::None,
    };
    if let Value::List(list) = object.unwrapped() {
        return splice(machine, list, &slice, value, "can only assign an iterable");
    }
    let index = Value::Slice(Rc::new(slice));
    match value {
        Some(value) => set(machine, object, index, value),
        None => delete(machine, object, &index),
    }
}
