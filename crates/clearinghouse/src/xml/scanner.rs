//! Whether bytes are well-formed XML: judged as Python 2's parser (expat) does, with its words for each
//! mistake and the place that it names, since the original's server answers both.
//!
//! Only the form is looked at; what elements mean is left to a [`Listener`], who hears each start and end
//! in order. Nothing is copied, and nothing recurses. Checked against Python 2.7's parser with thousands
//! of damaged documents.

use std::collections::BTreeSet;

use super::XmlError;
use super::outside::Outside;

const INVALID: &str = "not well-formed (invalid token)";
const UNCLOSED: &str = "unclosed token";
const SYNTAX: &str = "syntax error";
const JUNK: &str = "junk after document element";
const NO_ELEMENT: &str = "no element found";
const MISPLACED_DECLARATION: &str = "XML or text declaration not at start of entity";

/// A mistake in a document's form.
#[derive(Debug)]
pub(super) struct Mistake {
    /// The parser's words.
    what: &'static str,
    /// The offset in bytes that it names.
    at: usize,
}

impl Mistake {
    pub(super) fn new(what: &'static str, at: usize) -> Self {
        Self { what, at }
    }

    pub(super) fn invalid(at: usize) -> Self {
        Self::new(INVALID, at)
    }

    fn place(&self, bytes: &[u8]) -> XmlError {
        let (line, column) = place(bytes, self.at);
        XmlError::NotWellFormed {
            what: self.what,
            line,
            column,
        }
    }
}

/// Line from 1 and column from 0 in characters, as expat counts them: each kind of line break is one.
fn place(bytes: &[u8], at: usize) -> (usize, usize) {
    let (mut line, mut column) = (1, 0);
    let mut before = bytes.get(..at).unwrap_or(bytes);
    loop {
        match before {
            [] => return (line, column),
            [b'\r', b'\n', rest @ ..] | [b'\r' | b'\n', rest @ ..] => {
                (line, column) = (line + 1, 0);
                before = rest;
            }
            [byte, rest @ ..] => {
                // Bytes that continue a character are counted with its first.
                column += usize::from(byte & 0xc0 != 0x80);
                before = rest;
            }
        }
    }
}

/// Hears what a document consists of.
pub(super) trait Listener {
    /// An element starts; its content begins at `content`.
    fn start(&mut self, name: &str, content: usize) -> Result<(), XmlError>;
    /// The innermost element ends; its content ended at `content`.
    fn end(&mut self, name: &str, content: usize) -> Result<(), XmlError>;
}

/// Scans a whole document.
pub(super) fn scan(bytes: &[u8], listener: &mut impl Listener) -> Result<(), XmlError> {
    let scanner = Scanner { bytes };
    let located = |mistake: Mistake| mistake.place(bytes);
    let start = if bytes.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    let mut at = start;
    // What stands before the root.
    loop {
        match scanner.outside(at).map_err(located)? {
            Outside::Skip(end) => at = end,
            Outside::Declaration(end) if at == start => {
                scanner.declaration(at + 5, end - 2).map_err(located)?;
                at = end;
            }
            Outside::Declaration(_) => {
                return Err(located(Mistake::new(MISPLACED_DECLARATION, at)));
            }
            Outside::DocumentType => return Err(XmlError::DocumentType),
            Outside::Element => break,
            Outside::End => return Err(located(Mistake::new(NO_ELEMENT, at))),
            Outside::Other => return Err(located(Mistake::new(SYNTAX, at))),
        }
    }
    at = scanner.root(at, listener)?;
    // What stands behind it.
    loop {
        match scanner.outside(at).map_err(located)? {
            Outside::Skip(end) => at = end,
            Outside::End => return Ok(()),
            _ => return Err(located(Mistake::new(JUNK, at))),
        }
    }
}

/// The name of the encoding that a document declares, if it declares one readably.
pub(super) fn declared_encoding(bytes: &[u8]) -> Option<&str> {
    let scanner = Scanner { bytes };
    match scanner.outside(0).ok()? {
        Outside::Declaration(end) => scanner.declaration(5, end - 2).ok()?,
        _ => None,
    }
}

/// One character.
#[derive(Clone, Copy)]
pub(super) struct Symbol {
    pub(super) character: char,
    pub(super) length: usize,
}

impl Symbol {
    pub(super) fn is(self, character: char) -> bool {
        self.character == character
    }

    pub(super) fn is_blank(self) -> bool {
        matches!(self.character, ' ' | '\t' | '\r' | '\n')
    }

    pub(super) fn starts_name(self) -> bool {
        self.character.is_alphabetic() || matches!(self.character, '_' | ':')
    }

    pub(super) fn is_in_name(self) -> bool {
        self.starts_name() || self.character.is_numeric() || matches!(self.character, '-' | '.')
    }
}

/// A start tag.
struct StartTag {
    name_end: usize,
    end: usize,
    empty: bool,
}

pub(super) struct Scanner<'a> {
    pub(super) bytes: &'a [u8],
}

impl<'a> Scanner<'a> {
    /// The character at `at`; `None` at the end.
    pub(super) fn symbol(&self, at: usize, token: usize) -> Result<Option<Symbol>, Mistake> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let Some(&first) = rest.first() else {
            return Ok(None);
        };
        let length = match first {
            0x00..=0x7f => 1,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return Err(Mistake::invalid(at)),
        };
        let Some(bytes) = rest.get(..length) else {
            return Err(Mistake::new("partial character", token));
        };
        let character = std::str::from_utf8(bytes)
            .ok()
            .and_then(|c| c.chars().next());
        match character {
            Some(character) if is_xml(character) => Ok(Some(Symbol { character, length })),
            _ => Err(Mistake::invalid(at)),
        }
    }

    /// The character at `at` inside the token that began at `token`.
    pub(super) fn need(&self, at: usize, token: usize) -> Result<Symbol, Mistake> {
        self.symbol(at, token)?
            .ok_or_else(|| Mistake::new(UNCLOSED, token))
    }

    pub(super) fn expect(
        &self,
        character: char,
        at: usize,
        token: usize,
    ) -> Result<usize, Mistake> {
        let symbol = self.need(at, token)?;
        if symbol.is(character) {
            Ok(at + symbol.length)
        } else {
            Err(Mistake::invalid(at))
        }
    }

    fn blanks(&self, mut at: usize, token: usize) -> Result<usize, Mistake> {
        while self.need(at, token)?.is_blank() {
            at += 1;
        }
        Ok(at)
    }

    /// The end of the name that begins at `at`.
    pub(super) fn name(&self, at: usize, token: usize) -> Result<usize, Mistake> {
        let first = self.need(at, token)?;
        if !first.starts_name() {
            return Err(Mistake::invalid(at));
        }
        let mut end = at + first.length;
        loop {
            let symbol = self.need(end, token)?;
            if !symbol.is_in_name() {
                return Ok(end);
            }
            end += symbol.length;
        }
    }

    pub(super) fn text(&self, from: usize, to: usize) -> &'a str {
        let bytes = self.bytes.get(from..to).unwrap_or_default();
        // Only what was scanned character by character is asked for.
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// The root element; gives where it ends.
    fn root(&self, start: usize, listener: &mut impl Listener) -> Result<usize, XmlError> {
        let located = |mistake: Mistake| mistake.place(self.bytes);
        let mut open: Vec<&str> = Vec::new();
        let mut at = start;
        loop {
            let Some(first) = self.symbol(at, at).map_err(located)? else {
                return Err(located(Mistake::new(NO_ELEMENT, at)));
            };
            match first.character {
                '&' => {
                    let end = self.reference(at, at).map_err(located)?;
                    self.meaning(at, end).map_err(located)?;
                    at = end;
                }
                ']' if self
                    .bytes
                    .get(at..)
                    .is_some_and(|rest| rest.starts_with(b"]]>")) =>
                {
                    return Err(located(Mistake::invalid(at + 2)));
                }
                '<' => match self.need(at + 1, at).map_err(located)?.character {
                    '/' => {
                        let (name, end) = self.end_tag(at).map_err(located)?;
                        if open.last() != Some(&name) {
                            return Err(located(Mistake::new("mismatched tag", at + 2)));
                        }
                        open.pop();
                        listener.end(name, at)?;
                        at = end;
                    }
                    '!' => at = self.marked(at).map_err(located)?,
                    '?' => {
                        let (end, declaration) = self.instruction(at).map_err(located)?;
                        if declaration {
                            return Err(located(Mistake::new(MISPLACED_DECLARATION, at)));
                        }
                        at = end;
                    }
                    _ => {
                        let tag = self.start_tag(at).map_err(located)?;
                        let name = self.text(at + 1, tag.name_end);
                        at = tag.end;
                        listener.start(name, at)?;
                        if tag.empty {
                            listener.end(name, at)?;
                        } else {
                            open.push(name);
                        }
                    }
                },
                _ => at += first.length,
            }
            if open.is_empty() {
                return Ok(at);
            }
        }
    }

    fn start_tag(&self, token: usize) -> Result<StartTag, Mistake> {
        let name_end = self.name(token + 1, token)?;
        let mut at = name_end;
        let mut attributes = Vec::new();
        let (end, empty) = loop {
            let next = self.blanks(at, token)?;
            match self.need(next, token)? {
                symbol if symbol.is('>') => break (next + 1, false),
                symbol if symbol.is('/') => break (self.expect('>', next + 1, token)?, true),
                symbol if symbol.starts_name() && next > at => {}
                _ => return Err(Mistake::invalid(next)),
            }
            let (end, references) = self.attribute(next, token)?;
            attributes.push((next, references));
            at = end;
        };
        // Only now, as expat does: a tag is read whole before it is looked at.
        let mut names = BTreeSet::new();
        for (at, references) in attributes {
            if !names.insert(self.text(at, self.name(at, token)?)) {
                return Err(Mistake::new("duplicate attribute", at));
            }
            for (at, end) in references {
                self.meaning(at, end)?;
            }
        }
        Ok(StartTag {
            name_end,
            end,
            empty,
        })
    }

    /// An attribute; gives where it ends and the references in its value.
    fn attribute(&self, at: usize, token: usize) -> Result<(usize, Vec<(usize, usize)>), Mistake> {
        let equals = self.blanks(self.name(at, token)?, token)?;
        let mut at = self.blanks(self.expect('=', equals, token)?, token)?;
        let quote = self.need(at, token)?;
        if !matches!(quote.character, '"' | '\'') {
            return Err(Mistake::invalid(at));
        }
        at += 1;
        let mut references = Vec::new();
        loop {
            let symbol = self.need(at, token)?;
            match symbol.character {
                '<' => return Err(Mistake::invalid(at)),
                '&' => {
                    let end = self.reference(at, token)?;
                    references.push((at, end));
                    at = end;
                }
                character => {
                    at += symbol.length;
                    if character == quote.character {
                        return Ok((at, references));
                    }
                }
            }
        }
    }

    /// An end tag; gives its name and where it ends.
    fn end_tag(&self, token: usize) -> Result<(&'a str, usize), Mistake> {
        let name_end = self.name(token + 2, token)?;
        let end = self.expect('>', self.blanks(name_end, token)?, token)?;
        Ok((self.text(token + 2, name_end), end))
    }

    /// A comment or a CDATA section inside the root; gives where it ends.
    fn marked(&self, token: usize) -> Result<usize, Mistake> {
        match self.need(token + 2, token)?.character {
            '-' => self.comment(token),
            '[' => self.character_data(token),
            _ => Err(Mistake::invalid(token + 2)),
        }
    }

    pub(super) fn comment(&self, token: usize) -> Result<usize, Mistake> {
        let mut at = self.expect('-', token + 3, token)?;
        loop {
            let symbol = self.need(at, token)?;
            at += symbol.length;
            if symbol.is('-') && self.need(at, token)?.is('-') {
                return self.expect('>', at + 1, token);
            }
        }
    }

    fn character_data(&self, token: usize) -> Result<usize, Mistake> {
        let mut at = token + 3;
        for character in "CDATA[".chars() {
            at = self.expect(character, at, token)?;
        }
        loop {
            let rest = self.bytes.get(at..).unwrap_or_default();
            if rest.starts_with(b"]]>") {
                return Ok(at + 3);
            }
            match self.symbol(at, at)? {
                Some(symbol) if rest != b"]" && rest != b"]]" => at += symbol.length,
                _ => return Err(Mistake::new("unclosed CDATA section", at)),
            }
        }
    }

    /// A processing instruction; gives where it ends, and whether it is the XML declaration.
    pub(super) fn instruction(&self, token: usize) -> Result<(usize, bool), Mistake> {
        let name_end = self.name(token + 2, token)?;
        let next = self.need(name_end, token)?;
        if !next.is_blank() && !next.is('?') {
            return Err(Mistake::invalid(name_end));
        }
        let name = self.text(token + 2, name_end);
        let declaration = name == "xml";
        if !declaration && name.eq_ignore_ascii_case("xml") {
            return Err(Mistake::invalid(name_end));
        }
        if next.is('?') {
            return Ok((self.expect('>', name_end + 1, token)?, declaration));
        }
        let mut at = name_end;
        loop {
            let symbol = self.need(at, token)?;
            at += symbol.length;
            if symbol.is('?') && self.need(at, token)?.is('>') {
                return Ok((at + 1, declaration));
            }
        }
    }

    /// A reference, `&name;` or `&#number;`; gives where it ends.
    fn reference(&self, at: usize, token: usize) -> Result<usize, Mistake> {
        if !self.need(at + 1, token)?.is('#') {
            return self.expect(';', self.name(at + 1, token)?, token);
        }
        let hexadecimal = self.need(at + 2, token)?.is('x');
        let (radix, first) = if hexadecimal {
            (16, at + 3)
        } else {
            (10, at + 2)
        };
        let mut end = first;
        while self.need(end, token)?.character.is_digit(radix) {
            end += 1;
        }
        if end == first {
            return Err(Mistake::invalid(end));
        }
        self.expect(';', end, token)
    }

    /// Whether a reference stands for something.
    fn meaning(&self, at: usize, end: usize) -> Result<(), Mistake> {
        let name = self.text(at + 1, end - 1);
        let number = match (name.strip_prefix("#x"), name.strip_prefix('#')) {
            (Some(digits), _) => u32::from_str_radix(digits, 16),
            (None, Some(digits)) => digits.parse(),
            (None, None) => {
                return match name {
                    "amp" | "lt" | "gt" | "quot" | "apos" => Ok(()),
                    _ => Err(Mistake::new("undefined entity", at)),
                };
            }
        };
        match number.ok().and_then(char::from_u32) {
            Some(character) if is_xml(character) => Ok(()),
            _ => Err(Mistake::new("reference to invalid character number", at)),
        }
    }
}

/// Whether XML allows a character at all.
fn is_xml(character: char) -> bool {
    let control = character < ' ' && !matches!(character, '\t' | '\n' | '\r');
    !control && !matches!(character, '\u{fffe}' | '\u{ffff}')
}
