//! `SafeDict`: a dictionary of names that pass the checker's rule; `_context` is one over a program's globals.

use std::rc::Rc;

use crate::object::exception::{key_error, type_error};
use crate::object::iter::Source;
use crate::object::{Args, DictObject, ExceptionKind, IterObject, ListObject, Res, Thrown, Value};
use crate::vm::Machine;
use crate::vm::host::{HostMapping, HostObject, HostType};
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

    /// What it holds, as a dictionary.
    pub(crate) fn contents(&self) -> Res<DictObject> {
        let contents = DictObject::default();
        for (key, value) in self.pairs() {
            contents.borrow_mut().insert(key, value)?;
        }
        Ok(contents)
    }

    fn pairs(&self) -> Vec<(Value, Value)> {
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
}

const METHODS: &[&str] = &[
    "keys",
    "values",
    "items",
    "iterkeys",
    "itervalues",
    "iteritems",
    "__iter__",
    "has_key",
    "get",
    "setdefault",
    "pop",
    "popitem",
    "update",
    "clear",
    "copy",
];

fn list_iter(items: Vec<Value>) -> Value {
    IterObject::value(Source::List(Rc::new(ListObject::new(items))))
}

impl HostType for SafeDict {
    fn type_name(&self) -> &str {
        "SafeDict"
    }

    fn methods(&self) -> &[&'static str] {
        METHODS
    }

    fn mapping(&self) -> Option<&dyn HostMapping> {
        Some(self)
    }

    fn set_attribute(&self, _name: &str) -> Res<()> {
        Err(type_error("'SafeDict' attributes are read-only!"))
    }

    fn call(&self, machine: &mut Machine, method: &str, args: &mut Args<'_>) -> Res {
        let missing = || type_error(format!("{method}() takes at least 2 arguments (1 given)"));
        let pair = |(key, value): (Value, Value)| Value::pair(key, value);
        Ok(match method {
            "keys" => Value::list(HostMapping::keys(self)),
            "values" => Value::list(self.pairs().into_iter().map(|(_, value)| value).collect()),
            "items" => Value::list(self.pairs().into_iter().map(pair).collect()),
            "iterkeys" | "__iter__" => list_iter(HostMapping::keys(self)),
            "itervalues" => list_iter(self.pairs().into_iter().map(|(_, value)| value).collect()),
            "iteritems" => list_iter(self.pairs().into_iter().map(pair).collect()),
            "has_key" => Value::bool(self.contains(args.get(0).ok_or_else(missing)?)?),
            "get" | "setdefault" | "pop" => {
                let key = args.get(0).ok_or_else(missing)?.clone();
                let found = match self.item(&key) {
                    Ok(value) => Some(value),
                    Err(thrown) if thrown.is(ExceptionKind::KeyError) => None,
                    Err(thrown) => return Err(thrown),
                };
                match (method, found) {
                    ("pop", Some(value)) => {
                        self.remove_item(&key)?;
                        value
                    }
                    (_, Some(value)) => value,
                    ("pop", None) if args.len() < 2 => return Err(key_error(key)),
                    ("setdefault", None) => {
                        let value = if args.len() > 1 {
                            args.take(1)
                        } else {
                            Value::None
                        };
                        self.set_item(key, value.clone())?;
                        value
                    }
                    (_, None) if args.len() > 1 => args.take(1),
                    (_, None) => Value::None,
                }
            }
            "popitem" => match self.pairs().into_iter().next() {
                Some((key, value)) => {
                    self.remove_item(&key)?;
                    Value::pair(key, value)
                }
                None => return Err(key_error(Value::text("container is empty"))),
            },
            "update" => {
                let given = DictObject::default();
                crate::methods::dict::update_with(machine, &given, args.get(0), args.keywords)?;
                let given = given.borrow().copied()?;
                for (key, value) in given.iter() {
                    self.set_item(key.clone(), value.clone())?;
                }
                Value::None
            }
            "clear" => {
                for key in HostMapping::keys(self) {
                    self.remove_item(&key)?;
                }
                Value::None
            }
            "copy" => {
                let copy = SafeDict::copy_of(&self.under)?;
                let under = copy.namespace();
                let copy = machine.host_object(copy);
                // A copy of `_context` is the globals of somebody else: its `_context` must not lead back here.
                for (key, value) in self.pairs() {
                    if of(&value).is_some_and(|held| std::ptr::eq(held, self)) {
                        under.borrow_mut().insert(key, copy.clone())?;
                    }
                }
                copy
            }
            _ => return Err(missing()),
        })
    }
}

/// What the class is called.
pub(crate) const NAME: &str = "SafeDict";

/// Whether a value is the class `SafeDict`: it is a function here, but programs ask `isinstance(x, SafeDict)`.
pub(crate) fn is_class(value: &Value) -> bool {
    matches!(value, Value::Native(native) if native.name == NAME && native.owner.is_none())
}

/// `SafeDict(from_dict=None)`.
pub(crate) fn construct(machine: &mut Machine, args: &mut Args<'_>) -> Res {
    if args.len() > 1 {
        return Err(type_error(format!(
            "__init__() takes at most 2 arguments ({} given)",
            args.len() + 1
        )));
    }
    let from = match args.keywords {
        [(name, value)] if name.as_bytes() == b"from_dict" && args.is_empty() => value.clone(),
        _ => args.take(0),
    };
    let made = match &from {
        Value::Dict(dict) => SafeDict::copy_of(dict)?,
        Value::Host(host) => match host.downcast::<SafeDict>() {
            Some(other) => SafeDict::copy_of(&other.under)?,
            None => SafeDict::over(DictObject::namespace()),
        },
        _ => SafeDict::over(DictObject::namespace()),
    };
    Ok(machine.host_object(made))
}

/// The SafeDict a value is, if it is one.
pub fn of(value: &Value) -> Option<&SafeDict> {
    match value {
        Value::Host(host) => HostObject::downcast(host),
        _ => None,
    }
}
