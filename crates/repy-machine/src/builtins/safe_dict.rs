//! What programs do with a `SafeDict`: its methods, and making one.

use std::rc::Rc;

use crate::machine::Machine;
use crate::machine::host::{HostMapping, HostType};
use crate::machine::safe_dict::{SafeDict, of};
use crate::object::exception::{key_error, type_error};
use crate::object::iter::Source;
use crate::object::{Args, DictObject, ExceptionKind, IterObject, ListObject, Res, Value};

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
                let copy = SafeDict::copy_of(&self.namespace())?;
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
            Some(other) => SafeDict::copy_of(&other.namespace())?,
            None => SafeDict::over(DictObject::namespace()),
        },
        _ => SafeDict::over(DictObject::namespace()),
    };
    Ok(machine.host_object(made))
}
