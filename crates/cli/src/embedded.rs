//! A testbed inside this process, with a control socket through which it can be told to misbehave.
//!
//! Used by `overlord testbed up` and by `overlord run --local`. Everything that runs on it is reached the
//! ordinary way, over real sockets and verified TLS.

mod fault;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use overlord::keys::{KeyDirectory, KeyFileError, KeyPair, PublicKey};
use overlord::types::{Handle, NodeId, NodeLocation, UserName, VesselName};
use overlord_testbed::clearinghouse::NewAccount;
use overlord_testbed::files::{Access, replace};
use overlord_testbed::{Testbed, TestbedConfig};
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use zeroize::Zeroizing;

use crate::control::{self, Reply, Request, Whose};
use crate::exit_meaning::ExitMeaning;
use crate::failure::Failure;

pub(crate) use fault::{CLEARINGHOUSE_FAULTS, Fault, NODE_FAULTS, VESSEL_FAULTS};

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
    /// How many vessels each may hold.
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
    /// Its number, from 1.
    pub(crate) number: usize,
    /// Its id.
    pub(crate) id: NodeId,
    /// Where it is reached.
    pub(crate) location: NodeLocation,
    /// Whether it runs.
    pub(crate) running: bool,
    /// How many connections it has taken since it was last started, one request each.
    pub(crate) connections: u64,
    /// Its vessels, in order.
    pub(crate) vessels: Vec<VesselDescription>,
    /// What stands of the second wall around its Repy programs: one text, unless the machine changed under some of
    /// them. Of the node, since each vessel would repeat it.
    pub(crate) walls: BTreeSet<String>,
}

/// A vessel of a testbed. Without its handle, which would repeat the node's id for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VesselDescription {
    /// Its name on its node.
    pub(crate) name: VesselName,
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
        let done = fault::carry_out(&self.testbed, whose, words).await;
        done.map_err(|problem| {
            Failure::usage(problem).advise("overlord testbed fault --help lists the faults")
        })
    }

    /// The number of the node that hosts a vessel.
    pub(crate) fn node_of(&self, vessel: &Handle) -> Option<usize> {
        self.testbed.node_of(vessel)
    }

    /// Its directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
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
        account.free_credits = credits;
        let made = testbed.create_account(account).await?;
        if let Some(password) = made.password {
            let path = keys.join(format!("{user}.password"));
            let line = Zeroizing::new(format!("{}\n", password.expose()));
            replace(&path, line.as_bytes(), Access::Owner).map_err(|error| {
                let message = format!("{} cannot be written: {error}", path.display());
                Failure::new(ExitMeaning::CannotCreate, message)
                    .advise("choose another directory for the testbed, or make room there")
            })?;
        }
    }
    Ok(())
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
        } => match fault::carry_out(testbed, &whose, &words).await {
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
        let mut walls = BTreeSet::new();
        let vessels = node.vessels.into_iter().map(|name| {
            let handle = Handle::new(node.id.clone(), name);
            let process = testbed.vessel_process(&handle);
            walls.extend(testbed.vessel_wall(&handle));
            let name = handle.vessel;
            VesselDescription { name, process }
        });
        let vessels = vessels.collect();
        NodeDescription {
            number: node.number,
            id: node.id,
            location: node.location,
            running: node.running,
            connections: node.connections,
            vessels,
            walls,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest testbed that can be asked for, with a program on every vessel.
    fn largest() -> Description {
        let vessel = |number: usize| VesselDescription {
            name: format!("v{number}").parse().unwrap(),
            process: Some(4_194_304),
        };
        let node = |number: usize| NodeDescription {
            number,
            // As long as a key of 2048 bits.
            id: format!("65537 {}", "9".repeat(617)).parse().unwrap(),
            location: format!("127.223.{number}.1:1224").parse().unwrap(),
            running: true,
            connections: u64::MAX,
            vessels: (1..=100).map(vessel).collect(),
            walls: BTreeSet::from(["x".repeat(300)]),
        };
        Description {
            directory: PathBuf::from("/tmp/bed"),
            clearinghouse: "https://127.223.0.1:443/xmlrpc/".to_owned(),
            ca_file: PathBuf::from("/tmp/bed/cacert.pem"),
            keys_dir: PathBuf::from("/tmp/bed/keys"),
            clearinghouse_requests: u64::MAX,
            nodes: (1..=254).map(node).collect(),
        }
    }

    #[tokio::test]
    async fn the_largest_testbed_describes_itself_over_the_socket() {
        let folder = tempfile::tempdir().unwrap();
        let listener = control::listen(folder.path()).await.unwrap();
        let answering = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let reply = |_| async {
                Reply::Done {
                    text: String::new(),
                    testbed: Some(largest()),
                }
            };
            control::serve(stream, reply).await
        });
        let shown = control::ask::<Description>(folder.path(), &Request::Show).await;
        assert!(shown.unwrap().1 == Some(largest()));
        answering.await.unwrap().unwrap();
    }
}
