//! The programs in `/examples`, each run as vessels run them: the real runtime under the resources of an ordinary
//! vessel, a process and an address 127.x for each copy, real sockets.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod http_server;
mod key_value_store;
mod latency_probe;
mod time_server;
#[expect(dead_code, reason = "shared with other tests, which use more of it")]
#[path = "../vessel/mod.rs"]
mod vessel;

use std::process::Command;

#[test]
fn every_example_passes_the_check_and_says_how_it_is_used() {
    let folder = vessel::example("");
    let mut checked = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "r2py") {
            continue;
        }
        checked += 1;
        let check = Command::new(env!("CARGO_BIN_EXE_repy"))
            .arg("--check")
            .arg(&path)
            .output()
            .unwrap();
        assert!(check.status.success(), "{}", path.display());
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("# usage: "), "{}", path.display());
    }
    assert_eq!(checked, 4);
}

#[test]
fn every_example_refuses_wrong_arguments_with_its_usage() {
    for program in [
        "time_server",
        "http_server",
        "latency_probe",
        "key_value_store",
    ] {
        for arguments in [&[][..], &["0"], &["65536"], &["x"], &["-1"]] {
            let vessel = vessel::Vessel::start(&format!("{program}.r2py"), arguments);
            let (code, log) = vessel.end();
            assert_eq!(code, Some(0), "{program} {arguments:?}: {log}");
            assert!(log.starts_with("usage: "), "{program} {arguments:?}: {log}");
        }
    }
}
