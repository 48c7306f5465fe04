//! Builtin functions that go through sequences or call functions on them.

use num_bigint::BigInt;
use num_traits::{ToPrimitive, Zero};

use crate::compare;
use crate::machine::Machine;
use crate::methods::args;
use crate::methods::signature::functions;
use crate::object::exception::{overflow_error, type_error, value_error};
use crate::object::{Arity, Res, Str, Value};
use overlord_repy_syntax::ast::{BinaryOp, CompareOp};

/// How many numbers a range has.
pub(crate) fn range_len(start: i128, stop: i128, step: i128) -> u128 {
    if step > 0 && start < stop {
        ((stop - 1 - start) / step + 1) as u128
    } else if step < 0 && stop < start {
        ((start - 1 - stop) / -step + 1) as u128
    } else {
        0
    }
}

fn range(
    machine: &mut Machine,
    first: &Value,
    second: Option<&Value>,
    step: Option<&Value>,
) -> Res {
    let (start, stop) = match second {
        Some(stop) => (first.clone(), stop.clone()),
        None => (Value::Int(0), first.clone()),
    };
    let step = step.cloned().unwrap_or(Value::Int(1));
    let small = |value: &Value| match value.unwrapped() {
        Value::Int(int) => Some(*int),
        Value::Bool(b) => Some(i64::from(*b)),
        _ => None,
    };
    if let (Some(start), Some(stop), Some(step)) = (small(&start), small(&stop), small(&step)) {
        if step == 0 {
            return Err(value_error("range() step argument must not be zero"));
        }
        let len = range_len(start.into(), stop.into(), step.into());
        let too_many = || overflow_error("range() result has too many items");
        let len = usize::try_from(len)
            .ok()
            .filter(|len| *len <= i64::MAX as usize)
            .ok_or_else(too_many)?;
        machine.reserve(len.saturating_mul(size_of::<Value>()))?;
        let mut items = Vec::with_capacity(len);
        let mut at = start;
        for _ in 0..len {
            items.push(Value::Int(at));
            at = at.wrapping_add(step);
        }
        return Ok(Value::list(items));
    }
    let big = |value: &Value, which: &str| match value.unwrapped() {
        Value::Long(long) => Ok((**long).clone()),
        Value::Int(int) => Ok(BigInt::from(*int)),
        Value::Bool(b) => Ok(BigInt::from(i64::from(*b))),
        Value::Complex(_) => Err(args::not_an_integer(value)),
        other => Err(args::lacks(other, "__trunc__").unwrap_or_else(|| {
            type_error(format!(
                "range() integer {which} argument expected, got {}.",
                machine.type_name(other)
            ))
        })),
    };
    let stop_big = big(&stop, "end")?;
    let start_big = big(&start, "start")?;
    let step_big = big(&step, "step")?;
    if step_big.is_zero() {
        return Err(value_error("range() step argument must not be zero"));
    }
    let forward = step_big > BigInt::ZERO;
    let span = if forward {
        &stop_big - &start_big
    } else {
        &start_big - &stop_big
    };
    let len = if span <= BigInt::ZERO {
        0
    } else {
        let size = if forward {
            step_big.clone()
        } else {
            -&step_big
        };
        BigInt::to_usize(&((span - 1i32) / size + 1i32))
            .filter(|len| *len <= i64::MAX as usize)
            .ok_or_else(|| overflow_error("range() result has too many items"))?
    };
    machine.reserve(len.saturating_mul(64))?;
    let mut items = Vec::with_capacity(len);
    let mut at = start_big;
    for _ in 0..len {
        items.push(Value::int_or_long(at.clone()));
        at += &step_big;
    }
    Ok(Value::list(items))
}

fn zip(machine: &mut Machine, given: &mut [Value], _keywords: &[(Str, Value)]) -> Res {
    let mut iters = Vec::with_capacity(given.len());
    for (at, value) in given.iter_mut().enumerate() {
        let value = std::mem::take(value);
        if !machine.is_iterable(&value) {
            return Err(type_error(format!(
                "zip argument #{} must support iteration",
                at + 1
            )));
        }
        iters.push(machine.iter(&value)?);
    }
    let mut rows = Vec::new();
    if iters.is_empty() {
        return Ok(Value::list(rows));
    }
    loop {
        let mut row = Vec::with_capacity(iters.len());
        for iter in &iters {
            match machine.next_item(iter)? {
                Value::Nil => return Ok(Value::list(rows)),
                item => row.push(item),
            }
        }
        rows.push(Value::tuple(row));
    }
}

fn map(machine: &mut Machine, given: &mut [Value], _keywords: &[(Str, Value)]) -> Res {
    let Some((function, sequences @ [_, ..])) = given.split_first_mut() else {
        return Err(type_error("map() requires at least two args"));
    };
    let function = std::mem::take(function);
    let mut iters = Vec::with_capacity(sequences.len());
    let lists_one = function.is_none() && sequences.len() == 1;
    for (at, value) in sequences.iter_mut().enumerate() {
        let value = std::mem::take(value);
        if !lists_one && !machine.is_iterable(&value) {
            return Err(type_error(format!(
                "argument {} to map() must support iteration",
                at + 2
            )));
        }
        iters.push(machine.iter(&value)?);
    }
    let mut results = Vec::new();
    let mut open = vec![true; iters.len()];
    loop {
        let mut row = Vec::with_capacity(iters.len());
        let mut any = false;
        for (iter, open) in iters.iter().zip(&mut open) {
            let item = if *open {
                machine.next_item(iter)?
            } else {
                Value::Nil
            };
            if item.is_nil() {
                *open = false;
                row.push(Value::None);
            } else {
                any = true;
                row.push(item);
            }
        }
        if !any {
            return Ok(Value::list(results));
        }
        results.push(if function.is_none() {
            match <[Value; 1]>::try_from(row) {
                Ok([only]) => only,
                Err(row) => Value::tuple(row),
            }
        } else {
            machine.call_value(&function, row)?
        });
    }
}

fn filter(machine: &mut Machine, function: Value, sequence: Value) -> Res {
    if !machine.is_iterable(&sequence) {
        return Err(type_error(format!(
            "'{}' object is not iterable",
            machine.type_name(&sequence)
        )));
    }
    let iter = machine.iter(&sequence)?;
    let mut kept = Vec::new();
    loop {
        let item = machine.next_item(&iter)?;
        if item.is_nil() {
            break;
        }
        let keep = if function.is_none() {
            machine.is_true(&item)
        } else {
            let verdict = machine.call_value(&function, vec![item.clone()])?;
            machine.is_true(&verdict)
        };
        if keep {
            kept.push(item);
        }
    }
    Ok(match sequence.unwrapped() {
        Value::Tuple(_) => Value::tuple(kept),
        Value::Str(_) => {
            let mut bytes = Vec::with_capacity(kept.len());
            for item in kept {
                if let Value::Str(part) = item {
                    bytes.extend_from_slice(part.as_bytes());
                }
            }
            Value::from_vec(bytes)
        }
        _ => Value::list(kept),
    })
}

fn reduce(machine: &mut Machine, function: Value, sequence: Value, initial: Option<Value>) -> Res {
    if !machine.is_iterable(&sequence) {
        return Err(type_error("reduce() arg 2 must support iteration"));
    }
    let iter = machine.iter(&sequence)?;
    let mut result = initial.unwrap_or_default();
    loop {
        let item = machine.next_item(&iter)?;
        if item.is_nil() {
            break;
        }
        result = if result.is_nil() {
            item
        } else {
            machine.call_value(&function, vec![result, item])?
        };
    }
    if result.is_nil() {
        return Err(type_error(
            "reduce() of empty sequence with no initial value",
        ));
    }
    Ok(result)
}

fn sum(machine: &mut Machine, sequence: Value, start: Option<Value>) -> Res {
    let iter = machine.iter(&sequence)?;
    let mut total = match start {
        None => Value::Int(0),
        Some(Value::Str(_)) => {
            return Err(type_error(
                "sum() can't sum strings [use ''.join(seq) instead]",
            ));
        }
        Some(start) => start,
    };
    loop {
        let item = machine.next_item(&iter)?;
        if item.is_nil() {
            return Ok(total);
        }
        total = machine.binary(BinaryOp::Add, &total, &item)?;
    }
}

fn extreme(
    machine: &mut Machine,
    given: &mut [Value],
    keywords: &[(Str, Value)],
    name: &str,
    better: CompareOp,
) -> Res {
    let mut key = Value::Nil;
    for (keyword, value) in keywords {
        if keyword.as_bytes() != b"key" {
            return Err(type_error(format!(
                "{name}() got an unexpected keyword argument"
            )));
        }
        key = value.clone();
    }
    let sequence = match given {
        [] => return Err(type_error(format!("{name} expected 1 arguments, got 0"))),
        [only] => std::mem::take(only),
        several => Value::tuple(several.iter_mut().map(std::mem::take).collect()),
    };
    let iter = machine.iter(&sequence)?;
    let mut best: Option<(Value, Value)> = None;
    loop {
        let item = machine.next_item(&iter)?;
        if item.is_nil() {
            break;
        }
        let rank = if matches!(key, Value::Nil | Value::None) {
            if key.is_none() {
                machine.call_value(&key, vec![item.clone()])?
            } else {
                item.clone()
            }
        } else {
            machine.call_value(&key, vec![item.clone()])?
        };
        let replaces = match &best {
            None => true,
            Some((known, _)) => compare::rich(better, &rank, known)?,
        };
        if replaces {
            best = Some((rank, item));
        }
    }
    best.map(|(_, item)| item)
        .ok_or_else(|| value_error(format!("{name}() arg is an empty sequence")))
}

fn min(machine: &mut Machine, given: &mut [Value], keywords: &[(Str, Value)]) -> Res {
    extreme(machine, given, keywords, "min", CompareOp::Less)
}

fn max(machine: &mut Machine, given: &mut [Value], keywords: &[(Str, Value)]) -> Res {
    extreme(machine, given, keywords, "max", CompareOp::Greater)
}

functions! {
    /// Builtin functions that go through sequences or call functions on them.
    FUNCTIONS {
        "range"(first, second, step) Arity::Unpack(1, 3) => range;
        "zip"(..) Arity::Positional => zip;
        "map"(..) Arity::Positional => map;
        "filter"(function, sequence) Arity::Unpack(2, 2) => filter;
        "reduce"(function, sequence, initial) Arity::Unpack(2, 3) => reduce;
        "sum"(sequence, start) Arity::Unpack(1, 2) => sum;
        "min"(..) Arity::Any => min;
        "max"(..) Arity::Any => max;
    }
}
