//! Methods of lists and tuples.

use std::rc::Rc;

use super::args;
use super::signature::{SignedSize, methods};
use crate::machine::Machine;
use crate::object::cycles;
use crate::object::equality;
use crate::object::exception::{index_error, type_error, value_error};
use crate::object::{Arity, ListObject, Res, TupleObject, Value};
use crate::{memory, work};

/// Items of a list that are moved within it in a unit of work.
pub(super) const ITEMS_MOVED_A_UNIT: usize = 4;

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

fn append(_machine: &mut Machine, list: &Rc<ListObject>, item: Value) -> Res {
    list.append(item)?;
    Ok(Value::None)
}

fn extend(machine: &mut Machine, list: &Rc<ListObject>, items: Value) -> Res {
    extend_with(machine, list, &items)?;
    Ok(Value::None)
}

fn insert(
    machine: &mut Machine,
    list: &Rc<ListObject>,
    SignedSize(at): SignedSize,
    item: Value,
) -> Res {
    cycles::put_into_list(list, &item);
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

fn pop(_machine: &mut Machine, list: &Rc<ListObject>, at: Option<SignedSize>) -> Res {
    let at = at.map_or(-1, |SignedSize(at)| at);
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
        if equality::same_or_equal(&held, item)? {
            return Ok(Some(at));
        }
        at += 1;
    }
    Ok(None)
}

fn remove(_machine: &mut Machine, list: &Rc<ListObject>, item: Value) -> Res {
    match position(list, &item, 0, usize::MAX)? {
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
fn search_range(start: Option<&Value>, end: Option<&Value>, len: usize) -> Res<(usize, usize)> {
    let bad = || type_error("slice indices must be integers or have an __index__ method");
    if matches!(
        (start, end),
        (Some(Value::None), _) | (_, Some(Value::None))
    ) {
        return Err(bad());
    }
    args::range(start, end, len).map_err(|thrown| {
        let is_old = [start, end]
            .into_iter()
            .flatten()
            .any(|bound| args::lacks_index(bound).is_some());
        if is_old { thrown } else { bad() }
    })
}

fn index(
    machine: &mut Machine,
    list: &Rc<ListObject>,
    item: Value,
    start: Option<&Value>,
    end: Option<&Value>,
) -> Res {
    let (start, end) = search_range(start, end, list.len())?;
    match position(list, &item, start, end)? {
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

fn count(machine: &mut Machine, list: &Rc<ListObject>, item: Value) -> Res {
    machine.reserve(list.len() * size_of::<Value>())?;
    count_in(&list.to_vec(), &item)
}

fn count_in(items: &[Value], item: &Value) -> Res {
    let mut total = 0;
    for held in items {
        work::spend(1)?;
        total += i64::from(equality::same_or_equal(held, item)?);
    }
    Ok(Value::Int(total))
}

fn reverse(_machine: &mut Machine, list: &Rc<ListObject>) -> Res {
    work::spend(list.len() / ITEMS_MOVED_A_UNIT)?;
    list.items.borrow_mut().reverse();
    Ok(Value::None)
}

fn init(machine: &mut Machine, list: &Rc<ListObject>, items: Option<&Value>) -> Res {
    let items = match items.cloned() {
        Some(items) => machine
            .collect(items.unwrapped())
            .or_else(|thrown| match &items {
                Value::Instance(_) => machine.collect(&items),
                _ => Err(thrown),
            })?,
        None => Vec::new(),
    };
    cycles::put_all_into_list(list, &items);
    let old = list.items.replace(items);
    drop(old);
    Ok(Value::None)
}

/// A tuple's items: comparing them may run code of the program meanwhile.
fn items_of(tuple: &TupleObject) -> Res<Vec<Value>> {
    memory::reserve(tuple.len() * size_of::<Value>())?;
    Ok(tuple.to_vec())
}

fn tuple_count(_machine: &mut Machine, tuple: &Rc<TupleObject>, item: Value) -> Res {
    count_in(&items_of(tuple)?, &item)
}

fn tuple_index(
    _machine: &mut Machine,
    tuple: &Rc<TupleObject>,
    item: Value,
    start: Option<&Value>,
    end: Option<&Value>,
) -> Res {
    let items = items_of(tuple)?;
    let (start, end) = search_range(start, end, items.len())?;
    for (at, held) in items.iter().enumerate().take(end).skip(start) {
        work::spend(1)?;
        if equality::same_or_equal(held, &item)? {
            return Ok(Value::Int(at as i64));
        }
    }
    Err(value_error("tuple.index(x): x not in tuple"))
}

methods! {
    /// Methods of lists.
    METHODS of &Rc<ListObject> {
        "append"(item) Arity::One => append;
        "extend"(items) Arity::One => extend;
        "insert"(at, item) Arity::Parse(2, 2) => insert;
        "pop"(at) Arity::Parse(0, 1) => pop;
        "remove"(item) Arity::One => remove;
        "index"(item, start, end) Arity::Parse(1, 3) => index;
        "count"(item) Arity::One => count;
        "reverse"() Arity::Zero => reverse;
        "sort"(..) Arity::Any => super::sort::sort;
        "__init__"(items) Arity::Parse(0, 1) => init;
    }
}

methods! {
    /// Methods of tuples.
    TUPLE of &Rc<TupleObject> {
        "count"(item) Arity::One => tuple_count;
        "index"(item, start, end) Arity::Parse(1, 3) => tuple_index;
    }
}
