//! Objects of the host, such as files, sockets and locks: opaque to programs but for their methods.

use std::any::Any;
use std::cell::RefCell;

use super::Machine;
use crate::object::{Args, Dict, Res, Sym, Value, reclaim};

/// What a host object can do. Dropping the last reference drops it, which is how a program gives back a file it
/// forgot to close.
pub trait HostType: Any {
    /// The type's name as programs see it.
    fn type_name(&self) -> &str;

    /// The names of its methods.
    fn methods(&self) -> &[&'static str];

    /// Calls one of its methods.
    ///
    /// # Errors
    /// Whatever the method throws into the program.
    fn call(&self, machine: &mut Machine, method: &str, args: &mut Args<'_>) -> Res;

    /// How `repr()` shows it; the address is added by default.
    fn repr(&self) -> Option<Vec<u8>> {
        None
    }

    /// `len(x)`, `x[key]`, `x[key] = value`, `del x[key]`, `key in x` and iteration, for objects that are mappings.
    fn mapping(&self) -> Option<&dyn HostMapping> {
        None
    }

    /// Asked before the program sets or deletes an attribute: by default it may give any object of the host some.
    ///
    /// # Errors
    /// The exception to raise.
    fn set_attribute(&self, _name: &str) -> Res<()> {
        Ok(())
    }
}

/// A host object that behaves as a dictionary.
pub trait HostMapping {
    /// `len(x)`.
    fn len(&self) -> usize;

    /// Whether there is nothing in it.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `x[key]`.
    ///
    /// # Errors
    /// KeyError, or TypeError for a key of the wrong type.
    fn item(&self, key: &Value) -> Res;

    /// `x[key] = value`.
    ///
    /// # Errors
    /// If the key is not allowed.
    fn set_item(&self, key: Value, value: Value) -> Res<()>;

    /// `del x[key]`.
    ///
    /// # Errors
    /// KeyError, or TypeError for a key of the wrong type.
    fn remove_item(&self, key: &Value) -> Res<()>;

    /// `key in x`.
    ///
    /// # Errors
    /// TypeError for a key of the wrong type.
    fn contains(&self, key: &Value) -> Res<bool>;

    /// What iteration yields.
    fn keys(&self) -> Vec<Value>;

    /// The dictionary as which it is compared with others; by default it is equal to nothing but itself.
    ///
    /// # Errors
    /// If there is no memory for it.
    fn compared_as(&self) -> Res<Option<Dict>> {
        Ok(None)
    }
}

/// A host object as a value.
pub struct HostObject {
    pub(crate) inner: Box<dyn HostType>,
    /// Attributes that the program has given it.
    pub(crate) attrs: RefCell<Vec<(Sym, Value)>>,
}

impl Drop for HostObject {
    fn drop(&mut self) {
        let attrs = std::mem::take(self.attrs.get_mut());
        if !attrs.is_empty() {
            reclaim::release(attrs.into_iter().map(|(_, value)| value).collect());
        }
    }
}

impl HostObject {
    /// The object, if it is of this type.
    pub fn downcast<T: HostType>(&self) -> Option<&T> {
        let any: &dyn Any = &*self.inner;
        any.downcast_ref()
    }
}

impl Machine<'_> {
    /// Makes a host object a value.
    pub fn host_object(&mut self, object: impl HostType) -> Value {
        Value::Host(std::rc::Rc::new(HostObject {
            inner: Box::new(object),
            attrs: RefCell::default(),
        }))
    }
}
