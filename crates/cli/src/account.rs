//! From settings to an account that can be asked: keys loaded, API key got.

use overlord_clearinghouse::{ClearinghouseAccount, Credentials};
use overlord_keys::{KeyDirectory, KeyPair};

use crate::exit_meaning::ExitMeaning;
use crate::failure::Failure;
use crate::output::Output;
use crate::settings::{AccountSettings, Trust};

/// An account and its keys.
pub(crate) struct OpenAccount {
    /// The account at its clearinghouse.
    pub(crate) clearinghouse: ClearinghouseAccount,
    /// Its keys.
    pub(crate) keys: KeyPair,
}

/// Loads the account's keys and says what is to be said about their files.
///
/// # Errors
/// What is wrong with the files.
pub(crate) fn load_keys(settings: &AccountSettings, output: &Output) -> Result<KeyPair, Failure> {
    let loaded = KeyDirectory::new(&settings.keys_dir).load(&settings.user)?;
    for warning in &loaded.warnings {
        output.note(&format!("warning: {warning}"));
    }
    if settings.trust == Trust::DangerAnybody {
        output.note(
            "warning: the clearinghouse's certificate is not checked; anybody in between can take the account over",
        );
    }
    Ok(loaded.pair)
}

/// Loads the keys and gets the API key.
///
/// # Errors
/// What is wrong with the key files, the clearinghouse, or the account.
pub(crate) async fn open(
    settings: &AccountSettings,
    output: &Output,
) -> Result<OpenAccount, Failure> {
    let keys = load_keys(settings, output)?;
    let client = settings.client()?;
    let api_key = match &settings.api_key {
        Some(key) => key.clone(),
        None => {
            let decrypting = keys.clone();
            let decrypt = move |encrypted: &str| decrypting.private().decrypt(encrypted.as_bytes());
            client.fetch_api_key(&settings.user, decrypt).await?
        }
    };
    let credentials = Credentials {
        user: settings.user.clone(),
        api_key,
    };
    Ok(OpenAccount {
        clearinghouse: client.with(credentials),
        keys,
    })
}

/// Runs an asynchronous command to its end.
///
/// # Errors
/// Whatever the command fails with, or a machine that gives no threads.
pub(crate) fn block_on<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(ExitMeaning::Machine, error))?;
    runtime.block_on(command)
}
