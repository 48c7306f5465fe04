//! Why bytes are no XML-RPC document, and the bounds of those that are.

use thiserror::Error;

/// Deepest nesting of elements read. The deepest recorded document has 11 levels.
pub(super) const DEPTH_MAX: usize = 64;
/// Most elements read. A vessel takes 29; this is room for all that fit in the largest answer.
pub(super) const ELEMENTS_MAX: usize = 500_000;

/// What Python's parser says of most mistakes.
pub(super) const INVALID: &str = "not well-formed (invalid token)";

/// Why bytes are no XML-RPC document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum XmlError {
    /// No XML. What is wrong, in words of Python's parser, and about where: line from 1 and column from 0.
    #[error("no well-formed XML, {what} at line {line}, column {column}")]
    NotWellFormed {
        what: &'static str,
        line: usize,
        column: usize,
    },
    /// XML, but no XML-RPC document of the wanted kind.
    #[error("XML, but no XML-RPC {0}")]
    NotXmlRpc(&'static str),
    /// Parameters, but no method that they are for.
    #[error("XML-RPC without a method's name")]
    NoMethod,
    /// XML-RPC with something in it of which Python's library makes no value, in its words.
    #[error("XML-RPC with an unreadable value, {0}")]
    NoValue(String),
    /// Declares an encoding that nobody here knows.
    #[error("in the encoding {0}, which is not known here; use UTF-8")]
    UnknownEncoding(String),
    /// Declares an encoding in which characters have several bytes, other than those of Unicode.
    #[error("in the encoding {0}, which is not read here; use UTF-8")]
    MultiByteEncoding(String),
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("elements nested deeper than {DEPTH_MAX}")]
    TooDeep,
    /// More elements than [`ELEMENTS_MAX`].
    #[error("more than {ELEMENTS_MAX} elements")]
    TooManyElements,
    /// Has a document type, which no XML-RPC document needs and with which XML attacks begin.
    #[error("a document type declaration, which is not accepted")]
    DocumentType,
}

impl XmlError {
    /// A mistake at that offset of a text, in bytes.
    pub(super) fn at(what: &'static str, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self::NotWellFormed {
            what,
            line: before.bytes().filter(|&byte| byte == b'\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count(),
        }
    }
}
