//! Methods of strings that search, split and join.

use super::args;
use super::signature::{SignedSize, methods};
use crate::machine::Machine;
use crate::object::exception::{type_error, value_error};
use crate::object::{Arity, Res, Str, Value};
use crate::text::search::{self, ByteSet};
use crate::{memory, work};

/// Bytes compared in a unit of work.
const BYTES_COMPARED_A_UNIT: usize = 64;

/// Bytes looked at one by one in a unit of work.
const BYTES_TESTED_A_UNIT: usize = 8;

/// The part of a string that is searched, where it begins, and what for. None if it ends before it begins.
fn search_in<'a>(
    string: &'a Str,
    needle: &Value,
    start: Option<&Value>,
    end: Option<&Value>,
) -> Res<(Option<&'a [u8]>, usize, Str)> {
    let (start, end) = args::range(start, end, string.len())?;
    let needle = args::bytes(needle)?;
    if start > end {
        return Ok((None, start, needle));
    }
    let part = string.as_bytes().get(start..end).unwrap_or(&[]);
    work::spend_bytes(part.len())?;
    Ok((Some(part), start, needle))
}

fn found(
    string: &Str,
    needle: &Value,
    start: Option<&Value>,
    end: Option<&Value>,
    search: fn(&[u8], &[u8]) -> Option<usize>,
) -> Res<Option<i64>> {
    let (part, start, needle) = search_in(string, needle, start, end)?;
    Ok(part
        .and_then(|part| search(part, needle.as_bytes()))
        .map(|at| (at + start) as i64))
}

fn find(
    _machine: &mut Machine,
    string: &Str,
    needle: &Value,
    start: Option<&Value>,
    end: Option<&Value>,
) -> Res {
    let at = found(string, needle, start, end, search::find)?;
    Ok(Value::Int(at.unwrap_or(-1)))
}

fn rfind(
    _machine: &mut Machine,
    string: &Str,
    needle: &Value,
    start: Option<&Value>,
    end: Option<&Value>,
) -> Res {
    let at = found(string, needle, start, end, search::rfind)?;
    Ok(Value::Int(at.unwrap_or(-1)))
}

fn index(
    _machine: &mut Machine,
    string: &Str,
    needle: &Value,
    start: Option<&Value>,
    end: Option<&Value>,
) -> Res {
    found(string, needle, start, end, search::find)?
        .map(Value::Int)
        .ok_or_else(|| value_error("substring not found"))
}

fn rindex(
    _machine: &mut Machine,
    string: &Str,
    needle: &Value,
    start: Option<&Value>,
    end: Option<&Value>,
) -> Res {
    found(string, needle, start, end, search::rfind)?
        .map(Value::Int)
        .ok_or_else(|| value_error("substring not found"))
}

fn count(
    _machine: &mut Machine,
    string: &Str,
    needle: &Value,
    start: Option<&Value>,
    end: Option<&Value>,
) -> Res {
    let (part, _, needle) = search_in(string, needle, start, end)?;
    let count = part.map_or(0, |part| search::count(part, needle.as_bytes()));
    Ok(Value::Int(count as i64))
}

/// `startswith` and `endswith`: which of them, and how a part is compared.
struct Affix {
    name: &'static str,
    test: fn(&[u8], &[u8]) -> bool,
}

const STARTS: Affix = Affix {
    name: "startswith",
    test: |part, prefix| part.starts_with(prefix),
};
const ENDS: Affix = Affix {
    name: "endswith",
    test: |part, suffix| part.ends_with(suffix),
};

fn has_affix(
    machine: &mut Machine,
    string: &Str,
    wanted: &Value,
    start: Option<&Value>,
    end: Option<&Value>,
    Affix { name, test }: Affix,
) -> Res {
    let (start, end) = args::range(start, end, string.len())?;
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

fn startswith(
    machine: &mut Machine,
    string: &Str,
    prefix: &Value,
    start: Option<&Value>,
    end: Option<&Value>,
) -> Res {
    has_affix(machine, string, prefix, start, end, STARTS)
}

fn endswith(
    machine: &mut Machine,
    string: &Str,
    suffix: &Value,
    start: Option<&Value>,
    end: Option<&Value>,
) -> Res {
    has_affix(machine, string, suffix, start, end, ENDS)
}

fn replace(
    machine: &mut Machine,
    string: &Str,
    old: &Value,
    new: &Value,
    most: Option<SignedSize>,
) -> Res {
    let most = most.map_or(-1, |SignedSize(most)| most);
    let old = args::bytes(old)?;
    let new = args::bytes(new)?;
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
        return Ok(Value::Str(string.clone()));
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

/// The separator of `split` and `rsplit`, None for whitespace, and how often they split at most.
fn split_args(separator: Option<&Value>, most: Option<SignedSize>) -> Res<(Option<Str>, usize)> {
    let separator = match separator {
        None | Some(Value::None) => None,
        Some(other) => Some(args::bytes(other)?),
    };
    if separator.as_ref().is_some_and(Str::is_empty) {
        return Err(value_error("empty separator"));
    }
    let most = most.and_then(|SignedSize(most)| usize::try_from(most).ok());
    Ok((separator, most.unwrap_or(usize::MAX)))
}

/// Adds a part of a string to a list, as far as there is memory.
fn push_part(parts: &mut Vec<Value>, part: Option<&[u8]>) -> Res<()> {
    let part = part.unwrap_or(&[]);
    memory::reserve(part.len())?;
    memory::grow(parts, 1)?;
    parts.push(Value::bytes(part));
    Ok(())
}

fn split(
    _machine: &mut Machine,
    string: &Str,
    separator: Option<&Value>,
    most: Option<SignedSize>,
) -> Res {
    let (separator, mut left) = split_args(separator, most)?;
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

fn rsplit(
    _machine: &mut Machine,
    string: &Str,
    separator: Option<&Value>,
    most: Option<SignedSize>,
) -> Res {
    let (separator, mut left) = split_args(separator, most)?;
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

fn splitlines(_machine: &mut Machine, string: &Str, keep: Option<i32>) -> Res {
    let keep = keep.is_some_and(|keep| keep != 0);
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

fn join(machine: &mut Machine, separator: &Str, sequence: Value) -> Res {
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

/// Where the separator is, None if it is nowhere.
fn partition_at(
    string: &Str,
    separator: &Value,
    search: fn(&[u8], &[u8]) -> Option<usize>,
) -> Res<(Str, Option<usize>)> {
    let separator = args::bytes(separator)?;
    if separator.is_empty() {
        return Err(value_error("empty separator"));
    }
    memory::reserve(string.len())?;
    let at = search(string.as_bytes(), separator.as_bytes());
    Ok((separator, at))
}

fn partition(_machine: &mut Machine, string: &Str, separator: &Value) -> Res {
    let (separator, at) = partition_at(string, separator, search::find)?;
    let bytes = string.as_bytes();
    Ok(match at {
        None => three(bytes, b"", b""),
        Some(at) => parted(bytes, at, &separator),
    })
}

fn rpartition(_machine: &mut Machine, string: &Str, separator: &Value) -> Res {
    let (separator, at) = partition_at(string, separator, search::rfind)?;
    let bytes = string.as_bytes();
    Ok(match at {
        None => three(b"", b"", bytes),
        Some(at) => parted(bytes, at, &separator),
    })
}

fn parted(bytes: &[u8], at: usize, separator: &Str) -> Value {
    three(
        bytes.get(..at).unwrap_or(&[]),
        separator.as_bytes(),
        bytes.get(at + separator.len()..).unwrap_or(&[]),
    )
}

fn strip_with(string: &Str, set: Option<&Value>, name: &str, left: bool, right: bool) -> Res {
    let set: Option<ByteSet> = match set.map(Value::unwrapped) {
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
        return Ok(Value::Str(string.clone()));
    }
    memory::reserve(end)?;
    Ok(Value::bytes(rest.get(..end).unwrap_or(&[])))
}

fn strip(_machine: &mut Machine, string: &Str, set: Option<&Value>) -> Res {
    strip_with(string, set, "strip", true, true)
}

fn lstrip(_machine: &mut Machine, string: &Str, set: Option<&Value>) -> Res {
    strip_with(string, set, "lstrip", true, false)
}

fn rstrip(_machine: &mut Machine, string: &Str, set: Option<&Value>) -> Res {
    strip_with(string, set, "rstrip", false, true)
}

fn format(
    machine: &mut Machine,
    string: &Str,
    given: &mut [Value],
    keywords: &[(Str, Value)],
) -> Res {
    let text = machine.format_method(string.as_bytes(), given, keywords)?;
    Ok(Value::from_vec(text))
}

methods! {
    /// Methods of strings that search, split and join.
    METHODS of &Str {
        "find"(needle, start, end) Arity::Parse(1, 3) => find;
        "rfind"(needle, start, end) Arity::Parse(1, 3) => rfind;
        "index"(needle, start, end) Arity::Parse(1, 3) => index;
        "rindex"(needle, start, end) Arity::Parse(1, 3) => rindex;
        "count"(needle, start, end) Arity::Parse(1, 3) => count;
        "startswith"(prefix, start, end) Arity::Parse(1, 3) => startswith;
        "endswith"(suffix, start, end) Arity::Parse(1, 3) => endswith;
        "replace"(old, new, most) Arity::Parse(2, 3) => replace;
        "split"(separator, most) Arity::Parse(0, 2) => split;
        "rsplit"(separator, most) Arity::Parse(0, 2) => rsplit;
        "splitlines"(keep) Arity::Parse(0, 1) => splitlines;
        "join"(sequence) Arity::One => join;
        "partition"(separator) Arity::One => partition;
        "rpartition"(separator) Arity::One => rpartition;
        "strip"(set) Arity::Parse(0, 1) => strip;
        "lstrip"(set) Arity::Parse(0, 1) => lstrip;
        "rstrip"(set) Arity::Parse(0, 1) => rstrip;
        "format"(..) Arity::Any => format;
    }
}
