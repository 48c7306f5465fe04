//! The half of a pair that its owner keeps: wiped from memory when dropped, without a printable form.

use std::cmp::Ordering;
use std::fmt;

use openssl::bn::{BigNumContext, BigNumContextRef, BigNumRef};
use openssl::error::ErrorStack;
use zeroize::Zeroizing;

use crate::error::{KeyError, KeyKind, KeyPart, RsaError};
use crate::number::{self, Wiped};
use crate::public_key::modulus_bits;
use crate::{blocks, key_text};

/// Rounds of the primality test: OpenSSL's own choice for the length (at least 64), which leaves a
/// chance of error below 2^-128.
const PRIMALITY_ROUNDS: i32 = 0;

/// A private key, `d p q`: two different primes and an exponent.
///
/// Whether it belongs to a public key is checked by [`KeyPair::new`](crate::KeyPair::new).
pub struct PrivateKey {
    d: Wiped,
    p: Prime,
    q: Prime,
    n: Wiped,
    /// The inverse of q modulo p, by which the two halves of a result are put together.
    q_inverse: Wiped,
    bits: u32,
}

/// One of the two primes with the exponent that counts modulo it.
struct Prime {
    prime: Wiped,
    /// d modulo (prime - 1).
    exponent: Wiped,
}

impl PrivateKey {
    /// Reads the content of a `.privatekey` file.
    ///
    /// # Errors
    /// Not three numbers, or numbers that make no key: p or q not prime, both the same, a modulus that
    /// is too short or too long.
    pub fn parse(text: &[u8]) -> Result<Self, KeyError> {
        let [d, p, q] = key_text::read(KeyKind::Private, text)?;
        for (part, number) in [(KeyPart::D, &d), (KeyPart::P, &p), (KeyPart::Q, &q)] {
            if number.is_negative() || number.num_bits() == 0 {
                return Err(KeyError::NotPositive(part));
            }
        }
        // Before the test of primes, which takes long for long numbers.
        let mut context = BigNumContext::new()?;
        let mut n = Wiped::zero()?;
        n.checked_mul(&p, &q, &mut context)?;
        modulus_bits(&n)?;
        for (part, number) in [(KeyPart::P, &p), (KeyPart::Q, &q)] {
            if !number.is_prime(PRIMALITY_ROUNDS, &mut context)? {
                return Err(KeyError::NotPrime(part));
            }
        }
        Self::from_primes(d, p, q)
    }

    /// Takes numbers whose primality is known.
    pub(crate) fn from_primes(d: Wiped, p: Wiped, q: Wiped) -> Result<Self, KeyError> {
        if p.ucmp(&q) == Ordering::Equal {
            return Err(KeyError::SamePrimes);
        }
        let mut context = BigNumContext::new()?;
        let mut n = Wiped::zero()?;
        n.checked_mul(&p, &q, &mut context)?;
        let bits = modulus_bits(&n)?;
        let mut q_inverse = Wiped::zero()?;
        q_inverse.mod_inverse(&q, &p, &mut context)?;
        let mut d = d;
        // The slower way that hides the exponent from timing exists for odd moduli only. An even one
        // (2 is a prime) has nothing to hide: anybody can take it apart.
        let odd = p.is_odd() && q.is_odd();
        if odd {
            d.set_const_time();
        }
        Ok(Self {
            p: Prime::new(p, &d, odd, &mut context)?,
            q: Prime::new(q, &d, odd, &mut context)?,
            d,
            n,
            q_inverse,
            bits,
        })
    }

    /// The length of the modulus in bits.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Signs bytes (the protocol signs SHA-1 digests). No bytes give no text.
    ///
    /// # Errors
    /// More than [`RSA_TEXT_BYTES_MAX`](crate::RSA_TEXT_BYTES_MAX) bytes.
    pub fn sign(&self, text: &[u8]) -> Result<String, RsaError> {
        blocks::write(text, self.bits, |number| self.power(number))
    }

    /// Decrypts what was encrypted with the public key.
    ///
    /// # Errors
    /// Not decimal numbers, more than [`RSA_TEXT_BYTES_MAX`](crate::RSA_TEXT_BYTES_MAX) bytes, or a
    /// block without the byte 0x01 in front (the original does not look).
    pub fn decrypt(&self, encrypted: &[u8]) -> Result<Vec<u8>, RsaError> {
        blocks::recover(encrypted, |number| self.power(number))
    }

    /// Raises a number to d modulo n.
    pub(crate) fn power(&self, number: &BigNumRef) -> Result<Wiped, ErrorStack> {
        let context = &mut BigNumContext::new()?;
        // An exponent of 0 modulo (prime - 1) would make 1 of a multiple of the prime, instead of 0.
        if self.p.exponent.num_bits() == 0 || self.q.exponent.num_bits() == 0 {
            let mut base = Wiped::zero()?;
            base.nnmod(number, &self.n, context)?;
            let mut power = Wiped::zero()?;
            power.mod_exp(&base, &self.d, &self.n, context)?;
            return Ok(power);
        }
        // Chinese remainders: two powers of half the length cost a quarter of one of the whole.
        let modulo_p = self.p.power(number, context)?;
        let modulo_q = self.q.power(number, context)?;
        let mut difference = Wiped::zero()?;
        difference.mod_sub(&modulo_p, &modulo_q, &self.p.prime, context)?;
        let mut factor = Wiped::zero()?;
        factor.mod_mul(&difference, &self.q_inverse, &self.p.prime, context)?;
        let mut multiple = Wiped::zero()?;
        multiple.checked_mul(&factor, &self.q.prime, context)?;
        let mut power = Wiped::zero()?;
        power.checked_add(&multiple, &modulo_q)?;
        Ok(power)
    }

    pub(crate) fn n(&self) -> &BigNumRef {
        &self.n
    }

    /// Whether a public exponent is undone by d, for every text: e d = 1 modulo p - 1 and q - 1.
    pub(crate) fn undoes(&self, e: &BigNumRef) -> Result<bool, ErrorStack> {
        let mut context = BigNumContext::new()?;
        for half in [&self.p, &self.q] {
            let mut order = Wiped::new(half.prime.to_owned()?);
            order.sub_word(1)?;
            let mut product = Wiped::zero()?;
            product.mod_mul(e, &half.exponent, &order, &mut context)?;
            // Modulo 1 (the prime is 2) every number is 0, and so is 1.
            let is_one = product.num_bits() == 1 || order.num_bits() == 1;
            if !is_one {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The content of a `.privatekey` file.
    pub(crate) fn file_text(&self) -> Result<Zeroizing<String>, ErrorStack> {
        let mut text = Zeroizing::new(String::new());
        for part in [&self.d, &self.p.prime, &self.q.prime] {
            number::write(part, &mut text)?;
        }
        Ok(text)
    }
}

impl Prime {
    fn new(
        mut prime: Wiped,
        d: &BigNumRef,
        hide: bool,
        context: &mut BigNumContextRef,
    ) -> Result<Self, ErrorStack> {
        let mut order = Wiped::new(prime.to_owned()?);
        order.sub_word(1)?;
        let mut exponent = Wiped::zero()?;
        exponent.nnmod(d, &order, context)?;
        if hide {
            exponent.set_const_time();
            prime.set_const_time();
        }
        Ok(Self { prime, exponent })
    }

    fn power(
        &self,
        number: &BigNumRef,
        context: &mut BigNumContextRef,
    ) -> Result<Wiped, ErrorStack> {
        let mut base = Wiped::zero()?;
        base.nnmod(number, &self.prime, context)?;
        let mut power = Wiped::zero()?;
        power.mod_exp(&base, &self.exponent, &self.prime, context)?;
        Ok(power)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({} bits, redacted)", self.bits)
    }
}
