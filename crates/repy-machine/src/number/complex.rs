//! Complex arithmetic as CPython 2.7 does it.

use super::fault::NumberFault;
use overlord_repy_syntax::ast::BinaryOp;

/// Real and imaginary part.
pub(crate) type Complex = (f64, f64);

/// `a op b`; None for operators complex numbers do not have.
pub(crate) fn arithmetic(
    op: BinaryOp,
    x: Complex,
    y: Complex,
) -> Option<Result<Complex, NumberFault>> {
    Some(Ok(match op {
        BinaryOp::Add => (x.0 + y.0, x.1 + y.1),
        BinaryOp::Sub => (x.0 - y.0, x.1 - y.1),
        BinaryOp::Mul => product(x, y),
        BinaryOp::Div => return Some(quotient(x, y)),
        BinaryOp::Pow => return Some(power(x, y)),
        BinaryOp::FloorDiv => return Some(divmod(x, y).map(|(quotient, _)| quotient)),
        BinaryOp::Mod => return Some(divmod(x, y).map(|(_, rest)| rest)),
        _ => return None,
    }))
}

/// Floor quotient and rest.
pub(crate) fn divmod(x: Complex, y: Complex) -> Result<(Complex, Complex), NumberFault> {
    if y == (0.0, 0.0) {
        return Err(NumberFault::ZeroDivision("complex divmod()"));
    }
    let whole = (quotient(x, y)?.0.floor(), 0.0);
    let part = product(y, whole);
    Ok((whole, (x.0 - part.0, x.1 - part.1)))
}

fn product(x: Complex, y: Complex) -> Complex {
    (x.0 * y.0 - x.1 * y.1, x.0 * y.1 + x.1 * y.0)
}

fn quotient(a: Complex, b: Complex) -> Result<Complex, NumberFault> {
    if b.0.abs() >= b.1.abs() {
        if b.0 == 0.0 && b.1 == 0.0 {
            return Err(NumberFault::ZeroDivision("complex division by zero"));
        }
        let ratio = b.1 / b.0;
        let denominator = b.0 + b.1 * ratio;
        Ok((
            (a.0 + a.1 * ratio) / denominator,
            (a.1 - a.0 * ratio) / denominator,
        ))
    } else if b.1.abs() >= b.0.abs() {
        let ratio = b.0 / b.1;
        let denominator = b.0 * ratio + b.1;
        Ok((
            (a.0 * ratio + a.1) / denominator,
            (a.1 * ratio - a.0) / denominator,
        ))
    } else {
        Ok((f64::NAN, f64::NAN))
    }
}

fn power(a: Complex, b: Complex) -> Result<Complex, NumberFault> {
    let whole = b.0 as i64;
    if b.1 == 0.0 && b.0 == whole as f64 && (-100..=100).contains(&whole) {
        let raised = power_unsigned(a, whole.unsigned_abs());
        return if whole > 0 {
            Ok(raised)
        } else {
            quotient((1.0, 0.0), raised)
        };
    }
    if b == (0.0, 0.0) {
        return Ok((1.0, 0.0));
    }
    if a == (0.0, 0.0) {
        if b.1 != 0.0 || b.0 < 0.0 {
            return Err(NumberFault::ZeroDivision(
                "0.0 to a negative or complex power",
            ));
        }
        return Ok((0.0, 0.0));
    }
    let size = a.0.hypot(a.1);
    let mut length = size.powf(b.0);
    let angle = a.1.atan2(a.0);
    let mut phase = angle * b.0;
    if b.1 != 0.0 {
        length /= (angle * b.1).exp();
        phase += b.1 * size.ln();
    }
    Ok((length * phase.cos(), length * phase.sin()))
}

fn power_unsigned(x: Complex, n: u64) -> Complex {
    let mut mask: u64 = 1;
    let mut result = (1.0, 0.0);
    let mut square = x;
    while mask > 0 && n >= mask {
        if n & mask != 0 {
            result = product(result, square);
        }
        mask <<= 1;
        square = product(square, square);
    }
    result
}

/// `abs(x)`.
pub(crate) fn absolute(x: Complex) -> Result<f64, NumberFault> {
    let size = x.0.hypot(x.1);
    if size.is_infinite() && x.0.is_finite() && x.1.is_finite() {
        return Err(NumberFault::Overflow("absolute value too large"));
    }
    Ok(size)
}
