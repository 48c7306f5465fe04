//! The program `repy`: judges Repy programs (`--check`) and runs one, by itself or under the limits of a resource file.
//!
//! Reads its arguments, calls the library, maps what it says to exit codes. Everything else is the library's.

mod schedules;

use std::ffi::{OsStr, OsString};
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use overlord_repy::CountingAllocator;
use overlord_repy::dialect::{self, Dialect};
use overlord_repy::log_ring::LogRing;
use overlord_repy::network::AddressRules;
use overlord_repy::sandbox::command_line::{self, CommandLine};
use overlord_repy::sandbox::{self, Ending, Reports, SandboxConfig};
use overlord_repy::wall::{self, WallPolicy};
use overlord_repy_syntax::check::Refusal;
use overlord_repy_syntax::limits::MAX_SOURCE_BYTES;
use overlord_resources::{RESOURCE_FILE_BYTES_MAX, ResourceFile};
use schedules::ScheduleError;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const SYNOPSIS: &str = "\
usage: repy FILE [ARGUMENT...]   run a Repy program; nothing but its memory is limited
       repy [OPTION...] RESOURCE_FILE PROGRAM [ARGUMENT...]
                                 run it under the limits of a resource file
       repy --schedules N ...    run it under N schedules of its threads, and show each different outcome
       repy --check FILE...      say whether programs are safe, without running them
       repy --wall-test          try to get through the wall around programs, and say what held
       repy --help | --version";

const DETAILS: &str = "
options, with all paths relative to the directory of --cwd:
  --cwd DIRECTORY    the program's files are there (default: the current directory)
  --logfile PREFIX   the log goes to PREFIX.old and PREFIX.new, 16 to 32 KiB in all
  --status PREFIX    keep a status file PREFIX-STATE-TIME
  --stop FILE        stop when this file appears; it says CODE;MESSAGE
  --ip ADDRESS, --iface NAME
                     an address to prefer; --nootherips: use no other
  --schedule SEED    take turns between threads as drawn from this number; of use without a resource file, too
  --execinfo         the log begins with program and arguments; standard error is told what stands of the wall
  --servicelog       standard error is told of faults of the sandbox, too

--schedules runs each in a copy of the current directory; it ends with 0 if they all ended the same way, else 3.
--check ends with 0 if all are accepted, 5 if one is unsafe, else 2 if one is not Python, 1 if one cannot be read.
A FILE of - is standard input.";

/// What programs are written in.
const DIALECT: &Dialect = &dialect::V2;

/// Exit codes, those of the original where it has one.
mod exit {
    pub(super) const ACCEPTED: u8 = 0;
    pub(super) const USAGE: u8 = 1;
    pub(super) const SYNTAX: u8 = 2;
    pub(super) const DIFFERENT: u8 = 3;
    pub(super) const UNSAFE: u8 = 5;
}

fn main() -> ExitCode {
    overlord_bug::set_reporter(|bug| complain(&bug.to_string()));
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Some((first, rest)) = arguments.split_first() else {
        return usage_error("a file is missing");
    };
    match first.to_str() {
        Some("--help" | "-h") => say(&format!("{SYNOPSIS}\n{DETAILS}"), exit::ACCEPTED),
        Some("--version" | "-V") => {
            say(concat!("repy ", env!("CARGO_PKG_VERSION")), exit::ACCEPTED)
        }
        Some("--wall-test") => wall::self_test_main(),
        Some("--check") if rest.is_empty() => usage_error("--check needs a file"),
        Some("--check") => check_files(rest),
        Some("--schedules") => explore_schedules(rest),
        // The only option that the form without resources has: there is a program behind it, not more options.
        Some("--schedule") if rest.get(1).is_some_and(|file| is_program(file, rest)) => {
            match (
                rest.first().map(|seed| command_line::parse_seed(seed)),
                rest.get(1),
            ) {
                (Some(Ok(seed)), Some(file)) => {
                    run_file(file, rest.get(2..).unwrap_or_default(), Some(seed))
                }
                (Some(Err(error)), _) => usage_error(&error.to_string()),
                _ => usage_error("a file is missing"),
            }
        }
        _ if command_line::is_option(first) => run_under_resources(&arguments),
        Some(option) if option.len() > 1 && option.starts_with('-') => {
            usage_error(&format!("there is no option {option}"))
        }
        _ if names_resources(first, !rest.is_empty()) => run_under_resources(&arguments),
        _ => run_file(first, rest, None),
    }
}

/// Runs a program without resources, with files in the current directory: for trying it out by hand.
fn run_file(file: &OsStr, arguments: &[OsString], schedule: Option<u64>) -> ExitCode {
    let source = match read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            complain(&format!("{}: cannot be read: {error}", file.display()));
            return ExitCode::from(exit::USAGE);
        }
    };
    let ending = sandbox::run(
        DIALECT,
        SandboxConfig {
            program: file.into(),
            source: Some(source),
            arguments: arguments
                .iter()
                .map(|argument| argument.to_string_lossy().into_owned())
                .collect(),
            directory: ".".into(),
            resources: None,
            schedule,
            addresses: AddressRules::default(),
            log: buffered_output(),
            reports: Reports::AllTo(Box::new(std::io::stderr())),
            status: None,
            stop: None,
            wall: WallPolicy::danger_none(),
            log_wall: false,
            show_execution: false,
            started: Box::new(|_| {}),
        },
    );
    ExitCode::from(match ending {
        Ending::Refused { syntax: true } => exit::SYNTAX,
        other => other.code(&DIALECT.codes),
    })
}

fn buffered_output() -> Box<dyn Write> {
    Box::new(BufWriter::with_capacity(1 << 16, std::io::stdout()))
}

/// Runs a program under resources, as the original's command line asks for.
fn run_under_resources(words: &[OsString]) -> ExitCode {
    let line = match CommandLine::parse(words) {
        Ok(line) => line,
        Err(error) => return usage_error(&error.to_string()),
    };
    match prepare(&line) {
        Ok(config) => {
            let ending = sandbox::run(DIALECT, config);
            if line.service_log
                && let Some(fault) = ending.fault()
            {
                complain(&fault);
            }
            ExitCode::from(ending.code(&DIALECT.codes))
        }
        Err(why) => {
            complain(&why);
            ExitCode::from(exit::USAGE)
        }
    }
}

/// Opens what the command line names, all of it relative to `--cwd`.
fn prepare(line: &CommandLine) -> Result<SandboxConfig, String> {
    if let Some(directory) = &line.directory {
        std::env::set_current_dir(directory)
            .map_err(|error| format!("{}: {error}", directory.display()))?;
    }
    let shown = line.resources.display();
    let text = std::fs::read(&line.resources).map_err(|error| format!("{shown}: {error}"))?;
    let text = command_line::without_mark(&text);
    let file = ResourceFile::parse(text).map_err(|error| format!("{shown}: {error}"))?;
    let log: Box<dyn Write> = match &line.log {
        Some(prefix) => Box::new(
            LogRing::open(prefix).map_err(|error| format!("{}: {error}", prefix.display()))?,
        ),
        None => buffered_output(),
    };
    Ok(SandboxConfig {
        program: line.program.clone(),
        source: None,
        arguments: line.arguments.clone(),
        directory: ".".into(),
        resources: Some(file.resources().clone()),
        schedule: line.schedule,
        addresses: line.addresses.clone(),
        log,
        // Without a file for both, reports go where the original's do.
        reports: match line.log {
            Some(_) => Reports::InLog,
            None => Reports::FaultsTo(Box::new(std::io::stderr())),
        },
        status: line.status.clone(),
        stop: line.stop.clone(),
        wall: WallPolicy::for_vessel(Path::new("."), file.resources()),
        // Standard output is the program's alone: a comparison of it wants nothing else there.
        log_wall: line.log.is_some(),
        show_execution: line.show_execution,
        started: if line.show_execution {
            Box::new(|wall| complain(&format!("the wall around it: {wall}")))
        } else {
            Box::new(|_| {})
        },
    })
}

/// Tries many schedules of one program.
fn explore_schedules(words: &[OsString]) -> ExitCode {
    let (Some(number), Some(rest)) = (words.first(), words.get(1..)) else {
        return usage_error("--schedules needs a number");
    };
    let Some(first) = rest.first() else {
        return usage_error("--schedules needs a program");
    };
    let line = if command_line::is_option(first) || names_resources(first, rest.len() > 1) {
        match CommandLine::parse(rest) {
            Ok(line) => Some(line),
            Err(error) => return usage_error(&error.to_string()),
        }
    } else {
        None
    };
    let leaves = |line: &CommandLine| {
        let elsewhere = [&line.log, &line.status, &line.stop, &line.directory];
        elsewhere.iter().any(|path| path.is_some())
    };
    let explored = match &line {
        Some(line) if leaves(line) => Err(ScheduleError::Option),
        Some(line) => schedules::explore(
            &number.to_string_lossy(),
            rest,
            &[&line.resources, &line.program],
        ),
        None => schedules::explore(&number.to_string_lossy(), rest, &[Path::new(first)]),
    };
    match explored {
        Ok(true) => ExitCode::from(exit::ACCEPTED),
        Ok(false) => ExitCode::from(exit::DIFFERENT),
        Err(error) => {
            let cause = std::error::Error::source(&error);
            let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
            complain(&format!("{error}{cause}"));
            ExitCode::from(exit::USAGE)
        }
    }
}

/// Whether the word behind `--schedule SEED` is a program of the form without resources.
fn is_program(file: &OsStr, words: &[OsString]) -> bool {
    !command_line::is_option(file) && !names_resources(file, words.len() > 2)
}

/// Whether the first word is a file of resources, not a program.
fn names_resources(file: &OsStr, program_follows: bool) -> bool {
    let mut text = Vec::new();
    file != "-"
        && std::fs::File::open(file)
            .and_then(|file| {
                file.take(RESOURCE_FILE_BYTES_MAX as u64)
                    .read_to_end(&mut text)
            })
            .is_ok()
        && command_line::is_resource_file(&text, program_follows)
}

/// The verdict on each file; one line per file if there are several.
fn check_files(files: &[OsString]) -> ExitCode {
    let mut worst = exit::ACCEPTED;
    let mut unreadable = false;
    for file in files {
        let name = file.to_string_lossy();
        let bytes = match read(file) {
            Ok(bytes) => bytes,
            Err(error) => {
                complain(&format!("{name}: cannot be read: {error}"));
                unreadable = true;
                continue;
            }
        };
        let (code, verdict) = match DIALECT.judge(&bytes) {
            Ok(_) => (exit::ACCEPTED, format!("{name}: accepted")),
            Err(refusal) => {
                let code = match refusal {
                    Refusal::Syntax(_) => exit::SYNTAX,
                    Refusal::Unsafe(_) => exit::UNSAFE,
                };
                let verdict = if files.len() == 1 {
                    refusal.render(&name, &bytes)
                } else {
                    format!("{name}: {refusal}")
                };
                (code, verdict)
            }
        };
        worst = worst.max(code);
        if writeln!(std::io::stdout(), "{verdict}").is_err() {
            // Nobody listens any more (a closed pipe); the exit code still tells.
            break;
        }
    }
    ExitCode::from(if unreadable { exit::USAGE } else { worst })
}

/// The file's bytes, at most one more than the library takes: a longer file is refused there.
fn read(file: &OsStr) -> std::io::Result<Vec<u8>> {
    let limit = MAX_SOURCE_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    if file == "-" {
        std::io::stdin()
            .lock()
            .take(limit)
            .read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(file)?
            .take(limit)
            .read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn say(text: &str, code: u8) -> ExitCode {
    // A closed pipe is not an error of ours.
    let _ = writeln!(std::io::stdout(), "{text}");
    ExitCode::from(code)
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "repy: {text}");
}

fn usage_error(text: &str) -> ExitCode {
    complain(&format!("{text}\n{SYNOPSIS}"));
    ExitCode::from(exit::USAGE)
}
