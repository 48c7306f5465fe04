//! Float arithmetic as CPython 2.7 does it, with its faults.

use super::fault::NumberFault;
use overlord_repy_syntax::ast::BinaryOp;

/// `a op b`; None for operators floats do not have.
pub(crate) fn arithmetic(op: BinaryOp, x: f64, y: f64) -> Option<Result<f64, NumberFault>> {
    Some(Ok(match op {
        BinaryOp::Add => x + y,
        BinaryOp::Sub => x - y,
        BinaryOp::Mul => x * y,
        BinaryOp::Div if y == 0.0 => {
            return Some(Err(NumberFault::ZeroDivision("float division by zero")));
        }
        BinaryOp::Div => x / y,
        BinaryOp::FloorDiv => {
            return Some(divmod(x, y).map(|(quotient, _)| quotient));
        }
        BinaryOp::Mod if y == 0.0 => return Some(Err(NumberFault::ZeroDivision("float modulo"))),
        BinaryOp::Mod => modulo(x, y),
        BinaryOp::Pow => return Some(power(x, y)),
        _ => return None,
    }))
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
pub(crate) fn divmod(x: f64, y: f64) -> Result<(f64, f64), NumberFault> {
    if y == 0.0 {
        return Err(NumberFault::ZeroDivision("float divmod()"));
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
pub(crate) fn power(x: f64, y: f64) -> Result<f64, NumberFault> {
    if y == 0.0 {
        return Ok(1.0);
    }
    if x.is_nan() {
        return Ok(x);
    }
    if y.is_nan() {
        return Ok(if x == 1.0 { 1.0 } else { y });
    }
    if x == 0.0 && y < 0.0 {
        return Err(NumberFault::ZeroDivision(
            "0.0 cannot be raised to a negative power",
        ));
    }
    if x.is_finite() && x < 0.0 && y.is_finite() && y.floor() != y {
        return Err(NumberFault::Value(
            "negative number cannot be raised to a fractional power",
        ));
    }
    let result = x.powf(y);
    if result.is_infinite() && x.is_finite() && y.is_finite() {
        return Err(NumberFault::OutOfRange);
    }
    Ok(result)
}
