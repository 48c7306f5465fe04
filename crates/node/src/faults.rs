//! What a tester can make a node do wrong while it runs: knobs, each independent of the others.
//!
//! The knobs only hold what was set. The server half (`overlord-nodemanager`) and the node look at
//! them for each connection and call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// What a node answers in place of the truth.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WrongReply {
    /// Bytes that are no framed message.
    NotFramed,
    /// A frame that promises more bytes than follow before the node closes.
    CutShort,
    /// A frame whose announced length no client should believe.
    HugeLength,
    /// The connection is closed without an answer.
    Empty,
    /// These bytes as the framed answer.
    Payload(Vec<u8>),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct FaultSettings {
    pub(crate) latency: Duration,
    pub(crate) silent: bool,
    pub(crate) wrong_reply: Option<WrongReply>,
    pub(crate) disk_full: bool,
    pub(crate) clock_ahead: Duration,
    pub(crate) clock_behind: Duration,
}

#[derive(Debug)]
struct Shared {
    settings: Mutex<FaultSettings>,
    refusing: watch::Sender<bool>,
}

/// The fault knobs of one node. Clones turn the same knobs.
#[derive(Debug, Clone)]
pub struct NodeFaults(Arc<Shared>);

impl Default for NodeFaults {
    fn default() -> Self {
        Self(Arc::new(Shared {
            settings: Mutex::default(),
            refusing: watch::Sender::new(false),
        }))
    }
}

impl NodeFaults {
    fn settings(&self) -> MutexGuard<'_, FaultSettings> {
        self.0
            .settings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn current(&self) -> FaultSettings {
        self.settings().clone()
    }

    pub(crate) fn refusing(&self) -> watch::Receiver<bool> {
        self.0.refusing.subscribe()
    }

    /// Delays each answer by `latency`, on top of what the call takes.
    pub fn set_latency(&self, latency: Duration) {
        self.settings().latency = latency;
    }

    /// Whether connections are accepted and never answered.
    pub fn set_silent(&self, silent: bool) {
        self.settings().silent = silent;
    }

    /// Whether connections are refused: the listening socket is closed, and opened again when cleared.
    pub fn set_refusing(&self, refusing: bool) {
        self.0.refusing.send_replace(refusing);
    }

    /// What to answer in place of the truth; `None` for the truth.
    pub fn set_wrong_reply(&self, reply: Option<WrongReply>) {
        self.settings().wrong_reply = reply;
    }

    /// Whether uploads find no disk space.
    pub fn set_disk_full(&self, full: bool) {
        self.settings().disk_full = full;
    }

    /// How many seconds the node's clock is ahead of (positive) or behind (negative) the one it was given.
    pub fn set_clock_skew_seconds(&self, seconds: i64) {
        let magnitude = Duration::from_secs(seconds.unsigned_abs());
        let mut settings = self.settings();
        (settings.clock_ahead, settings.clock_behind) = if seconds >= 0 {
            (magnitude, Duration::ZERO)
        } else {
            (Duration::ZERO, magnitude)
        };
    }

    /// Puts every knob back: a node that behaves.
    pub fn clear(&self) {
        *self.settings() = FaultSettings::default();
        self.set_refusing(false);
    }
}
