//! Arithmetic of ints, longs, floats and complex numbers with Python 2's promotions: values in, values and exceptions
//! out. Numbers of one type are left to [`crate::number`].

pub(crate) mod convert;

use std::rc::Rc;

use num_bigint::BigInt;

use crate::number::fault::NumberFault;
use crate::number::long::Real;
use crate::number::{Number, complex, direct, float, long};
use crate::object::exception::{type_error, value_error, zero_division};
use crate::object::{Res, Value};
use overlord_repy_syntax::ast::{BinaryOp, UnaryOp};

/// What `pow` says to a negative exponent beside a modulus.
const NEGATIVE_EXPONENT: &str = "pow() 2nd argument cannot be negative when 3rd argument specified";

/// The value of a result.
fn made<T>(result: Result<T, NumberFault>, value: impl FnOnce(T) -> Value) -> Res {
    Ok(value(result?))
}

fn of_complex(complex: (f64, f64)) -> Value {
    Value::Complex(Rc::new(complex))
}

fn of_real(real: Real) -> Value {
    match real {
        Real::Long(long) => Value::long(long),
        Real::Float(float) => Value::float(float),
    }
}

/// `a op b`; None if the operator does not apply to these types.
pub(crate) fn arithmetic(op: BinaryOp, a: &Value, b: &Value) -> Option<Res> {
    let (x, y) = (a.number()?, b.number()?);
    match (&x, &y) {
        (Number::Int(i), Number::Int(j)) => Some(ints(op, *i, *j, a, b)),
        (Number::Complex(_), _) | (_, Number::Complex(_)) => {
            let (x, y) = match (x.to_complex(), y.to_complex()) {
                (Ok(x), Ok(y)) => (x, y),
                (Err(fault), _) | (_, Err(fault)) => return Some(Err(fault.into())),
            };
            Some(made(complex::arithmetic(op, x, y)?, of_complex))
        }
        (Number::Float(_), _) | (_, Number::Float(_)) => {
            let (x, y) = match (x.to_float(), y.to_float()) {
                (Ok(x), Ok(y)) => (x, y),
                (Err(fault), _) | (_, Err(fault)) => return Some(Err(fault.into())),
            };
            Some(made(float::arithmetic(op, x, y)?, Value::float))
        }
        (Number::Long(i), Number::Long(j)) => Some(made(long::arithmetic(op, i, j), of_real)),
        _ => Some(made(
            long::arithmetic(op, &x.to_long(), &y.to_long()),
            of_real,
        )),
    }
}

fn ints(op: BinaryOp, x: i64, y: i64, a: &Value, b: &Value) -> Res {
    if let (BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor, Value::Bool(p), Value::Bool(q)) =
        (op, a, b)
    {
        let (p, q) = (p.get(), q.get());
        return Ok(Value::bool(match op {
            BinaryOp::BitAnd => p & q,
            BinaryOp::BitOr => p | q,
            _ => p ^ q,
        }));
    }
    if let Some(int) = direct::int_op(op, x, y) {
        return Ok(Value::Int(int));
    }
    match op {
        BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod if y == 0 => {
            Err(zero_division("integer division or modulo by zero"))
        }
        // The smallest int by -1: the quotient overflows, so CPython takes both from longs.
        BinaryOp::Mod if x == i64::MIN => Ok(Value::long(BigInt::ZERO)),
        BinaryOp::Mod => Ok(Value::Int(0)),
        BinaryOp::Div | BinaryOp::FloorDiv => Ok(Value::from_i128(-i128::from(x))),
        BinaryOp::LeftShift | BinaryOp::RightShift if y < 0 => {
            Err(value_error("negative shift count"))
        }
        BinaryOp::RightShift => Ok(Value::Int(if x < 0 { -1 } else { 0 })),
        BinaryOp::LeftShift if x == 0 => Ok(Value::Int(0)),
        // What fits stays an int: `-1 << 63`.
        BinaryOp::LeftShift if y < 64 => {
            let wide = i128::from(x) << y;
            Ok(i64::try_from(wide).map_or_else(|_| Value::long(BigInt::from(wide)), Value::Int))
        }
        BinaryOp::Pow if y < 0 => made(float::power(x as f64, y as f64), Value::float),
        BinaryOp::Pow => match x.checked_pow(u32::try_from(y).unwrap_or(u32::MAX)) {
            Some(power) if u32::try_from(y).is_ok() => Ok(Value::Int(power)),
            _ => match long::power(&BigInt::from(x), &BigInt::from(y))? {
                Real::Long(long) => Ok(Value::int_or_long(long)),
                Real::Float(float) => Ok(Value::float(float)),
            },
        },
        _ => made(
            long::arithmetic(op, &BigInt::from(x), &BigInt::from(y)),
            of_real,
        ),
    }
}

/// `-x`, `+x`, `~x`; None if the operator does not apply.
pub(crate) fn unary(op: UnaryOp, value: &Value) -> Option<Res> {
    if let Value::Long(long) = value
        && let Err(denied) = crate::memory::reserve((long.bits() / 8) as usize)
    {
        return Some(Err(denied.into()));
    }
    Some(Ok(match (op, value.number()?) {
        (UnaryOp::Minus, Number::Int(int)) => Value::from_i128(-i128::from(int)),
        (UnaryOp::Plus, Number::Int(int)) => Value::Int(int),
        (UnaryOp::Invert, Number::Int(int)) => Value::Int(!int),
        (UnaryOp::Minus, Number::Long(long)) => Value::long(-long),
        (UnaryOp::Plus, Number::Long(long)) => Value::long(long.clone()),
        (UnaryOp::Invert, Number::Long(long)) => Value::long(-(long + BigInt::from(1))),
        (UnaryOp::Minus, Number::Float(float)) => Value::float(-float),
        (UnaryOp::Plus, Number::Float(_)) if matches!(value, Value::Float(_)) => value.clone(),
        (UnaryOp::Plus, Number::Float(float)) => Value::float(float),
        (UnaryOp::Minus, Number::Complex((re, im))) => of_complex((-re, -im)),
        (UnaryOp::Plus, Number::Complex(complex)) => of_complex(complex),
        _ => return None,
    }))
}

/// `divmod(a, b)`; None if it does not apply.
pub(crate) fn divmod(a: &Value, b: &Value) -> Option<Res> {
    let (x, y) = (a.number()?, b.number()?);
    if let (Number::Float(_) | Number::Complex(_), _) | (_, Number::Float(_) | Number::Complex(_)) =
        (&x, &y)
    {
        if let (Number::Complex(_), _) | (_, Number::Complex(_)) = (&x, &y) {
            let pair = x
                .to_complex()
                .and_then(|x| y.to_complex().and_then(|y| complex::divmod(x, y)));
            return Some(made(pair, |(q, r)| {
                Value::pair(of_complex(q), of_complex(r))
            }));
        }
        let pair = x
            .to_float()
            .and_then(|x| y.to_float().and_then(|y| float::divmod(x, y)));
        return Some(made(pair, |(q, r)| {
            Value::pair(Value::float(q), Value::float(r))
        }));
    }
    let quotient = arithmetic(BinaryOp::FloorDiv, a, b)?;
    let rest = arithmetic(BinaryOp::Mod, a, b)?;
    Some(quotient.and_then(|quotient| rest.map(|rest| Value::pair(quotient, rest))))
}

/// `pow(a, b, c)`. Which complaint comes first depends on the types, as in CPython: ints look at the exponent, then the
/// first float or complex number takes over, then longs convert what they can.
pub(crate) fn power_modulo(a: &Value, b: &Value, c: &Value) -> Res {
    let numbers = [a.number(), b.number(), c.number()];
    if let [Some(Number::Int(x)), Some(Number::Int(y)), m] = &numbers {
        if *y < 0 {
            return Err(type_error(NEGATIVE_EXPONENT));
        }
        if let Some(Number::Int(m)) = m {
            return int_power_modulo(*x, *y, *m);
        }
    }
    for number in numbers.iter().flatten() {
        match number {
            Number::Float(_) => {
                return Err(type_error(
                    "pow() 3rd argument not allowed unless all arguments are integers",
                ));
            }
            Number::Complex(_) => return Err(value_error("complex modulo")),
            _ => {}
        }
    }
    if let [Some(x), Some(y), Some(m)] = &numbers {
        return Ok(Value::long(long::power_modulo(
            &x.to_long(),
            &y.to_long(),
            &m.to_long(),
        )?));
    }
    // An int beside a long has become one by now, unless the third operand knows some operators itself.
    let mut names = [a.tag().name(), b.tag().name(), c.tag().name()];
    if let [Some(_), Some(_), _] = &numbers
        && [names[0], names[1]].contains(&"long")
        && !matches!(c, Value::Str(_) | Value::Set(_) | Value::FrozenSet(_))
    {
        names[..2].fill("long");
    }
    let [a, b, c] = names;
    Err(type_error(format!(
        "unsupported operand type(s) for pow(): '{a}', '{b}', '{c}'"
    )))
}

/// `pow` of three ints. CPython's way of computing it decides whether an int or a long comes out.
fn int_power_modulo(x: i64, y: i64, m: i64) -> Res {
    if m == 0 {
        return Err(value_error("pow() 3rd argument cannot be 0"));
    }
    let as_long = || {
        let result = long::power_modulo(&BigInt::from(x), &BigInt::from(y), &BigInt::from(m))?;
        Ok(Value::long(result))
    };
    let (mut square, mut result, mut exponent) = (x, 1i64, y);
    while exponent > 0 {
        if exponent & 1 == 1 {
            if square == 0 {
                result = 0;
                break;
            }
            match result.checked_mul(square) {
                Some(product) => result = product,
                None => return as_long(),
            }
        }
        exponent >>= 1;
        if exponent == 0 {
            break;
        }
        match square.checked_mul(square) {
            Some(product) => square = product,
            None => return as_long(),
        }
        result = result.wrapping_rem(m);
        square = square.wrapping_rem(m);
    }
    let rest = result.wrapping_rem(m);
    Ok(Value::Int(if rest != 0 && (rest < 0) != (m < 0) {
        rest + m
    } else {
        rest
    }))
}

/// The value as an index or count: ints and longs that fit. None if it is no integer.
pub(crate) fn as_index(value: &Value) -> Option<Result<i64, ()>> {
    match value.unwrapped() {
        Value::Int(int) => Some(Ok(*int)),
        Value::Bool(b) => Some(Ok(i64::from(*b))),
        Value::Long(long) => Some(i64::try_from(&**long).map_err(|_| ())),
        _ => None,
    }
}

/// A long's sign, for clamping values that do not fit.
pub(crate) fn is_negative(value: &Value) -> bool {
    match value.unwrapped() {
        Value::Int(int) => *int < 0,
        Value::Long(long) => long.sign() == num_bigint::Sign::Minus,
        _ => false,
    }
}
