//! One vessel: what is remembered of it, its folder, and the program that runs in it.
//!
//! ```text
//! vessels/v3/state.json   owner, users, status, last accepted request   (record.rs)
//! vessels/v3/resources    the resource file, as it is answered
//! vessels/v3/files/       what users uploaded: the program's working directory   (files.rs)
//! vessels/v3/log.new, log.old   the log ring
//! vessels/v3/run/         the run there is, if there is one   (launch/spec.rs)
//! ```
//! What calls answer is left to [`crate::service`].

mod files;
mod record;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use overlord_files::{Access, Durability};
use overlord_repy::dialect::Refused;
use overlord_repy::log_ring::{self, LogRing};
use overlord_types::{VesselName, VesselStatus};
use rustix::process::Signal;
use tokio::time::timeout;

use crate::config::NodeTiming;
use crate::launch::{ExitReport, LaunchSpec, LaunchStage, LaunchedProgram, RunFolder};
use crate::process::{
    ProgramHost, ProgramRun, RunEnd, RunObserver, RunState, blocking, kill_orphaned_session,
};
use crate::store;

pub(crate) use files::VesselFiles;
pub(crate) use record::VesselRecord;

/// How long the end of a program is waited for after SIGKILL, before its supervisor is killed too.
const KILL_WAIT: Duration = Duration::from_secs(2);

/// One vessel.
pub(crate) struct HostedVessel {
    name: VesselName,
    folder: PathBuf,
    files: VesselFiles,
    durability: Durability,
    /// Held by the one call that changes the vessel.
    operations: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

struct State {
    record: VesselRecord,
    run: Option<ProgramRun>,
    /// The node let go of the vessel: nothing is written any more, because another node may have it.
    detached: bool,
}

/// How a start went, as far as it was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartAnswer {
    /// The vessel has this status now.
    Status(VesselStatus),
    /// Nothing was heard of the program.
    NotInTime,
    /// The program is none that the platform runs; the log says why.
    Refused,
}

impl HostedVessel {
    /// Makes a vessel in a new folder.
    pub(crate) fn create(
        folder: PathBuf,
        name: VesselName,
        record: VesselRecord,
        resources: &[u8],
        durability: Durability,
    ) -> io::Result<Arc<Self>> {
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let vessel = Self::at(folder, name, record, durability);
        vessel.files.create()?;
        overlord_files::replace(
            &vessel.resource_file(),
            resources,
            Access::Everybody,
            durability,
        )?;
        let record = vessel.record();
        store::save(&vessel.state_file(), &record, durability)?;
        Ok(Arc::new(vessel))
    }

    /// Loads a vessel from its folder, without looking after what runs in it.
    pub(crate) fn load(
        folder: PathBuf,
        name: VesselName,
        durability: Durability,
    ) -> io::Result<Arc<Self>> {
        let record: VesselRecord = store::load(&folder.join("state.json"))?
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let vessel = Self::at(folder, name, record, durability);
        vessel.files.create()?;
        fs::metadata(vessel.resource_file())?;
        Ok(Arc::new(vessel))
    }

    fn at(folder: PathBuf, name: VesselName, record: VesselRecord, durability: Durability) -> Self {
        Self {
            files: VesselFiles::new(&folder),
            name,
            folder,
            durability,
            operations: tokio::sync::Mutex::default(),
            state: Mutex::new(State {
                record,
                run: None,
                detached: false,
            }),
        }
    }

    pub(crate) fn name(&self) -> &VesselName {
        &self.name
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn files(&self) -> &VesselFiles {
        &self.files
    }

    pub(crate) fn resource_file(&self) -> PathBuf {
        self.folder.join("resources")
    }

    pub(crate) fn durability(&self) -> Durability {
        self.durability
    }

    /// Waits until no other call changes the vessel.
    pub(crate) async fn operation(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.operations.lock().await
    }

    fn state_file(&self) -> PathBuf {
        self.folder.join("state.json")
    }

    /// The prefix of the log's two files.
    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn run_folder(&self) -> RunFolder {
        RunFolder::new(self.folder.join("run"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is remembered of the vessel.
    pub(crate) fn record(&self) -> VesselRecord {
        self.state().record.clone()
    }

    /// What the node says of its program.
    pub(crate) fn status(&self) -> VesselStatus {
        self.state().record.status
    }

    /// The run there is.
    pub(crate) fn run(&self) -> Option<ProgramRun> {
        self.state().run.clone()
    }

    /// Changes what is remembered, on disk first.
    pub(crate) fn update(&self, change: impl FnOnce(&mut VesselRecord)) -> io::Result<()> {
        let mut state = self.state();
        let mut record = state.record.clone();
        change(&mut record);
        if !state.detached {
            store::save(&self.state_file(), &record, self.durability)?;
        }
        state.record = record;
        Ok(())
    }

    /// Lets go of the vessel: what runs goes on, and nothing of it is written down here any more.
    pub(crate) fn detach(&self) {
        self.state().detached = true;
    }

    /// As [`HostedVessel::detach`], and nobody of this node watches what runs any more.
    pub(crate) fn let_go(&self) {
        let run = {
            let mut state = self.state();
            state.detached = true;
            state.run.clone()
        };
        if let Some(run) = run {
            run.let_go();
        }
    }

    /// Looks after what an earlier node started here.
    pub(crate) fn find_run(self: &Arc<Self>) {
        let folder = self.run_folder();
        let Some(report) = folder.supervisor() else {
            // Taking the folder away keeps a supervisor that was only just started from going on.
            if let Err(error) = folder.remove() {
                tracing::warn!(vessel = %self.name, %error, "what is left of a run cannot be removed");
            }
            let mut state = self.state();
            if state.record.status == VesselStatus::Started {
                self.set_status(&mut state, VesselStatus::Stale);
            }
            return;
        };
        let stopping = folder.is_stopping();
        {
            let mut state = self.state();
            let observer: Arc<dyn RunObserver> = Arc::clone(self) as _;
            state.run = ProgramRun::find(&report, folder.clone(), observer);
            if state.run.is_some() {
                self.set_status(&mut state, VesselStatus::Started);
                return;
            }
        }
        let end = match folder.exit() {
            Some(exit) => RunEnd::Reported(exit),
            None => {
                kill_orphaned_session(&report.supervisor);
                RunEnd::Lost { signal: None }
            }
        };
        self.ended(end, stopping);
    }

    /// Executes a program and waits until it runs, ended, or took too long. The caller holds the operation.
    pub(crate) async fn start(
        self: &Arc<Self>,
        program: LaunchedProgram,
        host: &ProgramHost,
        timing: NodeTiming,
    ) -> io::Result<StartAnswer> {
        let settle = match program {
            LaunchedProgram::Command(_) => timing.start_settle,
            LaunchedProgram::Sandbox(_) => timing.sandbox_settle,
        };
        let refused = program.refused();
        let vessel = Arc::clone(self);
        let host = host.clone();
        let run = blocking(move || vessel.launch(program, &host))
            .await
            .unwrap_or_else(|| Err(io::Error::other("the node is shutting down")))?;
        let executed = run.wait_until(|state| state != RunState::Launching);
        if timeout(timing.start_wait, executed).await.is_err() {
            return Ok(StartAnswer::NotInTime);
        }
        // Either it ends within this, or it is called started; both are read from the status then.
        let _ = timeout(settle, run.wait_until(|_| false)).await;
        Ok(match run.state() {
            RunState::Ended(RunEnd::Reported(ExitReport::Refused))
                if refused == Refused::Unsupported =>
            {
                StartAnswer::Refused
            }
            _ => StartAnswer::Status(self.status()),
        })
    }

    fn launch(
        self: &Arc<Self>,
        program: LaunchedProgram,
        host: &ProgramHost,
    ) -> io::Result<ProgramRun> {
        let folder = self.run_folder();
        let stage = LaunchStage::first_of(&program);
        folder.create(&LaunchSpec {
            directory: self.files.directory().to_owned(),
            log: self.log(),
            ends_with_node_process: host.programs_end_with_process,
            program,
        })?;
        let observer: Arc<dyn RunObserver> = Arc::clone(self) as _;
        // Held while it starts, so that the run is known here before anything is heard of it.
        let mut state = self.state();
        if state.detached {
            return Err(io::Error::other("the node is shutting down"));
        }
        match ProgramRun::start(host, folder.clone(), stage, observer) {
            Ok(run) => {
                state.run = Some(run.clone());
                Ok(run)
            }
            Err(error) => {
                folder.remove()?;
                Err(error)
            }
        }
    }

    /// Stops what runs: first asks the program's group, then kills it, then everything. False when even
    /// that is not seen to end in time. The caller holds the operation.
    pub(crate) async fn stop_run(&self, timing: NodeTiming) -> bool {
        let Some(run) = self.run() else {
            return true;
        };
        let (stopping, folder) = (run.clone(), self.run_folder());
        let grace = blocking(move || {
            // An end removes the folder.
            let grace = match folder.spec().map(|spec| spec.program) {
                Ok(LaunchedProgram::Sandbox(_)) => timing.sandbox_grace,
                _ => timing.stop_grace,
            };
            stopping.mark_stopping();
            stopping.signal(Signal::TERM);
            // A stopped process hears nothing until it goes on.
            stopping.signal(Signal::CONT);
            grace
        })
        .await
        .unwrap_or(timing.stop_grace);
        if has_ended(&run, grace).await {
            return true;
        }
        let deaf = run.clone();
        blocking(move || deaf.signal(Signal::KILL)).await;
        if has_ended(&run, KILL_WAIT).await {
            return true;
        }
        let stuck = run.clone();
        blocking(move || stuck.kill_everything()).await;
        has_ended(&run, timing.stop_wait).await
    }

    /// The last 16 KiB of the log.
    pub(crate) fn read_log(&self) -> io::Result<Vec<u8>> {
        log_ring::read_log(&self.log())
    }

    /// Writes into the log while nothing runs.
    pub(crate) fn append_log(&self, text: &str) -> io::Result<()> {
        LogRing::open(&self.log())?.append(text.as_bytes())
    }

    /// Deletes files and log of a vessel in which nothing runs.
    pub(crate) fn clear(&self) -> io::Result<()> {
        self.files.clear()?;
        log_ring::remove_log(&self.log())?;
        self.update(|record| record.status = VesselStatus::Fresh)
    }

    /// Sets what is said of the program, whether or not it can be written down.
    fn set_status(&self, state: &mut State, status: VesselStatus) {
        state.record.status = status;
        if state.detached {
            return;
        }
        if let Err(error) = store::save(&self.state_file(), &state.record, self.durability) {
            // The truth is not lost: a restart reads it from the run's folder.
            tracing::warn!(vessel = %self.name, %status, %error, "a status is not written down");
        }
    }
}

/// Waits at most so long for a run to end; says whether it did.
async fn has_ended(run: &ProgramRun, wait: Duration) -> bool {
    timeout(wait, run.wait_until(|_| false)).await.is_ok()
}

/// Whether a process ends by such a signal because of what it does, and not because somebody sends it.
fn is_of_its_own_making(signal: i32) -> bool {
    [
        Signal::ABORT,
        Signal::BUS,
        Signal::FPE,
        Signal::ILL,
        Signal::SEGV,
        Signal::SYS,
        Signal::XCPU,
        Signal::XFSZ,
    ]
    .into_iter()
    .any(|own| own.as_raw() == signal)
}

impl RunObserver for HostedVessel {
    fn executed(&self) {
        let mut state = self.state();
        // A run that has ended meanwhile was told before, and must not look alive again.
        if state.run.is_some() {
            self.set_status(&mut state, VesselStatus::Started);
        }
    }

    fn ended(&self, end: RunEnd, stopping: bool) {
        let folder = self.run_folder();
        let thread_error = || folder.spec().ok()?.program.thread_error_code();
        let status = match end {
            _ if stopping => VesselStatus::Stopped,
            RunEnd::Lost { signal } if signal.is_some_and(is_of_its_own_making) => {
                VesselStatus::Terminated
            }
            RunEnd::Lost { .. } => VesselStatus::Stale,
            RunEnd::Reported(ExitReport::Code(code)) if thread_error() == Some(code) => {
                VesselStatus::ThreadErr
            }
            RunEnd::Reported(_) => VesselStatus::Terminated,
        };
        let mut state = self.state();
        state.run = None;
        self.set_status(&mut state, status);
        // What another node may be looking after by now is not this one's to remove.
        if state.detached {
            return;
        }
        if let RunEnd::Lost {
            signal: Some(signal),
        } = end
            && !stopping
            && let Err(error) = self.append_log(&format!(
                "\nthe vessel's process was ended by signal {signal}\n"
            ))
        {
            tracing::warn!(vessel = %self.name, %error, "a log cannot be written");
        }
        if let Err(error) = folder.remove() {
            tracing::warn!(vessel = %self.name, %error, "an ended run's folder cannot be removed");
        }
    }
}
