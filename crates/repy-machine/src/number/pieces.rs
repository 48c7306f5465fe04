//! Products, quotients and powers of large integers, in pieces, so that a program can be stopped, made to pause and
//! looked after in the middle of one.
//!
//! Small ones are left to the library whole. Whether a result is too large to be wanted at all is for
//! [`super::long`] to say first.

use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use num_traits::{One, Zero};

use crate::memory;
use crate::stop::Denied;
use crate::work;

/// 32-bit digits of the longest factors that are multiplied in one go: a millisecond or two.
const PIECE_DIGITS: usize = 1 << 13;

/// Bytes of memory for each digit of half a factor at the end of a product by halves: the halves, three products, and
/// their sum while it is shifted into its place.
const BYTES_AN_UNFINISHED_DIGIT: usize = 36;

/// Steps, products of two 64-bit words each, of the longest division that is done in one go: some milliseconds.
const PIECE_STEPS: u64 = 1 << 22;

/// 32-bit digits of the dividend that are taken in at least at a time; with fewer, moving the rest takes longer than
/// dividing.
const DIVIDED_DIGITS_MIN: u64 = 64;

fn digits(number: &BigUint) -> usize {
    usize::try_from(number.bits().div_ceil(32)).unwrap_or(usize::MAX)
}

/// 64-bit words, one at least.
fn words(number: &BigUint) -> u64 {
    number.bits() / 64 + 1
}

fn sign_of(x: &BigInt, y: &BigInt) -> Sign {
    if x.sign() == y.sign() {
        Sign::Plus
    } else {
        Sign::Minus
    }
}

/// `x * y`.
pub(super) fn product(x: &BigInt, y: &BigInt) -> Result<BigInt, Denied> {
    let magnitude = multiply(x.magnitude(), y.magnitude())?;
    Ok(BigInt::from_biguint(sign_of(x, y), magnitude))
}

fn multiply(x: &BigUint, y: &BigUint) -> Result<BigUint, Denied> {
    let (x, y) = if x.bits() < y.bits() { (y, x) } else { (x, y) };
    let (longer, shorter) = (digits(x), digits(y));
    if longer <= PIECE_DIGITS {
        // Long factors are multiplied by quicker methods than the school's.
        work::spend_steps(words(x) * words(y).isqrt() * 2)?;
        Ok(x * y)
    } else if longer > 2 * shorter {
        multiply_by_parts(x, y, shorter.max(PIECE_DIGITS))
    } else {
        multiply_by_halves(x, y, longer.div_ceil(2))
    }
}

/// The product with a factor that is much shorter: part of the longer by part, each of so many digits.
fn multiply_by_parts(longer: &BigUint, shorter: &BigUint, part: usize) -> Result<BigUint, Denied> {
    let longer = longer.to_u32_digits();
    let mut result = Vec::with_capacity(longer.len() + digits(shorter) + 1);
    let mut carry = BigUint::ZERO;
    for part_of_it in longer.chunks(part) {
        let (high, low) = cut(
            &(multiply(&BigUint::from_slice(part_of_it), shorter)? + carry),
            part,
        );
        result.extend(low);
        carry = high;
    }
    result.extend(carry.to_u32_digits());
    Ok(BigUint::new(result))
}

/// The product of two of about the same length, by three of half the length (Karatsuba's way).
fn multiply_by_halves(x: &BigUint, y: &BigUint, half: usize) -> Result<BigUint, Denied> {
    memory::reserve(half.saturating_mul(BYTES_AN_UNFINISHED_DIGIT))?;
    let (x_high, x_low) = cut(x, half);
    let (y_high, y_low) = cut(y, half);
    let (x_low, y_low) = (BigUint::new(x_low), BigUint::new(y_low));
    let high = multiply(&x_high, &y_high)?;
    let low = multiply(&x_low, &y_low)?;
    let middle = multiply(&(x_high + x_low), &(y_high + y_low))? - &high - &low;
    Ok((((high << (32 * half)) + middle) << (32 * half)) + low)
}

/// What is above so many digits, and those digits, with zeros in front.
fn cut(number: &BigUint, at: usize) -> (BigUint, Vec<u32>) {
    let mut low = number.to_u32_digits();
    let high = low.split_off(at.min(low.len()));
    low.resize(at, 0);
    (BigUint::new(high), low)
}

/// Quotient and remainder, rounded down; `y` is not 0.
pub(super) fn quotient(x: &BigInt, y: &BigInt) -> Result<(BigInt, BigInt), Denied> {
    let (quotient, rest) = divide(x.magnitude(), y.magnitude())?;
    let quotient = BigInt::from_biguint(sign_of(x, y), quotient);
    let rest = BigInt::from_biguint(x.sign(), rest);
    Ok(if !rest.is_zero() && x.sign() != y.sign() {
        (quotient - 1, rest + y)
    } else {
        (quotient, rest)
    })
}

fn divide(x: &BigUint, y: &BigUint) -> Result<(BigUint, BigUint), Denied> {
    let steps = words(y).saturating_mul(words(x).saturating_sub(words(y)));
    if steps <= PIECE_STEPS {
        work::spend_steps(steps)?;
        return Ok(x.div_rem(y));
    }
    let part =
        usize::try_from((PIECE_STEPS / words(y)).max(DIVIDED_DIGITS_MIN)).unwrap_or(PIECE_DIGITS);
    let mut parts = Vec::new();
    let dividend = x.to_u32_digits();
    // Fewer digits than the divisor has are a rest already.
    let (low, high) = dividend.split_at((dividend.len() + 1).saturating_sub(digits(y)));
    let mut rest = BigUint::from_slice(high);
    for taken in low.chunks(part).rev() {
        work::spend_steps(words(y).saturating_mul(taken.len() as u64 / 2 + 1))?;
        let dividend = (rest << (32 * taken.len())) + BigUint::from_slice(taken);
        let (quotient, left) = dividend.div_rem(y);
        parts.push(quotient);
        rest = left;
    }
    let mut quotient = Vec::with_capacity(parts.len() * part);
    for digits in parts.iter().rev() {
        quotient.extend(cut(digits, part).1);
    }
    Ok((BigUint::new(quotient), rest))
}

/// `x ** exponent`.
pub(super) fn power(x: &BigInt, exponent: u32) -> Result<BigInt, Denied> {
    let bits = x.bits().saturating_mul(u64::from(exponent));
    if bits / 32 <= PIECE_DIGITS as u64 {
        work::spend_steps((bits / 64 + 1) * (bits / 64 + 1).isqrt() * 3)?;
        return Ok(x.pow(exponent));
    }
    let mut result = BigInt::one();
    for bit in (0..u32::BITS - exponent.leading_zeros()).rev() {
        result = product(&result, &result)?;
        if exponent >> bit & 1 == 1 {
            result = product(&result, x)?;
        }
    }
    Ok(result)
}

/// `x ** exponent % modulus`; neither is negative, the modulus is not 0. Done in one go up to twice as much work as a
/// division: that is RSA with 4,096 bits, which the library does much faster than its single steps are.
pub(super) fn power_modulo(
    x: &BigInt,
    exponent: &BigInt,
    modulus: &BigInt,
) -> Result<BigInt, Denied> {
    let size = words(modulus.magnitude());
    let steps = size
        .saturating_mul(size)
        .saturating_mul(exponent.bits() / 4 + 1);
    let x = quotient(x, modulus)?.1;
    if steps <= 2 * PIECE_STEPS {
        work::spend_steps(steps)?;
        return Ok(x.modpow(exponent, modulus));
    }
    let mut result = quotient(&BigInt::one(), modulus)?.1;
    for bit in (0..exponent.bits()).rev() {
        result = quotient(&product(&result, &result)?, modulus)?.1;
        if exponent.bit(bit) {
            result = quotient(&product(&result, &x)?, modulus)?.1;
        }
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers made from a seed, of so many digits, often with long runs of zeros or ones.
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            self.0 >> 33
        }

        fn number(&mut self, digits: usize) -> BigInt {
            let fill = [None, None, Some(0), Some(u32::MAX)][self.next() as usize % 4];
            let digits = (0..digits).map(|at| match fill {
                Some(fill) if at % 50 != 49 => fill,
                _ => self.next() as u32,
            });
            let magnitude = BigUint::new(digits.collect());
            let sign = if self.next().is_multiple_of(2) {
                Sign::Plus
            } else {
                Sign::Minus
            };
            BigInt::from_biguint(sign, magnitude)
        }
    }

    #[test]
    fn what_is_computed_in_pieces_is_what_is_computed_in_one_go() {
        let seed = 20_280_301;
        println!("seed {seed}");
        let mut numbers = Numbers(seed);
        let sizes = [0, 1, 300, 8192, 8193, 16_500, 17_000];
        for &of_x in &sizes {
            for &of_y in &sizes {
                let (x, y) = (numbers.number(of_x), numbers.number(of_y));
                assert_eq!(
                    product(&x, &y).ok(),
                    Some(&x * &y),
                    "{of_x} by {of_y} digits"
                );
                if y.is_zero() {
                    continue;
                }
                let divided = quotient(&x, &y).ok();
                assert_eq!(
                    divided,
                    Some(x.div_mod_floor(&y)),
                    "{of_x} over {of_y} digits"
                );
            }
        }
    }

    #[test]
    fn powers_in_pieces_are_powers() {
        let mut numbers = Numbers(5);
        for (digits, exponent) in [
            (0, 3),
            (1, 0),
            (1, 1),
            (1, 9000),
            (300, 30),
            (9000, 2),
            (9000, 1),
        ] {
            let x = numbers.number(digits);
            assert_eq!(
                power(&x, exponent).ok(),
                Some(x.pow(exponent)),
                "{digits} ** {exponent}"
            );
        }
        for (of_x, of_exponent, of_modulus) in [(5, 2, 4), (300, 2, 390), (2, 20, 390), (1, 1, 1)] {
            let (x, exponent, modulus) = (
                numbers.number(of_x),
                BigInt::from(numbers.number(of_exponent).magnitude().clone()),
                BigInt::from(numbers.number(of_modulus).magnitude() + 1u32),
            );
            let expected = x.mod_floor(&modulus).modpow(&exponent, &modulus);
            assert_eq!(power_modulo(&x, &exponent, &modulus).ok(), Some(expected));
        }
    }
}
