//! Numbers and words in text as Python 2 reads and writes them: what resource files and signed requests
//! are made of.

/// Significant digits that Python 2 writes of a float.
const DIGITS: usize = 12;

/// What Python's `str.strip()` and `str.split()` take for white space in byte strings.
#[must_use]
pub fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// Without white space at both ends, as Python's `str.strip()`.
#[must_use]
pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}

/// The words between white space, as Python's `str.split()`.
pub fn words(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|&byte| is_blank(byte))
        .filter(|word| !word.is_empty())
}

/// Reads what Python's `float()` reads.
#[must_use]
pub fn read_float(text: &[u8]) -> Option<f64> {
    // Rust's grammar of floats is Python's, without the blanks around.
    std::str::from_utf8(trim(text)).ok()?.parse().ok()
}

/// Writes a float as Python 2's `str()`: 12 significant digits, `.0` when it would look whole, an
/// exponent below 1e-4 and from 1e11 on (where `.0` would be a thirteenth digit).
#[must_use]
pub fn write_float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{value:.*e}", DIGITS - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = if keeps_zeros(value.abs()) {
        digits.as_str()
    } else {
        digits.trim_end_matches('0')
    };
    let digits = if digits.is_empty() { "0" } else { digits };
    let text = if (-4..DIGITS as i32 - 1).contains(&exponent) {
        positional(digits, exponent)
    } else {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let e_sign = if exponent < 0 { '-' } else { '+' };
        format!(
            "{first}{point}{rest}e{e_sign}{:02}",
            exponent.unsigned_abs()
        )
    };
    format!("{sign}{text}")
}

/// Whole numbers of 13 to 15 digits that lie exactly between two of 12 digits, and go to the lower one:
/// there Python leaves the zeros that it drops everywhere else.
fn keeps_zeros(value: f64) -> bool {
    let step = match value {
        1e12..1e13 => 10.0,
        1e13..1e14 => 100.0,
        1e14..1e15 => 1000.0,
        _ => return false,
    };
    value % step == step / 2.0 && (value / step).floor() % 2.0 == 0.0
}

/// The digits `d.ddd` times ten to the `exponent`, with at least one digit on each side of the point.
fn positional(digits: &str, exponent: i32) -> String {
    let Ok(before) = usize::try_from(exponent + 1) else {
        let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
        return format!("0.{zeros}{digits}");
    };
    if before == 0 {
        return format!("0.{digits}");
    }
    match digits.split_at_checked(before) {
        Some((whole, "")) => format!("{whole}.0"),
        Some((whole, fraction)) => format!("{whole}.{fraction}"),
        None => format!("{digits}{}.0", "0".repeat(before - digits.len())),
    }
}
