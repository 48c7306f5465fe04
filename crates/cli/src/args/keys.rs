//! `overlord keys …`

use clap::Subcommand;

use crate::settings::table::{GenerateFlags, KeysFlags};

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
    Show(KeysFlags),
    /// Check that both files are there, well formed, and belong together
    Check(KeysFlags),
}

/// What to make.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct KeysGenerateArguments {
    #[command(flatten)]
    keys: KeysFlags,
    #[command(flatten)]
    pair: GenerateFlags,
}
