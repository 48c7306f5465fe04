//! Methods of strings that change case, width or single characters, or test them.

use super::args;
use super::signature::{SignedSize, methods};
use crate::machine::Machine;
use crate::memory;
use crate::object::exception::{overflow_error, type_error, value_error};
use crate::object::{Arity, Res, Str, Value};
use crate::string::LONGEST_STRING;
use crate::text::search::ByteSet;
use crate::work;

/// Bytes that are tested one by one in a unit of work.
const TESTED_A_UNIT: usize = 8;

fn mapped(string: &Str, map: fn(u8) -> u8) -> Res {
    memory::reserve(string.len())?;
    Ok(Value::from_vec(
        string.as_bytes().iter().map(|byte| map(*byte)).collect(),
    ))
}

fn lower(_machine: &mut Machine, string: &Str) -> Res {
    mapped(string, |byte| byte.to_ascii_lowercase())
}

fn upper(_machine: &mut Machine, string: &Str) -> Res {
    mapped(string, |byte| byte.to_ascii_uppercase())
}

fn swapcase(_machine: &mut Machine, string: &Str) -> Res {
    mapped(string, |byte| {
        if byte.is_ascii_lowercase() {
            byte.to_ascii_uppercase()
        } else {
            byte.to_ascii_lowercase()
        }
    })
}

fn capitalize(_machine: &mut Machine, string: &Str) -> Res {
    memory::reserve(string.len())?;
    let mut bytes = string.as_bytes().to_ascii_lowercase();
    if let Some(first) = bytes.first_mut() {
        first.make_ascii_uppercase();
    }
    Ok(Value::from_vec(bytes))
}

fn title(_machine: &mut Machine, string: &Str) -> Res {
    memory::reserve(string.len())?;
    let mut after_letter = false;
    let titled = string
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

fn all(string: &Str, test: fn(&u8) -> bool) -> Res {
    work::spend(string.len() / TESTED_A_UNIT)?;
    Ok(Value::bool(
        !string.is_empty() && string.as_bytes().iter().all(test),
    ))
}

fn isalnum(_machine: &mut Machine, string: &Str) -> Res {
    all(string, u8::is_ascii_alphanumeric)
}

fn isalpha(_machine: &mut Machine, string: &Str) -> Res {
    all(string, u8::is_ascii_alphabetic)
}

fn isdigit(_machine: &mut Machine, string: &Str) -> Res {
    all(string, u8::is_ascii_digit)
}

fn isspace(_machine: &mut Machine, string: &Str) -> Res {
    all(string, |byte| {
        matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
    })
}

fn islower(_machine: &mut Machine, string: &Str) -> Res {
    work::spend(string.len() / TESTED_A_UNIT)?;
    let bytes = string.as_bytes();
    Ok(Value::bool(
        !bytes.iter().any(u8::is_ascii_uppercase) && bytes.iter().any(u8::is_ascii_lowercase),
    ))
}

fn isupper(_machine: &mut Machine, string: &Str) -> Res {
    work::spend(string.len() / TESTED_A_UNIT)?;
    let bytes = string.as_bytes();
    Ok(Value::bool(
        !bytes.iter().any(u8::is_ascii_lowercase) && bytes.iter().any(u8::is_ascii_uppercase),
    ))
}

fn istitle(_machine: &mut Machine, string: &Str) -> Res {
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

/// How many bytes are missing to the width, and what they are filled with.
fn padding(
    machine: &mut Machine,
    string: &Str,
    SignedSize(width): SignedSize,
    fill: Option<&Value>,
    name: &str,
) -> Res<(usize, u8)> {
    let fill = match fill.map(Value::unwrapped) {
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
    Ok((more, fill))
}

fn reserve_padded(machine: &Machine, length: usize, more: usize) -> Res<()> {
    let total = length.saturating_add(more);
    if total > LONGEST_STRING {
        return Err(overflow_error("string is too large"));
    }
    machine.reserve(total)
}

fn padded(string: &Str, left: usize, right: usize, fill: u8) -> Value {
    if left == 0 && right == 0 {
        return Value::Str(string.clone());
    }
    let mut out = Vec::with_capacity(left + string.len() + right);
    out.resize(left, fill);
    out.extend_from_slice(string.as_bytes());
    out.resize(out.len() + right, fill);
    Value::from_vec(out)
}

fn ljust(machine: &mut Machine, string: &Str, width: SignedSize, fill: Option<&Value>) -> Res {
    let (more, fill) = padding(machine, string, width, fill, "ljust")?;
    Ok(padded(string, 0, more, fill))
}

fn rjust(machine: &mut Machine, string: &Str, width: SignedSize, fill: Option<&Value>) -> Res {
    let (more, fill) = padding(machine, string, width, fill, "rjust")?;
    Ok(padded(string, more, 0, fill))
}

fn center(machine: &mut Machine, string: &Str, width: SignedSize, fill: Option<&Value>) -> Res {
    let (more, fill) = padding(machine, string, width, fill, "center")?;
    // CPython puts the odd one left only if both the filling and the width are odd.
    let width = string.len() + more;
    let left = more / 2 + (more & width & 1);
    Ok(padded(string, left, more - left, fill))
}

fn zfill(machine: &mut Machine, string: &Str, SignedSize(width): SignedSize) -> Res {
    let more = usize::try_from(width)
        .unwrap_or(0)
        .saturating_sub(string.len());
    reserve_padded(machine, string.len(), more)?;
    if more == 0 {
        return Ok(Value::Str(string.clone()));
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

fn expandtabs(machine: &mut Machine, string: &Str, size: Option<i32>) -> Res {
    let size = usize::try_from(size.unwrap_or(8)).unwrap_or(0);
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

fn translate(
    _machine: &mut Machine,
    string: &Str,
    table: Option<&Value>,
    deleted: Option<&Value>,
) -> Res {
    let table = match table {
        None | Some(Value::None) => None,
        Some(table) => Some(args::bytes(table)?),
    };
    if table.as_ref().is_some_and(|table| table.len() != 256) {
        return Err(value_error("translation table must be 256 characters long"));
    }
    let deleted = match deleted {
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

methods! {
    /// Methods of strings that change case, width or single characters, or test them.
    METHODS of &Str {
        "lower"() Arity::Zero => lower;
        "upper"() Arity::Zero => upper;
        "swapcase"() Arity::Zero => swapcase;
        "capitalize"() Arity::Zero => capitalize;
        "title"() Arity::Zero => title;
        "isalnum"() Arity::Zero => isalnum;
        "isalpha"() Arity::Zero => isalpha;
        "isdigit"() Arity::Zero => isdigit;
        "isspace"() Arity::Zero => isspace;
        "islower"() Arity::Zero => islower;
        "isupper"() Arity::Zero => isupper;
        "istitle"() Arity::Zero => istitle;
        "ljust"(width, fill) Arity::Parse(1, 2) => ljust;
        "rjust"(width, fill) Arity::Parse(1, 2) => rjust;
        "center"(width, fill) Arity::Parse(1, 2) => center;
        "zfill"(width) Arity::Parse(1, 1) => zfill;
        "expandtabs"(size) Arity::Parse(0, 1) => expandtabs;
        "translate"(table, deleted) Arity::Unpack(1, 2) => translate;
    }
}
