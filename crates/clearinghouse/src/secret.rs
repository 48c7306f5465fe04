//! API keys and passwords: values that cannot be printed and are wiped when dropped.

use std::fmt;

use overlord_types::UserName;
use overlord_types::failure::{Classified, Code};
use thiserror::Error;
use zeroize::Zeroizing;

/// Random characters before the `!` in a decrypted API key.
pub const API_KEY_PADDING: usize = 20;
/// Longest API key or password accepted, in bytes. The original's keys have 32 characters.
const SECRET_LENGTH_MAX: usize = 1024;

/// Why a text is no API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ApiKeyFormatError {
    /// Empty, too long, or with blanks, control characters or non-ASCII.
    #[error("an API key is 1 to {SECRET_LENGTH_MAX} printable ASCII characters without blanks")]
    Characters,
    /// The decrypted text is not 20 characters, `!`, and a key.
    #[error("the decrypted text is not {API_KEY_PADDING} characters, '!', and an API key")]
    Padding,
}

impl Classified for ApiKeyFormatError {
    fn code(&self) -> Code {
        Code::ApiKeyMalformed
    }
}

/// An account's API key. No way to print it; wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// Takes an API key as given by the operator.
    ///
    /// # Errors
    /// When the text cannot be one.
    pub fn new(text: &str) -> Result<Self, ApiKeyFormatError> {
        let printable = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if printable && text.len() <= SECRET_LENGTH_MAX {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(ApiKeyFormatError::Characters)
        }
    }

    /// Cuts the key out of what `get_encrypted_api_key` gave, decrypted: 20 random characters, `!`, key.
    ///
    /// # Errors
    /// When the text has another form: most likely the private key is not the account's.
    pub fn from_decrypted(plain: &[u8]) -> Result<Self, ApiKeyFormatError> {
        let (padding, rest) = plain
            .split_at_checked(API_KEY_PADDING)
            .ok_or(ApiKeyFormatError::Padding)?;
        let key = rest.strip_prefix(b"!").ok_or(ApiKeyFormatError::Padding)?;
        if padding.contains(&b'!') || key.contains(&b'!') {
            return Err(ApiKeyFormatError::Padding);
        }
        let text = std::str::from_utf8(key).map_err(|_| ApiKeyFormatError::Padding)?;
        Self::new(text).map_err(|_| ApiKeyFormatError::Padding)
    }

    /// Takes whatever a client sent as its API key; what cannot be one will match none.
    pub(crate) fn as_sent(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The key itself, for sending or storing it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether both are the same key, in time that does not depend on where they differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        same_in_constant_time(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(redacted)")
    }
}

/// An account's password. No way to print it; wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password as typed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The password itself, for sending or checking it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether both are the same password, in time that does not depend on where they differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        same_in_constant_time(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(redacted)")
    }
}

/// Who calls: user name and API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The account's name.
    pub user: UserName,
    /// Its API key.
    pub api_key: ApiKey,
}

fn same_in_constant_time(a: &[u8], b: &[u8]) -> bool {
    let differing = a.iter().zip(b).fold(0_u8, |bits, (x, y)| bits | (x ^ y));
    // Lengths are no secret: every API key of a server has the same.
    a.len() == b.len() && std::hint::black_box(differing) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_what_follows_twenty_characters_and_a_mark() {
        let key = ApiKey::from_decrypted(b"abcdefghij0123456789!6WRCZGU92BVQFK80").unwrap();
        assert_eq!(key.expose(), "6WRCZGU92BVQFK80");
        for plain in [
            &b""[..],
            b"abcdefghij0123456789",
            b"abcdefghij0123456789!",
            b"abcdefghij012345678!KEY",
            b"abcdefghij0123456789KEY",
            b"abcdefghij0123456789!K Y",
            b"abcdefghij0123456789!K!Y",
            b"abcdefghij0123456789!\xff\xfe",
        ] {
            assert_eq!(
                ApiKey::from_decrypted(plain),
                Err(ApiKeyFormatError::Padding),
                "{plain:?}"
            );
        }
    }

    #[test]
    fn no_secret_is_printed() {
        let credentials = Credentials {
            user: "alice".parse().unwrap(),
            api_key: ApiKey::new("TOPSECRET").unwrap(),
        };
        assert!(!format!("{credentials:?}").contains("TOPSECRET"));
        assert!(!format!("{:?}", Password::new("TOPSECRET")).contains("TOPSECRET"));
    }

    #[test]
    fn keys_match_only_when_they_are_the_same() {
        let key = |text| ApiKey::new(text).unwrap();
        assert!(key("ABC").matches(&key("ABC")));
        assert!(!key("ABC").matches(&key("ABD")));
        assert!(!key("ABC").matches(&key("ABCD")));
        assert!(ApiKey::new("").is_err());
        assert!(ApiKey::new("a b").is_err());
    }
}
