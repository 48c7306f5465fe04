//! The network layer over loopback, with real sockets. Each test has an address of its own, so that they can run
//! side by side.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec};

use super::*;

/// Longest that a test waits for anything.
const PATIENCE: Timespec = Timespec {
    tv_sec: 10,
    tv_nsec: 0,
};

/// An address 127.x.y.z that no other test uses.
pub(crate) fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let pid = std::process::id();
    let [_, _, high, low] = pid.to_be_bytes();
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    Ipv4Addr::new(
        127,
        64 | (high & 0x3f),
        low,
        u8::try_from(next % 254 + 1).unwrap(),
    )
}

/// A free port of this address, for TCP and UDP both.
pub(crate) fn free(address: Ipv4Addr) -> SocketAddrV4 {
    loop {
        let tcp = TcpListener::bind((address, 0)).unwrap();
        let port = tcp.local_addr().unwrap().port();
        if UdpSocket::bind((address, port)).is_ok() {
            return SocketAddrV4::new(address, port);
        }
    }
}

fn network() -> Network {
    Network::new(AddressRules::default())
}

fn wait_for(descriptor: &dyn std::os::fd::AsFd, flags: PollFlags) {
    let mut polled = [PollFd::from_borrowed_fd(descriptor.as_fd(), flags)];
    assert_eq!(
        rustix::event::poll(&mut polled, Some(&PATIENCE)).unwrap(),
        1
    );
}

fn open(mut connecting: Connecting) -> Result<TcpSocket, NetworkError> {
    loop {
        match connecting.progress()? {
            Progress::Open(socket) => return Ok(socket),
            Progress::Waiting(again) => {
                wait_for(&again.descriptor(), PollFlags::OUT);
                connecting = again;
            }
        }
    }
}

fn accept(server: &TcpServer) -> Accepted {
    wait_for(server, PollFlags::IN);
    server.accept().unwrap()
}

/// Two ends of a connection within one program.
fn pair(network: &Network) -> (TcpSocket, TcpSocket) {
    let address = own_address();
    let server = network.listen_for_connections(free(address), 5).unwrap();
    let socket = open(network.connect(free(address), server.local()).unwrap()).unwrap();
    (socket, accept(&server).socket)
}

fn error<T>(result: Result<T, NetworkError>) -> NetworkError {
    match result {
        Ok(_) => panic!("this should have failed"),
        Err(error) => error,
    }
}

#[test]
fn an_address_is_four_decimal_numbers_that_begin_with_1_to_223() {
    for good in ["1.0.0.0", "127.0.0.1", "192.168.1.255", "223.255.255.255"] {
        assert_eq!(parse_address(good.as_bytes()), Some(good.parse().unwrap()));
    }
    for bad in [
        "",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "192.168.0.0",
        "255.255.255.255",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "1.2.3.-4",
        "1.2.3.4 ",
        "010.1.1.1",
        "localhost",
        "::1",
        "1.2.3.4\0",
        "१.2.3.4",
    ] {
        assert_eq!(parse_address(bad.as_bytes()), None, "{bad:?}");
    }
    assert_eq!(parse_address(b"\xff.1.1.1"), None);
}

#[test]
fn a_port_is_1_to_65535() {
    assert_eq!(parse_port(1), Some(1));
    assert_eq!(parse_port(65_535), Some(65_535));
    for bad in [0, -1, 65_536, i64::MIN, i64::MAX] {
        assert_eq!(parse_port(bad), None);
    }
}

#[test]
fn traffic_is_loop_or_net_by_the_other_address() {
    assert_eq!(Traffic::with(Ipv4Addr::new(127, 9, 8, 7)), Traffic::Loop);
    assert_eq!(Traffic::with(Ipv4Addr::new(128, 0, 0, 1)), Traffic::Net);
}

#[test]
fn a_message_arrives_with_its_sender() {
    let network = network();
    let address = own_address();
    let server = network.listen_for_messages(free(address)).unwrap();
    let sender = free(address);
    let sending = network.message(sender, server.local()).unwrap();
    assert_eq!(sending.send(b"hello").unwrap(), Some(5));
    wait_for(&server, PollFlags::IN);
    assert_eq!(
        server.receive().unwrap(),
        Received {
            from: sender,
            message: b"hello".to_vec()
        }
    );
    assert!(matches!(
        error(server.receive()),
        NetworkError::WouldBlock(_)
    ));
}

#[test]
fn an_empty_message_and_the_longest_arrive_whole() {
    let network = network();
    let address = own_address();
    let server = network.listen_for_messages(free(address)).unwrap();
    for bytes in [0, MESSAGE_BYTES_MAX] {
        let message = vec![b'x'; bytes];
        let sending = network.message(free(address), server.local()).unwrap();
        assert_eq!(sending.send(&message).unwrap(), Some(bytes));
        wait_for(&server, PollFlags::IN);
        assert_eq!(server.receive().unwrap().message, message);
    }
}

#[test]
fn a_message_is_sent_from_the_socket_that_listens_on_its_address() {
    let network = network();
    let address = own_address();
    let (here, there) = (
        network.listen_for_messages(free(address)).unwrap(),
        network.listen_for_messages(free(address)).unwrap(),
    );
    assert!(network.listens_for_messages(here.local()));
    let sending = network.message(here.local(), there.local()).unwrap();
    assert_eq!(sending.send(b"from here").unwrap(), Some(9));
    drop(sending);
    wait_for(&there, PollFlags::IN);
    assert_eq!(there.receive().unwrap().from, here.local());
    // And the server goes on listening.
    let sending = network.message(there.local(), here.local()).unwrap();
    assert_eq!(sending.send(b"back").unwrap(), Some(4));
    wait_for(&here, PollFlags::IN);
    assert_eq!(here.receive().unwrap().message, b"back");
}

#[test]
fn an_address_is_listened_on_once_and_free_again_when_the_server_is_dropped() {
    let network = network();
    let local = free(own_address());
    let messages = network.listen_for_messages(local).unwrap();
    // Messages and connections have ports of their own.
    let connections = network.listen_for_connections(local, 5).unwrap();
    assert!(matches!(
        error(network.listen_for_messages(local)),
        NetworkError::AlreadyListening(_)
    ));
    assert!(matches!(
        error(network.listen_for_connections(local, 5)),
        NetworkError::AlreadyListening(_)
    ));
    drop((messages, connections));
    assert!(network.listen_for_messages(local).is_ok());
    assert!(network.listen_for_connections(local, 5).is_ok());
}

#[test]
fn what_another_process_uses_is_refused() {
    let network = network();
    let local = free(own_address());
    let _udp = UdpSocket::bind(local).unwrap();
    let _tcp = TcpListener::bind(local).unwrap();
    assert!(matches!(
        error(network.listen_for_messages(local)),
        NetworkError::AddressInUse(_)
    ));
    assert!(matches!(
        error(network.message(local, free(own_address()))),
        NetworkError::AddressInUse(_)
    ));
    assert!(matches!(
        error(network.listen_for_connections(local, 5)),
        NetworkError::AddressInUse(_)
    ));
    assert!(matches!(
        error(network.connect(local, free(own_address()))),
        NetworkError::DuplicateTuple { .. }
    ));
}

#[test]
fn an_address_of_another_machine_cannot_be_bound() {
    let network = network();
    // TEST-NET-3: no machine has it.
    let foreign = SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, 7), 12_345);
    let remote = free(own_address());
    assert!(matches!(
        error(network.listen_for_messages(foreign)),
        NetworkError::AddressBinding(_)
    ));
    assert!(matches!(
        error(network.message(foreign, remote)),
        NetworkError::AddressBinding(_)
    ));
    assert!(matches!(
        error(network.listen_for_connections(foreign, 5)),
        NetworkError::AddressBinding(_)
    ));
    assert!(matches!(
        error(network.connect(foreign, remote)),
        NetworkError::AddressBinding(_)
    ));
}

#[test]
fn nothing_goes_from_a_loopback_address_to_another_machine() {
    let network = network();
    let foreign = SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, 7), 9);
    let sending = network.message(free(own_address()), foreign).unwrap();
    assert!(matches!(
        error(sending.send(b"x")),
        NetworkError::Unreachable { .. }
    ));
    assert!(matches!(
        error(network.connect(free(own_address()), foreign)),
        NetworkError::Unreachable { .. }
    ));
}

#[test]
fn bytes_go_both_ways_and_closing_is_seen_at_the_other_end() {
    let network = network();
    let (here, there) = pair(&network);
    assert!(matches!(
        error(there.receive(10)),
        NetworkError::WouldBlock(_)
    ));
    assert_eq!(here.send(b"hello").unwrap(), 5);
    wait_for(&there, PollFlags::IN);
    assert_eq!(there.receive(2).unwrap(), b"he");
    assert_eq!(there.receive(10).unwrap(), b"llo");
    assert_eq!(there.send(b"").unwrap(), 0);
    assert_eq!(there.send(b"back").unwrap(), 4);
    drop(there);
    wait_for(&here, PollFlags::IN);
    assert_eq!(here.receive(100).unwrap(), b"back");
    assert!(matches!(
        error(here.receive(1)),
        NetworkError::ClosedRemotely
    ));
    // It is known before a byte is sent.
    assert!(matches!(
        error(here.send(b"anyone?")),
        NetworkError::ClosedBeforeSending
    ));
}

#[test]
fn a_huge_message_is_taken_in_part_and_then_not_at_all_until_there_is_room() {
    let network = network();
    let (here, there) = pair(&network);
    let data: Vec<u8> = (0..1_000_000u32).map(|at| (at % 251) as u8).collect();
    let mut sent = 0;
    let blocked = loop {
        match here.send(&data[sent..]) {
            Ok(bytes) => sent += bytes,
            Err(error) => break error,
        }
    };
    assert!(matches!(blocked, NetworkError::WouldBlock(_)));
    assert!(sent > 0 && sent < 200_000, "{sent} bytes were taken");
    let mut received = Vec::new();
    while received.len() < data.len() {
        match there.receive(usize::MAX) {
            Ok(more) => {
                assert!(more.len() <= RECEIVE_BYTES_MAX);
                received.extend(more);
            }
            Err(NetworkError::WouldBlock(_)) => {
                if let Ok(bytes) = here.send(&data[sent..]) {
                    sent += bytes;
                } else {
                    wait_for(&there, PollFlags::IN);
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(received == data);
}

#[test]
fn a_connection_nobody_listens_for_is_refused() {
    let network = network();
    let address = own_address();
    let result = network.connect(free(address), free(address)).and_then(open);
    assert!(matches!(error(result), NetworkError::Refused(_)));
}

#[test]
fn a_connection_waits_while_the_other_end_does_not_answer() {
    let network = network();
    let address = own_address();
    // A full backlog: the kernel drops what else comes.
    let server = network.listen_for_connections(free(address), 0).unwrap();
    let mut waiting = Vec::new();
    let stuck = (0..10).any(|_| {
        let connecting = network.connect(free(address), server.local()).unwrap();
        let descriptor = connecting.descriptor();
        let mut polled = [PollFd::new(&descriptor, PollFlags::OUT)];
        let soon = Timespec {
            tv_sec: 0,
            tv_nsec: 100_000_000,
        };
        let news = rustix::event::poll(&mut polled, Some(&soon)).unwrap();
        match connecting.progress().unwrap() {
            Progress::Waiting(connecting) => {
                assert_eq!(news, 0);
                drop(connecting);
                true
            }
            Progress::Open(socket) => {
                waiting.push(socket);
                false
            }
        }
    });
    assert!(stuck, "a backlog of 0 takes a connection or two");
}

#[test]
fn one_local_address_has_connections_to_many_ends_but_one_to_each() {
    let network = network();
    let address = own_address();
    let local = free(address);
    let first = network.listen_for_connections(free(address), 5).unwrap();
    let second = network.listen_for_connections(free(address), 5).unwrap();
    let connection = open(network.connect(local, first.local()).unwrap()).unwrap();
    assert!(matches!(
        error(network.connect(local, first.local())),
        NetworkError::DuplicateTuple { .. }
    ));
    let other = open(network.connect(local, second.local()).unwrap()).unwrap();
    assert_eq!(accept(&first).remote, local);
    assert_eq!(accept(&second).remote, local);
    drop((connection, other));
}

#[test]
fn a_listening_address_opens_no_connections() {
    let network = network();
    let address = own_address();
    let server = network.listen_for_connections(free(address), 5).unwrap();
    let other = network.listen_for_connections(free(address), 5).unwrap();
    assert!(matches!(
        error(network.connect(server.local(), other.local())),
        NetworkError::AlreadyListening(_)
    ));
}

#[test]
fn a_connection_closed_a_moment_ago_is_still_cleaned_up() {
    let network = network();
    let address = own_address();
    let local = free(address);
    let server = network.listen_for_connections(free(address), 5).unwrap();
    let here = open(network.connect(local, server.local()).unwrap()).unwrap();
    let there = accept(&server).socket;
    drop(here);
    wait_for(&there, PollFlags::IN);
    assert!(matches!(
        error(there.receive(1)),
        NetworkError::ClosedRemotely
    ));
    // The other end is still open, so the kernel keeps ours. (When both are closed it keeps ours, too, but new kernels
    // let connections over loopback have the address again at once.)
    assert!(matches!(
        error(network.connect(local, server.local())),
        NetworkError::CleanupInProgress { .. }
    ));
    // Listening is no problem: such connections share their address.
    assert!(network.listen_for_connections(local, 5).is_ok());
}

#[test]
fn a_server_listens_again_at_once_although_its_connections_live_on() {
    let network = network();
    let address = own_address();
    let local = free(address);
    let server = network.listen_for_connections(local, 5).unwrap();
    let here = open(network.connect(free(address), local).unwrap()).unwrap();
    let there = accept(&server).socket;
    drop(server);
    let server = network.listen_for_connections(local, 5).unwrap();
    assert_eq!(here.send(b"still").unwrap(), 5);
    wait_for(&there, PollFlags::IN);
    assert_eq!(there.receive(10).unwrap(), b"still");
    assert!(!server.has_connection().unwrap());
}

#[test]
fn connections_wait_in_the_backlog_until_taken() {
    let network = network();
    let address = own_address();
    let server = network.listen_for_connections(free(address), 5).unwrap();
    assert!(!server.has_connection().unwrap());
    assert!(matches!(
        error(server.accept()),
        NetworkError::WouldBlock(_)
    ));
    let mut client = TcpStream::connect(server.local()).unwrap();
    client.write_all(b"hi").unwrap();
    wait_for(&server, PollFlags::IN);
    assert!(server.has_connection().unwrap());
    let accepted = server.accept().unwrap();
    assert_eq!(
        std::net::SocketAddr::V4(accepted.remote),
        client.local_addr().unwrap()
    );
    wait_for(&accepted.socket, PollFlags::IN);
    assert_eq!(accepted.socket.receive(10).unwrap(), b"hi");
    drop(accepted);
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}

#[test]
fn giving_up_a_connection_leaves_nothing_behind() {
    let network = network();
    let address = own_address();
    let local = free(address);
    let server = network.listen_for_connections(free(address), 5).unwrap();
    let connecting = network.connect(local, server.local()).unwrap();
    assert!(network.may_connect(local, server.local()).is_err());
    drop(connecting);
    assert!(network.may_connect(local, server.local()).is_ok());
}

#[test]
fn kernel_buffers_are_the_originals() {
    use rustix::net::sockopt::{socket_recv_buffer_size, socket_send_buffer_size};
    let network = network();
    let (here, there) = pair(&network);
    // Linux doubles what it is asked for, for its own bookkeeping.
    for socket in [&here, &there] {
        assert_eq!(
            socket_send_buffer_size(socket).unwrap(),
            2 * TCP_BUFFER_BYTES
        );
        assert_eq!(
            socket_recv_buffer_size(socket).unwrap(),
            2 * TCP_BUFFER_BYTES
        );
    }
    let server = network.listen_for_messages(free(own_address())).unwrap();
    assert_eq!(
        socket_send_buffer_size(&server).unwrap(),
        2 * UDP_BUFFER_BYTES
    );
    assert_eq!(
        socket_recv_buffer_size(&server).unwrap(),
        2 * UDP_BUFFER_BYTES
    );
}

/// A machine made up.
struct Elsewhere;

const ETHERNET: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 5);
const WIRELESS: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 5);

impl MachineAddresses for Elsewhere {
    fn is_ours(&self, address: Ipv4Addr) -> bool {
        address == ETHERNET || address == WIRELESS
    }

    fn of_interface(&self, name: &str) -> Vec<Ipv4Addr> {
        match name {
            "eth0" => vec![ETHERNET],
            "wlan0" => vec![WIRELESS],
            _ => Vec::new(),
        }
    }

    fn towards_internet(&self) -> Option<Ipv4Addr> {
        Some(ETHERNET)
    }
}

fn elsewhere(preferences: &[Preference], no_others: bool) -> Network {
    Network::with(
        AddressRules {
            preferences: preferences.to_vec(),
            no_others,
        },
        Box::new(Elsewhere),
        Resolver::new(|_| None),
    )
}

#[test]
fn my_address_is_the_first_preferred_that_the_machine_has() {
    let gone = Preference::Address(Ipv4Addr::new(203, 0, 113, 1));
    let wireless = Preference::Interface("wlan0".to_owned());
    let ethernet = Preference::Address(ETHERNET);
    let mine = |preferences: &[Preference]| elsewhere(preferences, false).my_address().unwrap();
    assert_eq!(mine(&[]), ETHERNET);
    assert_eq!(
        mine(&[gone.clone(), wireless.clone(), ethernet.clone()]),
        WIRELESS
    );
    assert_eq!(mine(&[ethernet, wireless]), ETHERNET);
    assert_eq!(mine(&[gone]), Ipv4Addr::LOCALHOST);
}

#[test]
fn other_addresses_are_forbidden_only_where_it_is_said_and_one_is_preferred() {
    let wireless = [Preference::Interface("wlan0".to_owned())];
    let strict = elsewhere(&wireless, true);
    assert!(strict.allows(WIRELESS) && strict.allows(Ipv4Addr::LOCALHOST));
    assert!(!strict.allows(ETHERNET) && !strict.allows(Ipv4Addr::new(127, 0, 0, 2)));
    assert!(elsewhere(&wireless, false).allows(ETHERNET));
    assert!(elsewhere(&[], true).allows(ETHERNET));
}

#[test]
fn the_loopback_interface_of_this_machine_is_found_by_name() {
    let machine = ThisMachine::default();
    assert!(machine.of_interface("lo").contains(&Ipv4Addr::LOCALHOST));
    assert!(machine.of_interface("no such interface").is_empty());
    assert!(machine.is_ours(Ipv4Addr::new(127, 3, 2, 1)));
    assert!(!machine.is_ours(Ipv4Addr::new(203, 0, 113, 7)));
}

fn answer(lookup: &Lookup) -> Result<Ipv4Addr, NetworkError> {
    loop {
        if let Some(address) = lookup.answer()? {
            return Ok(address);
        }
        wait_for(&lookup.descriptor().unwrap(), PollFlags::IN);
    }
}

#[test]
fn names_are_resolved_by_a_helper_and_addresses_are_their_own_names() {
    let resolver = Resolver::new(|name| (name == "here.example").then_some(ETHERNET));
    let lookup = resolver.start(b"here.example").unwrap();
    assert!(lookup.descriptor().is_some());
    assert_eq!(answer(&lookup).unwrap(), ETHERNET);
    let nowhere = resolver.start(b"nowhere.example").unwrap();
    assert!(matches!(
        error(answer(&nowhere)),
        NetworkError::Unresolved(_)
    ));
    let address = resolver.start(b"192.0.2.77").unwrap();
    assert!(address.descriptor().is_none());
    assert_eq!(answer(&address).unwrap(), Ipv4Addr::new(192, 0, 2, 77));
}

#[test]
fn what_cannot_be_a_name_is_not_asked_about() {
    let resolver = Resolver::new(|name| panic!("asked about {name:?}"));
    let long = [b'a'; NAME_BYTES_MAX + 1];
    for name in [&b""[..], b"a b", b"a\0b", b"\xff", b"a\nb", &long] {
        let lookup = resolver.start(name).unwrap();
        assert!(matches!(
            error(answer(&lookup)),
            NetworkError::Unresolved(_)
        ));
    }
}

#[test]
fn many_names_at_once_are_all_answered_by_a_few_helpers() {
    static AT_WORK: AtomicU32 = AtomicU32::new(0);
    static MOST: AtomicU32 = AtomicU32::new(0);
    let resolver = Resolver::new(|name| {
        MOST.fetch_max(AT_WORK.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        for _ in 0..100 {
            std::thread::yield_now();
        }
        AT_WORK.fetch_sub(1, Ordering::SeqCst);
        Some(Ipv4Addr::new(10, 0, 0, name.parse::<u8>().ok()?))
    });
    let lookups: Vec<Lookup> = (0..100u8)
        .map(|number| resolver.start(number.to_string().as_bytes()).unwrap())
        .collect();
    for (lookup, number) in lookups.iter().zip(0..) {
        assert_eq!(answer(lookup).unwrap(), Ipv4Addr::new(10, 0, 0, number));
    }
    assert!((1..=4).contains(&MOST.load(Ordering::SeqCst)));
}

#[test]
fn a_name_that_takes_its_time_does_not_hold_up_the_one_who_asked() {
    use std::sync::Mutex;
    static GATE: Mutex<()> = Mutex::new(());
    let closed = GATE.lock().unwrap();
    let resolver = Resolver::new(|_| {
        drop(GATE.lock());
        Some(ETHERNET)
    });
    let lookup = resolver.start(b"slow.example").unwrap();
    assert!(lookup.answer().unwrap().is_none());
    drop(closed);
    assert_eq!(answer(&lookup).unwrap(), ETHERNET);
}

#[test]
fn a_thousand_questions_share_a_descriptor_that_is_readable_while_answers_wait() {
    use std::os::fd::AsRawFd;
    let resolver = Resolver::new(|_| Some(ETHERNET));
    let mut lookups: Vec<Lookup> = (0..1000)
        .map(|number| resolver.start(format!("name{number}").as_bytes()).unwrap())
        .collect();
    let descriptor = lookups[0].descriptor().unwrap();
    for lookup in &lookups {
        let its = lookup.descriptor().unwrap();
        assert_eq!(its.as_fd().as_raw_fd(), descriptor.as_fd().as_raw_fd());
    }
    // Half of those who asked give up, whether they were answered or not.
    lookups.truncate(500);
    for lookup in &lookups {
        assert_eq!(answer(lookup).unwrap(), ETHERNET);
    }
    drop(resolver);
    let mut polled = [PollFd::new(&descriptor, PollFlags::IN)];
    let ready = rustix::event::poll(&mut polled, Some(&Timespec::default()));
    assert_eq!(ready.unwrap(), 0);
}

#[test]
fn the_system_knows_localhost() {
    assert_eq!(resolve_with_system("localhost"), Some(Ipv4Addr::LOCALHOST));
    assert_eq!(resolve_with_system("no-such-name.invalid"), None);
}
