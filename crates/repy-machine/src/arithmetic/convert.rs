//! Numbers from text: `int('12', 8)`, `long('5L')`, `float(' 1e3 ')`, `complex('1+2j')`.

use num_bigint::BigInt;

use crate::number::long;
use crate::object::bytes::repr_bytes;
use crate::object::exception::{type_error, value_error};
use crate::object::{ExceptionKind, Res, Thrown, Value};

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Without spaces around.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let start = text
        .iter()
        .position(|byte| !is_space(*byte))
        .unwrap_or(text.len());
    let end = text
        .iter()
        .rposition(|byte| !is_space(*byte))
        .map_or(start, |last| last + 1);
    text.get(start..end).unwrap_or(&[])
}

/// Most of a text that an error message repeats, as in CPython.
const SHOWN: usize = 200;

/// What an error message repeats of a text: C's idea of it, which ends at a null byte.
fn shown(text: &[u8]) -> &[u8] {
    let end = text
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(text.len());
    text.get(..end.min(SHOWN)).unwrap_or(text)
}

/// Without spaces before.
fn trim_start(text: &[u8]) -> &[u8] {
    let start = text
        .iter()
        .position(|byte| !is_space(*byte))
        .unwrap_or(text.len());
    text.get(start..).unwrap_or(&[])
}

/// `int(text, base)` (`is_long` false) or `long(text, base)`; base 10 unless `base` is given.
pub(crate) fn parse_integer(text: &[u8], base: Option<i64>, is_long: bool) -> Res {
    let function = if is_long { "long" } else { "int" };
    let given = base.is_some();
    let base = base.unwrap_or(10);
    if base != 0 && !(2..=36).contains(&base) {
        return Err(value_error(format!(
            "{function}() base must be >= 2 and <= 36, or 0"
        )));
    }
    let has_null = text.contains(&0);
    let bad = || {
        let shown = match (has_null && given, is_long) {
            (true, _) => text,
            (false, true) => shown(text),
            (false, false) => shown(trim_start(text)),
        };
        let shown = String::from_utf8_lossy(&repr_bytes(shown)).into_owned();
        value_error(format!(
            "invalid literal for {function}() with base {base}: {shown}"
        ))
    };
    if has_null {
        // What stands before the null byte decides about the complaint.
        let before = text.split(|&byte| byte == 0).next().unwrap_or(&[]);
        if given || parse_integer(before, None, is_long).is_err() {
            return Err(bad());
        }
        return Err(value_error(format!(
            "null byte in argument for {function}()"
        )));
    }
    let trimmed = trim(text);
    // Spaces may stand between the sign and the digits.
    let (negative, digits) = match trimmed {
        [b'-', rest @ ..] => (true, trim_start(rest)),
        [b'+', rest @ ..] => (false, trim_start(rest)),
        rest => (false, rest),
    };
    let mut digits = digits;
    let mut radix = base;
    let prefix = match digits {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'o' | b'O', ..] => 8,
        [b'0', b'b' | b'B', ..] => 2,
        _ => 0,
    };
    if radix == 0 {
        radix = match prefix {
            0 if digits.first() == Some(&b'0') => 8,
            0 => 10,
            prefix => prefix,
        };
    }
    if prefix == radix && prefix != 0 {
        digits = digits.get(2..).unwrap_or(&[]);
    }
    // Only longs may end in L.
    if is_long
        && let [rest @ .., b'L' | b'l'] = digits
        && radix < 22
    {
        digits = rest;
    }
    let radix = radix as u32;
    if digits.is_empty() || !digits.iter().all(|byte| (*byte as char).is_digit(radix)) {
        return Err(bad());
    }
    long::check_bits(digits.len() as u64)?;
    let magnitude = if radix == 10 {
        long::from_decimal(digits)?
    } else {
        long::check_parsing(digits.len(), radix)?;
        BigInt::parse_bytes(digits, radix)
    };
    let magnitude = magnitude.ok_or_else(bad)?;
    let value = if negative { -magnitude } else { magnitude };
    Ok(if is_long {
        Value::long(value)
    } else {
        Value::int_or_long(value)
    })
}

/// `float(text)`.
pub(crate) fn parse_float(text: &[u8]) -> Res<f64> {
    let trimmed = trim(text);
    let literal = |message: &str| {
        let mut full = message.as_bytes().to_vec();
        full.extend_from_slice(shown(trim_start(text)));
        Err(Thrown::with_bytes(ExceptionKind::ValueError, full))
    };
    if trimmed.is_empty() {
        return literal("could not convert string to float: ");
    }
    match float_prefix(trimmed) {
        None => literal("could not convert string to float: "),
        Some((_, used)) if used < trimmed.len() => literal("invalid literal for float(): "),
        Some((value, _)) => Ok(value),
    }
}

/// The float at the beginning of a text and how many bytes it takes; None if there is none.
pub(crate) fn float_prefix(text: &[u8]) -> Option<(f64, usize)> {
    let signed = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let negative = text.first() == Some(&b'-');
    let rest = text.get(signed..)?;
    for (word, value) in [
        (&b"infinity"[..], f64::INFINITY),
        (b"inf", f64::INFINITY),
        (b"nan", f64::NAN),
    ] {
        if rest.len() >= word.len() && rest.get(..word.len())?.eq_ignore_ascii_case(word) {
            return Some((if negative { -value } else { value }, signed + word.len()));
        }
    }
    let digits = |from: usize| {
        rest.iter()
            .skip(from)
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let whole = digits(0);
    let mut end = whole;
    let mut fraction = 0;
    if rest.get(end) == Some(&b'.') {
        fraction = digits(end + 1);
        if whole > 0 || fraction > 0 {
            end += 1 + fraction;
        }
    }
    if whole == 0 && fraction == 0 {
        return None;
    }
    if matches!(rest.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    let number = std::str::from_utf8(text.get(..signed + end)?).ok()?;
    number.parse().ok().map(|value| (value, signed + end))
}

/// `complex(text)`.
pub(crate) fn parse_complex(text: &[u8]) -> Res<(f64, f64)> {
    let malformed = || value_error("complex() arg is a malformed string");
    let mut inner = trim(text);
    if let [b'(', middle @ .., b')'] = inner {
        inner = trim(middle);
    }
    if inner.is_empty() {
        return Err(malformed());
    }
    let is_j = |bytes: &[u8]| matches!(bytes, [b'j' | b'J']);
    let (first, used) = match float_prefix(inner) {
        Some(found) => found,
        None => {
            // `j`, `+j`, `-j`.
            let (sign, rest) = match inner {
                [b'-', rest @ ..] => (-1.0, rest),
                [b'+', rest @ ..] => (1.0, rest),
                rest => (1.0, rest),
            };
            return if is_j(rest) {
                Ok((0.0, sign))
            } else {
                Err(malformed())
            };
        }
    };
    let rest = inner.get(used..).unwrap_or(&[]);
    if rest.is_empty() {
        return Ok((first, 0.0));
    }
    if is_j(rest) {
        return Ok((0.0, first));
    }
    let (sign, unsigned) = match rest {
        [b'+', unsigned @ ..] => (1.0, unsigned),
        [b'-', unsigned @ ..] => (-1.0, unsigned),
        _ => return Err(malformed()),
    };
    if is_j(unsigned) {
        return Ok((first, sign));
    }
    match float_prefix(rest) {
        Some((imaginary, used)) if is_j(rest.get(used..).unwrap_or(&[])) => Ok((first, imaginary)),
        _ => Err(malformed()),
    }
}

/// `int(value)` or `long(value)` of a number.
pub(crate) fn to_integer(value: &Value, is_long: bool, machine_name: &str) -> Res {
    let made = |big: BigInt| {
        if is_long {
            Value::long(big)
        } else {
            Value::int_or_long(big)
        }
    };
    match value.unwrapped() {
        Value::Int(int) if !is_long => Ok(Value::Int(*int)),
        Value::Int(int) => Ok(Value::long(BigInt::from(*int))),
        Value::Bool(b) => Ok(made(BigInt::from(i64::from(*b)))),
        Value::Long(big) => Ok(made((**big).clone())),
        Value::Float(float) if float.get().is_nan() => {
            Err(value_error("cannot convert float NaN to integer"))
        }
        Value::Float(float) if float.get().is_infinite() => Err(
            crate::object::exception::overflow_error("cannot convert float infinity to integer"),
        ),
        Value::Float(float) => Ok(made(long::from_float(float.get()).unwrap_or_default())),
        Value::Complex(_) => {
            let function = if is_long { "long" } else { "int" };
            Err(type_error(format!("can't convert complex to {function}")))
        }
        _ => {
            let function = if is_long { "long" } else { "int" };
            Err(type_error(format!(
                "{function}() argument must be a string or a number, not '{machine_name}'"
            )))
        }
    }
}
