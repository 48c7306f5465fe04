//! `overlord keys …`

use std::path::PathBuf;

use clap::Subcommand;

/// Make, show and check key files.
#[derive(Debug, clap::Args)]
pub(crate) struct KeysArguments {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a new pair; never overwrites one
    Generate(KeysGenerateArguments),
    /// Print the public key, to give to a clearinghouse
    Show(KeysUserArguments),
    /// Check that both files are there, well formed, and belong together
    Check(KeysUserArguments),
}

/// Whose keys, and where.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct KeysUserArguments {
    /// User name: the files are USER.publickey and USER.privatekey
    #[arg(long, value_name = "USER", env = "OVERLORD_USER")]
    pub(crate) user: Option<String>,
    /// Directory of the key files [default: the current one]
    #[arg(long, value_name = "DIR", env = "OVERLORD_KEYS_DIR")]
    pub(crate) keys_dir: Option<PathBuf>,
}

/// What to make.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct KeysGenerateArguments {
    #[command(flatten)]
    pub(crate) user: KeysUserArguments,
    /// Length of the modulus, 1024 to 8192 [default: 2048]
    #[arg(
        long,
        value_name = "BITS",
        env = "OVERLORD_BITS",
        allow_hyphen_values = true
    )]
    pub(crate) bits: Option<String>,
}
