//! CPython 2.7's hashes (64-bit, not randomised): they decide the order of dictionaries and sets.

use num_bigint::{BigInt, Sign};

use super::exception::type_error;
use super::{Payload, Res, SetObject, Thrown, Value};
use crate::depth;
use crate::work;

/// Levels of tuples that are hashed for each level of depth left: they take little native stack.
const LEVELS_FOR_ONE: u32 = 2;

/// The hash of a value, or TypeError if it has none.
#[inline]
pub(crate) fn hash_value(value: &Value) -> Res<i64> {
    match value {
        Value::Str(string) => Ok(string.hash()),
        Value::Int(int) => Ok(if *int == -1 { -2 } else { *int }),
        other => hash_nested(other, LEVELS_FOR_ONE * depth::left()),
    }
}

fn hash_nested(value: &Value, left: u32) -> Res<i64> {
    if left == 0 {
        return Err(depth::too_deep("").into());
    }
    work::spend(1)?;
    Ok(match value {
        Value::Str(string) => string.hash(),
        Value::Int(int) => avoid(*int),
        Value::Bool(b) => i64::from(*b),
        Value::Float(float) => hash_float(float.get()),
        Value::Long(long) => {
            work::spend_steps(long.bits() / 64)?;
            hash_long(long)
        }
        Value::Complex(complex) => {
            avoid(hash_float(complex.0).wrapping_add(hash_float(complex.1).wrapping_mul(1_000_003)))
        }
        Value::Tuple(tuple) => {
            let mut x: i64 = 0x345678;
            let mut mult: i64 = 1_000_003;
            for (at, item) in tuple.iter().enumerate() {
                let rest = (tuple.len() - at - 1) as i64;
                x = (x ^ hash_nested(item, left - 1)?).wrapping_mul(mult);
                mult = mult.wrapping_add(82_520 + rest + rest);
            }
            avoid(x.wrapping_add(97_531))
        }
        Value::FrozenSet(set) => hash_frozen(set),
        Value::List(_) => return Err(unhashable("list")),
        Value::Dict(_) => return Err(unhashable("dict")),
        Value::Set(_) => return Err(unhashable("set")),
        Value::Slice(_) => return Err(type_error("unhashable type")),
        Value::View(view) if view.kind != super::ViewKind::Values => {
            return Err(unhashable(view.type_tag().name()));
        }
        Value::Instance(instance) => match &instance.payload {
            Payload::Value(inner @ (Value::List(_) | Value::Dict(_) | Value::Set(_))) => {
                let _ = inner;
                return Err(unhashable(&instance.class.name.lossy()));
            }
            Payload::Value(Value::Nil) => hash_address(value.id()),
            Payload::Value(inner) => hash_nested(inner, left - 1)?,
            _ => hash_address(value.id()),
        },
        Value::Method(method) => {
            let receiver = if method.receiver.is_nil() {
                0
            } else {
                hash_address(method.receiver.id())
            };
            avoid(receiver ^ hash_address(method.function.id()))
        }
        Value::NativeBound(bound) => avoid(
            hash_nested(&bound.receiver, left - 1)?
                ^ hash_address(std::rc::Rc::as_ptr(&bound.native) as i64),
        ),
        other => hash_address(other.id()),
    })
}

fn unhashable(name: &str) -> Thrown {
    type_error(format!("unhashable type: '{name}'"))
}

fn avoid(hash: i64) -> i64 {
    if hash == -1 { -2 } else { hash }
}

fn hash_address(id: i64) -> i64 {
    avoid((id as u64).rotate_right(4) as i64)
}

/// The hash of a float: that of the equal int if there is one.
pub(crate) fn hash_float(value: f64) -> i64 {
    if value.is_infinite() {
        return if value < 0.0 { -271_828 } else { 314_159 };
    }
    if value.is_nan() {
        return 0;
    }
    if value.fract() == 0.0 {
        let half = (i64::MAX / 2) as f64;
        if value > half || -value > half {
            return num_traits::FromPrimitive::from_f64(value)
                .map_or(0, |long: BigInt| hash_long(&long));
        }
        return avoid(value as i64);
    }
    let (fraction, exponent) = frexp(value);
    let scaled = fraction * 2_147_483_648.0;
    let high = scaled as i64;
    let low = ((scaled - high as f64) * 2_147_483_648.0) as i64;
    avoid(
        high.wrapping_add(low)
            .wrapping_add(i64::from(exponent) << 15),
    )
}

/// `value == fraction * 2**exponent` with 0.5 <= |fraction| < 1.
pub(crate) fn frexp(value: f64) -> (f64, i32) {
    if value == 0.0 || !value.is_finite() {
        return (value, 0);
    }
    let bits = value.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    if exponent == 0 {
        let (fraction, exponent) = frexp(value * 2f64.powi(64));
        return (fraction, exponent - 64);
    }
    let fraction = f64::from_bits((bits & !(0x7ff << 52)) | (1022 << 52));
    (fraction, exponent - 1022)
}

/// The hash of a long: the value modulo 2**64 - 1, with its sign; equal to the int's for small ones.
pub(crate) fn hash_long(long: &BigInt) -> i64 {
    if let Ok(small) = i64::try_from(long) {
        // The loop below gives the same, except for i64::MIN whose magnitude it folds alike.
        return avoid(small);
    }
    let mut x: u64 = 0;
    for digit in digits30(long).into_iter().rev() {
        x = x.rotate_left(30);
        let (sum, overflow) = x.overflowing_add(u64::from(digit));
        x = sum.wrapping_add(u64::from(overflow));
    }
    let signed = if long.sign() == Sign::Minus {
        (x as i64).wrapping_neg()
    } else {
        x as i64
    };
    avoid(signed)
}

/// The magnitude in CPython's 30-bit digits, least first.
fn digits30(long: &BigInt) -> Vec<u32> {
    let mut digits = Vec::with_capacity((long.bits() / 30 + 1) as usize);
    let mut buffer: u64 = 0;
    let mut bits = 0;
    for word in long.iter_u32_digits() {
        buffer |= u64::from(word) << bits;
        bits += 32;
        while bits >= 30 {
            digits.push((buffer & 0x3fff_ffff) as u32);
            buffer >>= 30;
            bits -= 30;
        }
    }
    if buffer != 0 {
        digits.push(buffer as u32);
    }
    digits
}

fn hash_frozen(object: &SetObject) -> i64 {
    if object.hash.get() != -1 {
        return object.hash.get();
    }
    let set = object.borrow();
    let mut hash: i64 = 1_927_868_237i64.wrapping_mul(set.len() as i64 + 1);
    for (_, h) in set.hashed() {
        hash ^= (h ^ (h << 16) ^ 89_869_747).wrapping_mul(3_644_798_167);
    }
    hash = hash.wrapping_mul(69_069).wrapping_add(907_133_923);
    if hash == -1 {
        hash = 590_923_713;
    }
    object.hash.set(hash);
    hash
}
