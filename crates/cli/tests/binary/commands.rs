//! Commands that need no testbed, through the real binary.

use std::process::Stdio;

use crate::support::{Ended, Folder};

#[test]
fn keys_are_made_shown_checked_and_never_overwritten() {
    let folder = Folder::new();
    let keys = |command: &str| folder.run(&["keys", command, "--user", "alice", "--keys-dir", "k"]);
    let made = keys("generate");
    made.expect(0, &[]);
    assert!(made.stdout.contains("alice.privatekey"), "{made}");
    let shown = keys("show");
    shown.expect(0, &[]);
    assert!(shown.stdout.starts_with("65537 "), "{shown}");
    let file = std::fs::read_to_string(folder.path().join("k/alice.publickey")).unwrap();
    assert_eq!(shown.stdout.trim_end(), file);
    let checked = keys("check");
    checked.expect(0, &[]);
    assert!(checked.stdout.contains("2048 bits"), "{checked}");
    keys("generate").expect(73, &["alice.privatekey exists already", "what to do: "]);
    let after = std::fs::read_to_string(folder.path().join("k/alice.publickey")).unwrap();
    assert_eq!(after, file);
}

#[test]
fn keys_are_told_to_programs_without_the_private_half() {
    let folder = Folder::new();
    let generate = [
        "--output", "json", "keys", "generate", "--user", "bob", "--bits", "1024",
    ];
    let ended = folder.run(&generate);
    ended.expect(0, &[]);
    let records = ended.records();
    assert_eq!(records.len(), 1, "{ended}");
    assert_eq!(
        (&records[0]["schema"], &records[0]["bits"]),
        (&2.into(), &1024.into())
    );
    let private = std::fs::read_to_string(folder.path().join("bob.privatekey")).unwrap();
    for number in private.split(' ') {
        assert!(!ended.stdout.contains(number), "{ended}");
    }
}

#[test]
fn the_exit_codes_are_explained_in_three_ways() {
    let folder = Folder::new();
    let printed = folder.run(&["exit-codes"]);
    printed.expect(0, &[]);
    let help = folder.run(&["help", "exit-codes"]);
    help.expect(0, &[]);
    for line in ["77  ", "130  ", " 64  "] {
        assert!(
            printed.stdout.contains(line) && help.stdout.contains(line),
            "{printed}\n{help}"
        );
    }
    let json = folder.run(&["exit-codes", "--output", "json"]);
    json.expect(0, &[]);
    assert!(
        json.records()
            .iter()
            .any(|record| record["exit_code"] == 77),
        "{json}"
    );
}

#[test]
fn help_and_version_are_no_mistakes() {
    let folder = Folder::new();
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["help", "run"],
        &["testbed", "up", "--help"],
    ] {
        let ended = folder.run(arguments);
        ended.expect(0, &[]);
        assert!(!ended.stdout.is_empty(), "{ended}");
    }
    // Without a command the help is shown, but nothing was done.
    folder.run(&[]).expect(64, &["Usage: overlord"]);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_mistake() {
    let folder = Folder::new();
    let mut child = folder
        .command(&["exit-codes", "--output", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The reading end is closed before anything is written, or while it is.
    drop(child.stdout.take());
    let ended = Ended::wait(child);
    ended.expect(0, &[]);
    assert_eq!(ended.stderr, "", "{ended}");
}
