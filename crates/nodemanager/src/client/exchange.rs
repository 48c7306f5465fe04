//! One connection: connect, send, receive, each under its deadline. Repeating is the caller's.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use overlord_types::NodeLocation;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::config::NodeClientConfig;
use super::error::{ExchangePhase, MalformedReply, NodeCallError};
use crate::framing::{self, FramingError, MessageDecoder};
use crate::parts::MessageParts;
use crate::reply::Reply;
use crate::signed_request::SignError;
use crate::timestamps::ClockSetBack;

/// Bytes read at once.
const PIECE_BYTES: usize = 64 * 1024;
/// A connection limit closes when it accepts; what is closed later had another reason.
const LIMIT_CLOSES_WITHIN: Duration = Duration::from_secs(2);
/// How long a reset may follow an end of the stream: a round trip, the request being on its way when
/// the node closed.
const RESET_FOLLOWS_WITHIN: Duration = Duration::from_millis(500);

/// What went wrong with one attempt; becomes a [`NodeCallError`] with the node's location.
#[derive(Debug)]
pub(super) enum AttemptError {
    Connect(io::Error),
    TimedOut(ExchangePhase, Duration),
    /// Closed without a byte. `unread`: as a connection limit does it, before the request was read.
    Closed {
        unread: bool,
    },
    Broken(io::Error),
    Malformed(MalformedReply),
    Clock(ClockSetBack),
    Sign(SignError),
    Stopped,
}

impl AttemptError {
    /// Whether it looks like a node's connection limit, so that the call was not run.
    pub(super) fn is_connection_limit(&self) -> bool {
        matches!(self, Self::Closed { unread: true })
    }

    pub(super) fn locate(self, at: &NodeLocation, attempts: u32) -> NodeCallError {
        let at = at.clone();
        match self {
            Self::Connect(source) => NodeCallError::Connect { at, source },
            Self::TimedOut(phase, after) => NodeCallError::TimedOut { at, phase, after },
            Self::Closed { unread } => NodeCallError::ClosedUnanswered {
                at,
                attempts,
                may_have_run: !unread,
            },
            Self::Broken(source) => NodeCallError::Broken { at, source },
            Self::Malformed(MalformedReply::Framing(FramingError::TooLong {
                length,
                length_max,
            })) => NodeCallError::ReplyTooLarge {
                at,
                length,
                length_max,
            },
            Self::Malformed(source) => NodeCallError::Malformed { at, source },
            Self::Clock(source) => NodeCallError::Clock { at, source },
            Self::Sign(source) => NodeCallError::Sign { at, source },
            Self::Stopped => NodeCallError::Stopped { at },
        }
    }
}

/// Sends `request` and reads the answer.
pub(super) async fn exchange(
    config: &NodeClientConfig,
    at: &NodeLocation,
    request: MessageParts,
) -> Result<Reply, AttemptError> {
    let connecting = TcpStream::connect((at.host(), at.port()));
    let mut stream = timeout(config.connect_timeout, connecting)
        .await
        .map_err(|_| AttemptError::TimedOut(ExchangePhase::Connect, config.connect_timeout))?
        .map_err(AttemptError::Connect)?;
    let connected = Instant::now();
    // One message, written at once: nothing to gather.
    let _ = stream.set_nodelay(true);
    let sending = async {
        stream.write_all_buf(&mut framing::encode(request)).await?;
        stream.flush().await
    };
    let sent = timeout(config.send_timeout, sending)
        .await
        .map_err(|_| AttemptError::TimedOut(ExchangePhase::Send, config.send_timeout))?;
    // A node may refuse a long request before it has taken all: what it said is worth reading.
    let whole = sent.is_ok();
    let received = timeout(config.receive_timeout, receive(config, &mut stream))
        .await
        .map_err(|_| AttemptError::TimedOut(ExchangePhase::Receive, config.receive_timeout))?;
    match received {
        Ok(message) => Reply::parse(message).map_err(|error| AttemptError::Malformed(error.into())),
        Err(AttemptError::Closed { unread }) => {
            let unread = unread || is_reset(&stream).await;
            let as_a_limit_closes = unread && connected.elapsed() < LIMIT_CLOSES_WITHIN;
            Err(AttemptError::Closed {
                unread: !whole || as_a_limit_closes,
            })
        }
        Err(fault) => Err(fault),
    }
}

/// Whether the node closed with the request unread: then the system answers the request with a reset.
/// A node that read the request and closed, having run it or not, ends the stream and no more.
async fn is_reset(stream: &TcpStream) -> bool {
    timeout(RESET_FOLLOWS_WITHIN, stream.ready(Interest::ERROR))
        .await
        .is_ok()
}

async fn receive(config: &NodeClientConfig, stream: &mut TcpStream) -> Result<Bytes, AttemptError> {
    let mut decoder = MessageDecoder::new(config.reply_bytes_max);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = stream.read(&mut piece).await;
        let nothing_yet = decoder.ended() == FramingError::Nothing;
        let received = match read {
            Ok(count) => piece.get(..count).unwrap_or_default(),
            Err(error) if nothing_yet && is_close(&error) => {
                return Err(AttemptError::Closed { unread: true });
            }
            Err(error) => return Err(AttemptError::Broken(error)),
        };
        if received.is_empty() {
            return Err(match decoder.ended() {
                FramingError::Nothing => AttemptError::Closed { unread: false },
                cut => AttemptError::Malformed(cut.into()),
            });
        }
        match decoder.receive(received) {
            Ok(Some(message)) => return Ok(message),
            Ok(None) => {}
            Err(error) => return Err(AttemptError::Malformed(error.into())),
        }
    }
}

/// A node that closes with our bytes unread cuts the connection rather than ending it.
fn is_close(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
    )
}
