//! What survives the end of a node, in whichever way it ends.

use std::path::Path;

use overlord_node::{Durability, Node, NodeIdentity, NodeStartError};
use overlord_nodemanager::call::NodeCall;
use overlord_nodemanager::client::NodeCallError;
use overlord_nodemanager::reply::StartReply;
use overlord_types::VesselStatus;

use tokio::io::{AsyncBufReadExt, BufReader};

use crate::support::{TIED, TestNode, eventually, file, is_alive, owner, processes_with, vessel};

async fn let_run(node: Node) {
    node.shutdown(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_vessel_is_found_again_with_its_log_and_can_be_stopped() {
    let node = TestNode::start(1).await;
    let script = "echo one; while [ ! -e go ]; do sleep 0.02; done; echo two; exec sleep 100000";
    assert_eq!(node.run("v1", script, &[]).await, StartReply::Started);
    let pid = node.node.vessel_process(&vessel("v1")).unwrap();
    let node = node.restart_after(let_run).await;
    assert_eq!(node.status("v1").await, VesselStatus::Started);
    assert_eq!(node.node.vessel_process(&vessel("v1")), Some(pid));
    node.calls("v1")
        .add_file(&file("go"), Vec::new())
        .await
        .unwrap();
    node.log_has("v1", "one\ntwo\n").await;
    node.stops("v1").await;
    assert!(!is_alive(pid));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_a_program_ended_is_known_even_if_no_node_was_there_to_see_it() {
    let node = TestNode::start(3).await;
    let waits = "while [ ! -e go ]; do sleep 0.02; done; echo done";
    for name in ["v1", "v2", "v3"] {
        assert_eq!(node.run(name, waits, &[]).await, StartReply::Started);
    }
    let supervisor = node.node.vessel_supervisor(&vessel("v2")).unwrap();
    let folder = node.folder("v1");
    let node = node
        .restart_after(async |running| {
            running.shutdown(false).await;
            std::fs::write(folder.join("files/go"), "").unwrap();
            let pid = rustix::process::Pid::from_raw(supervisor.try_into().unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            eventually("the end is written down", || {
                folder.join("run/exit.json").exists()
            })
            .await;
            eventually("the supervisor is gone", || !is_alive(supervisor)).await;
        })
        .await;
    assert_eq!(node.status("v1").await, VesselStatus::Terminated);
    assert_eq!(node.log("v1"), "done\n");
    assert_eq!(
        node.status("v2").await,
        VesselStatus::Stale,
        "nobody saw its end"
    );
    assert_eq!(node.status("v3").await, VesselStatus::Started);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_takes_every_process_with_it_and_its_vessels_are_stale_afterwards() {
    let node = TestNode::start(2).await;
    let script = "setsid sh -c 'echo fled=$$; exec sleep 100008' & echo own=$$; wait";
    assert_eq!(node.run("v1", script, &[]).await, StartReply::Started);
    node.printed("v1", "fled").await;
    let mark = node.mark();
    let location = node.node.location();
    let client = node.client.clone();
    let node = node
        .restart_after(async |running| {
            running.kill().await;
            assert!(
                processes_with(&mark).is_empty(),
                "{:?}",
                processes_with(&mark)
            );
            let answer = client.call(&location, &NodeCall::GetVessels {}, None).await;
            assert!(
                matches!(answer, Err(NodeCallError::Connect { .. })),
                "{answer:?}"
            );
        })
        .await;
    assert_eq!(node.status("v1").await, VesselStatus::Stale);
    assert_eq!(node.status("v2").await, VesselStatus::Fresh);
    assert_eq!(
        node.run("v1", "exec sleep 100000", &[]).await,
        StartReply::Started
    );
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_its_vessels_says_so_when_it_is_back() {
    let node = TestNode::start(1).await;
    assert_eq!(
        node.run("v1", "exec sleep 100000", &[]).await,
        StartReply::Started
    );
    let mark = node.mark();
    let node = node
        .restart_after(async |running| {
            running.shutdown(true).await;
            assert!(processes_with(&mark).is_empty());
        })
        .await;
    assert_eq!(node.status("v1").await, VesselStatus::Stopped);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owners_users_notes_files_and_accepted_times_survive_a_restart() {
    let node = TestNode::start_with(1, |config| config.durability = Durability::ProcessCrash).await;
    let user = overlord_keys::KeyPair::generate(1024).unwrap();
    let calls = node.calls("v1");
    calls.change_users(&[user.public().clone()]).await.unwrap();
    calls.change_owner_information("a note").await.unwrap();
    calls.change_advertise(false).await.unwrap();
    calls
        .add_file(&file("data"), b"\0\n\xff".to_vec())
        .await
        .unwrap();
    let stored = || std::fs::read_to_string(node.folder("v1").join("state.json")).unwrap();
    let before = (node.info().await, stored());
    let node = node.restart_after(let_run).await;
    let after = std::fs::read_to_string(node.folder("v1").join("state.json")).unwrap();
    assert_eq!(before, (node.info().await, after.clone()));
    assert!(after.contains("accepted"), "{after}");
    let used = node.calls_as("v1", user).retrieve(&file("data")).await;
    assert_eq!(used.unwrap(), b"\0\n\xff");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_state_file_costs_the_last_change_and_a_lost_one_only_its_own_vessel() {
    let node = TestNode::start(2).await;
    node.calls("v1")
        .change_owner_information("first")
        .await
        .unwrap();
    node.calls("v1")
        .change_owner_information("second")
        .await
        .unwrap();
    let (one, two) = (node.folder("v1"), node.folder("v2"));
    let node = node
        .restart_after(async |running| {
            running.shutdown(false).await;
            std::fs::write(one.join("state.json"), "{\"owner\": \"655").unwrap();
            std::fs::write(two.join("state.json"), "").unwrap();
            std::fs::remove_file(two.join("state.json.previous")).unwrap_or_default();
        })
        .await;
    let info = node.info().await;
    let note = &info.vessel(&vessel("v1")).unwrap().owner_info;
    assert!(*note == "first" || *note == "second", "{note:?}");
    assert!(info.vessel(&vessel("v2")).is_none());
    assert!(two.exists(), "its folder is kept for a person to look at");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_do_not_share_a_folder_or_an_address() {
    let node = TestNode::start(1).await;
    let again = Node::start(node.config.clone()).await;
    assert!(matches!(again, Err(NodeStartError::InUse(_))));
    let mut elsewhere = node.config.clone();
    let other = tempfile::tempdir().unwrap();
    elsewhere.directory = other.path().to_owned();
    let again = Node::start(elsewhere).await;
    assert!(matches!(again, Err(NodeStartError::Listen { .. })));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_keeps_the_key_that_it_made() {
    let node = TestNode::start_with(1, |config| {
        config.identity = NodeIdentity::Stored { bits: 1024 };
    })
    .await;
    let id = node.node.id().clone();
    assert_ne!(id, owner().public().node_id());
    let node = node.restart_after(let_run).await;
    assert_eq!(*node.node.id(), id);
    assert_eq!(node.info().await.key, id);
    node.end().await;
}

/// Where this test program becomes a node daemon of its own, to be killed; a test only in name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_daemon_entry() {
    let Ok(directory) = std::env::var(DAEMON_DIRECTORY) else {
        return;
    };
    let node = TestNode::start_in(directory.into(), 2, |_| {}).await;
    for name in ["v1", "v2"] {
        node.run(name, "echo up; exec sleep 100010", &[]).await;
        node.log_has(name, "up").await;
    }
    println!("daemon ready");
    std::future::pending::<()>().await;
}

const DAEMON_DIRECTORY: &str = "OVERLORD_TEST_NODE_DIRECTORY";

/// Runs a node with two started vessels in a process of its own, kills that process, and gives the
/// process numbers that its folder tells of.
async fn kill_a_daemon(directory: &Path, programs_end_with_process: bool) -> Vec<u32> {
    let mut daemon = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["restarts::node_daemon_entry", "--exact", "--nocapture"])
        .env(DAEMON_DIRECTORY, directory)
        .env(TIED, programs_end_with_process.to_string())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(daemon.stdout.take().unwrap()).lines();
    let ready = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("daemon ready") {
                return;
            }
        }
        panic!("the daemon ended");
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), ready)
        .await
        .unwrap();
    daemon.kill().await.unwrap();
    ["v1", "v2"]
        .iter()
        .map(|name| {
            let report = directory
                .join("node/vessels")
                .join(name)
                .join("run/supervisor.json");
            let report: serde_json::Value =
                serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
            report["program"].as_u64().unwrap().try_into().unwrap()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vessels_outlive_a_killed_daemon_and_the_next_one_finds_them() {
    let directory = tempfile::tempdir().unwrap();
    let pids = kill_a_daemon(directory.path(), false).await;
    assert!(pids.iter().all(|&pid| is_alive(pid)));
    let node = TestNode::start_in(directory.path().to_owned(), 2, |_| {}).await;
    for (name, pid) in ["v1", "v2"].into_iter().zip(&pids) {
        assert_eq!(node.status(name).await, VesselStatus::Started);
        assert_eq!(node.node.vessel_process(&vessel(name)), Some(*pid));
        assert_eq!(node.log(name), "up\n");
    }
    node.stops("v1").await;
    node.node.kill().await;
    assert!(!pids.iter().any(|&pid| is_alive(pid)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_that_are_tied_to_the_daemons_process_end_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let pids = kill_a_daemon(directory.path(), true).await;
    eventually("they have ended", || !pids.iter().any(|&pid| is_alive(pid))).await;
}
