//! The object model: what a Repy value is and what each kind of object holds.
//!
//! A [`Value`] is 16 bytes: small things (ints, floats, booleans) are held directly, everything else is a
//! counted reference. Counting gives what Python 2 programs rely on: destructors run and handles close at the
//! last reference. Arithmetic, comparison, printing and methods live in their own modules.

pub(crate) mod budget;
pub(crate) mod bytes;
pub(crate) mod class;
pub(crate) mod cycles;
pub(crate) mod deep_copy;
pub(crate) mod dict;
pub(crate) mod equality;
pub(crate) mod exception;
pub(crate) mod function;
pub(crate) mod hash;
pub(crate) mod instance;
pub(crate) mod iter;
pub(crate) mod list;
pub(crate) mod reclaim;
pub(crate) mod set;
pub(crate) mod tuple;

use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering as AtomicOrdering};

use num_bigint::BigInt;

use crate::number::Number;
pub use crate::string::Str;
pub(crate) use crate::symbol::{Interner, Sym};

pub(crate) use class::{Class, ClassKind, TypeTag};
pub use dict::Dict;
pub(crate) use dict::{DictObject, DictView, ViewKind};
pub use exception::{ExceptionKind, Thrown};
pub(crate) use exception::{Raised, Signal, TraceEntry};
pub use function::{Args, Arity};
pub(crate) use function::{
    BoundMethod, Cell, Code, Function, NativeBound, NativeCode, NativeFunction,
};
pub(crate) use instance::{Instance, Payload};
pub(crate) use iter::IterObject;
pub(crate) use list::ListObject;
pub(crate) use set::{Set, SetObject};
pub(crate) use tuple::TupleObject;

/// What every operation of the machine ends with: a value, or what was thrown.
pub type Res<T = Value> = Result<T, Thrown>;

/// A Repy value.
#[derive(Default)]
pub enum Value {
    // The order matters: what holds no reference comes first and what holds no other objects before what may, so that
    // one comparison tells them apart. Copying and dropping ask it all the time.
    /// No value: an unbound variable or an empty table slot. Programs never see it.
    #[default]
    Nil,
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(Truth),
    /// A small integer; results that do not fit become [`Value::Long`].
    Int(i64),
    /// A float.
    Float(Float),
    /// `Ellipsis`.
    Ellipsis,
    /// `NotImplemented`.
    NotImplemented,
    /// A byte string.
    Str(Str),
    /// A long integer (also small ones: `10L` stays long).
    Long(Rc<BigInt>),
    /// A complex number: real and imaginary part.
    Complex(Rc<(f64, f64)>),
    /// An xrange.
    XRange(Rc<XRange>),
    /// A tuple.
    Tuple(Rc<TupleObject>),
    /// A list.
    List(Rc<ListObject>),
    /// A dictionary.
    Dict(Rc<DictObject>),
    /// A mutable set.
    Set(Rc<SetObject>),
    /// An immutable set.
    FrozenSet(Rc<SetObject>),
    /// A slice object.
    Slice(Rc<SliceObject>),
    /// An iterator over a builtin container.
    Iter(Rc<IterObject>),
    /// What `dict.viewkeys()` and its like return.
    View(Rc<DictView>),
    /// A function written in Repy.
    Function(Rc<Function>),
    /// A method of a class written in Repy, bound or unbound.
    Method(Rc<BoundMethod>),
    /// A function of the machine or the host.
    Native(Rc<NativeFunction>),
    /// A native method bound to its object.
    NativeBound(Rc<NativeBound>),
    /// A class or builtin type.
    Class(Rc<Class>),
    /// An instance of a class (exceptions too).
    Instance(Rc<Instance>),
    /// An object of the host, such as a file or socket.
    Host(Rc<crate::machine::host::HostObject>),
    /// A variable shared by closures; lives in variable slots only.
    Cell(Rc<Cell>),
    /// An exception on its way, with its traceback; lives on the machine's stack only.
    Raised(Rc<Raised>),
}

/// A float as its bits.
///
/// Every variant of [`Value`] holds one 8-byte integer or pointer, so that the compiler passes values in two
/// registers; a float or a single byte among them would send all through memory.
#[derive(Clone, Copy)]
pub struct Float(u64);

impl Float {
    /// A float object of this number. Two that are not a number are two objects, which containers tell apart; they
    /// have no other property that could show, so each is told by its own bits.
    #[inline(always)]
    fn new(number: f64) -> Float {
        if number.is_nan() {
            return Float::new_nan();
        }
        Float(number.to_bits())
    }

    #[cold]
    fn new_nan() -> Float {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // What is left of 64 bits beside those that say "not a number"; so many are never made.
        const OWN_BITS: u64 = (1 << 51) - 1;
        let own = NEXT.fetch_add(1, AtomicOrdering::Relaxed) & OWN_BITS;
        Float(f64::NAN.to_bits() & !OWN_BITS | own)
    }

    /// The number.
    #[inline(always)]
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }

    fn to_bits(self) -> u64 {
        self.0
    }
}

impl From<Truth> for i64 {
    fn from(truth: Truth) -> i64 {
        i64::from(truth.get())
    }
}

/// A boolean as wide as the other variants (see [`Float`]).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Truth(u64);

impl Truth {
    /// The boolean.
    #[inline(always)]
    pub fn get(self) -> bool {
        self.0 != 0
    }
}

/// `slice(start, stop, step)`.
pub struct SliceObject {
    pub(crate) start: Value,
    pub(crate) stop: Value,
    pub(crate) step: Value,
}

impl Drop for SliceObject {
    fn drop(&mut self) {
        for part in [&mut self.start, &mut self.stop, &mut self.step] {
            reclaim::release_one(std::mem::take(part));
        }
    }
}

/// `xrange(start, stop, step)` with its length worked out.
#[derive(Clone, Copy)]
pub struct XRange {
    pub(crate) start: i64,
    pub(crate) step: i64,
    pub(crate) len: i64,
}

impl Value {
    /// A boolean.
    #[inline(always)]
    pub fn bool(truth: bool) -> Value {
        Value::Bool(Truth(u64::from(truth)))
    }

    /// A float.
    #[inline(always)]
    pub fn float(number: f64) -> Value {
        Value::Float(Float::new(number))
    }

    /// The string of these bytes.
    pub fn bytes(bytes: &[u8]) -> Value {
        Value::Str(Str::new(bytes))
    }

    /// The string of this text (UTF-8).
    pub fn text(text: &str) -> Value {
        Value::Str(Str::new(text.as_bytes()))
    }

    /// A string that takes over `bytes`.
    pub fn from_vec(bytes: Vec<u8>) -> Value {
        Value::Str(Str::from_vec(bytes))
    }

    /// A list of these values.
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(Rc::new(ListObject::new(items)))
    }

    /// A tuple of these values.
    pub fn tuple(items: Vec<Value>) -> Value {
        if items.is_empty() {
            return Value::Tuple(TupleObject::empty());
        }
        Value::Tuple(Rc::new(TupleObject::new(items)))
    }

    /// A pair.
    pub fn pair(first: Value, second: Value) -> Value {
        Value::Tuple(Rc::new(TupleObject::pair(first, second)))
    }

    /// A dictionary.
    pub fn dict(dict: Dict) -> Value {
        Value::Dict(Rc::new(DictObject::new(dict)))
    }

    /// A set of these values.
    ///
    /// # Errors
    /// TypeError if one cannot be hashed, and whatever a comparison of the program throws.
    pub fn set(items: impl IntoIterator<Item = Value>) -> Res {
        let mut set = Set::new();
        for item in items {
            set.add(item)?;
        }
        Ok(Value::Set(Rc::new(SetObject::new(set))))
    }

    /// A long, whatever its size.
    pub(crate) fn long(value: BigInt) -> Value {
        Value::Long(Rc::new(value))
    }

    /// An int if it fits, else a long: what int arithmetic yields.
    pub(crate) fn int_or_long(value: BigInt) -> Value {
        match i64::try_from(&value) {
            Ok(small) => Value::Int(small),
            Err(_) => Value::long(value),
        }
    }

    /// An int if it fits, else a long.
    pub fn from_i128(value: i128) -> Value {
        match i64::try_from(value) {
            Ok(small) => Value::Int(small),
            Err(_) => Value::long(BigInt::from(value)),
        }
    }

    /// The number it is, if it is one.
    pub(crate) fn number(&self) -> Option<Number<'_>> {
        Some(match self {
            Value::Int(int) => Number::Int(*int),
            Value::Bool(b) => Number::Int(i64::from(*b)),
            Value::Long(long) => Number::Long(long),
            Value::Float(float) => Number::Float(float.get()),
            Value::Complex(complex) => Number::Complex(**complex),
            _ => return None,
        })
    }

    /// Whether it is held directly: dropping it gives nothing back.
    #[inline(always)]
    pub(crate) fn is_direct(&self) -> bool {
        matches!(
            self,
            Value::Nil
                | Value::None
                | Value::Bool(_)
                | Value::Int(_)
                | Value::Float(_)
                | Value::Ellipsis
                | Value::NotImplemented
        )
    }

    /// Drops the value. What is held directly costs a comparison here, and a call where the compiler does it.
    #[inline(always)]
    pub(crate) fn discard(self) {
        if self.is_direct() {
            std::mem::forget(self);
        } else {
            drop(self);
        }
    }

    /// Whether this is `None`.
    pub fn is_none(&self) -> bool {
        matches!(self, Value::None)
    }

    pub(crate) fn is_nil(&self) -> bool {
        matches!(self, Value::Nil)
    }

    /// `a is b`: identity. Numbers held directly are identical when equal, as CPython's cached small ints are.
    pub fn is_same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::None, Value::None)
            | (Value::Nil, Value::Nil)
            | (Value::Ellipsis, Value::Ellipsis)
            | (Value::NotImplemented, Value::NotImplemented) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
            (Value::Tuple(a), Value::Tuple(b)) => {
                Rc::ptr_eq(a, b) || (a.is_empty() && b.is_empty())
            }
            (Value::Str(a), Value::Str(b)) => {
                a.is_same(b) || (a.len() <= 1 && a.as_bytes() == b.as_bytes())
            }
            (Value::Method(a), Value::Method(b)) => Rc::ptr_eq(a, b),
            _ => match (self.address(), other.address()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        }
    }

    /// Where the object lives; None for values held directly.
    pub(crate) fn address(&self) -> Option<usize> {
        fn of<T>(rc: &Rc<T>) -> Option<usize> {
            Some(Rc::as_ptr(rc).cast::<u8>() as usize)
        }
        match self {
            Value::Nil
            | Value::None
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Ellipsis
            | Value::NotImplemented => None,
            Value::Str(s) => Some(s.address()),
            Value::Long(rc) => of(rc),
            Value::Complex(rc) => of(rc),
            Value::Tuple(rc) => of(rc),
            Value::List(rc) => of(rc),
            Value::Dict(rc) => of(rc),
            Value::Set(rc) | Value::FrozenSet(rc) => of(rc),
            Value::Slice(rc) => of(rc),
            Value::XRange(rc) => of(rc),
            Value::Iter(rc) => of(rc),
            Value::View(rc) => of(rc),
            Value::Function(rc) => of(rc),
            Value::Method(rc) => of(rc),
            Value::Native(rc) => of(rc),
            Value::NativeBound(rc) => of(rc),
            Value::Class(rc) => of(rc),
            Value::Instance(rc) => rc.identity(),
            Value::Host(rc) => of(rc),
            Value::Cell(rc) => of(rc),
            Value::Raised(rc) => of(rc),
        }
    }

    /// What `id()` shows: an address, or for values held directly a number made from the value.
    pub(crate) fn id(&self) -> i64 {
        const DIRECT: i64 = 0x1000_0000;
        match self {
            Value::None => DIRECT,
            Value::Bool(b) => DIRECT + 16 + 16 * i64::from(*b),
            Value::Ellipsis => DIRECT + 48,
            Value::NotImplemented => DIRECT + 64,
            Value::Int(i) => i.wrapping_mul(24).wrapping_add(0x2000_0000) & i64::MAX,
            Value::Float(f) => (f.to_bits() >> 1) as i64 | 1,
            Value::Str(s) if s.is_empty() => DIRECT + 80,
            other => other.address().unwrap_or(0) as i64,
        }
    }

    /// Which builtin type the value is of. An instance of a class that extends a builtin type is `Instance`.
    pub(crate) fn tag(&self) -> TypeTag {
        match self {
            Value::Nil | Value::Cell(_) | Value::Raised(_) | Value::None => TypeTag::None,
            Value::Bool(_) => TypeTag::Bool,
            Value::Int(_) => TypeTag::Int,
            Value::Float(_) => TypeTag::Float,
            Value::Str(_) => TypeTag::Str,
            Value::Long(_) => TypeTag::Long,
            Value::Complex(_) => TypeTag::Complex,
            Value::Tuple(_) => TypeTag::Tuple,
            Value::List(_) => TypeTag::List,
            Value::Dict(_) => TypeTag::Dict,
            Value::Set(_) => TypeTag::Set,
            Value::FrozenSet(_) => TypeTag::FrozenSet,
            Value::Slice(_) => TypeTag::Slice,
            Value::XRange(_) => TypeTag::XRange,
            Value::Iter(iter) => iter.type_tag(),
            Value::View(view) => view.type_tag(),
            Value::Function(_) => TypeTag::Function,
            Value::Method(_) => TypeTag::Method,
            Value::Native(native) => native.type_tag(),
            Value::NativeBound(_) => TypeTag::NativeFunction,
            Value::Class(class) => class.metatype_tag(),
            Value::Instance(_) => TypeTag::Instance,
            Value::Host(_) => TypeTag::Host,
            Value::Ellipsis => TypeTag::Ellipsis,
            Value::NotImplemented => TypeTag::NotImplemented,
        }
    }

    /// The value itself, or what an instance of a class that extends a builtin type holds.
    pub(crate) fn unwrapped(&self) -> &Value {
        match self {
            Value::Instance(instance) => match &instance.payload {
                Payload::Value(inner) => inner,
                _ => self,
            },
            _ => self,
        }
    }
}

impl Clone for Value {
    /// The compiler makes two cases of it, copying and counting.
    #[inline]
    fn clone(&self) -> Value {
        match self {
            Value::Nil => Value::Nil,
            Value::None => Value::None,
            Value::Bool(b) => Value::Bool(*b),
            Value::Int(int) => Value::Int(*int),
            Value::Float(float) => Value::Float(*float),
            Value::Str(x) => Value::Str(x.clone()),
            Value::Long(x) => Value::Long(x.clone()),
            Value::Complex(x) => Value::Complex(x.clone()),
            Value::Tuple(x) => Value::Tuple(x.clone()),
            Value::List(x) => Value::List(x.clone()),
            Value::Dict(x) => Value::Dict(x.clone()),
            Value::Set(x) => Value::Set(x.clone()),
            Value::FrozenSet(x) => Value::FrozenSet(x.clone()),
            Value::Slice(x) => Value::Slice(x.clone()),
            Value::XRange(x) => Value::XRange(x.clone()),
            Value::Iter(x) => Value::Iter(x.clone()),
            Value::View(x) => Value::View(x.clone()),
            Value::Function(x) => Value::Function(x.clone()),
            Value::Method(x) => Value::Method(x.clone()),
            Value::Native(x) => Value::Native(x.clone()),
            Value::NativeBound(x) => Value::NativeBound(x.clone()),
            Value::Class(x) => Value::Class(x.clone()),
            Value::Instance(x) => Value::Instance(x.clone()),
            Value::Host(x) => Value::Host(x.clone()),
            Value::Ellipsis => Value::Ellipsis,
            Value::NotImplemented => Value::NotImplemented,
            Value::Cell(x) => Value::Cell(x.clone()),
            Value::Raised(x) => Value::Raised(x.clone()),
        }
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Int(i) => write!(f, "Int({i})"),
            Value::Float(x) => write!(f, "Float({})", x.get()),
            Value::Bool(b) => write!(f, "Bool({})", b.get()),
            Value::Str(s) => write!(f, "Str({:?})", String::from_utf8_lossy(s.as_bytes())),
            other => write!(f, "{}", other.tag().name()),
        }
    }
}
