//! `SafeDict`: a dictionary of names that pass the checker's rule; `_context` is one over a program's globals.

use std::rc::Rc;

use super::host::{HostMapping, HostObject};
use crate::object::exception::{key_error, type_error};
use crate::object::{Dict, DictObject, ExceptionKind, Res, Thrown, Value};
use overlord_repy_syntax::check::is_safe_name;

/// A dictionary with safe keys.
pub struct SafeDict {
    under: Rc<DictObject>,
}

impl SafeDict {
    /// One over a namespace that others see too.
    pub(crate) fn over(under: Rc<DictObject>) -> SafeDict {
        SafeDict { under }
    }

    /// The dictionary that it is over.
    pub(crate) fn namespace(&self) -> Rc<DictObject> {
        self.under.clone()
    }

    fn check(key: &Value) -> Res<()> {
        let Value::Str(name) = key.unwrapped() else {
            return Err(type_error("'SafeDict' keys must be of string type!"));
        };
        if is_safe_name(name.as_bytes()) {
            return Ok(());
        }
        let mut message = b"Unsafe key: '".to_vec();
        message.extend_from_slice(name.as_bytes());
        message.push(b'\'');
        Err(Thrown::with_bytes(ExceptionKind::ValueError, message))
    }

    /// A copy of a dictionary or another SafeDict.
    ///
    /// # Errors
    /// TypeError or ValueError for a key that is no safe name.
    pub fn copy_of(dict: &DictObject) -> Res<SafeDict> {
        let under = DictObject::namespace();
        for (key, value) in dict.borrow().iter() {
            if matches!(key, Value::Str(name) if matches!(name.as_bytes(), b"__builtins__" | b"__doc__"))
            {
                continue;
            }
            Self::check(key)?;
            under.borrow_mut().insert(key.clone(), value.clone())?;
        }
        Ok(SafeDict { under })
    }

    /// What passes the rule of what it is over.
    pub(crate) fn pairs(&self) -> Vec<(Value, Value)> {
        let safe = |key: &Value| matches!(key, Value::Str(name) if is_safe_name(name.as_bytes()));
        let under = self.under.borrow();
        under
            .iter()
            .filter(|(key, _)| safe(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

impl HostMapping for SafeDict {
    fn len(&self) -> usize {
        self.pairs().len()
    }

    fn item(&self, key: &Value) -> Res {
        Self::check(key)?;
        self.under.index(key.unwrapped())
    }

    fn set_item(&self, key: Value, value: Value) -> Res<()> {
        Self::check(&key)?;
        self.under.set(key.unwrapped().clone(), value)
    }

    fn remove_item(&self, key: &Value) -> Res<()> {
        Self::check(key)?;
        let removed = self.under.borrow_mut().remove(key.unwrapped())?;
        match removed {
            Some(_) => Ok(()),
            None => Err(key_error(key.clone())),
        }
    }

    fn contains(&self, key: &Value) -> Res<bool> {
        Self::check(key)?;
        Ok(self.under.borrow().get(key.unwrapped())?.is_some())
    }

    fn keys(&self) -> Vec<Value> {
        self.pairs().into_iter().map(|(key, _)| key).collect()
    }

    fn compared_as(&self) -> Res<Option<Dict>> {
        let mut contents = Dict::new();
        for (key, value) in self.pairs() {
            contents.insert(key, value)?;
        }
        Ok(Some(contents))
    }
}

/// What the class is called.
pub(crate) const NAME: &str = "SafeDict";

/// Whether a value is the class `SafeDict`: it is a function here, but programs ask `isinstance(x, SafeDict)`.
pub(crate) fn is_class(value: &Value) -> bool {
    matches!(value, Value::Native(native) if native.name == NAME && native.owner.is_none())
}

/// The SafeDict a value is, if it is one.
pub fn of(value: &Value) -> Option<&SafeDict> {
    match value {
        Value::Host(host) => HostObject::downcast(host),
        _ => None,
    }
}
