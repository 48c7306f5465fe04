//! What can be wrong with a key or with a text in the block format. Where a file lies is added by
//! [`KeyFileError`](crate::KeyFileError).
//!
//! No message repeats the content of a key: it may be a private one.

use std::fmt;

use openssl::error::ErrorStack;
use overlord_types::failure::{Classified, Code};
use thiserror::Error;

use crate::bounds::{
    GENERATED_KEY_BITS_MAX, GENERATED_KEY_BITS_MIN, KEY_FILE_BYTES_MAX, MODULUS_BITS_MAX,
    MODULUS_BITS_MIN, NUMBER_DIGITS_MAX, RSA_TEXT_BYTES_MAX,
};

/// Which half of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// `e n`, known to everybody.
    Public,
    /// `d p q`, the owner's secret.
    Private,
}

impl KeyKind {
    /// How many numbers a key of this kind is.
    #[must_use]
    pub fn number_count(self) -> usize {
        match self {
            Self::Public => 2,
            Self::Private => 3,
        }
    }

    /// The ending of a key file of this kind.
    #[must_use]
    pub fn file_ending(self) -> &'static str {
        match self {
            Self::Public => "publickey",
            Self::Private => "privatekey",
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Public => "public",
            Self::Private => "private",
        })
    }
}

/// One of the numbers that a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeyPart {
    /// The public exponent.
    E,
    /// The modulus.
    N,
    /// The private exponent.
    D,
    /// The first prime.
    P,
    /// The second prime.
    Q,
}

impl fmt::Display for KeyPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::E => "e",
            Self::N => "n",
            Self::D => "d",
            Self::P => "p",
            Self::Q => "q",
        })
    }
}

/// Why a word is not a number that the original would read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WordProblem {
    /// A sign or an `L` with no digit.
    #[error("it has no digits")]
    NoDigits,
    /// Something that is no decimal digit.
    #[error("its character {position} is not a decimal digit (byte 0x{byte:02x})")]
    NotADigit {
        /// Which character of the word, counted from 1.
        position: usize,
        /// The byte there.
        byte: u8,
    },
    /// More than [`NUMBER_DIGITS_MAX`] digits.
    #[error("it has {0} digits, and at most {NUMBER_DIGITS_MAX} are read")]
    TooManyDigits(usize),
}

/// Why a text is no key, or two keys are no pair. All but [`KeyError::Crypto`] are for the operator.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// More bytes than any key has.
    #[error("{0} bytes is more than any key has (at most {KEY_FILE_BYTES_MAX})")]
    TooLong(u64),
    /// Not 2 numbers (public) or 3 (private).
    #[error(
        "a {kind} key is {} numbers separated by blanks, and this has {found}{}",
        kind.number_count(),
        other_kind(*kind, *found)
    )]
    WordCount {
        /// The kind that was asked for.
        kind: KeyKind,
        /// How many words there are.
        found: usize,
    },
    /// A word that is not a decimal number.
    #[error("word {word} (line {line}) is not a decimal number: {problem}")]
    Word {
        /// Which word of the text, counted from 1.
        word: usize,
        /// Its line, counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: WordProblem,
    },
    /// A number that is zero or negative.
    #[error("{0} must be greater than 0")]
    NotPositive(KeyPart),
    /// The original's own check of public keys.
    #[error("e must be smaller than n")]
    ExponentNotBelowModulus,
    /// The original's own check of private keys.
    #[error("{0} is not prime")]
    NotPrime(KeyPart),
    /// The scheme does not work with the square of a prime.
    #[error("p and q are the same number")]
    SamePrimes,
    /// A modulus with fewer than [`MODULUS_BITS_MIN`] or more than [`MODULUS_BITS_MAX`] bits.
    #[error("the modulus has {0} bits, and must have {MODULUS_BITS_MIN} to {MODULUS_BITS_MAX}")]
    ModulusBits(u32),
    /// The two halves have different moduli.
    #[error("p times q of the private key is not n of the public key")]
    OtherModulus,
    /// The moduli agree, but one exponent does not undo the other.
    #[error("d of the private key does not undo e of the public key")]
    OtherExponent,
    /// A length that is not generated.
    #[error(
        "keys of {0} bits are not generated, only of {GENERATED_KEY_BITS_MIN} to {GENERATED_KEY_BITS_MAX}"
    )]
    GeneratedBits(u32),
    /// OpenSSL failed: memory, or a bug of ours.
    #[error("the big-number library failed")]
    Crypto(#[from] ErrorStack),
}

impl Classified for KeyError {
    fn code(&self) -> Code {
        match self {
            Self::TooLong(_)
            | Self::WordCount { .. }
            | Self::Word { .. }
            | Self::NotPositive(_)
            | Self::ExponentNotBelowModulus
            | Self::NotPrime(_)
            | Self::SamePrimes
            | Self::ModulusBits(_) => Code::KeysMalformed,
            Self::OtherModulus | Self::OtherExponent => Code::KeysMismatched,
            Self::GeneratedBits(_) => Code::Usage,
            Self::Crypto(_) => Code::Internal,
        }
    }
}

/// What a wrong number of words most likely is.
fn other_kind(kind: KeyKind, found: usize) -> &'static str {
    match (kind, found) {
        (_, 0) => " (it is empty)",
        (KeyKind::Public, 3) => " (it looks like a private key)",
        (KeyKind::Private, 2) => " (it looks like a public key)",
        _ => "",
    }
}

/// Why a text cannot be encrypted or decrypted, signed or recovered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RsaError {
    /// More than [`RSA_TEXT_BYTES_MAX`] bytes.
    #[error("{0} bytes is more than is encrypted or signed at once (at most {RSA_TEXT_BYTES_MAX})")]
    TooLong(usize),
    /// A block that is not a decimal number.
    #[error("block {block} is not a decimal number: {problem}")]
    Word {
        /// Which block, counted from 1.
        block: usize,
        /// What is wrong with it.
        problem: WordProblem,
    },
    /// The block was not made with the other half of this key: the byte 0x01 is not in front.
    #[error("block {block} was not made with the matching key")]
    OtherKey {
        /// Which block, counted from 1.
        block: usize,
    },
    /// OpenSSL failed: memory, or a bug of ours.
    #[error("the big-number library failed")]
    Crypto(#[from] ErrorStack),
}

impl Classified for RsaError {
    fn code(&self) -> Code {
        match self {
            Self::TooLong(_) => Code::Usage,
            Self::Word { .. } | Self::OtherKey { .. } => Code::KeysOfAnother,
            Self::Crypto(_) => Code::Internal,
        }
    }
}
