//! Ends before anything has begun: mistakes told to programs, signals during set-up, bad machines.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{Ended, Folder, Running, hang_up_is_ignored, time_server};
use overlord::keys::{KeyDirectory, KeyPair};

/// The last line of standard output, which is the record of a failure.
#[track_caller]
fn last_record(ended: &Ended, code: i32) -> serde_json::Value {
    let last = ended.records().pop();
    let last = last.unwrap_or_else(|| panic!("nothing on standard output\n{ended}"));
    assert_eq!(last["event"], "error", "{ended}");
    assert_eq!(last["exit_code"], code, "{ended}");
    assert_eq!(ended.code, Some(code), "{ended}");
    assert!(last["advice"].is_string(), "{ended}");
    last
}

#[test]
fn every_mistake_ends_with_a_record_for_programs() {
    let folder = Folder::new();
    folder.file("server.pl", "#!/bin/sh\n");
    folder.file("broken.toml", "count = \n");
    folder.file("colour.toml", "output = 'json'\ncolor = 'pink'\n");
    let json = ["--output", "json"];
    let cases: &[(&[&str], i32, &str)] = &[
        (&["run", "--output", "json"], 64, "<PROGRAM>"),
        (
            &["run", "server.pl", "--output=json", "--no-such"],
            64,
            "--no-such",
        ),
        (&["--output", "json", "statu"], 64, "statu"),
        (&["--output", "json"], 64, "no command"),
        (&["--output", "json", "keys"], 64, "no command"),
        (
            &["status", "--output", "json", "--config", "broken.toml"],
            78,
            "broken.toml",
        ),
        (
            &["status", "--output", "json", "--config", "absent.toml"],
            66,
            "absent.toml",
        ),
        (
            &["status", "--output", "json", "--color", "pink"],
            64,
            "--color",
        ),
        (&["status", "--config", "colour.toml"], 78, "color"),
        (
            &["status", "--config", "colour.toml", "--no-such"],
            64,
            "--no-such",
        ),
        (
            &["testbed", "up", "--output", "json", "--nodes", "300"],
            64,
            "--nodes",
        ),
    ];
    for (arguments, code, words) in cases {
        let last = last_record(&folder.run(arguments), *code);
        assert!(last["error"].as_str().unwrap().contains(words), "{last}");
    }
    for arguments in [
        &["run"][..],
        &["statu"],
        &["status", "--config", "broken.toml"],
    ] {
        let mut command = folder.command(arguments);
        command.env("OVERLORD_OUTPUT", "json");
        let ended = Ended::of(command);
        last_record(&ended, ended.code.unwrap());
    }
    // What follows -- is the program's, whatever it looks like.
    let ended = folder.run(&["run", "absent.pl", "--local", "--", json[0], json[1]]);
    ended.expect(66, &["absent.pl"]);
    assert!(!ended.stdout.contains("schema"), "{ended}");
}

#[test]
fn a_signal_during_set_up_ends_as_one_later_does() {
    let folder = Folder::new();
    let pair = KeyPair::generate(1024).unwrap();
    KeyDirectory::new(folder.path())
        .save(&"alice".parse().unwrap(), &pair)
        .unwrap();
    // A clearinghouse that takes connections and never says a word.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/xmlrpc/", listener.local_addr().unwrap());
    let program = time_server();
    let arguments = [
        "run",
        program.to_str().unwrap(),
        "--user",
        "alice",
        "--clearinghouse",
        &url,
        "--danger-accept-invalid-certs",
    ];
    for (signal, code) in [("INT", 130), ("TERM", 0), ("HUP", 0)] {
        if signal == "HUP" && hang_up_is_ignored() {
            continue;
        }
        let run = Running::start(folder.command(&arguments));
        let connection = listener.accept().unwrap();
        run.signal(signal);
        let (ended, last, errors) = run.end();
        assert_eq!(ended, Some(code), "{signal}: {errors}");
        assert_eq!(
            (&last["event"], &last["reason"]),
            (&"stopped".into(), &"signal".into()),
            "{signal}: {last}"
        );
        assert_eq!(last["running"], serde_json::json!([]), "{last}");
        drop(connection);
    }
}

#[test]
fn a_signal_while_a_testbed_starts_ends_it_at_once() {
    for signal in ["INT", "TERM", "HUP"] {
        if signal == "HUP" && hang_up_is_ignored() {
            continue;
        }
        let folder = Folder::new();
        let arguments = ["testbed", "up", "--dir", "bed", "--nodes", "200"];
        let testbed = Running::start(folder.command(&arguments));
        // Its directory appears first, the nodes' keys take longer.
        while !folder.path().join("bed").exists() {
            std::thread::yield_now();
        }
        testbed.signal(signal);
        let (ended, last, errors) = testbed.end();
        assert_eq!(
            (ended, &last["event"]),
            (Some(0), &"testbed_ended".into()),
            "{signal}: {errors}"
        );
        // All two hundred have not been made by then.
        let made = std::fs::read_dir(folder.path().join("bed/nodes"));
        assert!(made.map_or(0, Iterator::count) < 200);
    }
}

/// A run on an embedded testbed that makes many keys, whose temporary directory will be made in this one.
fn run_on_many_nodes(folder: &Folder, temporary: &Path) -> Command {
    let program = time_server();
    let run = ["run", "--local", "--count", "40", "--type", "rand"];
    let mut command = folder.command(&[&run[..], &[program.to_str().unwrap()]].concat());
    command.env("TMPDIR", temporary);
    command
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_signal_while_an_embedded_testbed_starts_leaves_no_key_behind() {
    let folder = Folder::new();
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let run = Running::start(run_on_many_nodes(&folder, &temporary));
    // The nodes' directories come first, their keys take longer.
    let has_nodes = |made: &PathBuf| made.join("nodes").exists();
    while !entries(&temporary).iter().any(has_nodes) {
        std::thread::yield_now();
    }
    run.signal("TERM");
    let (code, last, errors) = run.end();
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(last["event"], "stopped", "{errors}");
    assert_eq!(entries(&temporary), Vec::<PathBuf>::new());
}

#[test]
fn a_start_that_fails_leaves_no_key_behind() {
    let folder = Folder::new();
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let run = run_on_many_nodes(&folder, &temporary);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -n 40; exec \"$0\" \"$@\""])
        .arg(run.get_program())
        .args(run.get_args())
        .current_dir(folder.path())
        .env_clear()
        .env("TMPDIR", &temporary);
    let ended = Ended::of(limited);
    ended.expect(71, &["Too many open files", "ulimit -n"]);
    assert!(ended.stdout.contains("deploying"), "{ended}");
    assert_eq!(entries(&temporary), Vec::<PathBuf>::new(), "{ended}");
}

#[test]
fn a_temporary_directory_that_cannot_be_made_is_told_with_the_ways_out() {
    let folder = Folder::new();
    let program = time_server();
    let mut command = folder.command(&["run", "--local", program.to_str().unwrap()]);
    command.env("TMPDIR", "/nowhere");
    Ended::of(command).expect(
        73,
        &[
            "temporary directory for the testbed",
            "/nowhere",
            "TMPDIR",
            "--local-dir",
        ],
    );
}

#[test]
fn a_port_that_is_taken_is_told_with_the_ways_out() {
    let folder = Folder::new();
    // On every address, so on that of the clearinghouse too.
    let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let up = ["testbed", "up", "--nodes", "1", "--port", &port];
    let ended = folder.run(&up);
    ended.expect(71, &[&port, "another port", "--port", "end what listens"]);
    assert!(!ended.stderr.contains("loopback networks"), "{ended}");
}

#[test]
fn an_output_that_cannot_be_written_has_its_code() {
    let folder = Folder::new();
    let mut command = folder.command(&["exit-codes"]);
    command
        .stdout(File::options().write(true).open("/dev/full").unwrap())
        .stderr(Stdio::piped());
    let ended = Ended::wait(command.spawn().unwrap());
    ended.expect(74, &["what to do: make room"]);
}

#[test]
fn a_machine_that_gives_nothing_has_its_code() {
    let folder = Folder::new();
    let script = "ulimit -n 5; exec \"$0\" --output json testbed show";
    let mut command = Command::new("sh");
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_overlord")])
        .current_dir(folder.path())
        .env_clear();
    let ended = Ended::of(command);
    ended.expect(71, &["what to do: ", "ulimit"]);
    last_record(&ended, 71);
}

#[test]
fn what_names_no_ordinary_file_is_refused_at_once() {
    let folder = Folder::new();
    folder.file("server.pl", "#!/bin/sh\n");
    let made = Command::new("mkfifo")
        .arg(folder.path().join("pipe.pl"))
        .status();
    assert!(made.unwrap().success());
    let pair = KeyPair::generate(1024).unwrap();
    KeyDirectory::new(folder.path())
        .save(&"alice".parse().unwrap(), &pair)
        .unwrap();
    let here = [
        "status",
        "--user",
        "alice",
        "--clearinghouse",
        "https://127.0.0.1:1/",
    ];
    for device in ["/dev/zero", "pipe.pl"] {
        let cases: &[(Vec<&str>, &str)] = &[
            (vec!["run", device, "--local"], "give the path"),
            (
                [&here[..], &["--api-key-file", device]].concat(),
                "--api-key-file",
            ),
            ([&here[..], &["--ca-file", device]].concat(), "--ca-file"),
            (vec!["status", "--config", device], "--config"),
        ];
        for (arguments, advice) in cases {
            let ended = folder.run(arguments);
            ended.expect(66, &[device, "it is not a regular file", advice]);
        }
    }
    let log = ["run", "server.pl", "--local", "--log-file", "pipe.pl"];
    folder.run(&log).expect(73, &["pipe.pl", "it is a pipe"]);
}
