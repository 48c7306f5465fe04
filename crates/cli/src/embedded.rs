//! A testbed inside this process, with a control socket through which it can be told to misbehave.
//!
//! Used by `overlord testbed up` and by `overlord run --local`. Everything that runs on it is reached the
//! ordinary way, over real sockets and verified TLS.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use overlord_keys::{KeyDirectory, KeyFileError, KeyPair, PublicKey};
use overlord_node::WrongReply;
use overlord_testbed::clearinghouse::NewAccount;
use overlord_testbed::{Testbed, TestbedConfig, TestbedError};
use overlord_types::{Handle, NodeLocation, UserName, VesselName};
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::control::{self, Reply, Request, Whose};
use crate::exit_meaning::ExitMeaning;
use crate::failure::{Failure, chain};

/// Folder of the accounts' keys in the testbed's directory.
const KEYS_FOLDER: &str = "keys";
/// Most requests that are answered at once; one person types them.
const REQUESTS_AT_ONCE: usize = 8;

/// A testbed that runs in this process.
pub(crate) struct Embedded {
    testbed: Arc<Testbed>,
    directory: PathBuf,
    end: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

/// The accounts that a testbed starts with.
#[derive(Debug, Clone)]
pub(crate) struct Accounts {
    /// Whose.
    pub(crate) users: Vec<UserName>,
    /// How many vessels each may hold at least.
    pub(crate) credits: u32,
    /// Length of keys that are made for them, in bits.
    pub(crate) key_bits: u32,
}

/// What a testbed consists of, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Description {
    /// Its directory.
    pub(crate) directory: PathBuf,
    /// The clearinghouse's address.
    pub(crate) clearinghouse: String,
    /// The certificate with which the clearinghouse is verified.
    pub(crate) ca_file: PathBuf,
    /// Where the accounts' keys lie.
    pub(crate) keys_dir: PathBuf,
    /// How many requests the clearinghouse has read since its start.
    pub(crate) clearinghouse_requests: u64,
    /// Its nodes.
    pub(crate) nodes: Vec<NodeDescription>,
}

/// A node of a testbed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeDescription {
    /// Its number.
    pub(crate) index: usize,
    /// Where it is reached.
    pub(crate) location: NodeLocation,
    /// Whether it runs.
    pub(crate) running: bool,
    /// How many connections it has taken since it was last started, one request each.
    pub(crate) connections: u64,
    /// Its vessels, in order.
    pub(crate) vessels: Vec<VesselDescription>,
}

/// A vessel of a testbed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VesselDescription {
    /// Its handle.
    pub(crate) handle: Handle,
    /// The process of its program, if one runs.
    pub(crate) process: Option<u32>,
}

impl Embedded {
    /// Starts a testbed with these accounts and opens its control socket. Keys and accounts of an earlier
    /// start are used again.
    ///
    /// # Errors
    /// A directory, network or port that cannot be used, a testbed that runs there already, or keys that
    /// cannot be made, loaded or saved.
    pub(crate) async fn start(config: TestbedConfig, accounts: Accounts) -> Result<Self, Failure> {
        let directory = config.directory.clone();
        let keys = KeyDirectory::new(directory.join(KEYS_FOLDER));
        // Making keys takes a while, and so does starting nodes.
        let users = accounts.users.clone();
        let public_keys = tokio::task::spawn_blocking(move || {
            let public = |user| load_or_generate(&keys, user, accounts.key_bits);
            users.iter().map(public).collect::<Result<Vec<_>, _>>()
        });
        let (testbed, public_keys) = tokio::join!(Testbed::start(config), public_keys);
        let testbed = Arc::new(testbed?);
        let public_keys =
            public_keys.map_err(|error| Failure::new(ExitMeaning::Internal, error))?;
        for (user, public) in accounts.users.iter().zip(public_keys?) {
            make_account(
                &testbed,
                &directory.join(KEYS_FOLDER),
                user,
                &public,
                accounts.credits,
            )
            .await?;
        }
        let listener = control::listen(&directory).await?;
        let (end, ended) = watch::channel(false);
        let serving = serve(listener, Arc::clone(&testbed), directory.clone(), ended);
        Ok(Self {
            testbed,
            directory,
            end,
            serving: tokio::spawn(serving),
        })
    }

    /// Where the accounts' keys lie.
    pub(crate) fn keys_dir(&self) -> PathBuf {
        self.directory.join(KEYS_FOLDER)
    }

    /// The clearinghouse's address.
    pub(crate) fn clearinghouse(&self) -> String {
        self.testbed.clearinghouse_url().to_string()
    }

    /// The certificate with which the clearinghouse is verified.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.testbed.ca_file().to_owned()
    }

    /// What it consists of.
    pub(crate) fn describe(&self) -> Description {
        describe(&self.testbed, &self.directory)
    }

    /// Makes something misbehave, as a request over the control socket would.
    ///
    /// # Errors
    /// No such thing, or no such fault.
    pub(crate) async fn fault(&self, whose: &Whose, words: &[String]) -> Result<String, Failure> {
        fault(&self.testbed, whose, words)
            .await
            .map_err(Failure::usage)
    }

    /// Ends the testbed and every program on it.
    pub(crate) async fn stop(self) {
        self.end.send_replace(true);
        // It ends by itself now; if it panicked, the testbed still is to be shut down.
        let _ = self.serving.await;
        let _ = std::fs::remove_file(control::socket_path(&self.directory));
        if let Some(testbed) = Arc::into_inner(self.testbed) {
            testbed.shutdown().await;
        }
    }
}

fn load_or_generate(keys: &KeyDirectory, user: &UserName, bits: u32) -> Result<PublicKey, Failure> {
    match keys.load(user) {
        Ok(loaded) => Ok(loaded.pair.public().clone()),
        Err(KeyFileError::Missing { .. }) => {
            let pair = KeyPair::generate(bits)
                .map_err(|error| Failure::new(ExitMeaning::Internal, error))?;
            keys.save(user, &pair)?;
            Ok(pair.public().clone())
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes an account, unless it is there from an earlier start; its password, which the clearinghouse does not keep,
/// lies beside its keys.
async fn make_account(
    testbed: &Testbed,
    keys: &Path,
    user: &UserName,
    public: &PublicKey,
    credits: u32,
) -> Result<(), Failure> {
    if testbed.clearinghouse().account(user).is_none() {
        let mut account = NewAccount::new(user.clone(), public.as_str());
        account.free_credits = account.free_credits.max(credits);
        let made = testbed.create_account(account).await?;
        if let Some(password) = made.password {
            let path = keys.join(format!("{user}.password"));
            write_secret(&path, password.expose()).map_err(|error| {
                let message = format!("{} cannot be written: {error}", path.display());
                Failure::new(ExitMeaning::CannotCreate, message)
            })?;
        }
    }
    Ok(())
}

/// Writes a file that only its owner can read, in place of one of an earlier account.
fn write_secret(path: &Path, secret: &str) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{secret}")
}

/// Answers requests until the end.
async fn serve(
    listener: UnixListener,
    testbed: Arc<Testbed>,
    directory: PathBuf,
    mut ended: watch::Receiver<bool>,
) {
    let mut requests = JoinSet::new();
    loop {
        // All three are cancel-safe: no connection, result or change is lost when another comes first.
        tokio::select! {
            accepted = listener.accept(), if requests.len() < REQUESTS_AT_ONCE => {
                if let Ok((stream, _)) = accepted {
                    let (testbed, directory) = (Arc::clone(&testbed), directory.clone());
                    requests.spawn(control::serve(stream, async move |request| {
                        answer(&testbed, &directory, request).await
                    }));
                }
            }
            Some(done) = requests.join_next() => {
                if let Ok(Err(error)) = done {
                    tracing::debug!(%error, "a request over the control socket came to nothing");
                }
            }
            _ = ended.changed() => break,
        }
    }
    requests.shutdown().await;
}

async fn answer(testbed: &Testbed, directory: &Path, request: Request) -> Reply<Description> {
    match request {
        Request::Show => Reply::Done {
            text: String::new(),
            testbed: Some(describe(testbed, directory)),
        },
        Request::Fault {
            whose,
            fault: words,
        } => match fault(testbed, &whose, &words).await {
            Ok(text) => Reply::Done {
                text,
                testbed: None,
            },
            Err(problem) => Reply::Refused { problem },
        },
    }
}

fn describe(testbed: &Testbed, directory: &Path) -> Description {
    let nodes = testbed.nodes().into_iter().map(|node| {
        let vessels = node.vessels.into_iter().map(|name| {
            let handle = Handle::new(node.id.clone(), name);
            let process = testbed.vessel_process(&handle);
            VesselDescription { handle, process }
        });
        NodeDescription {
            index: node.index,
            location: node.location,
            running: node.running,
            connections: node.connections,
            vessels: vessels.collect(),
        }
    });
    Description {
        directory: directory.to_owned(),
        clearinghouse: testbed.clearinghouse_url().to_string(),
        ca_file: testbed.ca_file().to_owned(),
        keys_dir: directory.join(KEYS_FOLDER),
        clearinghouse_requests: testbed.clearinghouse().requests_served(),
        nodes: nodes.collect(),
    }
}

/// Carries a fault out and says what was done.
async fn fault(testbed: &Testbed, whose: &Whose, words: &[String]) -> Result<String, String> {
    let told = |error: TestbedError| chain(&error).join(": ");
    let fault = Fault::parse(words)?;
    match whose {
        Whose::Node(index) => {
            node_fault(testbed, *index, &fault).await.map_err(told)??;
            Ok(format!("node {index}: {}", words.join(" ")))
        }
        Whose::Clearinghouse => {
            clearinghouse_fault(testbed, &fault)?;
            Ok(format!("clearinghouse: {}", words.join(" ")))
        }
        Whose::Vessel(name) => {
            let handle = vessel(testbed, name)?;
            match fault {
                Fault::Kill => testbed.kill_vessel_process(&handle).map_err(told)?,
                _ => return Err("the only fault of a vessel is kill".to_owned()),
            }
            Ok(format!("vessel {}: killed", handle.short()))
        }
    }
}

/// A fault as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fault {
    Kill,
    Restart,
    Silence,
    Refuse,
    DiskFull,
    WrongReply,
    Down,
    Hang,
    Latency(Duration),
    None,
}

impl Fault {
    fn parse(words: &[String]) -> Result<Self, String> {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["kill"] => Ok(Self::Kill),
            ["restart"] => Ok(Self::Restart),
            ["silence"] => Ok(Self::Silence),
            ["refuse"] => Ok(Self::Refuse),
            ["disk-full"] => Ok(Self::DiskFull),
            ["wrong-reply"] => Ok(Self::WrongReply),
            ["down"] => Ok(Self::Down),
            ["hang"] => Ok(Self::Hang),
            ["none"] => Ok(Self::None),
            ["latency", time] => humantime::parse_duration(time)
                .map(Self::Latency)
                .map_err(|error| format!("{time:?} is no time: {error}; write 200ms or 2s")),
            ["latency"] => Err("latency wants a time, such as 200ms".to_owned()),
            _ => Err(format!("there is no fault {:?}", words.join(" "))),
        }
    }
}

async fn node_fault(
    testbed: &Testbed,
    index: usize,
    fault: &Fault,
) -> Result<Result<(), String>, TestbedError> {
    match fault {
        Fault::Kill => testbed.kill_node(index).await?,
        Fault::Restart => testbed.restart_node(index).await?,
        Fault::Silence => testbed.node_faults(index)?.set_silent(true),
        Fault::Refuse => testbed.node_faults(index)?.set_refusing(true),
        Fault::DiskFull => testbed.node_faults(index)?.set_disk_full(true),
        Fault::WrongReply => {
            let reply = Some(WrongReply::Bytes(b"no node manager says this\n".to_vec()));
            testbed.node_faults(index)?.set_wrong_reply(reply);
        }
        Fault::Latency(latency) => testbed.node_faults(index)?.set_latency(*latency),
        Fault::None => testbed.node_faults(index)?.clear(),
        Fault::Down | Fault::Hang => {
            let problem = "that is a fault of the clearinghouse; of a node there are kill, restart, silence, refuse, disk-full, wrong-reply, latency TIME and none";
            return Ok(Err(problem.to_owned()));
        }
    }
    Ok(Ok(()))
}

fn clearinghouse_fault(testbed: &Testbed, fault: &Fault) -> Result<(), String> {
    let faults = testbed.clearinghouse_faults();
    match fault {
        Fault::Down => faults.set_down(true),
        Fault::Hang => faults.set_hanging(true),
        Fault::Latency(latency) => faults.set_latency(*latency),
        Fault::None => faults.clear(),
        _ => {
            let problem = "the faults of the clearinghouse are down, hang, latency TIME and none";
            return Err(problem.to_owned());
        }
    }
    Ok(())
}

/// A vessel by its handle, or by the number of its node and its name there, as in `3:v2`.
fn vessel(testbed: &Testbed, name: &str) -> Result<Handle, String> {
    if let Ok(handle) = name.parse() {
        return Ok(handle);
    }
    let (node, vessel) = name.split_once(':').unwrap_or_default();
    let index: Option<usize> = node.parse().ok();
    let vessel: Option<VesselName> = vessel.parse().ok();
    let node = testbed
        .nodes()
        .into_iter()
        .find(|node| Some(node.index) == index);
    match (node, vessel) {
        (Some(node), Some(vessel)) => Ok(Handle::new(node.id, vessel)),
        _ => Err(format!(
            "{name:?} is neither a handle nor NODE:VESSEL, such as 3:v2"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_as_they_are_typed() {
        let parse = |words: &[&str]| {
            Fault::parse(
                &words
                    .iter()
                    .map(|&word| word.to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(parse(&["kill"]), Ok(Fault::Kill));
        assert_eq!(
            parse(&["latency", "200ms"]),
            Ok(Fault::Latency(Duration::from_millis(200)))
        );
        for wrong in [
            &["latency"][..],
            &["latency", "x"],
            &["kill", "now"],
            &["boom"],
            &[],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
