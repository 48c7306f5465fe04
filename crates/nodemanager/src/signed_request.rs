//! Signed requests as text: `DATA \n!PUBKEY!TIMESTAMP!EXPIRATION!SEQUENCE!DESTINATION!SIGNATURE`.
//!
//! Writes and cuts them. Which of them a node accepts is decided in [`crate::verification`]; where times
//! come from in [`crate::timestamps`].

use std::fmt;

use overlord_keys::{KeyPair, PublicKey, RsaError};
use overlord_types::NodeId;
use sha1::{Digest, Sha1};
use thiserror::Error;

use crate::parts::MessageParts;
use crate::timestamp::Timestamp;
use crate::wire_text::{WireText, read_int, split_once};

/// How long a request may be carried out after it was signed, in seconds: the original's hour.
pub const VALIDITY_SECONDS: u32 = 3600;

/// Why a request cannot be signed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignError {
    /// A sequence's tag holds a character that separates fields.
    #[error("a sequence's tag holds none of ':', '!' and newline, unlike {0:?}")]
    SequenceTag(WireText),
    /// A destination holds a character that separates fields.
    #[error("a destination holds neither '!' nor newline, unlike {0:?}")]
    Destination(WireText),
    /// An expiration before 1900.
    #[error("a request cannot expire before 1900")]
    Expiration,
    /// The key cannot sign.
    #[error("the request cannot be signed with this key")]
    Key(#[source] RsaError),
}

/// The place of a request in a row of requests of which none may be left out: `tag:number`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    tag: WireText,
    number: i128,
}

impl Sequence {
    /// The start of a new row.
    ///
    /// # Errors
    /// When the tag holds `:`, `!` or a newline.
    pub fn start(tag: impl Into<WireText>) -> Result<Self, SignError> {
        Self::new(tag, 0)
    }

    /// A given place in a row.
    ///
    /// # Errors
    /// When the tag holds `:`, `!` or a newline.
    pub fn new(tag: impl Into<WireText>, number: i128) -> Result<Self, SignError> {
        let tag = tag.into();
        if tag.as_bytes().iter().any(|byte| b":!\n".contains(byte)) {
            return Err(SignError::SequenceTag(tag));
        }
        Ok(Self { tag, number })
    }

    /// The next place in the same row.
    #[must_use]
    pub fn next(&self) -> Self {
        Self {
            tag: self.tag.clone(),
            number: self.number.saturating_add(1),
        }
    }

    /// What tells rows apart.
    #[must_use]
    pub fn tag(&self) -> &WireText {
        &self.tag
    }

    /// The place in the row, 0 first.
    #[must_use]
    pub fn number(&self) -> i128 {
        self.number
    }

    /// Reads `tag:number` as nodes do: exactly one `:`, and a number that Python's `int()` reads.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let (tag, number) = split_once(text, b':')?;
        Some(Self {
            tag: tag.into(),
            number: read_int(number)?,
        })
    }

    /// Whether nodes accept this place after `last`: a new row starts with 0, a row leaves none out.
    #[must_use]
    pub fn may_follow(&self, last: Option<&Self>) -> bool {
        match last {
            Some(last) if last.tag == self.tag => last.number.checked_add(1) == Some(self.number),
            _ => self.number == 0,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.tag.as_bytes());
        out.extend_from_slice(format!(":{}", self.number).as_bytes());
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.tag, self.number)
    }
}

/// For which nodes a request is: ids with `:` between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination(WireText);

impl Destination {
    /// Checks a text that names nodes.
    ///
    /// # Errors
    /// When it holds `!` or a newline.
    pub fn new(text: impl Into<WireText>) -> Result<Self, SignError> {
        let text = text.into();
        if text.as_bytes().iter().any(|byte| b"!\n".contains(byte)) {
            return Err(SignError::Destination(text));
        }
        Ok(Self(text))
    }

    /// The text on the wire.
    #[must_use]
    pub fn as_text(&self) -> &WireText {
        &self.0
    }
}

impl From<&NodeId> for Destination {
    /// A node's id has only digits and a blank.
    fn from(node: &NodeId) -> Self {
        Self(node.as_str().into())
    }
}

/// What a signature covers besides the call: when, until when, in which row, for whom.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stamp {
    /// When it was signed. A node never again accepts anything for a vessel once it accepted `None`.
    pub timestamp: Option<Timestamp>,
    /// Until when it may be carried out. Nodes fail on `None`.
    pub expiration: Option<Timestamp>,
    /// Its place in a row, if none may be left out.
    pub sequence: Option<Sequence>,
    /// For which nodes it is; `None` for all.
    pub destination: Option<Destination>,
}

impl Stamp {
    /// A request signed at `timestamp` for one node, valid for [`VALIDITY_SECONDS`].
    #[must_use]
    pub fn at(timestamp: Timestamp, destination: Option<Destination>) -> Self {
        Self {
            timestamp: Some(timestamp),
            expiration: Some(timestamp.plus_seconds(VALIDITY_SECONDS)),
            sequence: None,
            destination,
        }
    }
}

/// Signs `data` (a call without its signature) as the owner of `keys`. It is hashed part by part, and stays where
/// it is.
///
/// # Errors
/// When the stamp expires before 1900, or the key cannot sign.
pub fn sign(
    data: impl Into<MessageParts>,
    keys: &KeyPair,
    stamp: &Stamp,
) -> Result<MessageParts, SignError> {
    if stamp.expiration.is_some_and(|time| time.seconds() < 0.0) {
        return Err(SignError::Expiration);
    }
    let time = |time: Option<Timestamp>| time.map_or_else(|| "None".to_owned(), |t| t.to_string());
    let mut request = data.into();
    let mut out = b"\n!".to_vec();
    out.extend_from_slice(keys.public().to_string().as_bytes());
    for text in [time(stamp.timestamp), time(stamp.expiration)] {
        out.push(b'!');
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b'!');
    match &stamp.sequence {
        Some(sequence) => sequence.write(&mut out),
        None => out.extend_from_slice(b"None"),
    }
    out.push(b'!');
    match &stamp.destination {
        Some(destination) => out.extend_from_slice(destination.as_text().as_bytes()),
        None => out.extend_from_slice(b"None"),
    }
    let mut digest = Sha1::new();
    for part in request.iter() {
        digest.update(part);
    }
    digest.update(&out);
    let signature = keys
        .private()
        .sign(&digest.finalize())
        .map_err(SignError::Key)?;
    out.push(b'!');
    out.extend_from_slice(signature.as_bytes());
    request.push_back(out);
    Ok(request)
}

/// A signed request cut into its fields. The fields are as they came, unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedText<'a> {
    /// All that the signature covers.
    pub signed: &'a [u8],
    /// The call, up to the newline before the first `!`.
    pub data: &'a [u8],
    /// The signer's public key.
    pub key: &'a [u8],
    /// When it was signed.
    pub timestamp: &'a [u8],
    /// Until when it is valid.
    pub expiration: &'a [u8],
    /// Its place in a row.
    pub sequence: &'a [u8],
    /// For whom it is.
    pub destination: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
}

impl<'a> SignedText<'a> {
    /// Cuts at the last six `!`; `None` when there are fewer.
    #[must_use]
    pub fn cut(request: &'a [u8]) -> Option<Self> {
        let mut fields = request.rsplitn(7, |&byte| byte == b'!');
        let signature = fields.next()?;
        let destination = fields.next()?;
        let sequence = fields.next()?;
        let expiration = fields.next()?;
        let timestamp = fields.next()?;
        let key = fields.next()?;
        // The call's last byte is the newline; the original drops it unseen.
        let data = fields.next()?;
        Some(Self {
            signed: request.get(..request.len() - signature.len() - 1)?,
            data: data.get(..data.len().saturating_sub(1))?,
            key,
            timestamp,
            expiration,
            sequence,
            destination,
            signature,
        })
    }

    /// The SHA-1 digest that the signature must be of.
    #[must_use]
    pub fn digest(&self) -> [u8; 20] {
        Sha1::digest(self.signed).into()
    }

    /// Whether `key` made the signature.
    ///
    /// # Errors
    /// When a part of the signature is no number at all.
    pub fn is_signed_by(&self, key: &PublicKey) -> Result<bool, RsaError> {
        match key.recover(self.signature) {
            Ok(recovered) => Ok(recovered == self.digest()),
            Err(error @ RsaError::Word { .. }) => Err(error),
            Err(_) => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests;
