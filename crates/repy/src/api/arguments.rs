//! The border between programs and calls: how many arguments, of which types, within which bounds.
//!
//! Types are exact, as in the original: a bool is no integer, an instance of a class that extends `str` no string.
//! Nothing mutable passes the border but contexts of namespaces, which are meant to: the other arguments are numbers,
//! strings and functions, and lists and dictionaries that calls return are made for the caller. So the deep copies of
//! the original have nothing to copy here.

use num_traits::ToPrimitive;

use overlord_repy_machine::Machine;
use overlord_repy_machine::{Args, ExceptionKind, Res, Thrown, Value};

/// What an argument must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Parameter {
    /// A string.
    Text,
    /// A string of at most so many bytes.
    TextUpTo(usize),
    /// An int or long of at least this.
    Integer(i64),
    /// An int or long, or None.
    IntegerOrNone,
    /// An int, long or float that is not negative.
    Seconds,
    /// True or False.
    Flag,
    /// A function or method written in Repy, or a call of the API.
    Function,
    /// A dict or SafeDict.
    Context,
    /// Any number of anything; the last.
    Rest,
}

/// A wrong argument.
pub(crate) fn argument_error(message: impl Into<String>) -> Thrown {
    Thrown::new(ExceptionKind::RepyArgumentError, message)
}

/// Checks a call's arguments.
///
/// # Errors
/// RepyArgumentError that says what is wrong.
pub(crate) fn check(
    machine: &mut Machine,
    name: &str,
    parameters: &[Parameter],
    args: &Args<'_>,
) -> Res<()> {
    let name = original_name(name);
    if !args.keywords.is_empty() {
        return Err(argument_error(format!(
            "Keyword arguments not allowed when calling {name}."
        )));
    }
    let takes_rest = parameters.last() == Some(&Parameter::Rest);
    if args.len() != parameters.len() && !takes_rest {
        return Err(argument_error(format!(
            "Function '{name}' takes {} arguments, not {} as you provided.",
            parameters.len(),
            args.len()
        )));
    }
    for (parameter, value) in parameters.iter().zip(args.positional.iter()) {
        check_one(machine, *parameter, value)?;
    }
    Ok(())
}

/// What the original's messages call a call: the function behind it.
fn original_name(name: &str) -> &str {
    match name {
        "openfile" => "emulated_open",
        "getresources" => "get_resources",
        other => other,
    }
}

fn check_one(machine: &mut Machine, parameter: Parameter, value: &Value) -> Res<()> {
    let of_type = match parameter {
        Parameter::Text | Parameter::TextUpTo(_) => matches!(value, Value::Str(_)),
        Parameter::Integer(_) => matches!(value, Value::Int(_) | Value::Long(_)),
        Parameter::IntegerOrNone => {
            matches!(value, Value::Int(_) | Value::Long(_) | Value::None)
        }
        Parameter::Seconds => {
            matches!(value, Value::Int(_) | Value::Long(_) | Value::Float(_))
        }
        Parameter::Flag => matches!(value, Value::Bool(_)),
        Parameter::Function => match value {
            Value::Native(native) => native.is_of_host(),
            other => matches!(other, Value::Function(_) | Value::Method(_)),
        },
        Parameter::Context => {
            matches!(value, Value::Dict(_)) || overlord_repy_machine::safe_dict::of(value).is_some()
        }
        Parameter::Rest => true,
    };
    if !of_type {
        let class = Value::Class(machine.class_of(value));
        let mut message = b"Invalid type ".to_vec();
        message.extend(machine.str_of(&class)?);
        return Err(Thrown::with_bytes(
            ExceptionKind::RepyArgumentError,
            message,
        ));
    }
    match (parameter, value) {
        (Parameter::TextUpTo(most), Value::Str(text)) if text.len() > most => {
            Err(argument_error(format!("Max string length is {most}")))
        }
        (Parameter::Integer(least), value) if integer(value) < least => {
            Err(argument_error(format!("Min value is {least}.")))
        }
        // Not a number is no time either.
        (Parameter::Seconds, value) if seconds(value).is_nan() || seconds(value) < 0.0 => {
            Err(argument_error("Must be non-negative."))
        }
        _ => Ok(()),
    }
}

/// An integer argument. What is too large for the machine is as large as can be.
pub(crate) fn integer(value: &Value) -> i64 {
    match value {
        Value::Int(int) => *int,
        Value::Long(long) => match (long.to_i64(), long.sign()) {
            (Some(int), _) => int,
            (None, num_bigint::Sign::Minus) => i64::MIN,
            (None, _) => i64::MAX,
        },
        _ => 0,
    }
}

/// An argument that is a number of seconds.
pub(crate) fn seconds(value: &Value) -> f64 {
    match value {
        Value::Int(int) => *int as f64,
        Value::Long(long) => long.to_f64().unwrap_or(f64::INFINITY),
        Value::Float(float) => float.get(),
        _ => 0.0,
    }
}

/// A string argument.
pub(crate) fn text(value: Value) -> Vec<u8> {
    match value {
        Value::Str(text) => text.as_bytes().to_vec(),
        _ => Vec::new(),
    }
}

/// An argument that is True or False.
pub(crate) fn flag(value: &Value) -> bool {
    matches!(value, Value::Bool(truth) if truth.get())
}
