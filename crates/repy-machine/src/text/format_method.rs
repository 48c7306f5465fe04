//! `'...{0} {name.attr[key]!r:>8}...'.format(...)`.
//!
//! The original lets this walk attributes the checker refuses. Here an attribute in a field must pass the same
//! rule as in a program, and otherwise does not exist.

use crate::machine::Machine;
use crate::object::exception::{attribute_error, index_error, key_error, value_error};
use crate::object::{Res, Str, Value};
use crate::work;
use overlord_repy_syntax::check::is_safe_name;

/// Deepest nesting of fields in format specifications, as in CPython.
const NESTING: u32 = 2;

struct Fields<'a> {
    positional: &'a [Value],
    keywords: &'a [(Str, Value)],
    /// The next automatic number; None once numbers were given.
    automatic: Option<usize>,
    manual: bool,
}

impl Machine<'_> {
    /// `format.format(*positional, **keywords)`.
    pub(crate) fn format_method(
        &mut self,
        format: &[u8],
        positional: &[Value],
        keywords: &[(Str, Value)],
    ) -> Res<Vec<u8>> {
        let mut fields = Fields {
            positional,
            keywords,
            automatic: Some(0),
            manual: false,
        };
        self.format_fields(format, &mut fields, NESTING)
    }

    fn format_fields(
        &mut self,
        format: &[u8],
        fields: &mut Fields<'_>,
        nesting: u32,
    ) -> Res<Vec<u8>> {
        if nesting == 0 {
            return Err(value_error("Max string recursion exceeded"));
        }
        let mut out = Vec::new();
        let mut at = 0;
        while let Some(&byte) = format.get(at) {
            at += 1;
            match byte {
                b'{' if format.get(at) == Some(&b'{') => {
                    out.push(b'{');
                    at += 1;
                }
                b'}' if format.get(at) == Some(&b'}') => {
                    out.push(b'}');
                    at += 1;
                }
                b'}' => return Err(value_error("Single '}' encountered in format string")),
                b'{' => {
                    if at >= format.len() {
                        return Err(value_error("Single '{' encountered in format string"));
                    }
                    let start = at;
                    let mut depth = 1;
                    while depth > 0 {
                        match format.get(at) {
                            Some(b'{') => depth += 1,
                            Some(b'}') => depth -= 1,
                            None => return Err(value_error("unmatched '{' in format")),
                            _ => {}
                        }
                        at += 1;
                    }
                    let field = format.get(start..at - 1).unwrap_or(&[]);
                    let text = self.format_field(field, fields, nesting)?;
                    crate::memory::extend(&mut out, &text)?;
                }
                other => out.push(other),
            }
        }
        Ok(out)
    }

    fn format_field(
        &mut self,
        field: &[u8],
        fields: &mut Fields<'_>,
        nesting: u32,
    ) -> Res<Vec<u8>> {
        // The name ends at `!` or `:`, except inside brackets.
        let mut depth = 0;
        let end = field.iter().position(|byte| {
            match byte {
                b'[' => depth += 1,
                b']' => depth -= 1,
                _ => {}
            }
            matches!(byte, b'!' | b':') && depth <= 0
        });
        work::spend(1)?;
        let (name, rest) = field.split_at(end.unwrap_or(field.len()));
        let (conversion, spec) = match rest {
            [b'!', conversion, b':', spec @ ..] => (Some(*conversion), spec),
            [b'!', conversion] => (Some(*conversion), &[][..]),
            [b'!'] => {
                return Err(value_error(
                    "end of format while looking for conversion specifier",
                ));
            }
            [b'!', _, ..] => return Err(value_error("expected ':' after format specifier")),
            [b':', spec @ ..] => (None, spec),
            _ => (None, &[][..]),
        };
        let value = self.field_value(name, fields)?;
        let value = match conversion {
            None => value,
            Some(b'r') => Value::from_vec(self.repr_of(&value)?),
            Some(b's') => Value::from_vec(self.str_of(&value)?),
            Some(other) => {
                return Err(value_error(format!(
                    "Unknown conversion specifier {}",
                    other as char
                )));
            }
        };
        let spec = if spec.contains(&b'{') || spec.contains(&b'}') {
            self.format_fields(spec, fields, nesting - 1)?
        } else {
            spec.to_vec()
        };
        self.format_value(&value, &spec)
    }

    fn field_value(&mut self, name: &[u8], fields: &mut Fields<'_>) -> Res {
        let first_end = name
            .iter()
            .position(|byte| matches!(byte, b'.' | b'['))
            .unwrap_or(name.len());
        let (first, mut rest) = name.split_at(first_end);
        let number = if first.is_empty() {
            if fields.manual {
                return Err(value_error(
                    "cannot switch from manual field specification to automatic field numbering",
                ));
            }
            let number = fields.automatic.unwrap_or(0);
            fields.automatic = Some(number + 1);
            Some(number)
        } else if let Some(number) = whole_number(first)? {
            if fields.automatic.is_some_and(|next| next > 0) {
                return Err(value_error(
                    "cannot switch from automatic field numbering to manual field specification",
                ));
            }
            fields.manual = true;
            Some(number)
        } else {
            None
        };
        let mut value = match number {
            Some(number) => fields
                .positional
                .get(number)
                .cloned()
                .ok_or_else(|| index_error("tuple index out of range"))?,
            None => fields
                .keywords
                .iter()
                .find(|(keyword, _)| keyword.as_bytes() == first)
                .map(|(_, value)| value.clone())
                .ok_or_else(|| key_error(Value::bytes(first)))?,
        };
        while let Some((&kind, after)) = rest.split_first() {
            if kind == b'.' {
                let end = after
                    .iter()
                    .position(|byte| matches!(byte, b'.' | b'['))
                    .unwrap_or(after.len());
                let (attr, next) = after.split_at(end);
                if attr.is_empty() {
                    return Err(value_error("Empty attribute in format string"));
                }
                let text = String::from_utf8_lossy(attr).into_owned();
                if !is_safe_name(attr) {
                    let type_name = self.type_name(&value);
                    return Err(attribute_error(format!(
                        "'{type_name}' object has no attribute '{text}'"
                    )));
                }
                let sym = self.names.intern(attr);
                value = self.attr(&value, sym)?;
                rest = next;
            } else if kind == b'[' {
                let Some(end) = after.iter().position(|byte| *byte == b']') else {
                    return Err(value_error("Missing ']' in format string"));
                };
                let (key, next) = after.split_at(end);
                if key.is_empty() {
                    return Err(value_error("Empty attribute in format string"));
                }
                let index = match whole_number(key)? {
                    // A long, which only the message of a missing key shows.
                    Some(number) => Value::long(number.into()),
                    None => Value::bytes(key),
                };
                value = self.subscript(&value, &index)?;
                rest = next.get(1..).unwrap_or(&[]);
                if !matches!(rest.first(), None | Some(b'.' | b'[')) {
                    return Err(value_error(
                        "Only '.' or '[' may follow ']' in format field specifier",
                    ));
                }
            } else {
                return Err(value_error(
                    "Only '.' or '[' may follow ']' in format field specifier",
                ));
            }
        }
        Ok(value)
    }
}

fn whole_number(text: &[u8]) -> Res<Option<usize>> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Ok(None);
    }
    let number = text.iter().try_fold(0usize, |number, digit| {
        number
            .checked_mul(10)?
            .checked_add(usize::from(digit - b'0'))
            .filter(|number| *number <= isize::MAX as usize)
    });
    match number {
        Some(number) => Ok(Some(number)),
        None => Err(value_error("Too many decimal digits in format string")),
    }
}
