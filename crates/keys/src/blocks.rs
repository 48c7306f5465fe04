//! The original's block format around a raw modular power: text in blocks, blocks as decimal numbers.
//!
//! A block of text gets the byte 0x01 in front (so that leading zeros survive), is read as a
//! big-endian number, raised to the key's exponent, and written in decimal with a blank before it.

use openssl::bn::{BigNum, BigNumRef};
use openssl::error::ErrorStack;
use zeroize::Zeroizing;

use crate::bounds::RSA_TEXT_BYTES_MAX;
use crate::error::RsaError;
use crate::number::{self, ReadError, Wiped};

/// What stands before each block.
const FIRST_BYTE: u8 = 0x01;

/// Bytes of text in a full block under a modulus of so many bits.
pub(crate) fn block_bytes(modulus_bits: u32) -> usize {
    let bytes = modulus_bits.saturating_sub(1) / 8;
    usize::try_from(bytes.saturating_sub(1)).unwrap_or(usize::MAX)
}

/// Writes a text as blocks raised to a power.
pub(crate) fn write(
    text: &[u8],
    modulus_bits: u32,
    power: impl Fn(&BigNumRef) -> Result<Wiped, ErrorStack>,
) -> Result<String, RsaError> {
    if text.len() > RSA_TEXT_BYTES_MAX {
        return Err(RsaError::TooLong(text.len()));
    }
    let size = block_bytes(modulus_bits).max(1);
    let mut written = String::new();
    let mut block = Zeroizing::new(Vec::with_capacity(size + 1));
    for part in text.chunks(size) {
        block.clear();
        block.push(FIRST_BYTE);
        block.extend_from_slice(part);
        let number = Wiped::new(BigNum::from_slice(&block)?);
        written.push(' ');
        written.push_str(&power(&number)?.to_dec_str()?);
    }
    Ok(written)
}

/// Reads blocks back and hands each one's bytes to `take`, the first byte included.
pub(crate) fn read(
    written: &[u8],
    power: impl Fn(&BigNumRef) -> Result<Wiped, ErrorStack>,
    mut take: impl FnMut(usize, &[u8]) -> Result<(), RsaError>,
) -> Result<(), RsaError> {
    if written.len() > RSA_TEXT_BYTES_MAX {
        return Err(RsaError::TooLong(written.len()));
    }
    for (index, word) in words(written).enumerate() {
        let block = index + 1;
        let number = number::read(word).map_err(|error| match error {
            ReadError::Word(problem) => RsaError::Word { block, problem },
            ReadError::Crypto(error) => error.into(),
        })?;
        let bytes = Zeroizing::new(power(&number)?.to_vec());
        take(block, &bytes)?;
    }
    Ok(())
}

/// Reads blocks back and drops the byte in front of each, which must be the right one.
pub(crate) fn recover(
    written: &[u8],
    power: impl Fn(&BigNumRef) -> Result<Wiped, ErrorStack>,
) -> Result<Vec<u8>, RsaError> {
    let mut text = Zeroizing::new(Vec::new());
    read(written, power, |block, bytes| match bytes {
        [FIRST_BYTE, rest @ ..] => {
            text.extend_from_slice(rest);
            Ok(())
        }
        _ => Err(RsaError::OtherKey { block }),
    })?;
    Ok(std::mem::take(&mut *text))
}

/// How many blocks a written text has.
pub(crate) fn count(written: &[u8]) -> usize {
    words(written).count()
}

fn words(written: &[u8]) -> impl Iterator<Item = &[u8]> {
    written
        .split(|&byte| number::is_blank(byte))
        .filter(|word| !word.is_empty())
}
