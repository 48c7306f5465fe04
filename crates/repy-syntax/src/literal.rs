//! What string and number literals mean.

use num_bigint::BigInt;

use crate::ast::{ExprKind, Pos, RefusedExpr};
use crate::limits::MAX_NUMBER_DIGITS;
use crate::syntax_error::SyntaxError;

/// The value of the number token `text`, negated if it stands after a lone minus.
///
/// Negation belongs to the literal, as in CPython: `-9223372036854775808` is an int.
pub(crate) fn number(text: &[u8], negative: bool, pos: Pos) -> Result<ExprKind, SyntaxError> {
    let text = std::str::from_utf8(text).unwrap_or_default();
    let (digits, is_long) = match text.strip_suffix(['l', 'L']) {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let sign = if negative { -1.0 } else { 1.0 };
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&digits[2..], 16),
        [b'0', b'o' | b'O', ..] => (&digits[2..], 8),
        [b'0', b'b' | b'B', ..] => (&digits[2..], 2),
        bytes if bytes.iter().any(|byte| !byte.is_ascii_digit()) => {
            let (digits, imaginary) = match digits.strip_suffix(['j', 'J']) {
                Some(digits) => (digits, true),
                None => (digits, false),
            };
            let value: f64 = digits
                .parse()
                .map_err(|_| SyntaxError::new(pos, "this is not a number"))?;
            return Ok(if imaginary {
                ExprKind::Imaginary(sign * value)
            } else {
                ExprKind::Float(sign * value)
            });
        }
        [b'0', ..] => (digits, 8),
        _ => (digits, 10),
    };
    if digits.len() > MAX_NUMBER_DIGITS {
        return Err(SyntaxError::new(
            pos,
            format!("a number has more than {MAX_NUMBER_DIGITS} digits"),
        ));
    }
    if !is_long {
        let small = u64::from_str_radix(digits, radix).map(i128::from);
        if let Ok(int) = small.map_or(Err(()), |small| {
            i64::try_from(if negative { -small } else { small }).map_err(drop)
        }) {
            return Ok(ExprKind::Int(int));
        }
    }
    let value = BigInt::parse_bytes(digits.as_bytes(), radix)
        .ok_or_else(|| SyntaxError::new(pos, "this is not a number"))?;
    Ok(ExprKind::Long(if negative { -value } else { value }))
}

/// Bytes joined from adjacent string tokens.
#[derive(Default)]
pub(crate) struct StringLiteral {
    bytes: Vec<u8>,
    is_unicode: bool,
}

impl StringLiteral {
    /// Adds the string token `text`, prefix and quotes included.
    pub(crate) fn push(&mut self, text: &[u8], pos: Pos) -> Result<(), SyntaxError> {
        let prefix = text
            .iter()
            .position(|byte| matches!(byte, b'\'' | b'"'))
            .unwrap_or(0);
        let (prefix, quoted) = text.split_at(prefix);
        let has = |letter: u8| {
            prefix
                .iter()
                .any(|byte| byte.to_ascii_lowercase() == letter)
        };
        let quotes = match quoted {
            [a, b, c, _, _, _, ..] if a == b && b == c => 3,
            _ => 1,
        };
        let content = quoted
            .get(quotes..quoted.len().saturating_sub(quotes))
            .unwrap_or_default();
        if has(b'u') {
            self.is_unicode = true;
            if has(b'r') || unescape(content, &mut self.bytes).is_err() {
                self.bytes.extend_from_slice(content);
            }
            return check_unicode_escapes(content, has(b'r'))
                .map_err(|message| SyntaxError::new(pos, message).in_python("(unicode error)"));
        }
        if has(b'r') {
            self.bytes.extend_from_slice(content);
            return Ok(());
        }
        unescape(content, &mut self.bytes).map_err(|message| {
            SyntaxError::new(pos, message)
                .of_class("ValueError")
                .in_python("invalid \\x escape")
                .without_line()
        })
    }

    /// The literal's node.
    pub(crate) fn finish(self) -> ExprKind {
        if self.is_unicode {
            return ExprKind::Refused(Box::new(RefusedExpr::Unicode(self.bytes.into())));
        }
        ExprKind::Bytes(self.bytes.into())
    }
}

fn unescape(mut content: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    while let Some(slash) = content.iter().position(|&byte| byte == b'\\') {
        let (plain, rest) = content.split_at(slash);
        out.extend_from_slice(plain);
        let Some(&escape) = rest.get(1) else {
            out.push(b'\\');
            return Ok(());
        };
        let mut used = 2;
        match escape {
            b'\n' => {}
            b'\\' | b'\'' | b'"' => out.push(escape),
            b'a' => out.push(0x07),
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'v' => out.push(0x0b),
            b'0'..=b'7' => {
                let digits = rest
                    .iter()
                    .skip(1)
                    .take(3)
                    .take_while(|byte| matches!(byte, b'0'..=b'7'));
                let (count, value) = digits.fold((0, 0u32), |(count, value), byte| {
                    (count + 1, value * 8 + u32::from(byte - b'0'))
                });
                used = 1 + count;
                // `\777` is 511: CPython keeps the low eight bits.
                out.push(value.to_le_bytes()[0]);
            }
            b'x' => {
                let value = hex(rest, 2).ok_or("\\x in a string needs two hexadecimal digits")?;
                out.push(value.to_le_bytes()[0]);
                used = 4;
            }
            other => out.extend([b'\\', other]),
        }
        content = rest.get(used..).unwrap_or_default();
    }
    out.extend_from_slice(content);
    Ok(())
}

/// The value of the `digits` hexadecimal digits after the two bytes of an escape.
fn hex(escape: &[u8], digits: usize) -> Option<u32> {
    let text = escape.get(2..2 + digits)?;
    text.iter().try_fold(0, |value, &byte| {
        char::from(byte)
            .to_digit(16)
            .map(|digit| value * 16 + digit)
    })
}

/// A unicode literal is refused in any case, but one with a broken escape is not Python at all.
fn check_unicode_escapes(mut content: &[u8], raw: bool) -> Result<(), &'static str> {
    while let Some(slash) = content.iter().position(|&byte| byte == b'\\') {
        let rest = content.get(slash..).unwrap_or_default();
        let broken = match rest.get(1) {
            Some(b'u') => hex(rest, 4).is_none(),
            Some(b'U') => hex(rest, 8).is_none_or(|value| value > 0x10_FFFF),
            Some(b'x') if !raw => hex(rest, 2).is_none(),
            Some(b'N') if !raw => {
                let name = rest.get(2..).unwrap_or_default();
                !(name.first() == Some(&b'{')
                    && name
                        .iter()
                        .position(|&byte| byte == b'}')
                        .is_some_and(|end| end > 1))
            }
            _ => false,
        };
        if broken {
            return Err("a unicode string has a broken \\x, \\u, \\U or \\N escape");
        }
        content = rest.get(2..).unwrap_or_default();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(tokens: &[&str]) -> Result<ExprKind, SyntaxError> {
        let mut literal = StringLiteral::default();
        for token in tokens {
            literal.push(token.as_bytes(), Pos::default())?;
        }
        Ok(literal.finish())
    }

    fn bytes(tokens: &[&str]) -> Vec<u8> {
        match string(tokens) {
            Ok(ExprKind::Bytes(bytes)) => bytes.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn escapes_are_those_of_python_2_byte_strings() {
        assert_eq!(
            bytes(&[r#"'\a\b\f\n\r\t\v\\\'\"'"#]),
            b"\x07\x08\x0c\n\r\t\x0b\\'\""
        );
        assert_eq!(bytes(&[r"'\0\12\1234\777\400'"]), b"\0\nS4\xff\0");
        assert_eq!(
            bytes(&[r"'\x41\xfF\q\u1234\N{x}\8'"]),
            b"A\xff\\q\\u1234\\N{x}\\8"
        );
        assert_eq!(
            bytes(&["'a\\\nb'", "r'\\n'", "b''", "'''a'b'''", "bR\"\\\"\""]),
            b"ab\\na'b\\\""
        );
    }

    #[test]
    fn broken_escapes_are_errors() {
        for broken in [
            r"'\x1'",
            r"'\x'",
            r"'\xg0'",
            r"u'\u12'",
            r"u'\x1'",
            r"u'\U00110000'",
            r"ur'\u1'",
            r"u'\N{}'",
        ] {
            assert!(string(&[broken]).is_err(), "{broken}");
        }
        for fine in [r"ur'\x1'", r"ur'\\u1'", r"u'\q'", r"u'\N{DASH}'"] {
            assert!(
                matches!(string(&["'a'", fine]), Ok(ExprKind::Refused(_))),
                "{fine}"
            );
        }
    }

    #[test]
    fn the_size_and_suffix_of_a_number_decide_between_int_and_long() {
        let value = |text: &str, negative| match number(text.as_bytes(), negative, Pos::default()) {
            Ok(ExprKind::Int(int)) => format!("{int}"),
            Ok(ExprKind::Long(long)) => format!("{long}L"),
            Ok(ExprKind::Float(float)) => format!("{float:?}"),
            Ok(ExprKind::Imaginary(float)) => format!("{float:?}j"),
            other => panic!("{other:?}"),
        };
        assert_eq!(value("9223372036854775807", false), "9223372036854775807");
        assert_eq!(value("9223372036854775808", false), "9223372036854775808L");
        assert_eq!(value("9223372036854775808", true), "-9223372036854775808");
        assert_eq!(value("0xffffffffffffffff", false), "18446744073709551615L");
        assert_eq!(value("0777", false), "511");
        assert_eq!(value("0o17", false), "15");
        assert_eq!(value("0B11l", false), "3L");
        assert_eq!(value("0", true), "0");
        assert_eq!(value("010.5", false), "10.5");
        assert_eq!(value("1e400", true), "-inf");
        assert_eq!(value("0.", true), "-0.0");
        assert_eq!(value("1.e2j", false), "100.0j");
        assert_eq!(value("08J", true), "-8.0j");
        assert!(number(&vec![b'1'; MAX_NUMBER_DIGITS + 1], false, Pos::default()).is_err());
    }
}
