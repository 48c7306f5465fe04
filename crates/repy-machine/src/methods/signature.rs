//! How a builtin method gets what it is called on and its arguments: with their types, from the table that names it.
//! Functions get theirs in the same way.
//!
//! A table made by [`methods!`] says what its methods are called on, and for each the arguments and how many there may
//! be; one made by [`functions!`] the same without the receiver. By the time one is called the machine has checked both ([`Machine::call_native`]: the receiver by the owner that
//! the table is entered for, the number by the [`Arity`]), and has complained as CPython does. What is not as it must be
//! after that is a mistake of ours, and a bug.
//!
//! Types of arguments are those of CPython's argument parsing: any object (`&Value`, or `Value` if the method keeps it),
//! a count or position ([`SignedSize`]), a C int (`i32`), each in an `Option` if it may be left out. They are read from left
//! to right before the method begins, as there.
//!
//! [`Machine::call_native`]: crate::machine::Machine

use std::rc::Rc;

use overlord_bug::bug;

use super::args;
use crate::object::function::NativeCall;
use crate::object::{
    Arity, Class, DictObject, ListObject, Res, SetObject, SliceObject, Str, Thrown, TupleObject,
    Value,
};

/// A method as the tables list it.
pub(crate) type Entry = (&'static str, Arity, NativeCall);

/// What a method can be called on.
pub(crate) trait Receiver<'a>: Sized {
    /// The object in a value, None if it is another's.
    fn of(value: &'a Value) -> Option<Self>;
}

/// Receivers that are the object of one kind of value, or of an instance that extends it.
macro_rules! receivers {
    ($($object:ty: $variant:ident;)*) => {
        $(impl<'a> Receiver<'a> for &'a $object {
            #[inline(always)]
            fn of(value: &'a Value) -> Option<Self> {
                match value.unwrapped() {
                    Value::$variant(object) => Some(object),
                    _ => None,
                }
            }
        })*
    };
}

receivers! {
    Str: Str;
    Rc<ListObject>: List;
    Rc<TupleObject>: Tuple;
    Rc<DictObject>: Dict;
    Rc<SliceObject>: Slice;
    Rc<(f64, f64)>: Complex;
}

/// Of what any type has.
impl<'a> Receiver<'a> for &'a Value {
    #[inline(always)]
    fn of(value: &'a Value) -> Option<Self> {
        Some(value)
    }
}

impl<'a> Receiver<'a> for f64 {
    #[inline(always)]
    fn of(value: &'a Value) -> Option<Self> {
        match value.unwrapped() {
            Value::Float(float) => Some(float.get()),
            _ => None,
        }
    }
}

/// A set or frozenset, or an instance that extends one.
#[derive(Clone, Copy)]
pub(crate) struct AnySet<'a> {
    pub(crate) object: &'a Rc<SetObject>,
    pub(crate) is_frozen: bool,
    /// The class of the instance that it is, if it is one of a class that extends the type.
    pub(crate) class: Option<&'a Rc<Class>>,
}

/// The class of an instance, which extends the type of what is in it.
pub(crate) fn class_of_instance(value: &Value) -> Option<&Rc<Class>> {
    match value {
        Value::Instance(instance) => Some(&instance.class),
        _ => None,
    }
}

impl<'a> Receiver<'a> for AnySet<'a> {
    #[inline(always)]
    fn of(value: &'a Value) -> Option<Self> {
        let held = value.unwrapped();
        let (object, is_frozen) = match held {
            Value::Set(set) => (set, false),
            Value::FrozenSet(set) => (set, true),
            _ => return None,
        };
        Some(AnySet {
            object,
            is_frozen,
            class: class_of_instance(value),
        })
    }
}

/// A mutable set: what methods that change one are called on.
impl<'a> Receiver<'a> for &'a Rc<SetObject> {
    #[inline(always)]
    fn of(value: &'a Value) -> Option<Self> {
        match value.unwrapped() {
            Value::Set(set) => Some(set),
            _ => None,
        }
    }
}

/// What an argument can be read as.
pub(crate) trait Argument<'a>: Sized {
    /// Reads what was given in its place.
    fn read(given: Option<&'a mut Value>) -> Res<Self>;
}

impl<'a> Argument<'a> for &'a Value {
    #[inline(always)]
    fn read(given: Option<&'a mut Value>) -> Res<Self> {
        match given {
            Some(value) => Ok(value),
            None => Err(missing()),
        }
    }
}

/// Moved out of its place: for what is kept.
impl<'a> Argument<'a> for Value {
    #[inline(always)]
    fn read(given: Option<&'a mut Value>) -> Res<Self> {
        match given {
            Some(value) => Ok(std::mem::take(value)),
            None => Err(missing()),
        }
    }
}

/// Where it lies: for what may be taken.
impl<'a> Argument<'a> for &'a mut Value {
    #[inline(always)]
    fn read(given: Option<&'a mut Value>) -> Res<Self> {
        given.ok_or_else(missing)
    }
}

impl<'a, T: Argument<'a>> Argument<'a> for Option<T> {
    #[inline(always)]
    fn read(given: Option<&'a mut Value>) -> Res<Self> {
        match given {
            Some(_) => T::read(given).map(Some),
            None => Ok(None),
        }
    }
}

/// A count or position (`n`).
#[derive(Clone, Copy)]
pub(crate) struct SignedSize(pub(crate) i64);

impl<'a> Argument<'a> for SignedSize {
    fn read(given: Option<&'a mut Value>) -> Res<Self> {
        args::index(<&Value>::read(given)?).map(SignedSize)
    }
}

/// A C int (`i`).
impl<'a> Argument<'a> for i32 {
    fn read(given: Option<&'a mut Value>) -> Res<Self> {
        args::c_int(<&Value>::read(given)?)
    }
}

#[cold]
fn missing() -> Thrown {
    Thrown::bug(bug!(
        "a native function was called without an argument that its arity asks for"
    ))
}

/// What a method is called on, and its arguments.
#[inline(always)]
pub(crate) fn receiver<'a, R: Receiver<'a>>(
    positional: &'a mut [Value],
) -> Res<(R, &'a mut [Value])> {
    match positional.split_first_mut() {
        Some((first, rest)) => {
            let first: &'a Value = first;
            match R::of(first) {
                Some(receiver) => Ok((receiver, rest)),
                None => Err(wrong::<R>(Some(first))),
            }
        }
        None => Err(wrong::<R>(None)),
    }
}

#[cold]
fn wrong<R>(found: Option<&Value>) -> Thrown {
    let wanted = std::any::type_name::<R>();
    Thrown::bug(bug!(
        "a method of {wanted} was called on {found:?}, which call_native lets through"
    ))
}

/// A table of methods: what they are called on, and for each its name, its arguments, how many there may be, and the
/// function. Of `(..)` the function looks at the arguments and keywords itself.
macro_rules! methods {
    ($(#[$doc:meta])* $table:ident of $receiver:ty {
        $($name:literal $arguments:tt $arity:expr => $function:path;)*
    }) => {
        $(#[$doc])*
        pub(crate) const $table: &[$crate::methods::signature::Entry] = &[$((
            $name,
            $arity,
            |machine, call| $crate::methods::signature::call_method!(
                machine, call, $receiver, $function, $arguments
            ),
        )),*];
    };
}
pub(crate) use methods;

/// One call by a table of [`methods!`].
macro_rules! call_method {
    ($machine:ident, $call:ident, $receiver:ty, $function:path, ()) => {{
        let (receiver, _) = $crate::methods::signature::receiver::<$receiver>($call.positional)?;
        $function($machine, receiver)
    }};
    ($machine:ident, $call:ident, $receiver:ty, $function:path, (..)) => {{
        let (receiver, rest) = $crate::methods::signature::receiver::<$receiver>($call.positional)?;
        $function($machine, receiver, rest, $call.keywords)
    }};
    ($machine:ident, $call:ident, $receiver:ty, $function:path, ($($argument:ident),+)) => {{
        let (receiver, rest) = $crate::methods::signature::receiver::<$receiver>($call.positional)?;
        let mut rest = rest.iter_mut();
        $(let $argument = $crate::methods::signature::Argument::read(rest.next())?;)+
        $function($machine, receiver, $($argument),+)
    }};
}
pub(crate) use call_method;

/// A table of functions, as [`methods!`] without what they are called on.
macro_rules! functions {
    ($(#[$doc:meta])* $table:ident {
        $($name:literal $arguments:tt $arity:expr => $function:path;)*
    }) => {
        $(#[$doc])*
        pub(crate) const $table: &[$crate::methods::signature::Entry] = &[$((
            $name,
            $arity,
            |machine, call| $crate::methods::signature::call_function!(
                machine, call, $function, $arguments
            ),
        )),*];
    };
}
pub(crate) use functions;

/// One call by a table of [`functions!`].
macro_rules! call_function {
    ($machine:ident, $call:ident, $function:path, (..)) => {
        $function($machine, $call.positional, $call.keywords)
    };
    ($machine:ident, $call:ident, $function:path, ($($argument:ident),+)) => {{
        let mut given = $call.positional.iter_mut();
        $(let $argument = $crate::methods::signature::Argument::read(given.next())?;)+
        $function($machine, $($argument),+)
    }};
}
pub(crate) use call_function;

#[cfg(test)]
mod tests {
    use super::*;

    /// What the panic of a bug says.
    fn panic_of(run: impl FnOnce() + std::panic::UnwindSafe) -> String {
        let panic = std::panic::catch_unwind(run).unwrap_err();
        panic.downcast_ref::<String>().cloned().unwrap_or_default()
    }

    #[test]
    fn a_receiver_of_another_type_is_a_bug_and_not_an_empty_list() {
        let text = panic_of(|| {
            let mut given = [Value::Int(3)];
            let _ = receiver::<&Rc<ListObject>>(&mut given);
        });
        assert!(
            text.contains("ListObject") && text.contains("Int(3)"),
            "{text}"
        );
    }

    #[test]
    fn an_argument_that_the_arity_asks_for_and_nobody_gave_is_a_bug() {
        let text = panic_of(|| {
            let _ = <&Value>::read(None);
        });
        assert!(text.contains("without an argument"), "{text}");
        assert!(matches!(Option::<Value>::read(None), Ok(None)));
    }
}
