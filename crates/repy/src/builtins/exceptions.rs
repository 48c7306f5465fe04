//! What exception instances hold, and the methods they inherit.

use crate::methods::{Entry, repr_method, str_method};
use crate::object::exception::{ExceptionPart, type_error};
use crate::object::symbol::known;
use crate::object::{Args, Arity, Class, ExceptionKind, Res, Sym, Value};
use crate::vm::Machine;

/// The builtin exception a class is or inherits from.
fn builtin_kind(class: &Class) -> Option<ExceptionKind> {
    class.exception.or_else(|| {
        class
            .ancestors
            .borrow()
            .iter()
            .find_map(|ancestor| match ancestor {
                Value::Class(class) => class.exception,
                _ => None,
            })
    })
}

fn inherits(mut kind: ExceptionKind, wanted: ExceptionKind) -> bool {
    loop {
        if kind == wanted {
            return true;
        }
        match kind.parent() {
            Some(parent) => kind = parent,
            None => return false,
        }
    }
}

/// A new instance's part. `init` is false if the class has an `__init__` of its own, which may or may not call the
/// builtin one.
pub(crate) fn part(class: &Class, args: Vec<Value>, init: bool) -> ExceptionPart {
    let mut part = ExceptionPart {
        args: Value::tuple(Vec::new()),
        message: Value::bytes(b""),
        extra: Vec::new(),
    };
    if init {
        if class.exception == Some(ExceptionKind::StopIteration) && args.is_empty() {
            return part;
        }
        fill(&mut part, class, args);
    }
    part
}

/// What `BaseException.__init__` and its like do.
fn fill(part: &mut ExceptionPart, class: &Class, mut args: Vec<Value>) {
    if let [only] = &args[..] {
        part.message = only.clone();
    }
    let kind = builtin_kind(class).unwrap_or(ExceptionKind::Exception);
    if inherits(kind, ExceptionKind::EnvironmentError) {
        let mut extra = vec![Value::None, Value::None, Value::None];
        if let 2 | 3 = args.len() {
            for (slot, arg) in extra.iter_mut().zip(&args) {
                *slot = arg.clone();
            }
            args.truncate(2);
        }
        part.extra = [known::errno, known::strerror, known::filename]
            .into_iter()
            .zip(extra)
            .collect();
    } else if kind == ExceptionKind::SystemExit {
        let code = match &args[..] {
            [] => Value::None,
            [only] => only.clone(),
            _ => Value::tuple(args.clone()),
        };
        part.extra = vec![(known::code, code)];
    }
    part.args = Value::tuple(args);
}

/// `e.args`, `e.message` and such.
pub(crate) fn member(part: &ExceptionPart, name: Sym) -> Option<Value> {
    match name {
        known::args => Some(part.args.clone()),
        known::message => Some(part.message.clone()),
        _ => part
            .extra
            .iter()
            .find(|(own, _)| *own == name)
            .map(|(_, value)| value.clone()),
    }
}

/// Whether an attribute of this name may belong to the exception part.
pub(crate) fn is_member(name: Sym) -> bool {
    matches!(
        name,
        known::args
            | known::message
            | known::errno
            | known::strerror
            | known::filename
            | known::code
    )
}

/// Sets a member; the old value is returned.
pub(crate) fn set_member(part: &mut ExceptionPart, name: Sym, value: Value) -> Value {
    match name {
        known::args => std::mem::replace(&mut part.args, value),
        known::message => std::mem::replace(&mut part.message, value),
        _ => match part.extra.iter_mut().find(|(own, _)| *own == name) {
            Some((_, old)) => std::mem::replace(old, value),
            None => {
                part.extra.push((name, value));
                Value::Nil
            }
        },
    }
}

fn init(machine: &mut Machine, call: &mut Args<'_>) -> Res {
    if !call.keywords.is_empty() {
        let name = machine.type_name(call.get(0).unwrap_or(&Value::None));
        return Err(type_error(format!(
            "{name} does not take keyword arguments"
        )));
    }
    let args: Vec<Value> = call.positional.iter().skip(1).cloned().collect();
    if let Some(Value::Instance(instance)) = call.get(0)
        && let Some(part) = instance.exception()
    {
        let class = instance.class.clone();
        let mut part = part.borrow_mut();
        let before = (part.args.clone(), part.message.clone());
        if args.len() != 1 {
            part.message = Value::bytes(b"");
        }
        fill(&mut part, &class, args);
        drop(part);
        drop(before);
    }
    Ok(Value::None)
}

pub(crate) const METHODS: &[Entry] = &[
    ("__init__", Arity::Any, init),
    ("__repr__", Arity::Zero, repr_method),
    ("__str__", Arity::Zero, str_method),
];
