//! Iteration: builtin containers directly, instances of programs through `__iter__` and `next`.

use crate::machine::Machine;
use crate::machine::frame::{Then, Thread};
use crate::object::exception::type_error;
use crate::object::iter::Source;
use crate::object::{ExceptionKind, IterObject, Payload, Res, Value};
use crate::symbol::known;
use crate::work;

/// What a `for` goes on with.
pub(super) enum ForNext {
    /// With this item.
    Item(Value),
    /// Behind the loop.
    End,
    /// With the frame of the iterator's `next`, which gives the item.
    Frame,
}

impl Machine<'_> {
    /// `iter(value)`.
    pub(crate) fn iter(&mut self, value: &Value) -> Res {
        Ok(match value {
            Value::List(list) => IterObject::value(Source::List(list.clone())),
            Value::Tuple(tuple) => IterObject::value(Source::Tuple(tuple.clone())),
            Value::Str(string) => IterObject::value(Source::Str(string.clone())),
            Value::XRange(range) => IterObject::value(Source::XRange(**range)),
            Value::Dict(dict) => IterObject::value(Source::Keys(dict.clone())),
            Value::Set(set) | Value::FrozenSet(set) => IterObject::value(Source::Set(set.clone())),
            Value::Iter(_) => value.clone(),
            Value::View(view) => IterObject::value(match view.kind {
                crate::object::ViewKind::Keys => Source::Keys(view.dict.clone()),
                crate::object::ViewKind::Values => Source::Values(view.dict.clone()),
                crate::object::ViewKind::Items => Source::Items(view.dict.clone()),
            }),
            Value::Host(host) => match host.inner.mapping() {
                Some(mapping) => IterObject::value(Source::List(std::rc::Rc::new(
                    crate::object::ListObject::new(mapping.keys()),
                ))),
                None => return Err(self.not_iterable(value)),
            },
            Value::Instance(instance) => {
                let class = instance.class.clone();
                // Old-style classes may have `__iter__` on the instance itself.
                let method = self.find_method(value, known::iter)?;
                if method.is_nil() {
                    return match &instance.payload {
                        Payload::Value(inner) => {
                            let inner = inner.clone();
                            self.iter(&inner)
                        }
                        Payload::Exception(part) => {
                            let args = part.borrow().args.clone();
                            self.iter(&args)
                        }
                        Payload::Plain if class.is_old() => {
                            Err(type_error("iteration over non-sequence"))
                        }
                        Payload::Plain => Err(self.not_iterable(value)),
                    };
                }
                let iter = self.call_value(&method, Vec::new())?;
                let is_iterator = match &iter {
                    Value::Iter(_) => true,
                    Value::Instance(_) => !self.find_method(&iter, known::next)?.is_nil(),
                    _ => false,
                };
                if !is_iterator {
                    if let Value::Instance(made) = &iter
                        && made.class.is_old()
                    {
                        return Err(type_error(
                            "__iter__ returned non-iterator of type 'instance'",
                        ));
                    }
                    let name = self.type_name(&iter);
                    let method = if class.is_old() { "__iter__" } else { "iter()" };
                    return Err(type_error(format!(
                        "{method} returned non-iterator of type '{name}'"
                    )));
                }
                iter
            }
            other => return Err(self.not_iterable(other)),
        })
    }

    /// The next item of a `for` over anything.
    pub(super) fn for_next(
        &mut self,
        thread: &mut Thread,
        end: u32,
        store: Option<u16>,
    ) -> Res<ForNext> {
        let item = match thread.peek(0)? {
            Value::Iter(iter) => iter.clone().advance()?,
            Value::Instance(instance) => {
                let next = self.class_attr(&instance.class.clone(), known::next);
                if let Value::Function(function) = &next
                    && function.code.simple
                    && function.code.params == 1
                {
                    let object = thread.peek(0)?.clone();
                    let keep = thread.stack.len();
                    thread.push(object);
                    self.push_frame(
                        thread,
                        function.clone(),
                        keep,
                        keep,
                        Then::NextItem { end, store },
                    )?;
                    return Ok(ForNext::Frame);
                }
                let object = thread.peek(0)?.clone();
                self.next_item(&object)?
            }
            other => {
                let object = other.clone();
                self.next_item(&object)?
            }
        };
        if item.is_nil() {
            thread.pop()?;
            return Ok(ForNext::End);
        }
        Ok(ForNext::Item(item))
    }

    fn not_iterable(&self, value: &Value) -> crate::object::Thrown {
        type_error(format!(
            "'{}' object is not iterable",
            self.type_name(value)
        ))
    }

    /// Whether `iter(value)` would find a way.
    pub(crate) fn is_iterable(&mut self, value: &Value) -> bool {
        match value {
            Value::List(_)
            | Value::Tuple(_)
            | Value::Str(_)
            | Value::XRange(_)
            | Value::Dict(_)
            | Value::Set(_)
            | Value::FrozenSet(_)
            | Value::Iter(_)
            | Value::View(_) => true,
            Value::Host(host) => host.inner.mapping().is_some(),
            Value::Instance(instance) => {
                !matches!(instance.payload, Payload::Plain)
                    && !matches!(instance.payload, Payload::Value(ref inner) if !is_container(inner))
                    || instance.class.lookup(known::iter).is_some()
            }
            _ => false,
        }
    }

    /// The next item of an iterator; `Nil` at its end.
    pub(crate) fn next_item(&mut self, iter: &Value) -> Res {
        match iter {
            Value::Iter(iter) => {
                work::spend(1)?;
                iter.advance()
            }
            Value::Instance(_) => {
                let method = self.find_method(iter, known::next)?;
                if method.is_nil() {
                    return Err(type_error("instance has no next() method"));
                }
                match self.call_value(&method, Vec::new()) {
                    Err(thrown) if self.is_stop_iteration(&thrown) => Ok(Value::Nil),
                    other => other,
                }
            }
            other => Err(type_error(format!(
                "'{}' object is not an iterator",
                self.type_name(other)
            ))),
        }
    }

    /// Whether what was thrown ends an iteration.
    pub(crate) fn is_stop_iteration(&self, thrown: &crate::object::Thrown) -> bool {
        if thrown.is(ExceptionKind::StopIteration) {
            return true;
        }
        match thrown.signal() {
            crate::object::Signal::Raised(raised) | crate::object::Signal::Again(raised) => {
                let stop = &self.exceptions[ExceptionKind::StopIteration as usize];
                matches!(&raised.value, Value::Instance(instance) if instance.class.is_subclass_of(stop))
            }
            _ => false,
        }
    }

    /// All items.
    pub(crate) fn collect(&mut self, value: &Value) -> Res<Vec<Value>> {
        Ok(match value {
            Value::List(list) => {
                self.reserve(list.len() * size_of::<Value>())?;
                list.to_vec()
            }
            Value::Tuple(tuple) => {
                self.reserve(tuple.len() * size_of::<Value>())?;
                tuple.to_vec()
            }
            Value::Set(set) | Value::FrozenSet(set) => set.borrow().iter().cloned().collect(),
            Value::Dict(dict) => dict.borrow().iter().map(|(key, _)| key.clone()).collect(),
            Value::Str(string) => {
                self.reserve(string.len() * size_of::<Value>())?;
                string
                    .as_bytes()
                    .iter()
                    .map(|byte| Value::Str(crate::object::Str::from_byte(*byte)))
                    .collect()
            }
            Value::View(view) => view.items(),
            other => {
                if let Value::XRange(range) = other {
                    self.reserve((range.len as usize).saturating_mul(size_of::<Value>()))?;
                }
                let iter = self.iter(other)?;
                let mut items = Vec::new();
                loop {
                    match self.next_item(&iter)? {
                        Value::Nil => break,
                        item => items.push(item),
                    }
                }
                items
            }
        })
    }
}

fn is_container(value: &Value) -> bool {
    !matches!(
        value,
        Value::Int(_) | Value::Float(_) | Value::Long(_) | Value::Complex(_) | Value::Nil
    )
}
