//! `key_value_store.r2py`: what is written to one copy is soon in all.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, UdpSocket};

use crate::vessel::{Vessel, eventually, example, free_port, own_address};

struct Store {
    copies: Vec<Vessel>,
    port: u16,
}

impl Store {
    fn start(count: usize) -> Store {
        let first = own_address();
        let port = free_port(first);
        let mut store = Store {
            copies: Vec::new(),
            port,
        };
        store.add(first);
        for _ in 1..count {
            store.add(own_address());
        }
        store
    }

    /// Adds a copy that knows the first one.
    fn add(&mut self, address: Ipv4Addr) {
        let mut arguments = vec![self.port.to_string()];
        arguments.extend(self.copies.first().map(|first| first.address.to_string()));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let program = example("key_value_store.r2py");
        self.copies.push(Vessel::start_at(
            address,
            &program,
            &[self.port],
            "",
            &arguments,
        ));
    }

    /// The lines that a copy answers to these.
    fn ask(&self, copy: usize, lines: &str) -> Vec<String> {
        self.copies[copy]
            .ask(self.port, &format!("{lines}\nquit\n"))
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[track_caller]
    fn becomes(&self, copy: usize, question: &str, answer: &str) {
        eventually(&format!("{answer:?} from copy {copy}"), || {
            (self.ask(copy, question) == [answer]).then_some(())
        });
    }
}

#[test]
fn a_client_writes_reads_and_deletes() {
    let store = Store::start(1);
    assert_eq!(
        store.ask(
            0,
            "get color\nput color dark  blue\nget color\nput size 5\nkeys\ndel color\nget color\nkeys\ncopies"
        ),
        [
            "none",
            "ok",
            "value dark  blue",
            "ok",
            "keys color size",
            "ok",
            "none",
            "keys size",
            "copies"
        ]
    );
}

#[test]
fn what_one_copy_is_told_all_come_to_know_deletions_too() {
    let store = Store::start(3);
    assert_eq!(store.ask(0, "put a 1"), ["ok"]);
    assert_eq!(store.ask(2, "put b 2"), ["ok"]);
    for copy in 0..3 {
        store.becomes(copy, "get a", "value 1");
        store.becomes(copy, "get b", "value 2");
    }
    assert_eq!(store.ask(1, "put a changed\ndel b"), ["ok", "ok"]);
    for copy in 0..3 {
        store.becomes(copy, "get a", "value changed");
        store.becomes(copy, "keys", "keys a");
    }
}

#[test]
fn a_copy_that_comes_late_or_again_catches_up() {
    let mut store = Store::start(2);
    let mut lines = String::new();
    for number in 0..100 {
        writeln!(lines, "put key{number} {}", "v".repeat(number)).unwrap();
    }
    assert_eq!(store.ask(1, lines.trim_end()), vec!["ok"; 100]);
    store.becomes(0, "get key99", &format!("value {}", "v".repeat(99)));
    // The one that was written to crashes; another comes in its place and knows the first only.
    store.copies.pop().unwrap().kill();
    store.add(own_address());
    for number in [0, 1, 50, 99] {
        store.becomes(
            1,
            &format!("get key{number}"),
            &format!("value {}", "v".repeat(number)),
        );
    }
}

#[test]
fn two_who_write_at_the_same_time_come_to_agree() {
    let store = Store::start(3);
    for round in 0..5 {
        for copy in 0..3 {
            assert_eq!(
                store.ask(copy, &format!("put x {round} from {copy}")),
                ["ok"]
            );
        }
    }
    eventually("the same value everywhere", || {
        let values: Vec<_> = (0..3).map(|copy| store.ask(copy, "get x")).collect();
        (values[0] == values[1] && values[1] == values[2]).then_some(())
    });
}

#[test]
fn copies_started_alone_are_made_one_store_by_a_client() {
    let alone = Store::start(1);
    let mut store = Store {
        copies: Vec::new(),
        port: alone.port,
    };
    store.add(own_address());
    assert_eq!(alone.ask(0, "put a 1"), ["ok"]);
    assert_eq!(store.ask(0, "get a"), ["none"]);
    let other = store.copies[0].address;
    assert_eq!(
        alone.ask(0, &format!("meet {other}\ncopies")),
        ["ok".to_owned(), format!("copies {other}")]
    );
    store.becomes(0, "get a", "value 1");
    store.becomes(0, "copies", &format!("copies {}", alone.copies[0].address));
}

#[test]
fn odd_lines_and_long_ones_are_refused_in_words() {
    let store = Store::start(1);
    for line in [
        "",
        "put",
        "put a",
        "get",
        "get a b",
        "del",
        "meet",
        "meet nobody",
        "hello",
        "KEYS",
        "put \u{7} x",
    ] {
        let answer = store.ask(0, line);
        assert!(answer[0].starts_with("error: "), "{line:?}: {answer:?}");
    }
    let long = "x".repeat(513);
    assert!(store.ask(0, &format!("put a {long}"))[0].starts_with("error: "));
    let mut stream = store.copies[0].connect(store.port);
    stream.write_all("x".repeat(20_000).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "error: the line is too long\n");
    assert_eq!(store.ask(0, "keys"), ["keys"]);
}

#[test]
fn gossip_that_makes_no_sense_is_passed_over() {
    let store = Store::start(1);
    assert_eq!(store.ask(0, "put mine 1"), ["ok"]);
    let stranger = UdpSocket::bind((own_address(), store.port)).unwrap();
    let place = (store.copies[0].address, store.port);
    for message in [
        &b""[..],
        b"gossip",
        b"gossip x y 224.0.0.1\nnonsense",
        b"gossip\n-5 127.0.0.1 mine =stolen",
        b"gossip\n99999999999999999999 127.0.0.1 mine =stolen",
        b"gossip\n9999999999999999 127.0.0.1 mine =stolen",
        b"gossip\n5 localhost mine =stolen",
        b"gossip\n5 127.0.0.1 mine stolen",
        b"gossip\n5 127.0.0.1 mi\x01ne =stolen\n5 127.0.0.1  =x",
        &[b'\n'; 9000],
        &[0xff; 60_000],
    ] {
        stranger.send_to(message, place).unwrap();
    }
    // The last is a good one: when it is known the others have been read.
    stranger
        .send_to(b"gossip\n7 127.0.0.1 yours =2", place)
        .unwrap();
    store.becomes(0, "keys", "keys mine yours");
    assert_eq!(store.ask(0, "get mine"), ["value 1"]);
}
