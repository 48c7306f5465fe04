//! Methods of strings that change case, width or single characters, or test them.

use super::{Entry, args};
use crate::memory;
use crate::object::exception::{overflow_error, type_error, value_error};
use crate::object::string::LONGEST_STRING;
use crate::object::{Args, Arity, Res, Str, Value};
use crate::text::search::ByteSet;
use crate::vm::Machine;
use crate::work;

/// Bytes that are tested one by one in a unit of work.
const TESTED_A_UNIT: usize = 8;

fn own(call: &Args<'_>) -> Str {
    match call.get(0).map(Value::unwrapped) {
        Some(Value::Str(string)) => string.clone(),
        _ => Str::empty(),
    }
}

fn mapped(call: &Args<'_>, map: fn(u8) -> u8) -> Res {
    memory::reserve(own(call).len())?;
    Ok(Value::from_vec(
        own(call).as_bytes().iter().map(|byte| map(*byte)).collect(),
    ))
}

fn lower(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    mapped(call, |byte| byte.to_ascii_lowercase())
}

fn upper(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    mapped(call, |byte| byte.to_ascii_uppercase())
}

fn swapcase(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    mapped(call, |byte| {
        if byte.is_ascii_lowercase() {
            byte.to_ascii_uppercase()
        } else {
            byte.to_ascii_lowercase()
        }
    })
}

fn capitalize(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    memory::reserve(own(call).len())?;
    let mut bytes = own(call).as_bytes().to_ascii_lowercase();
    if let Some(first) = bytes.first_mut() {
        first.make_ascii_uppercase();
    }
    Ok(Value::from_vec(bytes))
}

fn title(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    memory::reserve(own(call).len())?;
    let mut after_letter = false;
    let titled = own(call)
        .as_bytes()
        .iter()
        .map(|byte| {
            let shown = if after_letter {
                byte.to_ascii_lowercase()
            } else {
                byte.to_ascii_uppercase()
            };
            after_letter = byte.is_ascii_alphabetic();
            shown
        })
        .collect();
    Ok(Value::from_vec(titled))
}

fn all(call: &Args<'_>, test: fn(&u8) -> bool) -> Res {
    let string = own(call);
    work::spend(string.len() / TESTED_A_UNIT)?;
    Ok(Value::bool(
        !string.is_empty() && string.as_bytes().iter().all(test),
    ))
}

fn isalnum(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    all(call, u8::is_ascii_alphanumeric)
}

fn isalpha(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    all(call, u8::is_ascii_alphabetic)
}

fn isdigit(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    all(call, u8::is_ascii_digit)
}

fn isspace(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    all(call, |byte| {
        matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
    })
}

fn islower(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let string = own(call);
    work::spend(string.len() / TESTED_A_UNIT)?;
    let bytes = string.as_bytes();
    Ok(Value::bool(
        !bytes.iter().any(u8::is_ascii_uppercase) && bytes.iter().any(u8::is_ascii_lowercase),
    ))
}

fn isupper(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let string = own(call);
    work::spend(string.len() / TESTED_A_UNIT)?;
    let bytes = string.as_bytes();
    Ok(Value::bool(
        !bytes.iter().any(u8::is_ascii_lowercase) && bytes.iter().any(u8::is_ascii_uppercase),
    ))
}

fn istitle(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let string = own(call);
    work::spend(string.len() / TESTED_A_UNIT)?;
    let (mut any, mut after_letter) = (false, false);
    for byte in string.as_bytes() {
        if byte.is_ascii_uppercase() {
            if after_letter {
                return Ok(Value::bool(false));
            }
            (any, after_letter) = (true, true);
        } else if byte.is_ascii_lowercase() {
            if !after_letter {
                return Ok(Value::bool(false));
            }
            (any, after_letter) = (true, true);
        } else {
            after_letter = false;
        }
    }
    Ok(Value::bool(any))
}

fn padding(machine: &mut Machine, call: &Args<'_>, name: &str) -> Res<(Str, usize, u8)> {
    let string = own(call);
    let width = args::index(machine, call.get(1).unwrap_or(&Value::Nil))?;
    let fill = match call.get(2).map(Value::unwrapped) {
        None => b' ',
        Some(Value::Str(fill)) if fill.len() == 1 => {
            fill.as_bytes().first().copied().unwrap_or(b' ')
        }
        Some(other) => {
            return Err(type_error(format!(
                "{name}() argument 2 must be char, not {}",
                match other {
                    Value::None => "None".into(),
                    other => machine.type_name(other),
                }
            )));
        }
    };
    let more = usize::try_from(width)
        .unwrap_or(0)
        .saturating_sub(string.len());
    reserve_padded(machine, string.len(), more)?;
    Ok((string, more, fill))
}

fn reserve_padded(machine: &Machine, length: usize, more: usize) -> Res<()> {
    let total = length.saturating_add(more);
    if total > LONGEST_STRING {
        return Err(overflow_error("string is too large"));
    }
    machine.reserve(total)
}

fn padded(string: Str, left: usize, right: usize, fill: u8) -> Value {
    if left == 0 && right == 0 {
        return Value::Str(string);
    }
    let mut out = Vec::with_capacity(left + string.len() + right);
    out.resize(left, fill);
    out.extend_from_slice(string.as_bytes());
    out.resize(out.len() + right, fill);
    Value::from_vec(out)
}

fn ljust(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let (string, more, fill) = padding(machine, call, "ljust")?;
    Ok(padded(string, 0, more, fill))
}

fn rjust(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let (string, more, fill) = padding(machine, call, "rjust")?;
    Ok(padded(string, more, 0, fill))
}

fn center(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let (string, more, fill) = padding(machine, call, "center")?;
    // CPython puts the odd one left only if both the filling and the width are odd.
    let width = string.len() + more;
    let left = more / 2 + (more & width & 1);
    Ok(padded(string, left, more - left, fill))
}

fn zfill(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let string = own(call);
    let width = args::index(machine, call.get(1).unwrap_or(&Value::Nil))?;
    let more = usize::try_from(width)
        .unwrap_or(0)
        .saturating_sub(string.len());
    reserve_padded(machine, string.len(), more)?;
    if more == 0 {
        return Ok(Value::Str(string));
    }
    let (sign, digits) = match string.as_bytes() {
        [sign @ (b'+' | b'-'), rest @ ..] => (Some(*sign), rest),
        all => (None, all),
    };
    let mut out: Vec<u8> = Vec::with_capacity(string.len() + more);
    out.extend(sign);
    out.resize(out.len() + more, b'0');
    out.extend_from_slice(digits);
    Ok(Value::from_vec(out))
}

fn expandtabs(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let string = own(call);
    let size = match call.get(1) {
        Some(size) => i64::from(args::c_int(size)?),
        None => 8,
    };
    let size = usize::try_from(size).unwrap_or(0);
    work::spend(string.len() / TESTED_A_UNIT)?;
    let tabs = string
        .as_bytes()
        .iter()
        .filter(|byte| **byte == b'\t')
        .count();
    machine.reserve(tabs.saturating_mul(size).saturating_add(string.len()))?;
    let mut out = Vec::with_capacity(string.len() + tabs.saturating_mul(size));
    let mut column = 0;
    for &byte in string.as_bytes() {
        match byte {
            b'\t' if size > 0 => {
                let more = size - column % size;
                out.resize(out.len() + more, b' ');
                column += more;
            }
            b'\t' => {}
            b'\n' | b'\r' => {
                out.push(byte);
                column = 0;
            }
            other => {
                out.push(other);
                column += 1;
            }
        }
    }
    Ok(Value::from_vec(out))
}

fn translate(_machine: &mut Machine, call: &mut Args<'_>) -> Res {
    let string = own(call);
    let table = match call.get(1) {
        None | Some(Value::None) => None,
        Some(table) => Some(args::bytes(table)?),
    };
    if table.as_ref().is_some_and(|table| table.len() != 256) {
        return Err(value_error("translation table must be 256 characters long"));
    }
    let deleted = match call.get(2) {
        Some(deleted) => args::bytes(deleted)?,
        None => Str::empty(),
    };
    let deleted = ByteSet::of(deleted.as_bytes());
    memory::reserve(string.len())?;
    let map = |byte: u8| match &table {
        Some(table) => table.as_bytes().get(byte as usize).copied().unwrap_or(byte),
        None => byte,
    };
    let kept = string
        .as_bytes()
        .iter()
        .filter(|byte| !deleted.contains(**byte));
    Ok(Value::from_vec(kept.map(|byte| map(*byte)).collect()))
}

pub(crate) const METHODS: &[Entry] = &[
    ("lower", Arity::Zero, lower),
    ("upper", Arity::Zero, upper),
    ("swapcase", Arity::Zero, swapcase),
    ("capitalize", Arity::Zero, capitalize),
    ("title", Arity::Zero, title),
    ("isalnum", Arity::Zero, isalnum),
    ("isalpha", Arity::Zero, isalpha),
    ("isdigit", Arity::Zero, isdigit),
    ("isspace", Arity::Zero, isspace),
    ("islower", Arity::Zero, islower),
    ("isupper", Arity::Zero, isupper),
    ("istitle", Arity::Zero, istitle),
    ("ljust", Arity::Parse(1, 2), ljust),
    ("rjust", Arity::Parse(1, 2), rjust),
    ("center", Arity::Parse(1, 2), center),
    ("zfill", Arity::Parse(1, 1), zfill),
    ("expandtabs", Arity::Parse(0, 1), expandtabs),
    ("translate", Arity::Unpack(1, 2), translate),
];
