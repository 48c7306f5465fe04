//! What a node answers: a payload and one of three words. What a payload means is left to each call.

use std::fmt;

use bytes::Bytes;
use overlord_types::VesselStatus;
use thiserror::Error;

use crate::parts::MessageParts;
use crate::wire_text::{WireText, rsplit_once};

/// The word at the end of each answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReplyOutcome {
    /// The call was carried out.
    Success,
    /// The call was begun, and its end was not seen in time: no failure.
    Warning,
    /// The call was refused, or failed.
    Error,
}

impl ReplyOutcome {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Warning => "Warning",
            Self::Error => "Error",
        }
    }
}

impl fmt::Display for ReplyOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why bytes are not the answer that a call has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// No `Success`, `Warning` or `Error` on the last line.
    #[error("an answer ends in Success, Warning or Error, and this ends in {0:?}")]
    NoOutcome(WireText),
    /// The payload of a success is not what the call answers.
    #[error("{call} answers {expected}, not {got:?}")]
    Payload {
        /// The call's name on the wire.
        call: &'static str,
        /// What was expected, in words.
        expected: &'static str,
        /// The start of what came.
        got: WireText,
    },
}

impl ReplyError {
    /// A success whose payload is not what `call` answers.
    #[must_use]
    pub fn payload(call: &'static str, expected: &'static str, got: &[u8]) -> Self {
        Self::Payload {
            call,
            expected,
            got: excerpt(got),
        }
    }
}

/// The start of what a node sent, for a message.
pub(crate) fn excerpt(bytes: &[u8]) -> WireText {
    const SHOWN: usize = 80;
    bytes.get(..SHOWN).unwrap_or(bytes).into()
}

/// A node's answer: payload and outcome.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// Whether the call was carried out.
    pub outcome: ReplyOutcome,
    /// What stands before the outcome: a result, or the reason of an error or a warning.
    pub payload: Bytes,
}

impl Reply {
    /// The call was carried out, with this result.
    #[must_use]
    pub fn success(payload: impl Into<Vec<u8>>) -> Self {
        Self {
            outcome: ReplyOutcome::Success,
            payload: payload.into().into(),
        }
    }

    /// The call was begun, and its end was not seen in time.
    #[must_use]
    pub fn warning(text: impl Into<Vec<u8>>) -> Self {
        Self {
            outcome: ReplyOutcome::Warning,
            payload: text.into().into(),
        }
    }

    /// The call was refused, or failed, for this reason.
    #[must_use]
    pub fn error(text: impl Into<Vec<u8>>) -> Self {
        Self {
            outcome: ReplyOutcome::Error,
            payload: text.into().into(),
        }
    }

    /// What the original answers when a call fails in a way that it did not foresee.
    #[must_use]
    pub fn internal_error() -> Self {
        Self::error("Internal Error")
    }

    /// The answer as a message, without its header.
    #[must_use]
    pub fn encode(&self) -> MessageParts {
        let mut parts = MessageParts::from(self.payload.clone());
        parts.push_back(format!("\n{}", self.outcome));
        parts
    }

    /// Reads an answer. Exactly one tail is cut: a file's own trailing newlines stay. The payload stays where it
    /// is, a part of `message`.
    ///
    /// # Errors
    /// When the last line is none of the three words.
    pub fn parse(message: impl Into<Bytes>) -> Result<Self, ReplyError> {
        let message = message.into();
        let (payload, word) =
            rsplit_once(&message, b'\n').ok_or_else(|| ReplyError::NoOutcome(excerpt(&message)))?;
        let outcome = match word {
            b"Success" => ReplyOutcome::Success,
            b"Warning" => ReplyOutcome::Warning,
            b"Error" => ReplyOutcome::Error,
            _ => return Err(ReplyError::NoOutcome(excerpt(word))),
        };
        Ok(Self {
            outcome,
            payload: message.slice_ref(payload),
        })
    }

    /// The payload as text for a reader.
    #[must_use]
    pub fn text(&self) -> WireText {
        self.payload.as_ref().into()
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", self.outcome, self.text())
    }
}

/// How a start ended, as far as the node saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartReply {
    /// The program runs.
    Started,
    /// The program has already ended: nodes report a program that ends at once as a success with its
    /// last status, `Terminated` or `Stopped`.
    Ended(VesselStatus),
    /// The node did not see it start in time (`Did not start in a timely manner`). It may be running
    /// by now, or never; only its status tells. No failure.
    NotYet,
}

/// How a stop ended, as far as the node saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReply {
    /// The program has ended, with this last status: `Stopped`, or what it was by then.
    Ended(VesselStatus),
    /// The node did not see it end in time; only its status tells.
    NotYet,
}

impl StartReply {
    /// Reads the answer to a start that was not refused.
    ///
    /// # Errors
    /// When a success names no status that a started program can have.
    pub fn of(reply: &Reply) -> Result<Self, ReplyError> {
        if reply.outcome == ReplyOutcome::Warning {
            return Ok(Self::NotYet);
        }
        match status(&reply.payload) {
            Some(VesselStatus::Started) => Ok(Self::Started),
            Some(ended) => Ok(Self::Ended(ended)),
            None => Err(ReplyError::payload(
                "StartVesselEx",
                "a status",
                &reply.payload,
            )),
        }
    }
}

impl StopReply {
    /// Reads the answer to a stop that was not refused.
    ///
    /// # Errors
    /// When a success names no status.
    pub fn of(reply: &Reply) -> Result<Self, ReplyError> {
        if reply.outcome == ReplyOutcome::Warning {
            return Ok(Self::NotYet);
        }
        status(&reply.payload)
            .map(Self::Ended)
            .ok_or_else(|| ReplyError::payload("StopVessel", "a status", &reply.payload))
    }
}

fn status(payload: &[u8]) -> Option<VesselStatus> {
    std::str::from_utf8(payload).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn exactly_one_tail_is_cut() {
        let reply = Reply::parse(&b"a\n\n\nSuccess\nSuccess"[..]).unwrap();
        assert_eq!(reply, Reply::success(b"a\n\n\nSuccess".to_vec()));
        assert_eq!(Reply::parse(&b"\nSuccess"[..]).unwrap(), Reply::success(""));
        for bad in [
            &b""[..],
            b"Success",
            b"a\nsuccess",
            b"a\nSuccess\n",
            b"a\nSuccess ",
        ] {
            assert!(matches!(Reply::parse(bad), Err(ReplyError::NoOutcome(_))));
        }
    }

    #[test]
    fn the_three_ends_of_a_start_are_told_apart() {
        let of = |bytes: &'static [u8]| StartReply::of(&Reply::parse(bytes).unwrap());
        assert_eq!(of(b"Started\nSuccess"), Ok(StartReply::Started));
        assert_eq!(
            of(b"Terminated\nSuccess"),
            Ok(StartReply::Ended(VesselStatus::Terminated))
        );
        assert_eq!(
            of(b"Did not start in a timely manner\nWarning"),
            Ok(StartReply::NotYet)
        );
        assert!(of(b"Running\nSuccess").is_err());
        assert_eq!(
            StopReply::of(&Reply::success("Stopped")),
            Ok(StopReply::Ended(VesselStatus::Stopped))
        );
        assert_eq!(
            StopReply::of(&Reply::warning("May not have stopped in a timely manner")),
            Ok(StopReply::NotYet)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(reply) = Reply::parse(bytes.clone()) {
                prop_assert_eq!(reply.encode().to_vec(), bytes);
                let _ = (StartReply::of(&reply), StopReply::of(&reply));
            }
        }

        #[test]
        fn what_is_written_reads_back(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            for reply in [Reply::success(payload.clone()), Reply::warning(payload.clone()), Reply::error(payload.clone())] {
                prop_assert_eq!(Reply::parse(reply.encode().to_vec()).unwrap(), reply);
            }
        }
    }
}
