//! Float arithmetic as CPython 2.7 does it, with its errors.

use crate::object::exception::{value_error, zero_division};
use crate::object::{ExceptionKind, Res, Thrown, Value};
use overlord_repy_syntax::ast::BinaryOp;

/// `a op b`; None for operators floats do not have.
pub(crate) fn arithmetic(op: BinaryOp, x: f64, y: f64) -> Option<Res> {
    Some(Ok(Value::float(match op {
        BinaryOp::Add => x + y,
        BinaryOp::Sub => x - y,
        BinaryOp::Mul => x * y,
        BinaryOp::Div if y == 0.0 => return Some(Err(zero_division("float division by zero"))),
        BinaryOp::Div => x / y,
        BinaryOp::FloorDiv => {
            return Some(divmod(x, y).map(|(quotient, _)| Value::float(quotient)));
        }
        BinaryOp::Mod if y == 0.0 => return Some(Err(zero_division("float modulo"))),
        BinaryOp::Mod => modulo(x, y),
        BinaryOp::Pow => return Some(power(x, y)),
        _ => return None,
    })))
}

fn modulo(x: f64, y: f64) -> f64 {
    let rest = x % y;
    if rest != 0.0 {
        if (y < 0.0) == (rest < 0.0) {
            rest
        } else {
            rest + y
        }
    } else {
        // The sign of zero is the divisor's.
        0f64.copysign(y)
    }
}

/// Floor quotient and rest.
pub(crate) fn divmod(x: f64, y: f64) -> Res<(f64, f64)> {
    if y == 0.0 {
        return Err(zero_division("float divmod()"));
    }
    let mut rest = x % y;
    let mut quotient = (x - rest) / y;
    if rest != 0.0 {
        if (y < 0.0) != (rest < 0.0) {
            rest += y;
            quotient -= 1.0;
        }
    } else {
        rest = 0f64.copysign(y);
    }
    let floor = if quotient != 0.0 {
        let mut floor = quotient.floor();
        if quotient - floor > 0.5 {
            floor += 1.0;
        }
        floor
    } else {
        0f64.copysign(x / y)
    };
    Ok((floor, rest))
}

/// `x ** y`.
pub(crate) fn power(x: f64, y: f64) -> Res {
    if y == 0.0 {
        return Ok(Value::float(1.0));
    }
    if x.is_nan() {
        return Ok(Value::float(x));
    }
    if y.is_nan() {
        return Ok(Value::float(if x == 1.0 { 1.0 } else { y }));
    }
    if x == 0.0 && y < 0.0 {
        return Err(zero_division("0.0 cannot be raised to a negative power"));
    }
    if x.is_finite() && x < 0.0 && y.is_finite() && y.floor() != y {
        return Err(value_error(
            "negative number cannot be raised to a fractional power",
        ));
    }
    let result = x.powf(y);
    if result.is_infinite() && x.is_finite() && y.is_finite() {
        return Err(out_of_range());
    }
    Ok(Value::float(result))
}

/// `OverflowError: (34, 'Numerical result out of range')`.
pub(crate) fn out_of_range() -> Thrown {
    Thrown::with_args(
        ExceptionKind::OverflowError,
        vec![Value::Int(34), Value::text("Numerical result out of range")],
    )
}
