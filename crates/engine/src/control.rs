//! How a run is told to end: by the stop file, by a signal, by the embedding program.
//!
//! Watching files and signals is left to the facade; all of them end in [`Control::stop`].

use tokio::sync::watch;

use crate::fleet_event::StopReason;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// Nothing: go on.
    GoOn,
    /// End in an orderly way, within the policy's final phase.
    Stop(StopReason),
    /// End now, and say what is left undone.
    StopAtOnce(StopReason),
}

/// Ends a run. Cheap to clone; works before, during and after the run.
#[derive(Debug, Clone)]
pub struct Control(watch::Sender<Request>);

impl Control {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Request::GoOn))
    }

    /// Asks for the end. The first reason counts; a request made before the run is kept.
    pub fn stop(&self, reason: StopReason) {
        self.0.send_if_modified(|request| {
            let first = *request == Request::GoOn;
            if first {
                *request = Request::Stop(reason);
            }
            first
        });
    }

    /// Asks for the end without the final phase: what is under way is dropped and reported.
    pub fn stop_at_once(&self, reason: StopReason) {
        self.0.send_if_modified(|request| match *request {
            Request::GoOn => {
                *request = Request::StopAtOnce(reason);
                true
            }
            Request::Stop(first) => {
                *request = Request::StopAtOnce(first);
                true
            }
            Request::StopAtOnce(_) => false,
        });
    }

    /// Whether the end was asked for.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.0.borrow() != Request::GoOn
    }

    pub(crate) fn requests(&self) -> watch::Receiver<Request> {
        self.0.subscribe()
    }
}
