//! Values from the elements of a document, as Python 2's `xmlrpclib.Unmarshaller` makes them.
//!
//! It is a machine with a stack that asks nothing of the elements around values, so clients of any language may be a
//! little wrong: a value directly under `params`, a member without a name's text, blanks anywhere. What it refuses is
//! refused here in its words, which the original's server answers. Whether a document is well-formed is the reader's.

use std::collections::BTreeMap;

use super::error::XmlError;
use super::value::RpcValue;

/// The elements that mean something.
const MEANINGFUL: [&str; 16] = [
    "nil",
    "boolean",
    "i4",
    "i8",
    "int",
    "double",
    "string",
    "name",
    "array",
    "struct",
    "base64",
    "dateTime.iso8601",
    "value",
    "params",
    "fault",
    "methodName",
];

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DocumentKind {
    /// A call or an answer.
    Values,
    /// An answer that is a fault.
    Fault,
}

/// What a document says.
#[derive(Debug)]
pub(super) struct Document {
    /// What it is; `None` when it is no XML-RPC at all.
    pub(super) kind: Option<DocumentKind>,
    /// The name of the method to call, if it has one.
    pub(super) method: Option<String>,
    /// Its outermost values.
    pub(super) values: Vec<RpcValue>,
}

/// Makes values of elements.
#[derive(Debug, Default)]
pub(super) struct Unmarshaller {
    kind: Option<DocumentKind>,
    method: Option<String>,
    stack: Vec<RpcValue>,
    /// Where on the stack the open arrays and structs begin.
    marks: Vec<usize>,
    /// The text since the last start of an element.
    text: String,
    /// Whether the last tag was the start of a value.
    in_value: bool,
}

impl Unmarshaller {
    /// An element starts.
    pub(super) fn start(&mut self, name: &str) -> Result<(), XmlError> {
        if matches!(name, "array" | "struct") {
            self.marks.push(self.stack.len());
        }
        self.text.clear();
        if self.in_value && !MEANINGFUL.contains(&name) {
            let name = as_python_shows(name);
            return Err(refused(
                "<class 'xmlrpclib.ResponseError'>",
                &format!("ResponseError(\"unknown tag u'{name}'\",)"),
            ));
        }
        self.in_value = name == "value";
        Ok(())
    }

    /// A piece of text.
    pub(super) fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// The innermost element ends. Its text is taken: Python gives it to the elements around as well, which only
    /// multiplies it.
    pub(super) fn end(&mut self, name: &str) -> Result<(), XmlError> {
        match name {
            // A value that has had its own element.
            "value" if !self.in_value => {}
            "params" => self.kind = Some(DocumentKind::Values),
            "fault" => self.kind = Some(DocumentKind::Fault),
            "methodName" => {
                self.kind = Some(DocumentKind::Values);
                self.method = Some(std::mem::take(&mut self.text));
            }
            _ if MEANINGFUL.contains(&name) => {
                let value = self.value(name)?;
                self.stack.push(value);
                self.in_value = false;
            }
            _ => {}
        }
        Ok(())
    }

    /// The value of an element that ends.
    fn value(&mut self, name: &str) -> Result<RpcValue, XmlError> {
        let text = std::mem::take(&mut self.text);
        Ok(match name {
            "nil" => RpcValue::Nil,
            "boolean" => match text.as_str() {
                "0" => RpcValue::Boolean(false),
                "1" => RpcValue::Boolean(true),
                _ => {
                    return Err(refused(
                        "<type 'exceptions.TypeError'>",
                        "bad boolean value",
                    ));
                }
            },
            "int" | "i4" | "i8" => RpcValue::Integer(integer(&text)?),
            "double" => RpcValue::Double(double(&text)?),
            "dateTime.iso8601" | "base64" if !text.is_ascii() => return Err(no_words()),
            "dateTime.iso8601" => RpcValue::DateTime,
            "base64" if is_base64(&text) => RpcValue::Base64,
            "base64" => return Err(refused("<class 'binascii.Error'>", "Incorrect padding")),
            "array" => RpcValue::Array(self.since_mark()),
            "struct" => RpcValue::Struct(members(self.since_mark())?),
            // `string`, `name`, and `value` with nothing in it but text.
            _ => RpcValue::String(text),
        })
    }

    /// The values since the innermost open array or struct began.
    fn since_mark(&mut self) -> Vec<RpcValue> {
        // A well-formed document ends only what it has started.
        let mark = self.marks.pop().unwrap_or_default();
        self.stack.split_off(mark.min(self.stack.len()))
    }

    /// The end of the document.
    pub(super) fn finish(self) -> Document {
        Document {
            kind: self.kind,
            method: self.method,
            values: self.stack,
        }
    }
}

/// Names and values by turns.
fn members(items: Vec<RpcValue>) -> Result<BTreeMap<String, RpcValue>, XmlError> {
    let mut members = BTreeMap::new();
    let mut items = items.into_iter();
    while let Some(name) = items.next() {
        let Some(value) = items.next() else {
            let error = "<type 'exceptions.IndexError'>";
            return Err(refused(error, "list index out of range"));
        };
        let RpcValue::String(name) = name else {
            let kind = name.python_type();
            return Err(refused(
                "<type 'exceptions.AttributeError'>",
                &format!("'{kind}' object has no attribute 'encode'"),
            ));
        };
        members.insert(name, value);
    }
    Ok(members)
}

/// What Python's `int()` reads: blanks around, a sign, decimal digits, of any size.
fn integer(text: &str) -> Result<i128, XmlError> {
    let trimmed = text.trim();
    let (is_negative, digits) = match trimmed.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let digits = digits.trim_start();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let what = "invalid literal for int() with base 10: '";
        return Err(unreadable(what, text, "'"));
    }
    let number = digits.parse().unwrap_or(i128::MAX);
    Ok(if is_negative { -number } else { number })
}

/// What Python's `float()` reads: Rust's grammar, with blanks around.
fn double(text: &str) -> Result<f64, XmlError> {
    let trimmed = text.trim();
    trimmed.parse().map_err(|_| {
        let unsigned = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
        let mantissa = unsigned.strip_prefix('.').unwrap_or(unsigned);
        let lower = unsigned.to_ascii_lowercase();
        let begins = mantissa.starts_with(|c: char| c.is_ascii_digit())
            || lower.starts_with("inf")
            || lower.starts_with("nan");
        let what = if begins {
            "invalid literal for float(): "
        } else {
            "could not convert string to float: "
        };
        unreadable(what, text, "")
    })
}

/// A scalar's text of which Python makes no number, shown as it does.
fn unreadable(before: &str, text: &str, after: &str) -> XmlError {
    let plain = |c: char| (' '..='~').contains(&c) && !matches!(c, '\'' | '\\');
    let shown: String = text
        .trim_start()
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .collect();
    if shown.chars().all(plain) {
        let words = format!("{before}{shown}{after}");
        refused("<type 'exceptions.ValueError'>", &words)
    } else {
        no_words()
    }
}

/// Whether Python reads the text as base64: letters of other alphabets are passed over, what follows the padding is not
/// looked at.
fn is_base64(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
    let mut letters = text
        .chars()
        .filter(|&c| is_letter(c) || c == '=')
        .peekable();
    let mut in_group = 0;
    while let Some(letter) = letters.next() {
        if letter != '=' {
            in_group = (in_group + 1) % 4;
        } else if in_group == 3 || (in_group == 2 && letters.peek() == Some(&'=')) {
            return true;
        }
    }
    in_group == 0
}

/// What is refused for a text too odd to be repeated as Python does.
fn no_words() -> XmlError {
    refused("<class 'xmlrpclib.ResponseError'>", "ResponseError()")
}

fn refused(error: &str, words: &str) -> XmlError {
    XmlError::NoValue(format!("{error}:{words}"))
}

/// A name as Python shows it in a text that it shows in turn: escaped, and the escapes escaped.
fn as_python_shows(name: &str) -> String {
    let shown = |c: char| match u32::from(c) {
        0..0x7f => c.to_string(),
        code @ 0x7f..=0xff => format!("\\\\x{code:02x}"),
        code @ 0x100..=0xffff => format!("\\\\u{code:04x}"),
        code => format!("\\\\U{code:08x}"),
    };
    name.chars().map(shown).collect()
}
