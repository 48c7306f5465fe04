//! A document, from its first character to its last: whether it is well-formed, and what its elements say.
//!
//! The grammar is `quick-xml`'s. Here are the bounds, what it leaves to its users (one root with nothing around it,
//! names, references), and the words and places of Python's parser for the mistakes that clients really make.

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::encoding;
use super::error::{DEPTH_MAX, ELEMENTS_MAX, INVALID, XmlError};
use super::unmarshaller::{Document, Unmarshaller};

/// Reads a body.
pub(super) fn read(body: &[u8]) -> Result<Document, XmlError> {
    let text = encoding::decode(body)?;
    let mut walk = Walk {
        text: &text,
        at: 0,
        depth: 0,
        elements: 0,
        unmarshaller: Unmarshaller::default(),
    };
    let mut reader = Reader::from_str(&text);
    reader.config_mut().expand_empty_elements = true;
    loop {
        walk.at = offset(reader.buffer_position());
        let event = reader.read_event().map_err(|error| {
            let at = offset(reader.error_position());
            XmlError::at(words(&error), &text, at)
        })?;
        if matches!(event, Event::Eof) {
            return walk.finish();
        }
        walk.take(&event)?;
    }
}

/// The text is in memory, so where one is in it fits.
fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

fn words(error: &Error) -> &'static str {
    match error {
        Error::Syntax(_) => "unclosed token",
        Error::IllFormed(IllFormedError::MismatchedEndTag { .. }) => "mismatched tag",
        _ => INVALID,
    }
}

/// Where one is in a document.
struct Walk<'a> {
    text: &'a str,
    /// Where the last event began.
    at: usize,
    depth: usize,
    elements: usize,
    unmarshaller: Unmarshaller,
}

impl Walk<'_> {
    fn mistake(&self, what: &'static str) -> XmlError {
        XmlError::at(what, self.text, self.at)
    }

    fn take(&mut self, event: &Event<'_>) -> Result<(), XmlError> {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => {
                self.depth = self.depth.saturating_sub(1);
                self.unmarshaller.end(tag.name().as_ref())
            }
            Event::Text(text) => self.characters(&text.xml10_content()),
            Event::CData(_) if self.depth == 0 => Err(self.mistake(self.misplaced())),
            Event::CData(text) => self.characters(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let character = self.meaning(reference)?;
                self.characters(&character)
            }
            Event::Decl(_) if self.at > 0 => {
                Err(self.mistake("XML or text declaration not at start of entity"))
            }
            Event::Decl(declaration) => {
                let is_read = declaration.version().is_ok();
                let is_read = is_read && declaration.encoding().is_none_or(|name| name.is_ok());
                is_read
                    .then_some(())
                    .ok_or_else(|| self.mistake("XML declaration not well-formed"))
            }
            Event::DocType(_) => Err(XmlError::DocumentType),
            Event::Empty(_) | Event::Comment(_) | Event::PI(_) | Event::Eof => Ok(()),
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), XmlError> {
        if self.depth == 0 && self.elements > 0 {
            return Err(self.mistake(self.misplaced()));
        }
        let name = tag.name();
        let name: &str = name.as_ref();
        if !is_name(name) || tag.attributes().any(|attribute| attribute.is_err()) {
            return Err(self.mistake(INVALID));
        }
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            return Err(XmlError::TooManyElements);
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(XmlError::TooDeep);
        }
        self.unmarshaller.start(name)
    }

    /// Text inside the root; around it are blanks only.
    fn characters(&mut self, text: &str) -> Result<(), XmlError> {
        if self.depth == 0 {
            let blank = |character| matches!(character, ' ' | '\t' | '\n' | '\r');
            let Some(blanks) = text.find(|character| !blank(character)) else {
                return Ok(());
            };
            self.at += blanks;
            return Err(self.mistake(self.misplaced()));
        }
        if !text.chars().all(is_xml) {
            return Err(self.mistake(INVALID));
        }
        self.unmarshaller.text(text);
        Ok(())
    }

    /// What Python's parser says of what stands outside the root.
    fn misplaced(&self) -> &'static str {
        if self.elements == 0 {
            "syntax error"
        } else {
            "junk after document element"
        }
    }

    /// What a reference stands for.
    fn meaning(&self, reference: &BytesRef<'_>) -> Result<String, XmlError> {
        match reference.resolve_char_ref() {
            Ok(Some(character)) if is_xml(character) => Ok(character.into()),
            Ok(None) => resolve_predefined_entity(reference)
                .map(str::to_owned)
                .ok_or_else(|| self.mistake("undefined entity")),
            _ => Err(self.mistake("reference to invalid character number")),
        }
    }

    /// The end of the document.
    fn finish(self) -> Result<Document, XmlError> {
        if self.depth > 0 || self.elements == 0 {
            return Err(self.mistake("no element found"));
        }
        Ok(self.unmarshaller.finish())
    }
}

/// Whether an element can be named so.
fn is_name(name: &str) -> bool {
    let first = |c: char| c.is_alphabetic() || matches!(c, '_' | ':');
    name.starts_with(first)
        && name
            .chars()
            .all(|c| first(c) || c.is_numeric() || matches!(c, '-' | '.'))
}

/// Whether XML allows a character at all.
fn is_xml(character: char) -> bool {
    let control = character < ' ' && !matches!(character, '\t' | '\n' | '\r');
    !control && !matches!(character, '\u{fffe}' | '\u{ffff}')
}
