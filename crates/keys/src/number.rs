//! Decimal numbers as the original reads and writes them, in memory that is wiped.
//!
//! The original reads what Python 2's `long()` takes: a sign, leading zeros and one `L` at the end are
//! fine; blanks within, other bases, points and underscores are not.

use std::ops::{Deref, DerefMut};

use openssl::bn::{BigNum, BigNumRef};
use openssl::error::ErrorStack;
use zeroize::Zeroizing;

use crate::bounds::NUMBER_DIGITS_MAX;
use crate::error::WordProblem;

/// Decimal digits that are handled at a time: the most whose power of ten fits a 32-bit word.
const LIMB_DIGITS: usize = 9;
/// Ten to the power of [`LIMB_DIGITS`].
const LIMB: u32 = 1_000_000_000;

/// A number that is wiped from memory when dropped. It has no printable form.
pub(crate) struct Wiped(BigNum);

impl Wiped {
    /// Takes care of a number that was just computed.
    pub(crate) fn new(number: BigNum) -> Self {
        Self(number)
    }

    /// The number 0, to compute into.
    pub(crate) fn zero() -> Result<Self, ErrorStack> {
        BigNum::new().map(Self)
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.clear();
    }
}

impl Deref for Wiped {
    type Target = BigNumRef;

    fn deref(&self) -> &BigNumRef {
        &self.0
    }
}

impl DerefMut for Wiped {
    fn deref_mut(&mut self) -> &mut BigNumRef {
        &mut self.0
    }
}

/// Why a number could not be read.
pub(crate) enum ReadError {
    /// The word is no number.
    Word(WordProblem),
    /// OpenSSL failed.
    Crypto(ErrorStack),
}

impl From<ErrorStack> for ReadError {
    fn from(error: ErrorStack) -> Self {
        Self::Crypto(error)
    }
}

/// Whether Python 2's `str.split()` splits here: ASCII white space, vertical tab and form feed included.
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// Reads one word as Python 2's `long()` does.
pub(crate) fn read(word: &[u8]) -> Result<Wiped, ReadError> {
    let (negative, unsigned) = match word {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, word),
    };
    let digits = match unsigned {
        [rest @ .., b'L' | b'l'] => rest,
        _ => unsigned,
    };
    if digits.is_empty() {
        return Err(ReadError::Word(WordProblem::NoDigits));
    }
    let sign_length = word.len() - unsigned.len();
    if let Some((at, &byte)) = digits.iter().enumerate().find(|(_, b)| !b.is_ascii_digit()) {
        let position = sign_length + at + 1;
        return Err(ReadError::Word(WordProblem::NotADigit { position, byte }));
    }
    let leading_zeros = digits.iter().take_while(|&&b| b == b'0').count();
    let significant = digits.get(leading_zeros..).unwrap_or_default();
    if significant.len() > NUMBER_DIGITS_MAX {
        return Err(ReadError::Word(WordProblem::TooManyDigits(
            significant.len(),
        )));
    }
    let mut number = Wiped::zero()?;
    for limb in significant.chunks(LIMB_DIGITS) {
        let (value, scale) = limb.iter().fold((0_u32, 1_u32), |(value, scale), digit| {
            (value * 10 + u32::from(digit - b'0'), scale * 10)
        });
        number.mul_word(scale)?;
        number.add_word(value)?;
    }
    // Zero has no sign, in Python as here.
    let negative = negative && number.num_bits() > 0;
    number.set_negative(negative);
    Ok(number)
}

/// Appends a number that is not negative in decimal, after a blank unless it is the first, without
/// leaving copies of it behind.
pub(crate) fn write(number: &BigNumRef, text: &mut Zeroizing<String>) -> Result<(), ErrorStack> {
    let mut rest = Wiped::new(number.to_owned()?);
    // Three bits are less than a decimal digit, so this many limbs are always enough.
    let limb_count = usize::try_from(number.num_bits()).unwrap_or(0) / (3 * LIMB_DIGITS) + 1;
    let mut limbs = Zeroizing::new(Vec::<u32>::with_capacity(limb_count));
    loop {
        let limb = rest.div_word(LIMB)?;
        // A remainder is smaller than its divisor, which fits.
        limbs.push(u32::try_from(limb).unwrap_or(0));
        if rest.num_bits() == 0 {
            break;
        }
    }
    reserve_wiping(text, limbs.len() * LIMB_DIGITS + 1);
    if !text.is_empty() {
        text.push(' ');
    }
    let start = text.len();
    for limb in limbs.iter().rev() {
        let mut scale = LIMB / 10;
        while scale > 0 {
            let digit = u8::try_from(limb / scale % 10).unwrap_or(0);
            if digit != 0 || text.len() > start {
                text.push(char::from(b'0' + digit));
            }
            scale /= 10;
        }
    }
    if text.len() == start {
        text.push('0');
    }
    Ok(())
}

/// Makes room in a text; when it moves, the old place is wiped.
fn reserve_wiping(text: &mut Zeroizing<String>, more: usize) {
    if text.capacity() - text.len() < more {
        let mut larger = Zeroizing::new(String::with_capacity(text.len() + more));
        larger.push_str(text);
        *text = larger;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(word: &str) -> Option<String> {
        let number = read(word.as_bytes()).ok()?;
        Some(number.to_dec_str().unwrap().to_string())
    }

    #[test]
    fn numbers_are_read_as_the_originals_language_reads_them() {
        for (word, expected) in [
            ("5", "5"),
            ("+5", "5"),
            ("-5", "-5"),
            ("005", "5"),
            ("-005L", "-5"),
            ("5l", "5"),
            ("-0", "0"),
            ("0", "0"),
            ("1000000000", "1000000000"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
        ] {
            assert_eq!(value(word).as_deref(), Some(expected), "{word:?}");
        }
        for word in [
            "", "+", "-", "L", "+L", "--5", "+-5", "5LL", "5 ", "0x10", "5.0", "5_0", "6+5", "٣",
            "1e3", "\u{0}5",
        ] {
            assert_eq!(value(word), None, "{word:?}");
        }
    }

    #[test]
    fn a_refused_word_says_where() {
        let problem = |word: &[u8]| match read(word) {
            Err(ReadError::Word(problem)) => problem,
            _ => panic!("accepted"),
        };
        assert_eq!(
            problem(b"-12x4"),
            WordProblem::NotADigit {
                position: 4,
                byte: b'x'
            }
        );
        let long = vec![b'1'; NUMBER_DIGITS_MAX + 1];
        assert_eq!(
            problem(&long),
            WordProblem::TooManyDigits(NUMBER_DIGITS_MAX + 1)
        );
        assert!(read(&vec![b'0'; NUMBER_DIGITS_MAX + 2]).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in "0|[1-9][0-9]{0,200}") {
            let number = read(text.as_bytes()).ok().unwrap();
            let mut written = Zeroizing::new(String::new());
            write(&number, &mut written).unwrap();
            prop_assert_eq!(written.as_str(), text.as_str());
            prop_assert_eq!(number.to_dec_str().unwrap().to_string(), text);
        }

        #[test]
        fn no_word_brings_the_reader_down(word in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(&word);
        }
    }
}
