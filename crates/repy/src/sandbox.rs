//! Runs one program under resources to its end: what a vessel is, and what `repy RESOURCE_FILE PROGRAM` does.
//!
//! [`run`] opens what must be open, raises the second wall, reads and judges the program, and lets the scheduler run it
//! while it looks after memory, disk, status and stop file. It ends with an [`Ending`]; the process that called it then
//! exits with [`Ending::code`]. One process runs one program: memory and processor time are counted for the process.

mod answers;
pub mod command_line;
mod config;
mod duties;
mod ending;
mod header;
mod log;
mod memory;
mod signals;
mod status;
mod stop_file;
#[cfg(test)]
pub(crate) mod testing;

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::net::Ipv4Addr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;

use overlord_resources::Resource;

pub use answers::{Missing, Refused};
pub use config::{Reports, SandboxConfig, Started};
pub use ending::{EndStatus, Ending, ExitCodes, exit_code};
pub(crate) use header::execution_header;

use crate::accounting::processor::ProcessorShare;
use crate::accounting::{Account, Accounting};
use crate::files::FileTable;
use crate::network::Network;
use crate::scheduler::Scheduler;
use crate::scheduler::surroundings::Surroundings;
use crate::scheduler::system::{RealSystem, System};
use crate::wall::{self, Layer, WallPolicy, WallReport};
use duties::Duties;
pub(crate) use log::LogWriter;
pub(crate) use memory::MemoryWatch;
use overlord_repy_machine::Str;
use overlord_repy_machine::{Globals, Limits, Machine};
use overlord_repy_machine::{Program, ProgramError};
use overlord_repy_syntax::ast::Module;
use overlord_repy_syntax::check::{Refusal, Rules};
use overlord_repy_syntax::limits::MAX_SOURCE_BYTES;
use status::STARTED;

/// A dialect of Repy: all in which the platforms that programs are written for differ.
///
/// What runs a program chooses the dialect once, by the platform's word, and hands it on; nothing below asks which
/// platform it is. The values are in [`crate::dialect`].
pub struct Dialect {
    /// The platform's word, on the wire and in tools.
    pub word: &'static str,
    /// The language: what a program may contain.
    pub(crate) rules: &'static Rules,
    /// Puts what every program begins with, the API and some variables, into its globals.
    pub(crate) globals: fn(&Rc<Sandbox>, &mut Machine, &Globals, arguments: &[String]),
    /// What the log has before a program's own output: from its name and arguments.
    pub(crate) header: fn(&str, &[String]) -> String,
    /// The exit codes that differ between dialects.
    pub codes: ExitCodes,
    /// How a node answers where there is no such program.
    pub missing: Missing,
    /// How a node answers where the program is none of this dialect.
    pub refused: Refused,
}

impl Dialect {
    /// Judges a program: its tree if it is safe.
    ///
    /// # Errors
    /// Why it is none of this dialect.
    pub fn judge(&self, source: &[u8]) -> Result<Module, Refusal> {
        self.rules.load(source)
    }

    /// Reads and judges a program; tracebacks show this name.
    ///
    /// # Errors
    /// Why it is none of this dialect.
    pub fn program(&self, source: &[u8], name: &str) -> Result<Program, Refusal> {
        Program::judged_by(self.rules, source, name)
    }

    /// What the log has where there is no program of this name.
    #[must_use]
    pub fn missing_text(&self, name: &str) -> String {
        match self.missing {
            Missing::Ended => format!("Failed to read the specified file: '{name}'\n"),
            Missing::NeverStarts => {
                format!("FATAL ERROR: Unable to read the specified program file: '{name}'\n")
            }
        }
    }
}

/// What all calls of the API share.
pub(crate) struct Sandbox {
    pub(crate) dialect: &'static Dialect,
    pub(crate) account: Account,
    pub(crate) scheduler: Scheduler,
    pub(crate) system: Box<dyn System>,
    pub(crate) processor: RefCell<ProcessorShare>,
    pub(crate) files: FileTable,
    pub(crate) network: Network,
    log: RefCell<LogWriter>,
    memory: MemoryWatch,
    duties: RefCell<Duties>,
}

impl Sandbox {
    /// A sandbox nothing has run in yet.
    pub(crate) fn new(
        dialect: &'static Dialect,
        account: Account,
        system: Box<dyn System>,
        files: FileTable,
        network: Network,
        log: LogWriter,
        memory: MemoryWatch,
    ) -> Sandbox {
        let share = account.borrow().limit(Resource::Cpu);
        let share = ProcessorShare::new(share, system.now(), system.processor_time());
        Sandbox {
            dialect,
            account,
            scheduler: Scheduler::default(),
            system,
            processor: RefCell::new(share),
            files,
            network,
            log: RefCell::new(log),
            memory,
            duties: RefCell::default(),
        }
    }

    /// Writes to the log; returns how many bytes.
    pub(crate) fn log(&self, items: &[(Str, bool)]) -> u64 {
        self.log.borrow_mut().items(items)
    }

    /// Writes a line about the program that tells of no fault of its own.
    pub(crate) fn say(&self, text: &str) {
        self.log.borrow_mut().note(&[text.as_bytes(), b"\n"]);
    }

    /// Bytes of memory the process uses.
    pub(crate) fn memory_used(&self) -> u64 {
        self.memory.used()
    }

    /// Runs a judged program to its end.
    ///
    /// # Errors
    /// If it cannot be compiled.
    pub(crate) fn run(
        self: &Rc<Self>,
        program: &Program,
        arguments: &[String],
        started: Box<dyn FnOnce() + '_>,
    ) -> Result<Ending, ProgramError> {
        let mut machine = Machine::new(Limits {
            memory: self.memory.heap_limit(),
        });
        // One machine, one process: whatever the sandbox does on this thread is done for the program.
        let _at_work = machine.at_work();
        self.memory.watch(&mut machine);
        let globals = machine.new_globals();
        (self.dialect.globals)(self, &mut machine, &globals, arguments);
        let warnings = self.clone();
        machine.set_warnings(move |note| warnings.log.borrow_mut().fault(&[note]));
        let main = machine.load(program, &globals)?;
        let thread = machine.thread(main, Vec::new());
        // The main thread is an event as any other, but a program needs no permission to have one.
        let event = self.take_item(Resource::Events).ok();
        self.scheduler.add_main(thread, event);
        let now = self.system.wall_clock();
        self.duties.borrow_mut().show(STARTED, now);
        started();
        let surroundings: Rc<dyn Surroundings> = self.clone();
        let (ending, machine) = self.scheduler.run(&surroundings, machine);
        self.scheduler.clear();
        drop(machine);
        Ok(match (ending, self.memory.limit()) {
            // The machine knows the limit of its heap only.
            (Ending::OverMemory { .. }, Some(limit)) => Ending::OverMemory { limit },
            (ending, _) => ending,
        })
    }

    /// Judges and runs the program of these bytes.
    fn run_source(
        self: &Rc<Self>,
        source: &[u8],
        name: &str,
        arguments: &[String],
        started: Box<dyn FnOnce() + '_>,
    ) -> Ending {
        let (refusal, syntax) = match self.dialect.program(source, name) {
            Ok(program) => match self.run(&program, arguments, started) {
                Ok(ending) => return ending,
                Err(error) => (error.to_string(), true),
            },
            Err(refusal) => (
                format!(
                    "Specified repy program is unsafe!\nStatic-code analysis failed with error: {}\n{}",
                    unsafe_code(&refusal),
                    refusal.render(name, source)
                ),
                matches!(refusal, Refusal::Syntax(_)),
            ),
        };
        let parts: [&[u8]; 2] = [refusal.as_bytes(), b"\n"];
        self.log.borrow_mut().fault(&parts);
        Ending::Refused { syntax }
    }
}

impl Surroundings for Sandbox {
    fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    fn system(&self) -> &dyn System {
        &*self.system
    }

    fn processor(&self) -> &RefCell<ProcessorShare> {
        &self.processor
    }

    fn account(&self) -> &Account {
        &self.account
    }

    fn look_after(&self, now: f64) -> Option<Ending> {
        if let Some(limit) = self.memory.exceeded() {
            return Some(Ending::OverMemory { limit });
        }
        // A reader of the log sees what a busy program says, too.
        self.flush_log();
        let mut duties = self.duties.borrow_mut();
        duties.look_after(now, &self.files, &*self.system)
    }

    fn report(&self, report: &[u8]) {
        let parts: [&[u8]; 3] = [b"\nUncaught exception!\n", report, b"\n"];
        self.log.borrow_mut().fault(&parts);
    }

    fn flush_log(&self) {
        self.log.borrow_mut().flush();
    }
}

/// The text of the CodeUnsafeError that the original raises for such code.
pub(crate) fn unsafe_code(refusal: &Refusal) -> String {
    let reported = refusal.as_reported();
    format!("Code failed safety check! Error: {reported}")
}

/// Why a program cannot be read that lies elsewhere.
const BY_WALL: &str =
    " (behind the second wall only what is in the directory of --cwd can be read)";

/// Memory of a program without resources: enough for any, and little enough for any machine.
const MEMORY_WITHOUT_RESOURCES: usize = 1 << 30;

/// Seeds that are drawn are below this: long enough to differ, and short enough to be typed.
const SEEDS_DRAWN: u64 = 1_000_000_000;

/// Raises the second wall, and says once what stands of it: if that is to be logged, or something is missing.
fn raise_wall(mut policy: WallPolicy, log_wall: bool, sandbox: &Sandbox) -> WallReport {
    if policy.status_folder.is_none() {
        let duties = sandbox.duties.borrow();
        policy.status_folder = duties.status_folder().map(Path::to_owned);
    }
    if !policy.layers.is_empty() {
        // What cannot be mapped now is asked for when it is needed.
        let events = sandbox.account.borrow().limit(Resource::Events);
        let threads = (events as usize).saturating_add(1);
        let _ = sandbox.scheduler.reserve_stacks(threads);
        // Behind the wall the interfaces cannot be asked for; what is known of them is kept. No interface has this
        // address, so all are asked.
        let _ = sandbox.network.allows(Ipv4Addr::UNSPECIFIED);
    }
    let report = wall::raise(&policy);
    if !report.is_complete() {
        sandbox.say(&format!("the second wall is not whole: {report}"));
    } else if log_wall {
        sandbox.say(&format!("the second wall: {report}"));
    }
    report
}

/// The file's bytes, at most one more than the front end takes: a longer file is refused there.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut source = Vec::new();
    File::open(path)?
        .take(MAX_SOURCE_BYTES as u64 + 1)
        .read_to_end(&mut source)?;
    Ok(source)
}

/// Runs a program to its end. Log and status say how it ended.
///
/// To be called while the process has one thread: the wall binds the calling thread and those it starts.
pub fn run(dialect: &'static Dialect, config: SandboxConfig) -> Ending {
    let system = RealSystem::new();
    let mut log = LogWriter::new(config.log, config.reports);
    let duties = Duties::new(config.status.as_deref(), config.stop.as_deref());
    let account = Accounting::new(config.resources);
    let disk = account.borrow().limit(Resource::DiskUsed);
    let files = FileTable::open(&config.directory, disk).map_err(|error| {
        let directory = config.directory.display();
        format!("the directory {directory} cannot be used: {error}")
    });
    let (duties, files) = match (duties, files) {
        (Ok(duties), Ok(files)) => (duties, files),
        (Err(why), _) | (_, Err(why)) => {
            log.note(&[why.as_bytes(), b"\n"]);
            return Ending::Unreadable(why);
        }
    };
    let memory = match account.borrow().limits() {
        Some(limits) => MemoryWatch::new(limits.whole(Resource::Memory)),
        None => MemoryWatch::heap_only(Some(MEMORY_WITHOUT_RESOURCES)),
    };
    let sandbox = Rc::new(Sandbox {
        duties: RefCell::new(duties),
        ..Sandbox::new(
            dialect,
            account,
            Box::new(system),
            files,
            Network::new(config.addresses),
            log,
            memory,
        )
    });
    let seed = config.schedule.unwrap_or_else(|| {
        let mut seed = [0; 8];
        // Without randomness there is one schedule; what needs it for keys says that there is none.
        let _ = sandbox.system.random(&mut seed);
        u64::from_le_bytes(seed) % SEEDS_DRAWN
    });
    sandbox.scheduler.set_seed(seed);
    let wall = raise_wall(config.wall, config.log_wall, &sandbox);
    let path = config.directory.join(&config.program);
    let source = config.source.map_or_else(|| read(&path), Ok);
    let ending = match source {
        Err(error) => {
            let by_wall = error.kind() == io::ErrorKind::PermissionDenied
                && wall.level(Layer::Places).stands();
            let reason = if by_wall { BY_WALL } else { "" };
            let shown = path.display();
            Ending::Unreadable(format!("{shown}: cannot be read: {error}{reason}"))
        }
        Ok(source) => {
            let name = config.program.to_string_lossy();
            // A fault of the interpreter ends the program as any other fault does: said in the log, and with a status.
            catch_unwind(AssertUnwindSafe(|| {
                let started = Box::new(|| {
                    if config.show_execution {
                        let header = (dialect.header)(&name, &config.arguments);
                        sandbox.log.borrow_mut().note(&[header.as_bytes()]);
                    }
                    (config.started)(&wall);
                });
                sandbox.run_source(&source, &name, &config.arguments, started)
            }))
            .unwrap_or_else(|_| Ending::Internal("the interpreter has failed".to_owned()))
        }
    };
    if let Some(explanation) = ending.explanation() {
        sandbox.say(&explanation);
    }
    // Those that end a program are its ending; others were gone past.
    let ended_it = u64::from(matches!(ending, Ending::Bug(_)));
    match overlord_bug::count().saturating_sub(ended_it) {
        0 => {}
        more => sandbox.say(&format!(
            "internal errors, please report them: {more} more, told on standard error"
        )),
    }
    if let Some(seed) = sandbox.scheduler.deciding_seed()
        && matches!(ending, Ending::Uncaught | Ending::UncaughtInThread)
    {
        let told = format!("the turns of its threads were those of --schedule {seed}\n");
        sandbox.log.borrow_mut().fault(&[told.as_bytes()]);
    }
    sandbox.flush_log();
    let now = sandbox.system.wall_clock();
    sandbox
        .duties
        .borrow_mut()
        .show(ending.status().as_str(), now);
    ending
}
