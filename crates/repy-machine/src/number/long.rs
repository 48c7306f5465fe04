//! Longs: every operation bounded in size and work before it starts. The long ones are done in [`super::pieces`].

use num_bigint::{BigInt, Sign};
use num_integer::Integer;
use num_traits::{Signed, ToPrimitive, Zero};

use super::fault::NumberFault;
use super::{float, pieces};
use crate::memory;
use crate::work;
use overlord_repy_syntax::ast::BinaryOp;

/// Longest long: 8 MiB. Keys have a few KiB; above this an operation could take minutes.
pub(crate) const MAX_BITS: u64 = 1 << 26;

/// Most steps of an operation whose work grows with the product of the sizes in 64-bit words (division, decimal
/// conversion): about a second.
const MAX_WORK: u64 = 1 << 31;

/// Decimal digits that are converted in one go: some microseconds.
const PART_DIGITS: usize = 1216;

/// 64-bit words of so many digits.
const PART_WORDS: u64 = 64;

/// What an operation on longs results in.
pub(crate) enum Real {
    /// A long.
    Long(BigInt),
    /// A float: of a power with a negative exponent.
    Float(f64),
}

/// Refuses results of more than `bits` bits beyond the bounds.
pub(crate) fn check_bits(bits: u64) -> Result<(), NumberFault> {
    memory::reserve((bits / 8) as usize)?;
    if bits > MAX_BITS {
        Err(NumberFault::TooLarge)
    } else {
        Ok(())
    }
}

fn words(long: &BigInt) -> u64 {
    long.bits() / 64 + 1
}

fn check_work(steps: u64) -> Result<(), NumberFault> {
    if steps > MAX_WORK {
        return Err(NumberFault::TooLarge);
    }
    Ok(())
}

/// `x op y`.
pub(crate) fn arithmetic(op: BinaryOp, x: &BigInt, y: &BigInt) -> Result<Real, NumberFault> {
    // Enough for all operators that only go through their operands.
    memory::reserve((x.bits().max(y.bits()) / 8) as usize)?;
    Ok(Real::Long(match op {
        BinaryOp::Add => x + y,
        BinaryOp::Sub => x - y,
        BinaryOp::Mul => {
            check_bits(x.bits() + y.bits())?;
            pieces::product(x, y)?
        }
        BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod => {
            if y.is_zero() {
                return Err(NumberFault::ZeroDivision("long division or modulo by zero"));
            }
            check_work(words(y) * words(x).saturating_sub(words(y)))?;
            let (quotient, rest) = pieces::quotient(x, y)?;
            if op == BinaryOp::Mod { rest } else { quotient }
        }
        BinaryOp::BitAnd => x & y,
        BinaryOp::BitOr => x | y,
        BinaryOp::BitXor => x ^ y,
        BinaryOp::LeftShift => {
            let count = shift_count(y)?;
            if x.is_zero() {
                return Ok(Real::Long(BigInt::ZERO));
            }
            check_bits(x.bits().saturating_add(count))?;
            x << count
        }
        BinaryOp::RightShift => {
            let count = shift_count(y)?;
            if count > x.bits() {
                BigInt::from(if x.sign() == Sign::Minus { -1 } else { 0 })
            } else {
                x >> count
            }
        }
        BinaryOp::Pow => return power(x, y),
    }))
}

fn shift_count(count: &BigInt) -> Result<u64, NumberFault> {
    match count.to_i64() {
        Some(count) => u64::try_from(count).map_err(|_| NumberFault::Value("negative shift count")),
        None => Err(NumberFault::Overflow(
            "long int too large to convert to int",
        )),
    }
}

/// `x ** y`.
pub(crate) fn power(x: &BigInt, y: &BigInt) -> Result<Real, NumberFault> {
    if y.sign() == Sign::Minus {
        return float::power(to_float(x)?, to_float(y)?).map(Real::Float);
    }
    if x.magnitude().bits() <= 1 {
        // 0, 1 and -1 stay small whatever the exponent.
        let odd = y.bit(0);
        let result = match x.sign() {
            Sign::NoSign => i32::from(y.is_zero()),
            Sign::Plus => 1,
            Sign::Minus => 1 - 2 * i32::from(odd),
        };
        return Ok(Real::Long(BigInt::from(result)));
    }
    let exponent = y.to_u32().ok_or(NumberFault::TooLarge)?;
    // `bits - 1` is a lower bound per factor, so nothing that fits is refused by much.
    let bits = x
        .bits()
        .saturating_sub(1)
        .saturating_mul(u64::from(exponent));
    check_bits(bits)?;
    Ok(Real::Long(pieces::power(x, exponent)?))
}

/// `pow(x, y, m)` with the sign of `m`.
pub(crate) fn power_modulo(x: &BigInt, y: &BigInt, m: &BigInt) -> Result<BigInt, NumberFault> {
    if y.sign() == Sign::Minus {
        return Err(NumberFault::Type(
            "pow() 2nd argument cannot be negative when 3rd argument specified",
        ));
    }
    if m.is_zero() {
        return Err(NumberFault::Value("pow() 3rd argument cannot be 0"));
    }
    let size = words(m);
    check_work(size.saturating_mul(size).saturating_mul(y.bits() / 4 + 1))?;
    // The base is brought below the modulus first.
    check_work(size.saturating_mul(words(x).saturating_sub(size)))?;
    let result = pieces::power_modulo(x, y, &m.abs())?;
    Ok(if m.sign() == Sign::Minus && !result.is_zero() {
        result + m
    } else {
        result
    })
}

/// The nearest float, or OverflowError.
pub(crate) fn to_float(long: &BigInt) -> Result<f64, NumberFault> {
    match long.to_f64() {
        Some(float) if float.is_finite() => Ok(float),
        _ => Err(NumberFault::Overflow(
            "long int too large to convert to float",
        )),
    }
}

/// Decimal digits with sign, without the `L`.
pub(crate) fn to_decimal(long: &BigInt) -> Result<String, NumberFault> {
    let size = words(long);
    check_work(size * size / 2)?;
    // The digits, once in parts and once together.
    memory::reserve((long.bits() / 3 * 2) as usize)?;
    if size <= PART_WORDS {
        work::spend_steps(size * size / 2)?;
        return Ok(long.to_string());
    }
    let part = BigInt::from(10).pow(PART_DIGITS as u32);
    let mut parts = Vec::new();
    let mut rest = long.abs();
    while rest >= part {
        work::spend_steps(words(&rest) * PART_WORDS)?;
        let (quotient, digits) = rest.div_rem(&part);
        parts.push(digits.to_string());
        rest = quotient;
    }
    let sign = if long.is_negative() { "-" } else { "" };
    let mut text = String::with_capacity((parts.len() + 1) * PART_DIGITS + 1);
    text.push_str(sign);
    text.push_str(&rest.to_string());
    for digits in parts.iter().rev() {
        text.extend(std::iter::repeat_n('0', PART_DIGITS - digits.len()));
        text.push_str(digits);
    }
    Ok(text)
}

/// Digits to a base that is a power of two, with sign.
pub(crate) fn to_radix(long: &BigInt, radix: u32) -> Result<String, NumberFault> {
    let digits = long.bits() / u64::from(radix.ilog2().max(1)) + 2;
    memory::reserve(digits as usize)?;
    work::spend_steps(digits)?;
    Ok(long.to_str_radix(radix))
}

/// Counts the work of reading so many digits, and refuses too many.
pub(crate) fn check_parsing(digits: usize, radix: u32) -> Result<(), NumberFault> {
    let words = (digits / 12 + 1) as u64;
    if radix.is_power_of_two() {
        work::spend_steps(words)?;
    } else {
        let steps = words.saturating_mul(words) / 2;
        check_work(steps)?;
        work::spend_steps(steps)?;
    }
    Ok(())
}

/// The magnitude of decimal digits (nothing else may be among them), in parts, so that it can be ended meanwhile.
pub(crate) fn from_decimal(digits: &[u8]) -> Result<Option<BigInt>, NumberFault> {
    check_work(((digits.len() / 19 + 1) as u64).pow(2) / 2)?;
    memory::reserve(digits.len())?;
    let part = BigInt::from(10).pow(PART_DIGITS as u32);
    let (first, rest) = digits.split_at(digits.len() % PART_DIGITS);
    let mut value = BigInt::parse_bytes(first, 10).unwrap_or_default();
    for digits in rest.chunks(PART_DIGITS) {
        work::spend_steps(words(&value) * PART_WORDS)?;
        let Some(next) = BigInt::parse_bytes(digits, 10) else {
            return Ok(None);
        };
        value = value * &part + next;
    }
    Ok(Some(value))
}

/// The whole part of a float.
pub(crate) fn from_float(float: f64) -> Option<BigInt> {
    num_traits::FromPrimitive::from_f64(float.trunc())
}
