//! Chance that is passed in: ChaCha, seeded by the operating system or by a test.

use std::sync::{Mutex, PoisonError};

use rand::rngs::{SysError, SysRng};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use thiserror::Error;

/// Random numbers. Nothing secret is ever made of them.
pub trait Randomness: Send + Sync {
    /// The next number, any of all equally likely.
    fn next_u64(&self) -> u64;
}

/// The operating system gave no random numbers to begin with; its source is why.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the operating system gives no random numbers")]
pub struct NoRandomness(#[source] SysError);

/// Random numbers that follow from a seed: the same on every machine.
#[derive(Debug)]
pub struct SeededRandomness(Mutex<ChaCha20Rng>);

impl SeededRandomness {
    /// Seeded by the operating system.
    ///
    /// # Errors
    /// When it gives no random numbers.
    pub fn from_system() -> Result<Self, NoRandomness> {
        ChaCha20Rng::try_from_rng(&mut SysRng)
            .map(|rng| Self(Mutex::new(rng)))
            .map_err(NoRandomness)
    }

    /// The same numbers each time.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self(Mutex::new(ChaCha20Rng::seed_from_u64(seed)))
    }
}

impl Randomness for SeededRandomness {
    fn next_u64(&self) -> u64 {
        // A panic elsewhere cannot have left the generator in a state that matters.
        let mut rng = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rng.next_u64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_the_system_gives_others() {
        let (a, b) = (
            SeededRandomness::from_seed(7),
            SeededRandomness::from_seed(7),
        );
        let draw = |from: &SeededRandomness| [from.next_u64(), from.next_u64()];
        let first = draw(&a);
        assert_eq!(first, draw(&b));
        assert_ne!(first, draw(&a));
        assert_ne!(first, draw(&SeededRandomness::from_system().unwrap()));
    }
}
