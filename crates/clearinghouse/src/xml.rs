//! XML-RPC documents: read through `dxr` behind bounds of our own, written in the layout of the original.
//!
//! Reading goes twice over a document. The first pass looks at structure only: it bounds nesting and number
//! of elements (`dxr` recurses without a bound, and what comes from outside must not end the process by
//! its depth), refuses document types, and finds out what an XML parser would complain about and where. The
//! second is `dxr`. Writing is our own because the original's bytes (`int` not `i4`, members in a fixed
//! order, line breaks) are what recordings compare; there is nothing in it but text.

use dxr::{MethodCall, MethodResponse, Value};
use quick_xml::Reader;
use quick_xml::errors::{Error as QuickError, IllFormedError, SyntaxError};
use quick_xml::events::Event;
use thiserror::Error;

use crate::fault::Fault;

/// Deepest nesting of elements read. The deepest recorded document has 11 levels.
const DEPTH_MAX: usize = 64;
/// Most elements read. A vessel takes 29; this is room for all that fit in the largest answer.
const ELEMENTS_MAX: usize = 500_000;

/// Why bytes are no XML-RPC document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum XmlError {
    /// No XML; `what` and the place are what Python's parser says of it.
    #[error("no well-formed XML, {what} at line {line}, column {column}")]
    NotWellFormed {
        what: &'static str,
        line: usize,
        column: usize,
    },
    /// XML, but no XML-RPC document of the wanted kind.
    #[error("XML, but no XML-RPC {0}")]
    NotXmlRpc(&'static str),
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

/// Reads a call: its method's name and its parameters.
pub(crate) fn read_call(body: &[u8]) -> Result<(String, Vec<Value>), XmlError> {
    let (text, shape) = shape_of(body)?;
    if shape.root != "methodCall" {
        return Err(XmlError::NotXmlRpc("call"));
    }
    let call = MethodCall::from_xml(text).map_err(|_| XmlError::NotXmlRpc("call"))?;
    Ok((call.name.into_owned(), call.params))
}

/// Reads an answer: a value, or a fault as the server sent it.
pub(crate) fn read_answer(body: &[u8]) -> Result<Result<Value, Fault>, XmlError> {
    let (text, shape) = shape_of(body)?;
    if shape.root != "methodResponse" {
        return Err(XmlError::NotXmlRpc("answer"));
    }
    let Some(fault) = shape.fault else {
        let answer = MethodResponse::from_xml(text).map_err(|_| XmlError::NotXmlRpc("answer"))?;
        return Ok(Ok(answer.value));
    };
    // Not dxr's own FaultResponse: it wants exactly two members in one order, servers differ there.
    let value = text
        .get(fault)
        .and_then(|inner| Value::from_xml(inner.trim()).ok());
    let Some(Value::Struct(members)) = value else {
        return Err(XmlError::NotXmlRpc("fault"));
    };
    match (members.get("faultCode"), members.get("faultString")) {
        (Some(Value::Integer(code)), Some(Value::String(text))) => {
            Ok(Err(Fault::new(*code, text.clone())))
        }
        _ => Err(XmlError::NotXmlRpc("fault")),
    }
}

/// What the first pass finds out.
struct Shape {
    root: String,
    /// Where the content of the root's child `fault` is, if it has one.
    fault: Option<std::ops::Range<usize>>,
}

fn shape_of(body: &[u8]) -> Result<(&str, Shape), XmlError> {
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => {
            return Err(not_well_formed(
                body,
                error.valid_up_to(),
                "not well-formed (invalid token)",
            ));
        }
    };
    let at = |position: usize, what| not_well_formed(body, position, what);
    let mut reader = Reader::from_str(text);
    let mut root: Option<String> = None;
    let mut fault_from: Option<usize> = None;
    let mut fault = None;
    let (mut depth, mut elements) = (0_usize, 0_usize);
    loop {
        let before = position(reader.buffer_position());
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => {
                let position = position(reader.error_position());
                return Err(structure_error(body, position, before, &error));
            }
        };
        match event {
            Event::Start(ref start) | Event::Empty(ref start) => {
                elements += 1;
                if elements > ELEMENTS_MAX {
                    return Err(XmlError::TooManyElements);
                }
                let name = start.name();
                let name: &str = name.as_ref();
                match (depth, &root) {
                    (0, None) => root = Some(name.to_owned()),
                    (0, Some(_)) => return Err(at(before, "junk after document element")),
                    (1, _) if name == "fault" && fault.is_none() => {
                        fault_from = Some(self::position(reader.buffer_position()));
                    }
                    _ => {}
                }
                if matches!(event, Event::Start(_)) {
                    depth += 1;
                    if depth > DEPTH_MAX {
                        return Err(XmlError::TooDeep);
                    }
                }
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                if depth == 1
                    && let Some(from) = fault_from.take()
                {
                    fault = Some(from..before);
                }
            }
            Event::Text(text) if depth == 0 => {
                let text = text.into_inner();
                if let Some(offset) = text.find(|c: char| !c.is_ascii_whitespace()) {
                    let what = match root {
                        None => "syntax error",
                        Some(_) => "junk after document element",
                    };
                    return Err(at(before + offset, what));
                }
            }
            Event::CData(_) | Event::GeneralRef(_) if depth == 0 => {
                return Err(at(before, "syntax error"));
            }
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Eof => break,
            _ => {}
        }
    }
    match root {
        Some(root) if depth == 0 => Ok((text, Shape { root, fault })),
        _ => Err(at(body.len(), "no element found")),
    }
}

/// Positions in a document fit in memory, so they fit in `usize`.
fn position(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// Says what Python's parser says of the same mistake, as far as the cases are the same.
fn structure_error(body: &[u8], position: usize, before: usize, error: &QuickError) -> XmlError {
    match error {
        QuickError::IllFormed(IllFormedError::MismatchedEndTag { .. }) => {
            // Python's parser points at the name, behind `</`.
            not_well_formed(body, before + 2, "mismatched tag")
        }
        QuickError::IllFormed(IllFormedError::UnmatchedEndTag(_)) => {
            not_well_formed(body, before + 1, "not well-formed (invalid token)")
        }
        QuickError::Syntax(SyntaxError::InvalidBangMarkup) => {
            not_well_formed(body, position, "not well-formed (invalid token)")
        }
        QuickError::Syntax(_) => not_well_formed(body, position, "unclosed token"),
        _ => not_well_formed(body, position, "not well-formed (invalid token)"),
    }
}

fn not_well_formed(body: &[u8], position: usize, what: &'static str) -> XmlError {
    let before = body.get(..position).unwrap_or(body);
    let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|&&b| b != b'\n').count();
    XmlError::NotWellFormed { what, line, column }
}

/// Writes documents in the layout of Python's `xmlrpclib`: a line break after most tags.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    text: String,
}

impl Writer {
    /// Starts a document of that root element.
    fn document(root: &str) -> Self {
        Self {
            text: format!("<?xml version='1.0'?>\n<{root}>\n"),
        }
    }

    /// A call with its parameters.
    pub(crate) fn call(method: &str, parameters: impl FnOnce(&mut Self)) -> String {
        let mut writer = Self::document("methodCall");
        writer.push(&["<methodName>", method, "</methodName>\n<params>\n"]);
        parameters(&mut writer);
        writer.push(&["</params>\n</methodCall>\n"]);
        writer.text
    }

    /// An answer with one value.
    pub(crate) fn answer(value: impl FnOnce(&mut Self)) -> String {
        let mut writer = Self::document("methodResponse");
        writer.push(&["<params>\n"]);
        writer.parameter(value);
        writer.push(&["</params>\n</methodResponse>\n"]);
        writer.text
    }

    /// An answer that is a fault.
    pub(crate) fn fault(fault: &Fault) -> String {
        let mut writer = Self::document("methodResponse");
        writer.push(&["<fault>\n"]);
        writer.structure(|members| {
            members.member("faultCode", |w| w.integer(fault.code));
            members.member("faultString", |w| w.string(&fault.text));
        });
        writer.push(&["</fault>\n</methodResponse>\n"]);
        writer.text
    }

    /// One parameter of a call.
    pub(crate) fn parameter(&mut self, value: impl FnOnce(&mut Self)) {
        self.push(&["<param>\n"]);
        value(self);
        self.push(&["</param>\n"]);
    }

    /// A struct; members stay in the order in which they are written.
    pub(crate) fn structure(&mut self, members: impl FnOnce(&mut Self)) {
        self.push(&["<value><struct>\n"]);
        members(self);
        self.push(&["</struct></value>\n"]);
    }

    /// A member of a struct.
    pub(crate) fn member(&mut self, name: &str, value: impl FnOnce(&mut Self)) {
        self.push(&["<member>\n<name>", name, "</name>\n"]);
        value(self);
        self.push(&["</member>\n"]);
    }

    /// An array.
    pub(crate) fn array(&mut self, values: impl FnOnce(&mut Self)) {
        self.push(&["<value><array><data>\n"]);
        values(self);
        self.push(&["</data></array></value>\n"]);
    }

    /// A string, escaped as Python does: `&`, `<` and `>` only.
    pub(crate) fn string(&mut self, text: &str) {
        let escaped = text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        self.push(&["<value><string>", &escaped, "</string></value>\n"]);
    }

    /// A whole number.
    pub(crate) fn integer(&mut self, number: i32) {
        self.push(&["<value><int>", &number.to_string(), "</int></value>\n"]);
    }

    /// A truth value.
    pub(crate) fn boolean(&mut self, truth: bool) {
        let digit = if truth { "1" } else { "0" };
        self.push(&["<value><boolean>", digit, "</boolean></value>\n"]);
    }

    fn push(&mut self, parts: &[&str]) {
        for part in parts {
            self.text.push_str(part);
        }
    }
}

#[cfg(test)]
mod tests;
