//! `str(e)` of what network calls raise: programs print these texts and match them.

use super::Bench;

#[test]
fn wrong_addresses_ports_and_times_are_named() {
    Bench::new().expect(
        r"
said(openconnection, '1.2.3', 0, 'x', 0, 0)
said(openconnection, ip, 0, 'x', 0, 0)
said(openconnection, ip, 0, ip, 0, 0)
said(openconnection, ip, 65536L, ip, 0, 0)
said(openconnection, ip, 10 ** 20, ip, 0, 0)
said(openconnection, ip, 80, ip, 0, 0)
said(openconnection, ip, 80, ip, 80, 0)
said(openconnection, ip, 80, ip, 80, 0.0)
said(openconnection, ip, 80, ip, 80, 1)
said(sendmessage, ip, 0, 'x', ip, 1)
said(sendmessage, '240.0.0.1', 1, 'x', ip, 1)
said(listenformessage, 'x', 1)
said(listenforconnection, ip, 0)
said(listenforconnection, ip, -1)
said(sendmessage, ip, 1, 5, ip, 1)
",
        "RepyArgumentError: Provided destip is not valid! IP: '1.2.3'\n\
         RepyArgumentError: Provided localip is not valid! IP: 'x'\n\
         RepyArgumentError: Provided destport is not valid! Port: 0\n\
         RepyArgumentError: Provided destport is not valid! Port: 65536\n\
         RepyArgumentError: Provided destport is not valid! Port: 100000000000000000000\n\
         RepyArgumentError: Provided localport is not valid! Port: 0\n\
         RepyArgumentError: Provided timeout is not valid, must be positive! Timeout: 0\n\
         RepyArgumentError: Provided timeout is not valid, must be positive! Timeout: 0.0\n\
         RepyArgumentError: Local socket name cannot match destination socket name! Local/Dest IP and Port match.\n\
         RepyArgumentError: Provided destport is not valid! Port: 0\n\
         RepyArgumentError: Provided destip is not valid! IP: '240.0.0.1'\n\
         RepyArgumentError: Provided localip is not valid! IP: 'x'\n\
         RepyArgumentError: Provided localport is not valid! Port: 0\n\
         RepyArgumentError: Min value is 0.\n\
         RepyArgumentError: Invalid type <type 'int'>\n",
    );
}

#[test]
fn what_the_program_has_open_already_is_told() {
    Bench::new().expect(
        r"
here, there = connected()
said(openconnection, ip, port, ip, other, 1)
server = listenforconnection(ip, third)
said(openconnection, ip, port, ip, third, 1)
said(listenforconnection, ip, third)
udp = listenformessage(ip, third)
said(listenformessage, ip, third)
said(udp.getmessage)
said(server.getconnection)
udp.close()
server.close()
said(udp.getmessage)
said(server.getconnection)
",
        "DuplicateTupleError: There is a duplicate connection which conflicts with the request!\n\
         AlreadyListeningError: There is a listening socket on the provided localip and localport!\n\
         AlreadyListeningError: There is a listening socket on the provided localip and localport!\n\
         AlreadyListeningError: There is a listening socket on the provided localip and localport!\n\
         SocketWouldBlockError: No messages currently available!\n\
         SocketWouldBlockError: No connections currently available!\n\
         SocketClosedLocal: The socket has been closed!\n\
         SocketClosedLocal: The socket has been closed!\n",
    );
}

#[test]
fn a_connection_says_who_closed_it() {
    Bench::new().expect(
        r"
here, there = connected()
said(here.recv, 5)
def fill():
  while True:
    here.send('x' * 100000)
said(fill)
there.close()
said(there.recv, 1)
said(there.send, 'x')
sleep(0.1)
said(here.recv, 1)
",
        "SocketWouldBlockError: There is no data! recv() would block.\n\
         SocketWouldBlockError: send() would block.\n\
         SocketClosedLocal: The socket is closed!\n\
         SocketClosedLocal: The socket is closed!\n\
         SocketClosedRemote: The socket has been closed remotely!\n",
    );
}

#[test]
fn sending_to_who_has_closed_fails_at_the_first_call() {
    Bench::new().expect(
        r"
here, there = connected()
there.send('last words')
there.close()
log(eventually(here.recv, 100) + '\n')
said(here.recv, 1)
said(here.send, 'x')
said(here.send, 'x')
",
        "last words\n\
         SocketClosedRemote: The socket has been closed remotely!\n\
         SocketClosedRemote: The socket has been closed by the remote end!\n\
         SocketClosedRemote: The socket has been closed by the remote end!\n",
    );
}

#[test]
fn who_does_not_answer_is_told_from_what_is_not_ours() {
    Bench::limited(&[]).expect(
        r"
said(openconnection, ip, port, ip, other, 5)
said(listenforconnection, '203.0.113.7', port)
said(sendmessage, ip, port, 'x', '203.0.113.7', other)
said(listenforconnection, ip, 9)
said(openconnection, ip, port, ip, 9, 5)
said(gethostbyname, 'no such name')
",
        "ConnectionRefusedError: The connection was refused!\n\
         AddressBindingError: Cannot bind to the specified local ip, invalid!\n\
         AddressBindingError: Cannot bind to the specified local ip, invalid!\n\
         ResourceForbiddenError: Provided localport is not allowed! Port: 9\n\
         ResourceForbiddenError: Provided localport is not allowed! Port: 9\n\
         NetworkAddressError: The hostname 'no such name' could not be resolved.\n",
    );
}
