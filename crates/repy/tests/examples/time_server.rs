//! `time_server.r2py`: the time over TCP and UDP.

use std::net::UdpSocket;

use crate::vessel::{PATIENCE, Vessel, free_port, own_address};

/// 2023-11-14T22:13:20Z.
const SOME_TIME: &str = "1700000000";

fn start(seconds: Option<&str>) -> (Vessel, u16) {
    let address = own_address();
    let port = free_port(address);
    let text = port.to_string();
    let mut arguments = vec![text.as_str()];
    arguments.extend(seconds);
    let program = crate::vessel::example("time_server.r2py");
    (
        Vessel::start_at(address, &program, &[port], "", &arguments),
        port,
    )
}

#[test]
fn it_tells_the_time_over_tcp_and_udp_and_counts() {
    let (vessel, port) = start(Some(SOME_TIME));
    let place = format!("{}:{port}", vessel.address);
    let first = vessel.ask(port, "");
    // It was asked within some seconds of its start.
    assert!(first.starts_with("2023-11-14T22:13:"), "{first}");
    assert!(first.ends_with(&format!("Z {place} answer 1\n")), "{first}");

    let client = UdpSocket::bind((own_address(), 0)).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send_to(b"?", &place).unwrap();
    let mut answer = [0; 200];
    let (bytes, from) = client.recv_from(&mut answer).unwrap();
    assert_eq!(from.to_string(), place);
    let second = String::from_utf8_lossy(&answer[..bytes]).into_owned();
    assert!(
        second.ends_with(&format!("Z {place} answer 2\n")),
        "{second}"
    );

    assert!(vessel.ask(port, "").ends_with("answer 3\n"));
    assert!(vessel.log().contains(&format!("serving on {place}")));
}

#[test]
fn without_a_clock_it_tells_how_long_it_runs() {
    let (vessel, port) = start(None);
    let line = vessel.ask(port, "");
    let (time, rest) = line.split_once(' ').unwrap();
    let seconds = time.strip_prefix('+').unwrap().strip_suffix('s').unwrap();
    assert!(seconds.parse::<f64>().unwrap() >= 0.0, "{line}");
    assert_eq!(rest, format!("{}:{port} answer 1\n", vessel.address));
}

#[test]
fn clients_that_leave_without_reading_do_not_disturb_it() {
    let (vessel, port) = start(Some(SOME_TIME));
    drop(vessel.connect(port));
    for _ in 0..20 {
        drop(vessel.connect(port));
    }
    assert!(vessel.ask(port, "").contains(" answer "));
}

#[test]
fn many_clients_are_answered_one_after_another() {
    let (vessel, port) = start(Some(SOME_TIME));
    vessel.ask(port, "");
    let waiting: Vec<_> = (0..5).map(|_| vessel.connect(port)).collect();
    for mut stream in waiting {
        let mut line = String::new();
        std::io::Read::read_to_string(&mut stream, &mut line).unwrap();
        assert!(line.contains(" answer "), "{line}");
    }
}

#[test]
fn its_calendar_has_leap_days_and_liars_do_not_set_its_clock() {
    for (seconds, date) in [
        ("951782400", "2000-02-29T00:00:0"),
        ("4107542400", "2100-03-01T00:00:0"),
        ("1735689590", "2024-12-31T23:59:5"),
        ("0", "1970-01-01T00:00:0"),
    ] {
        let (vessel, port) = start(Some(seconds));
        let line = vessel.ask(port, "");
        assert!(line.starts_with(date), "{seconds}: {line}");
        // As long as an answer of NTP, but not asked for, and not from its port.
        let liar = UdpSocket::bind((own_address(), 0)).unwrap();
        liar.set_read_timeout(Some(PATIENCE)).unwrap();
        liar.send_to(&[0x24; 48], (vessel.address, port)).unwrap();
        let mut answer = [0; 200];
        let bytes = liar.recv(&mut answer).unwrap();
        assert!(answer[..bytes].starts_with(date.as_bytes()));
    }
}

#[test]
fn it_takes_the_time_from_the_server_that_it_asked_and_from_no_other() {
    // The program's own functions, with a world made up: no server on port 123 is to be had here.
    let text = std::fs::read_to_string(crate::vessel::example("time_server.r2py")).unwrap();
    let (functions, _) = text.split_once("# ---- from here on it runs").unwrap();
    let test = r"
mycontext['start'], mycontext['synchronised'], mycontext['asked'] = None, False, None
mycontext['ip'], mycontext['port'] = '192.0.2.1', 63100
sent = []
def gethostbyname(name):
  return '192.0.2.77'
def sendmessage(*arguments):
  sent.append(arguments)
ask_for_time('a server')
ip, port, question, own_ip, own_port = sent[0]
log(ip, port, len(question), ord(question[0]), own_ip, own_port, '\n')
# 3,900,000,000 and a half seconds since 1900.
time = ''.join([chr(3900000000 >> bits & 255) for bits in (24, 16, 8, 0)]) + '\x80\0\0\0'
good = '\x1c' + 'x' * 23 + question[40:] + 'y' * 8 + time
log(is_ntp_answer(ip, 123, good), is_ntp_answer('192.0.2.78', 123, good), is_ntp_answer(ip, 124, good))
log(is_ntp_answer(ip, 123, good[:47]), is_ntp_answer(ip, 123, good.replace(question[40:], 'z' * 8)), '\n')
set_clock(good)
log(now_text()[:19], mycontext['synchronised'], is_ntp_answer(ip, 123, good))
";
    let folder = tempfile::TempDir::new().unwrap();
    let program = folder.path().join("clock.r2py");
    std::fs::write(&program, [functions, test].concat()).unwrap();
    let vessel = Vessel::start_at(own_address(), &program, &[], "resource random 10000\n", &[]);
    let (code, log) = vessel.end();
    assert_eq!(code, Some(0), "{log}");
    let lines: Vec<&str> = log.lines().map(str::trim_end).collect();
    assert_eq!(
        lines[lines.len() - 4..],
        [
            "192.0.2.77 123 48 27 192.0.2.1 63100",
            "True False False False False",
            "2023-08-02T21:20:00Z the clock is set",
            "2023-08-02T21:20:00 True False"
        ]
    );
}
