//! The outline of a document: what its root is, where a fault stands in it, and what Python 2's XML-RPC
//! library would complain about. Bounds are enforced here, before anything recurses over the document.

use std::ops::Range;

use super::XmlError;
use super::scanner::Listener;

/// Deepest nesting of elements read. The deepest recorded document has 11 levels.
pub(super) const DEPTH_MAX: usize = 64;
/// Most elements read. A vessel takes 29; this is room for all that fit in the largest answer.
pub(super) const ELEMENTS_MAX: usize = 500_000;

/// What may stand in a value, by Python's library.
const KNOWN_IN_VALUE: [&str; 16] = [
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

/// The outline of a document.
pub(super) struct Shape<'a> {
    bytes: &'a [u8],
    depth: usize,
    elements: usize,
    /// The root's name.
    pub(super) root: String,
    /// Where the content of the root's child `fault` is, if it has one.
    pub(super) fault: Option<Range<usize>>,
    fault_from: Option<usize>,
    /// Whether the last tag was the start of a value.
    in_value: bool,
    /// Where the last started element's content begins.
    content_from: usize,
    /// The first thing that Python's library refuses, in its words.
    pub(super) complaint: Option<String>,
}

impl<'a> Shape<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            depth: 0,
            elements: 0,
            root: String::new(),
            fault: None,
            fault_from: None,
            in_value: false,
            content_from: 0,
            complaint: None,
        }
    }

    fn complain(&mut self, words: Option<String>) {
        if self.complaint.is_none() {
            self.complaint = words;
        }
    }
}

impl Listener for Shape<'_> {
    fn start(&mut self, name: &str, content: usize) -> Result<(), XmlError> {
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            return Err(XmlError::TooManyElements);
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(XmlError::TooDeep);
        }
        if self.depth == 1 {
            name.clone_into(&mut self.root);
        }
        if self.depth == 2 && name == "fault" && self.fault.is_none() {
            self.fault_from = Some(content);
        }
        if self.in_value && !KNOWN_IN_VALUE.contains(&name) {
            let name = as_python_shows(name);
            self.complain(Some(format!(
                "<class 'xmlrpclib.ResponseError'>:ResponseError(\"unknown tag u'{name}'\",)"
            )));
        }
        self.in_value = name == "value";
        self.content_from = content;
        Ok(())
    }

    fn end(&mut self, name: &str, content: usize) -> Result<(), XmlError> {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 1
            && let Some(from) = self.fault_from.take()
        {
            self.fault = Some(from..content);
        }
        let text = self.bytes.get(self.content_from..content);
        if let Some(words) = text.and_then(|text| refusal_of_scalar(name, text)) {
            self.complain(Some(words));
        }
        if KNOWN_IN_VALUE.contains(&name) {
            self.in_value = false;
        }
        Ok(())
    }
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

/// Why Python makes no value of a scalar's text, in its words; `None` when it does, or when the text is
/// too odd to be repeated.
fn refusal_of_scalar(name: &str, text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let plain = |c: char| (' '..='~').contains(&c) && !matches!(c, '<' | '&' | '\'' | '\\');
    if !text.chars().all(plain) {
        return None;
    }
    let trimmed = text.trim_matches(' ');
    match name {
        "boolean" if !matches!(text, "0" | "1") => {
            Some("<type 'exceptions.TypeError'>:bad boolean value".to_owned())
        }
        "int" | "i4" | "i8" => {
            let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
            let digits = digits.trim_start_matches(' ');
            let whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            (!whole).then(|| {
                format!(
                    "<type 'exceptions.ValueError'>:invalid literal for int() with base 10: '{text}'"
                )
            })
        }
        // Rust's grammar of floats is Python's, without the blanks around.
        "double" if trimmed.parse::<f64>().is_err() => {
            let unsigned = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
            let mantissa = unsigned.strip_prefix('.').unwrap_or(unsigned);
            let lower = unsigned.to_ascii_lowercase();
            let begins = mantissa.starts_with(|c: char| c.is_ascii_digit())
                || lower.starts_with("inf")
                || lower.starts_with("nan");
            let what = if begins {
                "invalid literal for float()"
            } else {
                "could not convert string to float"
            };
            Some(format!("<type 'exceptions.ValueError'>:{what}: {text}"))
        }
        _ => None,
    }
}
