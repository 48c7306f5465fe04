//! An account at a clearinghouse, with the user's keys: what every command and every run begins with.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use overlord_clearinghouse::client::TIMEOUT_DEFAULT;
use overlord_clearinghouse::{
    AccountInfo, ApiKey, ClearinghouseAccount, ClearinghouseClient, Credentials,
};
use overlord_engine::{AccountSummary, Journal, Ports};
use overlord_keys::{KeyDirectory, KeyPair, KeyWarning, PublicKey};
use overlord_types::UserName;

use crate::error::SetupError;
use crate::ports::{ClearinghousePort, NodesPort, RuntimeClock, SeededRandomness};

/// Where the original's clearinghouse is.
pub const CLEARINGHOUSE_DEFAULT: &str = "https://seattleclearinghouse.poly.edu/xmlrpc/";

/// Who connects where. All but the user has a default.
#[derive(Clone)]
pub struct ConnectionSettings {
    /// The account's name.
    pub user: UserName,
    /// The folder of `USER.publickey` and `USER.privatekey`; the current one unless named.
    pub keys_dir: PathBuf,
    /// The clearinghouse's URL.
    pub clearinghouse: String,
    /// A PEM file of roots to trust in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Trusts any server: anybody who listens in between gets the API key.
    pub danger_accept_invalid_certs: bool,
    /// The account's API key, if it is not to be fetched with the private key.
    pub api_key: Option<ApiKey>,
    /// How long a call to the clearinghouse may take in all.
    pub timeout: Duration,
}

impl fmt::Debug for ConnectionSettings {
    /// Without the URL: nobody has looked yet whether there is a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionSettings")
            .field("user", &self.user)
            .field("keys_dir", &self.keys_dir)
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}

impl ConnectionSettings {
    /// The defaults for that user.
    #[must_use]
    pub fn new(user: UserName) -> Self {
        Self {
            user,
            keys_dir: PathBuf::from("."),
            clearinghouse: CLEARINGHOUSE_DEFAULT.to_owned(),
            ca_file: None,
            danger_accept_invalid_certs: false,
            api_key: None,
            timeout: TIMEOUT_DEFAULT,
        }
    }
}

/// Keys and client, checked without having asked anybody.
#[derive(Debug)]
pub(crate) struct Prepared {
    settings: ConnectionSettings,
    keys: KeyPair,
    warnings: Vec<KeyWarning>,
    client: ClearinghouseClient,
}

impl Prepared {
    pub(crate) fn new(settings: ConnectionSettings) -> Result<Self, SetupError> {
        let loaded = KeyDirectory::new(&settings.keys_dir)
            .load(&settings.user)
            .map_err(|source| SetupError::Keys {
                user: settings.user.clone(),
                source,
            })?;
        let client = ClearinghouseClient::builder(&settings.clearinghouse)
            .ca_file_or_system(settings.ca_file.clone())
            .danger_accept_invalid_certs(settings.danger_accept_invalid_certs)
            .timeout(settings.timeout)
            .build()?;
        Ok(Self {
            settings,
            keys: loaded.pair,
            warnings: loaded.warnings,
            client,
        })
    }

    /// Asks the clearinghouse: API key, account, and whether its key is ours.
    pub(crate) async fn connect(self) -> Result<Connection, SetupError> {
        let Self {
            settings,
            keys,
            warnings,
            client,
        } = self;
        let user = settings.user;
        let given = settings.api_key.is_some();
        let api_key = match settings.api_key {
            Some(key) => key,
            None => {
                let decrypt = |text: &str| keys.private().decrypt(text.as_bytes());
                client.fetch_api_key(&user, decrypt).await?
            }
        };
        let credentials = Credentials {
            user: user.clone(),
            api_key,
        };
        let account = client.with(credentials);
        let unreadable = |source| SetupError::Account {
            user: user.clone(),
            source,
        };
        let info = account.account_info().await.map_err(unreadable)?;
        // Who could decrypt the API key has the account's key. A given API key proves nothing of the kind.
        if given {
            let text = account.public_key().await.map_err(unreadable)?;
            let theirs =
                PublicKey::parse(text.as_bytes()).map_err(|source| SetupError::AccountKey {
                    user: user.clone(),
                    source,
                })?;
            if theirs != *keys.public() {
                return Err(SetupError::OtherKeys { user });
            }
        }
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        Ok(Connection {
            keys,
            warnings,
            account,
            info,
        })
    }
}

/// An account at a clearinghouse, with the user's keys.
#[derive(Debug, Clone)]
pub struct Connection {
    keys: KeyPair,
    warnings: Vec<KeyWarning>,
    account: ClearinghouseAccount,
    info: AccountInfo,
}

impl Connection {
    /// Loads the keys, fetches the API key unless it is given, and reads the account.
    ///
    /// # Errors
    /// What the operator has to change, or that the clearinghouse does not answer.
    pub async fn open(settings: ConnectionSettings) -> Result<Self, SetupError> {
        Prepared::new(settings)?.connect().await
    }

    /// The user's keys.
    #[must_use]
    pub fn keys(&self) -> &KeyPair {
        &self.keys
    }

    /// What should be changed about the key files; logged already.
    #[must_use]
    pub fn key_warnings(&self) -> &[KeyWarning] {
        &self.warnings
    }

    /// The clearinghouse in the account's name.
    #[must_use]
    pub fn clearinghouse(&self) -> &ClearinghouseAccount {
        &self.account
    }

    /// The account as it was when the connection was opened.
    #[must_use]
    pub fn account(&self) -> &AccountInfo {
        &self.info
    }

    pub(crate) fn engine_account(&self) -> AccountSummary {
        AccountSummary {
            user_name: self.info.user_name.clone(),
            user_port: self.info.user_port,
            max_vessels: self.info.max_vessels,
        }
    }

    /// The engine's ports: this account, its nodes, the real clock, chance from the operating system.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn ports(&self, journal: Arc<dyn Journal>) -> Result<Ports, SetupError> {
        let randomness = Arc::new(chance()?);
        Ok(Ports {
            clearinghouse: Arc::new(ClearinghousePort::new(self.account.clone())),
            nodes: Arc::new(NodesPort::new(self.keys.clone(), randomness.clone())),
            journal,
            clock: Arc::new(RuntimeClock::new()),
            randomness,
        })
    }
}

/// Chance from the operating system, for those who are to pass it in.
///
/// # Errors
/// [`SetupError::Randomness`].
pub fn chance() -> Result<SeededRandomness, SetupError> {
    Ok(SeededRandomness::from_system()?)
}
