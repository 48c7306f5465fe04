//! Who speaks to which clearinghouse.

use crate::settings::table::{ApiKeyVariable, ClearinghouseFlags, KeysFlags};

/// The account and its clearinghouse.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct AccountArguments {
    #[command(flatten)]
    keys: KeysFlags,
    #[command(flatten)]
    clearinghouse: ClearinghouseFlags,
    #[command(flatten)]
    api_key: ApiKeyVariable,
}
