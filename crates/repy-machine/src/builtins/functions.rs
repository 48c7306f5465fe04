//! Builtin functions of one or two values.

use num_bigint::BigInt;
use num_traits::Signed;
use overlord_bug::bug;

use crate::arithmetic;
use crate::machine::Machine;
use crate::methods::signature::functions;
use crate::methods::{Entry, args};
use crate::number::{Number, complex, long};
use crate::object::exception::{attribute_error, overflow_error, type_error};
use crate::object::{Args, Arity, ClassKind, Res, Str, Thrown, TypeTag, Value};
use overlord_repy_syntax::ast::BinaryOp;

fn abs(machine: &mut Machine, value: Value) -> Res {
    Ok(match value.unwrapped().number() {
        Some(Number::Int(int)) => Value::from_i128(i128::from(int).abs()),
        Some(Number::Long(long)) => Value::long(long.abs()),
        Some(Number::Float(float)) => Value::float(float.abs()),
        Some(Number::Complex(parts)) => Value::float(complex::absolute(parts)?),
        None => {
            if let Value::Instance(instance) = &value
                && instance.class.is_old()
            {
                let name = instance.class.name.lossy();
                return Err(attribute_error(format!(
                    "{name} instance has no attribute '__abs__'"
                )));
            }
            return Err(type_error(format!(
                "bad operand type for abs(): '{}'",
                machine.type_name(&value)
            )));
        }
    })
}

fn chr(_machine: &mut Machine, code: &Value) -> Res {
    super::types::chr(args::integer(code)?)
}

fn ord(machine: &mut Machine, value: Value) -> Res {
    match value.unwrapped() {
        Value::Str(string) => match string.as_bytes() {
            [byte] => Ok(Value::Int(i64::from(*byte))),
            bytes => Err(type_error(format!(
                "ord() expected a character, but string of length {} found",
                bytes.len()
            ))),
        },
        _ => Err(type_error(format!(
            "ord() expected string of length 1, but {} found",
            machine.type_name(&value)
        ))),
    }
}

fn cmp(_machine: &mut Machine, a: Value, b: Value) -> Res {
    Ok(Value::Int(crate::compare::order(&a, &b)? as i64))
}

fn divmod(machine: &mut Machine, a: Value, b: Value) -> Res {
    match arithmetic::divmod(a.unwrapped(), b.unwrapped()) {
        Some(result) => result,
        None => Err(type_error(format!(
            "unsupported operand type(s) for divmod(): '{}' and '{}'",
            machine.type_name(&a),
            machine.type_name(&b)
        ))),
    }
}

fn pow(machine: &mut Machine, a: Value, b: Value, modulus: Option<Value>) -> Res {
    match modulus {
        None | Some(Value::None) => machine.binary(BinaryOp::Pow, &a, &b),
        Some(modulus) => {
            arithmetic::power_modulo(a.unwrapped(), b.unwrapped(), modulus.unwrapped())
        }
    }
}

fn in_radix(value: &Value, radix: u32, prefix: &str, function: &str) -> Res {
    if let Some(thrown) = args::lacks(value, &format!("__{function}__")) {
        return Err(thrown);
    }
    let (digits, suffix) = match value.unwrapped().number() {
        Some(Number::Int(int)) => (BigInt::from(int).to_str_radix(radix), ""),
        Some(Number::Long(long)) => (long::to_radix(long, radix)?, "L"),
        _ => {
            return Err(type_error(format!(
                "{function}() argument can't be converted to {function}"
            )));
        }
    };
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits.as_str()),
    };
    // Octal zero has no second zero.
    let prefix = if radix == 8 && digits == "0" {
        ""
    } else {
        prefix
    };
    let length = sign.len() + prefix.len() + digits.len() + suffix.len();
    crate::memory::reserve(length)?;
    let mut text = Vec::with_capacity(length);
    for part in [sign, prefix, digits, suffix] {
        text.extend_from_slice(part.as_bytes());
    }
    Ok(Value::from_vec(text))
}

fn hex(_machine: &mut Machine, value: Value) -> Res {
    in_radix(&value, 16, "0x", "hex")
}

fn oct(_machine: &mut Machine, value: Value) -> Res {
    in_radix(&value, 8, "0", "oct")
}

fn id(_machine: &mut Machine, value: Value) -> Res {
    Ok(Value::Int(value.id()))
}

fn len(machine: &mut Machine, value: &Value) -> Res {
    let len = match value.unwrapped() {
        Value::Str(string) => string.len(),
        Value::List(list) => list.len(),
        Value::Tuple(tuple) => tuple.len(),
        Value::Dict(dict) => dict.borrow().len(),
        Value::Set(set) | Value::FrozenSet(set) => set.borrow().len(),
        Value::XRange(range) => range.len as usize,
        Value::View(view) => view.dict.borrow().len(),
        Value::Host(host) if host.inner.mapping().is_some() => {
            host.inner.mapping().map_or(0, |mapping| mapping.len())
        }
        Value::Instance(instance) if instance.class.is_old() => {
            let name = instance.class.name.lossy();
            return Err(attribute_error(format!(
                "{name} instance has no attribute '__len__'"
            )));
        }
        _ => {
            return Err(type_error(format!(
                "object of type '{}' has no len()",
                machine.type_name(value)
            )));
        }
    };
    Ok(Value::Int(len as i64))
}

fn repr(machine: &mut Machine, value: Value) -> Res {
    Ok(Value::from_vec(machine.repr_of(&value)?))
}

/// `type(value)`: for types the function itself, so that the type of types stays hidden.
fn type_of(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    if call.len() != 1 || !call.keywords.is_empty() {
        return Err(Thrown::run_builtin(
            "type() may only take exactly one non-keyword argument.",
        ));
    }
    let value = call.take(0);
    if let Value::Native(native) = &value
        && std::rc::Rc::ptr_eq(native, &machine.type_function)
    {
        return Ok(value);
    }
    match &value {
        Value::Class(class) if !class.is_old() => Ok(Value::Native(machine.type_function.clone())),
        other if crate::machine::safe_dict::of(other).is_some() => {
            let name = crate::object::Str::new(crate::machine::safe_dict::NAME.as_bytes());
            let class = machine.builtins.borrow().get_name(&name).cloned();
            class.ok_or_else(|| Thrown::bug(bug!("SafeDict is no builtin")))
        }
        other => Ok(Value::Class(machine.class_of(other))),
    }
}

fn isinstance(machine: &mut Machine, value: Value, wanted: Value) -> Res {
    Ok(Value::bool(is_instance(machine, &value, &wanted, 0)?))
}

fn is_instance(machine: &Machine, value: &Value, wanted: &Value, depth: u32) -> Res<bool> {
    crate::work::spend(1)?;
    match wanted {
        Value::Class(class) => Ok(machine.is_instance_of(value, class)),
        class if crate::machine::safe_dict::is_class(class) => {
            Ok(crate::machine::safe_dict::of(value).is_some())
        }
        Value::Tuple(tuple) if depth < 100 => {
            for one in tuple.iter() {
                if is_instance(machine, value, one, depth + 1)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Err(type_error(
            "isinstance() arg 2 must be a class, type, or tuple of classes and types",
        )),
    }
}

fn issubclass(_machine: &mut Machine, class: Value, wanted: Value) -> Res {
    let Value::Class(class) = class else {
        return Err(type_error("issubclass() arg 1 must be a class"));
    };
    Ok(Value::bool(is_subclass(&class, &wanted, 0)?))
}

fn is_subclass(class: &std::rc::Rc<crate::object::Class>, wanted: &Value, depth: u32) -> Res<bool> {
    crate::work::spend(1)?;
    match wanted {
        Value::Class(other) => {
            let plain = other.kind == ClassKind::Builtin
                && other.layout == TypeTag::Object
                && other.exception.is_none();
            Ok(class.is_subclass_of(other) || (plain && !class.is_old()))
        }
        Value::Tuple(tuple) if depth < 100 => {
            for one in tuple.iter() {
                if is_subclass(class, one, depth + 1)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Err(type_error(
            "issubclass() arg 2 must be a class or tuple of classes",
        )),
    }
}

fn round(machine: &mut Machine, given: &mut [Value], keywords: &[(Str, Value)]) -> Res {
    let mut values = [Value::Nil, Value::Nil];
    for (value, given) in values.iter_mut().zip(given) {
        *value = std::mem::take(given);
    }
    for (name, value) in keywords {
        let at = match name.as_bytes() {
            b"number" => 0,
            b"ndigits" => 1,
            _ => {
                return Err(type_error(format!(
                    "'{}' is an invalid keyword argument for this function",
                    name.lossy()
                )));
            }
        };
        values[at] = value.clone();
    }
    let [value, digits] = values;
    let number = match value.unwrapped().number() {
        _ if value.is_nil() => {
            return Err(type_error("Required argument 'number' (pos 1) not found"));
        }
        Some(Number::Complex(_)) | None => {
            if let Some(thrown) = args::lacks(&value, "__float__") {
                return Err(thrown);
            }
            return Err(match value.unwrapped() {
                Value::Complex(_) => type_error("can't convert complex to float"),
                _ => type_error("a float is required"),
            });
        }
        Some(number) => number.to_float()?,
    };
    let digits = match &digits {
        Value::Nil => 0,
        other => match arithmetic::as_index(other) {
            Some(Ok(digits)) => digits,
            Some(Err(())) if arithmetic::is_negative(other) => i64::MIN,
            Some(Err(())) => i64::MAX,
            None => {
                let name = machine.type_name(other);
                return Err(args::lacks_index(other).unwrap_or_else(|| {
                    type_error(format!("'{name}' object cannot be interpreted as an index"))
                }));
            }
        },
    };
    rounded(number, digits).map(Value::float)
}

/// Rounds to a number of decimals, halves away from zero, decided on the exact value.
pub(crate) fn rounded(value: f64, digits: i64) -> Res<f64> {
    if !value.is_finite() || digits > 323 || value == 0.0 {
        return Ok(value);
    }
    if digits < -309 {
        return Ok(0.0 * value);
    }
    if digits < 0 {
        let unit = num_traits::pow(BigInt::from(10), digits.unsigned_abs() as usize);
        let whole = long::from_float(value.abs()).unwrap_or_default();
        let (quotient, rest) = (&whole / &unit, &whole % &unit);
        let up = &rest * 2 >= unit;
        let result = long::to_float(&((quotient + i32::from(up)) * unit))
            .map_err(|_| overflow_error("rounded value too large to represent"))?;
        return Ok(result.copysign(value));
    }
    let places = digits as usize;
    // The value is half-way exactly if its last binary digit is the one after the last decimal place.
    let bits = value.to_bits();
    let raw = ((bits >> 52) & 0x7ff) as i64;
    let mantissa = if raw == 0 {
        bits & ((1 << 52) - 1)
    } else {
        (bits & ((1 << 52) - 1)) | (1 << 52)
    };
    let lowest = raw.max(1) - 1075 + i64::from(mantissa.trailing_zeros());
    let text = if lowest == -(digits + 1) {
        // One more decimal is exact and a five; replacing it by the next digit up rounds away from zero.
        let exact = format!("{:.*}", places + 1, value.abs());
        let up = format!("{}9", exact.get(..exact.len() - 1).unwrap_or("0"));
        decimal_up(&up, places)
    } else {
        format!("{:.places$}", value.abs())
    };
    let result: f64 = text.parse().unwrap_or(value);
    Ok(result.copysign(value))
}

/// Rounds decimal text whose last digit is a nine up to one digit fewer.
fn decimal_up(text: &str, places: usize) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let kept = digits.get(..digits.len() - 1).unwrap_or("0");
    let mut number = BigInt::parse_bytes(kept.as_bytes(), 10).unwrap_or_default();
    number += 1;
    format!("{number}e-{places}")
}

functions! {
    /// Builtin functions of one or two values.
    FUNCTIONS {
        "abs"(value) Arity::One => abs;
        "chr"(code) Arity::Parse(1, 1) => chr;
        "cmp"(a, b) Arity::Unpack(2, 2) => cmp;
        "divmod"(a, b) Arity::Unpack(2, 2) => divmod;
        "hex"(value) Arity::One => hex;
        "id"(value) Arity::One => id;
        "isinstance"(value, wanted) Arity::Unpack(2, 2) => isinstance;
        "issubclass"(class, wanted) Arity::Unpack(2, 2) => issubclass;
        "len"(value) Arity::One => len;
        "oct"(value) Arity::One => oct;
        "ord"(value) Arity::One => ord;
        "pow"(a, b, modulus) Arity::Unpack(2, 3) => pow;
        "repr"(value) Arity::One => repr;
        "round"(..) Arity::Any => round;
    }
}

/// `type`, kept apart because the machine must know it.
pub(crate) const TYPE: Entry = ("type", Arity::Any, type_of);
