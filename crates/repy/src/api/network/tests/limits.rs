//! Programs that try to use more than they may.

use overlord_resources::Resource;

use super::Bench;

#[test]
fn who_sends_more_than_its_rate_is_slowed_to_it() {
    let outcome = Bench::limited(&[(Resource::LoopSend, 10_000.0)]).run(
        r"
for number in range(100):
  sendmessage(ip, port, 'x' * 936, ip, other)
",
    );
    // 100,000 bytes at 10,000 a second, of which one second's worth is free.
    assert!(
        (8.9..=9.2).contains(&outcome.seconds),
        "{}",
        outcome.seconds
    );
}

#[test]
fn threads_share_one_rate_and_each_gets_its_part() {
    let outcome = Bench::limited(&[(Resource::LoopSend, 10_000.0)]).run(
        r"
counts = [0, 0, 0, 0]
def sender(number, place):
  def send():
    while getruntime() < 20:
      sendmessage(ip, port, 'x' * 936, ip, place)
      counts[number] += 1
  return send
for number in range(4):
  createthread(sender(number, [other, third][number % 2]))
sleep(25)
# The first has the second's worth that is free.
log(sum(counts), max(counts) - min(counts) <= 12)
",
    );
    let total: u32 = outcome.log.split(' ').next().unwrap().parse().unwrap();
    assert!((205..=215).contains(&total), "{}", outcome.log);
    assert!(outcome.log.ends_with("True"), "{}", outcome.log);
}

#[test]
fn who_receives_more_than_its_rate_is_slowed_to_it() {
    let outcome = Bench::limited(&[(Resource::LoopRecv, 5_000.0)]).run(
        r"
here, there = connected()
got = 0
while got < 50000:
  try:
    here.send('x' * 5000)
  except SocketWouldBlockError:
    pass
  got += len(eventually(there.recv, 1000))
",
    );
    // At least 50 calls of 1,064 bytes here and as many answers of 64 there.
    assert!(
        (9.0..=30.0).contains(&outcome.seconds),
        "{}",
        outcome.seconds
    );
}

#[test]
fn a_resource_of_nought_is_forbidden_and_closing_works_all_the_same() {
    Bench::limited(&[(Resource::NetSend, 0.0), (Resource::LoopRecv, 0.0)]).expect(
        r"
log(raised(gethostbyname, 'here.example'), raised(getmyip), '\n')
server = listenformessage(ip, port)
log(raised(server.getmessage), raised(openconnection, ip, port, ip, other, 1), server.close())
",
        "ResourceForbiddenError ResourceForbiddenError\nResourceForbiddenError ResourceForbiddenError True",
    );
}

#[test]
fn ports_that_are_not_the_programs_are_forbidden_to_every_call() {
    Bench::limited(&[]).expect(
        r"
bad = [number for number in range(1, 65536) if number not in (port, other, third)]
calls = 0
for number in bad[::257] + [1, 22, 53, 80, 443, 1023, 1024, 65535]:
  for error in [raised(listenformessage, ip, number), raised(listenforconnection, ip, number),
      raised(sendmessage, ip, port, 'x', ip, number), raised(openconnection, ip, port, ip, number, 1)]:
    calls += 1
    if error != 'ResourceForbiddenError':
      log(number, error)
log(calls)
",
        "1052",
    );
}

#[test]
fn insockets_run_out_and_come_back_when_closed_or_forgotten() {
    Bench::limited(&[(Resource::InSockets, 2.0)]).expect(
        r"
first, second = listenformessage(ip, port), listenforconnection(ip, port)
log(raised(listenformessage, ip, other), raised(listenforconnection, ip, other), '\n')
# What cannot be is said before what there is not enough of.
log(raised(listenformessage, ip, port), '\n')
first.close()
third_one = listenformessage(ip, other)
second = None
fourth = listenforconnection(ip, other)
log(getresources()[1]['insockets'])
",
        "ResourceExhaustedError ResourceExhaustedError\nAlreadyListeningError\n2",
    );
}

#[test]
fn outsockets_run_out_and_a_connection_waits_until_one_is_free() {
    Bench::limited(&[(Resource::OutSockets, 1.0)]).expect(
        r"
server = listenforconnection(ip, port)
log(raised(server.getconnection), '\n')
here = openconnection(ip, port, ip, other, 5)
log(raised(openconnection, ip, port, ip, third, 5), raised(sendmessage, ip, port, 'x', ip, third), '\n')
log(raised(server.getconnection), raised(server.getconnection), '\n')
here.send('kept')
here.close()
there = eventually(server.getconnection)[2]
log(eventually(there.recv, 10))
",
        "SocketWouldBlockError\nResourceExhaustedError ResourceExhaustedError\n\
         ResourceExhaustedError ResourceExhaustedError\nkept",
    );
}

#[test]
fn sending_gives_its_socket_back_every_time() {
    Bench::limited(&[(Resource::OutSockets, 1.0)]).expect(
        r"
for number in range(1000):
  sendmessage(ip, port, 'x', ip, other)
log(getresources()[1]['outsockets'])
",
        "0",
    );
}

#[test]
fn a_listening_socket_sends_where_no_outsocket_is_left() {
    Bench::limited(&[(Resource::OutSockets, 0.0)]).expect(
        r"
server = listenformessage(ip, port)
log(sendmessage(ip, other, 'x', ip, port), raised(sendmessage, ip, port, 'x', ip, other))
",
        "1 ResourceExhaustedError",
    );
}

#[test]
fn failing_calls_keep_nothing() {
    Bench::limited(&[(Resource::OutSockets, 3.0), (Resource::InSockets, 3.0)]).expect(
        r"
for number in range(50):
  raised(openconnection, ip, port, ip, other, 1)
  raised(openconnection, '203.0.113.7', port, ip, other, 1)
  raised(sendmessage, '203.0.113.7', port, 'x', ip, other)
  raised(listenformessage, '203.0.113.7', port)
  raised(listenforconnection, '203.0.113.7', port)
usage = getresources()[1]
log(usage['outsockets'], usage['insockets'], len(usage['messport']), len(usage['connport']))
",
        "0 0 0 0",
    );
}

#[test]
fn a_program_that_floods_itself_with_connections_has_no_more_than_it_may() {
    Bench::limited(&[(Resource::OutSockets, 5.0), (Resource::InSockets, 3.0)]).expect(
        r"
servers = []
for one in (port, other, third):
  servers.append(listenforconnection(ip, one))
held, most = [], 0
for round in range(200):
  for here in (port, other, third):
    for call, arguments in [(listenformessage, (ip, here)), (openconnection, (ip, port, '127.0.0.1', here, 1))]:
      try:
        held.append(call(*arguments))
      except (ResourceExhaustedError, NetworkError, TimeoutError):
        pass
  for server in servers:
    try:
      held.append(server.getconnection())
    except (ResourceExhaustedError, NetworkError):
      pass
  usage = getresources()[1]
  most = max(most, usage['outsockets'] + usage['insockets'])
log(most)
",
        "8",
    );
}
