//! Things that can be called, and the variables closures share.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Class, DictObject, Res, Str, Sym, TypeTag, Value, reclaim};
use crate::bytecode;
use crate::machine::Machine;

/// A compiled block of a program.
pub(crate) type Code = bytecode::Code<Value>;

/// A variable that outlives its function because an inner function uses it.
pub struct Cell {
    pub(crate) value: RefCell<Value>,
}

impl Cell {
    pub(crate) fn new(value: Value) -> Rc<Cell> {
        Rc::new(Cell {
            value: RefCell::new(value),
        })
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        reclaim::release_one(std::mem::take(self.value.get_mut()));
    }
}

/// A function written in Repy.
pub struct Function {
    pub(crate) code: Rc<Code>,
    pub(crate) globals: Rc<DictObject>,
    pub(crate) defaults: Vec<Value>,
    pub(crate) closure: Vec<Rc<Cell>>,
    /// Attributes given to the function (`f.counter = 0`).
    pub(crate) attrs: RefCell<Vec<(Sym, Value)>>,
}

impl Drop for Function {
    fn drop(&mut self) {
        reclaim::release(std::mem::take(&mut self.defaults));
        if self.attrs.get_mut().is_empty() {
            return;
        }
        reclaim::release(
            self.attrs
                .get_mut()
                .drain(..)
                .map(|(_, value)| value)
                .collect(),
        );
    }
}

/// A method: a function found in a class, with the instance it is to be called on (`Nil` if unbound).
pub struct BoundMethod {
    pub(crate) function: Value,
    pub(crate) receiver: Value,
    pub(crate) class: Rc<Class>,
}

impl Drop for BoundMethod {
    fn drop(&mut self) {
        reclaim::release_one(std::mem::take(&mut self.function));
        reclaim::release_one(std::mem::take(&mut self.receiver));
    }
}

/// The arguments of a native call. For a method the receiver comes first.
pub struct Args<'a> {
    /// Positional arguments; may be taken out with [`std::mem::take`].
    pub positional: &'a mut [Value],
    /// Keyword arguments in the order of the call.
    pub keywords: &'a [(Str, Value)],
}

impl Args<'_> {
    /// Takes the argument at `index` out; `Nil`... that is, the default value, if there is none.
    pub fn take(&mut self, index: usize) -> Value {
        self.positional
            .get_mut(index)
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// How many positional arguments there are.
    pub fn len(&self) -> usize {
        self.positional.len()
    }

    /// Whether there are no positional arguments.
    pub fn is_empty(&self) -> bool {
        self.positional.is_empty()
    }

    /// The argument at `index`, or None.
    pub fn get(&self, index: usize) -> Option<&Value> {
        self.positional.get(index)
    }
}

/// Native code behind a function.
pub(crate) type NativeCall = fn(&mut Machine, &mut Args<'_>) -> Res;

/// Host code behind a function.
pub(crate) type HostCall = Box<dyn Fn(&mut Machine, &mut Args<'_>) -> Res>;

/// How many arguments a native function takes, the receiver not counted, and how CPython complains otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arity {
    /// Anything, keywords too; the function looks itself.
    Any,
    /// Any number, but no keywords.
    Positional,
    /// "takes no arguments (1 given)".
    Zero,
    /// "takes exactly one argument (2 given)".
    One,
    /// "takes at least 1 argument (0 given)": fewest and most.
    Parse(u8, u8),
    /// "expected at least 1 arguments, got 0": fewest and most.
    Unpack(u8, u8),
}

pub(crate) enum NativeCode {
    Plain(NativeCall),
    Host(HostCall),
}

/// What the interpreter loop does itself when it meets the function, if all is as usual.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shortcut {
    None,
    /// `list.append`.
    Append,
}

/// A function of the machine or the host.
pub struct NativeFunction {
    pub(crate) name: String,
    pub(crate) code: NativeCode,
    pub(crate) arity: Arity,
    /// The type whose method this is; None for plain functions.
    pub(crate) owner: Option<TypeTag>,
    pub(crate) shortcut: Shortcut,
}

impl NativeFunction {
    /// Whether it is the host's, made by [`Machine::host_function`].
    pub fn is_of_host(&self) -> bool {
        matches!(self.code, NativeCode::Host(_))
    }

    pub(crate) fn type_tag(&self) -> TypeTag {
        match self.owner {
            None => TypeTag::NativeFunction,
            Some(_) if self.name.starts_with("__") => TypeTag::Wrapper,
            Some(_) => TypeTag::MethodDescriptor,
        }
    }
}

/// A native method bound to its object.
pub struct NativeBound {
    pub(crate) native: Rc<NativeFunction>,
    pub(crate) receiver: Value,
}

impl Drop for NativeBound {
    fn drop(&mut self) {
        reclaim::release_one(std::mem::take(&mut self.receiver));
    }
}
