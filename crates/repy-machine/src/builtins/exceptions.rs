//! What exception instances hold, and the methods they inherit.

use std::cell::RefCell;
use std::rc::Rc;

use crate::machine::Machine;
use crate::methods::args::integer;
use crate::methods::signature::{Receiver, methods};
use crate::object::cycles;
use crate::object::exception::{ExceptionPart, index_error, type_error};
use crate::object::{Arity, Class, ExceptionKind, Instance, Res, Str, Sym, Value};
use crate::symbol::known;

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
///
/// # Errors
/// If the class wants other arguments.
pub(crate) fn part(class: &Class, args: Vec<Value>, init: bool) -> Res<ExceptionPart> {
    let mut part = plain_part(Vec::new());
    if init {
        fill(&mut part, class, args)?;
    }
    Ok(part)
}

/// The part of an exception whose class adds nothing to it, as of all that the machine raises by itself.
pub(crate) fn plain_part(args: Vec<Value>) -> ExceptionPart {
    ExceptionPart {
        message: match &args[..] {
            [only] => only.clone(),
            _ => Value::bytes(b""),
        },
        args: Value::tuple(args),
        extra: Vec::new(),
    }
}

/// What `BaseException.__init__` and its like do.
fn fill(part: &mut ExceptionPart, class: &Class, mut args: Vec<Value>) -> Res<()> {
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
    } else if inherits(kind, ExceptionKind::SyntaxError) {
        part.extra = syntax_error(&args)?;
    } else if let Some(fields) = unicode_error(kind) {
        part.extra = unicode_fields(&args, fields)?;
    }
    part.args = Value::tuple(args);
    Ok(())
}

/// What a SyntaxError tells: its message, and the place if it is given one.
fn syntax_error(args: &[Value]) -> Res<Vec<(Sym, Value)>> {
    let mut extra = vec![
        (known::msg, args.first().cloned().unwrap_or(Value::None)),
        (known::filename, Value::None),
        (known::lineno, Value::None),
        (known::offset, Value::None),
        (known::text, Value::None),
        (known::print_file_and_line, Value::None),
    ];
    if let [_, place] = args {
        let place = match place.unwrapped() {
            Value::Tuple(tuple) => tuple.to_vec(),
            Value::List(list) => list.to_vec(),
            other => {
                return Err(type_error(format!(
                    "'{}' object is not iterable",
                    other.tag().name()
                )));
            }
        };
        if place.len() != 4 {
            return Err(index_error("tuple index out of range"));
        }
        for ((_, slot), value) in extra.iter_mut().skip(1).zip(place) {
            *slot = value;
        }
    }
    Ok(extra)
}

/// What an argument of a UnicodeError's must be: `str`, a number, or `unicode`, which Repy has not.
#[derive(Clone, Copy)]
enum Field {
    Text,
    Unicode,
    Number,
}

/// The arguments of the classes that tell of text that could not be translated.
fn unicode_error(kind: ExceptionKind) -> Option<&'static [(Sym, Field)]> {
    const DECODE: &[(Sym, Field)] = &[
        (known::encoding, Field::Text),
        (known::object, Field::Text),
        (known::start, Field::Number),
        (known::end, Field::Number),
        (known::reason, Field::Text),
    ];
    const ENCODE: &[(Sym, Field)] = &[
        (known::encoding, Field::Text),
        (known::object, Field::Unicode),
        (known::start, Field::Number),
        (known::end, Field::Number),
        (known::reason, Field::Text),
    ];
    const TRANSLATE: &[(Sym, Field)] = &[
        (known::object, Field::Unicode),
        (known::start, Field::Number),
        (known::end, Field::Number),
        (known::reason, Field::Text),
    ];
    match kind {
        ExceptionKind::UnicodeDecodeError => Some(DECODE),
        ExceptionKind::UnicodeEncodeError => Some(ENCODE),
        ExceptionKind::UnicodeTranslateError => Some(TRANSLATE),
        _ => None,
    }
}

fn unicode_fields(args: &[Value], fields: &[(Sym, Field)]) -> Res<Vec<(Sym, Value)>> {
    if args.len() != fields.len() {
        return Err(type_error(format!(
            "function takes exactly {} arguments ({} given)",
            fields.len(),
            args.len()
        )));
    }
    let mut extra = Vec::with_capacity(args.len());
    for (at, (value, (name, field))) in args.iter().zip(fields).enumerate() {
        let wanted = match field {
            Field::Text => "str",
            Field::Unicode => "unicode",
            Field::Number => {
                extra.push((*name, Value::Int(integer(value)?)));
                continue;
            }
        };
        if !matches!((field, value.unwrapped()), (Field::Text, Value::Str(_))) {
            return Err(type_error(format!(
                "argument {} must be {wanted}, not {}",
                at + 1,
                value.unwrapped().tag().name()
            )));
        }
        extra.push((*name, value.clone()));
    }
    Ok(extra)
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

/// Whether an attribute of this name belongs to the exception part.
pub(crate) fn holds(part: &ExceptionPart, name: Sym) -> bool {
    part.extra.iter().any(|(own, _)| *own == name)
        || matches!(
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

/// An exception, and what it holds as one.
struct Exception<'a> {
    instance: &'a Rc<Instance>,
    part: &'a RefCell<ExceptionPart>,
}

impl<'a> Receiver<'a> for Exception<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::Instance(instance) => Some(Exception {
                instance,
                part: instance.exception()?,
            }),
            _ => None,
        }
    }
}

fn init(
    machine: &mut Machine,
    exception: Exception<'_>,
    given: &mut [Value],
    keywords: &[(Str, Value)],
) -> Res {
    let Exception { instance, part } = exception;
    if !keywords.is_empty() {
        let name = machine.type_name(&Value::Instance(instance.clone()));
        return Err(type_error(format!(
            "{name} does not take keyword arguments"
        )));
    }
    let args = given.to_vec();
    let class = instance.class.clone();
    for value in &args {
        cycles::put_into_instance(instance, value);
    }
    let mut part = part.borrow_mut();
    let before = (part.args.clone(), part.message.clone());
    if args.len() != 1 {
        part.message = Value::bytes(b"");
    }
    let filled = fill(&mut part, &class, args);
    drop(part);
    drop(before);
    filled?;
    Ok(Value::None)
}

methods! {
    /// Methods of exceptions.
    METHODS of Exception<'_> {
        "__init__"(..) Arity::Any => init;
    }
}
