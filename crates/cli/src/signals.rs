//! Signals: those that ask for the end (Ctrl-C, SIGTERM, a terminal that goes away), and the one that asks for a fresh
//! log file. What each does to which command is in a table in docs/configuration.md.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit_meaning::ExitMeaning;
use crate::failure::Failure;
use overlord::Code;

/// Who asks for the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Somebody at the terminal, with Ctrl-C.
    Interrupt,
    /// The system or another program, with SIGTERM.
    Terminate,
    /// Nobody any more: the terminal is gone.
    HangUp,
}

/// Catches the signals from its making on.
pub(crate) struct EndSignals {
    interrupt: Signal,
    terminate: Signal,
    /// None if SIGHUP is ignored: an operator who said `nohup` means it.
    hang_up: Option<Signal>,
}

/// Catches SIGUSR1, with which a log file is asked for at the place of one that was moved away.
pub(crate) struct ReopenSignal(Signal);

impl ReopenSignal {
    /// Begins to catch it; from then on it ends the process no more.
    ///
    /// # Errors
    /// When the system does not let us.
    pub(crate) fn catch() -> Result<Self, Failure> {
        caught(SignalKind::user_defined1()).map(Self)
    }

    /// The next of them. Safe to drop at the await: what was not received stays to be received.
    pub(crate) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending().await
        }
    }
}

impl Asked {
    /// What a command that ends for it ends with: the same whether it had begun its work or not.
    pub(crate) fn meaning(self) -> ExitMeaning {
        match self {
            Self::Interrupt => ExitMeaning::Interrupted,
            Self::Terminate | Self::HangUp => ExitMeaning::Done,
        }
    }
}

impl EndSignals {
    /// Begins to catch them.
    ///
    /// # Errors
    /// When the system does not let us.
    pub(crate) fn catch() -> Result<Self, Failure> {
        let ignored = is_hang_up_ignored().unwrap_or(false);
        Ok(Self {
            interrupt: caught(SignalKind::interrupt())?,
            terminate: caught(SignalKind::terminate())?,
            hang_up: (!ignored)
                .then(|| caught(SignalKind::hangup()))
                .transpose()?,
        })
    }

    /// The next of them. Safe to drop at the await: what was not received stays to be received.
    pub(crate) async fn next(&mut self) -> Asked {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Interrupt,
            _ = self.terminate.recv() => Asked::Terminate,
            _ = hang_up => Asked::HangUp,
        }
    }
}

fn caught(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| {
        Failure::new(Code::MachineRefused, error)
            .advise("let the process open more files (ulimit -n)")
    })
}

/// Whether this process was started with SIGHUP ignored, as Linux tells it.
fn is_hang_up_ignored() -> io::Result<bool> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    Ok(ignores_hang_up(&status))
}

fn ignores_hang_up(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit 0 is signal 1, which is SIGHUP.
    mask.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nohup_is_noticed() {
        assert!(ignores_hang_up(
            "Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"
        ));
        assert!(!ignores_hang_up("Name:\tx\nSigIgn:\t0000000000001000\n"));
        assert!(!ignores_hang_up("Name:\tx\n"));
    }
}
