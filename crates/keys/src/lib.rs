//! Seattle's key files and RSA formats: read, check, sign, verify, encrypt, decrypt, generate.
//!
//! Users, nodes and owners of the testbed are RSA keys. This crate reads and writes the original's
//! key files (`USERNAME.publickey` holds `e n`, `USERNAME.privatekey` holds `d p q`, in decimal) and
//! does its block format, byte for byte as the recordings of the original show.
//!
//! It knows no protocol: what is signed, and what follows from a signature, is decided by
//! `overlord-nodemanager`. It is not a general cryptography library: the original's RSA has no
//! padding scheme, so use it only to speak to the testbed.
//!
//! ```text
//! KeyDirectory ──load──► LoadedKeys { pair, warnings }
//!                            │
//!                         KeyPair ─┬─► PublicKey   encrypt, recover, has_signed, node_id
//!                                  └─► PrivateKey  decrypt, sign; wiped on drop, never printed
//! ```
//!
//! Start with [`KeyPair`].
#![forbid(unsafe_code)]

mod blocks;
mod bounds;
mod error;
mod key_directory;
mod key_pair;
mod key_text;
mod number;
mod private_key;
mod public_key;

#[cfg(test)]
mod vector_tests;

pub use bounds::{
    DEFAULT_KEY_BITS, GENERATED_KEY_BITS_MAX, GENERATED_KEY_BITS_MIN, KEY_FILE_BYTES_MAX,
    MODULUS_BITS_MAX, MODULUS_BITS_MIN, NUMBER_DIGITS_MAX, RSA_TEXT_BYTES_MAX,
};
pub use error::{KeyError, KeyKind, KeyPart, RsaError, WordProblem};
pub use key_directory::{KeyDirectory, KeyFileError, KeyWarning, LoadedKeys};
pub use key_pair::KeyPair;
pub use private_key::PrivateKey;
pub use public_key::PublicKey;
