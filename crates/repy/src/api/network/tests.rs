//! Network calls made by programs, over loopback with real sockets, on a clock that jumps over every wait: so what is
//! waited for is seen to the byte and no test waits for it.

mod arguments;
mod charges;
mod connections;
mod limits;
mod messages;
mod names;
mod texts;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};

use overlord_resources::Resource;

use crate::network::Network;
use crate::network::tests::{free, own_address};
use crate::sandbox::Ending;
use crate::sandbox::testing::Trial;

/// What is before every program: calls that must succeed or fail.
const PRELUDE: &str = "\
def raised(call, *arguments):
  try:
    call(*arguments)
  except Exception, e:
    return repr(e).split('(')[0]
  return 'nothing'

def said(call, *arguments):
  try:
    call(*arguments)
  except Exception, e:
    log(repr(e).split('(')[0] + ': ' + str(e) + '\\n')

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

/// A program with an address and three free ports of its own.
struct Bench {
    address: Ipv4Addr,
    ports: [u16; 3],
    limits: Option<Vec<(Resource, f64)>>,
    network: Option<Network>,
}

/// What became of a program.
struct Outcome {
    ending: Ending,
    /// Without the space that `log` puts between a text and the end of its line.
    log: String,
    /// What the clock shows, in seconds.
    seconds: f64,
}

/// A port is free again before the next is asked for, so the same may come twice.
fn three_free_ports(address: Ipv4Addr) -> [u16; 3] {
    loop {
        let ports = [(); 3].map(|()| free(address).port());
        if BTreeSet::from(ports).len() == ports.len() {
            return ports;
        }
    }
}

impl Bench {
    /// Nothing is limited.
    fn new() -> Bench {
        let address = own_address();
        Bench {
            address,
            ports: three_free_ports(address),
            limits: None,
            network: None,
        }
    }

    /// These quantities, enough of everything else, and the three ports.
    fn limited(quantities: &[(Resource, f64)]) -> Bench {
        Bench {
            limits: Some(quantities.to_vec()),
            ..Bench::new()
        }
    }

    fn place(&self, port: usize) -> SocketAddrV4 {
        SocketAddrV4::new(self.address, self.ports[port])
    }

    /// Runs a program to its end. It finds its address in `ip` and its ports in `port`, `other` and `third`.
    fn run(self, program: &str) -> Outcome {
        let ports = self.ports.map(|port| port.to_string());
        let address = self.address.to_string();
        let [port, other, third] = &ports;
        let mut trial =
            Trial::new(&[PRELUDE, program].concat()).arguments(&[&address, port, other, third]);
        for port in self.ports {
            trial = trial.port(port);
        }
        match self.limits {
            None => trial = trial.unlimited(),
            Some(limits) => {
                for (resource, quantity) in limits {
                    trial = trial.limit(resource, quantity);
                }
            }
        }
        if let Some(network) = self.network {
            trial = trial.network(network);
        }
        let outcome = trial.run();
        Outcome {
            ending: outcome.ending,
            log: outcome.log.replace(" \n", "\n"),
            seconds: outcome.seconds,
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

#[test]
fn every_error_is_the_exception_of_its_name() {
    use crate::network::NetworkError;
    use overlord_repy_machine::{ExceptionKind, Stop, Thrown};

    let place = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80);
    let pair = (place, place);
    let refused = || std::io::Error::other("refused");
    let unreachable = NetworkError::Unreachable {
        local: Ipv4Addr::LOCALHOST,
        remote: place,
        source: refused(),
    };
    let (local, remote) = pair;
    for (error, kind) in [
        (
            NetworkError::AlreadyListening(place),
            ExceptionKind::AlreadyListeningError,
        ),
        (
            NetworkError::DuplicateTuple { local, remote },
            ExceptionKind::DuplicateTupleError,
        ),
        (
            NetworkError::AddressInUse(place),
            ExceptionKind::DuplicateTupleError,
        ),
        (
            NetworkError::CleanupInProgress { local, remote },
            ExceptionKind::CleanupInProgressError,
        ),
        (
            NetworkError::AddressBinding(*place.ip()),
            ExceptionKind::AddressBindingError,
        ),
        (
            NetworkError::AddressForbidden(place),
            ExceptionKind::ResourceForbiddenError,
        ),
        (unreachable, ExceptionKind::InternetConnectivityError),
        (
            NetworkError::NoInternet,
            ExceptionKind::InternetConnectivityError,
        ),
        (
            NetworkError::Refused(place),
            ExceptionKind::ConnectionRefusedError,
        ),
        (NetworkError::TimedOut(place), ExceptionKind::TimeoutError),
        (
            NetworkError::Unresolved("x".to_owned()),
            ExceptionKind::NetworkAddressError,
        ),
        (
            NetworkError::HungUp(place),
            ExceptionKind::ConnectionRefusedError,
        ),
        (
            NetworkError::ClosedLocally,
            ExceptionKind::SocketClosedLocal,
        ),
        (NetworkError::ServerClosed, ExceptionKind::SocketClosedLocal),
        (
            NetworkError::ClosedBeforeSending,
            ExceptionKind::SocketClosedRemote,
        ),
        (
            NetworkError::ClosedRemotely,
            ExceptionKind::SocketClosedRemote,
        ),
        (
            NetworkError::WouldBlock("wait"),
            ExceptionKind::SocketWouldBlockError,
        ),
        (
            NetworkError::ServerInvalid(refused()),
            ExceptionKind::TCPServerSocketInvalidError,
        ),
        (
            NetworkError::Exhausted(refused()),
            ExceptionKind::ResourceExhaustedError,
        ),
        (NetworkError::TooLong, ExceptionKind::RepyArgumentError),
        (NetworkError::System(refused()), ExceptionKind::NetworkError),
    ] {
        let text = error.to_string();
        assert!(Thrown::from(error).is(kind), "{text}");
    }
    // Without a thread for what needs one the program cannot go on, as in the original.
    let stopped = Thrown::from(NetworkError::NoThread(refused()));
    assert!(!stopped.is(ExceptionKind::NetworkError));
    assert!(matches!(stopped.as_stop(), Some(Stop::NoThread(_))));
}
