//! What a sandbox looks after at intervals while the program runs: disk, status, stop file, signals.

use std::path::Path;

use super::ending::Ending;
use super::signals::Signals;
use super::status::{STARTED, StatusFile};
use super::stop_file::StopFile;
use crate::files::FileTable;
use crate::scheduler::system::System;

/// Seconds between two status files, as the original's.
const STATUS_INTERVAL: f64 = 1.0;

/// Seconds between two measurings of the files, as the original's. Own writes are counted at once; this finds what
/// others put into the directory.
const DISK_INTERVAL: f64 = 0.5;

/// The duties of one sandbox.
#[derive(Debug, Default)]
pub(crate) struct Duties {
    status: Option<StatusFile>,
    stop: Option<StopFile>,
    signals: Signals,
    status_due: f64,
    disk_due: f64,
}

impl Duties {
    /// Takes over status and stop file, if there are to be any.
    ///
    /// # Errors
    /// A sentence that says what is in the way.
    pub(super) fn new(status: Option<&Path>, stop: Option<&Path>) -> Result<Duties, String> {
        let status = status
            .map(|prefix| {
                StatusFile::open(prefix)
                    .map_err(|error| format!("the status {}: {error}", prefix.display()))
            })
            .transpose()?;
        let stop = stop
            .map(|path| {
                StopFile::new(path)
                    .map_err(|error| format!("the stop file {}: {error}", path.display()))
            })
            .transpose()?;
        let signals =
            Signals::catch().map_err(|error| format!("signals cannot be caught: {error}"))?;
        Ok(Duties {
            status,
            stop,
            signals,
            ..Duties::default()
        })
    }

    /// The folder in which status files are made.
    pub(super) fn status_folder(&self) -> Option<&Path> {
        self.status.as_ref().map(StatusFile::folder)
    }

    /// Shows a state; a status that cannot be written does not keep the program from running.
    pub(super) fn show(&mut self, state: &str, wall_clock: f64) {
        if let Some(status) = &mut self.status {
            let _ = status.show(state, wall_clock);
        }
    }

    /// Does what is due; Some if the program must end: it has too much on the disk, or somebody asks for its end.
    pub(super) fn look_after(
        &mut self,
        now: f64,
        files: &FileTable,
        system: &dyn System,
    ) -> Option<Ending> {
        if now >= self.disk_due {
            self.disk_due = now + DISK_INTERVAL;
            // If the files cannot be measured, what is known of them holds on.
            let _ = files.measure();
            if let Some(limit) = files.exceeded() {
                return Some(Ending::OverDisk { limit });
            }
        }
        if now >= self.status_due {
            self.status_due = now + STATUS_INTERVAL;
            self.show(STARTED, system.wall_clock());
        }
        let asked = self.signals.look();
        asked.or_else(|| self.stop.as_mut().and_then(StopFile::look))
    }
}
