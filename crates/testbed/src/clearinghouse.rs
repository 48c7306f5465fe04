//! The clearinghouse server: accounts, leases and placement behind the original's XML-RPC over TLS.
//!
//! ```text
//! clients ──TLS──► web ──Incoming──► service ──► registry ◄── upkeep (expiry, cleaning, probes)
//!                   ▲                   │  └──► placement        │
//!                 faults                └──► control ◄───────────┘──► nodes
//!                                            state_file
//! ```
//!
//! `registry` and `placement` are pure; `service` and `upkeep` are where waiting happens. The messages
//! themselves are `overlord-clearinghouse`'s.

mod account;
mod authority;
mod candidate;
mod clock;
mod control;
mod faults;
mod lease_terms;
mod node_control;
mod placement;
mod registry;
mod secrets;
mod service;
mod state_file;
mod switch;
mod upkeep;
mod web;

#[cfg(test)]
mod vector_tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use overlord_clearinghouse::server::PATH;
use overlord_time::{SystemClock, WallClock};
use overlord_types::{UserName, UserPort};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use url::Url;

pub use account::{NewAccount, UserAccount};
pub use authority::{AuthorityError, CA_FILE};
pub use candidate::{Candidate, Subnet};
pub use control::{ControlCause, ControlError, VesselControl, VesselPlace};
pub use faults::{ClearinghouseFaultState, ClearinghouseFaults, FaultRule, Misbehaviour};
pub use lease_terms::LeaseTerms;
pub(crate) use node_control::{Host, NodeControl};
pub use placement::{Placement, ShuffledPlacement, Wanted};
pub use registry::Census;
pub use secrets::ApiKeySource;
pub use state_file::StateError;

use account::{Account, PasswordHash, UserKey, random_api_key, random_password};
use authority::Authority;
pub(crate) use registry::EnrolledNode;
use secrets::secret_randomness;
use service::{Parts, Service};
use state_file::StateFile;
use web::Web;

/// The file in the directory that holds accounts, nodes and leases.
pub const STATE_FILE: &str = "clearinghouse.json";

/// What a clearinghouse is made with.
#[derive(Clone)]
pub struct ClearinghouseConfig {
    /// Where the certificate authority, accounts and leases are kept. One clearinghouse at a time.
    pub directory: PathBuf,
    /// Where to listen. Port 0 takes a free one.
    pub address: SocketAddr,
    /// How long vessels are leased.
    pub leases: LeaseTerms,
    /// How nodes are told.
    pub control: Arc<dyn VesselControl>,
    /// In which order vessels are tried.
    pub placement: Arc<dyn Placement>,
    /// What is taken for the time.
    pub clock: Arc<dyn WallClock>,
    /// Where new API keys come from.
    pub api_keys: ApiKeySource,
    /// Seed of the pauses between attempts; nothing secret comes from it.
    pub seed: u64,
}

impl ClearinghouseConfig {
    /// The original's leases, placement by chance, the machine's clock, keys from its randomness.
    #[must_use]
    pub fn new(directory: PathBuf, address: SocketAddr, control: Arc<dyn VesselControl>) -> Self {
        Self {
            directory,
            address,
            leases: LeaseTerms::default(),
            control,
            placement: Arc::new(ShuffledPlacement::new(0)),
            clock: Arc::new(SystemClock),
            api_keys: Arc::new(|| random_api_key(&mut secret_randomness())),
            seed: 0,
        }
    }
}

/// Why a clearinghouse cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClearinghouseStartError {
    /// The directory cannot be made.
    #[error("{} cannot be made; see that its parent is writable", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Nobody can listen there.
    #[error("the clearinghouse cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// No certificate.
    #[error("the clearinghouse has no certificate")]
    Authority(#[from] AuthorityError),
    /// No accounts and leases.
    #[error("the clearinghouse's state cannot be read")]
    State(#[from] StateError),
    /// The address makes no URL: a bug of ours.
    #[error("the clearinghouse's address makes no URL")]
    Url(#[from] url::ParseError),
}

/// Why an account was not made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The name is taken.
    #[error(
        "there is an account named {0} already (upper and lower case are the same); choose another name"
    )]
    Exists(UserName),
    /// The key is no key.
    #[error("the account's public key is refused: {0}")]
    PublicKey(String),
    /// The port is none, which only 0 is.
    #[error("the account has no port")]
    Port(#[from] overlord_types::UserPortError),
    /// OpenSSL failed: memory, or a bug of ours.
    #[error("the account's password cannot be hashed")]
    Password(#[from] openssl::error::ErrorStack),
    /// The runtime is being shut down.
    #[error("the program is ending")]
    Ending(#[from] tokio::task::JoinError),
    /// The account is made, but the state file could not be written.
    #[error("the account is not saved; see the log, and make it again after a restart")]
    NotSaved,
}

/// A running clearinghouse.
pub struct ClearinghouseServer {
    service: Arc<Service>,
    faults: ClearinghouseFaults,
    requests: Arc<AtomicU64>,
    url: Url,
    ca_file: PathBuf,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl ClearinghouseServer {
    /// Starts a clearinghouse on its directory, with the accounts and leases that it had before.
    ///
    /// # Errors
    /// When directory, certificate, state or address cannot be used.
    pub async fn start(config: ClearinghouseConfig) -> Result<Self, ClearinghouseStartError> {
        let directory = config.directory;
        std::fs::create_dir_all(&directory).map_err(|source| {
            ClearinghouseStartError::Directory {
                path: directory.clone(),
                source,
            }
        })?;
        let state_file = StateFile::new(directory.join(STATE_FILE));
        let registry = state_file.load()?;
        let authority = Authority::in_directory(&directory)?;
        let on_address = |source| ClearinghouseStartError::Listen {
            address: config.address,
            source,
        };
        let listener = tokio::net::TcpListener::bind(config.address)
            .await
            .map_err(on_address)?;
        let address = listener.local_addr().map_err(on_address)?;
        let tls = TlsAcceptor::from(authority.server_config(address.ip())?);
        let url = Url::parse(&format!("https://{address}{PATH}"))?;
        let service = Service::new(Parts {
            registry,
            state_file: Some(state_file),
            control: config.control,
            placement: config.placement,
            clock: config.clock,
            api_keys: config.api_keys,
            terms: config.leases,
        });
        let faults = ClearinghouseFaults::default();
        let (stop, stopped) = watch::channel(false);
        let requests = Arc::new(AtomicU64::new(0));
        let web = Arc::new(Web {
            service: Arc::clone(&service),
            faults: faults.clone(),
            tls,
            requests: Arc::clone(&requests),
        });
        let tasks = vec![
            tokio::spawn(web::run(web, listener, stopped.clone())),
            tokio::spawn(upkeep::run(Arc::clone(&service), config.seed, stopped)),
        ];
        Ok(Self {
            service,
            faults,
            requests,
            url,
            ca_file: authority.ca_file().to_owned(),
            stop,
            tasks,
        })
    }

    /// Where clients call: `https://ADDRESS:PORT/xmlrpc/`.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The certificate with which clients verify the clearinghouse's.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The fault knobs.
    #[must_use]
    pub fn faults(&self) -> &ClearinghouseFaults {
        &self.faults
    }

    /// How many requests it has read since its start.
    #[must_use]
    pub fn requests_served(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Makes an account, and saves it.
    ///
    /// # Errors
    /// When the name is taken or the key is no key.
    pub async fn create_account(&self, account: NewAccount) -> Result<UserAccount, AccountError> {
        UserKey::judge(&account.public_key).map_err(|fault| AccountError::PublicKey(fault.text))?;
        let service = &self.service;
        let (password, hash) = match account.password.clone() {
            Some(password) => {
                let chosen = password.clone();
                let hash = move || PasswordHash::of_chosen(&chosen, &mut secret_randomness());
                (password, tokio::task::spawn_blocking(hash).await??)
            }
            None => {
                let password = random_password(&mut secret_randomness());
                let hash = PasswordHash::of_generated(&password, &mut secret_randomness())?;
                (password, hash)
            }
        };
        let api_key = (service.api_keys())();
        let least_used = service.read(|registry| registry.least_used_port());
        let port = match account.port {
            Some(port) => port,
            None => UserPort::try_from(i64::from(least_used))?,
        };
        let made = Account {
            name: account.name.clone(),
            affiliation: account.affiliation,
            port,
            public_key: account.public_key,
            api_key: api_key.clone(),
            password: hash,
            free_credits: account.free_credits,
        };
        if !service.change(|registry| registry.add_account(made)) {
            return Err(AccountError::Exists(account.name));
        }
        service
            .persist()
            .await
            .map_err(|_| AccountError::NotSaved)?;
        Ok(UserAccount {
            max_vessels: service
                .account_credits(&account.name)
                .unwrap_or(account.free_credits),
            name: account.name,
            user_port: port,
            api_key,
            password: Some(password),
        })
    }

    /// An account as it is now; without its password, which nobody knows.
    #[must_use]
    pub fn account(&self, name: &UserName) -> Option<UserAccount> {
        self.service.read(|registry| {
            let account = registry.account(name.as_str())?;
            Some(UserAccount {
                name: account.name.clone(),
                user_port: account.port,
                max_vessels: registry.credits(account),
                api_key: account.api_key.clone(),
                password: None,
            })
        })
    }

    /// Takes nodes in, or brings what is known of them up to date, and saves that.
    ///
    /// # Errors
    /// When the state file cannot be written.
    pub(crate) async fn enrol(&self, nodes: Vec<EnrolledNode>) -> Result<(), AccountError> {
        self.service
            .change(|registry| nodes.into_iter().for_each(|node| registry.enrol(node)));
        self.service
            .persist()
            .await
            .map_err(|_| AccountError::NotSaved)
    }

    /// How many vessels are free, held, and so on.
    #[must_use]
    pub fn census(&self) -> Census {
        self.service.census()
    }

    /// Waits until `done` holds for the census; looks again at each change.
    pub async fn when(&self, done: impl Fn(Census) -> bool) {
        let mut changes = self.service.changes();
        while !done(self.census()) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Stops serving: answers what is under way, leaves vessels as they are.
    pub async fn shutdown(mut self) {
        self.stop().await;
    }

    /// As [`Self::shutdown`], in place.
    pub(crate) async fn stop(&mut self) {
        self.stop.send_replace(true);
        for task in self.tasks.drain(..) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a part of the clearinghouse did not end as it should");
            }
        }
        self.service.close().await;
    }
}

impl Drop for ClearinghouseServer {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}
