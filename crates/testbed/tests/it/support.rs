//! A testbed with one user who has all that a user has: keys, an API key, a program.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use overlord_clearinghouse::{
    ClearinghouseAccount, ClearinghouseClient, Credentials, LeasedVessel,
};
use overlord_keys::KeyPair;
use overlord_node::LauncherCommand;
use overlord_nodemanager::client::{
    NodeCallError, NodeClient, NodeClientConfig, Signer, VesselCalls,
};
use overlord_nodemanager::framing;
use overlord_nodemanager::reply::StartReply;
use overlord_nodemanager::signed_request::{Destination, Stamp, sign};
use overlord_nodemanager::timestamp::Timestamp;
use overlord_nodemanager::timestamps::TimestampSource;
use overlord_testbed::{Testbed, TestbedConfig, UserAccount};
use overlord_time::{SeededRandomness, SystemClock};
use overlord_types::{FileName, Platform, ProgramArguments, VesselStatus};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest wait for a condition: far above what any takes, even on a machine with more to do.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How far behind the clock of the original's client is at most, in seconds.
const ORIGINALS_CLOCK_BEHIND: f64 = 0.008;
/// How often a condition is looked at that nobody announces.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A program that says its vessel's name to each connection to its port.
pub(crate) const SERVER: &str = r#"#!/usr/bin/env perl
use strict;
use IO::Socket::INET;
$| = 1;
my $server = IO::Socket::INET->new(
    LocalAddr => $ENV{OVERLORD_VESSEL_IP}, LocalPort => $ARGV[0], Listen => 5, ReuseAddr => 1,
) or die "cannot listen: $@";
print "listening\n";
while (my $client = $server->accept) { print $client "this is $ENV{OVERLORD_VESSEL_NAME}\n"; close $client; }
"#;

/// A small testbed whose vessels' processes enter through this test program.
pub(crate) fn config(directory: &Path) -> TestbedConfig {
    let mut config = TestbedConfig::new(directory.to_owned());
    config.platforms = config.platforms.and_danger_native();
    config.nodes = 3;
    config.vessels_per_node = 2;
    config.launcher = LauncherCommand::current_executable_with([
        "vessel_process_entry",
        "--exact",
        "--nocapture",
    ]);
    config
}

pub(crate) struct User {
    pub(crate) keys: KeyPair,
    pub(crate) account: UserAccount,
    pub(crate) clearinghouse: ClearinghouseAccount,
    nodes: NodeClient,
    signer: Signer,
}

pub(crate) struct Bed {
    pub(crate) testbed: Testbed,
    pub(crate) user: User,
    pub(crate) directory: TempDir,
}

/// A testbed of three nodes with two vessels each, and a user.
pub(crate) async fn bed() -> Bed {
    bed_with(|_| ()).await
}

pub(crate) async fn bed_with(change: impl FnOnce(&mut TestbedConfig)) -> Bed {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    change(&mut config);
    let testbed = Testbed::start(config).await.unwrap();
    let user = user(&testbed, "alice").await;
    Bed {
        testbed,
        user,
        directory,
    }
}

/// Makes an account, and gets its API key as users do: by decrypting it.
pub(crate) async fn user(testbed: &Testbed, name: &str) -> User {
    let keys = KeyPair::generate(1024).unwrap();
    let account = testbed
        .create_user(&name.parse().unwrap(), keys.public())
        .await
        .unwrap();
    returning_user(testbed, account, keys).await
}

/// A user who has an account already.
pub(crate) async fn returning_user(testbed: &Testbed, account: UserAccount, keys: KeyPair) -> User {
    let client = ClearinghouseClient::builder(testbed.clearinghouse_url().as_str())
        .ca_file(testbed.ca_file())
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap();
    let decrypt = |text: &str| keys.private().decrypt(text.as_bytes());
    let api_key = client.fetch_api_key(&account.name, decrypt).await.unwrap();
    let credentials = Credentials {
        user: account.name.clone(),
        api_key,
    };
    let timestamps = Arc::new(TimestampSource::new(Arc::new(SystemClock)));
    User {
        signer: Signer::new(keys.clone(), timestamps),
        clearinghouse: client.with(credentials),
        nodes: NodeClient::new(
            NodeClientConfig::default(),
            Arc::new(SeededRandomness::from_seed(1)),
        ),
        keys,
        account,
    }
}

impl User {
    pub(crate) fn vessel(&self, vessel: &LeasedVessel) -> VesselCalls {
        self.nodes
            .vessel(&vessel.location().unwrap(), &vessel.handle, &self.signer)
    }

    /// Makes a call without repeating it, signed as the original's client does: by a clock that is behind.
    pub(crate) async fn call_once(&self, vessel: &LeasedVessel, call: &[u8]) -> String {
        let now = Timestamp::of(&SystemClock).seconds();
        let stamp = Stamp::at(
            Timestamp::from_seconds(now - ORIGINALS_CLOCK_BEHIND),
            Some(Destination::from(&vessel.node_id)),
        );
        let data = [call, b"|", vessel.vessel_id.as_str().as_bytes()].concat();
        let mut request = framing::encode(sign(data, &self.keys, &stamp).unwrap());
        let address = (vessel.node_ip.as_str(), vessel.node_port);
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all_buf(&mut request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Uploads the server and starts it on the user's port.
    pub(crate) async fn start_server(&self, vessel: &LeasedVessel) -> Result<(), NodeCallError> {
        let file: FileName = "server".parse().unwrap();
        let port = self.account.user_port.to_string();
        let arguments = ProgramArguments::new(vec![port]).unwrap();
        let calls = self.vessel(vessel);
        calls.add_file(&file, SERVER.as_bytes().to_vec()).await?;
        let outcome = calls.start(Platform::Native, &file, &arguments).await?;
        assert_eq!(outcome, StartReply::Started);
        Ok(())
    }

    /// What the program on a vessel says to who connects.
    pub(crate) async fn greeting(&self, vessel: &LeasedVessel) -> Option<String> {
        let port = self.account.user_port.number();
        let mut stream = TcpStream::connect((vessel.node_ip.as_str(), port))
            .await
            .ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.ok()?;
        Some(text)
    }

    /// Waits until the program on a vessel answers.
    pub(crate) async fn wait_for_greeting(&self, vessel: &LeasedVessel) -> String {
        eventually("the program answers", || self.greeting(vessel)).await
    }

    /// The vessel's status as its node says it, and how many may use it.
    pub(crate) async fn status(&self, vessel: &LeasedVessel) -> Option<(VesselStatus, usize)> {
        let location = vessel.location().unwrap();
        let info = self
            .nodes
            .list_vessels_of(&location, &vessel.node_id)
            .await
            .ok()?;
        let vessel = info.vessel(&vessel.vessel_id)?;
        Some((vessel.status, vessel.user_keys.len()))
    }
}

/// Waits until `look` sees something; fails naming what it waited for.
pub(crate) async fn eventually<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let seen = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    match tokio::time::timeout(WAIT_MAX, seen).await {
        Ok(seen) => seen,
        Err(_) => panic!("waited {WAIT_MAX:?} in vain: {what}"),
    }
}

/// Waits for a process to be gone.
pub(crate) async fn process_ends(pid: u32) {
    let stat = format!("/proc/{pid}/stat");
    eventually("the process ends", || async {
        // A zombie has ended; who made it has not looked yet.
        match std::fs::read_to_string(&stat) {
            Ok(text) if !text.contains(") Z ") => None,
            _ => Some(()),
        }
    })
    .await;
}
