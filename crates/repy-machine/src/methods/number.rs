//! Methods of numbers and slices.

use std::rc::Rc;

use num_bigint::BigInt;

use super::signature::{Receiver, SignedSize, functions, methods};
use crate::arithmetic::convert;
use crate::machine::Machine;
use crate::object::exception::{overflow_error, type_error, value_error};
use crate::object::{Arity, Res, SliceObject, Value};

/// An int, bool or long.
enum Integer<'a> {
    Int(i64),
    Long(&'a Rc<BigInt>),
}

impl<'a> Receiver<'a> for Integer<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        match value.unwrapped() {
            Value::Int(int) => Some(Integer::Int(*int)),
            Value::Bool(truth) => Some(Integer::Int(i64::from(*truth))),
            Value::Long(long) => Some(Integer::Long(long)),
            _ => None,
        }
    }
}

fn conjugate(_machine: &mut Machine, integer: Integer<'_>) -> Res {
    Ok(match integer {
        Integer::Int(int) => Value::Int(int),
        Integer::Long(long) => Value::Long(long.clone()),
    })
}

fn bit_length(_machine: &mut Machine, integer: Integer<'_>) -> Res {
    Ok(Value::Int(match integer {
        Integer::Int(int) => i64::from(64 - int.unsigned_abs().leading_zeros()),
        Integer::Long(long) => long.bits() as i64,
    }))
}

fn conjugate_float(_machine: &mut Machine, float: f64) -> Res {
    Ok(Value::float(float))
}

fn conjugate_complex(_machine: &mut Machine, complex: &Rc<(f64, f64)>) -> Res {
    Ok(Value::Complex(Rc::new((complex.0, -complex.1))))
}

fn is_integer(_machine: &mut Machine, float: f64) -> Res {
    Ok(Value::bool(float.is_finite() && float.floor() == float))
}

fn as_integer_ratio(_machine: &mut Machine, float: f64) -> Res {
    if float.is_infinite() {
        return Err(overflow_error(
            "Cannot pass infinity to float.as_integer_ratio.",
        ));
    }
    if float.is_nan() {
        return Err(value_error("Cannot pass NaN to float.as_integer_ratio."));
    }
    let (mut numerator, mut exponent) = (float, 0i32);
    while numerator.fract() != 0.0 && exponent < 1100 {
        numerator *= 2.0;
        exponent += 1;
    }
    let top: BigInt = num_traits::FromPrimitive::from_f64(numerator).unwrap_or_default();
    let bottom = BigInt::from(1) << exponent;
    Ok(Value::pair(
        Value::int_or_long(top),
        Value::int_or_long(bottom),
    ))
}

fn hex(_machine: &mut Machine, float: f64) -> Res {
    if !float.is_finite() {
        return Ok(Value::from_vec(
            crate::text::float_format::repr_float(float).into_bytes(),
        ));
    }
    let sign = if float.is_sign_negative() { "-" } else { "" };
    if float == 0.0 {
        return Ok(Value::text(&format!("{sign}0x0.0p+0")));
    }
    let bits = float.to_bits();
    let raw = ((bits >> 52) & 0x7ff) as i32;
    let mantissa = bits & ((1 << 52) - 1);
    let (lead, exponent) = if raw == 0 {
        (0, -1022)
    } else {
        (1, raw - 1023)
    };
    let plus = if exponent < 0 { "" } else { "+" };
    Ok(Value::text(&format!(
        "{sign}0x{lead}.{mantissa:013x}p{plus}{exponent}"
    )))
}

fn fromhex(_machine: &mut Machine, text: &Value) -> Res {
    let text = super::args::bytes(text)?;
    let bad = || value_error("invalid hexadecimal floating-point string");
    let trimmed = convert::trim(text.as_bytes());
    let text = std::str::from_utf8(trimmed)
        .map_err(|_| bad())?
        .to_ascii_lowercase();
    let (negative, rest) = match text.as_bytes() {
        [b'-', ..] => (true, text.get(1..).unwrap_or("")),
        [b'+', ..] => (false, text.get(1..).unwrap_or("")),
        _ => (false, &*text),
    };
    let signed = |value: f64| Ok(Value::float(if negative { -value } else { value }));
    match rest {
        "inf" | "infinity" => return signed(f64::INFINITY),
        "nan" => return signed(f64::NAN),
        _ => {}
    }
    let rest = rest.strip_prefix("0x").unwrap_or(rest);
    let (digits, exponent) = match rest.split_once('p') {
        Some((digits, exponent)) => (digits, exponent.parse::<i64>().map_err(|_| bad())?),
        None => (rest, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || all.len() > 4096 || !all.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(bad());
    }
    let mantissa = BigInt::parse_bytes(all.as_bytes(), 16).ok_or_else(bad)?;
    if mantissa == BigInt::ZERO {
        return signed(0.0);
    }
    let exponent = exponent.clamp(-100_000, 100_000) - 4 * fraction.len() as i64;
    // Exact: the mantissa is scaled to 64 bits with a sticky last one, so the final conversion rounds correctly.
    let size = mantissa.bits() as i64;
    if size + exponent > 1024 {
        return Err(overflow_error(
            "hexadecimal value too large to represent as a float",
        ));
    }
    let value = scaled(&mantissa, exponent);
    if value.is_infinite() {
        return Err(overflow_error(
            "hexadecimal value too large to represent as a float",
        ));
    }
    signed(value)
}

/// `mantissa * 2**exponent`, rounded once.
fn scaled(mantissa: &BigInt, exponent: i64) -> f64 {
    let size = mantissa.bits() as i64;
    // The lowest bit a float of this size has.
    let lowest = (size + exponent - 53).max(-1074);
    let shift = lowest - exponent;
    let rounded = if shift <= 0 {
        mantissa << (-shift) as u64
    } else {
        let shift = shift as u64;
        let quotient: BigInt = mantissa >> shift;
        let rest: BigInt = mantissa - (&quotient << shift);
        let half = BigInt::from(1) << (shift - 1);
        let up = rest > half || (rest == half && quotient.bit(0));
        quotient + i32::from(up)
    };
    let mut value = crate::number::long::to_float(&rounded).unwrap_or(f64::INFINITY);
    let mut left = lowest;
    while left != 0 {
        let step = left.clamp(-1000, 1000) as i32;
        value *= 2f64.powi(step.clamp(-1000, 1000));
        left -= i64::from(step);
    }
    value
}

fn indices(_machine: &mut Machine, slice: &Rc<SliceObject>, SignedSize(len): SignedSize) -> Res {
    if len < 0 {
        return Err(type_error("length should not be negative"));
    }
    let (start, step, _) = super::subscript::indices(slice, len as usize)?;
    let stop = super::args::bound(Some(&slice.stop))?;
    let (low, high) = if step < 0 { (-1, len - 1) } else { (0, len) };
    let stop = match stop {
        None if step < 0 => -1,
        None => len,
        Some(bound) if bound < 0 => bound.saturating_add(len).clamp(low, high),
        Some(bound) => bound.clamp(low, high),
    };
    Ok(Value::tuple(vec![
        Value::Int(start),
        Value::Int(stop),
        Value::Int(step),
    ]))
}

methods! {
    /// Methods of ints and longs.
    INT of Integer<'_> {
        "conjugate"() Arity::Zero => conjugate;
        "bit_length"() Arity::Zero => bit_length;
    }
}

methods! {
    /// Methods of floats.
    FLOAT of f64 {
        "conjugate"() Arity::Zero => conjugate_float;
        "is_integer"() Arity::Zero => is_integer;
        "as_integer_ratio"() Arity::Zero => as_integer_ratio;
        "hex"() Arity::Zero => hex;
    }
}

functions! {
    /// Found on the type and not bound to instances.
    FLOAT_CLASS {
        "fromhex"(text) Arity::One => fromhex;
    }
}

methods! {
    /// Methods of complex numbers.
    COMPLEX of &Rc<(f64, f64)> {
        "conjugate"() Arity::Zero => conjugate_complex;
    }
}

methods! {
    /// Methods of slice objects.
    SLICE of &Rc<SliceObject> {
        "indices"(len) Arity::One => indices;
    }
}
