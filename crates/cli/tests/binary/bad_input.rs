//! Mistakes of the operator: each gets its exit code, says what is wrong, and what to do.

use crate::support::{Ended, Folder};
use overlord::keys::{KeyDirectory, KeyPair};
use overlord::types::UserName;
use overlord_testbed::{LauncherCommand, Testbed, TestbedConfig};

/// One mistake: what is run, the exit code, and words that the message must have.
type Case<'a> = (&'a [&'a str], i32, &'a [&'a str]);

/// A mistake that shows only at a clearinghouse: as [`Case`], and who asks which clearinghouse.
type CaseAt<'a> = (&'a [&'a str], [String; 6], i32, &'a [&'a str]);

/// A wrong setting: flags, a variable and its value, the failure's code, the exit code.
type CodedCase<'a> = (&'a [&'a str], Option<(&'a str, &'a str)>, &'a str, i32);

fn check(folder: &Folder, cases: &[Case<'_>]) {
    let mut problems = String::new();
    for (arguments, code, words) in cases {
        let ended = folder.run(arguments);
        let said = |word: &str| ended.stderr.contains(word);
        let mut missing: Vec<_> = words.iter().filter(|word| !said(word)).copied().collect();
        if !said("error: ") {
            missing.push("error: ");
        }
        if !said("what to do: ") {
            missing.push("what to do: ");
        }
        if ended.code != Some(*code) || !missing.is_empty() {
            problems += &format!("wanted {code}, and lacks {missing:?}\n{ended}\n");
        }
    }
    assert!(problems.is_empty(), "{problems}");
}

fn save_keys(folder: &Folder, user: &str, pair: &KeyPair) {
    let user: UserName = user.parse().unwrap();
    KeyDirectory::new(folder.path()).save(&user, pair).unwrap();
}

#[test]
fn a_wrong_command_line_says_what_is_wrong_with_it() {
    let folder = Folder::new();
    folder.file("server.pl", "#!/bin/sh\n");
    let run = |rest: &[&'static str]| [&["run", "server.pl", "--local"][..], rest].concat();
    let cases: &[Case<'_>] = &[
        (&["statu"], 64, &["unrecognized subcommand", "status"]),
        (&["run"], 64, &["<PROGRAM>"]),
        (&run(&["--no-such-flag"]), 64, &["--no-such-flag"]),
        (
            &run(&["--count", "0"]),
            64,
            &["--count", "\"0\"", "one vessel or more"],
        ),
        (&run(&["--count", "ten"]), 64, &["--count", "\"ten\""]),
        (&run(&["--count", "100000"]), 64, &["--count", "10000"]),
        (
            &run(&["--type", "moon"]),
            64,
            &["--type", "wan, lan, nat, rand"],
        ),
        (
            &run(&["--platform", "python"]),
            64,
            &["--platform", "repyV1, repyV2, native"],
        ),
        (
            &run(&["--poll-period", "soon"]),
            64,
            &["--poll-period", "30s"],
        ),
        (
            &run(&["--poll-period", "0s"]),
            64,
            &["--poll-period", "\"0s\"", "from 10ms to 366 days"],
        ),
        (
            &run(&["--poll-period", "-5s"]),
            64,
            &["--poll-period", "\"-5s\"", "not negative"],
        ),
        (
            &run(&["--renew-period", "2years"]),
            64,
            &["--renew-period", "366 days"],
        ),
        (&run(&["--count", "-3"]), 64, &["--count", "\"-3\""]),
        (
            &run(&["--type", "nat"]),
            64,
            &["NAT", "--type wan, lan or rand"],
        ),
        (
            &run(&["--local-nodes", "3"]),
            64,
            &["10 copies", "--local-nodes", "--count"],
        ),
        (
            &run(&["--type", "lan", "--count", "101", "--local-nodes", "1"]),
            64,
            &["101 lan copies", "--count"],
        ),
        (
            &run(&["--on-stop", "explode"]),
            64,
            &["--on-stop", "leave, stop, release"],
        ),
        (
            &run(&["--on-stop", "leave"]),
            64,
            &["--local", "--on-stop leave", "testbed up"],
        ),
        (
            &run(&["--on-start", "x"]),
            64,
            &["--on-start", "release, adopt"],
        ),
        (&run(&["--run-for", "never"]), 64, &["--run-for", "never"]),
        (
            &run(&["--run-for", "0s"]),
            64,
            &["--run-for", "more than no time"],
        ),
        (
            &run(&["--probe-port", "70000"]),
            64,
            &["--probe-port", "65535"],
        ),
        (&run(&["--user", "a/b"]), 64, &["--user", "user name"]),
        (
            &run(&["--clearinghouse", "https://x/"]),
            64,
            &["--local", "--clearinghouse"],
        ),
        (
            &run(&["--keys-dir", "keys"]),
            64,
            &["--local", "--keys-dir"],
        ),
        (
            &run(&["--api-key-file", "key"]),
            64,
            &["--local", "--api-key-file"],
        ),
        (
            &run(&["--stop-file", "nowhere/stop"]),
            64,
            &["nowhere/stop", "nowhere is no directory", "--stop-file"],
        ),
        (
            &["run", "server.pl", "--user", "a", "--local-nodes", "3"],
            64,
            &["--local-nodes", "add --local"],
        ),
        (&run(&["--", "a|b"]), 64, &["arguments", "\"a|b\""]),
        (&run(&["--", "two words"]), 64, &["arguments", "two words"]),
        (&run(&["--", ""]), 64, &["empty argument"]),
        (&run(&["--", "{prot}"]), 64, &["{prot}", "{port}"]),
        (&run(&["--output", "xml"]), 64, &["--output", "text, json"]),
        (
            &run(&["--color", "pink"]),
            64,
            &["--color", "auto, always, never"],
        ),
        (
            &["run", "server.pl"],
            64,
            &["no user is named", "--user", "--local"],
        ),
        (&["vessels", "release", "--user", "a"], 64, &["--all"]),
        (&["testbed", "fault", "kill"], 64, &["--node"]),
        (
            &["testbed", "fault", "--node", "0", "kill"],
            64,
            &["--node", "from 1 to"],
        ),
        (
            &["testbed", "up", "--nodes", "3", "--fault", "4=kill"],
            64,
            &["--fault", "from 1 to 3"],
        ),
        (
            &["testbed", "up", "--fault", "1=down"],
            64,
            &["--fault", "clearinghouse"],
        ),
        (
            &["testbed", "up", "--fault", "1=latency:soon"],
            64,
            &["--fault", "\"soon\" is no time"],
        ),
        (
            &["testbed", "up", "--credits", "-1"],
            64,
            &["--credits", "\"-1\""],
        ),
        (
            &["testbed", "up", "--lease", "0s"],
            64,
            &["--lease", "more than no time"],
        ),
        (
            &["testbed", "up", "--renewed-lease", "0s"],
            64,
            &["--renewed-lease", "more than no time"],
        ),
        (
            &["testbed", "up", "--fault", "boom"],
            64,
            &["--fault", "NODE=FAULT"],
        ),
        (
            &["keys", "generate", "--user", "a", "--bits", "512"],
            64,
            &["--bits", "1024"],
        ),
    ];
    check(&folder, cases);
}

#[test]
fn a_program_that_cannot_be_sent_says_why() {
    let folder = Folder::new();
    folder.file("Server.pl", "#!/bin/sh\n");
    folder.file("private_server", "#!/bin/sh\n");
    folder.file("unsafe.r2py", "log('hello')\nimport os\n");
    folder.file("no_python.r2py", "log('hello'\n");
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    let cases: &[Case<'_>] = &[
        (
            &["run", "--local", "absent.pl"],
            66,
            &["absent.pl", "give the path"],
        ),
        (&["run", "--local", "folder"], 66, &["folder"]),
        (
            &["run", "--local", "Server.pl"],
            65,
            &["Server.pl", "name", "a-z"],
        ),
        (&["run", "--local", "private_server"], 65, &["private_"]),
        (
            &["run", "--local", "unsafe.r2py"],
            65,
            &["unsafe.r2py:2:1", "import", "import os", "^", "--no-check"],
        ),
        (
            &["run", "--local", "no_python.r2py"],
            65,
            &["no_python.r2py:1", "syntax error"],
        ),
    ];
    check(&folder, cases);
}

#[test]
fn what_would_end_the_run_is_told_before_a_testbed_is_started() {
    let folder = Folder::new();
    folder.file("server.pl", "#!/bin/sh\n");
    folder.file("halt", "");
    let run = ["run", "server.pl", "--local", "--local-dir", "bed"];
    let cases: &[Case<'_>] = &[
        (
            &[&run[..], &["--stop-file", "halt"]].concat(),
            64,
            &["halt is there already", "remove it"],
        ),
        (
            &[&run[..], &["--log-file", "no/run.log"]].concat(),
            73,
            &["no/run.log", "--log-file"],
        ),
        (
            &["testbed", "up", "--dir", "bed", "--fault", "99=kill"],
            64,
            &["--fault"],
        ),
    ];
    check(&folder, cases);
    assert!(!folder.path().join("bed").exists(), "a testbed was started");
}

#[test]
fn wrong_key_files_are_named_with_what_is_wrong_in_them() {
    let folder = Folder::new();
    folder.file("server.pl", "#!/bin/sh\n");
    let (pair, other) = (
        KeyPair::generate(1024).unwrap(),
        KeyPair::generate(1024).unwrap(),
    );
    for user in ["half", "bad", "mixed", "unreadable"] {
        save_keys(&folder, user, &pair);
    }
    std::fs::remove_file(folder.path().join("half.privatekey")).unwrap();
    folder.file("bad.publickey", "65537\n12x34\n");
    folder.file("mixed.publickey", other.public().as_str());
    std::fs::remove_file(folder.path().join("unreadable.publickey")).unwrap();
    std::fs::create_dir(folder.path().join("unreadable.publickey")).unwrap();
    let expected: &[(&str, i32, &[&str])] = &[
        (
            "nobody",
            66,
            &["nobody.publickey", "nobody.privatekey", "keys generate"],
        ),
        ("half", 66, &["half.privatekey does not exist"]),
        ("bad", 65, &["bad.publickey", "word 2 (line 2)"]),
        ("mixed", 65, &["do not belong together", "p times q"]),
        ("unreadable", 66, &["unreadable.publickey"]),
    ];
    for (user, code, words) in expected {
        let run = [
            "run",
            "server.pl",
            "--user",
            user,
            "--clearinghouse",
            "https://127.0.0.1:1/",
        ];
        let cases: &[Case<'_>] = &[
            (&["keys", "check", "--user", user], *code, words),
            (&run, *code, words),
        ];
        check(&folder, cases);
    }
}

#[test]
fn a_private_key_that_others_can_read_causes_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    save_keys(&folder, "alice", &KeyPair::generate(1024).unwrap());
    let path = folder.path().join("alice.privatekey");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ended = folder.run(&["keys", "check", "--user", "alice"]);
    ended.expect(0, &["warning: ", "chmod 600"]);
}

#[test]
fn a_wrong_address_or_file_of_the_clearinghouse_is_told_before_it_is_called() {
    let folder = Folder::new();
    save_keys(&folder, "alice", &KeyPair::generate(1024).unwrap());
    folder.file("empty.pem", "no certificate\n");
    let status = |rest: &[&'static str]| [&["status", "--user", "alice"][..], rest].concat();
    let here = "https://127.0.0.1:1/xmlrpc/";
    folder.file("key.txt", "a key with blanks\n");
    let cases: &[Case<'_>] = &[
        (
            &status(&["--clearinghouse", "not a url"]),
            64,
            &["not a url", "https://"],
        ),
        (&status(&["--clearinghouse", "ftp://x/"]), 64, &["ftp://x/"]),
        (
            &status(&["--clearinghouse", "http://127.0.0.1/"]),
            64,
            &["not https"],
        ),
        (
            &status(&["--clearinghouse", here, "--ca-file", "absent.pem"]),
            66,
            &["absent.pem"],
        ),
        (
            &status(&["--clearinghouse", here, "--ca-file", "empty.pem"]),
            65,
            &["empty.pem"],
        ),
        (
            &status(&["--clearinghouse", here, "--api-key-file", "absent"]),
            66,
            &["absent"],
        ),
        (
            &status(&["--clearinghouse", here, "--api-key-file", "key.txt"]),
            65,
            &["key.txt"],
        ),
        (
            &status(&["--clearinghouse", here, "--danger-accept-invalid-certs"]),
            69,
            &["127.0.0.1:1", "HTTPS_PROXY"],
        ),
        (
            &["testbed", "show", "--dir", "nowhere"],
            69,
            &["nowhere", "testbed up"],
        ),
    ];
    check(&folder, cases);
}

#[test]
fn the_place_of_a_wrong_setting_is_named_and_the_first_layer_wins() {
    let folder = Folder::new();
    folder.file("server.pl", "#!/bin/sh\n");
    folder.file("overlord.toml", "[run]\ncount = 0\n");
    let run = ["run", "--local", "server.pl"];
    folder.run(&run).expect(78, &["count in overlord.toml"]);
    let mut command = folder.command(&run);
    command.env("OVERLORD_COUNT", "-5");
    Ended::of(command).expect(64, &["OVERLORD_COUNT", "-5"]);
    let mut command = folder.command(&[&run[..], &["--count", "none"]].concat());
    command.env("OVERLORD_COUNT", "-5");
    Ended::of(command).expect(64, &["--count", "none"]);

    // Variables are meant for every command: they do not exclude what was typed.
    let mut command = folder.command(&run);
    command.env("OVERLORD_CLEARINGHOUSE", "https://example.org/");
    Ended::of(command).expect(78, &["count in overlord.toml"]);

    folder.file("overlord.toml", "[run]\ncuont = 5\n");
    folder
        .run(&run)
        .expect(78, &["overlord.toml", "line 2", "cuont"]);
    folder
        .run(&[&run[..], &["--config", "absent.toml"]].concat())
        .expect(66, &["absent.toml"]);
}

#[test]
fn a_failure_is_told_to_programs_too() {
    let folder = Folder::new();
    let ended = folder.run(&["--output", "json", "keys", "show", "--user", "nobody"]);
    ended.expect(66, &["what to do: "]);
    let records = ended.records();
    let last = records.last().unwrap();
    assert_eq!(
        (&last["schema"], &last["event"]),
        (&2.into(), &"error".into()),
        "{ended}"
    );
    assert_eq!(last["exit_code"], 66, "{ended}");
    assert_eq!(last["code"], "keys_missing", "{ended}");
    assert_eq!(last["blame"], "operator", "{ended}");
    assert_eq!(last["retry"], "after_change", "{ended}");
    assert!(last["advice"].is_string(), "{ended}");
}

#[test]
fn what_a_clearinghouse_refuses_is_told_apart() {
    let folder = Folder::new();
    folder.file("server.pl", "#!/bin/sh\n");
    let keys: Vec<_> = (0..2).map(|_| KeyPair::generate(1024).unwrap()).collect();
    save_keys(&folder, "alice", &keys[0]);
    save_keys(&folder, "mallory", &keys[1]);
    save_keys(&folder, "stranger", &keys[1]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let testbed = runtime.block_on(async {
        let mut config = TestbedConfig::new(folder.path().join("testbed"));
        config.platforms = config.platforms.and_danger_native();
        config.nodes = 2;
        config.vessels_per_node = 1;
        let entry = ["vessel_process_entry", "--exact", "--nocapture"];
        config.launcher = LauncherCommand::current_executable_with(entry);
        let testbed = Testbed::start(config).await.unwrap();
        // Mallory's account has another key than Mallory's files.
        for user in ["alice", "mallory"] {
            testbed
                .create_user(&user.parse().unwrap(), keys[0].public())
                .await
                .unwrap();
        }
        testbed
    });
    let url = testbed.clearinghouse_url().to_string();
    let ca = testbed.ca_file().display().to_string();
    // A CA that vouches for others only.
    let other = runtime.block_on(async {
        let mut config = TestbedConfig::new(folder.path().join("other"));
        config.nodes = 0;
        let other = Testbed::start(config).await.unwrap();
        let ca = other.ca_file().display().to_string();
        other.shutdown().await;
        ca
    });
    let at = |user: &'static str, ca: &str| {
        ["--user", user, "--clearinghouse", &url, "--ca-file", ca].map(str::to_owned)
    };
    let cases: &[CaseAt<'_>] = &[
        (
            &["status"],
            at("stranger", &ca),
            77,
            &["stranger", "--user"],
        ),
        (
            &["status"],
            at("mallory", &ca),
            77,
            &["private key", "--keys-dir"],
        ),
        (
            &["status"],
            at("alice", &other),
            76,
            &["certificate", "--ca-file"],
        ),
        (
            &["run", "server.pl", "--count", "11"],
            at("alice", &ca),
            75,
            &["11", "10", "--count"],
        ),
        (
            &["vessels", "acquire", "--count", "3"],
            at("alice", &ca),
            75,
            &["acquire"],
        ),
        (
            &["vessels", "acquire", "--type", "nat"],
            at("alice", &ca),
            75,
            &["acquire", "choose another --type"],
        ),
        (
            &["vessels", "renew", "v99"],
            at("alice", &ca),
            64,
            &["v99", "vessels list"],
        ),
        (
            &[
                "run",
                "server.pl",
                "--count",
                "1",
                "--log-file",
                "no/run.log",
            ],
            at("alice", &ca),
            73,
            &["no/run.log"],
        ),
        (&["status"], at("alice", &ca), 0, &[]),
    ];
    for (arguments, place, code, words) in cases {
        let place: Vec<_> = place.iter().map(String::as_str).collect();
        folder
            .run(&[arguments, &place[..]].concat())
            .expect(*code, words);
    }
    runtime.block_on(testbed.shutdown());
}

#[test]
fn a_wrong_setting_is_called_what_it_is_wherever_it_was_given() {
    let folder = Folder::new();
    folder.file("server.pl", "#!/bin/sh\n");
    folder.file("api-key", "two words\n");
    folder.file("overlord.toml", "[run]\ntype = \"moon\"\n");
    folder.file("empty.toml", "");
    let ended = |flags: &[&str], variable: Option<(&str, &str)>| {
        let start = ["--output", "json", "run", "server.pl"];
        let mut command = folder.command(&[&start[..], flags].concat());
        command.env("OVERLORD_USER", "a").envs(variable);
        let ended = Ended::of(command);
        let record = ended.records().pop().expect("a record of the failure");
        assert_eq!(record["exit_code"], ended.code.unwrap_or(-1), "{ended}");
        (record["code"].clone(), record["exit_code"].clone(), ended)
    };
    let no_file = ["--config", "empty.toml"];
    let cases: &[CodedCase<'_>] = &[
        (&["--type", "x"], None, "vessel_type", 64),
        (&[], Some(("OVERLORD_TYPE", "x")), "vessel_type", 64),
        (&["--platform", "x"], None, "platform", 64),
        (&["--user", "?"], None, "user_name", 64),
        (&["--count", "0"], None, "vessel_count", 64),
        (&["--count", "ten"], None, "vessel_count", 64),
        (&["--poll-period", "soon"], None, "period", 64),
        (&["--poll-period", "-5s"], None, "period", 64),
        (&["--poll-period", "0s"], None, "period", 64),
        (&["--renew-period", "2years"], None, "period", 64),
        (&["--run-for", "0s"], None, "period", 64),
        (&["--on-start", "x"], None, "usage", 64),
        (&["--probe-port", "70000"], None, "usage", 64),
        (
            &[],
            Some(("OVERLORD_API_KEY", "two words")),
            "api_key_malformed",
            65,
        ),
        (
            &["--api-key-file", "api-key"],
            None,
            "api_key_malformed",
            65,
        ),
        (&["--api-key-file", "absent"], None, "file_unreadable", 66),
    ];
    for (flags, variable, code, exit) in cases {
        let (found, found_exit, ended) = ended(&[&no_file[..], flags].concat(), *variable);
        assert_eq!(
            (found, found_exit),
            ((*code).into(), (*exit).into()),
            "{ended}"
        );
    }
    // What stands in the file is the file's mistake.
    let (code, exit, ended) = ended(&[], None);
    assert_eq!((code, exit), ("configuration".into(), 78.into()), "{ended}");
}
