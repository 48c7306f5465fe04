//! A vessel's process that is the sandbox of a Repy program: opens what it needs, runs the program behind the
//! walls, reports how it ended.
//!
//! Language, resources and walls are `overlord-repy`'s; this wires them to a run's folder.

use std::fs::File;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::panic;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use overlord_repy::log_ring::LogRing;
use overlord_repy::network::{AddressRules, Preference};
use overlord_repy::sandbox::{self, Ending, Reports, SandboxConfig};
use overlord_repy::wall::WallPolicy;
use overlord_resources::ResourceFile;

use super::spec::{ExitReport, LaunchSpec, LaunchedProgram, RunFolder, SupervisorReport};
use super::stage::EXIT_BROKEN;
use super::supervisor::{ReportLine, tell_node};
use crate::platform::SandboxProgram;
use crate::proc::ProcessIdentity;

/// Stack of the thread that waits for the end of the node's process; it calls nothing deep.
const THREAD_STACK: usize = 64 * 1024;

/// Runs a program to its end and returns this process's exit code.
pub(super) fn run(folder: &RunFolder) -> i32 {
    // A node that sees no report calls the vessel stale.
    prepare_and_run(folder).unwrap_or(EXIT_BROKEN)
}

fn prepare_and_run(folder: &RunFolder) -> io::Result<i32> {
    // A session of its own: no terminal's Ctrl-C and no signal to the node's group reaches the vessel.
    rustix::process::setsid()?;
    let spec = folder.spec()?;
    let LaunchedProgram::Sandbox(program) = &spec.program else {
        return Err(io::Error::other("this program needs no sandbox"));
    };
    let own = std::process::id();
    // Before all else: a node that starts meanwhile and finds nobody here takes the folder away, and
    // this fails then.
    folder.write_supervisor(&SupervisorReport {
        supervisor: ProcessIdentity::of(own)?,
        program: Some(own),
    })?;
    let exit = folder.open_exit()?;
    let wall = folder.open_wall()?;
    let log = LogRing::open(&spec.log)?;
    let ending = run_program(&spec, program, wall, SharedLog::new(log))?;
    let code = i32::from(ending.code(&program.platform.dialect().codes));
    exit.write(match ending {
        Ending::Refused { .. } => ExitReport::Refused,
        _ => ExitReport::Code(code),
    })?;
    Ok(code)
}

/// Runs the program to its end.
fn run_program(
    spec: &LaunchSpec,
    program: &SandboxProgram,
    wall: File,
    log: SharedLog,
) -> io::Result<Ending> {
    let file = ResourceFile::parse(&program.resources).map_err(io::Error::other)?;
    let ends_with_node_process = spec.ends_with_node_process;
    let config = SandboxConfig {
        program: program.program.clone().into(),
        source: None,
        arguments: program.arguments.clone(),
        directory: spec.directory.clone(),
        resources: Some(file.resources().clone()),
        schedule: None,
        addresses: only(program.address),
        log: Box::new(log.clone()),
        reports: Reports::InLog,
        // The node sees by itself how the program is, and stops it by a signal.
        status: None,
        stop: None,
        wall: WallPolicy::for_vessel(&spec.directory, file.resources()),
        log_wall: true,
        show_execution: true,
        started: Box::new(move |report| {
            // Were it not written, the log says the same.
            let _ = { wall }.write_all(report.to_string().as_bytes());
            started(ends_with_node_process);
        }),
    };
    let faults = log.clone();
    panic::set_hook(Box::new(move |fault| faults.say(&format!("{fault}\n"))));
    Ok(sandbox::run(program.platform.dialect(), config))
}

/// The node's own address and no other but 127.0.0.1, as the original's `--ip` and `--nootherips` say. Repy knows no
/// IPv6; on such a node nothing but the loopback is left.
fn only(address: IpAddr) -> AddressRules {
    let own = match address {
        IpAddr::V4(own) => own,
        IpAddr::V6(_) => Ipv4Addr::LOCALHOST,
    };
    AddressRules {
        preferences: vec![Preference::Address(own)],
        no_others: true,
    }
}

/// The program is loaded, and the walls are up.
fn started(ends_with_node_process: bool) {
    if ends_with_node_process {
        let watching = std::thread::Builder::new()
            .stack_size(THREAD_STACK)
            .spawn(end_with_node_process);
        // Without it the program would outlive the node that wants it gone.
        if watching.is_err() {
            leave(EXIT_BROKEN);
        }
    }
    tell_node(&ReportLine::Executed(std::process::id()));
}

/// Waits for the end of the node's process, and ends this one. Nothing is ever written to the pipe, so whatever
/// ends the reading is its end.
fn end_with_node_process() {
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    leave(EXIT_BROKEN);
}

#[expect(
    clippy::exit,
    reason = "the process is the program's; there is nobody to return to"
)]
fn leave(code: i32) -> ! {
    std::process::exit(code)
}

/// The vessel's log, for the program and for faults of the runtime.
#[derive(Clone)]
struct SharedLog(Arc<Mutex<LogRing>>);

impl SharedLog {
    fn new(log: LogRing) -> Self {
        Self(Arc::new(Mutex::new(log)))
    }

    /// Says what cannot wait for the program to have written its line.
    fn say(&self, text: &str) {
        let mut log = match self.0.try_lock() {
            Ok(log) => log,
            Err(TryLockError::Poisoned(broken)) => broken.into_inner(),
            // The fault is in the log itself.
            Err(TryLockError::WouldBlock) => return,
        };
        // A full disk loses it, and the exit code still tells.
        let _ = log.append(text.as_bytes());
    }
}

impl Write for SharedLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
