//! The whole of it through the real binary: a testbed in the process, real sockets, TLS, real programs.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;

use crate::support::{Ended, Folder, Running, hang_up_is_ignored, time_server};
use serde_json::Value;

/// Arguments of a run of the example program in this folder.
fn run_arguments<'a>(program: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    let arguments = ["run", program, "--poll-period", "300ms", "--count", "3"];
    [&arguments[..], rest, &["--", "{port}"]].concat()
}

fn network(record: &Value) -> String {
    let location = record["location"].as_str().unwrap();
    location.rsplit_once('.').unwrap().0.to_owned()
}

#[test]
fn copies_answer_and_are_replaced_until_the_stop_file_comes() {
    let folder = Folder::new();
    let program = time_server();
    let program = program.to_str().unwrap();
    let local = ["--local", "--local-dir", "bed", "--local-nodes", "5"];
    let mut arguments = vec!["--output", "json"];
    arguments.extend(run_arguments(program, &local));
    let mut run = Running::start_as_given(folder.command(&arguments));

    let first = run.wait_for("deployment", |_| true);
    assert_eq!((&first["number"], &first["count"]), (&0.into(), &3.into()));
    let began = run.wait_for("run_started", |_| true);
    assert_eq!(began["number"], 1);
    assert!(first["at"].as_str().unwrap() <= began["at"].as_str().unwrap());
    let all = run.wait_for("all_answering", |_| true);
    assert_eq!(all["copies"], 3);
    assert!(all["at"].as_str().unwrap() >= began["at"].as_str().unwrap());
    let shown = folder.run(&["--output", "json", "testbed", "show", "--dir", "bed"]);
    shown.expect(0, &[]);
    let (node, vessel, _) = running_vessel(&shown);
    // One numbering: the number is the third part of the address.
    for (place, node) in shown.records()[0]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        assert_eq!(node["number"], place + 1);
        let address = node["location"].as_str().unwrap();
        assert!(
            address.ends_with(&format!(".{}.1:1224", place + 1)),
            "{node}"
        );
    }

    let fault =
        |rest: &[&str]| folder.run(&[&["testbed", "fault", "--dir", "bed"][..], rest].concat());
    fault(&["--vessel", &vessel, "kill"]).expect(0, &[]);
    let back = run.wait_for("answer", |record| record["answer"]["line"].is_string());
    assert!(back["index"].is_number(), "{back}");

    fault(&["--node", &node.to_string(), "kill"]).expect(0, &[]);
    let gone = run.wait_for("condemned", |_| true);
    let moved = run.wait_for("answer", |record| record["answer"]["line"].is_string());
    assert_eq!(moved["index"], gone["index"], "the same copy, elsewhere");
    assert_ne!(network(&moved), network(&gone));

    fault(&["--node", "77", "kill"]).expect(64, &["no node 77", "testbed show"]);
    fault(&["--node", "1", "explode"]).expect(64, &["explode"]);

    folder.file("stop", "");
    let stopped = run.wait_for("stopped", |_| true);
    assert_eq!(stopped["reason"], "stop_file");
    assert_eq!(
        stopped["running"].as_array().map(Vec::len),
        Some(0),
        "{stopped}"
    );
    let (code, _, errors) = run.end();
    assert_eq!(code, Some(0), "{errors}");

    // What a stop file asks for is not undone by starting again.
    let again = folder.run(&arguments);
    again.expect(64, &["stop", "--stop-file"]);
}

#[test]
fn what_stands_of_the_wall_around_repy_programs_is_shown() {
    let folder = Folder::new();
    let program = time_server().with_extension("r2py");
    let program = program.to_str().unwrap();
    let local = ["--local", "--local-dir", "bed", "--local-nodes", "5"];
    let mut arguments = vec!["--output", "json"];
    arguments.extend(run_arguments(program, &local));
    let mut run = Running::start_as_given(folder.command(&arguments));
    run.wait_for("all_answering", |_| true);
    let shown = folder.run(&["--output", "json", "testbed", "show", "--dir", "bed"]);
    shown.expect(0, &[]);
    let nodes = shown.records()[0]["nodes"].as_array().unwrap().clone();
    let walls: Vec<&str> = nodes
        .iter()
        .filter_map(|node| node["walls"][0].as_str())
        .collect();
    assert_eq!(walls.len(), 3, "{shown}");
    assert!(walls[0].starts_with("privileges full, limits "), "{shown}");
    let line = format!("second wall around the programs of 3 nodes: {}", walls[0]);
    let people = folder.run(&["testbed", "show", "--dir", "bed"]);
    people.expect(0, &[]);
    assert!(people.stdout.contains(&line), "{people}");
    folder.file("stop", "");
    run.wait_for("stopped", |_| true);
    let (code, _, errors) = run.end();
    assert_eq!(code, Some(0), "{errors}");
}

/// Node, handle and process of the first vessel with a program.
fn running_vessel(shown: &Ended) -> (u64, String, String) {
    let records = shown.records();
    for node in records[0]["nodes"].as_array().unwrap() {
        for vessel in node["vessels"].as_array().unwrap() {
            if vessel["process"].is_number() {
                let handle = vessel["handle"].as_str().unwrap().to_owned();
                let process = vessel["process"].to_string();
                return (node["number"].as_u64().unwrap(), handle, process);
            }
        }
    }
    panic!("no program runs\n{shown}");
}

#[test]
fn a_testbed_of_its_own_serves_every_command() {
    let folder = Folder::new();
    let up = [
        "testbed",
        "up",
        "--dir",
        "bed",
        "--nodes",
        "3",
        "--user",
        "alice",
        "--danger-native",
        "--fault",
        "2=latency:5ms",
    ];
    let mut testbed = Running::start(folder.command(&up));
    let described = testbed.wait_for("testbed_up", |_| true);
    let text = |field: &str| described[field].as_str().unwrap().to_owned();
    folder.configure(&described);
    folder
        .run(&["testbed", "up", "--dir", "bed"])
        .expect(73, &["bed"]);

    let password = std::path::Path::new(&text("keys_dir")).join("alice.password");
    assert_eq!(std::fs::metadata(password).unwrap().mode() & 0o777, 0o600);

    let none = folder.run(&["vessels", "log", "--all"]);
    none.expect(0, &[]);
    assert_eq!(none.stdout, "no vessels\n");
    let acquired = folder.run(&["vessels", "acquire", "--count", "2", "--output", "json"]);
    acquired.expect(0, &[]);
    assert_eq!(acquired.records().len(), 2, "{acquired}");
    let status = folder.run(&["status", "--output", "json"]);
    status.expect(0, &[]);
    let records = status.records();
    assert_eq!(records.len(), 3, "{status}");
    assert_eq!(
        (&records[0]["status"], &records[2]["held"]),
        (&"Fresh".into(), &2.into()),
        "{status}"
    );
    let handle = records[0]["handle"].as_str().unwrap();
    let renewed = folder.run(&["vessels", "renew", handle, "--output", "json"]);
    renewed.expect(0, &[]);
    assert!(
        renewed.records()[0]["expires_in_seconds"].as_u64().unwrap() > 500_000,
        "{renewed}"
    );
    folder.run(&["vessels", "release", handle]).expect(0, &[]);
    let listed = folder.run(&["vessels", "list"]);
    assert_eq!(listed.stdout.lines().count(), 2, "{listed}");

    // A run on it, ended by Ctrl-C, leaves its copies running as the original does.
    let program = time_server();
    let program = program.to_str().unwrap();
    let mut arguments = vec!["--output", "json"];
    arguments.extend(run_arguments(program, &["--log-file", "run.log"]));
    folder.file("run.log", "from before\n");
    let mut run = Running::start_as_given(folder.command(&arguments));
    run.wait_for("all_answering", |_| true);
    run.signal("INT");
    let (code, last, errors) = run.end();
    assert_eq!(code, Some(130), "{errors}");
    assert_eq!(
        (&last["event"], &last["reason"]),
        (&"stopped".into(), &"signal".into())
    );
    assert_eq!(last["running"].as_array().map(Vec::len), Some(3), "{last}");
    assert!(errors.contains("Ctrl-C again"), "{errors}");
    let log = std::fs::read_to_string(folder.path().join("run.log")).unwrap();
    assert!(
        log.starts_with("from before\n") && log.contains("running"),
        "{log}"
    );

    let status = folder.run(&["status"]);
    status.expect(0, &[]);
    assert_eq!(status.stdout.matches("Started").count(), 3, "{status}");
    let logs = folder.run(&["vessels", "log", "--all", "--output", "json"]);
    logs.expect(0, &[]);
    assert_eq!(logs.records().len(), 3, "{logs}");
    for record in logs.records() {
        assert!(
            record["log"].as_str().unwrap().contains(" serving on "),
            "{logs}"
        );
    }
    let one = logs.records()[0]["handle"].as_str().unwrap().to_owned();
    let log = folder.run(&["vessels", "log", &one]);
    log.expect(0, &[]);
    assert_eq!(
        log.stdout.trim_end(),
        logs.records()[0]["log"].as_str().unwrap().trim_end()
    );
    let fault = |rest: &[&str]| {
        let fault = [&["testbed", "fault", "--dir", "bed"][..], rest].concat();
        folder.run(&fault).expect(0, &[]);
    };
    for words in [&["lost-answers"][..], &["close"], &["wrong-reply"]] {
        fault(&[&["--node", "1"], words].concat());
        folder.run(&["status"]).expect(79, &[]);
        fault(&["--node", "1", "none"]);
        folder.run(&["status"]).expect(0, &[]);
    }
    fault(&["--node", "1", "clock-behind", "1day"]);
    fault(&["--node", "1", "none"]);
    for (word, code) in [("lost-answers", 69), ("garbage", 76)] {
        fault(&["--clearinghouse", word]);
        folder.run(&["vessels", "list"]).expect(code, &[]);
        fault(&["--clearinghouse", "none"]);
    }
    fault(&["--node", "1", "kill"]);
    let status = folder.run(&["status"]);
    status.expect(79, &[]);
    assert!(status.stdout.contains("unreachable"), "{status}");
    let status = folder.run(&["--output", "json", "status"]);
    status.expect(79, &[]);
    let silent = status.records().into_iter();
    let silent: Vec<_> = silent.filter(|r| r["unreachable"].is_string()).collect();
    assert!(!silent.is_empty(), "{status}");
    assert!(
        silent.iter().all(|r| r["code"] == "node_unreachable"),
        "{status}"
    );
    let logs = folder.run(&["vessels", "log", "--all"]);
    logs.expect(79, &["cannot be reached"]);
    assert_eq!(logs.stdout.matches("==> …").count(), 2, "{logs}");

    folder
        .run(&[
            "testbed",
            "fault",
            "--dir",
            "bed",
            "--clearinghouse",
            "down",
        ])
        .expect(0, &[]);
    folder
        .run(&["vessels", "list"])
        .expect(69, &["what to do: "]);
    folder
        .run(&[
            "testbed",
            "fault",
            "--dir",
            "bed",
            "--clearinghouse",
            "none",
        ])
        .expect(0, &[]);
    let released = folder.run(&["vessels", "release", "--all"]);
    released.expect(0, &[]);
    assert_eq!(released.stdout, "released: 3\n");

    testbed.signal("TERM");
    let (code, _, errors) = testbed.end();
    assert_eq!(code, Some(0), "{errors}");
    folder
        .run(&["testbed", "show", "--dir", "bed"])
        .expect(69, &["testbed up"]);
}

#[test]
fn accounts_of_a_testbed_hold_as_many_vessels_as_it_says() {
    let folder = Folder::new();
    let program = time_server();
    let up = [
        "testbed", "up", "--dir", "bed", "--nodes", "4", "--user", "alice",
    ];
    let mut described = serde_json::Value::Null;
    let mut over = |credits: &[&str], count: &str, words: &[&str]| {
        let bed = folder.path().join("bed");
        let _ = std::fs::remove_dir_all(bed);
        let mut testbed = Running::start(folder.command(&[&up[..], credits].concat()));
        described = testbed.wait_for("testbed_up", |_| true);
        let text = |field: &str| described[field].as_str().unwrap().to_owned();
        let [keys, url, ca] = ["keys_dir", "clearinghouse", "ca_file"].map(text);
        let run = [
            "run",
            program.to_str().unwrap(),
            "--type",
            "rand",
            "--count",
            count,
            "--user",
            "alice",
            "--keys-dir",
            &keys,
            "--clearinghouse",
            &url,
            "--ca-file",
            &ca,
        ];
        folder.run(&run).expect(75, words);
        testbed.signal("TERM");
        testbed.end();
    };
    over(&[], "11", &["11", "10", "--count"]);
    over(&["--credits", "2"], "3", &["3", "2", "--count"]);
}

#[test]
fn copies_on_one_network_have_an_address_each() {
    let folder = Folder::new();
    let program = time_server();
    let rest = ["--local", "--type", "lan"];
    let mut arguments = vec!["--output", "json"];
    arguments.extend(run_arguments(program.to_str().unwrap(), &rest));
    let mut run = Running::start_as_given(folder.command(&arguments));
    let answers = [(); 3].map(|()| run.wait_for("answer", |_| true));
    let hosts: BTreeSet<_> = answers
        .iter()
        .map(|answer| answer["location"].as_str().unwrap())
        .collect();
    assert_eq!(hosts.len(), 3, "{hosts:?}");
    let networks: BTreeSet<_> = answers.iter().map(network).collect();
    assert_eq!(networks.len(), 1, "{hosts:?}");
    run.signal("TERM");
    let (code, _, errors) = run.end();
    assert_eq!(code, Some(0), "{errors}");
}

#[test]
fn a_run_whose_reader_is_gone_ends_and_says_so_by_success() {
    let folder = Folder::new();
    let program = time_server();
    let mut arguments = vec!["--output", "json"];
    let rest = ["--local", "--log-file", "run.log"];
    arguments.extend(run_arguments(program.to_str().unwrap(), &rest));
    let mut run = Running::start_as_given(folder.command(&arguments));
    run.wait_for("run_started", |_| true);
    run.close();
    let (code, _, errors) = run.end();
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let log = std::fs::read_to_string(folder.path().join("run.log")).unwrap();
    assert!(log.contains("standard output was closed"), "{log}");
}

#[test]
fn the_first_line_comes_at_once_and_run_for_ends_the_run() {
    let folder = Folder::new();
    let program = time_server();
    let rest = ["--local", "--local-nodes", "3", "--run-for", "1s"];
    let ended = folder.run(&run_arguments(program.to_str().unwrap(), &rest));
    ended.expect(0, &[]);
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with("overlord: deploying "), "{ended}");
    assert!(
        lines.iter().any(|line| line.contains("3 copies answering")),
        "{ended}"
    );
    assert!(
        lines.last().unwrap().contains("nothing is left running"),
        "{ended}"
    );
}

#[test]
fn a_log_file_that_takes_no_lines_is_told_once_and_the_run_goes_on() {
    let folder = Folder::new();
    let program = time_server();
    let rest = ["--local", "--log-file", "/dev/full", "--run-for", "1s"];
    let ended = folder.run(&run_arguments(program.to_str().unwrap(), &rest));
    ended.expect(0, &["the log file /dev/full cannot be written"]);
    assert_eq!(ended.stderr.matches("/dev/full").count(), 1, "{ended}");
    assert!(ended.stdout.contains("nothing is left running"), "{ended}");
}

#[test]
fn a_terminal_that_goes_away_takes_an_embedded_testbed_with_it() {
    if hang_up_is_ignored() {
        return;
    }
    let folder = Folder::new();
    let program = time_server();
    let rest = ["--local", "--local-dir", "bed", "--local-nodes", "3"];
    let mut arguments = vec!["--output", "json"];
    arguments.extend(run_arguments(program.to_str().unwrap(), &rest));
    let mut run = Running::start_as_given(folder.command(&arguments));
    run.wait_for("all_answering", |_| true);
    let shown = folder.run(&["--output", "json", "testbed", "show", "--dir", "bed"]);
    let process = &running_vessel(&shown).2;
    run.signal("HUP");
    let (code, last, errors) = run.end();
    assert_eq!(
        (code, &last["event"]),
        (Some(0), &"stopped".into()),
        "{errors}"
    );
    let alive = std::path::Path::new("/proc").join(process).exists();
    assert!(!alive, "process {process} outlived its testbed");
}

#[test]
fn what_was_judged_is_what_the_nodes_get_though_the_file_changes_meanwhile() {
    let folder = Folder::new();
    let judged = "while True:\n  sleep(1)\n";
    folder.file("judged.r2py", judged);
    let arguments = [
        "run",
        "judged.r2py",
        "--count",
        "2",
        "--local",
        "--local-dir",
        "bed",
        "--local-nodes",
        "2",
    ];
    let mut run = Running::start_as_given(folder.command(&arguments));
    // The program was judged before the testbed was started, and nothing is uploaded yet.
    run.wait_for_line("testbed of 2 nodes");
    folder.file("judged.r2py", "import os\n");
    run.wait_for_line("2 copies running");
    let mut there = Vec::new();
    let mut folders = vec![folder.path().join("bed")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with("judged.r2py") {
                there.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }
    assert_eq!(there, [judged, judged]);
    folder.file("stop", "");
    let (code, _, errors) = run.end();
    assert_eq!(code, Some(0), "{errors}");
}
