//! From settings to an account that can be asked: keys loaded, API key got, account read.

use overlord::{Connection, ConnectionSettings};

use crate::failure::Failure;
use crate::output::Output;
use crate::settings::{AccountSettings, Trust};

/// Loads the keys, gets the API key, reads the account, and says what is to be said about the keys.
///
/// # Errors
/// What is wrong with the key files, the clearinghouse, or the account.
pub(crate) async fn open(
    settings: &AccountSettings,
    output: &Output,
) -> Result<Connection, Failure> {
    warn_of_danger(settings, output);
    let mut connection = ConnectionSettings::new(settings.user.clone());
    connection.keys_dir.clone_from(&settings.keys_dir);
    connection.clearinghouse.clone_from(&settings.clearinghouse);
    connection.api_key.clone_from(&settings.api_key);
    match &settings.trust {
        Trust::System => {}
        Trust::File(path) => connection.ca_file = Some(path.clone()),
        Trust::DangerAnybody => connection.danger_accept_invalid_certs = true,
    }
    let opened = Connection::open(connection).await;
    let connection = opened.map_err(|error| Failure::from(error).in_the_name_of(&settings.user))?;
    warn_of_keys(&connection, output);
    Ok(connection)
}

/// Says that nobody checks who answers, if so.
pub(crate) fn warn_of_danger(settings: &AccountSettings, output: &Output) {
    if settings.trust == Trust::DangerAnybody {
        output.note(
            "warning: the clearinghouse's certificate is not checked; anybody in between can take the account over",
        );
    }
}

/// Says what should be changed about the key files.
pub(crate) fn warn_of_keys(connection: &Connection, output: &Output) {
    for warning in connection.key_warnings() {
        output.note(&format!("warning: {warning}"));
    }
}
