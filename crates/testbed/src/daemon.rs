//! A testbed as a daemon: its accounts with their keys, and a control socket through which it can be told to misbehave.
//!
//! Used by `overlord testbed up` and by `overlord run --local`. Everything that runs on it is reached the
//! ordinary way, over real sockets and verified TLS. What is printed of it, and with which code a command ends, is
//! left to the program that starts it.

mod description;
mod fault;
mod socket;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use overlord_files::{Access, Durability, replace};
use overlord_keys::{KeyDirectory, KeyError, KeyFileError, KeyPair, PublicKey};
use overlord_types::failure::{Classified, Code, is_out_of_files, with_causes};
use overlord_types::{Handle, UserName};
use thiserror::Error;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use zeroize::Zeroizing;

use crate::clearinghouse::NewAccount;
use crate::config::TestbedConfig;
use crate::error::TestbedError;
use crate::testbed::Testbed;
use socket::ControlReply;

pub use description::{NodeDescription, TestbedDescription, VesselDescription};
pub use fault::{
    CLEARINGHOUSE_FAULTS, FaultRefused, FaultTarget, FaultWordsError, NODE_FAULTS, TypedFault,
    VESSEL_FAULTS,
};
pub use socket::{AskError, ControlRequest, ControlSocketError, ExchangeError, ask};

/// Folder of the accounts' keys in the testbed's directory.
const KEYS_FOLDER: &str = "keys";
/// Most requests that are answered at once; one person types them.
const REQUESTS_AT_ONCE: usize = 8;

/// Pause after a request that could not be accepted: descriptors that are short are not there again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A testbed that runs in this process, and listens to its control socket.
pub struct TestbedDaemon {
    testbed: Arc<Testbed>,
    directory: PathBuf,
    end: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

/// The accounts that a testbed starts with.
#[derive(Debug, Clone)]
pub struct StartingAccounts {
    /// Whose.
    pub users: Vec<UserName>,
    /// How many vessels each may hold.
    pub credits: u32,
    /// Length of keys that are made for them, in bits.
    pub key_bits: u32,
}

/// Why a testbed's daemon did not come up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DaemonStartError {
    /// The testbed itself.
    #[error(transparent)]
    Testbed(#[from] TestbedError),
    /// The keys of an account can be neither made nor loaded nor saved.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The keys of an account cannot be made.
    #[error("the keys of an account cannot be made")]
    Key(#[from] KeyError),
    /// The password of an account cannot be kept for its owner.
    #[error("the password file {} cannot be written", path.display())]
    Password {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No control socket.
    #[error(transparent)]
    Socket(#[from] ControlSocketError),
    /// The making of keys did not come to its end: a bug of ours.
    #[error("the making of keys did not end as it should")]
    Task(#[from] JoinError),
}

impl Classified for DaemonStartError {
    fn code(&self) -> Code {
        match self {
            Self::Testbed(error) => error.code(),
            Self::KeyFile(error) => error.code(),
            Self::Password { source, .. } if is_out_of_files(source) => Code::OpenFilesExhausted,
            Self::Password { .. } => Code::TestbedUnwritable,
            Self::Socket(error) => error.code(),
            Self::Key(_) | Self::Task(_) => Code::Internal,
        }
    }
}

impl TestbedDaemon {
    /// Starts a testbed with these accounts and opens its control socket. Keys and accounts of an earlier
    /// start are used again.
    ///
    /// # Errors
    /// A directory, network or port that cannot be used, a testbed that runs there already, or keys that
    /// cannot be made, loaded or saved.
    pub async fn start(
        config: TestbedConfig,
        accounts: StartingAccounts,
    ) -> Result<Self, DaemonStartError> {
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
        for (user, public) in accounts.users.iter().zip(public_keys??) {
            make_account(
                &testbed,
                &directory.join(KEYS_FOLDER),
                user,
                &public,
                accounts.credits,
            )
            .await?;
        }
        let listener = socket::listen(&directory).await?;
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
    #[must_use]
    pub fn keys_dir(&self) -> PathBuf {
        self.directory.join(KEYS_FOLDER)
    }

    /// The clearinghouse's address.
    #[must_use]
    pub fn clearinghouse(&self) -> String {
        self.testbed.clearinghouse_url().to_string()
    }

    /// The certificate with which the clearinghouse is verified.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.testbed.ca_file().to_owned()
    }

    /// What it consists of.
    #[must_use]
    pub fn describe(&self) -> TestbedDescription {
        TestbedDescription::of(&self.testbed, &self.directory, self.keys_dir())
    }

    /// Makes something misbehave, as a request over the control socket would.
    ///
    /// # Errors
    /// No such thing, or no such fault.
    pub async fn fault(
        &self,
        target: &FaultTarget,
        words: &[String],
    ) -> Result<String, FaultRefused> {
        fault::carry_out(&self.testbed, target, words).await
    }

    /// The number of the node that hosts a vessel.
    #[must_use]
    pub fn node_of(&self, vessel: &Handle) -> Option<usize> {
        self.testbed.node_of(vessel)
    }

    /// Its directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Ends the testbed and every program on it.
    pub async fn stop(self) {
        self.end.send_replace(true);
        // It ends by itself now; if it panicked, the testbed still is to be shut down.
        let _ = self.serving.await;
        let _ = std::fs::remove_file(socket::socket_path(&self.directory));
        if let Some(testbed) = Arc::into_inner(self.testbed) {
            testbed.shutdown().await;
        }
    }
}

fn load_or_generate(
    keys: &KeyDirectory,
    user: &UserName,
    bits: u32,
) -> Result<PublicKey, DaemonStartError> {
    match keys.load(user) {
        Ok(loaded) => Ok(loaded.pair.public().clone()),
        Err(KeyFileError::Missing { .. }) => {
            let pair = KeyPair::generate(bits)?;
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
) -> Result<(), DaemonStartError> {
    if testbed.clearinghouse().account(user).is_none() {
        let mut account = NewAccount::new(user.clone(), public.as_str());
        account.free_credits = credits;
        let made = testbed.create_account(account).await?;
        if let Some(password) = made.password {
            let path = keys.join(format!("{user}.password"));
            let line = Zeroizing::new(format!("{}\n", password.expose()));
            replace(&path, line.as_bytes(), Access::Owner, Durability::PowerLoss)
                .map_err(|source| DaemonStartError::Password { path, source })?;
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
                match accepted {
                    Ok((stream, _)) => {
                        let (testbed, directory) = (Arc::clone(&testbed), directory.clone());
                        requests.spawn(socket::serve(stream, async move |request| {
                            answer(&testbed, &directory, request).await
                        }));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a request over the control socket could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
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

async fn answer(testbed: &Testbed, directory: &Path, request: ControlRequest) -> ControlReply {
    match request {
        ControlRequest::Show => ControlReply::Done {
            text: String::new(),
            testbed: Some(Box::new(TestbedDescription::of(
                testbed,
                directory,
                directory.join(KEYS_FOLDER),
            ))),
        },
        ControlRequest::Fault {
            whose,
            fault: words,
        } => match fault::carry_out(testbed, &whose, &words).await {
            Ok(text) => ControlReply::Done {
                text,
                testbed: None,
            },
            Err(refused) => ControlReply::Refused {
                problem: with_causes(&refused),
            },
        },
    }
}
