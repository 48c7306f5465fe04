//! What goes wrong on purpose: knobs for tests, demonstrations and simulated testbeds.

use std::time::Duration;

use bytes::Buf as _;
use tokio::sync::watch;

use crate::framing;
use crate::parts::MessageParts;
use crate::reply::Reply;

/// A false answer, sent after the call was run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WrongReply {
    /// These bytes in place of the framed answer.
    Bytes(Vec<u8>),
    /// This answer, properly framed, to every call.
    Lie(Reply),
    /// The connection ends within the answer.
    CutShort,
    /// The header announces 10^15 bytes, and they begin to come.
    Endless,
    /// The connection is closed: the call was run, and its answer is lost.
    Lost,
}

/// What goes wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultSettings {
    /// Each connection waits this long between its request and its answer: one round trip's worth.
    pub latency: Duration,
    /// Connections are accepted and never answered; no call is run. Those open are closed when the
    /// knob is turned back.
    pub silent: bool,
    /// Connections are closed at once, unanswered, as the original's connection limit does.
    pub refuse: bool,
    /// Answers are false.
    pub wrong_reply: Option<WrongReply>,
}

/// A handle to a server's faults; clones turn the same knobs.
#[derive(Debug, Clone)]
pub struct Faults(watch::Sender<FaultSettings>);

impl Default for Faults {
    /// Nothing goes wrong.
    fn default() -> Self {
        Self(watch::Sender::new(FaultSettings::default()))
    }
}

impl Faults {
    /// Turns all knobs at once; open connections see it as well.
    pub fn set(&self, settings: FaultSettings) {
        self.0.send_replace(settings);
    }

    /// Turns some knobs.
    pub fn change(&self, change: impl FnOnce(&mut FaultSettings)) {
        self.0.send_modify(change);
    }

    /// How the knobs stand.
    #[must_use]
    pub fn current(&self) -> FaultSettings {
        self.0.borrow().clone()
    }

    /// Waits while connections are to be silent.
    pub(super) async fn silence_is_over(&self) {
        let mut settings = self.0.subscribe();
        // Fails only when all handles are gone, and this is one.
        let _ = settings.wait_for(|settings| !settings.silent).await;
    }
}

/// What is sent for `reply`; `None` closes the connection unanswered.
pub(super) fn bytes_to_send(reply: &Reply, wrong: Option<&WrongReply>) -> Option<MessageParts> {
    let right = || framing::encode(reply.encode());
    match wrong {
        None => Some(right()),
        Some(WrongReply::Bytes(bytes)) => Some(bytes.clone().into()),
        Some(WrongReply::Lie(lie)) => Some(framing::encode(lie.encode())),
        Some(WrongReply::CutShort) => {
            let mut whole = right();
            let all_but_one = whole.len().saturating_sub(1);
            Some(whole.copy_to_bytes(all_but_one).into())
        }
        Some(WrongReply::Endless) => Some(
            [&b"1000000000000000\n"[..], &[b'x'; 65_536]]
                .concat()
                .into(),
        ),
        Some(WrongReply::Lost) => None,
    }
}
