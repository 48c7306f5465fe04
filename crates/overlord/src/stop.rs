//! How a run is asked to end: the stop file, a [`StopHandle`], and, where the program wants it, SIGTERM and Ctrl-C.
//!
//! What ending means (leave, stop or release the vessels) is the engine's policy.

use std::path::{Path, PathBuf};
use std::time::Duration;

use overlord_engine::{Control, StopReason};
use tokio::sync::watch;

/// The stop file's name in the current folder, as with the original.
pub const STOP_FILE_DEFAULT: &str = "stop";
/// How often it is looked for: several times within the second in which it is to be noticed.
pub const STOP_FILE_PERIOD: Duration = Duration::from_millis(250);

/// Ends runs of an overlord from anywhere. Cheap to clone; a request made before the run is kept.
#[derive(Debug, Clone)]
pub struct StopHandle(watch::Sender<bool>);

impl StopHandle {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Asks for the end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// What a run listens to.
#[derive(Debug, Clone)]
pub(crate) struct StopSources {
    pub(crate) handle: StopHandle,
    pub(crate) file: Option<PathBuf>,
    pub(crate) signals: bool,
}

impl StopSources {
    /// Begins to listen; a signal that comes from now on is not lost.
    pub(crate) fn listen(self) -> StopWatch {
        let signals = if self.signals {
            Signals::listen()
        } else {
            None
        };
        StopWatch {
            sources: self,
            signals,
        }
    }
}

/// Listens to everything that may end a run.
pub(crate) struct StopWatch {
    sources: StopSources,
    signals: Option<Signals>,
}

impl StopWatch {
    /// Passes every request for the end on to the run. Never returns; safe to drop at any await.
    pub(crate) async fn pass_on(self, control: Control) {
        let handle = async {
            let mut asked = self.sources.handle.0.subscribe();
            if asked.wait_for(|asked| *asked).await.is_ok() {
                control.stop(StopReason::Operator);
            }
        };
        let file = async {
            if let Some(path) = &self.sources.file {
                appears(path).await;
                control.stop(StopReason::StopFile);
            }
        };
        let signals = async {
            if let Some(mut signals) = self.signals {
                while signals.next().await {
                    on_signal(&control);
                }
            }
        };
        tokio::join!(handle, file, signals);
        std::future::pending::<()>().await;
    }
}

/// Returns when something of that name is there.
async fn appears(path: &Path) {
    let mut period = tokio::time::interval(STOP_FILE_PERIOD);
    period.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        period.tick().await;
        // What cannot be looked at (a folder that is gone for a moment) has not appeared.
        if tokio::fs::try_exists(path).await.unwrap_or(false) {
            return;
        }
    }
}

/// SIGTERM and Ctrl-C.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> Option<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind)
                .inspect_err(|error| {
                    tracing::warn!(%error, "signals cannot be caught; use the stop file to end the run");
                })
                .ok()
        };
        Some(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Waits for the next; `false` when there will be none.
    async fn next(&mut self) -> bool {
        // Both are cancel-safe: a signal that is not received now is received next time.
        tokio::select! {
            received = self.interrupt.recv() => received.is_some(),
            received = self.terminate.recv() => received.is_some(),
        }
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> Option<Self> {
        Some(Self)
    }

    /// Waits for the next; `false` when there will be none.
    async fn next(&mut self) -> bool {
        tokio::signal::ctrl_c().await.is_ok()
    }
}

/// The first signal ends the run in an orderly way, the second at once.
fn on_signal(control: &Control) {
    if control.is_stopping() {
        control.stop_at_once(StopReason::Signal);
    } else {
        control.stop(StopReason::Signal);
    }
}
