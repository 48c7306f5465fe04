//! Iterators over builtin containers.

use std::cell::Cell;
use std::rc::Rc;

use super::exception::stop_iteration;
use super::{
    DictObject, ExceptionKind, ListObject, Res, SetObject, Str, Thrown, TupleObject, TypeTag,
    Value, XRange, reclaim,
};

/// An iterator: where it is in what.
pub struct IterObject {
    pub(crate) source: Source,
    /// The next position; [`DONE`] once exhausted (exhausted iterators stay so).
    pub(crate) position: Cell<usize>,
    /// The container's size when iteration began; a dict or set that changes since is an error.
    pub(crate) expected: usize,
}

/// Position of an exhausted iterator.
pub(crate) const DONE: usize = usize::MAX;

pub(crate) enum Source {
    List(Rc<ListObject>),
    /// `reversed` list: counts down.
    Tuple(Rc<TupleObject>),
    Str(Str),
    XRange(XRange),
    Keys(Rc<DictObject>),
    Values(Rc<DictObject>),
    Items(Rc<DictObject>),
    Set(Rc<SetObject>),
}

impl IterObject {
    pub(crate) fn value(source: Source) -> Value {
        let expected = match &source {
            Source::Keys(dict) | Source::Values(dict) | Source::Items(dict) => dict.borrow().len(),
            Source::Set(set) => set.borrow().len(),
            _ => 0,
        };
        Value::Iter(Rc::new(IterObject {
            source,
            position: Cell::new(0),
            expected,
        }))
    }

    pub(crate) fn type_tag(&self) -> TypeTag {
        match &self.source {
            Source::List(_) => TypeTag::ListIterator,
            Source::Tuple(_) => TypeTag::TupleIterator,
            Source::Str(_) => TypeTag::StrIterator,
            Source::XRange(_) => TypeTag::RangeIterator,
            Source::Keys(_) => TypeTag::KeyIterator,
            Source::Values(_) => TypeTag::ValueIterator,
            Source::Items(_) => TypeTag::ItemIterator,
            Source::Set(_) => TypeTag::SetIterator,
        }
    }

    /// The next item; `Nil` at the end.
    #[inline]
    pub(crate) fn advance(&self) -> Res {
        let at = self.position.get();
        let next = match &self.source {
            Source::List(list) => list.items.borrow().get(at).cloned(),
            Source::Tuple(tuple) => tuple.get(at).cloned(),
            Source::XRange(range) => {
                if (at as u64) < range.len as u64 {
                    Some(Value::Int(
                        range
                            .start
                            .wrapping_add((at as i64).wrapping_mul(range.step)),
                    ))
                } else {
                    None
                }
            }
            Source::Str(string) => string
                .as_bytes()
                .get(at)
                .map(|byte| Value::Str(Str::from_byte(*byte))),
            _ => return self.advance_table(at),
        };
        match next {
            Some(value) => {
                self.position.set(at + 1);
                Ok(value)
            }
            None => {
                self.position.set(DONE);
                Ok(Value::Nil)
            }
        }
    }

    /// The next item of a list; `Nil` at the end.
    #[inline(always)]
    pub(crate) fn advance_list(&self, list: &ListObject) -> Value {
        let at = self.position.get();
        match list.items.borrow().get(at) {
            Some(item) => {
                self.position.set(at + 1);
                item.clone()
            }
            None => {
                self.position.set(DONE);
                Value::Nil
            }
        }
    }

    /// The next byte of a string; `Nil` at the end.
    #[inline(always)]
    pub(crate) fn advance_str(&self, string: &Str) -> Value {
        let at = self.position.get();
        match string.as_bytes().get(at) {
            Some(byte) => {
                self.position.set(at + 1);
                Value::Str(Str::from_byte(*byte))
            }
            None => {
                self.position.set(DONE);
                Value::Nil
            }
        }
    }

    /// The next number of a range; `Nil` at the end.
    #[inline(always)]
    pub(crate) fn advance_range(&self, range: &XRange) -> Value {
        let at = self.position.get();
        if (at as u64) < range.len as u64 {
            self.position.set(at + 1);
            return Value::Int(
                range
                    .start
                    .wrapping_add((at as i64).wrapping_mul(range.step)),
            );
        }
        self.position.set(DONE);
        Value::Nil
    }

    fn advance_table(&self, at: usize) -> Res {
        let changed = |kind: &str| {
            Thrown::new(
                ExceptionKind::RuntimeError,
                format!("{kind} changed size during iteration"),
            )
        };
        if at == DONE {
            return Ok(Value::Nil);
        }
        let found = match &self.source {
            Source::Keys(dict) | Source::Values(dict) | Source::Items(dict) => {
                let dict = dict.borrow();
                if dict.len() != self.expected {
                    return Err(changed("dictionary"));
                }
                dict.entry_from(at).map(|(slot, key, value)| {
                    let item = match &self.source {
                        Source::Keys(_) => key.clone(),
                        Source::Values(_) => value.clone(),
                        _ => Value::pair(key.clone(), value.clone()),
                    };
                    (slot, item)
                })
            }
            Source::Set(set) => {
                let set = set.borrow();
                if set.len() != self.expected {
                    return Err(changed("Set"));
                }
                set.entry_from(at).map(|(slot, key)| (slot, key.clone()))
            }
            _ => None,
        };
        match found {
            Some((slot, item)) => {
                self.position.set(slot + 1);
                Ok(item)
            }
            None => {
                self.position.set(DONE);
                Ok(Value::Nil)
            }
        }
    }

    /// `iterator.next()`.
    pub(crate) fn next(&self) -> Res {
        match self.advance()? {
            Value::Nil => Err(stop_iteration()),
            value => Ok(value),
        }
    }
}

impl Drop for IterObject {
    fn drop(&mut self) {
        // Containers give back their contents iteratively themselves; an iterator holds one container only.
        let source = std::mem::replace(
            &mut self.source,
            Source::XRange(XRange {
                start: 0,
                step: 1,
                len: 0,
            }),
        );
        match source {
            Source::List(list) => reclaim::release_one(Value::List(list)),
            Source::Tuple(tuple) => reclaim::release_one(Value::Tuple(tuple)),
            Source::Keys(dict) | Source::Values(dict) | Source::Items(dict) => {
                reclaim::release_one(Value::Dict(dict));
            }
            _ => {}
        }
    }
}
