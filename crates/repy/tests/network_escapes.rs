//! Programs that try to do over the network what they may not, and others that do so to them: real processes behind
//! both walls, at addresses 127.x.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

#[expect(dead_code, reason = "shared with other tests, which use more of it")]
mod vessel;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;

use tempfile::TempDir;
use vessel::{PATIENCE, Vessel, eventually, free_port, own_address};

/// Before every program: the exception that a call raises.
const PRELUDE: &str = "\
def raised(call, *arguments):
  try:
    call(*arguments)
  except Exception, e:
    return repr(e).split('(')[0]
  return 'nothing'

";

struct Attempt {
    folder: TempDir,
}

impl Attempt {
    fn new(program: &str) -> Attempt {
        let folder = TempDir::new().unwrap();
        let text = [PRELUDE, program].concat();
        std::fs::write(folder.path().join("program.r2py"), text).unwrap();
        Attempt { folder }
    }

    fn start(
        &self,
        address: Ipv4Addr,
        ports: &[u16],
        resources: &str,
        arguments: &[&str],
    ) -> Vessel {
        let program = self.folder.path().join("program.r2py");
        Vessel::start_at(address, Path::new(&program), ports, resources, arguments)
    }
}

/// What the program wrote, when it has ended by itself.
#[track_caller]
fn output(vessel: Vessel) -> String {
    let (code, log) = vessel.end();
    assert_eq!(code, Some(0), "{log}");
    log.lines()
        .filter(|line| !line.starts_with("wall"))
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

/// So many free ports, no two the same.
fn free_ports(address: Ipv4Addr, count: usize) -> Vec<u16> {
    let mut ports = BTreeSet::new();
    while ports.len() < count {
        ports.insert(free_port(address));
    }
    ports.into_iter().collect()
}

#[test]
fn other_vessels_ports_and_addresses_are_out_of_reach() {
    let (mine, others) = (own_address(), own_address());
    let ports = free_ports(mine, 2);
    let (port, victim) = (ports[0], ports[1]);
    let _listening = TcpListener::bind((mine, victim)).unwrap();
    let attempt = Attempt::new(
        r"
ip, port, victim, other = callargs[0], int(callargs[1]), int(callargs[2]), callargs[3]
# Neither to listen where others do, nor to speak in their name: not by port and not by address.
for local in [(ip, victim), (other, port), (other, victim), ('127.0.0.1', victim)]:
  log(raised(listenformessage, *local), raised(listenforconnection, *local))
  log(raised(sendmessage, ip, port, 'x', *local), raised(openconnection, ip, port, local[0], local[1], 1), '\n')
# Nor everywhere at once, nor to everybody.
for local in ['0.0.0.0', '255.255.255.255', '224.0.0.1', '::', '']:
  log(raised(listenformessage, local, port), raised(sendmessage, local, port, 'x', ip, port), '\n')
",
    );
    let arguments = [
        mine.to_string(),
        port.to_string(),
        victim.to_string(),
        others.to_string(),
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let log = output(attempt.start(mine, &[port], "", &arguments));
    let forbidden = ["ResourceForbiddenError"; 4].join(" ");
    let wrong = ["RepyArgumentError"; 2].join(" ");
    let lines = [[forbidden.as_str(); 4].as_slice(), &[wrong.as_str(); 5]].concat();
    assert_eq!(log, lines.join("\n"));
}

#[test]
fn names_and_interfaces_are_known_behind_the_wall() {
    let address = own_address();
    let attempt = Attempt::new(
        r"
log(gethostbyname('localhost'), raised(gethostbyname, 'no-such-name.invalid'), getmyip() == callargs[0])
",
    );
    let log = output(attempt.start(address, &[], "", &[&address.to_string()]));
    assert_eq!(log, "127.0.0.1 NetworkAddressError True");
}

#[test]
fn an_interface_is_preferred_behind_the_wall_too() {
    let address = own_address();
    let attempt = Attempt::new(
        r"
log(getmyip(), raised(listenformessage, '127.0.0.2', 12345))
",
    );
    let program = attempt.folder.path().join("program.r2py");
    let mut runtime = std::process::Command::new(env!("CARGO_BIN_EXE_repy"));
    // The first preference is one that the machine has not.
    runtime.args(["--ip", "203.0.113.7", "--iface", "lo"]);
    let vessel = Vessel::run(runtime, address, &program, &[12345], "", &[]);
    assert_eq!(output(vessel), "127.0.0.1 ResourceForbiddenError");
}

#[test]
fn huge_messages_and_huge_wishes_take_no_memory() {
    let address = own_address();
    let port = free_port(address);
    let attempt = Attempt::new(
        r"
ip, port = callargs[0], int(callargs[1])
huge = 'x' * 5000000
log(raised(sendmessage, ip, port, huge, ip, port + 1), '\n')
server = listenforconnection(ip, port)
log('ready\n')
while True:
  try:
    client = server.getconnection()[2]
    break
  except SocketWouldBlockError:
    sleep(0.01)
# Asking for more than there is memory, and sending as much as there is.
got, sent = 0, 0
while got < 3000000:
  try:
    got += len(client.recv(10 ** 12))
  except SocketWouldBlockError:
    sleep(0.001)
try:
  while True:
    sent += client.send(huge)
except SocketWouldBlockError:
  log(got, sent < 1000000, '\n')
client.close()
",
    );
    let arguments = [address.to_string(), port.to_string()];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let vessel = attempt.start(address, &[port, port + 1], "", &arguments);
    let mut stream = vessel.connect(port);
    stream.write_all(&vec![b'y'; 3_000_000]).unwrap();
    assert_eq!(output(vessel), "RepyArgumentError\nready\n3000000 True");
}

#[test]
fn datagrams_nobody_reads_and_the_longest_ones_do_no_harm() {
    let address = own_address();
    let port = free_port(address);
    let attempt = Attempt::new(
        r"
server = listenformessage(callargs[0], int(callargs[1]))
log('ready\n')
longest = 0
while True:
  try:
    ip, port, message = server.getmessage()
  except SocketWouldBlockError:
    sleep(0.01)
    continue
  longest = max(longest, len(message))
  if message == 'end':
    break
  if message == 'begin':
    sleep(0.5)
log(longest, getresources()[1]['memory'] < 20000000)
",
    );
    let arguments = [address.to_string(), port.to_string()];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let vessel = attempt.start(address, &[port], "", &arguments);
    eventually("the program to listen", || {
        vessel.log().contains("ready").then_some(())
    });
    let socket = UdpSocket::bind((own_address(), 0)).unwrap();
    socket.send_to(b"begin", (address, port)).unwrap();
    // 65,507 bytes is the longest there is; what the program's buffer does not hold is lost, as is allowed to messages.
    for _ in 0..200 {
        socket
            .send_to(&vec![b'z'; 65_507], (address, port))
            .unwrap();
    }
    let log = {
        let place = (address, port);
        eventually("the program to reach the end", || {
            let _ = socket.send_to(b"end", place);
            vessel.log().contains("True").then_some(())
        });
        output(vessel)
    };
    assert_eq!(log, "ready\n65507 True");
}

#[test]
fn a_crowd_of_clients_gets_no_more_sockets_than_the_vessel_has() {
    let address = own_address();
    let port = free_port(address);
    let attempt = Attempt::new(
        r"
server = listenforconnection(callargs[0], int(callargs[1]))
held, most, exhausted = [], 0, False
log('ready\n')
begun = getruntime()
while len(held) < 5 or not exhausted:
  try:
    held.append(server.getconnection())
  except SocketWouldBlockError:
    sleep(0.01)
  except ResourceExhaustedError:
    exhausted = True
  most = max(most, getresources()[1]['outsockets'])
log(len(held), most)
",
    );
    let arguments = [address.to_string(), port.to_string()];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let vessel = attempt.start(address, &[port], "", &arguments);
    let first = vessel.connect(port);
    let crowd: Vec<_> = (0..10)
        .filter_map(|_| {
            let place = (address, port).into();
            TcpStream::connect_timeout(&place, PATIENCE / 30).ok()
        })
        .collect();
    assert_eq!(output(vessel), "ready\n5 5");
    drop((first, crowd));
}

#[test]
fn descriptors_run_out_as_an_exception_and_come_back() {
    let address = own_address();
    let ports = free_ports(address, 50);
    let attempt = Attempt::new(
        r"
# A million sockets are allowed by the resource file; the system has fewer.
ip = callargs[0]
def flood():
  held = []
  for port in [int(text) for text in callargs[1:]]:
    for listen in [listenformessage, listenforconnection]:
      try:
        held.append(listen(ip, port))
      except ResourceExhaustedError:
        return len(held)
      except NetworkError:
        pass
  return 'no end'
first = flood()
second = flood()
log(0 < first < 40, first == second, getresources()[1]['insockets'])
",
    );
    let mut arguments = vec![address.to_string()];
    arguments.extend(ports.iter().map(u16::to_string));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let vessel = Vessel::start_with_descriptors(
        40,
        address,
        &attempt.folder.path().join("program.r2py"),
        &ports,
        "resource insockets 1000000\nresource outsockets 1000000\n",
        &arguments,
    );
    assert_eq!(output(vessel), "True True 0");
}

#[test]
fn a_killed_vessel_leaves_its_ports_to_the_next() {
    let address = own_address();
    let port = free_port(address);
    let attempt = Attempt::new(
        r"
ip, port = callargs[0], int(callargs[1])
tcp = listenforconnection(ip, port)
udp = listenformessage(ip, port)
log('ready\n')
held = []
while True:
  try:
    held.append(tcp.getconnection())
  except SocketWouldBlockError:
    sleep(0.01)
",
    );
    let arguments = [address.to_string(), port.to_string()];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    for _ in 0..5 {
        let vessel = attempt.start(address, &[port], "", &arguments);
        // A connection that lives when the program dies must not keep the port.
        let _held = vessel.connect(port);
        vessel.kill();
    }
}

#[test]
fn whatever_a_program_does_to_its_sockets_none_is_left() {
    let address = own_address();
    let ports = free_ports(address, 4);
    let attempt = Attempt::new(
        r"
ip, ports, state = callargs[0], [int(text) for text in callargs[1:5]], [int(callargs[5])]
control = listenformessage(ip, ports[0])

def below(limit):
  state[0] = (state[0] * 1103515245 + 12345) % 2 ** 31
  return state[0] / 65536 % limit

def some(choices):
  return choices[below(len(choices))]

held = [None] * 12
counts = {}

def act():
  at = below(len(held))
  calls = [
      (listenformessage, ip, some(ports)), (listenforconnection, ip, some(ports)),
      (openconnection, ip, some(ports), ip, some(ports), 0.05), (sendmessage, ip, some(ports), 'x', ip, some(ports))]
  thing = held[at]
  if thing is not None:
    # Whatever it is, only some of these are there.
    for name in ['getmessage', 'getconnection', 'recv', 'send', 'close']:
      if below(3) == 0 and name in repr_of_methods(thing):
        calls.append((method(thing, name),) + {'recv': (10,), 'send': ('y' * 100,)}.get(name, ()))
  call = some(calls)
  try:
    result = call[0](*call[1:])
  except RepyException, e:
    result = repr(e).split('(')[0]
    counts[result] = counts.get(result, 0) + 1
    return
  if type(result) is tuple:
    result = result[2]
  held[at] = result

def repr_of_methods(thing):
  text = repr(thing)
  if 'udpserversocket' in text:
    return ['getmessage', 'close']
  if 'tcpserversocket' in text:
    return ['getconnection', 'close']
  if 'socket' in text:
    return ['recv', 'send', 'close']
  return []

def method(thing, name):
  if name == 'getmessage':
    return thing.getmessage
  if name == 'getconnection':
    return thing.getconnection
  if name == 'recv':
    return thing.recv
  if name == 'send':
    return thing.send
  return thing.close

def wait_for(word):
  while True:
    try:
      if control.getmessage()[2] == word:
        return
    except SocketWouldBlockError:
      sleep(0.01)

log('begin\n')
wait_for('go')
left = [3]
def work():
  for step in range(700):
    act()
  left[0] -= 1
for number in range(3):
  createthread(work)
while left[0]:
  sleep(0.01)
kinds = len(counts)
held[:] = []
usage = getresources()[1]
log('idle', kinds > 4, usage['insockets'], usage['outsockets'], len(usage['messport']), len(usage['connport']), '\n')
wait_for('end')
",
    );
    let seed = std::process::id();
    println!("seed {seed}");
    let mut arguments = vec![address.to_string()];
    arguments.extend(ports.iter().map(u16::to_string));
    arguments.push(seed.to_string());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let vessel = attempt.start(address, &ports, "", &arguments);
    let says = |word: &str| vessel.log().contains(word).then_some(());
    eventually("the program to begin", || says("begin"));
    let before = vessel.descriptors();
    let socket = UdpSocket::bind((own_address(), 0)).unwrap();
    socket.send_to(b"go", (address, ports[0])).unwrap();
    eventually("the program to be idle", || says("idle"));
    assert_eq!(vessel.descriptors(), before);
    socket.send_to(b"end", (address, ports[0])).unwrap();
    assert_eq!(output(vessel), "begin\nidle True 1 0 1 0");
}
