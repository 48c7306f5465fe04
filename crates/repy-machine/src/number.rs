//! Numbers as such: what they are, their order and their hashes, and computing with those of one type. No value or
//! exception of a program is known here; what operators make of values is in [`crate::arithmetic`].

pub(crate) mod complex;
pub(crate) mod direct;
pub(crate) mod fault;
pub(crate) mod float;
pub(crate) mod hash;
pub(crate) mod long;
mod pieces;

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

use self::fault::NumberFault;
use crate::work;

/// A number of any type, bools taken as ints.
pub(crate) enum Number<'a> {
    Int(i64),
    Long(&'a BigInt),
    Float(f64),
    Complex((f64, f64)),
}

impl Number<'_> {
    /// The number as a float.
    pub(crate) fn to_float(&self) -> Result<f64, NumberFault> {
        match self {
            Number::Int(int) => Ok(*int as f64),
            Number::Long(long) => long::to_float(long),
            Number::Float(float) => Ok(*float),
            Number::Complex(complex) => Ok(complex.0),
        }
    }

    /// The number as a complex one.
    pub(crate) fn to_complex(&self) -> Result<(f64, f64), NumberFault> {
        match self {
            Number::Complex(complex) => Ok(*complex),
            other => Ok((other.to_float()?, 0.0)),
        }
    }

    /// The number as a long: 0 for what is no integer.
    pub(crate) fn to_long(&self) -> BigInt {
        match self {
            Number::Int(int) => BigInt::from(*int),
            Number::Long(long) => (*long).clone(),
            _ => BigInt::ZERO,
        }
    }
}

/// Whether two numbers are equal, of whatever types.
pub(crate) fn numbers_equal(x: &Number<'_>, y: &Number<'_>) -> bool {
    match (x, y) {
        (Number::Complex((re, im)), other) | (other, Number::Complex((re, im))) => match other {
            Number::Complex(other) => *re == other.0 && *im == other.1,
            _ => *im == 0.0 && order_numbers(other, &Number::Float(*re)) == Some(Ordering::Equal),
        },
        _ => order_numbers(x, y) == Some(Ordering::Equal),
    }
}

/// The order of two real numbers; None if one is not a number.
pub(crate) fn order_numbers(x: &Number<'_>, y: &Number<'_>) -> Option<Ordering> {
    match (x, y) {
        (Number::Int(a), Number::Int(b)) => Some(a.cmp(b)),
        (Number::Float(a), Number::Float(b)) => a.partial_cmp(b),
        (Number::Long(a), Number::Long(b)) => {
            work::note((a.bits().min(b.bits()) / 4096) as usize);
            Some(a.cmp(b))
        }
        (Number::Int(a), Number::Long(b)) => Some(order_int_long(*a, b)),
        (Number::Long(a), Number::Int(b)) => Some(order_int_long(*b, a).reverse()),
        (Number::Int(a), Number::Float(b)) => order_long_float(&BigInt::from(*a), *b),
        (Number::Float(a), Number::Int(b)) => {
            order_long_float(&BigInt::from(*b), *a).map(Ordering::reverse)
        }
        (Number::Long(a), Number::Float(b)) => order_long_float(a, *b),
        (Number::Float(a), Number::Long(b)) => order_long_float(b, *a).map(Ordering::reverse),
        _ => None,
    }
}

fn order_int_long(a: i64, b: &BigInt) -> Ordering {
    match i64::try_from(b) {
        Ok(b) => a.cmp(&b),
        Err(_) if b.sign() == Sign::Minus => Ordering::Greater,
        Err(_) => Ordering::Less,
    }
}

fn order_long_float(a: &BigInt, b: f64) -> Option<Ordering> {
    if b.is_nan() {
        return None;
    }
    if b.is_infinite() {
        return Some(if b > 0.0 {
            Ordering::Less
        } else {
            Ordering::Greater
        });
    }
    let whole = b.floor();
    let floor: BigInt = num_traits::FromPrimitive::from_f64(whole)?;
    Some(match a.cmp(&floor) {
        Ordering::Equal if b > whole => Ordering::Less,
        order => order,
    })
}
