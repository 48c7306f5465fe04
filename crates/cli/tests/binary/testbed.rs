//! A testbed of one's own, through the real binary: what it is told, what it shows, where it is.

use std::process::Command;

use serde_json::Value;

use crate::support::{Folder, Running};

fn up(folder: &Folder, rest: &[&str]) -> Command {
    folder.command(&[&["testbed", "up", "--dir", "bed"], rest].concat())
}

/// What `testbed show` says for programs.
fn shown(folder: &Folder) -> Value {
    let ended = folder.run(&["testbed", "show", "--dir", "bed", "--output", "json"]);
    ended.expect(0, &[]);
    ended.records().remove(0)
}

#[test]
fn a_testbed_shows_which_faults_are_on() {
    let folder = Folder::new();
    let up = up(&folder, &["--nodes", "2", "--fault", "2=latency:200ms"]);
    let mut testbed = Running::start(up);
    testbed.wait_for("testbed_up", |_| true);
    for fault in [
        &["--node", "1", "silence"][..],
        &["--node", "1", "clock-behind", "2h"],
        &["--clearinghouse", "lost-answers"],
    ] {
        let command = [&["testbed", "fault", "--dir", "bed"], fault].concat();
        folder.run(&command).expect(0, &[]);
    }
    let record = shown(&folder);
    let faults = |number: usize| &record["nodes"][number - 1]["faults"];
    assert_eq!(
        *faults(1),
        serde_json::json!(["silence", "clock-behind 2h"])
    );
    assert_eq!(*faults(2), serde_json::json!(["latency 200ms"]));
    let clearinghouse = &record["clearinghouse_faults"];
    assert_eq!(*clearinghouse, serde_json::json!(["lost-answers"]));
    let text = folder.run(&["testbed", "show", "--dir", "bed"]);
    for words in [
        "silence, clock-behind 2h",
        "(faults: lost-answers)",
        "FAULTS",
    ] {
        assert!(text.stdout.contains(words), "{text}");
    }
    let all = ["testbed", "fault", "--dir", "bed", "--node", "1", "none"];
    folder.run(&all).expect(0, &[]);
    assert_eq!(shown(&folder)["nodes"][0]["faults"], serde_json::json!([]));
}

#[test]
fn a_testbed_without_nodes_of_its_own_starts_and_is_found_where_it_was_before() {
    let folder = Folder::new();
    let mut addresses = Vec::new();
    for _ in 0..2 {
        let mut testbed = Running::start(up(&folder, &["--nodes", "0"]));
        let up = testbed.wait_for("testbed_up", |_| true);
        assert_eq!(up["nodes"], serde_json::json!([]));
        addresses.push(up["clearinghouse"].clone());
        testbed.signal("TERM");
        let (code, last, errors) = testbed.end();
        assert_eq!(
            (code, &last["event"]),
            (Some(0), &"testbed_ended".into()),
            "{errors}"
        );
    }
    assert_eq!(addresses[0], addresses[1]);
}
