//! The second stage of a launch: sets the limits of the process and becomes the program.
//!
//! Standard input is the pipe that becomes the program's output, standard error the pipe on which a
//! failure is told; that one closes by itself when the program is executed. Standard output is not
//! used, because a test harness that hosts this stage prints there.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, Rlimit, Signal, setrlimit};

use super::spec::{LaunchedProgram, RunFolder};
use super::stage::{EXIT_BROKEN, SupervisorTie};
use crate::platform::{ProcessLimits, ProgramCommand};

/// How often a program that somebody still writes to is tried again, and the pause between: 2 s in all.
/// A descriptor that a fork of the node inherited for a moment is enough for the kernel to say "text file busy".
const BUSY_TRIES: usize = 400;
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// Becomes the program, or says why not and returns an exit code.
pub(super) fn run(folder: &RunFolder) -> i32 {
    // A duplicate, because executing puts the program's output in the place of standard error first.
    let Ok(failure) = fcntl_dupfd_cloexec(io::stderr(), 3) else {
        return EXIT_BROKEN;
    };
    let error = match become_program(folder) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    // The supervisor reads this; if it is gone there is nobody to tell.
    let _ = write!(File::from(failure), "{error}");
    EXIT_BROKEN
}

fn become_program(folder: &RunFolder) -> io::Result<Infallible> {
    SupervisorTie::fasten()?;
    let spec = folder.spec()?;
    let LaunchedProgram::Command(program) = &spec.program else {
        return Err(io::Error::other("a sandbox is not executed"));
    };
    let output = fcntl_dupfd_cloexec(io::stdin(), 3)?;
    let mut command = command_of(program);
    command
        .current_dir(&spec.directory)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    set_limits(program.limits)?;
    Err(execute(&mut command))
}

fn command_of(program: &ProgramCommand) -> Command {
    let mut command = Command::new(&program.program);
    command
        .args(&program.arguments)
        .env_clear()
        .envs(&program.environment);
    command
}

/// Executes; comes back only with the reason why that was not possible.
fn execute(command: &mut Command) -> io::Error {
    let mut error = command.exec();
    for _ in 0..BUSY_TRIES {
        if error.kind() != io::ErrorKind::ExecutableFileBusy {
            break;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "nothing tells when a file is no longer being written to; this process does nothing else"
        )]
        std::thread::sleep(BUSY_PAUSE);
        error = command.exec();
    }
    error
}

fn set_limits(limits: ProcessLimits) -> io::Result<()> {
    let ProcessLimits {
        address_space,
        data,
        open_files,
        file_size,
        core_size,
    } = limits;
    for (resource, limit) in [
        (Resource::As, address_space),
        (Resource::Data, data),
        (Resource::Nofile, open_files),
        (Resource::Fsize, file_size),
        (Resource::Core, core_size),
    ] {
        let Some(limit) = limit else { continue };
        // Raising above what the daemon itself was given is not possible, and not wanted.
        let most = rustix::process::getrlimit(resource).maximum;
        let limit = Some(most.map_or(limit, |most| most.min(limit)));
        setrlimit(
            resource,
            Rlimit {
                current: limit,
                maximum: limit,
            },
        )?;
    }
    Ok(())
}

impl SupervisorTie {
    /// Makes this process, and the program it becomes, die with the supervisor.
    fn fasten() -> io::Result<()> {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // Asked for before this line, checked after: a supervisor that died in between is noticed.
        let expected = std::env::var(SupervisorTie::VARIABLE).unwrap_or_default();
        let parent = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
        if expected == parent.to_string() {
            Ok(())
        } else {
            Err(io::Error::other("the supervisor is gone"))
        }
    }
}
