//! Methods of lists and tuples.

use std::rc::Rc;

use super::{Entry, args, iter_method, repr_method};
use crate::compare;
use crate::object::cycles;
use crate::object::exception::{index_error, type_error, value_error};
use crate::object::{Args, Arity, ListObject, Res, Value};
use crate::vm::Machine;
use crate::{memory, work};

/// Items of a list that are moved within it in a unit of work.
pub(super) const ITEMS_MOVED_A_UNIT: usize = 4;

pub(crate) fn own(call: &Args<'_>) -> Rc<ListObject> {
    match call.get(0).map(Value::unwrapped) {
        Some(Value::List(list)) => list.clone(),
        _ => Rc::new(ListObject::default()),
    }
}

/// `list.extend(items)`, also `+=`.
pub(crate) fn extend_with(machine: &mut Machine, list: &Rc<ListObject>, items: &Value) -> Res<()> {
    if let Value::Instance(_) | Value::Iter(_) = items
        && !matches!(items.unwrapped(), Value::List(_) | Value::Tuple(_))
    {
        // Items arrive one by one: those before an error stay.
        let iter = machine.iter(items)?;
        loop {
            match machine.next_item(&iter)? {
                Value::Nil => return Ok(()),
                item => {
                    cycles::put_into_list(list, &item);
                    list.items.borrow_mut().push(item);
                }
            }
        }
    }
    let items = machine.collect(items.unwrapped())?;
    machine.reserve(items.len() * size_of::<Value>())?;
    cycles::put_all_into_list(list, &items);
    list.items.borrow_mut().extend(items);
    Ok(())
}

fn append(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let item = call.take(1);
    if let Some(Value::List(list)) = call.get(0).map(Value::unwrapped) {
        list.append(item)?;
    }
    Ok(Value::None)
}

fn extend(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let items = call.take(1);
    extend_with(machine, &own(call), &items)?;
    Ok(Value::None)
}

fn insert(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let list = own(call);
    let at = args::index(machine, call.get(1).unwrap_or(&Value::Nil))?;
    let item = call.take(2);
    cycles::put_into_list(&list, &item);
    let len = list.len() as i64;
    let at = if at < 0 {
        at.saturating_add(len).max(0)
    } else {
        at.min(len)
    };
    work::spend_bytes((len - at) as usize * size_of::<Value>())?;
    let mut items = list.items.borrow_mut();
    if items.len() == items.capacity() {
        machine.reserve(items.len() * size_of::<Value>())?;
    }
    items.insert(at as usize, item);
    Ok(Value::None)
}

fn pop(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let list = own(call);
    let at = match call.get(1) {
        Some(at) => args::index(machine, at)?,
        None => -1,
    };
    let mut items = list.items.borrow_mut();
    if items.is_empty() {
        return Err(index_error("pop from empty list"));
    }
    let len = items.len() as i64;
    let at = if at < 0 { at + len } else { at };
    if !(0..len).contains(&at) {
        return Err(index_error("pop index out of range"));
    }
    work::note((len - at) as usize / ITEMS_MOVED_A_UNIT);
    Ok(items.remove(at as usize))
}

fn position(list: &ListObject, item: &Value, start: usize, end: usize) -> Res<Option<usize>> {
    let mut at = start;
    while at < end
        && let Some(held) = list.get(at)
    {
        work::spend(1)?;
        if compare::same_or_equal(&held, item)? {
            return Ok(Some(at));
        }
        at += 1;
    }
    Ok(None)
}

fn remove(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let list = own(call);
    let item = call.take(1);
    match position(&list, &item, 0, usize::MAX)? {
        Some(at) => {
            work::note((list.len() - at) / ITEMS_MOVED_A_UNIT);
            let removed = list.items.borrow_mut().remove(at);
            drop(removed);
            Ok(Value::None)
        }
        None => Err(value_error("list.remove(x): x not in list")),
    }
}

/// The bounds of `index`, which may not be None.
fn search_range(call: &Args<'_>, len: usize) -> Res<(usize, usize)> {
    let bad = || type_error("slice indices must be integers or have an __index__ method");
    if matches!(
        (call.get(2), call.get(3)),
        (Some(Value::None), _) | (_, Some(Value::None))
    ) {
        return Err(bad());
    }
    args::range(call.get(2), call.get(3), len).map_err(|thrown| {
        let is_old = [call.get(2), call.get(3)]
            .into_iter()
            .flatten()
            .any(|bound| args::lacks_index(bound).is_some());
        if is_old { thrown } else { bad() }
    })
}

fn index(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let list = own(call);
    let item = call.take(1);
    let (start, end) = search_range(call, list.len())?;
    match position(&list, &item, start, end)? {
        Some(at) => Ok(Value::Int(at as i64)),
        None => {
            let shown = machine.repr_of(&item)?;
            Err(value_error(format!(
                "{} is not in list",
                String::from_utf8_lossy(&shown)
            )))
        }
    }
}

fn count(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let item = call.take(1);
    let list = own(call);
    machine.reserve(list.len() * size_of::<Value>())?;
    count_in(&list.to_vec(), &item)
}

fn count_in(items: &[Value], item: &Value) -> Res {
    let mut total = 0;
    for held in items {
        work::spend(1)?;
        total += i64::from(compare::same_or_equal(held, item)?);
    }
    Ok(Value::Int(total))
}

fn reverse(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let list = own(call);
    work::spend(list.len() / ITEMS_MOVED_A_UNIT)?;
    list.items.borrow_mut().reverse();
    Ok(Value::None)
}

fn init(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let list = own(call);
    let items = match call.get(1).cloned() {
        Some(items) => machine
            .collect(items.unwrapped())
            .or_else(|thrown| match &items {
                Value::Instance(_) => machine.collect(&items),
                _ => Err(thrown),
            })?,
        None => Vec::new(),
    };
    cycles::put_all_into_list(&list, &items);
    let old = list.items.replace(items);
    drop(old);
    Ok(Value::None)
}

fn tuple_own(call: &Args<'_>) -> Res<Vec<Value>> {
    match call.get(0).map(Value::unwrapped) {
        Some(Value::Tuple(tuple)) => {
            memory::reserve(tuple.len() * size_of::<Value>())?;
            Ok(tuple.to_vec())
        }
        _ => Ok(Vec::new()),
    }
}

fn tuple_count(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let item = call.take(1);
    count_in(&tuple_own(call)?, &item)
}

fn tuple_index(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let items = tuple_own(call)?;
    let item = call.take(1);
    let (start, end) = search_range(call, items.len())?;
    for (at, held) in items.iter().enumerate().take(end).skip(start) {
        work::spend(1)?;
        if compare::same_or_equal(held, &item)? {
            return Ok(Value::Int(at as i64));
        }
    }
    Err(value_error("tuple.index(x): x not in tuple"))
}

pub(crate) const METHODS: &[Entry] = &[
    ("append", Arity::One, append),
    ("extend", Arity::One, extend),
    ("insert", Arity::Parse(2, 2), insert),
    ("pop", Arity::Parse(0, 1), pop),
    ("remove", Arity::One, remove),
    ("index", Arity::Parse(1, 3), index),
    ("count", Arity::One, count),
    ("reverse", Arity::Zero, reverse),
    ("sort", Arity::Any, super::sort::sort),
    ("__iter__", Arity::Zero, iter_method),
    ("__repr__", Arity::Zero, repr_method),
    ("__init__", Arity::Parse(0, 1), init),
];

pub(crate) const TUPLE: &[Entry] = &[
    ("count", Arity::One, tuple_count),
    ("index", Arity::Parse(1, 3), tuple_index),
    ("__iter__", Arity::Zero, iter_method),
];
