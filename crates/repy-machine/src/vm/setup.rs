//! A new machine: the builtin types, exceptions and names.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{METHOD_CACHE, Machine, MethodEntry};
use crate::builtins::{self, exceptions, functions, iteration, safe_dict};
use crate::machine::safe_dict::NAME;
use crate::methods::{self, Entry};
use crate::object::budget::Budget;
use crate::object::class::SymMap;
use crate::object::function::Shortcut;
use crate::object::instance::Shapes;
use crate::object::{
    Args, Arity, Class, ClassKind, Dict, DictObject, ExceptionKind, Interner, NativeCode,
    NativeFunction, Res, Str, Thrown, TypeTag, Value,
};

/// A machine with everything in it.
pub(super) fn machine(budget: Rc<Budget>) -> Machine<'static> {
    let mut names = Interner::new();
    let mut next_version = 0;
    let mut types: Vec<Rc<Class>> = Vec::with_capacity(TypeTag::ALL.len());
    for &tag in TypeTag::ALL {
        let ancestors = match tag {
            TypeTag::Object => Vec::new(),
            TypeTag::Bool => vec![types[TypeTag::Int as usize].clone()],
            _ => Vec::new(),
        };
        let mut bases: Vec<Value> = ancestors.into_iter().map(Value::Class).collect();
        if tag != TypeTag::Object {
            bases.push(Value::Class(types[TypeTag::Object as usize].clone()));
        }
        next_version += 1;
        let attrs = method_table(tag, &mut names);
        types.push(new_class(
            tag.name(),
            None,
            tag,
            None,
            bases,
            attrs,
            next_version,
        ));
    }
    let mut exceptions: Vec<Rc<Class>> = Vec::with_capacity(ExceptionKind::ALL.len());
    for &kind in ExceptionKind::ALL {
        let mut ancestors = Vec::new();
        let mut at = kind.parent();
        while let Some(parent) = at {
            ancestors.push(Value::Class(exceptions[parent as usize].clone()));
            at = parent.parent();
        }
        ancestors.push(Value::Class(types[TypeTag::Object as usize].clone()));
        let mut attrs = SymMap::default();
        if kind == ExceptionKind::BaseException {
            for table in [exceptions::METHODS, methods::SHOWN, methods::TOLD] {
                add_methods(&mut attrs, table, Some(TypeTag::Exception), &mut names);
            }
        }
        next_version += 1;
        let class = new_class(
            kind.name(),
            Some(kind.module()),
            TypeTag::Exception,
            Some(kind),
            ancestors,
            attrs,
            next_version,
        );
        exceptions.push(class);
    }
    let type_function = native(&functions::TYPE, None);
    let mut machine = Machine {
        names,
        shapes: Shapes::new(),
        types,
        exceptions,
        builtins: Rc::new(DictObject::default()),
        type_function,
        method_cache: vec![MethodEntry::default(); METHOD_CACHE],
        next_version,
        stop: Arc::new(AtomicBool::new(false)),
        turn_over: None,
        call_over: None,
        turn_given_up: false,
        has_finalizers: false,
        finalizes_since: 0,
        outer_frames: 0,
        showing: Vec::new(),
        spare: Vec::new(),
        nested_wait: None,
        nested_turn: None,
        nested_budget: 0,
        stack: None,
        warnings: None,
        instructions: 0,
        budget,
    };
    machine.add_builtins();
    machine
}

fn native(entry: &Entry, owner: Option<TypeTag>) -> Rc<NativeFunction> {
    let (name, arity, call) = *entry;
    Rc::new(NativeFunction {
        name: name.to_owned(),
        code: NativeCode::Plain(call),
        arity,
        owner,
        shortcut: match (owner, name) {
            (Some(TypeTag::List), "append") => Shortcut::Append,
            _ => Shortcut::None,
        },
    })
}

fn add_methods(
    attrs: &mut SymMap<Value>,
    table: &[Entry],
    owner: Option<TypeTag>,
    names: &mut Interner,
) {
    for entry in table {
        attrs.insert(
            names.intern(entry.0.as_bytes()),
            Value::Native(native(entry, owner)),
        );
    }
}

fn method_table(tag: TypeTag, names: &mut Interner) -> SymMap<Value> {
    let (own, class_methods): (&[&[Entry]], &[Entry]) = match tag {
        TypeTag::Object => (&[methods::OBJECT], &[]),
        TypeTag::Str => (
            &[methods::string::METHODS, methods::string_shape::METHODS],
            &[],
        ),
        TypeTag::List => (
            &[methods::list::METHODS, methods::ITERABLE, methods::SHOWN],
            &[],
        ),
        TypeTag::Tuple => (&[methods::list::TUPLE, methods::ITERABLE], &[]),
        TypeTag::Dict => (
            &[methods::dict::METHODS, methods::ITERABLE, methods::SHOWN],
            methods::dict::CLASS_METHODS,
        ),
        TypeTag::Set => (
            &[
                methods::set::COMMON,
                methods::set::MUTABLE,
                methods::ITERABLE,
                methods::SHOWN,
            ],
            &[],
        ),
        TypeTag::FrozenSet => (
            &[methods::set::COMMON, methods::ITERABLE, methods::SHOWN],
            &[],
        ),
        TypeTag::Int | TypeTag::Long => (&[methods::number::INT], &[]),
        TypeTag::Float => (&[methods::number::FLOAT], methods::number::FLOAT_CLASS),
        TypeTag::Complex => (&[methods::number::COMPLEX], &[]),
        TypeTag::Slice => (&[methods::number::SLICE], &[]),
        TypeTag::KeysView | TypeTag::ValuesView | TypeTag::ItemsView | TypeTag::XRange => {
            (&[methods::ITERABLE], &[])
        }
        TypeTag::ListIterator
        | TypeTag::TupleIterator
        | TypeTag::StrIterator
        | TypeTag::RangeIterator
        | TypeTag::SetIterator
        | TypeTag::KeyIterator
        | TypeTag::ValueIterator
        | TypeTag::ItemIterator => (&[methods::ITERATOR, methods::ITERABLE], &[]),
        _ => (&[], &[]),
    };
    let mut attrs = SymMap::default();
    for table in own {
        add_methods(&mut attrs, table, Some(tag), names);
    }
    add_methods(&mut attrs, class_methods, None, names);
    attrs
}

fn new_class(
    name: &str,
    module: Option<&'static str>,
    layout: TypeTag,
    exception: Option<ExceptionKind>,
    ancestors: Vec<Value>,
    attrs: SymMap<Value>,
    version: u32,
) -> Rc<Class> {
    Rc::new(Class {
        name: Str::new(name.as_bytes()),
        module,
        kind: ClassKind::Builtin,
        machine: 0,
        layout,
        bases: RefCell::new(ancestors.first().cloned().into_iter().collect()),
        ancestors: RefCell::new(ancestors),
        attrs: RefCell::new(attrs),
        subclasses: RefCell::default(),
        version: Cell::new(version),
        root_shape: Cell::new(0),
        slot_hint: Cell::new(0),
        has_del: Cell::new(false),
        exception,
    })
}

impl Machine<'_> {
    fn add_builtin(&mut self, name: &str, value: Value) {
        let sym = self.names.intern(name.as_bytes());
        let name = self.names.string(sym);
        self.builtins.borrow_mut().insert_name(&name, value);
    }

    fn add_builtins(&mut self) {
        for tag in [
            TypeTag::Bool,
            TypeTag::Complex,
            TypeTag::Dict,
            TypeTag::Float,
            TypeTag::FrozenSet,
            TypeTag::Int,
            TypeTag::List,
            TypeTag::Long,
            TypeTag::Object,
            TypeTag::Set,
            TypeTag::Slice,
            TypeTag::Str,
            TypeTag::Tuple,
            TypeTag::XRange,
        ] {
            let class = self.type_class(tag);
            self.add_builtin(tag.name(), Value::Class(class));
        }
        for entry in functions::FUNCTIONS.iter().chain(iteration::FUNCTIONS) {
            self.add_builtin(entry.0, Value::Native(native(entry, None)));
        }
        let type_function = Value::Native(self.type_function.clone());
        self.add_builtin("type", type_function);
        let safe_dict: Entry = (NAME, Arity::Any, safe_dict::construct);
        self.add_builtin(NAME, Value::Native(native(&safe_dict, None)));
        for class in self.exceptions.clone() {
            self.add_builtin(&class.name.lossy(), Value::Class(class.clone()));
        }
        for name in builtins::REFUSED {
            let refuse = self.host_function(name, move |machine, args| {
                Err(refuse_call(machine, name, args)?)
            });
            self.add_builtin(name, refuse);
        }
        for name in builtins::EMPTY {
            self.add_builtin(name, Value::bytes(b""));
        }
        self.add_builtin("True", Value::bool(true));
        self.add_builtin("False", Value::bool(false));
        self.add_builtin("None", Value::None);
        self.add_builtin("Ellipsis", Value::Ellipsis);
        self.add_builtin("NotImplemented", Value::NotImplemented);
        self.add_builtin("__debug__", Value::bool(true));
    }
}

/// What calling a builtin that Repy does not have throws: the call and its arguments, as in the original.
fn refuse_call(machine: &mut Machine, name: &str, args: &Args<'_>) -> Res<Thrown> {
    let mut keywords = Dict::new();
    for (keyword, value) in args.keywords {
        keywords.insert(Value::Str(keyword.clone()), value.clone())?;
    }
    let mut message = format!("Unsafe call '{name}' with args '").into_bytes();
    message.extend(machine.repr_of(&Value::tuple(args.positional.to_vec()))?);
    message.extend(b"', kwargs '");
    message.extend(machine.repr_of(&Value::dict(keywords))?);
    message.push(b'\'');
    Ok(Thrown::with_bytes(
        ExceptionKind::RunBuiltinException,
        message,
    ))
}
