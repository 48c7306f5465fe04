//! `sendmessage`, `listenformessage`, `getmessage`.

use std::net::UdpSocket;

use super::Bench;

#[test]
fn a_message_is_received_with_its_sender_and_counted_in_bytes() {
    Bench::new().expect(
        r"
server = listenformessage(ip, port)
log(raised(server.getmessage), '\n')
log(sendmessage(ip, port, 'hello\0\xff', ip, other), sendmessage(ip, port, '', ip, other), '\n')
log(eventually(server.getmessage) == (ip, other, 'hello\0\xff'), eventually(server.getmessage) == (ip, other, ''), '\n')
log(sendmessage(ip, port, 'x' * 9216, ip, other), len(eventually(server.getmessage)[2]))
",
        "SocketWouldBlockError\n7 0\nTrue True\n9216 9216",
    );
}

#[test]
fn a_server_answers_from_its_own_port() {
    Bench::new().expect(
        r"
server = listenformessage(ip, port)
client = listenformessage(ip, other)
sendmessage(ip, port, 'question', ip, other)
who, where, what = eventually(server.getmessage)
sendmessage(who, where, 'answer', ip, port)
log(eventually(client.getmessage) == (ip, port, 'answer'))
",
        "True",
    );
}

#[test]
fn an_address_is_listened_on_once_until_closed_or_forgotten() {
    Bench::new().expect(
        r"
first = listenformessage(ip, port)
log(raised(listenformessage, ip, port), '\n')
connections = listenforconnection(ip, port)
log(first.close(), first.close(), raised(first.getmessage), '\n')
second = listenformessage(ip, port)
second = None
third_one = listenformessage(ip, port)
log(raised(third_one.getmessage))
",
        "AlreadyListeningError\nTrue True SocketClosedLocal\nSocketWouldBlockError",
    );
}

#[test]
fn what_another_process_uses_is_a_duplicate() {
    let bench = Bench::new();
    let _taken = UdpSocket::bind(bench.place(0)).unwrap();
    bench.expect(
        r"
log(raised(listenformessage, ip, port), raised(sendmessage, ip, other, 'x', ip, port))
",
        "DuplicateTupleError DuplicateTupleError",
    );
}

#[test]
fn an_address_of_another_machine_cannot_be_bound_and_is_not_reached_from_loopback() {
    Bench::new().expect(
        r"
foreign = '203.0.113.7'
log(raised(listenformessage, foreign, port), raised(sendmessage, ip, port, 'x', foreign, other), '\n')
log(raised(sendmessage, foreign, port, 'x', ip, other))
",
        "AddressBindingError AddressBindingError\nInternetConnectivityError",
    );
}

#[test]
fn a_message_to_nobody_is_sent_all_the_same() {
    Bench::new().expect("log(sendmessage(ip, port, 'x', ip, other))", "1");
}
