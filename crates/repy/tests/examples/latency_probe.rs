//! `latency_probe.r2py`: copies find each other and measure all ways.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};

use crate::vessel::{Vessel, eventually, example, free_port, own_address};

/// The rows of a table: from -> to -> what is written there.
fn table(text: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut lines = text.lines();
    let head: Vec<String> = lines
        .next()
        .unwrap()
        .split_whitespace()
        .skip(3)
        .map(str::to_owned)
        .collect();
    lines
        .map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            let from = words.next().unwrap();
            (from, head.iter().cloned().zip(words).collect())
        })
        .collect()
}

/// Copies of which each knows the one before it, if they are to know each other.
fn start(count: usize, acquainted: bool) -> (Vec<Vessel>, u16) {
    let addresses: Vec<Ipv4Addr> = (0..count).map(|_| own_address()).collect();
    let port = free_port(addresses[0]);
    let program = example("latency_probe.r2py");
    let vessels = addresses
        .iter()
        .enumerate()
        .map(|(index, address)| {
            let mut arguments = vec![port.to_string()];
            if index > 0 && acquainted {
                arguments.push(addresses[index - 1].to_string());
            }
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            Vessel::start_at(*address, &program, &[port], "", &arguments)
        })
        .collect();
    (vessels, port)
}

#[test]
fn every_copy_comes_to_know_all_ways() {
    let (vessels, port) = start(4, true);
    expect_full_tables(&vessels, port);
}

#[test]
fn copies_that_know_nobody_are_introduced_by_a_message() {
    let (vessels, port) = start(3, false);
    for vessel in &vessels {
        vessel.ask(port, "");
    }
    let message = format!(
        "meet {} {} nobody\n",
        vessels[1].address, vessels[2].address
    );
    let socket = UdpSocket::bind((own_address(), 0)).unwrap();
    socket
        .send_to(message.as_bytes(), (vessels[0].address, port))
        .unwrap();
    expect_full_tables(&vessels, port);
}

#[track_caller]
fn expect_full_tables(vessels: &[Vessel], port: u16) {
    for vessel in vessels {
        eventually("a full table", || {
            let table = table(&vessel.ask(port, ""));
            let full = table.len() == vessels.len()
                && table.iter().all(|(from, row)| {
                    row.iter().all(|(to, text)| {
                        if from == to {
                            text == "-"
                        } else {
                            // Within one machine, even a busy one.
                            text.parse::<f64>()
                                .is_ok_and(|ms| ms > 0.0 && ms < 10_000.0)
                        }
                    })
                });
            full.then_some(())
        });
    }
}

#[test]
fn messages_that_make_no_sense_are_passed_over() {
    let (vessels, port) = start(2, true);
    let vessel = &vessels[0];
    vessel.ask(port, "");
    let stranger = own_address();
    // From the port of the copies, as if it were one of them.
    let socket = UdpSocket::bind((stranger, port)).unwrap();
    let many: Vec<String> = (0..200).map(|n| format!("127.9.8.{n}=1")).collect();
    for message in [
        b"".to_vec(),
        b"ping".to_vec(),
        b"pong nan".to_vec(),
        b"pong inf".to_vec(),
        b"pong 1".to_vec(),
        b"pong -1e300".to_vec(),
        b"ping \xff\xff \xff=\xff =".to_vec(),
        b"ping 1 999.1.1.1=1 224.0.0.1=1 0.0.0.0=1 x=y 127.0.0.01=3".to_vec(),
        b"ping 1 127.9.9.9=nan 127.9.9.8=inf 127.9.9.7=-5".to_vec(),
        format!("ping 1 {}", many.join(" ")).into_bytes(),
        vec![b' '; 9000],
        vec![0; 60_000],
    ] {
        socket.send_to(&message, (vessel.address, port)).unwrap();
    }
    let table = eventually("the stranger in the table", || {
        let table = table(&vessel.ask(port, ""));
        table.contains_key(&stranger.to_string()).then_some(table)
    });
    assert!(
        table.len() <= 31,
        "no more copies than its bound: {}",
        table.len()
    );
    assert!(!table.contains_key("999.1.1.1") && !table.contains_key("224.0.0.1"));
    assert!(vessel.ask(port, "").contains(&vessel.address.to_string()));
}
