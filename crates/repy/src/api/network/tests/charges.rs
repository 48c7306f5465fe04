//! What each call is charged, to the byte, and to whom.

use std::net::{Ipv4Addr, UdpSocket};

use super::Bench;
use crate::network::{AddressRules, MachineAddresses, Network, Resolver};

/// Says what a call uses: the clock stands still meanwhile, so nothing drains.
const METER: &str = "\
names = ['netsend', 'netrecv', 'loopsend', 'looprecv', 'insockets', 'outsockets']

def used(call, *arguments):
  before = getresources()[1]
  try:
    result = call(*arguments)
  except NetworkError, e:
    result = repr(e).split('(')[0]
  except TimeoutError:
    result = 'TimeoutError'
  after = getresources()[1]
  log(', '.join(['%s %+d' % (name, after[name] - before[name]) for name in names if after[name] != before[name]]))
  log('\\n')
  return result
";

#[track_caller]
fn expect(bench: Bench, program: &str, expected: &[&str]) {
    let outcome = bench.run(&[METER, program].concat());
    let lines: Vec<&str> = outcome.log.lines().collect();
    assert_eq!(lines, expected);
    assert_eq!(outcome.ending, crate::sandbox::Ending::Finished);
}

#[test]
fn messages_are_charged_64_bytes_and_their_own() {
    expect(
        Bench::new(),
        r"
server = used(listenformessage, ip, port)
used(sendmessage, ip, port, 'x' * 100, ip, other)
used(eventually, server.getmessage)
used(server.getmessage)
used(sendmessage, ip, other, '', ip, port)
used(server.close)
used(server.close)
",
        &[
            "insockets +1",
            "loopsend +164",
            "looprecv +164",
            "",
            "loopsend +64",
            "insockets -1",
            "",
        ],
    );
}

#[test]
fn connections_are_charged_their_packets() {
    expect(
        Bench::new(),
        r"
server = used(listenforconnection, ip, port)
used(server.getconnection)
here = used(openconnection, ip, port, ip, other, 5)
there = used(eventually, server.getconnection)[2]
used(here.recv, 10)
used(here.send, 'x' * 100)
used(eventually, there.recv, 30)
used(there.recv, 1000)
used(here.close)
used(here.close)
used(eventually, there.recv, 1)
used(there.close)
used(server.close)
",
        &[
            "insockets +1",
            "",
            "loopsend +128, looprecv +64, outsockets +1",
            "loopsend +64, looprecv +128, outsockets +1",
            "",
            "loopsend +164, looprecv +64",
            "loopsend +64, looprecv +94",
            "loopsend +64, looprecv +134",
            "loopsend +128, looprecv +64, outsockets -1",
            "",
            "",
            "loopsend +128, looprecv +64, outsockets -1",
            "insockets -1",
        ],
    );
}

#[test]
fn a_refused_connection_is_charged_and_leaves_nothing() {
    expect(
        Bench::new(),
        "log(used(openconnection, ip, port, ip, other, 5))",
        &["loopsend +128, looprecv +64", "ConnectionRefusedError"],
    );
}

#[test]
fn what_goes_to_other_machines_is_charged_as_such() {
    // Nobody answers; the message leaves for the machine's own outside address, if it has one.
    let Some(outside) = crate::network::ThisMachine::default().towards_internet() else {
        return;
    };
    let mut bench = Bench::new();
    bench.address = outside;
    let _silent = UdpSocket::bind(bench.place(0)).unwrap();
    expect(
        bench,
        "used(sendmessage, ip, port, 'x' * 10, ip, other)\nserver = used(listenformessage, ip, third)\n\
         sendmessage(ip, third, 'y', ip, other)\nused(eventually, server.getmessage)\n",
        &["netsend +74", "insockets +1", "netrecv +65"],
    );
}

struct Anywhere;

impl MachineAddresses for Anywhere {
    fn is_ours(&self, _address: Ipv4Addr) -> bool {
        true
    }

    fn of_interface(&self, _name: &str) -> Vec<Ipv4Addr> {
        Vec::new()
    }

    fn towards_internet(&self) -> Option<Ipv4Addr> {
        Some(Ipv4Addr::new(192, 0, 2, 1))
    }
}

#[test]
fn names_and_the_own_address_are_charged_to_the_net() {
    let mut bench = Bench::new();
    bench.network = Some(Network::with(
        AddressRules::default(),
        Box::new(Anywhere),
        Resolver::new(|name| (name == "here").then_some(Ipv4Addr::new(192, 0, 2, 1))),
    ));
    expect(
        bench,
        "used(gethostbyname, 'here')\nused(gethostbyname, 'nowhere')\nused(gethostbyname, '192.0.2.1')\nused(getmyip)",
        &[
            "netsend +1024, netrecv +4096",
            "netsend +1024, netrecv +4096",
            "netsend +1024, netrecv +4096",
            "netsend +256, netrecv +128",
        ],
    );
}

#[test]
fn ports_are_in_use_while_something_uses_them() {
    Bench::new().expect(
        r"
def ports():
  usage = getresources()[1]
  return [sorted_list(usage['messport']), sorted_list(usage['connport'])]
def sorted_list(some):
  result = [{port: 'port', other: 'other', third: 'third'}[one] for one in some]
  result.sort()
  return result
udp = listenformessage(ip, third)
here, there = connected()
log(ports(), '\n')
here.close()
udp.close()
log(ports(), '\n')
there = None
log(ports())
",
        "[['third'], ['other', 'port']]\n[[], ['port']]\n[[], []]",
    );
}
