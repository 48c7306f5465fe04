//! Methods of strings that search, split and join.

use super::{Entry, args};
use crate::object::exception::{type_error, value_error};
use crate::object::{Args, Arity, Res, Str, Value};
use crate::text::search::{self, ByteSet};
use crate::vm::Machine;
use crate::{memory, work};

/// Bytes compared in a unit of work.
const BYTES_COMPARED_A_UNIT: usize = 64;

/// Bytes looked at one by one in a unit of work.
const BYTES_TESTED_A_UNIT: usize = 8;

fn own(call: &Args<'_>) -> Str {
    match call.get(0).map(Value::unwrapped) {
        Some(Value::Str(string)) => string.clone(),
        _ => Str::empty(),
    }
}

/// What `find` and its like search: where, what for, and the offset of the part searched.
fn search_args(call: &Args<'_>) -> Res<(Str, Str, usize, usize)> {
    let string = own(call);
    let (start, end) = args::range(call.get(2), call.get(3), string.len())?;
    let needle = args::bytes(call.get(1).unwrap_or(&Value::Nil))?;
    Ok((string, needle, start, end))
}

fn found(call: &Args<'_>, search: fn(&[u8], &[u8]) -> Option<usize>) -> Res<Option<i64>> {
    let (string, needle, start, end) = search_args(call)?;
    if start > end {
        return Ok(None);
    }
    let part = string.as_bytes().get(start..end).unwrap_or(&[]);
    work::spend_bytes(part.len())?;
    Ok(search(part, needle.as_bytes()).map(|at| (at + start) as i64))
}

fn find(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    Ok(Value::Int(found(call, search::find)?.unwrap_or(-1)))
}

fn rfind(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    Ok(Value::Int(found(call, search::rfind)?.unwrap_or(-1)))
}

fn index(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    found(call, search::find)?
        .map(Value::Int)
        .ok_or_else(|| value_error("substring not found"))
}

fn rindex(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    found(call, search::rfind)?
        .map(Value::Int)
        .ok_or_else(|| value_error("substring not found"))
}

fn count(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let (string, needle, start, end) = search_args(call)?;
    if start > end {
        return Ok(Value::Int(0));
    }
    let part = string.as_bytes().get(start..end).unwrap_or(&[]);
    work::spend_bytes(part.len())?;
    Ok(Value::Int(search::count(part, needle.as_bytes()) as i64))
}

fn affix(
    machine: &mut Machine,
    call: &Args<'_>,
    name: &str,
    test: fn(&[u8], &[u8]) -> bool,
) -> Res {
    let string = own(call);
    let (start, end) = args::range(call.get(2), call.get(3), string.len())?;
    let matches = |affix: &Str| {
        work::note(affix.len() / BYTES_COMPARED_A_UNIT);
        if start > end {
            return false;
        }
        test(
            string.as_bytes().get(start..end).unwrap_or(&[]),
            affix.as_bytes(),
        )
    };
    let wanted = call.get(1).cloned().unwrap_or_default();
    match wanted.unwrapped() {
        Value::Str(affix) => Ok(Value::bool(matches(affix))),
        Value::Tuple(tuple) => {
            for one in tuple.iter() {
                work::spend(1)?;
                match one.unwrapped() {
                    Value::Str(affix) if matches(affix) => return Ok(Value::bool(true)),
                    Value::Str(_) => {}
                    _ => {
                        return Err(type_error(
                            "expected a string or other character buffer object",
                        ));
                    }
                }
            }
            Ok(Value::bool(false))
        }
        other => Err(type_error(format!(
            "{name} first arg must be str, unicode, or tuple, not {}",
            machine.type_name(other)
        ))),
    }
}

fn startswith(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    affix(machine, call, "startswith", |part, prefix| {
        part.starts_with(prefix)
    })
}

fn endswith(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    affix(machine, call, "endswith", |part, suffix| {
        part.ends_with(suffix)
    })
}

fn replace(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let string = own(call);
    let most = match call.get(3) {
        Some(most) => args::index(machine, most)?,
        None => -1,
    };
    let old = args::bytes(call.get(1).unwrap_or(&Value::Nil))?;
    let new = args::bytes(call.get(2).unwrap_or(&Value::Nil))?;
    let (hay, old, new) = (string.as_bytes(), old.as_bytes(), new.as_bytes());
    let mut left = if most < 0 { usize::MAX } else { most as usize };
    work::spend_bytes(hay.len())?;
    let matches = if left == usize::MAX {
        search::count(hay, old)
    } else {
        search::count(hay, old).min(left)
    };
    // An empty string stays one if there is a count, whatever it is.
    if matches == 0 || old == new || (most >= 0 && hay.is_empty()) {
        return Ok(Value::Str(string));
    }
    machine.reserve(matches.saturating_mul(new.len()).saturating_add(hay.len()))?;
    let mut out = Vec::with_capacity(hay.len() + matches * new.len().saturating_sub(old.len()));
    if old.is_empty() {
        for &byte in hay {
            if left > 0 {
                out.extend_from_slice(new);
                left -= 1;
            }
            out.push(byte);
        }
        if left > 0 {
            out.extend_from_slice(new);
        }
        return Ok(Value::from_vec(out));
    }
    let mut from = 0;
    for at in search::positions(hay, old).take(left) {
        out.extend_from_slice(hay.get(from..at).unwrap_or(&[]));
        out.extend_from_slice(new);
        from = at + old.len();
    }
    out.extend_from_slice(hay.get(from..).unwrap_or(&[]));
    Ok(Value::from_vec(out))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn split_args(machine: &Machine, call: &Args<'_>) -> Res<(Str, Option<Str>, usize)> {
    let most = match call.get(2) {
        Some(most) => args::index(machine, most)?,
        None => -1,
    };
    let separator = match call.get(1) {
        None | Some(Value::None) => None,
        Some(other) => Some(args::bytes(other)?),
    };
    if separator.as_ref().is_some_and(Str::is_empty) {
        return Err(value_error("empty separator"));
    }
    Ok((
        own(call),
        separator,
        if most < 0 { usize::MAX } else { most as usize },
    ))
}

/// Adds a part of a string to a list, as far as there is memory.
fn push_part(parts: &mut Vec<Value>, part: Option<&[u8]>) -> Res<()> {
    let part = part.unwrap_or(&[]);
    memory::reserve(part.len())?;
    memory::grow(parts, 1)?;
    parts.push(Value::bytes(part));
    Ok(())
}

fn split(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let (string, separator, mut left) = split_args(machine, call)?;
    let mut parts = Vec::new();
    let mut rest = string.as_bytes();
    match separator {
        Some(separator) => {
            let separator = separator.as_bytes();
            let mut from = 0;
            for at in search::positions(rest, separator).take(left) {
                work::spend(1)?;
                push_part(&mut parts, rest.get(from..at))?;
                from = at + separator.len();
            }
            push_part(&mut parts, rest.get(from..))?;
        }
        None => loop {
            let start = rest
                .iter()
                .position(|byte| !is_space(*byte))
                .unwrap_or(rest.len());
            rest = rest.get(start..).unwrap_or(&[]);
            if rest.is_empty() {
                break;
            }
            work::spend(1)?;
            if left == 0 {
                push_part(&mut parts, Some(rest))?;
                break;
            }
            let end = rest
                .iter()
                .position(|byte| is_space(*byte))
                .unwrap_or(rest.len());
            push_part(&mut parts, rest.get(..end))?;
            rest = rest.get(end..).unwrap_or(&[]);
            left -= 1;
        },
    }
    Ok(Value::list(parts))
}

fn rsplit(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let (string, separator, mut left) = split_args(machine, call)?;
    let mut parts = Vec::new();
    let mut rest = string.as_bytes();
    match separator {
        Some(separator) => {
            let separator = separator.as_bytes();
            let mut to = rest.len();
            for at in search::positions_from_end(rest, separator).take(left) {
                work::spend(1)?;
                push_part(&mut parts, rest.get(at + separator.len()..to))?;
                to = at;
            }
            push_part(&mut parts, rest.get(..to))?;
        }
        None => loop {
            let end = rest
                .iter()
                .rposition(|byte| !is_space(*byte))
                .map_or(0, |last| last + 1);
            rest = rest.get(..end).unwrap_or(&[]);
            if rest.is_empty() {
                break;
            }
            work::spend(1)?;
            if left == 0 {
                push_part(&mut parts, Some(rest))?;
                break;
            }
            let start = rest
                .iter()
                .rposition(|byte| is_space(*byte))
                .map_or(0, |last| last + 1);
            parts.push(Value::bytes(rest.get(start..).unwrap_or(&[])));
            rest = rest.get(..start).unwrap_or(&[]);
            left -= 1;
        },
    }
    parts.reverse();
    Ok(Value::list(parts))
}

fn splitlines(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let string = own(call);
    let keep = match call.get(1) {
        Some(keep) => args::c_int(keep)? != 0,
        None => false,
    };
    let mut lines = Vec::new();
    let mut rest = string.as_bytes();
    while !rest.is_empty() {
        work::spend(1)?;
        let end = rest
            .iter()
            .position(|byte| matches!(byte, b'\n' | b'\r'))
            .unwrap_or(rest.len());
        let ending = match rest.get(end..) {
            Some([b'\r', b'\n', ..]) => 2,
            Some([_, ..]) => 1,
            _ => 0,
        };
        let shown = if keep { end + ending } else { end };
        push_part(&mut lines, rest.get(..shown))?;
        rest = rest.get(end + ending..).unwrap_or(&[]);
    }
    Ok(Value::list(lines))
}

fn join(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let separator = own(call);
    let sequence = call.take(1);
    if !machine.is_iterable(&sequence) {
        return Err(type_error("can only join an iterable"));
    }
    let items = machine.collect(&sequence)?;
    let mut total = 0usize;
    for (at, item) in items.iter().enumerate() {
        work::spend(1)?;
        let Value::Str(string) = item.unwrapped() else {
            return Err(type_error(format!(
                "sequence item {at}: expected string, {} found",
                machine.type_name(item)
            )));
        };
        total = total
            .saturating_add(string.len())
            .saturating_add(separator.len());
    }
    if let [only] = &items[..] {
        return Ok(only.unwrapped().clone());
    }
    machine.reserve(total)?;
    let mut out = Vec::with_capacity(total);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(separator.as_bytes());
        }
        if let Value::Str(string) = item.unwrapped() {
            out.extend_from_slice(string.as_bytes());
        }
    }
    Ok(Value::from_vec(out))
}

fn three(first: &[u8], second: &[u8], third: &[u8]) -> Value {
    Value::tuple(vec![
        Value::bytes(first),
        Value::bytes(second),
        Value::bytes(third),
    ])
}

fn partition_at(
    call: &Args<'_>,
    search: fn(&[u8], &[u8]) -> Option<usize>,
) -> Res<(Str, Str, Option<usize>)> {
    let string = own(call);
    let separator = args::bytes(call.get(1).unwrap_or(&Value::Nil))?;
    if separator.is_empty() {
        return Err(value_error("empty separator"));
    }
    memory::reserve(string.len())?;
    let at = search(string.as_bytes(), separator.as_bytes());
    Ok((string, separator, at))
}

fn partition(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let (string, separator, at) = partition_at(call, search::find)?;
    let bytes = string.as_bytes();
    Ok(match at {
        None => three(bytes, b"", b""),
        Some(at) => three(
            bytes.get(..at).unwrap_or(&[]),
            separator.as_bytes(),
            bytes.get(at + separator.len()..).unwrap_or(&[]),
        ),
    })
}

fn rpartition(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let (string, separator, at) = partition_at(call, search::rfind)?;
    let bytes = string.as_bytes();
    Ok(match at {
        None => three(b"", b"", bytes),
        Some(at) => three(
            bytes.get(..at).unwrap_or(&[]),
            separator.as_bytes(),
            bytes.get(at + separator.len()..).unwrap_or(&[]),
        ),
    })
}

fn strip_with(call: &Args<'_>, name: &str, left: bool, right: bool) -> Res {
    let string = own(call);
    let set: Option<ByteSet> = match call.get(1).map(Value::unwrapped) {
        None | Some(Value::None) => None,
        Some(Value::Str(set)) => Some(ByteSet::of(set.as_bytes())),
        Some(_) => {
            return Err(type_error(format!(
                "{name} arg must be None, str or unicode"
            )));
        }
    };
    let strips = |byte: &u8| match &set {
        None => is_space(*byte),
        Some(set) => set.contains(*byte),
    };
    let bytes = string.as_bytes();
    let start = if left {
        bytes
            .iter()
            .position(|byte| !strips(byte))
            .unwrap_or(bytes.len())
    } else {
        0
    };
    let rest = bytes.get(start..).unwrap_or(&[]);
    let end = if right {
        rest.iter()
            .rposition(|byte| !strips(byte))
            .map_or(0, |last| last + 1)
    } else {
        rest.len()
    };
    work::spend((bytes.len() - end) / BYTES_TESTED_A_UNIT)?;
    if start == 0 && end == bytes.len() {
        return Ok(Value::Str(string));
    }
    memory::reserve(end)?;
    Ok(Value::bytes(rest.get(..end).unwrap_or(&[])))
}

fn strip(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    strip_with(call, "strip", true, true)
}

fn lstrip(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    strip_with(call, "lstrip", true, false)
}

fn rstrip(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    strip_with(call, "rstrip", false, true)
}

fn format(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let string = own(call);
    let positional: Vec<Value> = call.positional.iter().skip(1).cloned().collect();
    let text = machine.format_method(string.as_bytes(), &positional, call.keywords)?;
    Ok(Value::from_vec(text))
}

pub(crate) const METHODS: &[Entry] = &[
    ("find", Arity::Parse(1, 3), find),
    ("rfind", Arity::Parse(1, 3), rfind),
    ("index", Arity::Parse(1, 3), index),
    ("rindex", Arity::Parse(1, 3), rindex),
    ("count", Arity::Parse(1, 3), count),
    ("startswith", Arity::Parse(1, 3), startswith),
    ("endswith", Arity::Parse(1, 3), endswith),
    ("replace", Arity::Parse(2, 3), replace),
    ("split", Arity::Parse(0, 2), split),
    ("rsplit", Arity::Parse(0, 2), rsplit),
    ("splitlines", Arity::Parse(0, 1), splitlines),
    ("join", Arity::One, join),
    ("partition", Arity::One, partition),
    ("rpartition", Arity::One, rpartition),
    ("strip", Arity::Parse(0, 1), strip),
    ("lstrip", Arity::Parse(0, 1), lstrip),
    ("rstrip", Arity::Parse(0, 1), rstrip),
    ("format", Arity::Any, format),
];
