//! Values as text: `repr`, `str`, floats, `%` formatting, `str.format`; and searching in byte strings.

pub(crate) mod float_format;
pub(crate) mod format_method;
pub(crate) mod format_spec;
pub(crate) mod percent;
pub(crate) mod repr;
pub(crate) mod search;
