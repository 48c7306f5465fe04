//! Documents in the layout of the original. Its bytes (`int` not `i4`, members in a fixed order, line breaks) are what
//! recordings compare; there is nothing in it but text.

use crate::fault::Fault;

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
