//! A line of a resource file: any bytes, shown readably.

use std::fmt;

/// How much of a line `Debug` shows, in bytes: enough to recognise it.
const SHOWN_MAX: usize = 120;

/// A line, or a part of one, as somebody wrote it: any bytes, since the files have no encoding.
///
/// `Display` replaces what is not UTF-8; [`ResourceLine::as_bytes`] is what was written.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceLine(Vec<u8>);

impl ResourceLine {
    /// The bytes as they were written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for ResourceLine {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<&str> for ResourceLine {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl fmt::Display for ResourceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for ResourceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get(..SHOWN_MAX) {
            Some(start) if self.0.len() > SHOWN_MAX => {
                write!(f, "\"{}\"… ({} bytes)", start.escape_ascii(), self.0.len())
            }
            _ => write!(f, "\"{}\"", self.0.escape_ascii()),
        }
    }
}
