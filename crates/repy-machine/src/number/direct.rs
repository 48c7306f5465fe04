//! Arithmetic and comparison of ints and floats, which values hold directly: what the interpreter loop does without a call.

use overlord_repy_syntax::ast::{BinaryOp, CompareOp};

/// An operation on two ints whose result is an int; None if it is not, or is an error.
#[inline(always)]
pub(crate) fn int_op(op: BinaryOp, a: i64, b: i64) -> Option<i64> {
    match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Sub => a.checked_sub(b),
        _ => other_int_op(op, a, b),
    }
}

/// The part of [`int_op`] that would be too long where it is used.
#[inline(never)]
fn other_int_op(op: BinaryOp, a: i64, b: i64) -> Option<i64> {
    let result = match op {
        BinaryOp::Mul => a.checked_mul(b)?,
        BinaryOp::BitAnd => a & b,
        BinaryOp::BitOr => a | b,
        BinaryOp::BitXor => a ^ b,
        BinaryOp::RightShift if (0..64).contains(&b) => a >> b,
        BinaryOp::LeftShift if (0..63).contains(&b) => {
            let shifted = a << b;
            if shifted >> b != a {
                return None;
            }
            shifted
        }
        BinaryOp::Mod if b != 0 && b != -1 => {
            let rest = a % b;
            if rest != 0 && (rest ^ b) < 0 {
                rest + b
            } else {
                rest
            }
        }
        BinaryOp::Div | BinaryOp::FloorDiv if b != 0 && b != -1 => {
            let quotient = a / b;
            if a % b != 0 && (a ^ b) < 0 {
                quotient - 1
            } else {
                quotient
            }
        }
        _ => return None,
    };
    Some(result)
}

/// A frequent operation on two floats; None for others and errors.
#[inline(always)]
pub(crate) fn float_op(op: BinaryOp, a: f64, b: f64) -> Option<f64> {
    Some(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div if b != 0.0 => a / b,
        _ => return None,
    })
}

#[inline(always)]
pub(crate) fn compare_ints(op: CompareOp, a: i64, b: i64) -> bool {
    match op {
        CompareOp::Less => a < b,
        CompareOp::LessEqual => a <= b,
        CompareOp::Greater => a > b,
        CompareOp::GreaterEqual => a >= b,
        CompareOp::NotEqual => a != b,
        _ => a == b,
    }
}

#[inline(always)]
pub(crate) fn compare_floats(op: CompareOp, a: f64, b: f64) -> bool {
    match op {
        CompareOp::Less => a < b,
        CompareOp::LessEqual => a <= b,
        CompareOp::Greater => a > b,
        CompareOp::GreaterEqual => a >= b,
        CompareOp::NotEqual => a != b,
        _ => a == b,
    }
}
