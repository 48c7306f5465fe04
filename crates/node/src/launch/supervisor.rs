//! The first stage of a launch: supervises one run of one vessel's program until nothing of it is left.

use std::fmt;
use std::io::{self, PipeReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use overlord_repy::log_ring::LogRing;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

use super::spec::{ExitReport, LaunchedProgram, RunFolder, SupervisorReport};
use super::stage::{EXIT_BROKEN, LAUNCH_VARIABLE, LaunchStage, SupervisorTie};
use crate::proc::{self, ProcessIdentity};

/// Bytes read from the program at a time: one pipe buffer of Linux.
const READ_BYTES: usize = 64 * 1024;
/// Stack of the threads that read pipes; they call nothing deep.
const THREAD_STACK: usize = 128 * 1024;
/// Longest failure text taken from an executor.
const FAILURE_BYTES: u64 = 4096;
/// How long the last output is waited for when everything was killed. Only a descriptor that was
/// handed to a process outside the vessel can keep the pipe open, and nobody waits for that.
const LAST_OUTPUT_WAIT: Duration = Duration::from_secs(1);
/// Rounds of killing what the program left behind. Each kills a whole generation, so only something that
/// forks without end, always faster, needs more; the node then kills the whole session.
const KILL_ROUNDS: usize = 200;

/// A line that a supervisor tells the node on its standard output. A test harness that hosts the
/// supervisor prints there as well, so every line has a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReportLine {
    /// The program was executed, or runs in the sandbox that says so, and has this process number.
    Executed(u32),
    /// It could not be executed; the log says why.
    NotExecuted,
}

impl ReportLine {
    const MARK: &'static str = "overlord-vessel ";

    /// Reads a line; `None` for what a test harness prints.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let said = &line[line.find(Self::MARK)? + Self::MARK.len()..];
        match said.trim_end().split_once(' ') {
            Some(("executed", pid)) => Some(Self::Executed(pid.parse().ok()?)),
            None if said.trim_end() == "not-executed" => Some(Self::NotExecuted),
            _ => None,
        }
    }
}

impl fmt::Display for ReportLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Executed(pid) => write!(f, "{}executed {pid}", Self::MARK),
            Self::NotExecuted => write!(f, "{}not-executed", Self::MARK),
        }
    }
}

/// Supervises a run to its end and returns this process's exit code.
pub(super) fn run(folder: RunFolder) -> i32 {
    match supervise(&folder) {
        Ok(exit) => match folder.write_exit(exit) {
            Ok(()) => 0,
            Err(_) => EXIT_BROKEN,
        },
        // The node sees a supervisor that ended and left no report, and calls the vessel stale.
        Err(_) => EXIT_BROKEN,
    }
}

fn supervise(folder: &RunFolder) -> io::Result<ExitReport> {
    // A session of its own: no terminal's Ctrl-C and no signal to the node's group reaches the vessel.
    rustix::process::setsid()?;
    let own = rustix::process::getpid();
    rustix::process::set_child_subreaper(Some(own))?;
    let spec = folder.spec()?;
    let mut report = SupervisorReport {
        supervisor: ProcessIdentity::of(std::process::id())?,
        program: None,
    };
    // Before the program: a node that starts meanwhile and finds nobody here takes the folder away,
    // and this fails then.
    folder.write_supervisor(&report)?;

    let LaunchedProgram::Command(command) = &spec.program else {
        return Err(io::Error::other("a sandbox needs no supervisor"));
    };
    let mut log = LogRing::open(&spec.log)?;
    log.append(command.log_header.as_bytes())?;
    let (output, program_output) = io::pipe()?;
    let (failure, executor_failure) = io::pipe()?;
    // This very executable, also when its file was replaced meanwhile.
    let executor = Command::new("/proc/self/exe")
        .args(std::env::args_os().skip(1))
        .env(LAUNCH_VARIABLE, LaunchStage::Executor.value(folder))
        .env(SupervisorTie::VARIABLE, std::process::id().to_string())
        .stdin(program_output)
        .stdout(Stdio::null())
        .stderr(executor_failure)
        .process_group(0)
        .spawn()?;
    let program = executor.id();
    report.program = Some(program);
    folder.write_supervisor(&report)?;

    if spec.ends_with_node_process {
        end_with_node_process(program)?;
    }
    let failed = read_failure(failure)?;
    let executed = failed.is_none();
    if let Some(reason) = failed {
        let name = command.program.file_name().unwrap_or_default();
        let line = format!("{} cannot be executed: {reason}\n", name.display());
        log.append(line.as_bytes())?;
    }
    tell_node(&if executed {
        ReportLine::Executed(program)
    } else {
        ReportLine::NotExecuted
    });

    let logged = keep_log(output, log)?;
    let status = wait_for_program(program)?;
    end_the_rest(program);
    // Whether all of it was written or the wait ran out makes no difference to what follows.
    let _ = logged.recv_timeout(LAST_OUTPUT_WAIT);
    Ok(if executed {
        exit_report(status)
    } else {
        ExitReport::NotExecuted
    })
}

/// Waits until the executor is the program, or says why it is not.
fn read_failure(failure: PipeReader) -> io::Result<Option<String>> {
    let mut text = Vec::new();
    failure.take(FAILURE_BYTES).read_to_end(&mut text)?;
    Ok(if text.is_empty() {
        None
    } else {
        Some(String::from_utf8_lossy(&text).into_owned())
    })
}

pub(super) fn tell_node(line: &ReportLine) {
    let mut node = io::stdout().lock();
    // A node that is gone meanwhile reads the run's folder when it comes back.
    let _ = writeln!(node, "{line}").and_then(|()| node.flush());
}

/// Kills the program when the node's process ends, on a thread that waits for nothing else.
fn end_with_node_process(program: u32) -> io::Result<()> {
    std::thread::Builder::new()
        .stack_size(THREAD_STACK)
        .spawn(move || {
            // Nothing is ever written there, so whatever ends the reading is the end of the pipe.
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            proc::signal_group(program, Signal::KILL);
        })?;
    Ok(())
}

/// Moves the program's output into the log on a thread of its own; the receiver hears when it has all of it.
fn keep_log(mut output: PipeReader, mut log: LogRing) -> io::Result<mpsc::Receiver<()>> {
    let (done, finished) = mpsc::channel();
    std::thread::Builder::new()
        .stack_size(THREAD_STACK)
        .spawn(move || {
            let mut buffer = vec![0; READ_BYTES];
            loop {
                match output.read(&mut buffer) {
                    Ok(0) => break,
                    // A full disk loses output, and never holds the program up.
                    Ok(length) => drop(log.append(&buffer[..length])),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            // Nobody listens any more when the wait for the last output ran out.
            let _ = done.send(());
        })?;
    Ok(finished)
}

/// Waits for the program, and buries every orphan of it that ends before.
fn wait_for_program(program: u32) -> io::Result<WaitStatus> {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if number(pid) == program => return Ok(status),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Kills and buries everything that the program left behind.
fn end_the_rest(program: u32) {
    proc::signal_group(program, Signal::KILL);
    for _ in 0..KILL_ROUNDS {
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                // No children, and as a subreaper of all descendants that means no descendants.
                Err(_) => return,
            }
        }
        for pid in proc::descendants_of(std::process::id()) {
            proc::signal_process(pid, Signal::KILL);
        }
        // At least one of them is a child of this process, and was just killed.
        if rustix::process::wait(WaitOptions::empty()).is_err() {
            return;
        }
    }
}

fn exit_report(status: WaitStatus) -> ExitReport {
    match status.terminating_signal() {
        Some(signal) => ExitReport::Signal(signal),
        None => ExitReport::Code(status.exit_status().unwrap_or(EXIT_BROKEN)),
    }
}

fn number(pid: Pid) -> u32 {
    pid.as_raw_nonzero().get().unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_lines_are_found_among_what_a_test_harness_prints() {
        for line in [ReportLine::Executed(4711), ReportLine::NotExecuted] {
            assert_eq!(ReportLine::parse(&format!("{line}\n")), Some(line.clone()));
            let amid = format!("test vessel_process_entry ... {line}\n");
            assert_eq!(ReportLine::parse(&amid), Some(line));
        }
        for line in ["", "running 1 test\n", "overlord-vessel executed x\n"] {
            assert_eq!(ReportLine::parse(line), None);
        }
    }
}
