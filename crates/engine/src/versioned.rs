//! What a store keeps, with the version of the form in which it was written before it.
//!
//! The version is read first, and what a later release wrote is not looked at: a kind of record that this release does not
//! know is told apart from a record that is broken. What was stored is left to the journal.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, IgnoredAny, SeqAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::JournalError;
use crate::provenance::RECORD_VERSION;

/// Something as it is stored: a pair of [`RECORD_VERSION`] of its time, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    version: u16,
    /// `None` if a later release wrote it.
    content: Option<T>,
}

impl<T> Versioned<T> {
    /// What it says.
    ///
    /// # Errors
    /// [`JournalError::TooNew`] when a later release wrote it, in a form that this one may misunderstand.
    pub fn read(&self) -> Result<&T, JournalError> {
        let version = self.version;
        self.content
            .as_ref()
            .ok_or(JournalError::TooNew { version })
    }

    /// As [`Versioned::read`], for good.
    ///
    /// # Errors
    /// As [`Versioned::read`].
    pub fn into_content(self) -> Result<T, JournalError> {
        let version = self.version;
        self.content.ok_or(JournalError::TooNew { version })
    }
}

impl<T> From<T> for Versioned<T> {
    fn from(content: T) -> Self {
        Self {
            version: RECORD_VERSION,
            content: Some(content),
        }
    }
}

impl<T: Default> Default for Versioned<T> {
    fn default() -> Self {
        T::default().into()
    }
}

impl<T: Serialize> Serialize for Versioned<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let content = self.read().map_err(S::Error::custom)?;
        (self.version, content).serialize(to)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Versioned<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(Pair(PhantomData))
    }
}

struct Pair<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Pair<T> {
    type Value = Versioned<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a version and what was written in it")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<Versioned<T>, A::Error> {
        let version = pair.next_element()?;
        let version: u16 = version.ok_or_else(|| A::Error::invalid_length(0, &self))?;
        if version > RECORD_VERSION {
            while pair.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Versioned {
                version,
                content: None,
            });
        }
        let content = pair.next_element()?;
        Ok(Versioned {
            version,
            content: Some(content.ok_or_else(|| A::Error::invalid_length(1, &self))?),
        })
    }
}
