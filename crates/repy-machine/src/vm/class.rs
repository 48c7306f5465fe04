//! Classes: making them and their instances, changing them, and of which one a value is.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::machine::Machine;
use crate::machine::frame::{Then, Thread};
use crate::object::class::SymMap;
use crate::object::cycles;
use crate::object::exception::{attribute_error, overflow_error, type_error};
use crate::object::{
    Args, Class, ClassKind, Dict, DictObject, ExceptionKind, Function, Instance, Payload, Res, Set,
    SetObject, Str, Sym, Thrown, TypeTag, Value,
};
use crate::symbol::known;

impl Machine<'_> {
    /// Starts a class body, with the bases in a tuple on top of the stack; the class is made when it ends.
    pub(super) fn enter_class_body(
        &mut self,
        thread: &mut Thread,
        function: Rc<Function>,
    ) -> Res<()> {
        let keep = thread.stack.len();
        self.push_frame(thread, function, keep, keep, Then::Class)?;
        if let Some(frame) = thread.frames.last_mut() {
            frame.rare = Some(Box::new(crate::machine::frame::Rare {
                names: Some(DictObject::namespace()),
                ..Default::default()
            }));
        }
        Ok(())
    }

    /// The class of a finished body.
    pub(super) fn make_class(&mut self, name: Str, names: &DictObject, bases: Vec<Value>) -> Res {
        let mut new_style = false;
        let mut layout = TypeTag::Object;
        let mut exception = None;
        for base in &bases {
            let Value::Class(class) = base else {
                return Err(self.bad_base(base));
            };
            if class.kind != ClassKind::Old {
                new_style = true;
                if class.layout != TypeTag::Object {
                    if layout != TypeTag::Object && layout != class.layout {
                        return Err(type_error(
                            "Error when calling the metaclass bases\n    multiple bases have instance lay-out conflict",
                        ));
                    }
                    layout = class.layout;
                }
                if class.kind == ClassKind::Builtin && !can_extend(class) {
                    return Err(type_error(format!(
                        "Error when calling the metaclass bases\n    type '{}' is not an acceptable base type",
                        class.name.lossy()
                    )));
                }
                exception = exception.or(class.exception);
            }
        }
        // Whichever builtin exception comes first decides what the instance holds; the class itself is none.
        let _ = exception;
        let mut attrs: SymMap<Value> = SymMap::default();
        for (key, value) in names.borrow().iter() {
            if let Value::Str(key) = key {
                attrs.insert(self.names.intern_str(key), value.clone());
            }
        }
        let ancestors = if new_style {
            self.c3(&name, &bases)?
        } else {
            depth_first(&bases)
        };
        let inherits_del = ancestors
            .iter()
            .any(|base| matches!(base, Value::Class(class) if class.has_del.get()));
        let has_del = inherits_del || attrs.contains_key(&known::del);
        self.has_finalizers |= has_del;
        let class = Rc::new(Class {
            name,
            module: None,
            kind: if new_style {
                ClassKind::New
            } else {
                ClassKind::Old
            },
            machine: self.budget.machine(),
            layout,
            bases: RefCell::new(bases),
            ancestors: RefCell::new(ancestors),
            attrs: RefCell::new(attrs),
            subclasses: RefCell::default(),
            version: Cell::new(self.fresh_version()),
            root_shape: Cell::new(0),
            slot_hint: Cell::new(0),
            has_del: Cell::new(has_del),
            exception: None,
        });
        cycles::note_class(&class);
        for ancestor in class.ancestors.borrow().iter() {
            if let Value::Class(ancestor) = ancestor
                && ancestor.kind != ClassKind::Builtin
            {
                let mut subclasses = ancestor.subclasses.borrow_mut();
                // Dead ones are cleared away whenever their number may have doubled.
                if subclasses.len().is_power_of_two() {
                    subclasses.retain(|subclass| subclass.strong_count() > 0);
                }
                subclasses.push(Rc::downgrade(&class));
            }
        }
        Ok(Value::Class(class))
    }

    fn bad_base(&self, base: &Value) -> Thrown {
        let tag = base.tag();
        match base {
            Value::Function(_) => type_error(
                "Error when calling the metaclass bases\n    function() argument 1 must be code, not str",
            ),
            Value::Native(_)
            | Value::NativeBound(_)
            | Value::None
            | Value::Ellipsis
            | Value::NotImplemented => type_error(format!(
                "Error when calling the metaclass bases\n    cannot create '{}' instances",
                tag.name()
            )),
            Value::Instance(_) => type_error("base must be class"),
            _ => type_error(format!(
                "Error when calling the metaclass bases\n    {} expected at most 1 arguments, got 3",
                tag.name()
            )),
        }
    }

    /// The method resolution order of a new-style class, without the class itself.
    fn c3(&self, name: &Str, bases: &[Value]) -> Res<Vec<Value>> {
        let mut lists: Vec<Vec<Value>> = Vec::new();
        for (at, base) in bases.iter().enumerate() {
            if bases.iter().take(at).any(|other| other.is_same(base)) {
                let twice = match base {
                    Value::Class(class) => class.name.lossy().into_owned(),
                    _ => String::new(),
                };
                let text = format!(
                    "Error when calling the metaclass bases\n    duplicate base class {twice}"
                );
                return Err(type_error(text));
            }
            let mut list = vec![base.clone()];
            if let Value::Class(class) = base {
                let ancestors = class.ancestors.borrow();
                if class.is_old() {
                    // An old-style base brings its depth-first order without repetitions.
                    for ancestor in ancestors.iter() {
                        if !list.iter().any(|known| known.is_same(ancestor)) {
                            list.push(ancestor.clone());
                        }
                    }
                } else {
                    list.extend(ancestors.iter().cloned());
                }
            }
            lists.push(list);
        }
        lists.push(bases.to_vec());
        let _ = name;
        let mut order = Vec::new();
        loop {
            lists.retain(|list| !list.is_empty());
            if lists.is_empty() {
                return Ok(order);
            }
            crate::work::spend(lists.iter().map(Vec::len).sum())?;
            let blocked = |head: &Value| {
                lists
                    .iter()
                    .any(|list| list.iter().skip(1).any(|item| item.is_same(head)))
            };
            let head = lists
                .iter()
                .filter_map(|list| list.first())
                .find(|head| !blocked(head))
                .cloned();
            let Some(head) = head else {
                let mut names: Vec<String> = Vec::new();
                for list in &lists {
                    if let Some(Value::Class(class)) = list.first() {
                        let name = class.name.lossy().into_owned();
                        if !names.contains(&name) {
                            names.push(name);
                        }
                    }
                }
                return Err(type_error(format!(
                    "Error when calling the metaclass bases\n    Cannot create a consistent method resolution\norder (MRO) for bases {}",
                    names.join(", ")
                )));
            };
            for list in &mut lists {
                if list.first().is_some_and(|first| first.is_same(&head)) {
                    list.remove(0);
                }
            }
            order.push(head);
        }
    }

    /// An instance without attributes.
    pub(crate) fn new_instance(&mut self, class: Rc<Class>, payload: Payload) -> Value {
        if class.root_shape.get() == 0 {
            class.root_shape.set(self.shapes.root());
        }
        let shape = class.root_shape.get();
        Value::Instance(Rc::new(Instance::new(class, shape, payload)))
    }

    /// Calls a class: what `call` does for functions. The class was taken off `at`.
    pub(super) fn instantiate(
        &mut self,
        thread: &mut Thread,
        class: Rc<Class>,
        keep: usize,
        at: usize,
        keywords: Vec<(Str, Value)>,
        then: Then,
    ) -> Res<bool> {
        if class.kind == ClassKind::Builtin && class.exception.is_none() {
            let mut args = Args {
                positional: &mut thread.stack[at + 1..],
                keywords: &keywords,
            };
            let value = crate::builtins::types::construct(self, class.layout, &mut args)?;
            thread.stack.truncate(keep);
            thread.push(value);
            return Ok(false);
        }
        let init = self.class_attr(&class, known::init);
        let payload = self.payload(&class, &mut thread.stack[at + 1..], &keywords, &init)?;
        let instance = self.new_instance(class.clone(), payload);
        match init {
            // The frame's result is dropped and the instance stays: only possible if nothing else follows.
            Value::Function(function) if then == Then::Push && keep == at => {
                thread.stack[at] = instance.clone();
                thread.stack.insert(at + 1, instance);
                self.bind(thread, &function, at + 1, keywords)?;
                self.push_frame(thread, function, at + 1, at + 1, Then::Init)?;
                Ok(true)
            }
            Value::Function(function) if then == Then::Push => {
                // The callee had something below it (`x.C()`): move everything down by one.
                thread.stack.remove(keep);
                thread.stack[at - 1] = instance.clone();
                thread.stack.insert(at, instance);
                self.bind(thread, &function, at, keywords)?;
                self.push_frame(thread, function, at, at, Then::Init)?;
                Ok(true)
            }
            Value::Nil => {
                if thread.stack.len() > at + 1 || !keywords.is_empty() {
                    return Err(if class.is_old() {
                        type_error("this constructor takes no arguments")
                    } else {
                        type_error("object() takes no parameters")
                    });
                }
                thread.stack.truncate(keep);
                thread.push(instance);
                Ok(false)
            }
            Value::Native(native) if !class.is_old() && native.owner.is_some() => {
                // Nothing but `object.__init__` is left then, and `object.__new__` took no arguments either.
                let has_arguments = thread.stack.len() > at + 1 || !keywords.is_empty();
                if class.layout == TypeTag::Object && has_arguments {
                    return Err(type_error("object() takes no parameters"));
                }
                let mut args: Vec<Value> = thread.stack.drain(at + 1..).collect();
                args.insert(0, instance.clone());
                // Any method of a builtin type may have been put into the class, fit or not.
                let result = self.call_native(&native, &mut args, &keywords)?;
                if !result.is_none() {
                    return Err(self.init_result(&class, &result));
                }
                thread.stack.truncate(keep);
                thread.push(instance);
                Ok(false)
            }
            other => {
                let method = self.bind_class_attr(other, &instance, &class);
                let args: Vec<Value> = thread.stack.drain(at + 1..).collect();
                let result = self.call_with(&method, args, keywords)?;
                if !result.is_none() {
                    return Err(self.init_result(&class, &result));
                }
                thread.stack.truncate(keep);
                thread.push(instance);
                Ok(false)
            }
        }
    }

    /// `__init__` returned something.
    pub(super) fn init_result(&self, class: &Class, result: &Value) -> Thrown {
        if class.is_old() {
            type_error("__init__() should return None")
        } else {
            type_error(format!(
                "__init__() should return None, not '{}'",
                self.type_name(result)
            ))
        }
    }

    /// What a new instance holds of the builtin type its class extends.
    fn payload(
        &mut self,
        class: &Rc<Class>,
        args: &mut [Value],
        keywords: &[(Str, Value)],
        init: &Value,
    ) -> Res<Payload> {
        let has_init = matches!(init, Value::Function(_));
        Ok(match class.layout {
            TypeTag::Object => Payload::Plain,
            TypeTag::Exception => {
                let part = crate::builtins::exceptions::part(class, args.to_vec(), !has_init)?;
                Payload::Exception(Box::new(RefCell::new(part)))
            }
            TypeTag::List => Payload::Value(Value::list(Vec::new())),
            TypeTag::Dict => Payload::Value(Value::dict(Dict::new())),
            TypeTag::Set => Payload::Value(Value::Set(Rc::new(SetObject::new(Set::new())))),
            tag => {
                let mut copy = args.to_vec();
                let mut call = Args {
                    positional: &mut copy,
                    keywords,
                };
                let value = crate::builtins::types::construct(self, tag, &mut call)?;
                if let (TypeTag::Int, Value::Long(_)) = (tag, &value) {
                    return Err(overflow_error("Python int too large to convert to C long"));
                }
                Payload::Value(value)
            }
        })
    }

    /// Sets or deletes an attribute of a class.
    pub(crate) fn set_class_attr(
        &mut self,
        class: &Rc<Class>,
        name: Sym,
        value: Option<Value>,
    ) -> Res<()> {
        if class.is_old() {
            // The original gives programs builtins of their own; CPython then takes them for untrusted.
            return Err(Thrown::new(
                ExceptionKind::RuntimeError,
                "classes are read-only in restricted mode",
            ));
        }
        if class.kind == ClassKind::Builtin {
            return Err(type_error(format!(
                "can't set attributes of built-in/extension type '{}'",
                String::from_utf8_lossy(&class.qualified_name())
            )));
        }
        let old = match value {
            Some(value) => class.attrs.borrow_mut().insert(name, value),
            None => match class.attrs.borrow_mut().remove(&name) {
                Some(old) => Some(old),
                None => {
                    let text = self.name(name);
                    return Err(if class.is_old() {
                        attribute_error(format!(
                            "class {} has no attribute '{}'",
                            class.name.lossy(),
                            text.lossy()
                        ))
                    } else {
                        attribute_error(text.lossy())
                    });
                }
            },
        };
        self.class_changed(class);
        if name == known::del {
            class.has_del.set(class.lookup(known::del).is_some());
            self.has_finalizers |= class.has_del.get();
        }
        drop(old);
        Ok(())
    }

    /// Forgets what was looked up in a class or its subclasses.
    fn class_changed(&mut self, class: &Class) {
        class.version.set(self.fresh_version());
        for subclass in class.subclasses.borrow().iter() {
            if let Some(subclass) = subclass.upgrade() {
                subclass.version.set(self.fresh_version());
            }
        }
    }

    /// `type(value)`.
    pub fn class_of(&self, value: &Value) -> Rc<Class> {
        match value {
            Value::Instance(instance) if instance.class.is_old() => {
                self.type_class(TypeTag::Instance)
            }
            Value::Instance(instance) => instance.class.clone(),
            other => self.type_class(other.tag()),
        }
    }

    /// The name of a value's type, as messages show it.
    pub(crate) fn type_name(&self, value: &Value) -> String {
        match value {
            Value::Instance(instance) if instance.class.is_old() => "instance".to_owned(),
            Value::Instance(instance) => match instance.class.exception {
                Some(kind) if kind.module() == "exceptions" => {
                    format!("exceptions.{}", kind.name())
                }
                _ => instance.class.name.lossy().into_owned(),
            },
            Value::Host(host) => host.inner.type_name().to_owned(),
            other => other.tag().name().to_owned(),
        }
    }

    /// `isinstance(value, class)` for one class.
    pub(crate) fn is_instance_of(&self, value: &Value, class: &Rc<Class>) -> bool {
        match value {
            Value::Instance(instance) if instance.class.is_subclass_of(class) => true,
            Value::Instance(instance) if instance.class.is_old() => {
                class.layout == TypeTag::Instance || is_plain_object(class)
            }
            Value::Instance(_) => is_plain_object(class),
            other => {
                let own = &self.types[other.tag() as usize];
                own.is_subclass_of(class)
            }
        }
    }
}

fn is_plain_object(class: &Class) -> bool {
    class.kind == ClassKind::Builtin && class.layout == TypeTag::Object && class.exception.is_none()
}

/// Builtin types that programs may inherit from.
fn can_extend(class: &Class) -> bool {
    class.exception.is_some()
        || matches!(
            class.layout,
            TypeTag::Object
                | TypeTag::Int
                | TypeTag::Float
                | TypeTag::Str
                | TypeTag::Long
                | TypeTag::Complex
                | TypeTag::Tuple
                | TypeTag::List
                | TypeTag::Dict
                | TypeTag::Set
                | TypeTag::FrozenSet
        )
}

/// Where an old-style class looks: depth first, left to right.
fn depth_first(bases: &[Value]) -> Vec<Value> {
    let mut order: Vec<Value> = Vec::new();
    for base in bases {
        order.push(base.clone());
        if let Value::Class(class) = base {
            order.extend(class.ancestors.borrow().iter().cloned());
        }
    }
    // Later repetitions are never reached.
    let mut seen = std::collections::BTreeSet::new();
    order.retain(|class| seen.insert(class.address()));
    order
}
