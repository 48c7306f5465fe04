//! Sets: the same table as dictionaries, so that iteration order is CPython 2.7's.

use std::cell::{Cell, RefCell};

use super::hash::hash_value;
use super::{Dict, Res, Value};

/// A set's table.
#[derive(Clone, Default)]
pub(crate) struct Set(Dict);

impl Set {
    pub(crate) fn new() -> Set {
        Set::default()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn table(&self) -> &Dict {
        &self.0
    }

    pub(crate) fn contains(&self, key: &Value) -> Res<bool> {
        let hash = hash_value(key)?;
        self.contains_hashed(key, hash)
    }

    pub(crate) fn contains_hashed(&self, key: &Value, hash: i64) -> Res<bool> {
        Ok(self.0.get_hashed(key, hash)?.is_some())
    }

    /// Adds a key; false if it was there.
    pub(crate) fn add(&mut self, key: Value) -> Res<bool> {
        let hash = hash_value(&key)?;
        self.add_hashed(key, hash)
    }

    pub(crate) fn add_hashed(&mut self, key: Value, hash: i64) -> Res<bool> {
        Ok(self.0.insert_hashed(key, hash, Value::None)?.is_none())
    }

    /// Takes a key out; false if it was not there.
    pub(crate) fn discard(&mut self, key: &Value) -> Res<bool> {
        Ok(self.0.remove(key)?.is_some())
    }

    pub(crate) fn discard_hashed(&mut self, key: &Value, hash: i64) -> Res<bool> {
        Ok(self.0.remove_hashed(key, hash)?.is_some())
    }

    pub(crate) fn pop(&mut self) -> Option<Value> {
        self.0.pop_any().map(|(key, _)| key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().map(|(key, _)| key)
    }

    pub(crate) fn hashed(&self) -> impl Iterator<Item = (&Value, i64)> {
        self.0.hashed_keys()
    }

    pub(crate) fn entry_from(&self, at: usize) -> Option<(usize, &Value)> {
        self.0.entry_from(at).map(|(slot, key, _)| (slot, key))
    }

    /// Adds all of another set, presized as CPython does.
    pub(crate) fn merge(&mut self, other: &Set) -> Res<()> {
        self.0.merge(&other.0)
    }

    /// Adds the keys of a dictionary, presized as CPython does.
    pub(crate) fn merge_keys(&mut self, dict: &Dict) -> Res<()> {
        self.0.reserve_for_merge(dict.len())?;
        for (key, hash) in dict.hashed_keys() {
            self.add_hashed(key.clone(), hash)?;
        }
        Ok(())
    }

    pub(crate) fn copied(&self) -> Res<Set> {
        Ok(Set(self.0.copied()?))
    }

    pub(crate) fn clear(&mut self) -> Set {
        Set(self.0.clear())
    }

    /// `so & other`: the smaller is walked.
    pub(crate) fn intersection(&self, other: &Set) -> Res<Set> {
        let (walked, asked) = if other.len() > self.len() {
            (self, other)
        } else {
            (other, self)
        };
        let mut result = Set::new();
        for (key, hash) in walked.hashed() {
            if asked.contains_hashed(key, hash)? {
                result.add_hashed(key.clone(), hash)?;
            }
        }
        Ok(result)
    }

    /// `so - other` for a set or dictionary.
    pub(crate) fn difference(&self, other: &Dict) -> Res<Set> {
        let mut result = Set::new();
        for (key, hash) in self.hashed() {
            if other.get_hashed(key, hash)?.is_none() {
                result.add_hashed(key.clone(), hash)?;
            }
        }
        Ok(result)
    }

    /// After many removals: deleted slots are cleaned away as CPython does.
    pub(crate) fn tidy(&mut self) {
        let mask = self.0.memory() / size_of::<super::dict::Entry>();
        let deleted = self.0.fill() - self.0.len();
        if mask > 0 && deleted * 5 >= mask - 1 {
            let used = self.0.len();
            self.0
                .resize(if used > 50_000 { used * 2 } else { used * 4 });
        }
    }

    /// `so ^= other` for another set's keys.
    pub(crate) fn toggle(&mut self, other: &Dict) -> Res<()> {
        for (key, hash) in other.hashed_keys() {
            if !self.discard_hashed(key, hash)? {
                self.add_hashed(key.clone(), hash)?;
            }
        }
        Ok(())
    }

    /// Whether every key is in `other`.
    pub(crate) fn is_subset(&self, other: &Set) -> Res<bool> {
        if self.len() > other.len() {
            return Ok(false);
        }
        for (key, hash) in self.hashed() {
            if !other.contains_hashed(key, hash)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A set or frozenset object.
#[derive(Default)]
pub struct SetObject {
    inner: RefCell<Set>,
    /// A frozenset's hash once worked out; -1 before.
    pub(crate) hash: Cell<i64>,
    /// Whether [`cycles`](super::cycles) knows of it.
    pub(crate) noted: Cell<bool>,
}

impl SetObject {
    pub(crate) fn new(set: Set) -> SetObject {
        SetObject {
            inner: RefCell::new(set),
            hash: Cell::new(-1),
            noted: Cell::new(false),
        }
    }

    #[inline]
    pub(crate) fn borrow(&self) -> std::cell::Ref<'_, Set> {
        self.inner.borrow()
    }

    #[inline]
    pub(crate) fn borrow_mut(&self) -> std::cell::RefMut<'_, Set> {
        self.inner.borrow_mut()
    }

    /// The table, unless it is in use.
    pub(crate) fn try_borrow_mut(&self) -> Option<std::cell::RefMut<'_, Set>> {
        self.inner.try_borrow_mut().ok()
    }

    /// The table, unless it is being changed.
    pub(crate) fn try_borrow(&self) -> Option<std::cell::Ref<'_, Set>> {
        self.inner.try_borrow().ok()
    }
}
