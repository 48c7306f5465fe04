//! Who speaks to which clearinghouse.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;

/// The account and its clearinghouse.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Account")]
pub(crate) struct AccountArguments {
    /// User name of the account; its keys are USER.publickey and USER.privatekey
    #[arg(long, value_name = "USER", env = "OVERLORD_USER")]
    pub(crate) user: Option<String>,
    /// Directory of the key files [default: the current one]
    #[arg(long, value_name = "DIR", env = "OVERLORD_KEYS_DIR")]
    pub(crate) keys_dir: Option<PathBuf>,
    /// Address of the clearinghouse's XML-RPC interface [default: https://seattleclearinghouse.poly.edu/xmlrpc/]
    #[arg(long, value_name = "URL", env = "OVERLORD_CLEARINGHOUSE")]
    pub(crate) clearinghouse: Option<String>,
    /// PEM file of certificate authorities to trust, in place of the system's (the original's cacert.pem)
    #[arg(long, value_name = "FILE", env = "OVERLORD_CA_FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// File with the account's API key [default: it is got with the private key; OVERLORD_API_KEY holds one too]
    #[arg(long, value_name = "FILE", env = "OVERLORD_API_KEY_FILE")]
    pub(crate) api_key_file: Option<PathBuf>,
    /// DANGER: accept any certificate of the clearinghouse; anybody in between can then take the account over
    #[arg(
        long,
        env = "OVERLORD_DANGER_ACCEPT_INVALID_CERTS",
        value_parser = BoolishValueParser::new()
    )]
    pub(crate) danger_accept_invalid_certs: bool,
}
