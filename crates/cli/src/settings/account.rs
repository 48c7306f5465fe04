//! Whose account, with which keys, at which clearinghouse.

use std::path::{Path, PathBuf};

use overlord::CLEARINGHOUSE_DEFAULT;
use overlord::clearinghouse::{ApiKey, ClearinghouseClient};
use overlord::types::UserName;

use super::Layers;
use crate::args::{AccountArguments, KeysUserArguments};
use crate::exit_meaning::ExitMeaning;
use crate::failure::Failure;

/// The variable that holds an API key; there is no flag, since others on the machine can read flags.
pub(crate) const API_KEY_VARIABLE: &str = "OVERLORD_API_KEY";

/// Most bytes of a file with an API key: the longest key, and room for blank lines around it.
const API_KEY_FILE_BYTES_MAX: u64 = 4096;

/// Which servers are believed to be the clearinghouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Those that the system's certificate authorities vouch for.
    System,
    /// Those that the authorities in a PEM file vouch for.
    File(PathBuf),
    /// Any.
    DangerAnybody,
}

/// Who speaks to which clearinghouse.
#[derive(Debug, Clone)]
pub(crate) struct AccountSettings {
    /// The account.
    pub(crate) user: UserName,
    /// Where its key files lie.
    pub(crate) keys_dir: PathBuf,
    /// The clearinghouse's address, checked.
    pub(crate) clearinghouse: String,
    /// Who is believed to be it.
    pub(crate) trust: Trust,
    /// The API key, if it was given; else the private key gets it.
    pub(crate) api_key: Option<ApiKey>,
}

impl AccountSettings {
    /// Puts the layers together.
    ///
    /// # Errors
    /// No or a wrong user name, a URL that is none, a CA file that is none.
    pub(crate) fn new(arguments: &AccountArguments, layers: &Layers) -> Result<Self, Failure> {
        let file = layers.file();
        let clearinghouse = layers.text_or(
            "clearinghouse",
            arguments.clearinghouse.as_ref(),
            file.clearinghouse.clone(),
            CLEARINGHOUSE_DEFAULT,
        );
        let ca_file = layers.path("ca-file", arguments.ca_file.as_ref(), file.ca_file.as_ref());
        let danger = arguments.danger_accept_invalid_certs
            || file.danger_accept_invalid_certs.unwrap_or(false);
        let trust = match ca_file {
            _ if danger => Trust::DangerAnybody,
            Some(path) => Trust::File(path.value),
            None => Trust::System,
        };
        let keys = KeysUserArguments {
            user: arguments.user.clone(),
            keys_dir: arguments.keys_dir.clone(),
        };
        let settings = Self {
            user: user(&keys, layers)?,
            keys_dir: keys_dir(&keys, layers),
            clearinghouse: clearinghouse.value,
            trust,
            api_key: api_key(arguments, layers)?,
        };
        // A client made and thrown away checks the address; it needs no authorities for that.
        ClearinghouseClient::builder(&settings.clearinghouse)
            .danger_accept_invalid_certs(true)
            .build()?;
        Ok(settings)
    }
}

/// Whose keys.
///
/// # Errors
/// No name given, or one that cannot be a user's.
pub(crate) fn user(arguments: &KeysUserArguments, layers: &Layers) -> Result<UserName, Failure> {
    layers
        .text("user", arguments.user.as_ref(), layers.file().user.clone())
        .ok_or_else(|| {
            Failure::usage("no user is named").advise(
                "name the account with --user NAME, OVERLORD_USER, or user in overlord.toml; without an account, try: overlord run --local PROGRAM",
            )
        })?
        .parse()
}

/// Where keys lie: the current directory, as in the original, unless told otherwise.
#[must_use]
pub(crate) fn keys_dir(arguments: &KeysUserArguments, layers: &Layers) -> PathBuf {
    let filed = layers.file().keys_dir.as_ref();
    layers.path_or(
        "keys-dir",
        arguments.keys_dir.as_ref(),
        filed,
        Path::new("."),
    )
}

/// The API key from the variable or a file.
fn api_key(arguments: &AccountArguments, layers: &Layers) -> Result<Option<ApiKey>, Failure> {
    let wrong = |place: String, error| {
        Failure::new(ExitMeaning::Data, error).advise(format!("correct the API key in {place}"))
    };
    if let Some(text) = std::env::var_os(API_KEY_VARIABLE) {
        // What is no text is no key either; the replacement characters make it one that is refused.
        let key = ApiKey::new(text.to_string_lossy().trim());
        return key
            .map(Some)
            .map_err(|error| wrong(API_KEY_VARIABLE.to_owned(), error));
    }
    let filed = layers.file().api_key_file.as_ref();
    let Some(path) = layers.path("api-key-file", arguments.api_key_file.as_ref(), filed) else {
        return Ok(None);
    };
    let path = path.value;
    let file = overlord::files::read(&path, API_KEY_FILE_BYTES_MAX).map_err(|error| {
        let message = format!("cannot read the API key in {}: {error}", path.display());
        Failure::new(ExitMeaning::NoInput, message)
            .advise("name a readable file with --api-key-file, or leave it out: the private key gets the API key")
    })?;
    // What is no text is no key either: the empty text is refused.
    let text = std::str::from_utf8(&file.bytes).unwrap_or_default();
    let key = ApiKey::new(text.trim());
    key.map(Some)
        .map_err(|error| wrong(path.display().to_string(), error))
}
