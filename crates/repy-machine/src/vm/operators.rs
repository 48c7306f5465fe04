//! Operators of expressions on values of any kind: truth, arithmetic, comparison. What they do to two numbers is in
//! [`crate::arithmetic`], to objects of the builtin types in [`crate::methods`].

use crate::arithmetic;
use crate::bytecode::{Op, Site};
use crate::compare;
use crate::machine::Machine;
use crate::machine::frame::Thread;
use crate::memory;
use crate::methods;
use crate::number::direct::{compare_floats, compare_ints, float_op};
use crate::object::equality;
use crate::object::exception::type_error;
use crate::object::{Code, Payload, Res, Str, Value};
use crate::work;
use overlord_repy_syntax::ast::{BinaryOp, CompareOp, UnaryOp};

/// `left + right`, where the instruction at `pc` says where it goes: if it goes back into the variable that holds
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
            && let Some(float) = float_op(op, x, y)
        {
            return Ok(Value::float(float));
        }
        if let Some(result) = arithmetic::arithmetic(op, a.unwrapped(), b.unwrapped()) {
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
        if let Some(result) = arithmetic::unary(op, value.unwrapped()) {
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
                return equality::strings_equal(x, y);
            }
            (CompareOp::NotEqual, Value::Str(x), Value::Str(y)) => {
                return Ok(!equality::strings_equal(x, y)?);
            }
            (_, Value::Float(x), Value::Float(y)) => {
                return Ok(compare_floats(op, x.get(), y.get()));
            }
            _ => {}
        }
        compare::rich(op, a, b)
    }
}
