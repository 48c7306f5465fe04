//! Floats as text, as CPython 2.7 writes them: shortest for `repr`, 12 digits for `str`, and the `%` conversions.

/// `repr(value)`.
pub(crate) fn repr_float(value: f64) -> String {
    if let Some(special) = special(value, false) {
        return special;
    }
    let (negative, digits, exponent) = shortest(value);
    let point = exponent + 1;
    let body = if point > -4 && point <= 16 {
        plain(&digits, point, true)
    } else {
        scientific(&digits, exponent, 'e')
    };
    signed(negative, body)
}

/// `str(value)`.
pub(crate) fn str_float(value: f64) -> String {
    if let Some(special) = special(value, false) {
        return special;
    }
    general_with_point(value, 12)
}

/// As `%g`, but with a point or an exponent always: an exponent already when all digits are before the point.
pub(crate) fn general_with_point(value: f64, precision: usize) -> String {
    let precision = precision.max(1);
    let (negative, mut digits, exponent) = split_rounded(value, precision - 1);
    let kept = digits.trim_end_matches('0').len().max(1);
    digits.truncate(kept);
    let body = if exponent < -4 || exponent + 1 >= precision as i32 {
        scientific(&digits, exponent, 'e')
    } else {
        plain(&digits, exponent + 1, true)
    };
    signed(negative, body)
}

/// `repr` of a complex number's part: as `repr_float`, without the `.0`.
pub(crate) fn repr_part(value: f64) -> String {
    let mut text = repr_float(value);
    if text.ends_with(".0") {
        text.truncate(text.len() - 2);
    }
    text
}

/// `str` of a complex number's part.
pub(crate) fn str_part(value: f64) -> String {
    match special(value, false) {
        Some(special) => special,
        None => format_general(value, 12, false, false),
    }
}

/// `inf`, `nan`; None for ordinary numbers.
pub(crate) fn special(value: f64, upper: bool) -> Option<String> {
    let text = if value.is_nan() {
        "nan"
    } else if value.is_infinite() {
        if value > 0.0 { "inf" } else { "-inf" }
    } else {
        return None;
    };
    Some(if upper {
        text.to_uppercase()
    } else {
        text.to_owned()
    })
}

fn signed(negative: bool, body: String) -> String {
    if negative { format!("-{body}") } else { body }
}

/// Sign, shortest digits and decimal exponent of the first digit.
fn shortest(value: f64) -> (bool, String, i32) {
    let found = split(&format!("{value:e}"));
    // Of two shortest texts equally near to the value, Rust takes the upper one and CPython the even one.
    let even = format!("{value:.*e}", found.1.len() - 1);
    if even.parse() == Ok(value) {
        split(&even)
    } else {
        found
    }
}

/// Decimals after which every float is exact; whatever more is asked for is zeros, which the standard library's
/// formatting, with its limit of 65,535, need not make.
const EXACT_DECIMALS: usize = 1_100;

/// As [`split`] of the value with this many digits after the first.
fn split_rounded(value: f64, places: usize) -> (bool, String, i32) {
    let exact = places.min(EXACT_DECIMALS);
    let (negative, mut digits, exponent) = split(&format!("{value:.exact$e}"));
    digits.extend(std::iter::repeat_n('0', places - exact));
    (negative, digits, exponent)
}

/// Sign, digits and exponent of Rust's scientific notation.
fn split(text: &str) -> (bool, String, i32) {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let digits = mantissa.chars().filter(|c| *c != '.').collect();
    (negative, digits, exponent.parse().unwrap_or(0))
}

/// Digits with the point after the first `point` of them.
fn plain(digits: &str, point: i32, with_zero: bool) -> String {
    let count = digits.len() as i32;
    if point <= 0 {
        let zeros = "0".repeat(point.unsigned_abs() as usize);
        return format!("0.{zeros}{digits}");
    }
    if point >= count {
        let zeros = "0".repeat((point - count) as usize);
        let tail = if with_zero { ".0" } else { "" };
        return format!("{digits}{zeros}{tail}");
    }
    let (whole, fraction) = digits.split_at(point as usize);
    format!("{whole}.{fraction}")
}

fn scientific(digits: &str, exponent: i32, letter: char) -> String {
    let (first, rest) = digits.split_at(1.min(digits.len()));
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!(
        "{first}{point}{rest}{letter}{sign}{:02}",
        exponent.unsigned_abs()
    )
}

/// `%e` with this many digits after the point.
pub(crate) fn format_exponent(
    value: f64,
    precision: usize,
    alternate: bool,
    upper: bool,
) -> String {
    if let Some(special) = special(value, upper) {
        return special;
    }
    let (negative, digits, exponent) = split_rounded(value, precision);
    let letter = if upper { 'E' } else { 'e' };
    let mut body = scientific(&digits, exponent, letter);
    if alternate && precision == 0 {
        body.insert(1, '.');
    }
    signed(negative, body)
}

/// `%f` with this many digits after the point.
pub(crate) fn format_fixed(value: f64, precision: usize, alternate: bool, upper: bool) -> String {
    if let Some(special) = special(value, upper) {
        return special;
    }
    let exact = precision.min(EXACT_DECIMALS);
    let mut text = format!("{value:.exact$}");
    text.extend(std::iter::repeat_n('0', precision - exact));
    if alternate && precision == 0 {
        text.push('.');
    }
    text
}

/// `%g` with this many significant digits.
pub(crate) fn format_general(value: f64, precision: usize, alternate: bool, upper: bool) -> String {
    if let Some(special) = special(value, upper) {
        return special;
    }
    let precision = precision.max(1);
    let (negative, mut digits, exponent) = split_rounded(value, precision - 1);
    if !alternate {
        let kept = digits.trim_end_matches('0').len().max(1);
        digits.truncate(kept);
    }
    let letter = if upper { 'E' } else { 'e' };
    let body = if exponent < -4 || exponent >= precision as i32 {
        let mut body = scientific(&digits, exponent, letter);
        if alternate && digits.len() == 1 {
            body.insert(1, '.');
        }
        body
    } else {
        let mut body = plain(&digits, exponent + 1, false);
        if alternate && !body.contains('.') {
            body.push('.');
        }
        body
    };
    signed(negative, body)
}
