//! `format % values`.

use super::float_format::{format_exponent, format_fixed, format_general};
use crate::arithmetic;
use crate::machine::Machine;
use crate::number::{Number, long};
use crate::object::exception::{memory_error, overflow_error, type_error, value_error};
use crate::object::{ExceptionKind, Payload, Res, Thrown, Value};
use crate::{memory, work};

#[derive(Default)]
struct Spec {
    left: bool,
    sign: bool,
    blank: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// The values a format consumes.
struct Values {
    tuple: Option<Vec<Value>>,
    single: Value,
    next: usize,
}

impl Values {
    fn take(&mut self) -> Res {
        let taken = match &self.tuple {
            Some(tuple) => tuple.get(self.next).cloned(),
            None if self.next == 0 => Some(self.single.clone()),
            None => None,
        };
        self.next += 1;
        taken.ok_or_else(|| type_error("not enough arguments for format string"))
    }
}

/// Longest width or precision; CPython's is the largest int, ours what a program can sensibly hold.
const MAX_WIDTH: usize = 1 << 31;

impl Machine<'_> {
    /// `format % value`.
    pub(crate) fn percent_format(&mut self, format: &[u8], value: &Value) -> Res<Vec<u8>> {
        let tuple = match value.unwrapped() {
            Value::Tuple(tuple) => Some(tuple.to_vec()),
            _ => None,
        };
        let mapping = match value.unwrapped() {
            Value::Dict(_) => true,
            Value::Host(host) => host.inner.mapping().is_some(),
            Value::List(_) => true,
            Value::Instance(instance) => {
                instance.class.is_old() || matches!(instance.payload, Payload::Exception(_))
            }
            _ => false,
        };
        let mut values = Values {
            tuple,
            single: value.clone(),
            next: 0,
        };
        let mut used_mapping = false;
        self.reserve(format.len())?;
        let mut out = Vec::with_capacity(format.len() + 32);
        let mut at = 0;
        let incomplete = || value_error("incomplete format");
        while at < format.len() {
            let rest = format.get(at..).unwrap_or(&[]);
            let plain = rest
                .iter()
                .position(|byte| *byte == b'%')
                .unwrap_or(rest.len());
            memory::extend(&mut out, rest.get(..plain).unwrap_or(&[]))?;
            at += plain;
            if at >= format.len() {
                break;
            }
            at += 1;
            work::spend(1)?;
            let peek = |at: usize| format.get(at).copied();
            if peek(at) == Some(b'%') {
                out.push(b'%');
                at += 1;
                continue;
            }
            if peek(at) == Some(b'(') {
                if !mapping || values.tuple.is_some() {
                    return Err(type_error("format requires a mapping"));
                }
                let start = at + 1;
                let mut depth = 1;
                at += 1;
                while depth > 0 {
                    match peek(at) {
                        Some(b'(') => depth += 1,
                        Some(b')') => depth -= 1,
                        None => return Err(value_error("incomplete format key")),
                        _ => {}
                    }
                    at += 1;
                }
                let key = Value::bytes(format.get(start..at - 1).unwrap_or(&[]));
                // From here on that is all there is to take.
                values.single = self.subscript(value, &key)?;
                values.next = 0;
                used_mapping = true;
            }
            let mut spec = Spec::default();
            loop {
                match peek(at) {
                    Some(b'-') => spec.left = true,
                    Some(b'+') => spec.sign = true,
                    Some(b' ') => spec.blank = true,
                    Some(b'#') => spec.alternate = true,
                    Some(b'0') => spec.zero = true,
                    _ => break,
                }
                at += 1;
            }
            if peek(at) == Some(b'*') {
                let width = star(&values.take()?)?;
                if width < 0 {
                    spec.left = true;
                }
                spec.width = width.unsigned_abs() as usize;
                at += 1;
            } else {
                spec.width = digits(format, &mut at, isize::MAX as usize, "width too big")?;
            }
            if peek(at) == Some(b'.') {
                at += 1;
                if peek(at) == Some(b'*') {
                    spec.precision = Some(usize::try_from(star(&values.take()?)?).unwrap_or(0));
                    at += 1;
                } else {
                    spec.precision =
                        Some(digits(format, &mut at, i32::MAX as usize, "prec too big")?);
                }
            }
            if matches!(peek(at), Some(b'h' | b'l' | b'L')) {
                at += 1;
            }
            let Some(conversion) = peek(at) else {
                return Err(incomplete());
            };
            at += 1;
            if spec.width > MAX_WIDTH
                || spec
                    .precision
                    .is_some_and(|precision| precision > MAX_WIDTH)
            {
                return Err(memory_error());
            }
            self.reserve(out.len() + spec.width + spec.precision.unwrap_or(0))?;
            if conversion == b'%' {
                pad(&mut out, b"", b"%", &spec, false)?;
                continue;
            }
            let argument = values.take()?;
            self.convert(&mut out, conversion, &spec, &argument, at - 1)?;
        }
        let leftover = match &values.tuple {
            Some(tuple) => values.next < tuple.len(),
            None => values.next == 0 && !mapping,
        };
        if leftover && !used_mapping {
            return Err(type_error(
                "not all arguments converted during string formatting",
            ));
        }
        Ok(out)
    }

    fn convert(
        &mut self,
        out: &mut Vec<u8>,
        conversion: u8,
        spec: &Spec,
        value: &Value,
        at: usize,
    ) -> Res<()> {
        match conversion {
            b's' | b'r' => {
                let mut text = if conversion == b's' {
                    self.str_of(value)?
                } else {
                    self.repr_of(value)?
                };
                if let Some(precision) = spec.precision {
                    text.truncate(precision);
                }
                pad(out, b"", &text, spec, false)?;
            }
            b'c' => {
                let text = match value.unwrapped() {
                    Value::Str(string) if string.len() == 1 => string.as_bytes().to_vec(),
                    Value::Str(_) => return Err(type_error("%c requires int or char")),
                    other => match crate::methods::args::integer(other)? {
                        code @ 0..=255 => vec![code as u8],
                        code if code < 0 => {
                            return Err(overflow_error(
                                "unsigned byte integer is less than minimum",
                            ));
                        }
                        _ => {
                            return Err(overflow_error(
                                "unsigned byte integer is greater than maximum",
                            ));
                        }
                    },
                };
                pad(out, b"", &text, spec, false)?;
            }
            b'd' | b'i' | b'u' | b'o' | b'x' | b'X' => {
                self.convert_int(out, conversion, spec, value)?
            }
            b'e' | b'E' | b'f' | b'F' | b'g' | b'G' => {
                let number = match value.unwrapped().number() {
                    Some(Number::Complex(_)) | None => {
                        return Err(type_error(format!(
                            "float argument required, not {}",
                            self.type_name(value)
                        )));
                    }
                    Some(number) => number.to_float().map_err(|_| {
                        type_error(format!(
                            "float argument required, not {}",
                            self.type_name(value)
                        ))
                    })?,
                };
                let precision = spec.precision.unwrap_or(6);
                let upper = conversion.is_ascii_uppercase();
                let text = match conversion.to_ascii_lowercase() {
                    b'e' => format_exponent(number, precision, spec.alternate, upper),
                    b'f' => format_fixed(number, precision, spec.alternate, upper),
                    _ => format_general(number, precision, spec.alternate, upper),
                };
                let (sign, body) = split_sign(&text, spec);
                pad(out, sign, body, spec, true)?;
            }
            other => {
                // The number is that of a signed char, as C has it.
                let number = i32::from(other.cast_signed());
                let mut message = b"unsupported format character '".to_vec();
                message.push(other);
                message.extend(format!("' ({number:#x}) at index {at}").into_bytes());
                return Err(Thrown::with_bytes(ExceptionKind::ValueError, message));
            }
        }
        Ok(())
    }

    fn convert_int(
        &mut self,
        out: &mut Vec<u8>,
        conversion: u8,
        spec: &Spec,
        value: &Value,
    ) -> Res<()> {
        let required = || {
            let shown = if conversion == b'i' {
                'd'
            } else {
                conversion as char
            };
            type_error(format!(
                "%{shown} format: a number is required, not {}",
                self.type_name(value)
            ))
        };
        let whole = match value.unwrapped() {
            number @ (Value::Int(_) | Value::Long(_)) => number.clone(),
            Value::Bool(b) => Value::Int(i64::from(*b)),
            Value::Float(float) if float.get().is_finite() => {
                arithmetic::convert::to_integer(value, false, "float")?
            }
            _ => return Err(required()),
        };
        let radix = match conversion {
            b'o' => 8,
            b'x' | b'X' => 16,
            _ => 10,
        };
        let (negative, mut digits) = match &whole {
            Value::Int(int) => {
                let magnitude = int.unsigned_abs();
                let text = match radix {
                    8 => format!("{magnitude:o}"),
                    16 => format!("{magnitude:x}"),
                    _ => magnitude.to_string(),
                };
                (*int < 0, text)
            }
            Value::Long(long) => {
                let text = if radix == 10 {
                    long::to_decimal(long)?
                } else {
                    long::to_radix(long, radix)?
                };
                match text.strip_prefix('-') {
                    Some(rest) => {
                        self.reserve(rest.len())?;
                        (true, rest.to_owned())
                    }
                    None => (false, text),
                }
            }
            _ => (false, String::new()),
        };
        if let Some(precision) = spec.precision
            && digits.len() < precision
        {
            digits = format!("{}{digits}", "0".repeat(precision - digits.len()));
        }
        // As in C, an int 0 with precision 0 has no digits; longs are not C's business.
        if spec.precision == Some(0) && matches!(whole, Value::Int(0)) {
            digits.clear();
        }
        let mut sign = if negative {
            "-".to_owned()
        } else if spec.sign {
            "+".to_owned()
        } else if spec.blank {
            " ".to_owned()
        } else {
            String::new()
        };
        if spec.alternate {
            match conversion {
                b'x' | b'X' => sign.push_str("0x"),
                b'o' if !digits.starts_with('0') => digits.insert(0, '0'),
                _ => {}
            }
        }
        if conversion == b'X' {
            digits.make_ascii_uppercase();
            sign = sign.to_uppercase();
        }
        pad(out, sign.as_bytes(), digits.as_bytes(), spec, true)
    }
}

fn star(value: &Value) -> Res<i64> {
    match value {
        Value::Int(int) => Ok(*int),
        Value::Bool(b) => Ok(i64::from(*b)),
        _ => Err(type_error("* wants int")),
    }
}

/// A number of at most `most`: a width is CPython's size of objects, a precision an int of C.
fn digits(format: &[u8], at: &mut usize, most: usize, too_big: &str) -> Res<usize> {
    let mut number: usize = 0;
    while let Some(byte) = format.get(*at).filter(|byte| byte.is_ascii_digit()) {
        number = number
            .saturating_mul(10)
            .saturating_add(usize::from(byte - b'0'));
        *at += 1;
    }
    if number > most {
        return Err(value_error(too_big));
    }
    Ok(number)
}

fn split_sign<'a>(text: &'a str, spec: &Spec) -> (&'static [u8], &'a [u8]) {
    match text.strip_prefix('-') {
        Some(rest) => (b"-", rest.as_bytes()),
        None if spec.sign => (b"+", text.as_bytes()),
        None if spec.blank => (b" ", text.as_bytes()),
        None => (b"", text.as_bytes()),
    }
}

/// Appends sign and body, filled up to the width; zeros go between them.
fn pad(out: &mut Vec<u8>, sign: &[u8], body: &[u8], spec: &Spec, numeric: bool) -> Res<()> {
    let fill = spec.width.saturating_sub(sign.len() + body.len());
    memory::grow(out, sign.len() + body.len() + fill)?;
    if spec.left {
        out.extend_from_slice(sign);
        out.extend_from_slice(body);
        out.resize(out.len() + fill, b' ');
    } else if spec.zero && numeric {
        out.extend_from_slice(sign);
        out.resize(out.len() + fill, b'0');
        out.extend_from_slice(body);
    } else {
        out.resize(out.len() + fill, b' ');
        out.extend_from_slice(sign);
        out.extend_from_slice(body);
    }
    Ok(())
}
