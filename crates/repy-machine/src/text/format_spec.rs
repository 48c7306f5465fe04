//! The format specification mini-language: what follows the colon in `'{:>8.3f}'.format(x)`.

use super::float_format::{format_exponent, format_fixed, format_general};
use crate::machine::Machine;
use crate::number::long;
use crate::object::exception::value_error;
use crate::object::{Res, Value};

#[derive(Default)]
struct Spec {
    fill: Option<u8>,
    align: Option<u8>,
    sign: Option<u8>,
    alternate: bool,
    width: Option<usize>,
    thousands: bool,
    precision: Option<usize>,
    kind: Option<u8>,
}

fn parse(spec: &[u8]) -> Res<Spec> {
    let mut parsed = Spec::default();
    let mut at = 0;
    let is_align = |byte: Option<&u8>| matches!(byte, Some(b'<' | b'>' | b'=' | b'^'));
    if is_align(spec.get(1)) {
        parsed.fill = spec.first().copied();
        parsed.align = spec.get(1).copied();
        at = 2;
    } else if is_align(spec.first()) {
        parsed.align = spec.first().copied();
        at = 1;
    }
    if let Some(sign @ (b'+' | b'-' | b' ')) = spec.get(at) {
        parsed.sign = Some(*sign);
        at += 1;
    }
    if spec.get(at) == Some(&b'#') {
        parsed.alternate = true;
        at += 1;
    }
    if parsed.fill.is_none() && spec.get(at) == Some(&b'0') {
        parsed.fill = Some(b'0');
        parsed.align.get_or_insert(b'=');
        at += 1;
    }
    parsed.width = digits(spec, &mut at)?;
    if spec.get(at) == Some(&b',') {
        parsed.thousands = true;
        at += 1;
    }
    if spec.get(at) == Some(&b'.') {
        at += 1;
        parsed.precision = digits(spec, &mut at)?;
        if parsed.precision.is_none() {
            return Err(value_error("Format specifier missing precision"));
        }
    }
    match spec.get(at..) {
        Some([]) | None => {}
        Some([kind]) => parsed.kind = Some(*kind),
        Some(_) => return Err(value_error("Invalid conversion specification")),
    }
    if parsed.thousands
        && let Some(kind) = parsed.kind
        && !matches!(kind, b'd' | b'e' | b'f' | b'g' | b'E' | b'G' | b'%' | b'F')
    {
        return Err(value_error(format!(
            "Cannot specify ',' with '{}'.",
            kind as char
        )));
    }
    Ok(parsed)
}

fn digits(spec: &[u8], at: &mut usize) -> Res<Option<usize>> {
    let start = *at;
    let mut number: usize = 0;
    while let Some(byte) = spec.get(*at).filter(|byte| byte.is_ascii_digit()) {
        number = number
            .saturating_mul(10)
            .saturating_add(usize::from(byte - b'0'));
        *at += 1;
    }
    if number > isize::MAX as usize {
        return Err(value_error("Too many decimal digits in format string"));
    }
    Ok((*at > start).then_some(number))
}

impl Machine<'_> {
    /// `format(value, spec)`.
    pub(crate) fn format_value(&mut self, value: &Value, spec: &[u8]) -> Res<Vec<u8>> {
        let inner = value.unwrapped().clone();
        match &inner {
            Value::Int(_) | Value::Long(_) | Value::Float(_) | Value::Str(_) if spec.is_empty() => {
                self.str_of(value)
            }
            Value::Bool(_) if spec.is_empty() => self.str_of(value),
            Value::Str(string) => self.format_text(string.as_bytes(), spec, "str"),
            Value::Int(_) | Value::Long(_) | Value::Bool(_) => self.format_integer(&inner, spec),
            Value::Float(float) => self.format_float(float.get(), spec),
            Value::Complex(complex) if !spec.is_empty() => self.format_complex(**complex, spec),
            _ => {
                let text = self.str_of(value)?;
                if spec.is_empty() {
                    Ok(text)
                } else {
                    self.format_text(&text, spec, "str")
                }
            }
        }
    }

    fn format_text(&mut self, text: &[u8], spec: &[u8], _type_name: &str) -> Res<Vec<u8>> {
        let spec = parse(spec)?;
        match spec.kind {
            None | Some(b's') => {}
            Some(kind) => return Err(unknown(kind, "str")),
        }
        if spec.thousands {
            return Err(value_error("Cannot specify ',' with 's'."));
        }
        if spec.sign.is_some() {
            return Err(value_error("Sign not allowed in string format specifier"));
        }
        if spec.alternate {
            return Err(value_error(
                "Alternate form (#) not allowed in string format specifier",
            ));
        }
        if spec.align == Some(b'=') {
            return Err(value_error(
                "'=' alignment not allowed in string format specifier",
            ));
        }
        let shown = match spec.precision {
            Some(precision) => text.get(..precision.min(text.len())).unwrap_or(text),
            None => text,
        };
        self.reserve(spec.width.unwrap_or(0))?;
        Ok(pad(b"", b"", shown, &spec, b'<'))
    }

    fn format_integer(&mut self, value: &Value, spec: &[u8]) -> Res<Vec<u8>> {
        let parsed = parse(spec)?;
        let kind = parsed.kind.unwrap_or(b'd');
        if matches!(kind, b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'%') {
            let float = match value.number() {
                Some(number) => number.to_float()?,
                None => 0.0,
            };
            return self.format_float(float, spec);
        }
        let is_known = matches!(kind, b'b' | b'c' | b'd' | b'n' | b'o' | b'x' | b'X');
        if parsed.precision.is_some() && is_known {
            return Err(value_error(
                "Precision not allowed in integer format specifier",
            ));
        }
        let type_name = value.tag().name();
        let whole = match value {
            Value::Bool(b) => Value::Int(i64::from(*b)),
            other => other.clone(),
        };
        if kind == b'c' {
            if parsed.sign.is_some() {
                return Err(value_error(
                    "Sign not allowed with integer format specifier 'c'",
                ));
            }
            return match crate::arithmetic::as_index(&whole) {
                Some(Ok(code @ 0..=255)) => Ok(pad(b"", b"", &[code as u8], &parsed, b'>')),
                Some(Ok(_)) | None => Err(crate::object::exception::overflow_error(
                    "%c arg not in range(0x100)",
                )),
                Some(Err(())) => Err(crate::object::exception::overflow_error(
                    "Python int too large to convert to C long",
                )),
            };
        }
        let (radix, prefix) = match kind {
            b'b' => (2, "0b"),
            b'o' => (8, "0o"),
            b'x' => (16, "0x"),
            b'X' => (16, "0X"),
            b'd' | b'n' => (10, ""),
            other => return Err(unknown(other, type_name)),
        };
        let text = match &whole {
            Value::Int(int) => num_bigint::BigInt::from(*int).to_str_radix(radix),
            Value::Long(big) if radix == 10 => long::to_decimal(big)?,
            Value::Long(big) => long::to_radix(big, radix)?,
            _ => String::new(),
        };
        // Without its sign, grouped by thousands, and filled up.
        self.reserve(text.len().saturating_mul(3))?;
        let (negative, mut body) = match text.strip_prefix('-') {
            Some(rest) => (true, rest.to_owned()),
            None => (false, text),
        };
        if kind == b'X' {
            body.make_ascii_uppercase();
        }
        let sign = sign_of(negative, parsed.sign);
        let prefix = if parsed.alternate { prefix } else { "" };
        self.reserve(parsed.width.unwrap_or(0))?;
        if parsed.thousands {
            body = group(&body, &parsed, sign.len());
        }
        Ok(pad(
            sign.as_bytes(),
            prefix.as_bytes(),
            body.as_bytes(),
            &parsed,
            b'>',
        ))
    }

    fn format_float(&mut self, value: f64, spec: &[u8]) -> Res<Vec<u8>> {
        let parsed = parse(spec)?;
        check_kind(&parsed, "float", b"eEfFgGn%")?;
        if parsed.alternate {
            return Err(value_error(
                "Alternate form (#) not allowed in float format specifier",
            ));
        }
        self.reserve(
            parsed
                .width
                .unwrap_or(0)
                .saturating_add(parsed.precision.unwrap_or(0)),
        )?;
        let text = float_text(value, &parsed)?;
        let (negative, body) = match text.strip_prefix('-') {
            Some(rest) => (true, rest.to_owned()),
            None => (false, text),
        };
        let sign = sign_of(negative, parsed.sign);
        let body = if parsed.thousands && value.is_finite() {
            let split = body.find(['.', 'e', 'E', '%']).unwrap_or(body.len());
            let (whole, rest) = body.split_at(split);
            format!("{}{rest}", group(whole, &parsed, sign.len() + rest.len()))
        } else {
            body
        };
        Ok(pad(sign.as_bytes(), b"", body.as_bytes(), &parsed, b'>'))
    }

    fn format_complex(&mut self, value: (f64, f64), spec: &[u8]) -> Res<Vec<u8>> {
        let parsed = parse(spec)?;
        check_kind(&parsed, "complex", b"eEfFgGn")?;
        if parsed.alternate {
            return Err(value_error(
                "Alternate form (#) not allowed in complex format specifier",
            ));
        }
        if parsed.fill == Some(b'0') {
            return Err(value_error(
                "Zero padding is not allowed in complex format specifier",
            ));
        }
        if parsed.align == Some(b'=') {
            return Err(value_error(
                "'=' alignment flag is not allowed in complex format specifier",
            ));
        }
        let text = |part: f64| match parsed.kind {
            None => Ok(match parsed.precision {
                Some(precision) => format_general(part, precision, false, false),
                None => super::float_format::repr_part(part),
            }),
            Some(_) => float_text(part, &parsed),
        };
        let (real, imaginary) = (text(value.0)?, text(value.1)?);
        let plus = if imaginary.starts_with('-') { "" } else { "+" };
        let body = if parsed.kind.is_none() {
            let sign_for = |text: &str| {
                if text.starts_with('-') {
                    ""
                } else {
                    sign_of(false, parsed.sign)
                }
            };
            if value.0 == 0.0 && value.0.is_sign_positive() {
                format!("{}{imaginary}j", sign_for(&imaginary))
            } else {
                format!("({}{real}{plus}{imaginary}j)", sign_for(&real))
            }
        } else {
            let sign = if real.starts_with('-') {
                ""
            } else {
                sign_of(false, parsed.sign)
            };
            format!("{sign}{real}{plus}{imaginary}j")
        };
        Ok(pad(b"", b"", body.as_bytes(), &parsed, b'>'))
    }
}

fn float_text(value: f64, spec: &Spec) -> Res<String> {
    let precision = spec.precision.unwrap_or(6);
    Ok(match spec.kind {
        Some(b'e') => format_exponent(value, precision, false, false),
        Some(b'E') => format_exponent(value, precision, false, true),
        Some(b'f') => format_fixed(value, precision, false, false),
        Some(b'F') => format_fixed(value, precision, false, true),
        Some(b'g' | b'n') => format_general(value, precision, false, false),
        Some(b'G') => format_general(value, precision, false, true),
        Some(b'%') => format!("{}%", format_fixed(value * 100.0, precision, false, false)),
        None => match spec.precision {
            Some(precision) => {
                // As %g, but with a digit after the point if there is no exponent.
                match super::float_format::special(value, false) {
                    Some(special) => special,
                    None => super::float_format::general_with_point(value, precision),
                }
            }
            None => super::float_format::str_float(value),
        },
        Some(other) => return Err(unknown(other, "float")),
    })
}

/// The kind must be one the type has.
fn check_kind(spec: &Spec, type_name: &str, kinds: &[u8]) -> Res<()> {
    match spec.kind {
        Some(kind) if !kinds.contains(&kind) => Err(unknown(kind, type_name)),
        _ => Ok(()),
    }
}

fn unknown(kind: u8, type_name: &str) -> crate::object::Thrown {
    let shown = if (33..127).contains(&kind) {
        (kind as char).to_string()
    } else {
        format!("\\x{kind:x}")
    };
    value_error(format!(
        "Unknown format code '{shown}' for object of type '{type_name}'"
    ))
}

fn sign_of(negative: bool, wanted: Option<u8>) -> &'static str {
    match (negative, wanted) {
        (true, _) => "-",
        (false, Some(b'+')) => "+",
        (false, Some(b' ')) => " ",
        _ => "",
    }
}

/// Digits with a comma between each three; zero filling is grouped too.
fn group(digits: &str, spec: &Spec, others: usize) -> String {
    let mut digits = digits.to_owned();
    if spec.fill == Some(b'0') && spec.align == Some(b'=') {
        let width = spec.width.unwrap_or(0).saturating_sub(others);
        while digits.len() + (digits.len() - 1) / 3 < width {
            digits.insert(0, '0');
        }
        // A width that would begin with a comma gets one more digit, as in CPython.
    }
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn pad(sign: &[u8], prefix: &[u8], body: &[u8], spec: &Spec, default_align: u8) -> Vec<u8> {
    let total = sign.len() + prefix.len() + body.len();
    let fill = spec.width.unwrap_or(0).saturating_sub(total);
    let byte = spec.fill.unwrap_or(b' ');
    let (before, between, after) = match spec.align.unwrap_or(default_align) {
        b'<' => (0, 0, fill),
        b'^' => (fill / 2, 0, fill - fill / 2),
        b'=' => (0, fill, 0),
        _ => (fill, 0, 0),
    };
    let mut out = Vec::with_capacity(total + fill);
    out.resize(before, byte);
    out.extend_from_slice(sign);
    out.extend_from_slice(prefix);
    out.resize(out.len() + between, byte);
    out.extend_from_slice(body);
    out.resize(out.len() + after, byte);
    out
}
