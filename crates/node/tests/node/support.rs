//! What the tests share: a node in a scratch folder, an owner, calls over a real socket, a look at processes.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use overlord_keys::KeyPair;
use overlord_node::platform::Platforms;
use overlord_node::{
    LauncherCommand, NewVessel, Node, NodeConfig, NodeIdentity, NodeTiming, VESSEL_RESOURCES,
    vessel_resources_with_ports,
};
use overlord_nodemanager::client::{
    NodeCallError, NodeClient, NodeClientConfig, Signer, VesselCalls,
};
use overlord_nodemanager::node_info::NodeInfo;
use overlord_nodemanager::reply::{StartReply, StopReply};
use overlord_nodemanager::timestamps::TimestampSource;
use overlord_time::{SeededRandomness, SystemClock};
use overlord_types::{FileName, Handle, Platform, ProgramArguments, VesselName, VesselStatus};

/// The environment variable that says `false` to a node whose programs outlive its process.
pub(crate) const TIED: &str = "OVERLORD_TEST_TIED";
/// Longest wait for a condition; a machine under full load has met all of them in a tenth of it.
const EVENTUALLY: Duration = Duration::from_secs(30);
/// Pause between two looks at a condition that nothing tells of.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// This very test program as launcher: it enters through the test `vessel_process_entry`.
pub(crate) fn launcher() -> LauncherCommand {
    LauncherCommand::current_executable_with(["vessel_process_entry", "--exact", "--nocapture"])
}

/// Waits until a condition holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let met = tokio::time::timeout(EVENTUALLY, waiting).await;
    assert!(met.is_ok(), "not within {EVENTUALLY:?}: {what}");
}

/// Whether a process is there and has not ended.
pub(crate) fn is_alive(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    let state = stat.rsplit_once(')').unwrap().1.trim_start().chars().next();
    !matches!(state, Some('Z' | 'X'))
}

/// Every process of the machine that has `word` among its arguments or in its environment, zombies left out.
pub(crate) fn processes_with(word: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap() {
        let Ok(entry) = entry else { continue };
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let has = ["cmdline", "environ"].iter().any(|file| {
            std::fs::read(entry.path().join(file))
                .is_ok_and(|text| text.windows(word.len()).any(|part| part == word.as_bytes()))
        });
        if has && pid != std::process::id() && is_alive(pid) {
            found.push(pid);
        }
    }
    found
}

/// Children of this test program that have ended and were not buried.
pub(crate) fn zombies() -> Vec<u32> {
    let own = std::process::id();
    let stat = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|&pid| {
            stat(pid).is_some_and(|stat| {
                let after = stat.rsplit_once(')').unwrap().1.to_owned();
                let mut fields = after.split_whitespace();
                fields.next() == Some("Z") && fields.next() == Some(&own.to_string())
            })
        })
        .collect()
}

/// One key pair for all tests that only need some owner: the recordings' first, so that it is the same
/// in every process.
pub(crate) fn owner() -> KeyPair {
    static OWNER: OnceLock<KeyPair> = OnceLock::new();
    let read = || crate::vectors::guest_keys(&crate::vectors::load("nm_calls.json")).remove(0);
    OWNER.get_or_init(read).clone()
}

/// A loopback address that no other test has: a port that is free after a node ended stays so.
fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed) % 250;
    let [_, _, high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 128 | (high % 64), low, 1 + number as u8)
}

pub(crate) fn vessel(name: &str) -> VesselName {
    name.parse().unwrap()
}

pub(crate) fn file(name: &str) -> FileName {
    name.parse().unwrap()
}

/// A node with vessels `v1`, `v2`, … of [`owner`], in a scratch folder.
pub(crate) struct TestNode {
    pub(crate) config: NodeConfig,
    pub(crate) node: Node,
    pub(crate) client: NodeClient,
    timestamps: Arc<TimestampSource>,
    directory: PathBuf,
    /// Removes the folder when the test is over.
    _directory: Option<tempfile::TempDir>,
}

impl TestNode {
    pub(crate) async fn start(vessels: u16) -> Self {
        Self::start_with(vessels, |_| {}).await
    }

    pub(crate) async fn start_with(vessels: u16, change: impl FnOnce(&mut NodeConfig)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_owned();
        Self {
            _directory: Some(directory),
            ..Self::start_in(path, vessels, change).await
        }
    }

    /// In a folder that the caller made and removes.
    pub(crate) async fn start_in(
        directory: PathBuf,
        vessels: u16,
        change: impl FnOnce(&mut NodeConfig),
    ) -> Self {
        let mut config =
            NodeConfig::new(directory.join("node"), SocketAddr::from((own_address(), 0)));
        config.identity = NodeIdentity::Pair(owner());
        config.vessels = (1..=vessels)
            .map(|number| {
                let ports = 40_000 + number * 10..40_000 + number * 10 + 3;
                let resources = vessel_resources_with_ports(VESSEL_RESOURCES, ports);
                NewVessel::new(
                    vessel(&format!("v{number}")),
                    owner().public().clone(),
                    resources,
                )
            })
            .collect();
        config.platforms = Platforms::danger_native();
        config.launcher = launcher();
        // A test that fails leaves nothing running.
        config.programs_end_with_process = std::env::var(TIED).as_deref() != Ok("false");
        config.timing = NodeTiming {
            start_settle: Duration::from_millis(100),
            stop_grace: Duration::from_secs(1),
            ..NodeTiming::default()
        };
        change(&mut config);
        let node = Node::start(config.clone()).await.unwrap();
        // The port stays the same over restarts.
        config.address = node.address();
        Self {
            config,
            node,
            client: client(),
            timestamps: Arc::new(TimestampSource::new(Arc::new(SystemClock))),
            directory,
            _directory: None,
        }
    }

    /// Ends the node as `end` does and starts it again in the same folder.
    pub(crate) async fn restart_after(self, end: impl AsyncFnOnce(Node)) -> Self {
        end(self.node).await;
        let node = Node::start(self.config.clone()).await.unwrap();
        Self { node, ..self }
    }

    /// A word that every program of this node has in its environment, and no other process.
    pub(crate) fn mark(&self) -> String {
        self.directory.display().to_string()
    }

    pub(crate) fn folder(&self, vessel: &str) -> PathBuf {
        self.config.directory.join("vessels").join(vessel)
    }

    /// Calls about a vessel, signed by the owner.
    pub(crate) fn calls(&self, name: &str) -> VesselCalls {
        self.calls_as(name, owner())
    }

    pub(crate) fn calls_as(&self, name: &str, keys: KeyPair) -> VesselCalls {
        let signer = Signer::new(keys, Arc::clone(&self.timestamps));
        let handle = Handle::new(self.node.id().clone(), vessel(name));
        self.client.vessel(&self.node.location(), &handle, &signer)
    }

    /// Stops a program that runs, which ends it.
    pub(crate) async fn stops(&self, name: &str) {
        let stopped = self.calls(name).stop().await.unwrap();
        assert_eq!(stopped, StopReply::Ended(VesselStatus::Stopped));
    }

    pub(crate) async fn info(&self) -> NodeInfo {
        self.client
            .list_vessels(&self.node.location())
            .await
            .unwrap()
    }

    /// What the node says over the wire of a vessel's program.
    pub(crate) async fn status(&self, name: &str) -> VesselStatus {
        self.info().await.vessel(&vessel(name)).unwrap().status
    }

    /// Uploads a script to a vessel and starts it.
    pub(crate) async fn run(&self, name: &str, script: &str, arguments: &[&str]) -> StartReply {
        self.try_run(name, script, arguments).await.unwrap()
    }

    pub(crate) async fn try_run(
        &self,
        name: &str,
        script: &str,
        arguments: &[&str],
    ) -> Result<StartReply, NodeCallError> {
        let calls = self.calls(name);
        let text = format!("#!/bin/sh\n{script}\n");
        calls.add_file(&file("program"), text.into_bytes()).await?;
        let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        let arguments = ProgramArguments::new(arguments).unwrap();
        calls
            .start(Platform::Native, &file("program"), &arguments)
            .await
    }

    pub(crate) fn log(&self, name: &str) -> String {
        let log = self.node.vessel_log(&vessel(name)).unwrap().unwrap();
        String::from_utf8_lossy(&log).into_owned()
    }

    pub(crate) async fn log_has(&self, name: &str, text: &str) {
        eventually(text, || self.log(name).contains(text)).await;
    }

    /// The value that a program printed as `NAME=VALUE`.
    pub(crate) async fn printed(&self, name: &str, key: &str) -> String {
        let label = format!("{key}=");
        let find = |log: String| {
            // A whole line, or half a number might be read.
            let (lines, _) = log.rsplit_once('\n')?;
            let line = lines.lines().find_map(|line| line.strip_prefix(&label))?;
            Some(line.to_owned())
        };
        eventually(&label, || find(self.log(name)).is_some()).await;
        find(self.log(name)).unwrap()
    }

    pub(crate) async fn status_becomes(&self, name: &str, status: VesselStatus) {
        let name = vessel(name);
        eventually(status.as_str(), || {
            self.node.vessel_status(&name) == Some(status)
        })
        .await;
    }

    /// Ends the test's node and sees that nothing of it is left.
    pub(crate) async fn end(self) {
        let mark = self.mark();
        self.node.shutdown(true).await;
        eventually("no process of the node is left", || {
            processes_with(&mark).is_empty()
        })
        .await;
    }
}

/// For tests of programs that end at once: on a machine under load that may take its time.
pub(crate) fn see_every_end(config: &mut NodeConfig) {
    config.timing.start_settle = Duration::from_secs(20);
}

/// A client that does not repeat what was closed unanswered for long.
#[expect(
    clippy::field_reassign_with_default,
    reason = "the configuration may get more fields"
)]
pub(crate) fn client() -> NodeClient {
    let mut config = NodeClientConfig::default();
    config.connect_timeout = Duration::from_secs(5);
    config.receive_timeout = Duration::from_secs(20);
    // What a split or join made has its times from what it was made of, which may be ahead by some calls.
    config.repeats_max = 4;
    config.backoff.first = Duration::from_millis(10);
    NodeClient::new(config, Arc::new(SeededRandomness::from_seed(1)))
}

/// The refusal in an error.
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, NodeCallError>) -> String {
    match result {
        Err(NodeCallError::Refused { text, .. }) => text.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

/// What a map of environment lines holds.
pub(crate) fn environment(lines: &str) -> BTreeMap<String, String> {
    lines
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
