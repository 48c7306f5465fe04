//! Whose account, with which keys, at which clearinghouse.

use std::path::PathBuf;

use overlord::Code;
use overlord::clearinghouse::{ApiKey, ClearinghouseClient};
use overlord::types::UserName;

use super::layers::Layers;
use super::table::{
    API_KEY, API_KEY_FILE, CA_FILE, CLEARINGHOUSE, DANGER_ACCEPT_INVALID_CERTS, KEYS_DIR, USER,
};
use crate::failure::Failure;

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
    pub(crate) fn new(layers: &Layers) -> Result<Self, Failure> {
        let trust = if layers.value(&DANGER_ACCEPT_INVALID_CERTS)?.value {
            Trust::DangerAnybody
        } else {
            match layers.optional(&CA_FILE)? {
                Some(path) => Trust::File(path.value),
                None => Trust::System,
            }
        };
        let settings = Self {
            user: user(layers)?,
            keys_dir: layers.value(&KEYS_DIR)?.value,
            clearinghouse: layers.value(&CLEARINGHOUSE)?.value,
            trust,
            api_key: api_key(layers)?,
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
pub(crate) fn user(layers: &Layers) -> Result<UserName, Failure> {
    let user = layers.optional(&USER)?.ok_or_else(|| {
        Failure::usage("no user is named").advise(
            "name the account with --user NAME, OVERLORD_USER, or user in overlord.toml; without an account, try: overlord run --local PROGRAM",
        )
    })?;
    Ok(user.value)
}

/// The API key from the variable or a file.
fn api_key(layers: &Layers) -> Result<Option<ApiKey>, Failure> {
    if let Some(key) = layers.optional(&API_KEY)? {
        return Ok(Some(key.value));
    }
    let Some(path) = layers.optional(&API_KEY_FILE)? else {
        return Ok(None);
    };
    let path = path.value;
    let file = overlord::files::read(&path, API_KEY_FILE_BYTES_MAX).map_err(|error| {
        let message = format!("cannot read the API key in {}", path.display());
        Failure::because(Code::FileUnreadable, message, error)
            .advise("name a readable file with --api-key-file, or leave it out: the private key gets the API key")
    })?;
    // What is no text is no key either: the empty text is refused.
    let text = std::str::from_utf8(&file.bytes).unwrap_or_default();
    let key = ApiKey::new(text.trim()).map_err(|error| {
        let advice = format!("correct the API key in {}", path.display());
        Failure::from(error).advise(advice)
    })?;
    Ok(Some(key))
}
