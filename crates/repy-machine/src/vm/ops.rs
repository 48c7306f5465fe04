//! Operators on values of any kind: arithmetic dispatch, truth, comparison, subscripts and slices.

use super::Machine;
use super::frame::Thread;
use crate::bytecode::{Code, Op, Site};
use crate::compare;
use crate::memory;
use crate::methods;
use crate::number;
use crate::object::cycles;
use crate::object::exception::{index_error, key_error, type_error};
use crate::object::{Payload, Res, Str, Value};
use crate::work;
use overlord_repy_syntax::ast::{BinaryOp, CompareOp, UnaryOp};

/// An operation on two ints whose result is an int; None if it is not, or is an error.
#[inline(always)]
pub(crate) fn int_op(op: BinaryOp, a: i64, b: i64) -> Option<i64> {
    match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Sub => a.checked_sub(b),
        _ => other_int_op(op, a, b),
    }
}

/// The part of [`int_op`] that would be too long where it is used.
#[inline(never)]
fn other_int_op(op: BinaryOp, a: i64, b: i64) -> Option<i64> {
    let result = match op {
        BinaryOp::Mul => a.checked_mul(b)?,
        BinaryOp::BitAnd => a & b,
        BinaryOp::BitOr => a | b,
        BinaryOp::BitXor => a ^ b,
        BinaryOp::RightShift if (0..64).contains(&b) => a >> b,
        BinaryOp::LeftShift if (0..63).contains(&b) => {
            let shifted = a << b;
            if shifted >> b != a {
                return None;
            }
            shifted
        }
        BinaryOp::Mod if b != 0 && b != -1 => {
            let rest = a % b;
            if rest != 0 && (rest ^ b) < 0 {
                rest + b
            } else {
                rest
            }
        }
        BinaryOp::Div | BinaryOp::FloorDiv if b != 0 && b != -1 => {
            let quotient = a / b;
            if a % b != 0 && (a ^ b) < 0 {
                quotient - 1
            } else {
                quotient
            }
        }
        _ => return None,
    };
    Some(result)
}

/// A frequent operation on two floats; None for others and errors.
#[inline(always)]
pub(crate) fn float_op(op: BinaryOp, a: f64, b: f64) -> Option<Value> {
    Some(Value::float(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div if b != 0.0 => a / b,
        _ => return None,
    }))
}

#[inline(always)]
pub(crate) fn compare_ints(op: CompareOp, a: i64, b: i64) -> bool {
    match op {
        CompareOp::Less => a < b,
        CompareOp::LessEqual => a <= b,
        CompareOp::Greater => a > b,
        CompareOp::GreaterEqual => a >= b,
        CompareOp::NotEqual => a != b,
        _ => a == b,
    }
}

#[inline(always)]
pub(crate) fn compare_floats(op: CompareOp, a: f64, b: f64) -> bool {
    match op {
        CompareOp::Less => a < b,
        CompareOp::LessEqual => a <= b,
        CompareOp::Greater => a > b,
        CompareOp::GreaterEqual => a >= b,
        CompareOp::NotEqual => a != b,
        _ => a == b,
    }
}

/// `left + right`, where the instruction at `pc` says what becomes of it: if it goes back into the variable that holds
/// `left`, that lets go of it first.
fn add_strings(
    thread: &mut Thread,
    code: &Code,
    pc: usize,
    base: usize,
    mut left: Str,
    right: &Str,
) -> Res {
    match code.ops.get(pc) {
        Some(Op::StoreLocal(slot)) => {
            let slot = &mut thread.stack[base + *slot as usize];
            if matches!(slot, Value::Str(held) if held.is_same(&left)) {
                *slot = Value::None;
            }
        }
        Some(Op::StoreGlobal(cache, _)) => {
            if let Site::Global { version, slot } = code.remembered(*cache)
                && let Some(frame) = thread.frames.last()
            {
                let mut globals = frame.function.globals.borrow_mut();
                let held = version == globals.version()
                    && matches!(globals.slot_value(slot as usize), Some(Value::Str(held)) if held.is_same(&left));
                if held {
                    globals.set_slot(slot as usize, Value::None);
                }
            }
        }
        _ => {}
    }
    let total = left.len().saturating_add(right.len());
    if total >= memory::SMALL {
        memory::room_for(total)?;
    }
    if left.len() > 64 && left.append(right.as_bytes()) {
        return Ok(Value::Str(left));
    }
    work::spend_bytes(total)?;
    Ok(Value::Str(Str::concat(left.as_bytes(), right.as_bytes())))
}

impl Machine<'_> {
    /// The truth of a value.
    pub(crate) fn is_true(&self, value: &Value) -> bool {
        match value {
            Value::Nil | Value::None => false,
            Value::Bool(b) => b.get(),
            Value::Int(int) => *int != 0,
            Value::Float(float) => float.get() != 0.0,
            Value::Long(long) => long.sign() != num_bigint::Sign::NoSign,
            Value::Complex(complex) => complex.0 != 0.0 || complex.1 != 0.0,
            Value::Str(string) => !string.is_empty(),
            Value::Tuple(tuple) => !tuple.is_empty(),
            Value::List(list) => list.len() != 0,
            Value::Dict(dict) => dict.borrow().len() != 0,
            Value::Set(set) | Value::FrozenSet(set) => set.borrow().len() != 0,
            Value::XRange(range) => range.len != 0,
            Value::View(view) => view.dict.borrow().len() != 0,
            Value::Host(host) => host
                .inner
                .mapping()
                .is_none_or(|mapping| !mapping.is_empty()),
            Value::Instance(instance) => match &instance.payload {
                Payload::Value(inner) => self.is_true(inner),
                _ => true,
            },
            _ => true,
        }
    }

    /// `a op b` where `a` is given up: strings grow in place when nothing else but the variable that is assigned
    /// next holds them.
    #[expect(
        clippy::too_many_arguments,
        reason = "what the interpreter loop knows about where it is"
    )]
    pub(super) fn binary_owned(
        &mut self,
        thread: &mut Thread,
        code: &Code,
        pc: usize,
        base: usize,
        op: BinaryOp,
        a: Value,
        b: &Value,
        in_place: bool,
    ) -> Res {
        match (op, a, b) {
            (BinaryOp::Add, Value::Str(left), Value::Str(right)) => {
                add_strings(thread, code, pc, base, left, right)
            }
            (_, a, _) if in_place => self.in_place(op, a, b),
            (_, a, _) => self.binary(op, &a, b),
        }
    }

    /// `a op b`.
    pub(crate) fn binary(&mut self, op: BinaryOp, a: &Value, b: &Value) -> Res {
        let floats = match (a, b) {
            (Value::Float(x), Value::Float(y)) => Some((x.get(), y.get())),
            (Value::Float(x), Value::Int(y)) => Some((x.get(), *y as f64)),
            (Value::Int(x), Value::Float(y)) => Some((*x as f64, y.get())),
            _ => None,
        };
        if let Some((x, y)) = floats
            && let Some(value) = float_op(op, x, y)
        {
            return Ok(value);
        }
        if let Some(result) = number::arithmetic(op, a.unwrapped(), b.unwrapped()) {
            return result;
        }
        methods::operators::binary(self, op, a, b)
    }

    /// `a op= b`.
    pub(crate) fn in_place(&mut self, op: BinaryOp, a: Value, b: &Value) -> Res {
        if let Some(result) = methods::operators::in_place(self, op, &a, b)? {
            return Ok(result);
        }
        match self.binary(op, &a, b) {
            Err(thrown) => Err(methods::operators::in_place_message(thrown, op)),
            done => done,
        }
    }

    /// `-x`, `+x`, `~x`.
    pub(crate) fn unary(&mut self, op: UnaryOp, value: &Value) -> Res {
        if let Some(result) = number::unary(op, value.unwrapped()) {
            return result;
        }
        let sign = match op {
            UnaryOp::Minus => "-",
            UnaryOp::Plus => "+",
            _ => "~",
        };
        if let Value::Instance(instance) = value
            && instance.class.is_old()
        {
            let method = match op {
                UnaryOp::Minus => "__neg__",
                UnaryOp::Plus => "__pos__",
                _ => "__invert__",
            };
            let name = instance.class.name.lossy();
            return Err(crate::object::exception::attribute_error(format!(
                "{name} instance has no attribute '{method}'"
            )));
        }
        Err(type_error(format!(
            "bad operand type for unary {sign}: '{}'",
            self.type_name(value)
        )))
    }

    /// The truth of `a op b`.
    pub(crate) fn compare_truth(&mut self, op: CompareOp, a: &Value, b: &Value) -> Res<bool> {
        match (op, a, b) {
            (CompareOp::Is, ..) => return Ok(a.is_same(b)),
            (CompareOp::IsNot, ..) => return Ok(!a.is_same(b)),
            (CompareOp::In, ..) => return self.contains(b, a),
            (CompareOp::NotIn, ..) => return Ok(!self.contains(b, a)?),
            (_, Value::Int(x), Value::Int(y)) => return Ok(compare_ints(op, *x, *y)),
            (CompareOp::Equal, Value::Str(x), Value::Str(y)) => {
                return compare::strings_equal(x, y);
            }
            (CompareOp::NotEqual, Value::Str(x), Value::Str(y)) => {
                return Ok(!compare::strings_equal(x, y)?);
            }
            (_, Value::Float(x), Value::Float(y)) => {
                return Ok(compare_floats(op, x.get(), y.get()));
            }
            _ => {}
        }
        compare::rich(op, a, b)
    }

    /// `item in container`.
    pub(crate) fn contains(&mut self, container: &Value, item: &Value) -> Res<bool> {
        match container.unwrapped() {
            Value::Str(string) => match item.unwrapped() {
                Value::Str(part) => {
                    work::spend_bytes(string.len())?;
                    Ok(crate::text::search::find(string.as_bytes(), part.as_bytes()).is_some())
                }
                other => Err(type_error(format!(
                    "'in <string>' requires string as left operand, not {}",
                    self.type_name(other)
                ))),
            },
            Value::List(list) => {
                let mut at = 0;
                work::spend(list.len() / 16)?;
                while let Some(held) = list.get(at) {
                    if compare::same_or_equal(&held, item)? {
                        return Ok(true);
                    }
                    at += 1;
                }
                Ok(false)
            }
            Value::Tuple(tuple) => {
                work::spend(tuple.len() / 16)?;
                for held in tuple.iter() {
                    if compare::same_or_equal(held, item)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Value::Dict(dict) => Ok(dict.borrow().get(item)?.is_some()),
            Value::Set(set) | Value::FrozenSet(set) => {
                let key = methods::set::frozen_key(item)?;
                set.borrow().contains(&key)
            }
            Value::View(view) => match view.kind {
                crate::object::ViewKind::Keys => Ok(view.dict.borrow().get(item)?.is_some()),
                _ => {
                    for held in view.items() {
                        if compare::same_or_equal(&held, item)? {
                            return Ok(true);
                        }
                    }
                    Ok(false)
                }
            },
            other => {
                if let Value::Host(host) = other
                    && let Some(mapping) = host.inner.mapping()
                {
                    return mapping.contains(item);
                }
                if !self.is_iterable(container) {
                    return Err(type_error(format!(
                        "argument of type '{}' is not iterable",
                        self.type_name(container)
                    )));
                }
                let iter = self.iter(container)?;
                loop {
                    match self.next_item(&iter)? {
                        Value::Nil => return Ok(false),
                        held if compare::same_or_equal(&held, item)? => return Ok(true),
                        _ => {}
                    }
                }
            }
        }
    }

    /// `object[index]`.
    pub(crate) fn subscript(&mut self, object: &Value, index: &Value) -> Res {
        match (object, index) {
            (Value::List(list), Value::Int(at)) => {
                let items = list.items.borrow();
                let at = if *at < 0 {
                    *at + items.len() as i64
                } else {
                    *at
                };
                return match usize::try_from(at).ok().and_then(|at| items.get(at)) {
                    Some(item) => Ok(item.clone()),
                    None => Err(index_error("list index out of range")),
                };
            }
            (Value::Tuple(tuple), Value::Int(at)) => {
                let at = if *at < 0 {
                    *at + tuple.len() as i64
                } else {
                    *at
                };
                return match usize::try_from(at).ok().and_then(|at| tuple.get(at)) {
                    Some(item) => Ok(item.clone()),
                    None => Err(index_error("tuple index out of range")),
                };
            }
            (Value::Dict(dict), key) => {
                return match dict.borrow().get(key)? {
                    Some(value) => Ok(value.clone()),
                    None => Err(key_error(key.clone())),
                };
            }
            (Value::Str(string), Value::Int(at)) => {
                let at = if *at < 0 {
                    *at + string.len() as i64
                } else {
                    *at
                };
                return match usize::try_from(at)
                    .ok()
                    .and_then(|at| string.as_bytes().get(at))
                {
                    Some(byte) => Ok(Value::Str(Str::from_byte(*byte))),
                    None => Err(index_error("string index out of range")),
                };
            }
            _ => {}
        }
        methods::subscript::get(self, object, index)
    }

    /// `object[index] = value`.
    pub(crate) fn store_subscript(
        &mut self,
        object: &Value,
        index: Value,
        value: Value,
    ) -> Res<()> {
        match (object, &index) {
            (Value::List(list), Value::Int(at)) => {
                cycles::put_into_list(list, &value);
                let mut items = list.items.borrow_mut();
                let at = if *at < 0 {
                    *at + items.len() as i64
                } else {
                    *at
                };
                let Some(slot) = usize::try_from(at).ok().and_then(|at| items.get_mut(at)) else {
                    return Err(index_error("list assignment index out of range"));
                };
                let old = std::mem::replace(slot, value);
                drop(items);
                drop(old);
                Ok(())
            }
            (Value::Dict(dict), _) => dict.set(index, value),
            _ => methods::subscript::set(self, object, index, value),
        }
    }

    /// `del object[index]`.
    pub(crate) fn delete_subscript(&mut self, object: &Value, index: &Value) -> Res<()> {
        methods::subscript::delete(self, object, index)
    }

    /// `object[low:high]`.
    pub(crate) fn slice(&mut self, object: &Value, low: &Value, high: &Value) -> Res {
        methods::subscript::slice(self, object, low, high)
    }

    /// `object[low:high] = value`.
    pub(crate) fn store_slice(
        &mut self,
        object: &Value,
        low: Value,
        high: Value,
        value: Value,
    ) -> Res<()> {
        methods::subscript::store_slice(self, object, low, high, Some(value))
    }

    /// `del object[low:high]`.
    pub(crate) fn delete_slice(&mut self, object: &Value, low: Value, high: Value) -> Res<()> {
        methods::subscript::store_slice(self, object, low, high, None)
    }
}
