//! How a run is asked to end: the stop file, SIGTERM, Ctrl-C, a [`StopHandle`].
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
    /// Passes every request for the end on to the run. Never returns; safe to drop at any await.
    pub(crate) async fn watch(self, control: Control) {
        let handle = async {
            let mut asked = self.handle.0.subscribe();
            if asked.wait_for(|asked| *asked).await.is_ok() {
                control.stop(StopReason::Operator);
            }
            std::future::pending::<()>().await;
        };
        let file = async {
            if let Some(path) = &self.file {
                appears(path).await;
                control.stop(StopReason::StopFile);
            }
            std::future::pending::<()>().await;
        };
        let signals = async {
            if self.signals {
                pass_signals_on(&control).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::join!(handle, file, signals);
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

/// The first signal ends the run in an orderly way, the second at once.
#[cfg(unix)]
async fn pass_signals_on(control: &Control) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        tracing::warn!("signals cannot be caught; use the stop file to end the run");
        return;
    };
    loop {
        // Both are cancel-safe: a signal that is not received now is received next time.
        tokio::select! {
            Some(()) = interrupt.recv() => {}
            Some(()) = terminate.recv() => {}
            else => return,
        }
        on_signal(control);
    }
}

/// The first Ctrl-C ends the run in an orderly way, the second at once.
#[cfg(not(unix))]
async fn pass_signals_on(control: &Control) {
    while tokio::signal::ctrl_c().await.is_ok() {
        on_signal(control);
    }
}

fn on_signal(control: &Control) {
    if control.is_stopping() {
        control.stop_at_once(StopReason::Signal);
    } else {
        control.stop(StopReason::Signal);
    }
}
