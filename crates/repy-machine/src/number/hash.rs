//! CPython 2.7's hashes of numbers (64-bit): equal numbers of different types have the same.

use num_bigint::{BigInt, Sign};

/// A hash as CPython keeps it: -1 says there that something failed.
pub(crate) fn avoid(hash: i64) -> i64 {
    if hash == -1 { -2 } else { hash }
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
fn frexp(value: f64) -> (f64, i32) {
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
