//! Bytes to tokens, exactly as CPython 2.7 cuts them: indentation, continuation lines, brackets, string and number
//! shapes. What a string or number literal means is `literal`'s business.

use crate::ast::Pos;
use crate::limits::MAX_INDENTS;
use crate::syntax_error::SyntaxError;
use crate::token::{Kind, Token};

/// Columns from one tab stop to the next, until a comment says otherwise.
const TAB_SIZE: usize = 8;

/// How much of a comment is searched for a tab size, as in CPython.
const TAB_COMMENT_BYTES: usize = 78;

/// Cuts one source into tokens, one at a time.
pub(crate) struct Lexer<'source> {
    /// Normalised: no null bytes, ends with a newline unless empty.
    text: &'source [u8],
    at: usize,
    line: u32,
    line_start: usize,
    at_line_start: bool,
    /// Columns of the open blocks; the outermost, 0, is implied.
    indents: Vec<usize>,
    /// Dedents found but not yet handed out.
    pending_dedents: usize,
    pending_indent: bool,
    /// The open brackets, outermost first. The parser's depth limit bounds them.
    brackets: Vec<Pos>,
    tab_size: usize,
    /// The kind of the last token, to end the last line if a backslash before the end of the file hid its newline.
    last: Kind,
    /// Set by `from __future__ import print_function`.
    print_is_name: bool,
}

type Result<T> = std::result::Result<T, SyntaxError>;

impl<'source> Lexer<'source> {
    pub(crate) fn new(text: &'source [u8]) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
            line_start: 0,
            at_line_start: true,
            indents: Vec::new(),
            pending_dedents: 0,
            pending_indent: false,
            brackets: Vec::new(),
            tab_size: TAB_SIZE,
            last: Kind::Newline,
            print_is_name: false,
        }
    }

    /// The line of the innermost bracket that is still open.
    pub(crate) fn open_bracket_line(&self) -> Option<u32> {
        self.brackets.last().map(|open| open.line)
    }

    /// From here on `print` is a name like any other.
    pub(crate) fn make_print_a_name(&mut self) {
        self.print_is_name = true;
    }

    /// The next token; `End` again and again after the last.
    pub(crate) fn next(&mut self) -> Result<Token> {
        let token = self.cut()?;
        self.last = token.kind;
        Ok(token)
    }

    fn cut(&mut self) -> Result<Token> {
        loop {
            let mut blank = false;
            if self.at_line_start {
                self.at_line_start = false;
                blank = self.indentation()?;
            }
            if self.pending_dedents > 0 {
                self.pending_dedents -= 1;
                return Ok(self.token_here(Kind::Dedent));
            }
            if self.pending_indent {
                self.pending_indent = false;
                return Ok(self.token_here(Kind::Indent));
            }
            match self.within_line(blank)? {
                Some(token) => return Ok(token),
                None => continue,
            }
        }
    }

    fn peek(&self) -> u8 {
        self.peek_at(0)
    }

    /// The byte `ahead` of here; 0, which no source contains, at the end.
    fn peek_at(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    fn pos_of(&self, offset: usize) -> Pos {
        Pos {
            line: self.line,
            column: u32::try_from(offset.saturating_sub(self.line_start)).unwrap_or(u32::MAX),
        }
    }

    fn token_here(&self, kind: Kind) -> Token {
        Token {
            kind,
            start: self.at,
            end: self.at,
            pos: self.pos_of(self.at),
        }
    }

    fn error_here(&self, message: impl Into<Box<str>>) -> SyntaxError {
        SyntaxError::new(self.pos_of(self.at), message)
    }

    /// The number of the file's last line.
    fn last_line(&self) -> u32 {
        match self.at == self.line_start {
            true => self.line.saturating_sub(1).max(1),
            false => self.line,
        }
    }

    /// Steps over a newline byte.
    fn newline(&mut self) {
        self.at += 1;
        self.line += 1;
        self.line_start = self.at;
    }

    /// Measures the indentation and compares it with the open blocks; tells whether the line is blank.
    fn indentation(&mut self) -> Result<bool> {
        let mut column = 0;
        loop {
            match self.peek() {
                b' ' => column += 1,
                b'\t' => column = (column / self.tab_size + 1) * self.tab_size,
                0x0c => column = 0,
                _ => break,
            }
            self.at += 1;
        }
        if matches!(self.peek(), b'#' | b'\n') {
            return Ok(true);
        }
        if !self.brackets.is_empty() {
            return Ok(false);
        }
        let current = self.indents.last().copied().unwrap_or(0);
        if column > current {
            if self.indents.len() + 1 >= MAX_INDENTS {
                return Err(self.error_here(format!(
                    "blocks are nested more than {} deep",
                    MAX_INDENTS - 1
                )));
            }
            self.indents.push(column);
            self.pending_indent = true;
        } else if column < current {
            while self.indents.last().is_some_and(|&open| column < open) {
                self.indents.pop();
                self.pending_dedents += 1;
            }
            if self.indents.last().copied().unwrap_or(0) != column {
                let what = "unindent does not match any outer indentation level";
                return Err(self
                    .error_here(what)
                    .of_class("IndentationError")
                    .in_python(what));
            }
        }
        Ok(false)
    }

    /// The next token after the indentation, or nothing if the line ended without one.
    fn within_line(&mut self, blank: bool) -> Result<Option<Token>> {
        loop {
            while matches!(self.peek(), b' ' | b'\t' | 0x0c) {
                self.at += 1;
            }
            match self.peek() {
                b'#' => self.comment(),
                b'\\' => {
                    if self.peek_at(1) != b'\n' {
                        self.at += 1;
                        let what = "unexpected character after line continuation character";
                        return Err(self.error_here(what).in_python(what));
                    }
                    self.at += 1;
                    self.newline();
                }
                _ => break,
            }
        }
        if self.at_end() {
            return self.end().map(Some);
        }
        let byte = self.peek();
        if byte == b'\n' {
            let token = Token {
                end: self.at + 1,
                ..self.token_here(Kind::Newline)
            };
            self.newline();
            self.at_line_start = true;
            return Ok((!blank && self.brackets.is_empty()).then_some(token));
        }
        let start = self.at;
        let pos = self.pos_of(start);
        let kind = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(pos)?,
            b'0'..=b'9' => self.number()?,
            b'.' if self.peek_at(1).is_ascii_digit() => self.number()?,
            b'\'' | b'"' => self.string(pos)?,
            _ => self.mark()?,
        };
        Ok(Some(Token {
            kind,
            start,
            end: self.at,
            pos,
        }))
    }

    /// What stands at the end of the file: the end of an unfinished line and of its blocks, then the end itself.
    fn end(&mut self) -> Result<Token> {
        if let Some(&open) = self.brackets.last() {
            return Err(
                SyntaxError::new(open, "this bracket is never closed").on_line(self.last_line())
            );
        }
        if matches!(self.last, Kind::Newline | Kind::Dedent | Kind::End) {
            return Ok(self.token_here(Kind::End));
        }
        self.pending_dedents = self.indents.len();
        self.indents.clear();
        Ok(self.token_here(Kind::Newline))
    }

    /// Skips a comment; one such as `# vim:ts=4` sets the tab size for the lines that follow.
    fn comment(&mut self) {
        let rest = self.text.get(self.at + 1..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|&byte| byte == b'\n')
            .unwrap_or(rest.len());
        let text = rest
            .get(..length.min(TAB_COMMENT_BYTES))
            .unwrap_or_default();
        for form in ["tab-width:", ":tabstop=", ":ts=", "set tabsize="] {
            if let Some(found) = text
                .windows(form.len())
                .position(|window| window == form.as_bytes())
            {
                let size = leading_number(text.get(found + form.len()..).unwrap_or_default());
                if (1..=40).contains(&size) {
                    self.tab_size = size;
                }
            }
        }
        self.at += 1 + length;
    }

    /// A name, a keyword, or a string with a prefix.
    fn word(&mut self, pos: Pos) -> Result<Kind> {
        let prefix = match (
            self.peek().to_ascii_lowercase(),
            self.peek_at(1).to_ascii_lowercase(),
        ) {
            (b'b' | b'u', b'r') => 2,
            (b'b' | b'u' | b'r', _) => 1,
            _ => 0,
        };
        if prefix > 0 && matches!(self.peek_at(prefix), b'\'' | b'"') {
            self.at += prefix;
            return self.string(pos);
        }
        let start = self.at;
        while self.peek().is_ascii_alphanumeric() || self.peek() == b'_' {
            self.at += 1;
        }
        let word = self.text.get(start..self.at).unwrap_or_default();
        Ok(match Kind::keyword(word) {
            Some(Kind::Print) if self.print_is_name => Kind::Name,
            Some(keyword) => keyword,
            None => Kind::Name,
        })
    }

    /// A string from its first quote on.
    fn string(&mut self, pos: Pos) -> Result<Kind> {
        let quote = self.peek();
        let triple = self.peek_at(1) == quote && self.peek_at(2) == quote;
        self.at += if triple { 3 } else { 1 };
        loop {
            if self.at_end() {
                let what = if triple {
                    SyntaxError::new(pos, "this triple-quoted string is never closed")
                        .in_python("EOF while scanning triple-quoted string literal")
                        .on_line(self.last_line())
                } else {
                    never_closed(pos)
                };
                return Err(what);
            }
            match self.peek() {
                b'\n' if !triple => return Err(never_closed(pos)),
                b'\n' => self.newline(),
                b'\\' => {
                    self.at += 1;
                    if self.peek() == b'\n' {
                        self.newline();
                    } else {
                        self.at += 1;
                    }
                }
                byte if byte == quote => {
                    if !triple {
                        self.at += 1;
                        return Ok(Kind::String);
                    }
                    if self.peek_at(1) == quote && self.peek_at(2) == quote {
                        self.at += 3;
                        return Ok(Kind::String);
                    }
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
    }

    fn digits(&mut self, is_digit: fn(&u8) -> bool) {
        while is_digit(&self.peek()) {
            self.at += 1;
        }
    }

    fn number(&mut self) -> Result<Kind> {
        if self.peek() == b'0' {
            let is_digit: Option<fn(&u8) -> bool> = match self.peek_at(1) {
                b'x' | b'X' => Some(u8::is_ascii_hexdigit),
                b'o' | b'O' => Some(is_octal),
                b'b' | b'B' => Some(|byte| matches!(byte, b'0' | b'1')),
                _ => None,
            };
            if let Some(is_digit) = is_digit {
                self.at += 2;
                if !is_digit(&self.peek()) {
                    return Err(self
                        .error_here("a digit is missing after the base prefix of this number")
                        .in_python("invalid token"));
                }
                self.digits(is_digit);
                self.long_suffix();
                return Ok(Kind::Number);
            }
            self.digits(is_octal);
            let octal_end = self.at;
            self.digits(u8::is_ascii_digit);
            if !matches!(self.peek(), b'.' | b'e' | b'E' | b'j' | b'J') {
                if self.at > octal_end {
                    self.at = octal_end;
                    return Err(self
                        .error_here("a number that begins with 0 is octal: its digits are 0 to 7")
                        .in_python("invalid token"));
                }
                self.long_suffix();
                return Ok(Kind::Number);
            }
        } else {
            self.digits(u8::is_ascii_digit);
            if self.long_suffix() {
                return Ok(Kind::Number);
            }
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits(u8::is_ascii_digit);
        }
        if matches!(self.peek(), b'e' | b'E') {
            let signed = matches!(self.peek_at(1), b'+' | b'-');
            let digit = if signed { 2 } else { 1 };
            if self.peek_at(digit).is_ascii_digit() {
                self.at += digit;
                self.digits(u8::is_ascii_digit);
            } else if signed {
                return Err(self
                    .error_here("a digit is missing in the exponent of this number")
                    .in_python("invalid token"));
            } else {
                // `1else`: the number ends before the e.
                return Ok(Kind::Number);
            }
        }
        if matches!(self.peek(), b'j' | b'J') {
            self.at += 1;
        }
        Ok(Kind::Number)
    }

    fn long_suffix(&mut self) -> bool {
        let found = matches!(self.peek(), b'l' | b'L');
        self.at += usize::from(found);
        found
    }

    fn mark(&mut self) -> Result<Kind> {
        for length in [3, 2, 1] {
            let sign = self.text.get(self.at..self.at + length).unwrap_or_default();
            let Some(kind) = Kind::mark(sign) else {
                continue;
            };
            match kind {
                Kind::LeftParen | Kind::LeftBracket | Kind::LeftBrace => {
                    self.brackets.push(self.pos_of(self.at))
                }
                // A bracket too many, or of another shape, is the parser's to refuse.
                Kind::RightParen | Kind::RightBracket | Kind::RightBrace => {
                    self.brackets.pop();
                }
                _ => {}
            }
            self.at += length;
            return Ok(kind);
        }
        Err(match self.peek() {
            0x80.. => {
                self.error_here("a character outside ASCII may stand only in strings and comments")
            }
            byte @ 0x20..=0x7e => self.error_here(format!(
                "invalid syntax: {:?} means nothing here",
                char::from(byte)
            )),
            byte => self.error_here(format!("invalid syntax: control character 0x{byte:02x}")),
        })
    }
}

fn never_closed(pos: Pos) -> SyntaxError {
    SyntaxError::new(pos, "this string is not closed on its line")
        .in_python("EOL while scanning string literal")
}

fn is_octal(byte: &u8) -> bool {
    matches!(byte, b'0'..=b'7')
}

/// C's `atoi`, saturating.
fn leading_number(text: &[u8]) -> usize {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix(b"+").unwrap_or(text);
    text.iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0usize, |number, byte| {
            number
                .saturating_mul(10)
                .saturating_add(usize::from(byte - b'0'))
        })
}

#[cfg(test)]
mod tests;
