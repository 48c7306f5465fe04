//! The half of a pair that everybody may know, which also is how users and nodes are named.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::error::ErrorStack;
use overlord_types::NodeId;

use crate::error::{KeyError, KeyKind, KeyPart, RsaError};
use crate::number::Wiped;
use crate::{MODULUS_BITS_MAX, MODULUS_BITS_MIN, blocks, key_text};

/// A public key, `e n`: 0 < e < n, and n has [`MODULUS_BITS_MIN`] to [`MODULUS_BITS_MAX`] bits.
///
/// Cheap to clone. Two keys are equal if their numbers are; `Display` prints the one form that the
/// original writes, `Debug` a short one.
#[derive(Clone)]
pub struct PublicKey {
    id: NodeId,
    numbers: Arc<Numbers>,
}

struct Numbers {
    e: BigNum,
    n: BigNum,
}

impl PublicKey {
    /// Reads the content of a `.publickey` file, or a key string.
    ///
    /// # Errors
    /// Not two numbers, or numbers that make no key.
    pub fn parse(text: &[u8]) -> Result<Self, KeyError> {
        let [e, n] = key_text::read(KeyKind::Public, text)?;
        Self::from_numbers(e.to_owned()?, n.to_owned()?)
    }

    /// Reads a key string; the same as [`PublicKey::parse`].
    ///
    /// # Errors
    /// As [`PublicKey::parse`].
    pub fn parse_str(text: &str) -> Result<Self, KeyError> {
        Self::parse(text.as_bytes())
    }

    pub(crate) fn from_numbers(e: BigNum, n: BigNum) -> Result<Self, KeyError> {
        for (part, number) in [(KeyPart::E, &e), (KeyPart::N, &n)] {
            if number.is_negative() || number.num_bits() == 0 {
                return Err(KeyError::NotPositive(part));
            }
        }
        if e.ucmp(&n) != Ordering::Less {
            return Err(KeyError::ExponentNotBelowModulus);
        }
        modulus_bits(&n)?;
        let id = format!("{} {}", &*e.to_dec_str()?, &*n.to_dec_str()?);
        // Two decimal numbers of at most 16,384 bits are always a node id.
        let id = id
            .parse()
            .map_err(|_| KeyError::ModulusBits(MODULUS_BITS_MAX))?;
        Ok(Self {
            id,
            numbers: Arc::new(Numbers { e, n }),
        })
    }

    /// The length of the modulus in bits.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.numbers.n.num_bits().unsigned_abs()
    }

    /// The key as the name of a node.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        self.id.clone()
    }

    /// The key string, `e n`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.id.as_str()
    }

    /// The last digits of the modulus: enough to tell keys apart for a reader.
    #[must_use]
    pub fn short(&self) -> &str {
        self.id.short()
    }

    /// Encrypts a text for the holder of the private key. No text gives no text.
    ///
    /// # Errors
    /// More than [`RSA_TEXT_BYTES_MAX`](crate::RSA_TEXT_BYTES_MAX) bytes.
    pub fn encrypt(&self, text: &[u8]) -> Result<String, RsaError> {
        blocks::write(text, self.bits(), |number| self.power(number))
    }

    /// Turns a signature back into the bytes that were signed: the original's `rsa_verify`.
    ///
    /// The caller compares them with what should have been signed; [`PublicKey::has_signed`] does both.
    ///
    /// # Errors
    /// Not decimal numbers, more than [`RSA_TEXT_BYTES_MAX`](crate::RSA_TEXT_BYTES_MAX) bytes, or a
    /// block without the byte 0x01 in front (the original does not look).
    pub fn recover(&self, signature: &[u8]) -> Result<Vec<u8>, RsaError> {
        blocks::recover(signature, |number| self.power(number))
    }

    /// Whether a signature is this key's of exactly these bytes.
    ///
    /// A signature with another number of blocks is refused before any power is computed, so that a
    /// stranger's long one costs nothing.
    #[must_use]
    pub fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        let block_count = text.len().div_ceil(blocks::block_bytes(self.bits()).max(1));
        blocks::count(signature) == block_count
            && self.recover(signature).is_ok_and(|signed| signed == text)
    }

    pub(crate) fn e(&self) -> &BigNumRef {
        &self.numbers.e
    }

    pub(crate) fn n(&self) -> &BigNumRef {
        &self.numbers.n
    }

    pub(crate) fn power(&self, number: &BigNumRef) -> Result<Wiped, ErrorStack> {
        let mut context = BigNumContext::new()?;
        // Numbers beyond the modulus and negative ones count as what they are modulo n.
        let mut base = Wiped::zero()?;
        base.nnmod(number, &self.numbers.n, &mut context)?;
        let mut power = Wiped::zero()?;
        power.mod_exp(&base, &self.numbers.e, &self.numbers.n, &mut context)?;
        Ok(power)
    }
}

/// The length of a modulus, if the scheme works with it.
pub(crate) fn modulus_bits(n: &BigNumRef) -> Result<u32, KeyError> {
    let bits = n.num_bits().unsigned_abs();
    if (MODULUS_BITS_MIN..=MODULUS_BITS_MAX).contains(&bits) {
        Ok(bits)
    } else {
        Err(KeyError::ModulusBits(bits))
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::parse_str(text)
    }
}

impl TryFrom<&NodeId> for PublicKey {
    type Error = KeyError;

    fn try_from(id: &NodeId) -> Result<Self, KeyError> {
        Self::parse_str(id.as_str())
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for PublicKey {}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.id.cmp(&other.id)
    }
}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey(…{})", self.short())
    }
}
