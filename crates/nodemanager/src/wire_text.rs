//! Text as it travels: any bytes, shown readably. What a text means is left to the calls that carry it.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

pub(crate) use overlord_resources::python_text::{is_blank, trim, words};

/// How much of a text `Debug` shows, in bytes: enough to recognise it, never a whole upload.
const SHOWN_MAX: usize = 120;

/// An argument, a line or an explanation as it travelled: any bytes, since the protocol has no encoding.
///
/// Nodes compare and echo these byte by byte, so nothing may be lost between reading and writing.
/// `Display` replaces what is not UTF-8 and is for readers; [`WireText::as_bytes`] is what was sent.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WireText(Vec<u8>);

impl WireText {
    /// The bytes as they travel.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, if it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The text for a reader; bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// The bytes themselves.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&[u8]> for WireText {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<Vec<u8>> for WireText {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<Bytes> for WireText {
    fn from(bytes: Bytes) -> Self {
        Self(bytes.into())
    }
}

impl From<&str> for WireText {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<String> for WireText {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl From<&overlord_types::VesselName> for WireText {
    fn from(vessel: &overlord_types::VesselName) -> Self {
        vessel.as_str().into()
    }
}

impl From<&overlord_types::FileName> for WireText {
    fn from(file: &overlord_types::FileName) -> Self {
        file.as_str().into()
    }
}

impl PartialEq<str> for WireText {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for WireText {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl fmt::Display for WireText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_string_lossy())
    }
}

impl fmt::Debug for WireText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get(..SHOWN_MAX) {
            Some(start) if self.0.len() > SHOWN_MAX => {
                write!(f, "\"{}\"… ({} bytes)", start.escape_ascii(), self.0.len())
            }
            _ => write!(f, "\"{}\"", self.0.escape_ascii()),
        }
    }
}

/// Cuts at the first `separator`; `None` when there is none.
pub(crate) fn split_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&byte| byte == separator)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

/// Cuts at the last `separator`; `None` when there is none.
pub(crate) fn rsplit_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().rposition(|&byte| byte == separator)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

/// Whether Python 2's `long()` reads the text: a sign, decimal digits, and a suffix `L`; blanks around.
pub(crate) fn reads_as_long(text: &[u8]) -> bool {
    let text = trim(text);
    let text = text
        .strip_suffix(b"L")
        .or_else(|| text.strip_suffix(b"l"))
        .unwrap_or(text);
    // Blanks between sign and digits are read as well.
    let digits = match text {
        [b'+' | b'-', digits @ ..] => trim(digits),
        digits => digits,
    };
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Reads what Python 2's `int()` reads, as far as it fits: blanks around, a sign, decimal digits.
pub(crate) fn read_int(text: &[u8]) -> Option<i128> {
    let (negative, digits) = match trim(text) {
        [sign @ (b'+' | b'-'), digits @ ..] => (*sign == b'-', trim(digits)),
        digits => (false, digits),
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: i128 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_go_through_unchanged_and_are_shown_readably() {
        let text = WireText::from(&b"a\xff\n"[..]);
        assert_eq!(text.as_bytes(), b"a\xff\n");
        assert_eq!(text.as_str(), None);
        assert_eq!(format!("{text:?}"), r#""a\xff\n""#);
        assert_eq!(text.to_string(), "a\u{fffd}\n");
        let long = WireText::from(vec![b'x'; 1000]);
        assert!(format!("{long:?}").len() < 160);
    }

    #[test]
    fn numbers_are_read_as_python_reads_them() {
        for text in ["5", " +5 ", "-5", "5L", "005", "\x0b5", "+ 5"] {
            assert!(reads_as_long(text.as_bytes()), "{text:?}");
        }
        for text in ["", "+", "L", "5_0", "0x5", "5.0", "5 5", "٥"] {
            assert!(!reads_as_long(text.as_bytes()), "{text:?}");
        }
        assert_eq!(read_int(b" +18 "), Some(18));
        assert_eq!(read_int(b"-0"), Some(0));
        for text in ["", "5L", "1_8", "+", "--5", "+-5"] {
            assert_eq!(read_int(text.as_bytes()), None, "{text:?}");
        }
    }
}
