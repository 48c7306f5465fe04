//! CPython 2.7's hashes (64-bit, not randomised): they decide the order of dictionaries and sets.

use super::exception::type_error;
use super::{Payload, Res, SetObject, Thrown, Value};
use crate::depth;
use crate::number::hash::{avoid, hash_float, hash_long};
use crate::work;

/// Levels of tuples that are hashed for each level of depth left: they take little native stack.
const LEVELS_FOR_ONE: u32 = 2;

/// The hash of a value, or TypeError if it has none.
#[inline]
pub(crate) fn hash_value(value: &Value) -> Res<i64> {
    match value {
        Value::Str(string) => Ok(string.hash()),
        Value::Int(int) => Ok(if *int == -1 { -2 } else { *int }),
        other => hash_nested(other, LEVELS_FOR_ONE * depth::left()),
    }
}

fn hash_nested(value: &Value, left: u32) -> Res<i64> {
    if left == 0 {
        return Err(depth::too_deep("").into());
    }
    work::spend(1)?;
    Ok(match value {
        Value::Str(string) => string.hash(),
        Value::Int(int) => avoid(*int),
        Value::Bool(b) => i64::from(*b),
        Value::Float(float) => hash_float(float.get()),
        Value::Long(long) => {
            work::spend_steps(long.bits() / 64)?;
            hash_long(long)
        }
        Value::Complex(complex) => {
            avoid(hash_float(complex.0).wrapping_add(hash_float(complex.1).wrapping_mul(1_000_003)))
        }
        Value::Tuple(tuple) => {
            let mut x: i64 = 0x345678;
            let mut mult: i64 = 1_000_003;
            for (at, item) in tuple.iter().enumerate() {
                let rest = (tuple.len() - at - 1) as i64;
                x = (x ^ hash_nested(item, left - 1)?).wrapping_mul(mult);
                mult = mult.wrapping_add(82_520 + rest + rest);
            }
            avoid(x.wrapping_add(97_531))
        }
        Value::FrozenSet(set) => hash_frozen(set),
        Value::List(_) => return Err(unhashable("list")),
        Value::Dict(_) => return Err(unhashable("dict")),
        Value::Set(_) => return Err(unhashable("set")),
        Value::Slice(_) => return Err(type_error("unhashable type")),
        Value::View(view) if view.kind != super::ViewKind::Values => {
            return Err(unhashable(view.type_tag().name()));
        }
        Value::Instance(instance) => match &instance.payload {
            Payload::Value(inner @ (Value::List(_) | Value::Dict(_) | Value::Set(_))) => {
                let _ = inner;
                return Err(unhashable(&instance.class.name.lossy()));
            }
            Payload::Value(Value::Nil) => hash_address(value.id()),
            Payload::Value(inner) => hash_nested(inner, left - 1)?,
            _ => hash_address(value.id()),
        },
        Value::Method(method) => {
            let receiver = if method.receiver.is_nil() {
                0
            } else {
                hash_address(method.receiver.id())
            };
            avoid(receiver ^ hash_address(method.function.id()))
        }
        Value::NativeBound(bound) => avoid(
            hash_nested(&bound.receiver, left - 1)?
                ^ hash_address(std::rc::Rc::as_ptr(&bound.native) as i64),
        ),
        other => hash_address(other.id()),
    })
}

fn unhashable(name: &str) -> Thrown {
    type_error(format!("unhashable type: '{name}'"))
}

fn hash_address(id: i64) -> i64 {
    avoid((id as u64).rotate_right(4) as i64)
}

fn hash_frozen(object: &SetObject) -> i64 {
    if object.hash.get() != -1 {
        return object.hash.get();
    }
    let set = object.borrow();
    let mut hash: i64 = 1_927_868_237i64.wrapping_mul(set.len() as i64 + 1);
    for (_, h) in set.hashed() {
        hash ^= (h ^ (h << 16) ^ 89_869_747).wrapping_mul(3_644_798_167);
    }
    hash = hash.wrapping_mul(69_069).wrapping_add(907_133_923);
    if hash == -1 {
        hash = 590_923_713;
    }
    object.hash.set(hash);
    hash
}
