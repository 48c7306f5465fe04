//! Both halves of a key, known to belong together.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use openssl::rsa::Rsa;

use crate::bounds::{GENERATED_KEY_BITS_MAX, GENERATED_KEY_BITS_MIN};
use crate::error::KeyError;
use crate::number::Wiped;
use crate::{PrivateKey, PublicKey};

/// A public key and the private key that undoes it. Cheap to clone.
///
/// ```
/// use overlord_keys::{KeyPair, PrivateKey, PublicKey};
///
/// let public = PublicKey::parse_str("65537 721183909643440430787919655059")?;
/// let private = PrivateKey::parse(
///     b"359056865400548707244255614793 659973378563071 1092746969906029",
/// )?;
/// let pair = KeyPair::new(public, private)?;
/// let signature = pair.private().sign(b"a digest")?;
/// assert_eq!(pair.public().recover(signature.as_bytes())?, b"a digest");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct KeyPair(Arc<Halves>);

struct Halves {
    public: PublicKey,
    private: PrivateKey,
}

impl KeyPair {
    /// Puts two halves together, which the original does without looking.
    ///
    /// # Errors
    /// [`KeyError::OtherModulus`] or [`KeyError::OtherExponent`] if they do not belong together.
    pub fn new(public: PublicKey, private: PrivateKey) -> Result<Self, KeyError> {
        if private.n().ucmp(public.n()) != Ordering::Equal {
            return Err(KeyError::OtherModulus);
        }
        if !private.undoes(public.e())? {
            return Err(KeyError::OtherExponent);
        }
        Ok(Self(Arc::new(Halves { public, private })))
    }

    /// Makes a new pair with exponent 65537. Takes a noticeable fraction of a second at 2048 bits:
    /// call it where blocking is allowed.
    ///
    /// # Errors
    /// [`KeyError::GeneratedBits`] outside [`GENERATED_KEY_BITS_MIN`] to [`GENERATED_KEY_BITS_MAX`].
    pub fn generate(bits: u32) -> Result<Self, KeyError> {
        if !(GENERATED_KEY_BITS_MIN..=GENERATED_KEY_BITS_MAX).contains(&bits) {
            return Err(KeyError::GeneratedBits(bits));
        }
        let rsa = Rsa::generate(bits)?;
        let public = PublicKey::from_numbers(rsa.e().to_owned()?, rsa.n().to_owned()?)?;
        let (Some(p), Some(q)) = (rsa.p(), rsa.q()) else {
            // OpenSSL keeps the primes of what it generates.
            return Err(KeyError::OtherModulus);
        };
        let private = PrivateKey::from_primes(
            Wiped::new(rsa.d().to_owned()?),
            Wiped::new(p.to_owned()?),
            Wiped::new(q.to_owned()?),
        )?;
        Self::new(public, private)
    }

    /// The half that everybody may know.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.0.public
    }

    /// The half that nobody else may know.
    #[must_use]
    pub fn private(&self) -> &PrivateKey {
        &self.0.private
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({:?}, private half redacted)", self.public())
    }
}
