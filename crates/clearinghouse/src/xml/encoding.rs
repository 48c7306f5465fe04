//! The text of a body: in the encoding that its first bytes show or its declaration names, as Python's parser finds it.
//!
//! Read are Unicode's encodings and those with a byte for each character, under the names that Python or the web knows
//! them by (but for the code pages of DOS).

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use quick_xml::Reader;
use quick_xml::events::Event;

use super::error::{INVALID, XmlError};

/// Where an XML declaration has ended, or is none.
const DECLARATION_BYTES_MAX: usize = 256;

/// Names of Python's that the web does not have, and a name that it has for the same.
const PYTHON_NAMES: [(&str, &str); 3] = [
    ("latin-1", "iso-8859-1"),
    ("latin9", "iso-8859-15"),
    ("mac-roman", "macintosh"),
];

/// What a declared name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    /// Unicode's own, and what is taken when nothing is declared.
    Utf8,
    /// Bytes below 128 only.
    Ascii,
    /// Each byte is the character of that number. The web takes it for Windows-1252, XML does not.
    Latin1,
    /// Another that the library knows.
    Known(&'static Encoding),
}

impl Charset {
    fn of(encoding: &'static Encoding) -> Self {
        if encoding == UTF_8 {
            Self::Utf8
        } else {
            Self::Known(encoding)
        }
    }
}

/// Reads a body as text, without a byte order mark.
pub(super) fn decode(body: &[u8]) -> Result<Cow<'_, str>, XmlError> {
    let (charset, body) = match (Encoding::for_bom(body), body) {
        (Some((encoding, length)), _) => {
            let body = body.get(length..).unwrap_or_default();
            (Charset::of(encoding), body)
        }
        // Without a mark it shows in the first character, which is `<`.
        (None, [b'<', 0, ..]) => (Charset::Known(UTF_16LE), body),
        (None, [0, b'<', ..]) => (Charset::Known(UTF_16BE), body),
        (None, _) => (declared(body)?, body),
    };
    match charset {
        Charset::Ascii | Charset::Utf8 => {
            let valid = match std::str::from_utf8(body) {
                Ok(text) => text,
                Err(error) => {
                    let valid = body.get(..error.valid_up_to()).unwrap_or_default();
                    let text = String::from_utf8_lossy(valid);
                    return Err(XmlError::at(INVALID, &text, valid.len()));
                }
            };
            match valid.find(|character: char| !character.is_ascii()) {
                Some(at) if charset == Charset::Ascii => Err(XmlError::at(INVALID, valid, at)),
                _ => Ok(Cow::Borrowed(valid)),
            }
        }
        Charset::Latin1 => Ok(encoding_rs::mem::decode_latin1(body)),
        Charset::Known(encoding) => {
            let (text, has_errors) = encoding.decode_without_bom_handling(body);
            let replaced = has_errors.then(|| text.find('\u{fffd}')).flatten();
            match replaced {
                Some(at) => Err(XmlError::at(INVALID, &text, at)),
                None => Ok(text),
            }
        }
    }
}

/// The encoding that a body's XML declaration names; UTF-8 if it names none.
fn declared(body: &[u8]) -> Result<Charset, XmlError> {
    let Some(name) = declared_name(body) else {
        return Ok(Charset::Utf8);
    };
    // As Python compares names of encodings.
    let plain = name.to_ascii_lowercase().replace('_', "-");
    let web = PYTHON_NAMES.iter().find(|(python, _)| *python == plain);
    let web = web.map_or(plain.as_str(), |(_, web)| web);
    let Some(encoding) = Encoding::for_label(web.as_bytes()) else {
        return Err(XmlError::UnknownEncoding(name));
    };
    match web {
        "ascii" | "us-ascii" => Ok(Charset::Ascii),
        "windows-1252" | "cp1252" | "x-cp1252" => Ok(Charset::Known(encoding)),
        // For the web, all other names of this one are Latin-1's.
        _ if encoding == WINDOWS_1252 => Ok(Charset::Latin1),
        // These would have shown in the first bytes.
        _ if encoding == UTF_16LE || encoding == UTF_16BE => Err(XmlError::NotWellFormed {
            what: "encoding specified in XML declaration is incorrect",
            line: 1,
            column: 0,
        }),
        _ if encoding == UTF_8 || encoding.is_single_byte() => Ok(Charset::of(encoding)),
        _ => Err(XmlError::MultiByteEncoding(name)),
    }
}

/// The name in the declaration, if there is one and it can be read; what is wrong with it is the reader's to say.
fn declared_name(body: &[u8]) -> Option<String> {
    let start = body.get(..DECLARATION_BYTES_MAX).unwrap_or(body);
    let end = start.windows(2).position(|pair| pair == b"?>")? + 2;
    let declaration = std::str::from_utf8(start.get(..end)?).ok()?;
    match Reader::from_str(declaration).read_event() {
        Ok(Event::Decl(declaration)) => Some(declaration.encoding()?.ok()?.into_owned()),
        _ => None,
    }
}
