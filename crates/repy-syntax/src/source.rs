//! A program's bytes made ready for the lexer: encoding checked, line ends unified, size bounded.
//!
//! The original puts a two-line `# coding: utf-8` header before the program. Nothing is inserted here; its effects
//! are kept: the text is UTF-8 whatever a coding comment in it says, a byte order mark is an invalid character,
//! and lines are counted as the user sees them.

use crate::ast::Pos;
use crate::limits::MAX_SOURCE_BYTES;
use crate::lines::unify_line_ends;
use crate::syntax_error::SyntaxError;

pub use crate::lines::line_of;

/// The text of one program: valid UTF-8 as Python 2 understands it, lines ended by `\n`, the last one included.
#[derive(Clone, Debug)]
pub struct SourceText {
    text: Vec<u8>,
}

impl SourceText {
    /// Checks and normalises `bytes`.
    ///
    /// `\r\n` and lone `\r` become `\n`, as in CPython.
    ///
    /// # Errors
    /// More than [`MAX_SOURCE_BYTES`], a null byte, or bytes that are not UTF-8.
    pub fn new(bytes: &[u8]) -> Result<Self, SyntaxError> {
        if bytes.len() > MAX_SOURCE_BYTES {
            let message = format!("the file is larger than {} MiB", MAX_SOURCE_BYTES >> 20);
            return Err(SyntaxError::new(Pos { line: 1, column: 0 }, message));
        }
        let text = unify_line_ends(bytes);
        if let Some(offset) = text.iter().position(|&byte| byte == 0) {
            return Err(SyntaxError::new(
                position(&text, offset),
                "source text must not contain null bytes",
            )
            .of_class("TypeError")
            .in_python("suite() argument 1 must be string without null bytes, not str")
            .without_line());
        }
        if let Some(offset) = first_invalid_utf8(&text) {
            let byte = text.get(offset).copied().unwrap_or_default();
            let message = format!("source text must be UTF-8; byte 0x{byte:02x} does not fit here");
            return Err(SyntaxError::new(position(&text, offset), message));
        }
        Ok(Self { text })
    }

    /// The normalised text.
    pub fn text(&self) -> &[u8] {
        &self.text
    }
}

fn position(text: &[u8], offset: usize) -> Pos {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.iter().filter(|&&byte| byte == b'\n').count();
    let line_start = before
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |newline| newline + 1);
    Pos {
        line: to_u32(line + 1),
        column: to_u32(before.len() - line_start),
    }
}

/// Sizes within one source fit: it is at most [`MAX_SOURCE_BYTES`] long.
fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Where `text` stops being UTF-8. Python 2's codec takes encoded surrogates, which Rust's refuses.
fn first_invalid_utf8(text: &[u8]) -> Option<usize> {
    let mut start = 0;
    loop {
        let rest = text.get(start..)?;
        let bad = match std::str::from_utf8(rest) {
            Ok(_) => return None,
            Err(error) => start + error.valid_up_to(),
        };
        match text.get(bad..bad + 3) {
            Some([0xED, 0xA0..=0xBF, 0x80..=0xBF]) => start = bad + 3,
            _ => return Some(bad),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_at(bytes: &[u8]) -> (u32, u32) {
        let error = SourceText::new(bytes).expect_err("refused");
        (error.pos.line, error.pos.column)
    }

    #[test]
    fn all_line_ends_become_newlines_and_the_last_is_supplied() {
        let source = SourceText::new(b"a\r\nb\rc\n\r\nd").expect("fine");
        assert_eq!(source.text(), b"a\nb\nc\n\nd\n");
    }

    #[test]
    fn invalid_utf8_and_null_bytes_are_refused_where_they_are() {
        assert_eq!(error_at(b"x\r\ny='\xff'"), (2, 3));
        assert_eq!(error_at(b"x\0"), (1, 1));
        assert_eq!(error_at(b"\xc0\x80"), (1, 0));
        assert_eq!(error_at(b"#\xed\xa0\x80\n#\xf4\x90\x80\x80"), (2, 1));
    }
}
