//! What calls refuse before they do anything.

use super::Bench;

#[test]
fn wrong_arguments_are_refused_whatever_is_wrong() {
    Bench::new().expect(
        r"
here, there = connected()
udp = listenformessage(ip, port)
tcp = listenforconnection(ip, third)
address, host, number, text, wait = ip, 'localhost', third, 'x', 1.5

# For each call: good arguments, and for each of them what is not good there.
bad_ip = [None, 5, '', 'localhost', '0.0.0.0', '224.0.0.1', '192.168.0.0', '1.2.3', '1.2.3.256', '1.2.3.4.5', '::1', ' 127.0.0.1',
    '127.0.0.1\0', ['127.0.0.1']]
bad_port = [None, '80', 80.0, True, 0, -1, 65536, 10 ** 30, -10 ** 30, [80]]
bad_text = [None, 5, 5.0, ['x'], {}, len]
bad_count = [None, '1', 1.0, True, 0, -1, -10 ** 30]
bad_wait = [None, '1', True, 0, -1, 0.0, -0.5, float('nan')]
nothing = []
table = [
  ('gethostbyname', gethostbyname, [host], [bad_text]),
  ('getmyip', getmyip, [], []),
  ('sendmessage', sendmessage, [address, port, text, address, number],
      [bad_ip, bad_port, bad_text + ['x' * 9217], bad_ip, bad_port]),
  ('listenformessage', listenformessage, [address, number], [bad_ip, bad_port]),
  ('openconnection', openconnection, [address, port, address, number, wait],
      [bad_ip, bad_port, bad_ip, bad_port, bad_wait]),
  ('listenforconnection', listenforconnection, [address, other], [bad_ip, bad_port]),
  ('recv', here.recv, [5], [bad_count]),
  ('send', here.send, [text], [bad_text]),
  ('close', here.close, [], []),
  ('getmessage', udp.getmessage, [], []),
  ('close', udp.close, [], []),
  ('getconnection', tcp.getconnection, [], []),
  ('close', tcp.close, [], []),
]
count = 0
for name, call, good, bad in table:
  tries = [good + [1]]
  if good:
    tries.append(good[:-1])
    tries.append([])
  for at in range(len(good)):
    for value in bad[at]:
      tries.append(good[:at] + [value] + good[at + 1:])
  for arguments in tries:
    count += 1
    error = raised(call, *arguments)
    if error != 'RepyArgumentError':
      log(name, arguments, error, '\n')
  try:
    call(x=1)
    log(name, 'takes a keyword\n')
  except RepyArgumentError:
    pass
log(count)
",
        "205",
    );
}

#[test]
fn a_socket_may_not_talk_to_itself() {
    Bench::new().expect(
        r"
log(raised(sendmessage, ip, port, 'x', ip, port))
log(raised(openconnection, ip, port, ip, port, 1))
",
        "RepyArgumentError RepyArgumentError",
    );
}

#[test]
fn numbers_may_be_longs_and_a_wait_a_whole_number_or_endless() {
    Bench::new().expect(
        r"
server = listenforconnection(ip, long(port))
first = openconnection(ip, long(port), ip, long(other), 5L)
second = openconnection(ip, port, ip, third, float('inf'))
log(first.send('x'), eventually(server.getconnection)[2].recv(10L))
",
        "1 x",
    );
}
