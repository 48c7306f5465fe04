//! Copies of data as the original makes them where a value passes between namespaces: lists, tuples, sets and
//! dictionaries within each other are made anew, everything else is handed on as it is.
//!
//! What was one object is one in the copy, so circles stay circles.

use std::collections::HashMap;
use std::rc::Rc;

use super::{DictObject, ListObject, Res, SetObject, Value};
use crate::depth::{self, DATA};
use crate::memory;
use crate::work;

/// A deep copy of a value.
///
/// # Errors
/// RuntimeError if the value is nested too deep. If the machine must stop meanwhile, because memory is short, say.
pub fn deep_copy(value: &Value) -> Res {
    Copies(HashMap::new()).of(value)
}

/// The copies made so far, by the address of what they are copies of.
struct Copies(HashMap<usize, Value>);

impl Copies {
    fn of(&mut self, value: &Value) -> Res {
        if !matches!(
            value,
            Value::List(_) | Value::Tuple(_) | Value::Set(_) | Value::Dict(_)
        ) {
            return Ok(value.clone());
        }
        let address = value.address().unwrap_or_default();
        if let Some(copy) = self.0.get(&address) {
            return Ok(copy.clone());
        }
        work::spend(1)?;
        let _level = depth::enter(DATA, " while copying")?;
        match value {
            Value::List(list) => {
                let copy = Rc::new(ListObject::new(Vec::new()));
                // Known before its items are copied, which may hold the list itself.
                self.0.insert(address, Value::List(copy.clone()));
                let mut at = 0;
                while let Some(item) = list.get(at) {
                    copy.append(self.of(&item)?)?;
                    at += 1;
                }
                Ok(Value::List(copy))
            }
            Value::Dict(dict) => {
                memory::reserve(dict.borrow().len() * 2 * size_of::<Value>())?;
                let copy = Rc::new(DictObject::default());
                self.0.insert(address, Value::Dict(copy.clone()));
                let items: Vec<(Value, Value)> = dict
                    .borrow()
                    .iter()
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                for (key, value) in items {
                    let key = self.of(&key)?;
                    copy.set(key, self.of(&value)?)?;
                }
                Ok(Value::Dict(copy))
            }
            Value::Tuple(tuple) => {
                memory::reserve(tuple.len() * size_of::<Value>())?;
                let items: Vec<Value> = tuple
                    .iter()
                    .map(|item| self.of(item))
                    .collect::<Result<_, _>>()?;
                // One that holds a list that holds the tuple has been copied meanwhile.
                let copy = self.0.entry(address).or_insert_with(|| Value::tuple(items));
                Ok(copy.clone())
            }
            Value::Set(set) => {
                let copy = Rc::new(SetObject::new(super::Set::new()));
                self.0.insert(address, Value::Set(copy.clone()));
                let items: Vec<Value> = set.borrow().iter().cloned().collect();
                memory::reserve(items.len() * size_of::<Value>())?;
                for item in items {
                    let item = self.of(&item)?;
                    super::cycles::put_into_set(&copy, &item);
                    copy.borrow_mut().add(item)?;
                }
                Ok(Value::Set(copy))
            }
            other => Ok(other.clone()),
        }
    }
}
