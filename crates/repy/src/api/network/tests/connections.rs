//! `openconnection`, `listenforconnection`, `getconnection` and the calls of a socket.

use std::io::Read;
use std::net::{TcpListener, TcpStream};

use super::Bench;

#[test]
fn a_connection_carries_bytes_both_ways() {
    Bench::new().expect(
        r"
server = listenforconnection(ip, port)
log(raised(server.getconnection), '\n')
here = openconnection(ip, port, ip, other, 5)
who, where, there = eventually(server.getconnection)
log(who == ip, where == other, '\n')
log(raised(there.recv, 10), here.send('hello\0\xff'), repr(eventually(there.recv, 5)), repr(there.recv(100)), '\n')
log(there.send(''), there.send('back'), eventually(here.recv, 1000))
",
        "SocketWouldBlockError\nTrue True\nSocketWouldBlockError 7 'hello' '\\x00\\xff'\n0 4 back",
    );
}

#[test]
fn a_closed_socket_says_so_at_both_ends() {
    Bench::new().expect(
        r"
here, there = connected()
here.send('last words')
log(here.close(), here.close(), raised(here.recv, 1), raised(here.send, 'x'), '\n')
log(eventually(there.recv, 100), raised(there.recv, 100), '\n')
def send_on():
  for attempt in range(1000):
    there.send('anyone?')
    sleep(0.001)
log(raised(send_on))
",
        "True False SocketClosedLocal SocketClosedLocal\nlast words SocketClosedRemote\nSocketClosedRemote",
    );
}

#[test]
fn a_socket_that_is_forgotten_is_closed_at_once() {
    Bench::new().expect(
        r"
here, there = connected()
here = None
log(raised(eventually, there.recv, 1), getresources()[1]['outsockets'])
",
        "SocketClosedRemote 1",
    );
}

#[test]
fn much_data_is_taken_in_parts() {
    Bench::new().expect(
        r"
here, there = connected()
data = ''.join([chr(i % 256) for i in range(300000)])
left, got = data, []
blocked = 0
while left:
  try:
    sent = here.send(left)
    left = left[sent:]
  except SocketWouldBlockError:
    blocked += 1
    got.append(eventually(there.recv, 10 ** 9))
here.close()
try:
  while True:
    got.append(eventually(there.recv, 7000))
except SocketClosedRemote:
  pass
log(blocked > 0, ''.join(got) == data)
",
        "True True",
    );
}

#[test]
fn nobody_listening_refuses_and_nobody_answering_takes_the_time_given() {
    let bench = Bench::new();
    // A full backlog answers nobody: Linux takes one more than the number.
    let silent = TcpListener::bind(bench.place(2)).unwrap();
    rustix::net::listen(&silent, 0).unwrap();
    let _filling = TcpStream::connect(bench.place(2)).unwrap();
    let outcome = bench.run(
        r"
log(raised(openconnection, ip, port, ip, other, 5), getruntime() < 1, '\n')
begun = getruntime()
log(raised(openconnection, ip, third, ip, other, 2.5), getruntime() - begun >= 2.5, getruntime() - begun < 4, '\n')
log(getresources()[1]['outsockets'], len(getresources()[1]['connport']))
",
    );
    assert_eq!(
        outcome.log,
        "ConnectionRefusedError True\nTimeoutError True True\n0 0"
    );
}

#[test]
fn who_waits_for_a_connection_does_not_hold_up_the_others() {
    let bench = Bench::new();
    let silent = TcpListener::bind(bench.place(2)).unwrap();
    rustix::net::listen(&silent, 0).unwrap();
    let _filling = TcpStream::connect(bench.place(2)).unwrap();
    let outcome = bench.run(
        r"
count = [0]
def work():
  while count[0] >= 0:
    count[0] += 1
    sleep(0.1)
createthread(work)
log(raised(openconnection, ip, third, ip, other, 2), count[0] >= 15)
count[0] = -10
",
    );
    assert_eq!(outcome.log, "TimeoutError True");
}

#[test]
fn each_pair_of_addresses_has_one_connection() {
    Bench::new().expect(
        r"
first, second = listenforconnection(ip, port), listenforconnection(ip, third)
here = openconnection(ip, port, ip, other, 5)
log(raised(openconnection, ip, port, ip, other, 5), '\n')
another = openconnection(ip, third, ip, other, 5)
log(another.send('x'), raised(openconnection, ip, third, ip, port, 5), raised(listenforconnection, ip, port), '\n')
here.close()
log(raised(openconnection, ip, port, ip, other, 5), '\n')
log(first.close(), first.close(), raised(first.getconnection))
again = listenforconnection(ip, port)
",
        "DuplicateTupleError\n1 AlreadyListeningError AlreadyListeningError\nCleanupInProgressError\n\
         True True SocketClosedLocal",
    );
}

#[test]
fn what_another_process_listens_on_is_a_duplicate() {
    let bench = Bench::new();
    let _taken = TcpListener::bind(bench.place(0)).unwrap();
    bench.expect(
        r"
log(raised(listenforconnection, ip, port), raised(openconnection, ip, other, ip, port, 1))
",
        "DuplicateTupleError DuplicateTupleError",
    );
}

#[test]
fn an_address_of_another_machine_cannot_be_bound_and_is_not_reached_from_loopback() {
    Bench::new().expect(
        r"
foreign = '203.0.113.7'
log(raised(listenforconnection, foreign, port), raised(openconnection, ip, port, foreign, other, 1), '\n')
log(raised(openconnection, foreign, port, ip, other, 1))
",
        "AddressBindingError AddressBindingError\nInternetConnectivityError",
    );
}

#[test]
fn any_program_can_be_at_the_other_end() {
    let bench = Bench::new();
    let server = bench.place(0);
    let client = std::thread::spawn(move || {
        let mut stream = loop {
            match TcpStream::connect(server) {
                Ok(stream) => break stream,
                Err(_) => std::thread::yield_now(),
            }
        };
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    });
    let outcome = bench.run(
        r"
server = listenforconnection(ip, port)
def accept():
  while True:
    try:
      return server.getconnection()
    except SocketWouldBlockError:
      sleep(0.001)
who, where, client = accept()
client.send('welcome')
client.close()
",
    );
    assert_eq!(outcome.log, "");
    assert_eq!(client.join().unwrap(), "welcome");
}
