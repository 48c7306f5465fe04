//! What a tester can make a node do wrong while it runs: knobs, each independent of the others.
//!
//! Those that concern answers are turned in the server half (`overlord-nodemanager`); disk, clock and the
//! listening socket are the node's own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use overlord_nodemanager::server::{FaultSettings, Faults, WrongReply};
use tokio::sync::watch;

/// The knobs that the server half does not have.
#[derive(Debug, Clone, Copy, Default)]
struct OwnSettings {
    disk_full: bool,
    clock_skew_seconds: f64,
}

#[derive(Debug, Default)]
struct Shared {
    own: Mutex<OwnSettings>,
    answers: Faults,
    refusing: watch::Sender<bool>,
}

/// How the knobs of a node stand.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeFaultState {
    /// Those that concern connections and answers.
    pub answers: FaultSettings,
    /// Whether the machine refuses connections.
    pub refusing: bool,
    /// Whether uploads find no disk space.
    pub disk_full: bool,
    /// How many seconds the clock is ahead, or behind if negative.
    pub clock_skew_seconds: f64,
}

/// The fault knobs of one node. Clones turn the same knobs.
#[derive(Debug, Clone, Default)]
pub struct NodeFaults(Arc<Shared>);

impl NodeFaults {
    fn own(&self) -> MutexGuard<'_, OwnSettings> {
        self.0.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server half's handle.
    pub(crate) fn answers(&self) -> Faults {
        self.0.answers.clone()
    }

    pub(crate) fn refusing(&self) -> watch::Receiver<bool> {
        self.0.refusing.subscribe()
    }

    pub(crate) fn disk_is_full(&self) -> bool {
        self.own().disk_full
    }

    pub(crate) fn clock_skew_seconds(&self) -> f64 {
        self.own().clock_skew_seconds
    }

    /// Delays each answer by `latency`, on top of what the call takes.
    pub fn set_latency(&self, latency: Duration) {
        self.0.answers.change(|settings| settings.latency = latency);
    }

    /// Whether connections are accepted and never answered.
    pub fn set_silent(&self, silent: bool) {
        self.0.answers.change(|settings| settings.silent = silent);
    }

    /// Whether connections are closed at once, unanswered, as the original's connection limit does.
    pub fn set_closing_unanswered(&self, closing: bool) {
        self.0.answers.change(|settings| settings.refuse = closing);
    }

    /// Whether connections are refused by the machine: the listening socket is closed, and opened again
    /// when the knob is turned back.
    pub fn set_refusing(&self, refusing: bool) {
        self.0.refusing.send_replace(refusing);
    }

    /// What to answer in place of the truth; `None` for the truth. The calls are carried out all the same.
    pub fn set_wrong_reply(&self, reply: Option<WrongReply>) {
        self.0
            .answers
            .change(|settings| settings.wrong_reply = reply);
    }

    /// Whether uploads find no disk space.
    pub fn set_disk_full(&self, full: bool) {
        self.own().disk_full = full;
    }

    /// How many seconds the node's clock is ahead of (positive) or behind (negative) the one it was given.
    pub fn set_clock_skew_seconds(&self, seconds: f64) {
        self.own().clock_skew_seconds = seconds;
    }

    /// How the knobs stand.
    #[must_use]
    pub fn current(&self) -> NodeFaultState {
        let own = *self.own();
        NodeFaultState {
            answers: self.0.answers.current(),
            refusing: *self.0.refusing.borrow(),
            disk_full: own.disk_full,
            clock_skew_seconds: own.clock_skew_seconds,
        }
    }

    /// Puts every knob back: a node that behaves.
    pub fn clear(&self) {
        *self.own() = OwnSettings::default();
        self.0.answers.set(FaultSettings::default());
        self.set_refusing(false);
    }
}
