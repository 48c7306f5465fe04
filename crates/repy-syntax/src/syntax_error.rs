//! What is said when a file is not Python, and how any complaint about a place in a file is shown.
//!
//! The texts name the rule that was broken. Which complaint leads to which exit code is the binary's business.

use std::borrow::Cow;

use crate::ast::Pos;
use crate::lines::line_of;

/// Most characters of a source line that are shown: what fits a terminal with the indentation.
const MAX_SHOWN: usize = 110;

/// The file is not Python 2.7 (or exceeds a limit of [`crate::limits`]).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {message}", pos.line, pos.column + 1)]
pub struct SyntaxError {
    /// Where.
    pub pos: Pos,
    /// The rule, in one line without a full stop.
    pub message: Box<str>,
    /// The same in the words of CPython 2.7, which the original passes on.
    python: InPython,
}

/// What CPython's parser raises: the class, `str()` of it, and whether that names a line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct InPython {
    class: &'static str,
    text: Cow<'static, str>,
    line: Option<u32>,
}

impl SyntaxError {
    /// A complaint about the token or character at `pos`; in CPython an invalid syntax on that line.
    pub fn new(pos: Pos, message: impl Into<Box<str>>) -> Self {
        Self {
            pos,
            message: message.into(),
            python: InPython {
                class: "SyntaxError",
                text: Cow::Borrowed("invalid syntax"),
                line: Some(pos.line),
            },
        }
    }

    /// The same, for which CPython has a text of its own.
    #[must_use]
    pub(crate) fn in_python(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.python.text = text.into();
        self
    }

    /// The same, which CPython finds in the finished tree, where it knows no line any more.
    #[must_use]
    pub(crate) fn without_line(mut self) -> Self {
        self.python.line = None;
        self
    }

    /// The same, which CPython finds on this line.
    #[must_use]
    pub(crate) fn on_line(mut self, line: u32) -> Self {
        self.python.line = Some(line);
        self
    }

    /// The same, of another class than SyntaxError.
    #[must_use]
    pub(crate) fn of_class(mut self, class: &'static str) -> Self {
        self.python.class = class;
        self
    }

    /// Class and text as the original's safety check reports them: `<type 'exceptions.SyntaxError'> invalid syntax
    /// (line 4)`.
    pub fn as_reported(&self) -> String {
        let InPython { class, text, line } = &self.python;
        let line = line.map_or_else(String::new, |line| format!(" (line {line})"));
        format!("<type 'exceptions.{class}'> {text}{line}")
    }
}

/// `file:line:column: kind: message`, then the line itself with a caret below the place.
///
/// `bytes` are the file's raw bytes. Columns are shown from 1. The result ends without a newline.
pub fn render(file: &str, bytes: &[u8], pos: Pos, kind: &str, message: &str) -> String {
    let mut shown = format!("{file}:{}:{}: {kind}: {message}", pos.line, pos.column + 1);
    let (line, caret) = excerpt(&line_of(bytes, pos.line), pos.column as usize);
    if !line.is_empty() {
        shown.push_str("\n    ");
        shown.push_str(&line);
        shown.push_str("\n    ");
        shown.extend(std::iter::repeat_n(' ', caret));
        shown.push('^');
    }
    shown
}

/// The part of `line` around byte `column` as printable characters, and at which of them the place is.
fn excerpt(line: &[u8], column: usize) -> (String, usize) {
    let (before, after) = line.split_at(column.min(line.len()));
    let mut shown: Vec<char> = printable(before);
    let mut caret = shown.len();
    shown.extend(printable(after));
    let indent = shown
        .iter()
        .take_while(|&&character| character == ' ')
        .count()
        .min(caret);
    shown.drain(..indent);
    caret -= indent;
    if caret > MAX_SHOWN / 2 {
        let cut = caret - MAX_SHOWN / 2;
        shown.drain(..cut);
        caret -= cut;
    }
    shown.truncate(MAX_SHOWN);
    while shown.last() == Some(&' ') {
        shown.pop();
    }
    (shown.into_iter().collect(), caret)
}

/// Control characters could change the terminal, so they are shown as spaces.
fn printable(bytes: &[u8]) -> Vec<char> {
    let replace = |character: char| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    };
    String::from_utf8_lossy(bytes)
        .chars()
        .map(replace)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_below_the_place() {
        let shown = render(
            "a.r2py",
            b"x = 1\n\ty = import\n",
            Pos { line: 2, column: 5 },
            "syntax error",
            "no",
        );
        assert_eq!(
            shown,
            "a.r2py:2:6: syntax error: no\n    y = import\n        ^"
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_place_and_control_characters_do_not_reach_the_terminal() {
        let mut line = vec![b'a'; 500];
        line.extend(b"\x1b[31m?");
        let shown = render(
            "f",
            &line,
            Pos {
                line: 1,
                column: 505,
            },
            "e",
            "m",
        );
        assert!(!shown.contains('\u{1b}'), "{shown}");
        let lines: Vec<&str> = shown.lines().collect();
        let caret = lines[2].find('^').expect("a caret");
        assert_eq!(&lines[1][caret..], "?");
        assert!(lines.iter().all(|line| line.len() <= MAX_SHOWN + 4));
    }

    #[test]
    fn a_place_outside_the_file_is_still_rendered() {
        assert_eq!(
            render("f", b"", Pos { line: 7, column: 9 }, "e", "m"),
            "f:7:10: e: m"
        );
    }
}
