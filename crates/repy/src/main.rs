//! The program `repy`: judges Repy programs (`--check`) and runs one.
//!
//! Reads its arguments, calls the library, maps what it says to exit codes. Everything else is the library's.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::io::{BufWriter, Read, Write};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use overlord_repy::check::{self, Refusal};
use overlord_repy::limits::MAX_SOURCE_BYTES;
use overlord_repy::runner::{self, Surroundings};
use overlord_repy::wall;
use overlord_repy::{CountingAllocator, Limits, Program};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Memory of a program started by hand: enough for any, and little enough for any machine.
const MEMORY_LIMIT: usize = 1 << 30;

const USAGE: &str = "\
usage: repy FILE [ARGUMENT...]   run a Repy program
       repy --check FILE...      say whether programs are safe, without running them
       repy --wall-test           try to get through the wall around programs, and say what held
       repy --help | --version

--check ends with 0 if all are accepted, 5 if one is unsafe, else 2 if one is not Python, 1 if one cannot be read.
A FILE of - is standard input.";

/// Exit codes, those of the original where it has one.
mod exit {
    pub(super) const ACCEPTED: u8 = 0;
    pub(super) const USAGE: u8 = 1;
    pub(super) const SYNTAX: u8 = 2;
    pub(super) const UNSAFE: u8 = 5;
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Some((first, rest)) = arguments.split_first() else {
        return usage_error("a file is missing");
    };
    match first.to_str() {
        Some("--help" | "-h") => say(USAGE, exit::ACCEPTED),
        Some("--version" | "-V") => {
            say(concat!("repy ", env!("CARGO_PKG_VERSION")), exit::ACCEPTED)
        }
        Some("--wall-test") => wall::self_test_main(),
        Some("--check") if rest.is_empty() => usage_error("--check needs a file"),
        Some("--check") => check_files(rest),
        Some(option) if option.len() > 1 && option.starts_with('-') => {
            usage_error(&format!("there is no option {option}"))
        }
        _ => run_file(first, rest),
    }
}

/// Runs a program. Without the API's resource limits: those belong to whoever starts a vessel.
fn run_file(file: &OsStr, arguments: &[OsString]) -> ExitCode {
    let name = file.to_string_lossy();
    let bytes = match read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            complain(&format!("{name}: cannot be read: {error}"));
            return ExitCode::from(exit::USAGE);
        }
    };
    let program = match Program::new(&bytes, &name) {
        Ok(program) => program,
        Err(refusal) => {
            complain(&refusal.render(&name, &bytes));
            return ExitCode::from(match refusal {
                Refusal::Syntax(_) => exit::SYNTAX,
                Refusal::Unsafe(_) => exit::UNSAFE,
            });
        }
    };
    #[expect(clippy::disallowed_methods, reason = "the edge: the program's clock")]
    let start = std::time::Instant::now();
    let output = Rc::new(RefCell::new(BufWriter::with_capacity(
        1 << 16,
        std::io::stdout(),
    )));
    let (log, errors) = (output.clone(), output.clone());
    let surroundings = Surroundings {
        // A closed pipe is not an error of ours.
        log: Box::new(move |text| drop(log.borrow_mut().write_all(text))),
        errors: Box::new(move |text| {
            let _ = errors.borrow_mut().flush();
            let _ = std::io::stderr().write_all(text);
        }),
        clock: Box::new(move || start.elapsed().as_secs_f64()),
        #[expect(
            clippy::disallowed_methods,
            reason = "the edge: the program asked to wait"
        )]
        sleep: Box::new(|seconds| {
            std::thread::sleep(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
        }),
        args: arguments
            .iter()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect(),
        limits: Limits {
            memory: Some(MEMORY_LIMIT),
        },
    };
    let code = match runner::run(&program, surroundings) {
        Ok(code) => code,
        Err(error) => {
            complain(&error.to_string());
            exit::SYNTAX
        }
    };
    let _ = output.borrow_mut().flush();
    ExitCode::from(code)
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
        let (code, verdict) = match check::load(&bytes) {
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
    complain(&format!("{text}\n{USAGE}"));
    ExitCode::from(exit::USAGE)
}
