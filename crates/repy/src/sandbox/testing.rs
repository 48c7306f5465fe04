//! Programs in a sandbox whose clock moves only when somebody waits: so times and charges are exact.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::rc::Rc;

use overlord_resources::{PortKind, Resource, Resources};

use super::{Ending, LogWriter, MemoryWatch, Reports, Sandbox};
use crate::accounting::Accounting;
use crate::files::FileTable;
use crate::network::{AddressRules, Network};
use crate::scheduler::system::{RealSystem, System, Watched};

/// What each resource allows unless a test says otherwise: more than any test uses.
const PLENTY: f64 = 1e9;

/// Longest that a descriptor is really waited for before the clock moves, in seconds.
const REAL_WAIT: f64 = 0.05;

/// A system whose clock moves by what is waited, and whose processor time stands still.
struct ModelSystem {
    now: Rc<Cell<f64>>,
    real: RealSystem,
}

impl System for ModelSystem {
    fn now(&self) -> f64 {
        self.now.get()
    }

    fn processor_time(&self) -> f64 {
        0.0
    }

    fn wall_clock(&self) -> f64 {
        1e9 + self.now.get()
    }

    fn wait(&self, watched: &[Watched], seconds: f64) -> io::Result<Vec<bool>> {
        if watched.is_empty() {
            // Those at the other end of a socket may need a turn.
            std::thread::yield_now();
        } else {
            let ready = self.real.wait(watched, seconds.min(REAL_WAIT))?;
            if ready.contains(&true) {
                return Ok(ready);
            }
        }
        self.now.set(self.now.get() + seconds);
        Ok(vec![false; watched.len()])
    }

    fn random(&self, buffer: &mut [u8]) -> io::Result<()> {
        buffer.fill(b'r');
        Ok(())
    }
}

/// A log that a test reads.
#[derive(Clone, Default)]
struct Kept(Rc<RefCell<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A program to be tried.
pub(crate) struct Trial {
    program: String,
    arguments: Vec<String>,
    resources: Resources,
    is_limited: bool,
    network: Network,
    pub(crate) directory: tempfile::TempDir,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) log: String,
    pub(crate) ending: Ending,
    /// What the model's clock showed at the end.
    pub(crate) seconds: f64,
    /// Keeps the files until the test has looked at them.
    pub(crate) directory: tempfile::TempDir,
}

impl Trial {
    /// A program with plenty of everything and no files.
    pub(crate) fn new(program: &str) -> Trial {
        let mut resources = Resources::default();
        for resource in Resource::ALL {
            resources.set(resource, PLENTY);
        }
        for kind in PortKind::ALL {
            resources.allow_port(kind, 12345);
        }
        Trial {
            program: program.to_owned(),
            arguments: Vec::new(),
            resources,
            is_limited: true,
            network: Network::new(AddressRules::default()),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// Changes what a resource allows.
    pub(crate) fn limit(mut self, resource: Resource, quantity: f64) -> Trial {
        self.resources.set(resource, quantity);
        self
    }

    /// Allows a port, for messages and connections.
    pub(crate) fn port(mut self, port: u16) -> Trial {
        for kind in PortKind::ALL {
            self.resources.allow_port(kind, port);
        }
        self
    }

    /// Limits nothing at all.
    pub(crate) fn unlimited(mut self) -> Trial {
        self.is_limited = false;
        self
    }

    /// Gives it another network than this machine's.
    pub(crate) fn network(mut self, network: Network) -> Trial {
        self.network = network;
        self
    }

    /// Puts a file into the directory.
    pub(crate) fn file(self, name: &str, content: &[u8]) -> Trial {
        std::fs::write(self.directory.path().join(name), content).unwrap();
        self
    }

    /// `callargs`.
    pub(crate) fn arguments(mut self, arguments: &[&str]) -> Trial {
        self.arguments = arguments.iter().map(|&one| one.to_owned()).collect();
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Outcome {
        let now = Rc::new(Cell::new(0.0));
        let system = ModelSystem {
            now: now.clone(),
            real: RealSystem::new(),
        };
        let log = Kept::default();
        let disk = self.resources.quantity(Resource::DiskUsed);
        let sandbox = Rc::new(Sandbox::new(
            &crate::dialect::V2,
            Accounting::new(self.is_limited.then_some(self.resources)),
            Box::new(system),
            FileTable::open(self.directory.path(), disk).unwrap(),
            self.network,
            LogWriter::new(Box::new(log.clone()), Reports::InLog),
            MemoryWatch::heap_only(None),
        ));
        let started = Box::new(|| {});
        let ending = sandbox.run_source(
            self.program.as_bytes(),
            "program.r2py",
            &self.arguments,
            started,
        );
        let log = String::from_utf8_lossy(&log.0.borrow()).into_owned();
        Outcome {
            log,
            ending,
            seconds: now.get(),
            directory: self.directory,
        }
    }

    /// Runs it and asserts that it ended well and logged this.
    #[track_caller]
    pub(crate) fn logs(self, expected: &str) -> Outcome {
        let outcome = self.run();
        assert_eq!(outcome.log, expected, "{:?}", outcome.ending);
        assert_eq!(outcome.ending, Ending::Finished);
        outcome
    }
}
