//! Accounts: names, API keys, passwords, public keys, ports and credits. Which vessels an account
//! holds is left to `registry`.

use std::fmt;

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkcs5::pbkdf2_hmac;
use overlord_clearinghouse::server::Fault;
use overlord_clearinghouse::{ApiKey, Password};
use overlord_keys::{KeyError, MODULUS_BITS_MIN, PublicKey};
use overlord_types::{UserName, UserPort, VESSELS_WITHOUT_DONATION};
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Length of an API key, in characters.
const API_KEY_LENGTH: usize = 32;
/// Random characters before the `!` and the key in `get_encrypted_api_key`.
const API_KEY_PADDING_LENGTH: usize = 20;
/// Rounds of PBKDF2 with SHA-256 for a password: what OWASP asks for since 2023.
const PASSWORD_ROUNDS: u32 = 600_000;
/// Rounds for a password that the clearinghouse made: nobody guesses a hundred bits, at whatever speed.
const GENERATED_PASSWORD_ROUNDS: u32 = 1_000;
/// Length of a password's salt, in bytes.
const SALT_LENGTH: usize = 16;
/// Length of a generated password: 20 letters and digits have over 100 bits.
const GENERATED_PASSWORD_LENGTH: usize = 20;
/// Bits of a modulus up to which the original's encryption gives no text at all instead of failing.
const BITS_THAT_ENCRYPT_TO_NOTHING: u32 = 8;

/// The characters of API keys: the original leaves out `O`, which looks like a zero.
const API_KEY_ALPHABET: &[u8; 35] = b"0123456789ABCDEFGHIJKLMNPQRSTUVWXYZ";
const LETTERS_AND_DIGITS: &[u8; 62] =
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// A new API key as the original makes them: 32 different ones of `0-9A-Z` without `O`, in any order.
pub(crate) fn random_api_key(random: &mut impl Rng) -> ApiKey {
    let mut alphabet = *API_KEY_ALPHABET;
    alphabet.shuffle(random);
    let text: String = alphabet
        .iter()
        .take(API_KEY_LENGTH)
        .copied()
        .map(char::from)
        .collect();
    match ApiKey::new(&text) {
        Ok(key) => key,
        Err(_) => unreachable!("32 capital letters and digits are an API key"),
    }
}

/// A new password of letters and digits.
pub(crate) fn random_password(random: &mut impl Rng) -> Password {
    Password::new(random_text(random, GENERATED_PASSWORD_LENGTH))
}

/// `length` letters and digits.
fn random_text(random: &mut impl Rng, length: usize) -> String {
    let byte = || LETTERS_AND_DIGITS.choose(random).copied().unwrap_or(b'0');
    std::iter::repeat_with(byte)
        .take(length)
        .map(char::from)
        .collect()
}

/// What is kept of a password: enough to recognise it, not to know it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct PasswordHash {
    rounds: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl PasswordHash {
    /// Hashes a password that somebody chose, with a new salt. Takes a tenth of a second or more: not for
    /// an async task.
    pub(crate) fn of_chosen(
        password: &Password,
        random: &mut impl Rng,
    ) -> Result<Self, ErrorStack> {
        Self::with_rounds(PASSWORD_ROUNDS, password, random)
    }

    /// Hashes a password of [`random_password`], with a new salt.
    pub(crate) fn of_generated(
        password: &Password,
        random: &mut impl Rng,
    ) -> Result<Self, ErrorStack> {
        Self::with_rounds(GENERATED_PASSWORD_ROUNDS, password, random)
    }

    fn with_rounds(
        rounds: u32,
        password: &Password,
        random: &mut impl Rng,
    ) -> Result<Self, ErrorStack> {
        let mut salt = vec![0; SALT_LENGTH];
        random.fill_bytes(&mut salt);
        let hash = derive(password, &salt, rounds)?;
        Ok(Self { rounds, salt, hash })
    }

    /// Whether this is the password. As slow as the hashing was.
    pub(crate) fn matches(&self, password: &Password) -> Result<bool, ErrorStack> {
        let hash = derive(password, &self.salt, self.rounds)?;
        Ok(hash.len() == self.hash.len() && openssl::memcmp::eq(&hash, &self.hash))
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(redacted)")
    }
}

fn derive(password: &Password, salt: &[u8], rounds: u32) -> Result<Vec<u8>, ErrorStack> {
    let mut hash = vec![0; MessageDigest::sha256().size()];
    let rounds = usize::try_from(rounds).unwrap_or(usize::MAX);
    let password = password.expose().as_bytes();
    pbkdf2_hmac(password, salt, rounds, MessageDigest::sha256(), &mut hash)?;
    Ok(hash)
}

/// One user's account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) name: UserName,
    pub(crate) affiliation: String,
    pub(crate) port: UserPort,
    /// The key as the user gave it, white space included: `get_public_key` gives it back like that.
    pub(crate) public_key: String,
    #[serde(serialize_with = "write_api_key", deserialize_with = "read_api_key")]
    pub(crate) api_key: ApiKey,
    pub(crate) password: PasswordHash,
    /// How many vessels the account may hold without having donated a node.
    pub(crate) free_credits: u32,
}

impl Account {
    /// The name under which an account is looked up: the original does not tell `alice` from `ALICE`.
    pub(crate) fn lookup_name(name: &str) -> String {
        name.to_lowercase()
    }

    /// What `get_encrypted_api_key` answers: 20 random characters, `!` and the key, for the private key only.
    ///
    /// # Errors
    /// The original's internal error, for keys too short to hold the text in one block. Those of up to
    /// 8 bits encrypt everything to nothing (`xmlrpc_main.json`, "after small key").
    pub(crate) fn encrypted_api_key(&self, random: &mut impl Rng) -> Result<String, Fault> {
        let key = match UserKey::judge(&self.public_key)? {
            UserKey::TooSmall(bits) if bits <= BITS_THAT_ENCRYPT_TO_NOTHING => {
                return Ok(String::new());
            }
            UserKey::TooSmall(_) => return Err(Fault::internal()),
            UserKey::Usable(key) => key,
        };
        let padding = random_text(random, API_KEY_PADDING_LENGTH);
        let text = format!("{padding}!{}", self.api_key.expose());
        let blocks = key.encrypt(text.as_bytes()).map_err(|error| {
            tracing::error!(user = %self.name, %error, "an API key could not be encrypted");
            Fault::internal()
        })?;
        match blocks.trim() {
            several if several.contains(' ') => Err(Fault::internal()),
            block => Ok(block.to_owned()),
        }
    }
}

fn write_api_key<S: Serializer>(key: &ApiKey, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(key.expose())
}

fn read_api_key<'de, D: Deserializer<'de>>(from: D) -> Result<ApiKey, D::Error> {
    let text = String::deserialize(from)?;
    ApiKey::new(&text).map_err(serde::de::Error::custom)
}

/// What a user's public key is good for.
pub(crate) enum UserKey {
    /// Everything.
    Usable(PublicKey),
    /// The original accepts keys of so few bits that nothing can be signed with them; so nothing can be
    /// done with the account's vessels until it gets another key.
    TooSmall(u32),
}

impl UserKey {
    /// Judges a key string as `set_public_key` of the original does.
    ///
    /// # Errors
    /// The fault to answer for a text that is no key.
    pub(crate) fn judge(text: &str) -> Result<Self, Fault> {
        match PublicKey::parse_str(text) {
            Ok(key) => Ok(Self::Usable(key)),
            Err(KeyError::ModulusBits(bits)) if bits < MODULUS_BITS_MIN => Ok(Self::TooSmall(bits)),
            Err(KeyError::NotPositive(_) | KeyError::ExponentNotBelowModulus) => {
                Err(Fault::invalid_public_key())
            }
            Err(KeyError::Crypto(error)) => {
                tracing::error!(%error, "a public key could not be judged");
                Err(Fault::internal())
            }
            Err(_) => Err(Fault::malformed_public_key()),
        }
    }
}

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// The user's name; it must not differ from another only in case.
    pub name: UserName,
    /// The user's public key string, `e n`.
    pub public_key: String,
    /// The password for `regenerate_api_key` and `set_public_key`; `None`: one is made.
    pub password: Option<Password>,
    /// Where the user belongs, as `get_account_info` says it.
    pub affiliation: String,
    /// The port on every vessel; `None`: the least used of 63100-63179.
    pub port: Option<UserPort>,
    /// How many vessels the account may hold without having donated a node.
    pub free_credits: u32,
}

impl NewAccount {
    /// An account with the original's defaults: ten vessels, a password and a port of the clearinghouse's choice.
    #[must_use]
    pub fn new(name: UserName, public_key: impl Into<String>) -> Self {
        Self {
            name,
            public_key: public_key.into(),
            password: None,
            affiliation: "Overlord testbed".to_owned(),
            port: None,
            free_credits: VESSELS_WITHOUT_DONATION,
        }
    }
}

/// What the owner of an account is told.
#[derive(Debug, Clone)]
pub struct UserAccount {
    /// The user's name.
    pub name: UserName,
    /// The port that is the user's on every vessel.
    pub user_port: UserPort,
    /// How many vessels the user may hold at once.
    pub max_vessels: u32,
    /// The key of the XML-RPC calls; the user also gets it by `get_encrypted_api_key`.
    pub api_key: ApiKey,
    /// The password of a new account, given or made; it is not kept.
    pub password: Option<Password>,
}

#[cfg(test)]
mod tests;
