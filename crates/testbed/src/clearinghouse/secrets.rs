//! Where what must not be guessed comes from: API keys, and the chance for passwords. What is made of it is `account`'s.

use std::sync::Arc;

use overlord_clearinghouse::ApiKey;
use rand::Rng;

/// Where new API keys come from.
pub type ApiKeySource = Arc<dyn Fn() -> ApiKey + Send + Sync>;

/// The machine's randomness, for keys and passwords.
#[expect(
    clippy::disallowed_methods,
    reason = "secrets come from the machine's randomness, never from a seed"
)]
pub(super) fn secret_randomness() -> impl Rng {
    rand::rng()
}
