//! Signals that end a program in order: SIGTERM and SIGINT stop it as a stop file does; a file that grows beyond the
//! process's limit (SIGXFSZ) is an error of the write, not the end of the process.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

use super::Ending;
use super::ending::exit_code;

/// Whether a signal asks for the end.
#[derive(Debug, Default)]
pub(super) struct Signals {
    asked: Arc<AtomicBool>,
}

impl Signals {
    /// From now on the process's signals are caught. To be called before the wall is raised.
    ///
    /// # Errors
    /// If the system does not let them be caught.
    pub(super) fn catch() -> io::Result<Signals> {
        let signals = Signals::default();
        for signal in [SIGTERM, SIGINT] {
            flag::register(signal, signals.asked.clone())?;
        }
        flag::register(SIGXFSZ, Arc::default())?;
        Ok(signals)
    }

    /// The ending, if one was asked for.
    pub(super) fn look(&self) -> Option<Ending> {
        self.asked.load(Ordering::Relaxed).then(|| Ending::Stopped {
            code: exit_code::STOPPED,
            message: "by a signal".to_owned(),
        })
    }
}
