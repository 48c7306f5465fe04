//! The second wall from inside: processes that try to get through it, with all layers, with one, and with one missing.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Output};

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::unistd::Pid;
use overlord_repy::wall::{self, Layer, WallPolicy};

/// Names a task for a process of this test program.
const TASK: &str = "WALL_TEST_TASK";

/// Runs a task in a process of its own, in a fresh folder.
fn in_a_process(task: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args([
            "process_entry",
            "--exact",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(TASK, task)
        .current_dir(folder.path())
        .output()
        .unwrap()
}

fn layers(names: &str) -> Vec<Layer> {
    Layer::ALL
        .into_iter()
        .filter(|layer| names.split(',').any(|name| name == format!("{layer:?}")))
        .collect()
}

/// Not a test of its own: what a process does that was started to do a task.
#[test]
fn process_entry() {
    let Ok(task) = std::env::var(TASK) else {
        return;
    };
    let folder = std::env::current_dir().unwrap();
    let (name, argument) = task.split_once(' ').unwrap();
    match name {
        "try" => print!("\n{}", wall::self_test(&folder, &layers(argument)).unwrap()),
        "trace" => {
            wall::raise(&policy(&folder, &layers(argument)));
            let parent = Pid::from_raw(std::os::unix::process::parent_id().cast_signed());
            println!("\nattach {:?}", ptrace::attach(parent));
            println!("traceme {:?}", ptrace::traceme());
        }
        "write" => {
            wall::raise(&policy(&folder, &Layer::ALL));
            let mut file = File::create(folder.join("long")).unwrap();
            let written = (0..)
                .take_while(|_| file.write_all(&[b'x'; 4096]).is_ok())
                .count();
            println!("\nwritten {written}");
        }
        "allocate" => {
            wall::raise(&policy(&folder, &Layer::ALL));
            let mut held = Vec::new();
            for round in 0..4096 {
                held.push(vec![b'x'; 1 << 20]);
                println!("\nheld {round}");
            }
        }
        other => panic!("no such task: {other}"),
    }
}

fn policy(folder: &Path, layers: &[Layer]) -> WallPolicy {
    WallPolicy {
        directory: Some(folder.to_owned()),
        memory: Some(20 << 20),
        file_bytes: Some(100_000),
        layers: layers.to_vec(),
        ..WallPolicy::danger_none()
    }
}

/// How each attempt went, by what was tried.
fn tried(output: &Output) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .filter_map(|line| {
            let (verdict, what) = line.split_at_checked(13)?;
            let what = what.split(": ").next()?;
            Some((what.to_owned(), verdict.trim_end().to_owned()))
        })
        .filter(|(_, verdict)| {
            ["works", "BROKEN", "refused", "open", "NOT REFUSED"].contains(&verdict.as_str())
        })
        .collect()
}

/// What was tried with these layers alone, and everything that a program needs worked.
fn with_layers(layers: &[Layer]) -> BTreeMap<String, String> {
    let names: Vec<String> = layers.iter().map(|layer| format!("{layer:?}")).collect();
    let output = in_a_process(&format!("try {}", names.join(",")));
    let tried = tried(&output);
    assert!(tried.len() > 50, "{output:?}");
    for (what, verdict) in &tried {
        let fine = ["works", "refused", "open"].contains(&verdict.as_str());
        assert!(fine, "{verdict}: {what}, with {layers:?}");
    }
    tried
}

#[track_caller]
fn assert_tried(tried: &BTreeMap<String, String>, verdict: &str, attempts: &[&str]) {
    for what in attempts {
        assert_eq!(
            tried.get(*what).map(String::as_str),
            Some(verdict),
            "{what}"
        );
    }
}

const FILES: &[&str] = &[
    "read a file outside",
    "read a file outside through ..",
    "read a file outside through a link inside",
    "overwrite a file outside through a link inside",
    "write a file outside",
    "remove a file outside",
    "move a file from outside inside",
    "read /etc/passwd",
    "list /proc",
    "read the environment of its parent",
];
const PROCESSES: &[&str] = &["start a program", "become another program"];
const SOCKETS: &[&str] = &[
    "open a local socket",
    "open a raw socket",
    "open a packet socket",
    "open a netlink socket",
];
const FLOODS: &[&str] = &[
    "open more descriptors than its limit",
    "take more memory than its limit",
];

#[test]
fn the_whole_wall_refuses_everything_and_lets_a_program_work() {
    let tried = with_layers(&Layer::ALL);
    let open: Vec<&String> = tried
        .iter()
        .filter(|(_, verdict)| *verdict == "open")
        .map(|(what, _)| what)
        .collect();
    // No kernel of today tells UDP ports apart.
    assert!(
        open.is_empty() || open == ["receive on another UDP port"],
        "{open:?}"
    );
    for attempts in [FILES, PROCESSES, SOCKETS, FLOODS] {
        assert_tried(&tried, "refused", attempts);
    }
}

#[test]
fn the_program_that_tests_the_wall_says_that_it_holds_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_repy"))
        .arg("--wall-test")
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(tried(&output).len() > 50, "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.lines()
            .last()
            .unwrap()
            .starts_with("wall: privileges full, limits full, "),
        "{text}"
    );
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn without_landlock_the_other_layers_hold_and_the_report_says_what_is_open() {
    let tried = with_layers(&[Layer::Privileges, Layer::Limits, Layer::Calls]);
    assert_tried(
        &tried,
        "open",
        &["read a file outside", "listen on another TCP port"],
    );
    for attempts in [PROCESSES, SOCKETS, FLOODS, &["signal its parent"]] {
        assert_tried(&tried, "refused", attempts);
    }
}

#[test]
fn without_seccomp_the_other_layers_hold_and_the_report_says_what_is_open() {
    let tried = with_layers(&[Layer::Privileges, Layer::Limits, Layer::Places]);
    assert_tried(
        &tried,
        "open",
        &["open a local socket", "make a file that is nowhere"],
    );
    for attempts in [
        FILES,
        PROCESSES,
        FLOODS,
        &[
            "signal its parent",
            "mount a file system",
            "open a packet socket",
        ],
    ] {
        assert_tried(&tried, "refused", attempts);
    }
}

#[test]
fn each_layer_holds_alone() {
    let places = with_layers(&[Layer::Places]);
    assert_tried(&places, "refused", FILES);
    assert_tried(&places, "refused", PROCESSES);
    let calls = with_layers(&[Layer::Calls]);
    assert_tried(&calls, "refused", PROCESSES);
    assert_tried(&calls, "refused", SOCKETS);
    let limits = with_layers(&[Layer::Limits]);
    assert_tried(&limits, "refused", FLOODS);
    let privileges = with_layers(&[Layer::Privileges]);
    assert_tried(
        &privileges,
        "refused",
        &["mount a file system", "name the machine anew"],
    );
}

/// The ways out that programs are known to look for, and how each is tried without the language in between.
const WAYS_OUT: &[(&str, &[&str])] = &[
    ("file names", &["read a file outside through .."]),
    (
        "links",
        &[
            "read a file outside through a link inside",
            "overwrite a file outside through a link inside",
            "make a symbolic link",
            "make a hard link",
        ],
    ),
    (
        "files of other vessels",
        &[
            "read a file outside",
            "write a file outside",
            "remove a file outside",
            "move a file of its own outside",
            "list a folder outside",
        ],
    ),
    ("ports of other vessels", &["listen on another TCP port"]),
    (
        "files of the host",
        &[
            "read /etc/passwd",
            "list /",
            "read the kernel's messages",
            "open its own program for reading",
        ],
    ),
    ("exec", &["become another program"]),
    (
        "signals",
        &[
            "signal its parent",
            "signal its process group",
            "hold on to its parent (pidfd)",
        ],
    ),
    (
        "/proc",
        &[
            "list /proc",
            "read the environment of its parent",
            "open the memory of its parent",
            "open its own memory",
        ],
    ),
    ("huge messages", &["take more memory than its limit"]),
    (
        "floods of descriptors",
        &[
            "open more descriptors than its limit",
            "raise its own limit of descriptors",
        ],
    ),
    ("floods of processes", &["start a program"]),
    ("the clock", &["set the clock"]),
];

#[test]
fn every_known_way_out_is_closed_by_the_system_alone() {
    let tried = with_layers(&Layer::ALL);
    for (what, attempts) in WAYS_OUT {
        println!("{what}");
        assert_tried(&tried, "refused", attempts);
    }
}

#[test]
fn without_any_layer_the_same_attempts_go_through() {
    // What shows that the attempts are real: refusals above are the wall's, not accidents.
    let tried = with_layers(&[]);
    assert_tried(&tried, "open", PROCESSES);
    assert_tried(
        &tried,
        "open",
        &[
            "read a file outside",
            "read a file outside through a link inside",
            "write a file outside",
            "read /etc/passwd",
            "list /proc",
            "read the environment of its parent",
            "signal its parent",
            "open a local socket",
            "listen on another TCP port",
            "take more memory than its limit",
        ],
    );
}

#[test]
fn no_process_can_be_traced_or_offer_itself_to_be() {
    let output = in_a_process("trace Calls");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let refused = format!("Err({:?})", Errno::ENOSYS);
    for line in ["attach", "traceme"] {
        assert!(text.contains(&format!("\n{line} {refused}")), "{text}");
    }
}

#[test]
fn a_file_longer_than_the_limit_ends_the_process() {
    let output = in_a_process("write long");
    assert_eq!(output.status.signal(), Some(libc::SIGXFSZ), "{output:?}");
}

#[test]
fn memory_beyond_the_limit_is_not_given_even_where_nothing_counts_it() {
    let output = in_a_process("allocate all");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let held = text.matches("\nheld ").count();
    assert!(!output.status.success(), "{output:?}");
    assert!((18..40).contains(&held), "{held} MiB of 20");
}
