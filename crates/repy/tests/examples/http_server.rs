//! `http_server.r2py`: pages, and clients that do not behave.

use std::io::{Read, Write};

use crate::vessel::{Vessel, example, free_port, own_address};

fn start() -> (Vessel, u16) {
    let address = own_address();
    let port = free_port(address);
    let program = example("http_server.r2py");
    let vessel = Vessel::start_at(address, &program, &[port], "", &[&port.to_string()]);
    (vessel, port)
}

/// The status line, the head and the page of an answer, whose length must be what the head says.
fn parts(answer: &str) -> (&str, &str, &str) {
    let (head, page) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no head in {answer:?}"));
    let (status, head) = head.split_once("\r\n").unwrap();
    (status, head, page)
}

fn length(head: &str) -> usize {
    head.lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn it_serves_a_page_for_people_and_one_for_programs() {
    let (vessel, port) = start();
    let answer = vessel.ask(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let (status, head, page) = parts(&answer);
    assert_eq!(status, "HTTP/1.0 200 OK");
    assert_eq!(length(head), page.len());
    assert!(
        page.contains(&format!("This is {}:{port}", vessel.address)),
        "{page}"
    );

    let answer = vessel.ask(port, "GET /status.json?x=1 HTTP/1.0\r\n\r\n");
    let (status, head, page) = parts(&answer);
    assert_eq!(status, "HTTP/1.0 200 OK");
    assert!(head.contains("application/json"), "{head}");
    // Counted by hand: the example has no JSON reader either.
    assert!(
        page.starts_with("{\"uptime_seconds\": ") && page.ends_with("}\n"),
        "{page}"
    );
    assert!(page.contains("\"requests\": 1, "), "{page}");
    assert!(
        page.contains("\"outsockets\": 1, \"outsockets_limit\": 5}"),
        "{page}"
    );
}

#[test]
fn what_is_no_good_request_is_answered_so() {
    let (vessel, port) = start();
    let long = format!("GET /{} HTTP/1.0\r\n", "x".repeat(5000));
    for (request, status) in [
        ("GET /nothing HTTP/1.0\r\n\r\n", "404 Not Found"),
        ("POST / HTTP/1.0\r\n\r\n", "405 Method Not Allowed"),
        ("hello\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/9.9\r\n\r\n", "400 Bad Request"),
        ("\r\n\r\n", "400 Bad Request"),
    ] {
        let answer = vessel.ask(port, request);
        assert_eq!(
            parts(&answer).0,
            format!("HTTP/1.0 {status}"),
            "{request:?}"
        );
    }
    let mut stream = vessel.connect(port);
    stream.write_all(long.as_bytes()).unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.0 413");
}

#[test]
fn a_client_that_sends_more_than_is_read_has_its_answer_whole() {
    let (vessel, port) = start();
    let body = "x".repeat(50_000);
    let post = format!("POST / HTTP/1.0\r\nContent-Length: 50000\r\n\r\n{body}");
    let head = format!("GET / HTTP/1.0\r\nX: {body}\r\n\r\n");
    for (request, status) in [
        (post, "405 Method Not Allowed"),
        (head, "413 Request Entity Too Large"),
    ] {
        let mut stream = vessel.connect(port);
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (found, head, page) = parts(&answer);
        assert_eq!(found, format!("HTTP/1.0 {status}"));
        assert_eq!(length(head), page.len());
    }
}

#[test]
fn a_stranger_cannot_write_into_the_page() {
    let (vessel, port) = start();
    let answer = vessel.ask(port, "GET /<script>alert('x')</script> HTTP/1.0\r\n\r\n");
    let (_, _, page) = parts(&answer);
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)"), "{page}");
    assert!(!page.contains("<script>"), "{page}");
}

#[test]
fn head_gets_the_head_alone() {
    let (vessel, port) = start();
    let answer = vessel.ask(port, "HEAD / HTTP/1.0\r\n\r\n");
    let (status, head, page) = parts(&answer);
    assert_eq!((status, page), ("HTTP/1.0 200 OK", ""));
    assert!(length(head) > 100);
}

#[test]
fn clients_that_dawdle_do_not_keep_others_waiting_for_ever() {
    let (vessel, port) = start();
    // As many as it serves at a time, none of which says anything; then one in pieces, which waits for its turn.
    let silent: Vec<_> = (0..4).map(|_| vessel.connect(port)).collect();
    let mut slow = vessel.connect(port);
    for piece in ["GE", "T / HT", "TP/1.0\r", "\n\r", "\n"] {
        slow.write_all(piece.as_bytes()).unwrap();
    }
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert_eq!(parts(&answer).0, "HTTP/1.0 200 OK");
    for mut stream in silent {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.is_empty() || answer.contains(" 408 "), "{answer}");
    }
}
