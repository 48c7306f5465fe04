//! The values of XML-RPC.

use std::collections::BTreeMap;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RpcValue {
    /// `int`, `i4` or `i8`. Python's have no bounds; what is beyond these is as wrong as the largest.
    Integer(i128),
    /// `boolean`.
    Boolean(bool),
    /// `double`.
    Double(f64),
    /// `string`, or text without a type.
    String(String),
    /// `dateTime.iso8601`. No call has one, so what it says is not kept.
    DateTime,
    /// `base64`. No call has it, so what it says is not kept.
    Base64,
    /// `struct`.
    Struct(BTreeMap<String, RpcValue>),
    /// `array`.
    Array(Vec<RpcValue>),
    /// `nil`, an extension that Python's library reads.
    Nil,
}

impl RpcValue {
    /// What it is, in words for an error message.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Integer(_) => "a whole number",
            Self::Boolean(_) => "a truth value",
            Self::Double(_) => "a real number",
            Self::String(_) => "a text",
            Self::DateTime => "a date",
            Self::Base64 => "binary data",
            Self::Struct(_) => "a struct",
            Self::Array(_) => "a list",
            Self::Nil => "nothing",
        }
    }

    /// How Python 2 names the type that its XML-RPC library makes of it.
    pub(crate) fn python_type(&self) -> &'static str {
        match self {
            Self::Integer(number) if i64::try_from(*number).is_ok() => "int",
            Self::Integer(_) => "long",
            Self::Boolean(_) => "bool",
            Self::Double(_) => "float",
            Self::String(text) if text.is_ascii() => "str",
            Self::String(_) => "unicode",
            // Instances of old-style classes.
            Self::DateTime | Self::Base64 => "instance",
            Self::Struct(_) => "dict",
            Self::Array(_) => "list",
            Self::Nil => "NoneType",
        }
    }
}
