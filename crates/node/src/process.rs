//! Runs as the node sees them: starts their processes, follows them to their end, finds them again, kills them.
//!
//! Of a Repy program the sandbox is supervisor and program in one.
//! What such a process does is in [`crate::launch`]. What a run's end means for a vessel is
//! left to the [`RunObserver`].

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Interest};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;

use crate::launch::{
    ExitReport, LAUNCH_VARIABLE, LaunchStage, LauncherCommand, ReportLine, RunFolder,
    SupervisorReport,
};
use crate::proc::{self, ProcessIdentity};

/// Most bytes read from a supervisor's standard output. It says one line; a test harness that hosts it a few more.
const REPORT_BYTES: u64 = 64 * 1024;
/// Rounds of halting or killing what a supervisor left. Each takes all that are there, so only what forks
/// faster than a whole round needs many.
const KILL_ROUNDS: usize = 100;
/// How long processes that were sent SIGKILL are waited for. Only the machine itself can hold them up.
const DEATH_WAIT: Duration = Duration::from_secs(2);

/// How far a run got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunState {
    /// The supervisor was started and has not said anything yet.
    Launching,
    /// The program was executed; its process number.
    Executed(u32),
    /// Nothing of it is left.
    Ended(RunEnd),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunEnd {
    /// As its supervisor reported.
    Reported(ExitReport),
    /// Its supervisor was killed, and everything with it.
    Lost {
        /// The signal that did it, if this process is the one that started it.
        signal: Option<i32>,
    },
}

/// Who is told what a run does, before anybody who waits for it.
pub(crate) trait RunObserver: Send + Sync + 'static {
    /// The program was executed.
    fn executed(&self);
    /// Nothing of the run is left but its folder.
    fn ended(&self, end: RunEnd, stopping: bool);
}

/// How this process hosts programs.
#[derive(Debug, Clone)]
pub(crate) struct ProgramHost {
    /// How a supervisor is started; names its program.
    pub(crate) launcher: LauncherCommand,
    /// Whether programs end when this process does.
    pub(crate) programs_end_with_process: bool,
}

/// One run of one vessel's program.
#[derive(Debug, Clone)]
pub(crate) struct ProgramRun {
    supervisor: u32,
    folder: RunFolder,
    stopping: Arc<AtomicBool>,
    /// Whether the node has let go of the run.
    let_go: Arc<watch::Sender<bool>>,
    states: watch::Receiver<RunState>,
}

impl ProgramRun {
    /// Starts a process for what the folder says, and follows it on a task of its own.
    pub(crate) fn start(
        host: &ProgramHost,
        folder: RunFolder,
        stage: LaunchStage,
        observer: Arc<dyn RunObserver>,
    ) -> io::Result<Self> {
        let launcher = &host.launcher;
        let program = match &launcher.program {
            Some(program) => program.clone(),
            None => std::env::current_exe()?,
        };
        let mut child = Command::new(program)
            .args(&launcher.arguments)
            // The daemon's own may hold what is none of a vessel's business, and others can read it.
            .env_clear()
            .env(LAUNCH_VARIABLE, stage.value(&folder))
            // Held by the child's handle, and so closed when this process ends, in whichever way.
            .stdin(if host.programs_end_with_process {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let supervisor = child
            .id()
            .ok_or_else(|| io::Error::other("the supervisor has no process number"))?;
        let ending = Ending::of(supervisor)?;
        let report = child.stdout.take();
        let (run, states) = Self::new(supervisor, folder, RunState::Launching);
        let follower = Follower {
            run: run.clone(),
            states,
            observer,
            ending,
        };
        tokio::spawn(follower.follow_child(child, report));
        Ok(run)
    }

    /// Finds a run of an earlier node again, and follows it; `None` when its supervisor is gone.
    pub(crate) fn find(
        report: &SupervisorReport,
        folder: RunFolder,
        observer: Arc<dyn RunObserver>,
    ) -> Option<Self> {
        let supervisor = report.supervisor.pid;
        // First hold on to whatever has that number, then look whether it is the right one.
        let ending = Ending::of(supervisor).ok()?;
        if !report.supervisor.is_alive() {
            return None;
        }
        let state = report
            .program
            .map_or(RunState::Launching, RunState::Executed);
        let (run, states) = Self::new(supervisor, folder, state);
        let follower = Follower {
            run: run.clone(),
            states,
            observer,
            ending,
        };
        tokio::spawn(follower.follow_found());
        Some(run)
    }

    fn new(supervisor: u32, folder: RunFolder, state: RunState) -> (Self, watch::Sender<RunState>) {
        let (sender, states) = watch::channel(state);
        let run = Self {
            supervisor,
            stopping: Arc::new(AtomicBool::new(folder.is_stopping())),
            folder,
            let_go: Arc::new(watch::Sender::new(false)),
            states,
        };
        (run, sender)
    }

    /// The process number of the supervisor.
    pub(crate) fn supervisor(&self) -> u32 {
        self.supervisor
    }

    /// What stands of the wall around the program, if it has one and has said so.
    pub(crate) fn wall(&self) -> Option<String> {
        self.folder.wall()
    }

    /// From now on nobody is told how the run goes on, and nothing of this process watches it: another node may.
    ///
    /// Otherwise each node that was here before would go on watching the same program, and might take for its own
    /// what a later one has started meanwhile.
    pub(crate) fn let_go(&self) {
        self.let_go.send_replace(true);
    }

    /// Waits until the node lets go of the run.
    async fn is_let_go(&self) {
        // The sender is this run's own.
        let _ = self.let_go.subscribe().wait_for(|&let_go| let_go).await;
    }

    /// How far the run got.
    pub(crate) fn state(&self) -> RunState {
        *self.states.borrow()
    }

    /// Waits until the run got as far as `far_enough` says, or ended, and returns how far that is.
    pub(crate) async fn wait_until(&self, far_enough: impl Fn(RunState) -> bool) -> RunState {
        let mut states = self.states.clone();
        let reached = |state: &RunState| matches!(state, RunState::Ended(_)) || far_enough(*state);
        match states.wait_for(reached).await {
            Ok(state) => *state,
            // The follower's runtime is shutting down; nobody will hear more.
            Err(_) => RunState::Ended(RunEnd::Lost { signal: None }),
        }
    }

    /// Says that the end that comes is wanted; kept over a restart of the node.
    pub(crate) fn mark_stopping(&self) {
        self.stopping.store(true, Ordering::Release);
        if let Err(error) = self.folder.mark_stopping() {
            tracing::warn!(%error, "a stop is not written down; a restart now would call it an end");
        }
    }

    /// Sends a signal to the program's process group. Before the program is executed there is none, and
    /// everything is killed.
    pub(crate) fn signal(&self, signal: Signal) {
        match self.state() {
            RunState::Launching => self.kill_everything(),
            RunState::Executed(program) => proc::signal_group(program, signal),
            RunState::Ended(_) => {}
        }
    }

    /// Kills the supervisor and all that it supervises, and leaves no report of it.
    ///
    /// All of them are halted first, generation by generation: while the halted supervisor lives, whatever is
    /// orphaned stays its descendant, and what is halted starts nothing new.
    pub(crate) fn kill_everything(&self) {
        if matches!(self.state(), RunState::Ended(_)) {
            return;
        }
        proc::signal_process(self.supervisor, Signal::STOP);
        let mut halted = BTreeSet::new();
        for _ in 0..KILL_ROUNDS {
            let before = halted.len();
            for pid in proc::descendants_of(self.supervisor) {
                if halted.insert(pid) {
                    proc::signal_process(pid, Signal::STOP);
                }
            }
            if halted.len() == before {
                break;
            }
        }
        halted.insert(self.supervisor);
        let ends: Vec<OwnedFd> = halted.iter().filter_map(|&pid| proc::hold(pid)).collect();
        for pid in halted {
            proc::signal_process(pid, Signal::KILL);
        }
        kill_session(self.supervisor);
        proc::wait_for_ends(&ends, DEATH_WAIT);
    }
}

/// Kills every process of a session until none is left.
fn kill_session(session: u32) {
    for _ in 0..KILL_ROUNDS {
        let members = proc::members_of_session(session);
        if members.is_empty() {
            return;
        }
        for pid in members {
            proc::signal_process(pid, Signal::KILL);
        }
    }
}

/// Kills what is left of a session whose supervisor has ended.
///
/// While any process is left in the session, its number goes to no new process; so if some process
/// has the number and is not the supervisor, nothing of the session is left.
pub(crate) fn kill_orphaned_session(supervisor: &ProcessIdentity) {
    let taken =
        proc::stat_of(supervisor.pid).is_ok_and(|stat| stat.start_ticks != supervisor.start_ticks);
    if !taken && supervisor.is_of_this_boot() {
        kill_session(supervisor.pid);
    }
}

/// The end of a process, to wait for: whose child it is does not matter, and the number cannot come to
/// mean another process.
struct Ending(AsyncFd<OwnedFd>);

impl Ending {
    fn of(pid: u32) -> io::Result<Self> {
        let pidfd = proc::hold(pid).ok_or(io::ErrorKind::NotFound)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe for types whose descriptor may change; an OwnedFd's cannot"
        )]
        Ok(Self(AsyncFd::with_interest(pidfd, Interest::READABLE)?))
    }

    async fn wait(&self) {
        // An error means that the runtime's driver is gone, and with it all who wait.
        if self.0.readable().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Follows one run to its end.
struct Follower {
    run: ProgramRun,
    states: watch::Sender<RunState>,
    observer: Arc<dyn RunObserver>,
    ending: Ending,
}

impl Follower {
    async fn follow_child(self, mut child: Child, report: Option<ChildStdout>) {
        let said = async {
            if let Some(report) = report {
                self.read_report(report).await;
            }
            std::future::pending::<()>().await;
        };
        let ended = tokio::select! {
            // Waiting loses nothing when dropped.
            () = self.ending.wait() => true,
            () = self.run.is_let_go() => false,
            // A line that is lost here is one of a supervisor that has ended, whose folder says more.
            () = said => true,
        };
        if ended {
            self.finish(Some(&mut child)).await;
        } else {
            drop(self);
            bury_when_ended(child).await;
        }
    }

    async fn follow_found(self) {
        tokio::select! {
            () = self.ending.wait() => {}
            () = self.run.is_let_go() => return,
        }
        self.finish(None).await;
    }

    async fn read_report(&self, report: ChildStdout) {
        let mut lines = BufReader::new(report.take(REPORT_BYTES)).lines();
        // Bytes that are no text come from a launcher that is none of ours; its end will tell.
        while let Ok(Some(line)) = lines.next_line().await {
            match ReportLine::parse(&line) {
                Some(ReportLine::Executed(program)) => {
                    self.executed(program).await;
                    return;
                }
                // The end follows at once, and says so too.
                Some(ReportLine::NotExecuted) => return,
                None => {}
            }
        }
    }

    async fn executed(&self, program: u32) {
        let observer = Arc::clone(&self.observer);
        blocking(move || observer.executed()).await;
        self.states.send_replace(RunState::Executed(program));
    }

    async fn finish(self, child: Option<&mut Child>) {
        let folder = self.run.folder.clone();
        let stopping = self.run.stopping.load(Ordering::Acquire);
        let observer = self.observer;
        let signal = match child {
            // It has ended; this only buries it.
            Some(child) => child.wait().await.ok().and_then(|status| status.signal()),
            None => None,
        };
        let end = blocking(move || {
            let end = match folder.exit() {
                Some(report) => RunEnd::Reported(report),
                None => {
                    // The supervisor was killed, and has not seen to the rest.
                    if let Some(report) = folder.supervisor() {
                        kill_orphaned_session(&report.supervisor);
                    }
                    RunEnd::Lost { signal }
                }
            };
            observer.ended(end, stopping);
            end
        })
        .await;
        let end = end.unwrap_or(RunEnd::Lost { signal: None });
        self.states.send_replace(RunState::Ended(end));
    }
}

/// All that is left to do for a child that is not watched any more: it ends with this process, not before, and its
/// number is not to stay taken.
async fn bury_when_ended(mut child: Child) {
    // `wait` would close it, and that is how a child is told that this process has ended.
    let life_line = child.stdin.take();
    if let Err(error) = child.wait().await {
        tracing::warn!(%error, "an ended process is not buried");
    }
    drop(life_line);
}

/// Does file work away from the threads that serve connections; `None` when the runtime shuts down.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => Some(value),
        Err(error) => {
            tracing::error!(%error, "work of the node was not finished");
            None
        }
    }
}
