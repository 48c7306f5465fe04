//! Dictionaries: CPython 2.7's open-addressing table, so that iteration order is CPython's.
//!
//! Probing, growth and the way merges and copies presize are those of the original; programs whose output depends
//! on the order of a dictionary print the same. Keys are compared without running any code of the program
//! (Repy has no `__eq__`), so a table never changes while it is searched.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::equality::{equal, strings_equal};
use super::exception::key_error;
use super::hash::hash_value;
use super::{Res, Str, TypeTag, Value, reclaim};
use crate::memory;
use crate::work;

/// Slots of the smallest table.
const SMALLEST: usize = 8;
/// Slots of a table gone through that count as one unit of work.
const SLOTS_A_UNIT: usize = 8;
/// Bits of the hash mixed in by each probe.
const PERTURB_SHIFT: u32 = 5;
/// Above this many entries the table doubles rather than quadruples.
const LARGE: usize = 50_000;

/// The last version given: no two tables of this process have the same, whosever they are.
static LAST_VERSION: AtomicU64 = AtomicU64::new(1);

/// Bytes of a table with room for more than `least` entries.
fn table_bytes(least: usize) -> usize {
    (least + 1).next_power_of_two() * size_of::<Entry>()
}

/// One slot: free (no key, no value), deleted (a key, no value) or used.
#[derive(Clone, Default)]
pub(crate) struct Entry {
    hash: i64,
    key: Value,
    value: Value,
}

impl Entry {
    fn is_used(&self) -> bool {
        !self.value.is_nil()
    }
}

/// A dictionary's table.
#[derive(Clone, Default)]
pub struct Dict {
    entries: Vec<Entry>,
    /// Used slots.
    used: usize,
    /// Used and deleted slots.
    fill: usize,
    /// 0, or for namespaces a number no other table state has, renewed when keys come or go.
    version: u64,
}

enum Slot {
    Used(usize),
    Free(usize),
}

impl Dict {
    /// An empty one.
    pub fn new() -> Dict {
        Dict::default()
    }

    /// A table as the display `{...}` of `len` items makes it.
    pub(crate) fn with_display_size(len: usize) -> Dict {
        let mut dict = Dict::new();
        if len > 5 {
            dict.resize(len);
        }
        dict
    }

    pub(crate) fn len(&self) -> usize {
        self.used
    }

    pub(crate) fn fill(&self) -> usize {
        self.fill
    }

    fn mask(&self) -> usize {
        self.entries.len().max(SMALLEST) - 1
    }

    /// Bytes the table takes.
    pub(crate) fn memory(&self) -> usize {
        self.entries.len() * size_of::<Entry>()
    }

    /// Makes the table a namespace: its [`version`](Self::version) follows its keys.
    pub(crate) fn track(&mut self) {
        self.version = 1;
        self.changed();
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    #[inline]
    fn changed(&mut self) {
        if self.version != 0 {
            self.version = LAST_VERSION.fetch_add(1, Ordering::Relaxed) + 1;
        }
    }

    #[inline]
    fn find(&self, key: &Value, hash: i64) -> Res<Slot> {
        let mask = self.entries.len().wrapping_sub(1);
        let mut at = hash as usize & mask;
        let mut perturb = hash as u64;
        let mut free = None;
        while let Some(entry) = self.entries.get(at & mask) {
            if entry.is_used() {
                if entry.hash == hash && keys_equal(&entry.key, key)? {
                    return Ok(Slot::Used(at & mask));
                }
            } else if entry.key.is_nil() {
                return Ok(Slot::Free(free.unwrap_or(at & mask)));
            } else if free.is_none() {
                free = Some(at & mask);
            }
            // Keys can be made that all meet in one place.
            work::spend(1)?;
            at = (at << 2)
                .wrapping_add(at)
                .wrapping_add(perturb as usize)
                .wrapping_add(1);
            perturb >>= PERTURB_SHIFT;
        }
        Ok(Slot::Free(0))
    }

    /// The slot of a key if it is the first one probed and an equal string, not a long one, or an equal int.
    #[inline(always)]
    fn first_probe(&self, key: &Value) -> Option<usize> {
        match key {
            Value::Str(name) => {
                let hash = name.hash();
                let at = hash as usize & self.entries.len().wrapping_sub(1);
                let entry = self.entries.get(at)?;
                match &entry.key {
                    Value::Str(known) if known.is_same(name) => Some(at),
                    Value::Str(known) if entry.hash == hash && known.is_same_short(name) => {
                        Some(at)
                    }
                    _ => None,
                }
            }
            Value::Int(number) => {
                let hash = if *number == -1 { -2 } else { *number };
                let at = hash as usize & self.entries.len().wrapping_sub(1);
                match &self.entries.get(at)?.key {
                    Value::Int(known) if known == number => Some(at),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn get(&self, key: &Value) -> Res<Option<&Value>> {
        if let Some(at) = self.first_probe(key)
            && let Some(entry) = self.entries.get(at)
        {
            return Ok(Some(&entry.value));
        }
        self.get_slow(key)
    }

    fn get_slow(&self, key: &Value) -> Res<Option<&Value>> {
        let hash = hash_value(key)?;
        self.get_hashed(key, hash)
    }

    #[inline]
    pub(crate) fn get_hashed(&self, key: &Value, hash: i64) -> Res<Option<&Value>> {
        if self.entries.is_empty() {
            return Ok(None);
        }
        Ok(match self.find(key, hash)? {
            Slot::Used(at) => self.entries.get(at).map(|entry| &entry.value),
            Slot::Free(_) => None,
        })
    }

    /// The value of a name.
    pub(crate) fn get_name(&self, name: &Str) -> Option<&Value> {
        self.find_name(name).and_then(|slot| self.slot_value(slot))
    }

    /// The slot of a name, to be looked at again with [`slot_value`](Self::slot_value) while the version stays.
    pub(crate) fn find_name(&self, name: &Str) -> Option<usize> {
        if self.entries.is_empty() {
            return None;
        }
        match self.find(&Value::Str(name.clone()), name.hash()) {
            Ok(Slot::Used(at)) => Some(at),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn slot_value(&self, slot: usize) -> Option<&Value> {
        self.entries.get(slot).map(|entry| &entry.value)
    }

    /// Replaces the value in a used slot.
    #[inline]
    pub(crate) fn set_slot(&mut self, slot: usize, value: Value) -> Value {
        match self.entries.get_mut(slot) {
            Some(entry) if entry.is_used() => std::mem::replace(&mut entry.value, value),
            _ => value,
        }
    }

    /// Sets a key; the value it had before is returned.
    ///
    /// # Errors
    /// TypeError if the key cannot be hashed, and whatever a comparison of the program throws.
    #[inline]
    pub fn insert(&mut self, key: Value, value: Value) -> Res<Option<Value>> {
        if let Some(at) = self.first_probe(&key)
            && let Some(entry) = self.entries.get_mut(at)
        {
            return Ok(Some(std::mem::replace(&mut entry.value, value)));
        }
        let hash = hash_value(&key)?;
        self.insert_hashed(key, hash, value)
    }

    pub(crate) fn insert_name(&mut self, name: &Str, value: Value) -> Option<Value> {
        self.insert_hashed(Value::Str(name.clone()), name.hash(), value)
            .unwrap_or(None)
    }

    pub(crate) fn insert_hashed(
        &mut self,
        key: Value,
        hash: i64,
        value: Value,
    ) -> Res<Option<Value>> {
        let before = self.used;
        let old = self.insert_unsized(key, hash, value)?;
        if self.used > before && self.fill * 3 >= (self.mask() + 1) * 2 {
            let least = if self.used > LARGE {
                self.used * 2
            } else {
                self.used * 4
            };
            memory::reserve(table_bytes(least))?;
            self.resize(least);
        }
        Ok(old)
    }

    /// Sets a key without looking whether the table should grow.
    fn insert_unsized(&mut self, key: Value, hash: i64, value: Value) -> Res<Option<Value>> {
        if self.entries.is_empty() {
            self.entries.resize_with(SMALLEST, Entry::default);
        }
        match self.find(&key, hash)? {
            Slot::Used(at) => Ok(self
                .entries
                .get_mut(at)
                .map(|entry| std::mem::replace(&mut entry.value, value))),
            Slot::Free(at) => {
                if let Some(entry) = self.entries.get_mut(at) {
                    if entry.key.is_nil() {
                        self.fill += 1;
                    }
                    *entry = Entry { hash, key, value };
                    self.used += 1;
                }
                self.changed();
                Ok(None)
            }
        }
    }

    /// Takes a key out.
    pub(crate) fn remove(&mut self, key: &Value) -> Res<Option<(Value, Value)>> {
        let hash = hash_value(key)?;
        self.remove_hashed(key, hash)
    }

    pub(crate) fn remove_hashed(&mut self, key: &Value, hash: i64) -> Res<Option<(Value, Value)>> {
        if self.entries.is_empty() {
            return Ok(None);
        }
        match self.find(key, hash)? {
            Slot::Used(at) => Ok(self.vacate(at)),
            Slot::Free(_) => Ok(None),
        }
    }

    fn vacate(&mut self, at: usize) -> Option<(Value, Value)> {
        let entry = self.entries.get_mut(at)?;
        // Any key marks a deleted slot as long as there is no value; this one no probe takes for its own.
        let key = std::mem::replace(&mut entry.key, Value::None);
        let value = std::mem::take(&mut entry.value);
        self.used -= 1;
        self.changed();
        Some((key, value))
    }

    /// `popitem`: CPython's search finger lives in the unused hash of slot 0.
    pub(crate) fn pop_any(&mut self) -> Option<(Value, Value)> {
        if self.used == 0 {
            return None;
        }
        let mask = self.mask();
        let (mut at, mut began) = (0, 0);
        if self.entries.first().is_some_and(|entry| !entry.is_used()) {
            let finger = self.entries.first().map_or(1, |entry| entry.hash);
            at = if finger < 1 || finger > mask as i64 {
                1
            } else {
                finger as usize
            };
            began = at;
            while self.entries.get(at).is_some_and(|entry| !entry.is_used()) {
                at = if at + 1 > mask { 1 } else { at + 1 };
            }
        }
        work::note(at.abs_diff(began) / SLOTS_A_UNIT);
        let found = self.vacate(at);
        if let Some(first) = self.entries.first_mut() {
            first.hash = at as i64 + 1;
        }
        found
    }

    /// Rebuilds the table with room for more than `least` entries.
    pub(crate) fn resize(&mut self, least: usize) {
        let mut size = SMALLEST;
        while size <= least {
            size <<= 1;
        }
        if size == SMALLEST && self.entries.len() == SMALLEST && self.fill == self.used {
            return;
        }
        let old = std::mem::take(&mut self.entries);
        self.entries.resize_with(size, Entry::default);
        let mask = size - 1;
        for entry in old {
            if !entry.is_used() {
                continue;
            }
            let mut at = entry.hash as usize & mask;
            let mut perturb = entry.hash as u64;
            while self.entries.get(at & mask).is_some_and(Entry::is_used) {
                at = (at << 2)
                    .wrapping_add(at)
                    .wrapping_add(perturb as usize)
                    .wrapping_add(1);
                perturb >>= PERTURB_SHIFT;
            }
            if let Some(slot) = self.entries.get_mut(at & mask) {
                *slot = entry;
            }
        }
        self.fill = self.used;
        self.changed();
    }

    /// `fill` as [`resize`](Self::resize) is asked before a merge of `more` entries.
    pub(crate) fn reserve_for_merge(&mut self, more: usize) -> Res<()> {
        if (self.fill + more) * 3 >= (self.mask() + 1) * 2 {
            let least = (self.used + more) * 2;
            memory::reserve(table_bytes(least))?;
            self.resize(least);
        }
        Ok(())
    }

    /// `update` with another dictionary.
    pub(crate) fn merge(&mut self, other: &Dict) -> Res<()> {
        if other.used == 0 {
            return Ok(());
        }
        self.reserve_for_merge(other.used)?;
        work::note(other.entries.len() / SLOTS_A_UNIT + other.used);
        for entry in other.entries.iter().filter(|entry| entry.is_used()) {
            self.insert_unsized(entry.key.clone(), entry.hash, entry.value.clone())?;
        }
        Ok(())
    }

    /// `dict.fromkeys` of a dictionary or set: presized, then filled without growth.
    pub(crate) fn fill_from_keys(&mut self, presize: usize, keys: &Dict, value: &Value) -> Res<()> {
        memory::reserve(table_bytes(presize))?;
        self.resize(presize);
        work::note(keys.entries.len() / SLOTS_A_UNIT + keys.used);
        for entry in keys.entries.iter().filter(|entry| entry.is_used()) {
            self.insert_unsized(entry.key.clone(), entry.hash, value.clone())?;
        }
        Ok(())
    }

    /// `copy`.
    pub(crate) fn copied(&self) -> Res<Dict> {
        let mut copy = Dict::new();
        copy.merge(self)?;
        Ok(copy)
    }

    /// The first entry at or after a slot.
    pub(crate) fn entry_from(&self, at: usize) -> Option<(usize, &Value, &Value)> {
        let rest = self.entries.get(at..)?;
        let found = rest.iter().enumerate().find(|(_, entry)| entry.is_used());
        work::note(found.map_or(rest.len(), |(offset, _)| offset) / SLOTS_A_UNIT);
        let (offset, entry) = found?;
        Some((at + offset, &entry.key, &entry.value))
    }

    /// Entries in CPython's order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Value, &Value)> {
        work::note(self.entries.len() / SLOTS_A_UNIT);
        self.entries
            .iter()
            .filter(|entry| entry.is_used())
            .map(|entry| (&entry.key, &entry.value))
    }

    /// Keys with their hashes, in order.
    pub(crate) fn hashed_keys(&self) -> impl Iterator<Item = (&Value, i64)> {
        work::note(self.entries.len() / SLOTS_A_UNIT);
        self.entries
            .iter()
            .filter(|entry| entry.is_used())
            .map(|entry| (&entry.key, entry.hash))
    }

    /// Empties the table; what it held is returned to be dropped by the caller.
    pub(crate) fn clear(&mut self) -> Dict {
        let old = std::mem::take(self);
        self.version = old.version;
        self.changed();
        old
    }
}

impl Drop for Dict {
    fn drop(&mut self) {
        if self.used == 0 {
            return;
        }
        let nests =
            |entry: &Entry| reclaim::can_nest(&entry.value) || reclaim::can_nest(&entry.key);
        if self.entries.iter().any(nests) {
            let entries = std::mem::take(&mut self.entries).into_iter();
            reclaim::release_in_order(entries.flat_map(|entry| [entry.key, entry.value]));
        }
    }
}

#[inline]
fn keys_equal(a: &Value, b: &Value) -> Res<bool> {
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => strings_equal(a, b),
        (Value::Int(a), Value::Int(b)) => Ok(a == b),
        _ => Ok(a.is_same(b) || equal(a, b)?),
    }
}

/// A dictionary object.
#[derive(Default)]
pub struct DictObject {
    inner: RefCell<Dict>,
    /// Whether [`cycles`](super::cycles) knows of it.
    pub(crate) noted: Cell<bool>,
}

impl DictObject {
    pub(crate) fn new(dict: Dict) -> DictObject {
        DictObject {
            inner: RefCell::new(dict),
            noted: Cell::new(false),
        }
    }

    #[inline]
    pub(crate) fn borrow(&self) -> std::cell::Ref<'_, Dict> {
        self.inner.borrow()
    }

    #[inline]
    pub(crate) fn borrow_mut(&self) -> std::cell::RefMut<'_, Dict> {
        self.inner.borrow_mut()
    }

    /// The table, unless it is being changed.
    pub(crate) fn try_borrow(&self) -> Option<std::cell::Ref<'_, Dict>> {
        self.inner.try_borrow().ok()
    }

    /// The table, unless it is in use.
    pub(crate) fn try_borrow_mut(&self) -> Option<std::cell::RefMut<'_, Dict>> {
        self.inner.try_borrow_mut().ok()
    }

    /// `d[key]`.
    pub(crate) fn index(&self, key: &Value) -> Res {
        match self.borrow().get(key)? {
            Some(value) => Ok(value.clone()),
            None => Err(key_error(key.clone())),
        }
    }

    /// `d[key] = value` where nothing can have been made circular or somebody else takes note. The old value is dropped
    /// after the table is free again.
    pub(crate) fn set_unnoted(&self, key: Value, value: Value) -> Res<()> {
        let old = self.borrow_mut().insert(key, value)?;
        drop(old);
        Ok(())
    }
}

/// Which part of its dictionary a view shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ViewKind {
    Keys,
    Values,
    Items,
}

/// What `viewkeys`, `viewvalues` and `viewitems` return.
pub struct DictView {
    pub(crate) dict: Rc<DictObject>,
    pub(crate) kind: ViewKind,
}

impl DictView {
    pub(crate) fn type_tag(&self) -> TypeTag {
        match self.kind {
            ViewKind::Keys => TypeTag::KeysView,
            ViewKind::Values => TypeTag::ValuesView,
            ViewKind::Items => TypeTag::ItemsView,
        }
    }

    /// What the view shows now.
    pub(crate) fn items(&self) -> Vec<Value> {
        let dict = self.dict.borrow();
        match self.kind {
            ViewKind::Keys => dict.iter().map(|(key, _)| key.clone()).collect(),
            ViewKind::Values => dict.iter().map(|(_, value)| value.clone()).collect(),
            ViewKind::Items => dict
                .iter()
                .map(|(key, value)| Value::pair(key.clone(), value.clone()))
                .collect(),
        }
    }
}
