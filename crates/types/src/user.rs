//! Accounts of the clearinghouse: their names and ports.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::failure::{Classified, Code};

/// The ports from which each account is given one that it may use on every vessel.
pub const USER_PORTS: RangeInclusive<u16> = 63_100..=63_179;
/// Longest user name accepted; the original's web forms allow 32, its database 100.
const USER_NAME_LENGTH_MAX: usize = 100;

/// Why a text is not a user name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "a user name is 1 to {USER_NAME_LENGTH_MAX} of the characters A-Z a-z 0-9 . _ - @ + and does not start with '.' or '-', unlike {0:?}"
)]
pub struct UserNameError(pub String);

impl Classified for UserNameError {
    fn code(&self) -> Code {
        Code::UserName
    }
}

/// The name of an account at the clearinghouse; also the first part of its key files' names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

impl UserName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = UserNameError;

    fn from_str(text: &str) -> Result<Self, UserNameError> {
        let allowed =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@' | b'+');
        // The name becomes a file name, so nothing that leads out of a folder or into an option.
        let plain = !text.starts_with(['.', '-']) && text.bytes().all(allowed);
        if (1..=USER_NAME_LENGTH_MAX).contains(&text.len()) && plain {
            Ok(Self(text.to_owned()))
        } else {
            Err(UserNameError(text.chars().take(40).collect()))
        }
    }
}

impl TryFrom<String> for UserName {
    type Error = UserNameError;

    fn try_from(text: String) -> Result<Self, UserNameError> {
        text.parse()
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A number that cannot be a user port.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a user port is a port from 1 to 65535, not {0}")]
pub struct UserPortError(pub i64);

impl Classified for UserPortError {
    fn code(&self) -> Code {
        Code::UserPort
    }
}

/// The one TCP and UDP port that an account may use on each of its vessels.
///
/// The original gives out [`USER_PORTS`]; another clearinghouse may give others, so any port but 0 is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct UserPort(u16);

impl UserPort {
    /// The port's number, never 0.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }
}

impl TryFrom<i64> for UserPort {
    type Error = UserPortError;

    fn try_from(number: i64) -> Result<Self, UserPortError> {
        match u16::try_from(number) {
            Ok(port) if port != 0 => Ok(Self(port)),
            _ => Err(UserPortError(number)),
        }
    }
}

impl From<UserPort> for i64 {
    fn from(port: UserPort) -> Self {
        port.0.into()
    }
}

impl fmt::Display for UserPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_can_always_be_a_file_name() {
        for text in ["alice", "a.b-c_d", "user@example.org", "A1"] {
            assert_eq!(text.parse::<UserName>().unwrap().as_str(), text);
        }
        for text in ["", "..", ".alice", "-v", "a/b", "a b", "ä", "a\nb"] {
            assert!(text.parse::<UserName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_user_port_is_any_port_but_zero() {
        assert_eq!(UserPort::try_from(63_100).unwrap().number(), 63_100);
        for number in [0, -1, 65_536] {
            assert_eq!(UserPort::try_from(number), Err(UserPortError(number)));
        }
    }
}
