//! Network calls made by programs, over loopback with real sockets, on a clock that jumps over every wait: so what is
//! waited for is seen to the byte and no test waits for it.

mod arguments;
mod charges;
mod connections;
mod limits;
mod messages;
mod names;

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

use overlord_resources::{PortKind, Resource, Resources};

use crate::Program;
use crate::accounting::Accounting;
use crate::api::files::FileTable;
use crate::network::tests::{free, own_address};
use crate::network::{AddressRules, Network};
use crate::sandbox::{Ending, LogWriter, MemoryWatch, Sandbox};
use crate::scheduler::system::{RealSystem, System, Watched};

/// Longest that a descriptor is really waited for before the clock jumps.
const REAL_WAIT: f64 = 0.05;

/// A clock that shows what it was told, and the real system otherwise.
struct JumpingClock {
    now: Rc<Cell<f64>>,
    real: RealSystem,
}

impl System for JumpingClock {
    fn now(&self) -> f64 {
        self.now.get()
    }

    fn processor_time(&self) -> f64 {
        0.0
    }

    fn wall_clock(&self) -> f64 {
        self.real.wall_clock()
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
        self.real.random(buffer)
    }
}

/// What is before every program: calls that must succeed or fail.
const PRELUDE: &str = "\
def raised(call, *arguments):
  try:
    call(*arguments)
  except Exception, e:
    return repr(e).split('(')[0]
  return 'nothing'

def eventually(call, *arguments):
  for attempt in xrange(100000):
    try:
      return call(*arguments)
    except SocketWouldBlockError:
      sleep(0.001)
  raise Exception('it still would block')

def connected():
  'Two ends of a connection.'
  server = listenforconnection(ip, port)
  here = openconnection(ip, port, ip, other, 5)
  return here, eventually(server.getconnection)[2]

ip, port, other, third = callargs[0], int(callargs[1]), int(callargs[2]), int(callargs[3])
";

/// Lines of [`PRELUDE`], which those of a report are counted from.
struct Bench {
    address: Ipv4Addr,
    ports: [u16; 3],
    resources: Option<Resources>,
    network: Network,
    clock: Rc<Cell<f64>>,
}

/// What became of a program.
struct Outcome {
    ending: Ending,
    /// Without the space that `log` puts between a text and the end of its line.
    log: String,
    /// What the clock shows, in seconds.
    seconds: f64,
}

#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Bench {
    /// An address and three free ports of its own, and no limits.
    fn new() -> Bench {
        let address = own_address();
        Bench {
            address,
            ports: [(); 3].map(|()| free(address).port()),
            resources: None,
            network: Network::new(AddressRules::default()),
            clock: Rc::default(),
        }
    }

    /// Enough of everything, the three ports of both kinds, and these quantities.
    fn limited(quantities: &[(Resource, f64)]) -> Bench {
        let mut bench = Bench::new();
        let mut resources = Resources::default();
        for resource in Resource::ALL {
            resources.set(resource, 1e9);
        }
        for &(resource, quantity) in quantities {
            resources.set(resource, quantity);
        }
        for port in bench.ports {
            resources.allow_port(PortKind::Message, port);
            resources.allow_port(PortKind::Connection, port);
        }
        bench.resources = Some(resources);
        bench
    }

    fn place(&self, port: usize) -> SocketAddrV4 {
        SocketAddrV4::new(self.address, self.ports[port])
    }

    /// Runs a program to its end. It finds its address in `ip` and its ports in `port`, `other` and `third`.
    fn run(self, program: &str) -> Outcome {
        let source = [PRELUDE, program].concat();
        let program = Program::new(source.as_bytes(), "test.r2py").unwrap();
        let log = Shared::default();
        let system = JumpingClock {
            now: self.clock.clone(),
            real: RealSystem::new(),
        };
        let sandbox = Rc::new(Sandbox::new(
            Accounting::new(self.resources),
            Box::new(system),
            FileTable::none(),
            self.network,
            LogWriter::new(Box::new(log.clone()), None),
            MemoryWatch::heap_only(None),
        ));
        let mut arguments = vec![self.address.to_string()];
        arguments.extend(self.ports.iter().map(u16::to_string));
        let ending = sandbox.run(&program, &arguments, Box::new(|| {})).unwrap();
        let log = String::from_utf8_lossy(&log.0.borrow()).replace(" \n", "\n");
        Outcome {
            ending,
            log,
            seconds: self.clock.get(),
        }
    }

    /// Runs a program that must end by itself and write exactly this.
    #[track_caller]
    fn expect(self, program: &str, expected: &str) {
        let outcome = self.run(program);
        assert_eq!(outcome.log, expected);
        assert_eq!(outcome.ending, Ending::Finished);
    }
}
