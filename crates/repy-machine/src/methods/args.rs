//! Reading arguments, with CPython's complaints.

use crate::arithmetic;
use crate::object::exception::{attribute_error, overflow_error, type_error};
use crate::object::{Res, Str, Thrown, Value};

/// What is said of an operand that is an instance of an old-style class, which has every slot but fills none; None for
/// all others. `method` is the special method that is looked for.
pub(crate) fn lacks(value: &Value, method: &str) -> Option<Thrown> {
    match value {
        Value::Instance(instance) if instance.class.is_old() => {
            let name = instance.class.name.lossy();
            Some(attribute_error(format!(
                "{name} instance has no attribute '{method}'"
            )))
        }
        _ => None,
    }
}

/// The same where an index is wanted.
pub(crate) fn lacks_index(value: &Value) -> Option<Thrown> {
    lacks(value, "").map(|_| type_error("object cannot be interpreted as an index"))
}

/// A byte string argument.
pub(crate) fn bytes(value: &Value) -> Res<Str> {
    match value.unwrapped() {
        Value::Str(string) => Ok(string.clone()),
        _ => Err(type_error(
            "expected a string or other character buffer object",
        )),
    }
}

/// An integer argument (`i`, `l`): floats are cut off, as CPython 2.7 does with a warning.
pub(crate) fn integer(value: &Value) -> Res<i64> {
    match value.unwrapped() {
        Value::Float(_) => Err(type_error("integer argument expected, got float")),
        other => match arithmetic::as_index(other) {
            Some(Ok(int)) => Ok(int),
            Some(Err(())) => Err(overflow_error("Python int too large to convert to C long")),
            None => Err(not_an_integer(value)),
        },
    }
}

/// A C int (`i`): 32 bits.
pub(crate) fn c_int(value: &Value) -> Res<i32> {
    let long = integer(value)?;
    i32::try_from(long).map_err(|_| {
        overflow_error(if long < 0 {
            "signed integer is less than minimum"
        } else {
            "signed integer is greater than maximum"
        })
    })
}

/// The error of what is no number, or none that can be made an integer.
pub(crate) fn not_an_integer(value: &Value) -> Thrown {
    if matches!(value.unwrapped(), Value::Complex(_)) {
        return type_error("can't convert complex to int");
    }
    lacks(value, "__trunc__").unwrap_or_else(|| type_error("an integer is required"))
}

/// A count or position (`n`).
pub(crate) fn index(value: &Value) -> Res<i64> {
    match arithmetic::as_index(value) {
        Some(Ok(int)) => Ok(int),
        Some(Err(())) => Err(overflow_error("Python int too large to convert to C long")),
        None => match value.unwrapped() {
            Value::Float(_) => Err(type_error("integer argument expected, got float")),
            _ => Err(not_an_integer(value)),
        },
    }
}

/// A bound of a slice or search: clamped, None for a missing or None argument.
pub(crate) fn bound(value: Option<&Value>) -> Res<Option<i64>> {
    match value {
        None | Some(Value::None | Value::Nil) => Ok(None),
        Some(value) => match arithmetic::as_index(value) {
            Some(Ok(int)) => Ok(Some(int)),
            Some(Err(())) => Ok(Some(if arithmetic::is_negative(value) {
                i64::MIN
            } else {
                i64::MAX
            })),
            None => Err(lacks_index(value).unwrap_or_else(|| {
                type_error("slice indices must be integers or None or have an __index__ method")
            })),
        },
    }
}

/// Start and end of a search in something of this length.
pub(crate) fn range(start: Option<&Value>, end: Option<&Value>, len: usize) -> Res<(usize, usize)> {
    let len = len as i64;
    let clamp = |bound: i64| {
        if bound < 0 {
            (bound + len).max(0)
        } else {
            bound
        }
    };
    let start = bound(start)?.map_or(0, clamp);
    let end = bound(end)?.map_or(len, |end| clamp(end).min(len));
    Ok((start as usize, end as usize))
}
