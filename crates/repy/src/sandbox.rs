//! Runs one program under resources to its end: what a vessel is, and what `repy RESOURCE_FILE PROGRAM` does.
//!
//! [`run`] opens what must be open, raises the second wall, reads and judges the program, and lets the scheduler run it
//! while it looks after memory, disk, status and stop file. It ends with an [`Ending`]; the process that called it then
//! exits with [`Ending::code`]. One process runs one program: memory is counted for the process.

mod config;
mod ending;
mod log;
mod memory;

use std::cell::RefCell;
use std::rc::Rc;

pub use config::SandboxConfig;
pub use ending::{EndStatus, Ending, exit_code};

use crate::accounting::processor::ProcessorShare;
use crate::accounting::{Account, Accounting};
use crate::api;
use crate::api::files::FileTable;
use crate::network::Network;
use crate::scheduler::Scheduler;
use crate::scheduler::system::{RealSystem, System};
use crate::vm::{Limits, Machine};
use crate::{Program, ProgramError};
pub(crate) use log::LogWriter;
pub(crate) use memory::MemoryWatch;
use overlord_resources::Resource;

/// What all calls of the API share.
pub(crate) struct Sandbox {
    pub(crate) account: Account,
    pub(crate) scheduler: Scheduler,
    pub(crate) system: Box<dyn System>,
    pub(crate) processor: RefCell<ProcessorShare>,
    pub(crate) files: FileTable,
    pub(crate) network: Network,
    log: RefCell<LogWriter>,
    memory: MemoryWatch,
}

impl Sandbox {
    /// A sandbox nothing has run in yet.
    pub(crate) fn new(
        account: Account,
        system: Box<dyn System>,
        share: ProcessorShare,
        files: FileTable,
        network: Network,
        log: LogWriter,
        memory: MemoryWatch,
    ) -> Sandbox {
        Sandbox {
            account,
            scheduler: Scheduler::default(),
            system,
            processor: RefCell::new(share),
            files,
            network,
            log: RefCell::new(log),
            memory,
        }
    }

    /// Writes to the log; returns how many bytes.
    pub(crate) fn log(&self, items: &[(Vec<u8>, bool)]) -> u64 {
        self.log.borrow_mut().items(items)
    }

    /// Makes what was logged visible.
    pub(crate) fn flush_log(&self) {
        self.log.borrow_mut().flush();
    }

    /// Writes the report of an uncaught exception.
    pub(crate) fn report(&self, report: &[u8]) {
        let text = [b"---\nUncaught exception!\n\n", report, b"\n"].concat();
        self.log.borrow_mut().report(&text);
    }

    /// Bytes of memory the process uses.
    pub(crate) fn memory_used(&self) -> u64 {
        self.memory.used()
    }

    /// What must be looked at regularly; Some if the program must end.
    pub(crate) fn look_after(&self, _machine: &mut Machine, _now: f64) -> Option<Ending> {
        self.memory
            .exceeded()
            .map(|limit| Ending::OverMemory { limit })
    }
}

/// Runs a program to its end.
pub fn run(config: SandboxConfig) -> Ending {
    let log = LogWriter::new(config.log, config.errors);
    let system = Box::new(RealSystem::new());
    let account = Accounting::new(config.resources);
    let limit = |resource| account.borrow().limit(resource);
    let memory = MemoryWatch::new(limit(Resource::Memory));
    let share = ProcessorShare::new(limit(Resource::Cpu), system.now(), system.processor_time());
    let files = match FileTable::open(&config.directory, limit(Resource::DiskUsed)) {
        Ok(files) => files,
        Err(error) => {
            return end(
                &RefCell::new(log),
                Ending::Unreadable(format!(
                    "the directory {} cannot be used: {error}",
                    config.directory.display()
                )),
            );
        }
    };
    let network = Network::new(config.addresses);
    let sandbox = Rc::new(Sandbox::new(
        account, system, share, files, network, log, memory,
    ));
    let path = config.directory.join(&config.program);
    let ending = match std::fs::read(&path) {
        Err(error) => Ending::Unreadable(format!("{}: cannot be read: {error}", path.display())),
        Ok(source) => run_source(
            &sandbox,
            &source,
            &config.program.to_string_lossy(),
            &config.arguments,
            config.started,
        ),
    };
    end(&sandbox.log, ending)
}

/// Says how it ended.
fn end(log: &RefCell<LogWriter>, ending: Ending) -> Ending {
    let mut log = log.borrow_mut();
    if let Some(explanation) = ending.explanation() {
        log.report(format!("\n{explanation}\n").as_bytes());
    }
    log.flush();
    ending
}

/// Judges and runs the program of these bytes.
fn run_source(
    sandbox: &Rc<Sandbox>,
    source: &[u8],
    name: &str,
    arguments: &[String],
    started: Box<dyn FnOnce()>,
) -> Ending {
    let refusal = match Program::new(source, name) {
        Ok(program) => match sandbox.run(&program, arguments, started) {
            Ok(ending) => return ending,
            Err(error) => error.to_string(),
        },
        Err(refusal) => refusal.render(name, source),
    };
    sandbox.say(&refusal);
    Ending::Refused
}

impl Sandbox {
    /// Writes a line that is not the program's to the log.
    pub(crate) fn say(&self, text: &str) {
        self.log.borrow_mut().report(format!("{text}\n").as_bytes());
    }

    /// Runs a judged program to its end.
    ///
    /// # Errors
    /// If it cannot be compiled.
    pub(crate) fn run(
        self: &Rc<Self>,
        program: &Program,
        arguments: &[String],
        started: Box<dyn FnOnce()>,
    ) -> Result<Ending, ProgramError> {
        let mut machine = Machine::new(Limits {
            memory: self.memory.heap_limit(),
        });
        let globals = machine.new_globals();
        api::register(self, &mut machine, &globals, arguments);
        let warnings = self.clone();
        machine.set_warnings(move |note| warnings.log.borrow_mut().report(note));
        let main = machine.load(program, &globals)?;
        let thread = machine.thread(main, Vec::new());
        self.scheduler.add_main(thread);
        started();
        let ending = self.scheduler.run(self, &mut machine);
        self.scheduler.clear();
        Ok(ending)
    }
}
