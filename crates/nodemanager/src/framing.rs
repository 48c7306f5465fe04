//! How messages are cut out of a TCP stream: a decimal length, a newline, that many bytes.
//!
//! Bytes in, messages out; no sockets. Who reads and writes them is left to [`crate::client`] and
//! [`crate::server`]. Odd headers are taken or refused as the original does (`session_framing.json`).

use bytes::{Bytes, BytesMut};
use thiserror::Error;

use crate::parts::MessageParts;
use crate::wire_text::read_int;

/// The newline must be among this many bytes, so a header has at most 19 characters before it.
pub const HEADER_BYTES_MAX: usize = 20;

/// Why a stream holds no message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FramingError {
    /// No newline among the first [`HEADER_BYTES_MAX`] bytes.
    #[error("no end of the length among the first {HEADER_BYTES_MAX} bytes")]
    HeaderTooLong,
    /// What stands before the newline is no decimal length.
    #[error("the length of the message is {0:?}, not a decimal number")]
    NotALength(String),
    /// A negative length: the sender says that it will send nothing more.
    #[error("a length below zero, which ends the connection")]
    NegativeLength,
    /// The message is longer than the receiver takes.
    #[error("a message of {length} bytes is announced, and at most {length_max} are taken")]
    TooLong {
        /// The announced length in bytes.
        length: u64,
        /// The receiver's bound in bytes.
        length_max: usize,
    },
    /// The stream ended before the first byte.
    #[error("the connection ended before the first byte")]
    Nothing,
    /// The stream ended inside the header.
    #[error("the connection ended within the length, after {0} bytes")]
    CutInHeader(usize),
    /// The stream ended inside the message.
    #[error("the connection ended after {received} of {length} bytes")]
    CutInMessage {
        /// Bytes of the message that came.
        received: usize,
        /// Bytes that were announced.
        length: usize,
    },
}

/// A message with its header, as it goes into the stream.
#[must_use]
pub fn encode(message: impl Into<MessageParts>) -> MessageParts {
    let mut parts = message.into();
    parts.push_front(format!("{}\n", parts.len()));
    parts
}

/// Cuts one message out of a stream that comes in pieces.
///
/// A connection carries one message each way, so bytes after it are dropped. Memory grows with what
/// came, not with what was announced.
#[derive(Debug)]
pub struct MessageDecoder {
    length_max: usize,
    header: Vec<u8>,
    length: Option<usize>,
    message: BytesMut,
}

impl MessageDecoder {
    /// A decoder that takes messages of up to `length_max` bytes.
    #[must_use]
    pub fn new(length_max: usize) -> Self {
        Self {
            length_max,
            header: Vec::with_capacity(HEADER_BYTES_MAX),
            length: None,
            message: BytesMut::new(),
        }
    }

    /// Takes the next piece of the stream; gives the message once it is whole.
    ///
    /// # Errors
    /// When the header is none, or announces more than is taken. The stream is of no use after that.
    pub fn receive(&mut self, mut bytes: &[u8]) -> Result<Option<Bytes>, FramingError> {
        while self.length.is_none() {
            let [byte, rest @ ..] = bytes else {
                return Ok(None);
            };
            bytes = rest;
            if *byte == b'\n' {
                self.length = Some(self.read_header()?);
            } else {
                self.take_header_byte(*byte)?;
            }
        }
        let length = self.length.unwrap_or_default();
        let missing = length.saturating_sub(self.message.len());
        let piece = bytes.get(..missing).unwrap_or(bytes);
        self.message.extend_from_slice(piece);
        if self.message.len() == length {
            self.length = Some(0);
            return Ok(Some(std::mem::take(&mut self.message).freeze()));
        }
        Ok(None)
    }

    /// What it means that the stream has ended now, before the message was whole.
    #[must_use]
    pub fn ended(&self) -> FramingError {
        match self.length {
            Some(length) => FramingError::CutInMessage {
                received: self.message.len(),
                length,
            },
            None if self.header.is_empty() => FramingError::Nothing,
            None => FramingError::CutInHeader(self.header.len()),
        }
    }

    /// Bytes of the message received so far.
    #[must_use]
    pub fn received(&self) -> usize {
        self.message.len()
    }

    /// The first character may be anything that a number can start with; later ones are digits or `-`.
    fn take_header_byte(&mut self, byte: u8) -> Result<(), FramingError> {
        let first = self.header.is_empty();
        self.header.push(byte);
        if !first && !byte.is_ascii_digit() && byte != b'-' {
            return Err(self.not_a_length());
        }
        // The newline itself must still fit.
        if self.header.len() >= HEADER_BYTES_MAX {
            return Err(FramingError::HeaderTooLong);
        }
        Ok(())
    }

    fn read_header(&self) -> Result<usize, FramingError> {
        let length = read_int(&self.header).ok_or_else(|| self.not_a_length())?;
        if length < 0 {
            return Err(FramingError::NegativeLength);
        }
        match usize::try_from(length) {
            Ok(length) if length <= self.length_max => Ok(length),
            _ => Err(FramingError::TooLong {
                length: u64::try_from(length).unwrap_or(u64::MAX),
                length_max: self.length_max,
            }),
        }
    }

    fn not_a_length(&self) -> FramingError {
        FramingError::NotALength(String::from_utf8_lossy(&self.header).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(bytes: &[u8]) -> Result<Option<Bytes>, FramingError> {
        MessageDecoder::new(1000).receive(bytes)
    }

    #[test]
    fn headers_are_taken_as_the_original_takes_them() {
        for header in ["3", "003", "+3", " 3", "\t3", "0000000000000000003"] {
            let bytes = [header.as_bytes(), b"\nabcdef"].concat();
            assert_eq!(decode(&bytes), Ok(Some(b"abc"[..].into())), "{header:?}");
        }
        for header in ["0", "-0", "+0", "00"] {
            let bytes = [header.as_bytes(), b"\nabc"].concat();
            assert_eq!(decode(&bytes), Ok(Some(Bytes::new())), "{header:?}");
        }
        for header in [
            "", "3 ", "3\r", "3L", "x3", "0x3", "--3", "3-", "1-2", "\u{661}",
        ] {
            let bytes = [header.as_bytes(), b"\nabc"].concat();
            assert!(
                matches!(decode(&bytes), Err(FramingError::NotALength(_))),
                "{header:?}"
            );
        }
        assert_eq!(decode(b"-1\n"), Err(FramingError::NegativeLength));
        assert_eq!(decode(&[b'0'; 20]), Err(FramingError::HeaderTooLong));
    }

    #[test]
    fn a_message_longer_than_the_bound_is_refused_before_it_comes() {
        assert_eq!(
            decode(b"1001\n"),
            Err(FramingError::TooLong {
                length: 1001,
                length_max: 1000
            })
        );
        assert!(decode(b"9999999999999999999\n").is_err());
    }

    #[test]
    fn an_end_of_the_stream_says_where_it_ended() {
        let mut decoder = MessageDecoder::new(10);
        assert_eq!(decoder.ended(), FramingError::Nothing);
        assert_eq!(decoder.receive(b"5"), Ok(None));
        assert_eq!(decoder.ended(), FramingError::CutInHeader(1));
        assert_eq!(decoder.receive(b"\nab"), Ok(None));
        assert_eq!(
            decoder.ended(),
            FramingError::CutInMessage {
                received: 2,
                length: 5
            }
        );
        assert_eq!(decoder.received(), 2);
    }

    proptest! {
        #[test]
        fn a_message_comes_out_whole_however_it_is_cut(
            message in proptest::collection::vec(any::<u8>(), 0..300),
            cuts in proptest::collection::vec(1usize..40, 1..40),
        ) {
            let bytes = encode(message.clone()).to_vec();
            let mut decoder = MessageDecoder::new(300);
            let mut rest = &bytes[..];
            let mut out = None;
            let mut cuts = cuts.into_iter().cycle();
            while !rest.is_empty() {
                let (piece, tail) = rest.split_at(cuts.next().unwrap().min(rest.len()));
                rest = tail;
                out = decoder.receive(piece).unwrap();
                prop_assert_eq!(out.is_some(), rest.is_empty());
            }
            prop_assert_eq!(out, Some(message.into()));
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut decoder = MessageDecoder::new(16);
            for piece in bytes.chunks(3) {
                if decoder.receive(piece).is_err() {
                    break;
                }
            }
            let _ = decoder.ended();
        }
    }
}
