//! XML-RPC documents: read through `dxr` behind bounds of our own, written in the layout of the original.
//!
//! Reading goes twice over a document. The first pass looks at its form only: it bounds nesting and number
//! of elements (`dxr` recurses without a bound, and what comes from outside must not end the process by
//! its depth), refuses document types, and finds out what Python would complain about and where (`scanner`,
//! `shape`). The second is `dxr`. Writing is our own because the original's bytes (`int` not `i4`, members in a fixed
//! order, line breaks) are what recordings compare; there is nothing in it but text.

mod outside;
mod scanner;
mod shape;

use std::borrow::Cow;

use dxr::{MethodCall, MethodResponse, Value};
use thiserror::Error;

use crate::fault::Fault;
use shape::{DEPTH_MAX, ELEMENTS_MAX, Shape};

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
    /// XML-RPC with something in it of which Python's library makes no value, in its words.
    #[error("XML-RPC with an unreadable value, {0}")]
    NoValue(String),
    /// Declares an encoding that is not read here.
    #[error("in the encoding {0}, which is not read here; use UTF-8")]
    Encoding(String),
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
    let (text, shape) = outline(body)?;
    if shape.root != "methodCall" {
        return Err(XmlError::NotXmlRpc("call"));
    }
    let call = MethodCall::from_xml(&text).map_err(|_| XmlError::NotXmlRpc("call"))?;
    Ok((call.name.into_owned(), call.params))
}

/// Reads an answer: a value, or a fault as the server sent it.
pub(crate) fn read_answer(body: &[u8]) -> Result<Result<Value, Fault>, XmlError> {
    let (text, shape) = outline(body)?;
    if shape.root != "methodResponse" {
        return Err(XmlError::NotXmlRpc("answer"));
    }
    let Some(fault) = shape.fault else {
        let answer = MethodResponse::from_xml(&text).map_err(|_| XmlError::NotXmlRpc("answer"))?;
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

/// The text of a document, and its outline once it is known to be well-formed and within bounds.
fn outline(body: &[u8]) -> Result<(Cow<'_, str>, Outline), XmlError> {
    let bytes = decode(body)?;
    let mut shape = Shape::of(&bytes);
    let scanned = scanner::scan(&bytes, &mut shape);
    let (root, fault, complaint) = (shape.root, shape.fault, shape.complaint);
    // Python reads values as it goes: what it refuses comes before a mistake further on.
    match (scanned, complaint) {
        (Err(XmlError::NotWellFormed { .. }) | Ok(()), Some(words)) => {
            return Err(XmlError::NoValue(words));
        }
        (scanned, _) => scanned?,
    }
    let text = match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).ok(),
        Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).ok(),
    };
    // What was scanned character by character is UTF-8.
    let text = text.ok_or(XmlError::NotXmlRpc("document"))?;
    Ok((text, Outline { root, fault }))
}

/// What is known of a document before its values are read.
struct Outline {
    root: String,
    fault: Option<std::ops::Range<usize>>,
}

/// A body as UTF-8, from the encodings that Python's parser knows by itself.
fn decode(body: &[u8]) -> Result<Cow<'_, [u8]>, XmlError> {
    let unit = match body {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return decode_declared(body),
    };
    let units = body.chunks_exact(2).filter_map(|pair| pair.try_into().ok());
    let text: String = char::decode_utf16(units.map(unit).skip(1))
        // Half a character is none of XML's, and is refused as such.
        .map(|character| character.unwrap_or('\u{ffff}'))
        .collect();
    Ok(Cow::Owned(text.into_bytes()))
}

fn decode_declared(body: &[u8]) -> Result<Cow<'_, [u8]>, XmlError> {
    let Some(encoding) = scanner::declared_encoding(body) else {
        return Ok(Cow::Borrowed(body));
    };
    match encoding.to_ascii_lowercase().as_str() {
        "utf-8" => Ok(Cow::Borrowed(body)),
        "us-ascii" => {
            // A byte that is no ASCII is none of XML's either.
            let ascii = |&byte: &u8| if byte.is_ascii() { byte } else { 0xff };
            Ok(Cow::Owned(body.iter().map(ascii).collect()))
        }
        "iso-8859-1" | "latin-1" | "latin1" => {
            let text: String = body.iter().copied().map(char::from).collect();
            Ok(Cow::Owned(text.into_bytes()))
        }
        _ => Err(XmlError::Encoding(encoding.to_owned())),
    }
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
