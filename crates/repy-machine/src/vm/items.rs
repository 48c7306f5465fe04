//! What is in a container: subscripts, slices, `in`, and assignment to several targets at once.

use crate::machine::Machine;
use crate::machine::frame::Thread;
use crate::methods;
use crate::object::cycles;
use crate::object::equality;
use crate::object::exception::{index_error, key_error, type_error, value_error};
use crate::object::{Res, Str, Value};
use crate::work;

impl Machine<'_> {
    /// `item in container`.
    pub(crate) fn contains(&mut self, container: &Value, item: &Value) -> Res<bool> {
        match container.unwrapped() {
            Value::Str(string) => match item.unwrapped() {
                Value::Str(part) => {
                    work::spend_bytes(string.len())?;
                    Ok(crate::text::search::find(string.as_bytes(), part.as_bytes()).is_some())
                }
                other => Err(type_error(format!(
                    "'in <string>' requires string as left operand, not {}",
                    self.type_name(other)
                ))),
            },
            Value::List(list) => {
                let mut at = 0;
                work::spend(list.len() / 16)?;
                while let Some(held) = list.get(at) {
                    if equality::same_or_equal(&held, item)? {
                        return Ok(true);
                    }
                    at += 1;
                }
                Ok(false)
            }
            Value::Tuple(tuple) => {
                work::spend(tuple.len() / 16)?;
                for held in tuple.iter() {
                    if equality::same_or_equal(held, item)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Value::Dict(dict) => Ok(dict.borrow().get(item)?.is_some()),
            Value::Set(set) | Value::FrozenSet(set) => {
                let key = methods::set::frozen_key(item)?;
                set.borrow().contains(&key)
            }
            Value::View(view) => match view.kind {
                crate::object::ViewKind::Keys => Ok(view.dict.borrow().get(item)?.is_some()),
                _ => {
                    for held in view.items() {
                        if equality::same_or_equal(&held, item)? {
                            return Ok(true);
                        }
                    }
                    Ok(false)
                }
            },
            other => {
                if let Value::Host(host) = other
                    && let Some(mapping) = host.inner.mapping()
                {
                    return mapping.contains(item);
                }
                if !self.is_iterable(container) {
                    return Err(type_error(format!(
                        "argument of type '{}' is not iterable",
                        self.type_name(container)
                    )));
                }
                let iter = self.iter(container)?;
                loop {
                    match self.next_item(&iter)? {
                        Value::Nil => return Ok(false),
                        held if equality::same_or_equal(&held, item)? => return Ok(true),
                        _ => {}
                    }
                }
            }
        }
    }

    /// `object[index]`.
    pub(crate) fn subscript(&mut self, object: &Value, index: &Value) -> Res {
        match (object, index) {
            (Value::List(list), Value::Int(at)) => {
                let items = list.items.borrow();
                let at = if *at < 0 {
                    *at + items.len() as i64
                } else {
                    *at
                };
                return match usize::try_from(at).ok().and_then(|at| items.get(at)) {
                    Some(item) => Ok(item.clone()),
                    None => Err(index_error("list index out of range")),
                };
            }
            (Value::Tuple(tuple), Value::Int(at)) => {
                let at = if *at < 0 {
                    *at + tuple.len() as i64
                } else {
                    *at
                };
                return match usize::try_from(at).ok().and_then(|at| tuple.get(at)) {
                    Some(item) => Ok(item.clone()),
                    None => Err(index_error("tuple index out of range")),
                };
            }
            (Value::Dict(dict), key) => {
                return match dict.borrow().get(key)? {
                    Some(value) => Ok(value.clone()),
                    None => Err(key_error(key.clone())),
                };
            }
            (Value::Str(string), Value::Int(at)) => {
                let at = if *at < 0 {
                    *at + string.len() as i64
                } else {
                    *at
                };
                return match usize::try_from(at)
                    .ok()
                    .and_then(|at| string.as_bytes().get(at))
                {
                    Some(byte) => Ok(Value::Str(Str::from_byte(*byte))),
                    None => Err(index_error("string index out of range")),
                };
            }
            _ => {}
        }
        methods::subscript::get(self, object, index)
    }

    /// `object[index] = value`.
    pub(crate) fn store_subscript(
        &mut self,
        object: &Value,
        index: Value,
        value: Value,
    ) -> Res<()> {
        match (object, &index) {
            (Value::List(list), Value::Int(at)) => {
                cycles::put_into_list(list, &value);
                let mut items = list.items.borrow_mut();
                let at = if *at < 0 {
                    *at + items.len() as i64
                } else {
                    *at
                };
                let Some(slot) = usize::try_from(at).ok().and_then(|at| items.get_mut(at)) else {
                    return Err(index_error("list assignment index out of range"));
                };
                let old = std::mem::replace(slot, value);
                drop(items);
                drop(old);
                Ok(())
            }
            (Value::Dict(dict), _) => dict.set(index, value),
            _ => methods::subscript::set(self, object, index, value),
        }
    }

    /// `del object[index]`.
    pub(crate) fn delete_subscript(&mut self, object: &Value, index: &Value) -> Res<()> {
        methods::subscript::delete(self, object, index)
    }

    /// `object[low:high]`.
    pub(crate) fn slice(&mut self, object: &Value, low: &Value, high: &Value) -> Res {
        methods::subscript::slice(self, object, low, high)
    }

    /// `object[low:high] = value`.
    pub(crate) fn store_slice(
        &mut self,
        object: &Value,
        low: Value,
        high: Value,
        value: Value,
    ) -> Res<()> {
        methods::subscript::store_slice(self, object, low, high, Some(value))
    }

    /// `del object[low:high]`.
    pub(crate) fn delete_slice(&mut self, object: &Value, low: Value, high: Value) -> Res<()> {
        methods::subscript::store_slice(self, object, low, high, None)
    }

    /// Puts `count` items on the stack, the first on top.
    pub(super) fn unpack(&mut self, thread: &mut Thread, value: Value, count: usize) -> Res<()> {
        let items = match &value {
            Value::Tuple(tuple) if tuple.len() == count => {
                thread.stack.extend(tuple.iter().rev().cloned());
                return Ok(());
            }
            Value::Tuple(tuple) => tuple.to_vec(),
            Value::List(list) => list.to_vec(),
            // What an instance of an old-style class is asked for it may have itself; to ask is to find out.
            other
                if !self.is_iterable(other)
                    && !matches!(other, Value::Instance(instance) if instance.class.is_old()) =>
            {
                return Err(type_error(format!(
                    "'{}' object is not iterable",
                    self.type_name(other)
                )));
            }
            other => {
                // Only as many items as are needed, and one more, are asked for.
                let iter = self.iter(other)?;
                let mut items = Vec::new();
                while items.len() <= count {
                    match self.next_item(&iter)? {
                        Value::Nil => break,
                        item => items.push(item),
                    }
                }
                items
            }
        };
        if items.len() > count {
            return Err(value_error("too many values to unpack"));
        }
        if items.len() < count {
            let more = items.len();
            return Err(value_error(format!(
                "need more than {more} value{} to unpack",
                if more == 1 { "" } else { "s" }
            )));
        }
        thread.stack.extend(items.into_iter().rev());
        Ok(())
    }
}
