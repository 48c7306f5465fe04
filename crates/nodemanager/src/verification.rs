//! Which signed requests a node accepts: the original's checks, in its order, with its words.
//!
//! Pure: bytes, keys, what the vessel last accepted and the time go in, a decision comes out. Looking up
//! the vessel and storing what was accepted is left to [`crate::server`].

use std::fmt;
use std::sync::OnceLock;

use overlord_keys::{KeyError, KeyPart, PublicKey};
use serde::{Deserialize, Serialize};

use crate::reply::Reply;
use crate::signed_request::{Sequence, SignedText};
use crate::timestamp::Timestamp;
use crate::wire_text::{WireText, rsplit_once, split_once, words};

/// Longest modulus of a signer, in bits. Verifying grows with the cube of it, and anybody may send a
/// signature; the longest keys in use have 4,096.
pub const SIGNER_KEY_BITS_MAX: u32 = 8192;
/// Most blocks of a signature. A digest has 20 bytes, and each block holds at least one.
const SIGNATURE_BLOCKS_MAX: usize = 20;
/// How much of a request is repeated in a refusal, in bytes. The original repeats all of it, uploads
/// of megabytes included; a request without an upload fits, with keys of any length in use.
pub const ECHO_BYTES_MAX: usize = 16 * 1024;

/// What a vessel remembers of the last request that it accepted: the next one is judged by it.
///
/// Stored as text through serde or `Display`/[`LastAccepted::parse`]; no digit of the time is lost, or
/// a request could be replayed after a restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LastAccepted {
    /// When the request was signed. After `None` nothing is accepted any more.
    pub timestamp: Option<Timestamp>,
    /// Its place in a row, if it had one.
    pub sequence: Option<Sequence>,
}

impl LastAccepted {
    /// Reads what `Display` writes: `TIMESTAMP!SEQUENCE`, each of which may be `None`.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (timestamp, sequence) = split_once(text, b'!')?;
        Self::read(timestamp, sequence)
    }

    /// Reads what the original stores: the signature line of the request,
    /// `!PUBKEY!TIMESTAMP!EXPIRATION!SEQUENCE!DESTINATION!SIGNATURE`.
    #[must_use]
    pub fn parse_signature_line(line: &[u8]) -> Option<Self> {
        let mut fields = line.rsplitn(6, |&byte| byte == b'!').skip(2);
        let sequence = fields.next()?;
        let timestamp = fields.nth(1)?;
        Self::read(timestamp, sequence)
    }

    fn read(timestamp: &[u8], sequence: &[u8]) -> Option<Self> {
        Some(Self {
            timestamp: read_time(timestamp)?,
            sequence: match sequence {
                b"None" => None,
                text => Some(Sequence::read(text)?),
            },
        })
    }
}

impl fmt::Display for LastAccepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.timestamp {
            // Debug of a float is the shortest text that reads back as the same float.
            Some(timestamp) => write!(f, "{:?}!", timestamp.seconds())?,
            None => f.write_str("None!")?,
        }
        match &self.sequence {
            Some(sequence) => sequence.fmt(f),
            None => f.write_str("None"),
        }
    }
}

impl From<LastAccepted> for String {
    fn from(last: LastAccepted) -> Self {
        last.to_string()
    }
}

impl TryFrom<String> for LastAccepted {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(text.as_bytes())
            .ok_or_else(|| format!("{text:?} is not what a vessel remembers of a request"))
    }
}

/// One reason why an accepted signature is not trusted, in the original's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SignatureDoubt {
    /// The signature is not that of the text.
    BadSignature,
    /// The request's time is over.
    Expired,
    /// The request is for other nodes.
    OtherDestination,
    /// A place in a row was left out or repeated.
    Sequence,
    /// The vessel has accepted a later request.
    OutOfOrder,
    /// The vessel has accepted a request of the same time: most likely this one.
    SameTime,
}

impl SignatureDoubt {
    /// The original's words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadSignature => "Bad signature",
            Self::Expired => "Expired signature",
            Self::OtherDestination => "Not destined for this node",
            Self::Sequence => "Invalid sequence transition",
            Self::OutOfOrder => "Timestamps out of order",
            Self::SameTime => "Timestamps match",
        }
    }
}

impl fmt::Display for SignatureDoubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a request is refused. [`Rejection::reply`] has the original's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// Fields are missing or unreadable.
    Malformed,
    /// The signature is wrong, or the request has expired: the original says the same of both.
    BadSignature,
    /// The vessel's first request with a place in a row does not start that row.
    IllegalSequence,
    /// The signer is neither owner nor user, as the call needs.
    NotPermitted,
    /// Signed by the right one, but not to be trusted, for these reasons.
    Untrusted(Vec<SignatureDoubt>),
}

impl Rejection {
    /// The original's answer to `request`. Of a long request only the start is repeated.
    #[must_use]
    pub fn reply(&self, request: &[u8]) -> Reply {
        match self {
            Self::Malformed => Reply::internal_error(),
            Self::BadSignature => Reply::error(echo(b"Bad Signature on '", request)),
            Self::IllegalSequence => Reply::error(echo(b"Illegal sequence id on '", request)),
            Self::NotPermitted => Reply::error("Insufficient Permissions"),
            Self::Untrusted(doubts) => {
                let doubts: Vec<&str> = doubts.iter().map(|doubt| doubt.as_str()).collect();
                Reply::error(format!("Signature problem: {}", doubts.join(" ")))
            }
        }
    }
}

fn echo(before: &[u8], request: &[u8]) -> Vec<u8> {
    match request.get(..ECHO_BYTES_MAX) {
        Some(start) if request.len() > ECHO_BYTES_MAX => [before, start, b"...'"].concat(),
        _ => [before, request, b"'"].concat(),
    }
}

/// What the signature of a request turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum SignatureCheck {
    /// Key or signature are no numbers.
    Malformed,
    /// Not the signature of this text by this key.
    Bad,
    /// Made by the owner of this key.
    Good(PublicKey),
}

/// A request cut into its fields, whose signature is checked once however often it is judged.
#[derive(Debug)]
pub struct SignedRequest<'a> {
    text: SignedText<'a>,
    signature: OnceLock<SignatureCheck>,
}

/// What a node knows when it judges a request.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    /// Who may make the call; nobody in it means everybody.
    pub allowed: &'a [PublicKey],
    /// What the vessel last accepted, if anything.
    pub last: Option<&'a LastAccepted>,
    /// The node's id: what a destination must name.
    pub node: &'a str,
    /// The node's time.
    pub now: Timestamp,
}

/// A request that a node accepts.
#[derive(Debug, Clone, PartialEq)]
pub struct AcceptedRequest {
    /// Who signed it.
    pub signer: PublicKey,
    /// What the vessel must remember from now on, however the call ends.
    pub remember: LastAccepted,
}

impl<'a> SignedRequest<'a> {
    /// Cuts a request into its fields; `None` when it has too few.
    #[must_use]
    pub fn cut(request: &'a [u8]) -> Option<Self> {
        Some(Self {
            text: SignedText::cut(request)?,
            signature: OnceLock::new(),
        })
    }

    /// The fields, unread.
    #[must_use]
    pub fn text(&self) -> SignedText<'a> {
        self.text
    }

    /// Judges the request: expiration, first sequence, signature, permission, then destination,
    /// sequence and time against what the vessel last accepted.
    ///
    /// # Errors
    /// The first of these that fails.
    pub fn judge(&self, judge: Judge<'_>) -> Result<AcceptedRequest, Rejection> {
        // An expiration of `None` is unreadable here, though the later check would take it.
        let expiration = Timestamp::parse(self.text.expiration).ok_or(Rejection::Malformed)?;
        if !is_current(expiration, judge.now) {
            return Err(Rejection::BadSignature);
        }
        self.check_first_sequence(judge.last)?;
        let SignatureCheck::Good(signer) = self.signature() else {
            return Err(match self.signature() {
                SignatureCheck::Malformed => Rejection::Malformed,
                _ => Rejection::BadSignature,
            });
        };
        let remember = self.read()?;
        if !judge.allowed.is_empty() && !judge.allowed.contains(signer) {
            return Err(Rejection::NotPermitted);
        }
        let doubts = self.doubts(judge.last, judge.node, judge.now)?;
        if !doubts.is_empty() {
            return Err(Rejection::Untrusted(doubts));
        }
        Ok(AcceptedRequest {
            signer: signer.clone(),
            remember,
        })
    }

    /// All reasons not to trust the request, in the original's order. Those that do not depend on the
    /// last accepted request are repeated when there is one.
    ///
    /// # Errors
    /// [`Rejection::Malformed`] when a field cannot be read, or times cannot be compared.
    pub fn doubts(
        &self,
        last: Option<&LastAccepted>,
        node: &str,
        now: Timestamp,
    ) -> Result<Vec<SignatureDoubt>, Rejection> {
        match self.signature() {
            SignatureCheck::Malformed => return Err(Rejection::Malformed),
            SignatureCheck::Bad => return Ok(vec![SignatureDoubt::BadSignature]),
            SignatureCheck::Good(_) => {}
        }
        let new = self.read()?;
        let mut doubts = Vec::new();
        let expiration = read_time(self.text.expiration).ok_or(Rejection::Malformed)?;
        if expiration.is_some_and(|expiration| !is_current(expiration, now)) {
            doubts.push(SignatureDoubt::Expired);
        }
        if !is_destined_for(self.text.destination, node) {
            doubts.push(SignatureDoubt::OtherDestination);
        }
        let Some(last) = last else {
            return Ok(doubts);
        };
        doubts.extend_from_within(..);
        if let Some(sequence) = &new.sequence
            && !sequence.may_follow(last.sequence.as_ref())
        {
            doubts.push(SignatureDoubt::Sequence);
        }
        doubts.extend(compare_times(last.timestamp, new.timestamp)?);
        Ok(doubts)
    }

    /// Who signed the request, if its signature is right.
    #[must_use]
    pub fn signer(&self) -> Option<&PublicKey> {
        match self.signature() {
            SignatureCheck::Good(signer) => Some(signer),
            _ => None,
        }
    }

    /// A vessel that has accepted nothing yet takes only the start of a row.
    fn check_first_sequence(&self, last: Option<&LastAccepted>) -> Result<(), Rejection> {
        if self.text.sequence == b"None" {
            return Ok(());
        }
        let (_, number) = rsplit_once(self.text.sequence, b':').ok_or(Rejection::Malformed)?;
        if last.is_some() {
            return Ok(());
        }
        match crate::wire_text::read_int(number) {
            Some(0) => Ok(()),
            Some(_) => Err(Rejection::IllegalSequence),
            None => Err(Rejection::Malformed),
        }
    }

    /// What the vessel would remember of this request.
    fn read(&self) -> Result<LastAccepted, Rejection> {
        LastAccepted::read(self.text.timestamp, self.text.sequence).ok_or(Rejection::Malformed)
    }

    fn signature(&self) -> &SignatureCheck {
        self.signature.get_or_init(|| check_signature(&self.text))
    }
}

fn check_signature(text: &SignedText<'_>) -> SignatureCheck {
    let signer = match PublicKey::parse(text.key) {
        Ok(signer) => signer,
        // What is no key at all fails the original outright; so does an exponent that it cannot raise to.
        Err(
            KeyError::WordCount { .. } | KeyError::Word { .. } | KeyError::ExponentNotBelowModulus,
        ) => return SignatureCheck::Malformed,
        Err(KeyError::NotPositive(part)) if part == KeyPart::N || text.key.contains(&b'-') => {
            return SignatureCheck::Malformed;
        }
        Err(_) => return SignatureCheck::Bad,
    };
    if signer.bits() > SIGNER_KEY_BITS_MAX
        || words(text.signature).nth(SIGNATURE_BLOCKS_MAX).is_some()
    {
        return SignatureCheck::Bad;
    }
    match text.is_signed_by(&signer) {
        Ok(true) => SignatureCheck::Good(signer),
        Ok(false) => SignatureCheck::Bad,
        Err(_) => SignatureCheck::Malformed,
    }
}

/// `None` for unreadable, `Some(None)` for the word `None`.
#[expect(
    clippy::option_option,
    reason = "three cases: unreadable, absent, present"
)]
fn read_time(text: &[u8]) -> Option<Option<Timestamp>> {
    match text {
        b"None" => Some(None),
        text => Timestamp::parse(text).map(Some),
    }
}

/// What is not a number is never current.
fn is_current(expiration: Timestamp, now: Timestamp) -> bool {
    expiration.seconds() > now.seconds()
}

fn is_destined_for(destination: &[u8], node: &str) -> bool {
    destination == b"None"
        || destination
            .split(|&byte| byte == b':')
            .any(|id| id == node.as_bytes())
}

fn compare_times(
    last: Option<Timestamp>,
    new: Option<Timestamp>,
) -> Result<Option<SignatureDoubt>, Rejection> {
    let (Some(last), Some(new)) = (last, new) else {
        return Ok(Some(SignatureDoubt::OutOfOrder));
    };
    match last.seconds().partial_cmp(&new.seconds()) {
        Some(std::cmp::Ordering::Greater) => Ok(Some(SignatureDoubt::OutOfOrder)),
        Some(std::cmp::Ordering::Equal) => Ok(Some(SignatureDoubt::SameTime)),
        Some(std::cmp::Ordering::Less) => Ok(None),
        None => Err(Rejection::Malformed),
    }
}

/// The vessel that a signed request is about, as nodes look it up: between the first two `|` of what
/// stands before the last newline.
#[must_use]
pub fn vessel_of(request: &[u8]) -> Option<WireText> {
    let (data, _) = rsplit_once(request, b'\n')?;
    data.split(|&byte| byte == b'|').nth(1).map(WireText::from)
}

#[cfg(test)]
mod tests;
