//! `list.sort`: stable, with `cmp`, `key` and `reverse`; how it goes about it is in [`merge_runs`].

use std::cmp::Ordering;
use std::rc::Rc;

use super::merge_runs;
use crate::compare;
use crate::machine::Machine;
use crate::object::exception::{type_error, value_error};
use crate::object::{ListObject, Res, Str, Value};
use overlord_repy_syntax::ast::CompareOp;

/// Most items, and most bytes of a string among them, that are sorted in one go; what may take longer is sorted by
/// comparisons that can be stopped.
const QUICK_ITEMS: usize = 1 << 20;
const QUICK_BYTES: usize = 1 << 10;

struct Options {
    compare: Value,
    key: Value,
    reverse: bool,
}

fn options(given: &mut [Value], keywords: &[(Str, Value)]) -> Res<Options> {
    let mut parts = [Value::Nil, Value::Nil, Value::Nil];
    if given.len() > parts.len() {
        return Err(type_error(format!(
            "sort() takes at most 3 arguments ({} given)",
            given.len()
        )));
    }
    for (part, value) in parts.iter_mut().zip(given) {
        *part = std::mem::take(value);
    }
    for (name, value) in keywords {
        let slot = match name.as_bytes() {
            b"cmp" => 0,
            b"key" => 1,
            b"reverse" => 2,
            _ => {
                return Err(type_error(format!(
                    "'{}' is an invalid keyword argument for this function",
                    name.lossy()
                )));
            }
        };
        if let Some(part) = parts.get_mut(slot) {
            *part = value.clone();
        }
    }
    let [compare, key, reverse] = parts;
    let reverse = match &reverse {
        Value::Nil => false,
        other => super::args::c_int(other)? != 0,
    };
    let given = |value: Value| if value.is_none() { Value::Nil } else { value };
    Ok(Options {
        compare: given(compare),
        key: given(key),
        reverse,
    })
}

pub(super) fn sort(
    machine: &mut Machine,
    list: &Rc<ListObject>,
    given: &mut [Value],
    keywords: &[(Str, Value)],
) -> Res {
    let options = options(given, keywords)?;
    let is_plain = options.key.is_nil() && options.compare.is_nil();
    machine.reserve(list.len() * extra_bytes(&list.items.borrow(), is_plain))?;
    // The list is empty for code that looks at it meanwhile, as in CPython.
    let mut items = list.items.take();
    if is_plain && sort_values(&mut items, options.reverse) {
        list.items.replace(items);
        return Ok(Value::None);
    }
    let (mut pairs, result) = sort_items(machine, items, &options);
    if options.reverse && result.is_ok() {
        pairs.reverse();
    }
    let sorted: Vec<Value> = pairs.into_iter().map(|(_, value)| value).collect();
    let meanwhile = list.items.replace(sorted);
    result?;
    if !meanwhile.is_empty() {
        return Err(value_error("list modified during sort"));
    }
    Ok(Value::None)
}

/// What sorting takes beside the items, for each of them: nothing for numbers, which are sorted in place; for strings
/// their prefixes; otherwise the keys, and both moved once more when they are merged.
fn extra_bytes(items: &[Value], is_plain: bool) -> usize {
    if items.len() <= QUICK_ITEMS && is_plain {
        if items.iter().all(|item| matches!(item, Value::Int(_))) {
            return 0;
        }
        if items.iter().all(is_short_string) {
            return size_of::<(u64, Str)>() * 3 / 2;
        }
    }
    2 * size_of::<(Value, Value)>() + 2 * size_of::<usize>()
}

/// Sorts in rising order; in reverse, equal items are left in falling order so that reversing keeps them stable.
fn sort_items(
    machine: &mut Machine,
    items: Vec<Value>,
    options: &Options,
) -> (Vec<(Value, Value)>, Res<()>) {
    let mut pairs = Vec::with_capacity(items.len());
    let mut result = Ok(());
    for item in items {
        let key = if options.key.is_nil() || result.is_err() {
            Value::Nil
        } else {
            match machine.call_value(&options.key, vec![item.clone()]) {
                Ok(key) => key,
                Err(thrown) => {
                    result = Err(thrown);
                    Value::Nil
                }
            }
        };
        pairs.push((key, item));
    }
    if result.is_err() {
        return (pairs, result);
    }
    if options.reverse {
        pairs.reverse();
    }
    let by_key = !options.key.is_nil();
    if by_key && options.compare.is_nil() && sort_plain(&mut pairs) {
        return (pairs, Ok(()));
    }
    let rank = |at: usize| if by_key { &pairs[at].0 } else { &pairs[at].1 };
    let mut less = |a: usize, b: usize| -> Res<bool> {
        let (x, y) = (rank(a), rank(b));
        if options.compare.is_nil() {
            return compare::rich(CompareOp::Less, x, y);
        }
        let verdict = machine.call_value(&options.compare, vec![x.clone(), y.clone()])?;
        match verdict.unwrapped() {
            Value::Int(order) => Ok(*order < 0),
            Value::Bool(_) => Ok(false),
            _ => {
                let name = machine.type_name(&verdict);
                Err(type_error(format!(
                    "comparison function must return int, not {name}"
                )))
            }
        }
    };
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    let result = merge_runs::sort(&mut order, &mut less);
    let sorted = order
        .into_iter()
        .map(|at| std::mem::take(&mut pairs[at]))
        .collect();
    (sorted, result)
}

/// Longer strings take long to compare.
fn is_short_string(value: &Value) -> bool {
    matches!(value, Value::Str(string) if string.len() <= QUICK_BYTES)
}

/// The first eight bytes of a string as a number of the same order: decides most comparisons.
fn prefix(string: &Str) -> u64 {
    let mut first = [0; 8];
    let bytes = string.as_bytes();
    let len = bytes.len().min(8);
    first[..len].copy_from_slice(&bytes[..len]);
    u64::from_be_bytes(first)
}

/// Sorts if all are ints or all are strings, whose order cannot fail; false if they are not.
fn sort_values(items: &mut Vec<Value>, reverse: bool) -> bool {
    if items.len() > QUICK_ITEMS {
        return false;
    }
    if items.iter().all(|item| matches!(item, Value::Int(_))) {
        // Equal ints cannot be told apart, so stability is not seen.
        items.sort_unstable_by_key(|item| match item {
            Value::Int(int) => *int,
            _ => 0,
        });
        if reverse {
            items.reverse();
        }
        return true;
    }
    if !items.iter().all(is_short_string) {
        return false;
    }
    let mut prefixed: Vec<(u64, Str)> = Vec::with_capacity(items.len());
    for item in items.drain(..) {
        if let Value::Str(string) = item {
            prefixed.push((prefix(&string), string));
        }
    }
    let order = |a: &(u64, Str), b: &(u64, Str)| {
        a.0.cmp(&b.0).then_with(|| {
            if a.1.is_same(&b.1) {
                Ordering::Equal
            } else {
                a.1.as_bytes().cmp(b.1.as_bytes())
            }
        })
    };
    if reverse {
        prefixed.sort_by(|a, b| order(b, a));
    } else {
        prefixed.sort_by(order);
    }
    items.extend(prefixed.into_iter().map(|(_, string)| Value::Str(string)));
    true
}

/// Sorts if all keys are ints or all are strings.
fn sort_plain(pairs: &mut [(Value, Value)]) -> bool {
    if pairs.len() > QUICK_ITEMS {
        return false;
    }
    if pairs.iter().all(|pair| matches!(pair.0, Value::Int(_))) {
        pairs.sort_by_key(|pair| match pair.0 {
            Value::Int(int) => int,
            _ => 0,
        });
        return true;
    }
    if pairs.iter().all(|pair| is_short_string(&pair.0)) {
        pairs.sort_by(|a, b| match (&a.0, &b.0) {
            (Value::Str(a), Value::Str(b)) => a.as_bytes().cmp(b.as_bytes()),
            _ => Ordering::Equal,
        });
        return true;
    }
    false
}
