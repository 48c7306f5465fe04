//! Runs one program on its own, with the few calls the language itself needs: `log`, `exitall`, `getruntime` and
//! `sleep`. The whole API with its resource accounting is not here.

use std::cell::RefCell;
use std::rc::Rc;

use crate::object::exception::type_error;
use crate::object::{ExceptionKind, Thrown, Value};
use crate::vm::{Globals, Limits, Machine, Sink, SliceEnd, Stop};
use crate::{Program, ProgramError};

/// Exit codes, those of the original.
pub mod exit_code {
    /// The program ended by itself.
    pub const OK: u8 = 0;
    /// SystemExit was raised.
    pub const SYSTEM_EXIT: u8 = 4;
    /// An exception nobody caught.
    pub const UNCAUGHT: u8 = 6;
    /// Stopped from outside.
    pub const STOPPED: u8 = 44;
    /// Killed for using more than its limit.
    pub const OVER_LIMIT: u8 = 98;
}

/// Instructions between two looks at whether to go on.
const SLICE: u64 = 1_000_000;

/// Where a program's output goes, and where its time comes from.
pub struct Surroundings {
    /// What `log` writes.
    pub log: Sink,
    /// Reports of uncaught exceptions.
    pub errors: Sink,
    /// Seconds since some fixed moment, for `getruntime`.
    pub clock: Box<dyn Fn() -> f64>,
    /// Waits for this many seconds.
    pub sleep: Box<dyn Fn(f64)>,
    /// `callargs`.
    pub args: Vec<String>,
    /// What the machine allows.
    pub limits: Limits,
}

/// Runs a checked program to its end; the result is its exit code.
///
/// # Errors
/// If the program cannot be compiled.
pub fn run(program: &Program, surroundings: Surroundings) -> Result<u8, ProgramError> {
    let Surroundings {
        log,
        errors,
        clock,
        sleep,
        args,
        limits,
    } = surroundings;
    let mut machine = Machine::new(limits);
    let globals = machine.new_globals();
    let log = Rc::new(RefCell::new(Log {
        write: log,
        space: false,
    }));
    let errors = Rc::new(RefCell::new(errors));
    add_calls(&mut machine, &globals, log, clock, sleep);
    add_variables(&mut machine, &globals, args);
    let warnings = errors.clone();
    machine.set_warnings(move |note| (warnings.borrow_mut())(note));
    let main = machine.load(program, &globals)?;
    let mut thread = machine.thread(main, Vec::new());
    loop {
        match machine.run_slice(&mut thread, SLICE) {
            SliceEnd::Finished(_) => return Ok(exit_code::OK),
            SliceEnd::Budget => {}
            SliceEnd::Blocked(_) => return Ok(exit_code::STOPPED),
            SliceEnd::Raised(uncaught) => {
                if machine.exception_kind(&uncaught) == Some(ExceptionKind::SystemExit) {
                    return Ok(exit_code::SYSTEM_EXIT);
                }
                let mut report = b"---\nUncaught exception!\n\n".to_vec();
                report.extend(machine.format_exception(&uncaught));
                report.push(b'\n');
                (errors.borrow_mut())(&report);
                return Ok(exit_code::UNCAUGHT);
            }
            SliceEnd::Stopped(Stop::Exit(code)) => {
                return Ok(u8::try_from(code).unwrap_or(exit_code::UNCAUGHT));
            }
            SliceEnd::Stopped(Stop::Interrupted) => return Ok(exit_code::STOPPED),
            SliceEnd::Stopped(stop @ Stop::Memory { .. }) => {
                (errors.borrow_mut())(format!("{stop}\n").as_bytes());
                return Ok(exit_code::OVER_LIMIT);
            }
        }
    }
}

/// The log with Python 2's softspace: a space between things written, unless a line was just ended.
struct Log {
    write: Sink,
    space: bool,
}

impl Log {
    fn item(&mut self, text: &[u8], is_string: bool) {
        if self.space {
            (self.write)(b" ");
        }
        (self.write)(text);
        let ends_line =
            is_string && matches!(text.last(), Some(b'\n' | b'\t' | b'\r' | 0x0b | 0x0c));
        self.space = !ends_line;
    }
}

fn add_calls(
    machine: &mut Machine,
    globals: &Globals,
    log: Rc<RefCell<Log>>,
    clock: Box<dyn Fn() -> f64>,
    sleep: Box<dyn Fn(f64)>,
) {
    let log_function = machine.host_function("log", move |machine, args| {
        for at in 0..args.len() {
            let value = args.take(at);
            let text = machine.str_of(&value)?;
            log.borrow_mut().item(&text, matches!(value, Value::Str(_)));
        }
        Ok(Value::None)
    });
    globals.set_variable(machine, "log", log_function);
    let exitall = machine.host_function("exitall", |_, _| Err(Thrown::stop(Stop::Exit(0))));
    globals.set_variable(machine, "exitall", exitall);
    let getruntime = machine.host_function("getruntime", move |_, _| Ok(Value::float(clock())));
    globals.set_variable(machine, "getruntime", getruntime);
    let sleep = machine.host_function("sleep", move |_, args| {
        let seconds = match args.get(0) {
            Some(Value::Int(int)) => *int as f64,
            Some(Value::Float(float)) => float.get(),
            _ => return Err(type_error("sleep() takes a number of seconds")),
        };
        if seconds.is_finite() && seconds > 0.0 {
            sleep(seconds);
        }
        Ok(Value::None)
    });
    globals.set_variable(machine, "sleep", sleep);
}

fn add_variables(machine: &mut Machine, globals: &Globals, args: Vec<String>) {
    let args = args.iter().map(|arg| Value::text(arg)).collect();
    globals.set_variable(machine, "callargs", Value::list(args));
    globals.set_variable(machine, "callfunc", Value::text("initialize"));
    globals.set_variable(
        machine,
        "mycontext",
        Value::dict(crate::object::Dict::new()),
    );
    let context = machine.context_of(globals);
    globals.set_variable(machine, "_context", context);
}
