//! Attributes: reading, setting, deleting, and the caches beside each place that does.

use std::rc::Rc;

use overlord_bug::bug;

use crate::bytecode::Site;
use crate::machine::Machine;
use crate::machine::frame::Thread;
use crate::object::cycles;
use crate::object::exception::{attribute_error, type_error};
use crate::object::instance::Instance;
use crate::object::{
    Arity, BoundMethod, Class, ClassKind, Code, NativeBound, NativeCode, NativeFunction, Payload,
    Res, Sym, Thrown, Value,
};
use crate::symbol::known;

impl Machine<'_> {
    /// `object.name` with a cache.
    pub(crate) fn load_attr(&mut self, object: &Value, code: &Code, cache: u16, name: Sym) -> Res {
        if let Value::Instance(instance) = object {
            let shape = instance.shape.get();
            if let Site::Own { shape: same, slot } = code.remembered(cache)
                && same == shape
                && let Some(value) = instance.slots.borrow().get(slot as usize)
            {
                return Ok(value.clone());
            }
            if let Some(slot) = self.shapes.find(shape, name) {
                let slot = slot as u32;
                code.remember(cache, Site::Own { shape, slot });
            }
        }
        self.attr(object, name)
    }

    /// `object.name`.
    pub(crate) fn attr(&mut self, object: &Value, name: Sym) -> Res {
        match self.find_attr(object, name)? {
            Value::Nil => Err(match object {
                // A method passes the question on.
                Value::Method(method) => self.no_attribute(&method.function, name),
                _ => self.no_attribute(object, name),
            }),
            value => Ok(value),
        }
    }

    /// `object.name`; `Nil` if there is none.
    fn find_attr(&mut self, object: &Value, name: Sym) -> Res {
        match object {
            Value::Instance(instance) => self.instance_attr(object, instance, name),
            Value::Class(class) => self.attr_of_class(class, name),
            Value::Function(function) => Ok(function
                .attrs
                .borrow()
                .iter()
                .find(|(own, _)| *own == name)
                .map(|(_, v)| v.clone())
                .unwrap_or_default()),
            Value::Method(method) => {
                let function = method.function.clone();
                self.find_attr(&function, name)
            }
            Value::Host(host) => {
                if let Some(value) = own_attribute(&host.attrs.borrow(), name) {
                    return Ok(value);
                }
                let text = self.name(name);
                let Some(method) = host
                    .inner
                    .methods()
                    .iter()
                    .find(|known| known.as_bytes() == text.as_bytes())
                else {
                    return Ok(Value::Nil);
                };
                let (host, method) = (host.clone(), *method);
                Ok(Value::Native(Rc::new(NativeFunction {
                    name: method.to_owned(),
                    code: NativeCode::Host(Box::new(move |machine, args| {
                        host.inner.call(machine, method, args)
                    })),
                    arity: Arity::Any,
                    owner: None,
                    shortcut: crate::object::function::Shortcut::None,
                })))
            }
            _ => {
                if let Some(value) = builtin_member(object, name) {
                    return Ok(value);
                }
                let found = self.type_attr(object.tag(), name);
                Ok(match found {
                    Value::Native(native) if native.owner.is_some() => {
                        Value::NativeBound(Rc::new(NativeBound {
                            native,
                            receiver: object.clone(),
                        }))
                    }
                    other => other,
                })
            }
        }
    }

    fn instance_attr(&mut self, object: &Value, instance: &Rc<Instance>, name: Sym) -> Res {
        if let Some(slot) = self.shapes.find(instance.shape.get(), name) {
            return instance
                .slots
                .borrow()
                .get(slot)
                .cloned()
                .ok_or_else(no_slot);
        }
        if let Some(part) = instance.exception()
            && let Some(value) = crate::builtins::exceptions::member(&part.borrow(), name)
        {
            return Ok(value);
        }
        let class = instance.class.clone();
        let found = self.class_attr(&class, name);
        if found.is_nil() {
            if let Payload::Value(inner) = &instance.payload
                && let Some(value) = builtin_member(inner, name)
            {
                return Ok(value);
            }
            return Ok(Value::Nil);
        }
        Ok(self.bind_class_attr(found, object, &class))
    }

    /// What a class attribute becomes when found through an instance.
    pub(crate) fn bind_class_attr(&self, found: Value, object: &Value, class: &Rc<Class>) -> Value {
        match found {
            Value::Function(_) => Value::Method(Rc::new(BoundMethod {
                function: found,
                receiver: object.clone(),
                class: class.clone(),
            })),
            Value::Method(method)
                if method.receiver.is_nil() && self.is_instance_of(object, &method.class) =>
            {
                Value::Method(Rc::new(BoundMethod {
                    function: method.function.clone(),
                    receiver: object.clone(),
                    class: class.clone(),
                }))
            }
            Value::Native(native) if native.owner.is_some() => {
                Value::NativeBound(Rc::new(NativeBound {
                    native,
                    receiver: object.clone(),
                }))
            }
            other => other,
        }
    }

    fn attr_of_class(&mut self, class: &Rc<Class>, name: Sym) -> Res {
        let found = self.class_attr(class, name);
        Ok(match found {
            Value::Function(_) => Value::Method(Rc::new(BoundMethod {
                function: found,
                receiver: Value::Nil,
                class: class.clone(),
            })),
            other => other,
        })
    }

    /// The method of an instance bound to it, or `Nil`: what the machine asks for by itself.
    pub(crate) fn find_method(&mut self, object: &Value, name: Sym) -> Res {
        let Value::Instance(instance) = object else {
            return Ok(Value::Nil);
        };
        let class = instance.class.clone();
        if class.is_old() {
            return self.instance_attr(object, instance, name);
        }
        let found = self.class_attr(&class, name);
        match found {
            // The machine does what builtin methods do without calling them.
            Value::Native(_) | Value::Nil => Ok(Value::Nil),
            found => Ok(self.bind_class_attr(found, object, &class)),
        }
    }

    /// Pushes what [`crate::bytecode::Op::CallMethod`] calls.
    #[inline]
    pub(super) fn load_method(
        &mut self,
        thread: &mut Thread,
        object: Value,
        code: &Code,
        cache: u16,
        name: Sym,
    ) -> Res<()> {
        if let Value::Instance(instance) = &object {
            let shape = instance.shape.get();
            let own = match code.remembered(cache) {
                Site::Own { shape: same, .. } if same == shape => true,
                Site::NotOwn { shape: same } if same == shape => false,
                _ => {
                    let found = self.shapes.find(shape, name).map(|slot| slot as u32);
                    code.remember(
                        cache,
                        match found {
                            Some(slot) => Site::Own { shape, slot },
                            None => Site::NotOwn { shape },
                        },
                    );
                    found.is_some()
                }
            };
            if !own {
                let found = self.class_attr(&instance.class, name);
                if let Value::Function(_) = found {
                    thread.stack.push(found);
                    thread.stack.push(object);
                    return Ok(());
                }
            }
            let value = self.attr(&object, name)?;
            thread.stack.push(Value::Nil);
            thread.stack.push(value);
            return Ok(());
        }
        if !matches!(
            object,
            Value::Class(_) | Value::Function(_) | Value::Method(_) | Value::Host(_)
        ) {
            let found = self.type_attr(object.tag(), name);
            if let Value::Native(native) = &found
                && native.owner.is_some()
            {
                thread.stack.push(found);
                thread.stack.push(object);
                return Ok(());
            }
        }
        let value = self.attr(&object, name)?;
        thread.stack.push(Value::Nil);
        thread.stack.push(value);
        Ok(())
    }

    /// `object.name = value` with a cache; the old value is returned.
    #[inline]
    pub(super) fn store_attr(
        &mut self,
        object: &Value,
        code: &Code,
        cache: u16,
        name: Sym,
        value: Value,
    ) -> Res {
        if let Value::Instance(instance) = object {
            cycles::put_into_instance(instance, &value);
            let shape = instance.shape.get();
            match code.remembered(cache) {
                Site::Own { shape: same, slot } if same == shape => {
                    if let Some(slot) = instance.slots.borrow_mut().get_mut(slot as usize) {
                        return Ok(std::mem::replace(slot, value));
                    }
                }
                Site::Grows { shape: same, next } if same == shape => {
                    instance.slots.borrow_mut().push(value);
                    instance.shape.set(next);
                    return Ok(Value::Nil);
                }
                _ => {}
            }
            let is_special = match instance.exception() {
                Some(part) => crate::builtins::exceptions::holds(&part.borrow(), name),
                None => instance.class.kind == ClassKind::Builtin,
            };
            if is_special {
                return self.set_attr(object, name, value).map(|()| Value::Nil);
            }
            if let Some(slot) = self.shapes.find(shape, name) {
                let at = slot as u32;
                code.remember(cache, Site::Own { shape, slot: at });
                return match instance.slots.borrow_mut().get_mut(slot) {
                    Some(old) => Ok(std::mem::replace(old, value)),
                    None => Err(no_slot()),
                };
            }
            let next = self.shapes.with(shape, name);
            code.remember(cache, Site::Grows { shape, next });
            instance.slots.borrow_mut().push(value);
            instance.shape.set(next);
            return Ok(Value::Nil);
        }
        self.set_attr(object, name, value).map(|()| Value::Nil)
    }

    /// `object.name = value`.
    pub(crate) fn set_attr(&mut self, object: &Value, name: Sym, value: Value) -> Res<()> {
        match object {
            Value::Instance(instance) => {
                cycles::put_into_instance(instance, &value);
                if let Some(part) = instance.exception()
                    && crate::builtins::exceptions::holds(&part.borrow(), name)
                {
                    let value = if name == known::args {
                        Value::tuple(self.collect(&value)?)
                    } else {
                        value
                    };
                    let old = crate::builtins::exceptions::set_member(
                        &mut part.borrow_mut(),
                        name,
                        value,
                    );
                    drop(old);
                    return Ok(());
                }
                if instance.class.kind == ClassKind::Builtin && instance.exception().is_none() {
                    return Err(self.read_only(object, name));
                }
                let shape = instance.shape.get();
                match self.shapes.find(shape, name) {
                    Some(slot) => {
                        let old = match instance.slots.borrow_mut().get_mut(slot) {
                            Some(old) => std::mem::replace(old, value),
                            None => return Err(no_slot()),
                        };
                        drop(old);
                    }
                    None => {
                        instance.shape.set(self.shapes.with(shape, name));
                        instance.slots.borrow_mut().push(value);
                    }
                }
                Ok(())
            }
            Value::Class(class) => self.set_class_attr(class, name, Some(value)),
            Value::Function(function) => {
                let mut attrs = function.attrs.borrow_mut();
                if attrs.is_empty() {
                    cycles::note_function(function);
                }
                let old = set_own_attribute(&mut attrs, name, value);
                drop(attrs);
                drop(old);
                Ok(())
            }
            Value::Method(_) => {
                let text = self.name(name);
                Err(attribute_error(format!(
                    "'instancemethod' object has no attribute '{}'",
                    text.lossy()
                )))
            }
            Value::Host(host) => {
                host.inner.set_attribute(&self.name(name).lossy())?;
                let old = set_own_attribute(&mut host.attrs.borrow_mut(), name, value);
                drop(old);
                Ok(())
            }
            other => Err(self.read_only(other, name)),
        }
    }

    fn read_only(&mut self, object: &Value, name: Sym) -> Thrown {
        let text = self.name(name);
        let type_name = self.type_name(object);
        if builtin_member(object, name).is_some() {
            let owner = match object {
                Value::Int(_) | Value::Bool(_) => "int",
                Value::Long(_) => "long",
                Value::Float(_) => "float",
                _ => return type_error("readonly attribute"),
            };
            return attribute_error(format!(
                "attribute '{}' of '{owner}' objects is not writable",
                text.lossy()
            ));
        }
        match self.find_attr(object, name) {
            Ok(Value::Nil) | Err(_) => self.no_attribute(object, name),
            Ok(_) => attribute_error(format!(
                "'{type_name}' object attribute '{}' is read-only",
                text.lossy()
            )),
        }
    }

    /// `del object.name`.
    pub(crate) fn delete_attr(&mut self, object: &Value, name: Sym) -> Res<()> {
        let text = self.name(name);
        match object {
            Value::Instance(instance) => {
                let shape = instance.shape.get();
                let Some(slot) = self.shapes.find(shape, name) else {
                    if instance.class.is_old() {
                        let class = instance.class.name.lossy();
                        return Err(attribute_error(format!(
                            "{class} instance has no attribute '{}'",
                            text.lossy()
                        )));
                    }
                    // CPython asks the instance's dictionary first; one without attributes has none yet.
                    if !self.shapes.is_root(shape) {
                        return Err(attribute_error(text.lossy()));
                    }
                    let is_of_class = !self.class_attr(&instance.class.clone(), name).is_nil();
                    return Err(if is_of_class {
                        attribute_error(format!(
                            "'{}' object attribute '{}' is read-only",
                            instance.class.name.lossy(),
                            text.lossy()
                        ))
                    } else {
                        self.no_attribute(object, name)
                    });
                };
                let shape = self
                    .shapes
                    .without(shape, name, instance.class.root_shape.get());
                instance.shape.set(shape);
                let old = instance.slots.borrow_mut().remove(slot);
                drop(old);
                Ok(())
            }
            Value::Class(class) => self.set_class_attr(class, name, None),
            Value::Function(function) => {
                let old = take_own_attribute(&mut function.attrs.borrow_mut(), name);
                old.map(drop).ok_or_else(|| attribute_error(text.lossy()))
            }
            Value::Host(host) => {
                host.inner.set_attribute(&text.lossy())?;
                let old = take_own_attribute(&mut host.attrs.borrow_mut(), name);
                old.map(drop).ok_or_else(|| attribute_error(text.lossy()))
            }
            other => Err(self.read_only(other, name)),
        }
    }

    fn no_attribute(&self, object: &Value, name: Sym) -> Thrown {
        let text = self.name(name);
        let text = text.lossy();
        attribute_error(match object {
            Value::Instance(instance) if instance.class.is_old() => {
                format!(
                    "{} instance has no attribute '{text}'",
                    instance.class.name.lossy()
                )
            }
            Value::Class(class) if class.is_old() => {
                format!("class {} has no attribute '{text}'", class.name.lossy())
            }
            Value::Class(class) => {
                let name = match class.kind {
                    ClassKind::Builtin if class.exception.is_some() => {
                        class.name.lossy().into_owned()
                    }
                    _ => class.name.lossy().into_owned(),
                };
                format!("type object '{name}' has no attribute '{text}'")
            }
            Value::Host(host) if host.inner.mapping().is_none() => text.into_owned(),
            other => format!(
                "'{}' object has no attribute '{text}'",
                self.type_name(other)
            ),
        })
    }
}

/// The attributes that a program has given a function or an object of the host: few, in the order of their coming.
type OwnAttributes = Vec<(Sym, Value)>;

fn own_attribute(attrs: &OwnAttributes, name: Sym) -> Option<Value> {
    let found = attrs.iter().find(|(own, _)| *own == name);
    found.map(|(_, value)| value.clone())
}

/// Returns the value that was there; it is dropped when nothing is borrowed any more.
fn set_own_attribute(attrs: &mut OwnAttributes, name: Sym, value: Value) -> Option<Value> {
    match attrs.iter_mut().find(|(own, _)| *own == name) {
        Some((_, old)) => Some(std::mem::replace(old, value)),
        None => {
            attrs.push((name, value));
            None
        }
    }
}

fn take_own_attribute(attrs: &mut OwnAttributes, name: Sym) -> Option<Value> {
    let at = attrs.iter().position(|(own, _)| *own == name)?;
    Some(attrs.remove(at).1)
}

#[cold]
fn no_slot() -> Thrown {
    Thrown::bug(bug!(
        "a shape has an attribute that its instance has no slot for"
    ))
}

/// Members of builtin objects that are not methods.
fn builtin_member(object: &Value, name: Sym) -> Option<Value> {
    Some(match (object, name) {
        (Value::Complex(complex), known::real) => Value::float(complex.0),
        (Value::Complex(complex), known::imag) => Value::float(complex.1),
        (Value::Int(_) | Value::Long(_), known::real | known::numerator) => object.clone(),
        (Value::Bool(b), known::real | known::numerator) => Value::Int(i64::from(*b)),
        (Value::Int(_) | Value::Bool(_), known::imag) => Value::Int(0),
        (Value::Int(_) | Value::Bool(_), known::denominator) => Value::Int(1),
        (Value::Long(_), known::imag) => Value::long(0.into()),
        (Value::Long(_), known::denominator) => Value::long(1.into()),
        (Value::Float(_), known::real) => object.clone(),
        (Value::Float(_), known::imag) => Value::float(0.0),
        (Value::Slice(slice), known::start) => slice.start.clone(),
        (Value::Slice(slice), known::stop) => slice.stop.clone(),
        (Value::Slice(slice), known::step) => slice.step.clone(),
        _ => return None,
    })
}
