//! Runs one program without resources: nothing is limited but what the caller limits, nothing but the log leads out
//! unless there is a directory for files. For trying programs out, tests and benchmarks; vessels are [`crate::sandbox`]'s.

use std::cell::Cell;
use std::io::{self, Write};
use std::rc::Rc;

use crate::accounting::Accounting;
use crate::files::FileTable;
use crate::network::{AddressRules, Network};
pub use crate::sandbox::exit_code;
use crate::sandbox::{LogWriter, MemoryWatch, Reports, Sandbox};
use crate::scheduler::system::{RealSystem, System, Watched};
use overlord_repy_machine::{Limits, Program, ProgramError, Sink};

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
    let system = GivenTime {
        clock: surroundings.clock,
        sleep: surroundings.sleep,
        waited_until: Cell::new(0.0),
        real: RealSystem::new(),
    };
    let log = LogWriter::new(
        Box::new(SinkWriter(surroundings.log)),
        Reports::AllTo(Box::new(SinkWriter(surroundings.errors))),
    );
    let sandbox = Rc::new(Sandbox::new(
        &crate::dialect::V2,
        Accounting::new(None),
        Box::new(system),
        FileTable::none(),
        Network::new(AddressRules::default()),
        log,
        MemoryWatch::heap_only(surroundings.limits.memory),
    ));
    let ending = sandbox.run(program, &surroundings.args, Box::new(|| {}))?;
    if let Some(explanation) = ending.explanation() {
        sandbox.say(&explanation);
    }
    Ok(ending.code(&crate::dialect::V2.codes))
}

/// A sink as a writer.
struct SinkWriter(Sink);

impl Write for SinkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (self.0)(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The system, but for the caller's clock. A clock that stands still is taken to have moved by what was slept.
struct GivenTime {
    clock: Box<dyn Fn() -> f64>,
    sleep: Box<dyn Fn(f64)>,
    waited_until: Cell<f64>,
    real: RealSystem,
}

impl System for GivenTime {
    fn now(&self) -> f64 {
        (self.clock)().max(self.waited_until.get())
    }

    fn processor_time(&self) -> f64 {
        self.real.processor_time()
    }

    fn wall_clock(&self) -> f64 {
        self.real.wall_clock()
    }

    fn wait(&self, watched: &[Watched], seconds: f64) -> io::Result<Vec<bool>> {
        let until = self.now() + seconds;
        if watched.is_empty() {
            if seconds > 0.0 {
                (self.sleep)(seconds);
            }
            self.waited_until.set(until);
            return Ok(Vec::new());
        }
        self.real.wait(watched, seconds)
    }

    fn random(&self, buffer: &mut [u8]) -> io::Result<()> {
        self.real.random(buffer)
    }
}
