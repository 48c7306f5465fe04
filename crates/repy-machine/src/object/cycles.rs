//! Circular garbage: objects that hold each other and that nobody else holds.
//!
//! Counting references never gives those back. So an object that a container is put into is noted here when that
//! happens: a circle cannot be closed otherwise, for what is new holds only what is older. Classes, functions with
//! closures and namespaces are noted when they are made. Now and then the noted objects and all they hold are looked
//! at, by trial deletion: an object that has more references than come from among them is held from outside (a variable, a
//! thread, the host), and so is all that it holds in turn; the rest is emptied, and then goes by counting as ever.
//!
//! It is sound wherever it is called: what native code holds at that moment has its count too, and what is borrowed is
//! left alone. As in CPython 2.7, circles with a `__del__` among them are kept: there is no right order to run
//! destructors in.
//!
//! Here is what is noted and when to look, and what of lists and dictionaries has to take note; `graph` looks, `held`
//! knows the objects.

mod graph;
mod held;

use std::rc::Rc;

use self::graph::{Destructors, Graph};
use super::budget::{Collector, Noted, PLACE};
use super::reclaim::can_close;
use super::{Class, Dict, DictObject, Function, Instance, ListObject, Res, SetObject, Str, Value};
use crate::memory;
use crate::meter::{HERE, LEAST_GROWTH, LEAST_NOTED};

/// Objects that one look at a part begins with, of the nodes there is room for: the others are what they hold.
const PART: usize = 4;

/// Notes an object; false where no machine is at work that would look at it.
#[cold]
fn note(noted: Noted) -> bool {
    HERE.with(|here| {
        if here.machine.get() == 0 {
            return false;
        }
        // When the thread ends the list may be gone; then nobody looks any more either.
        let noted = PLACE.try_with(|place| {
            let Ok(mut all) = place.lists.noted.try_borrow_mut() else {
                return false;
            };
            if all.len() >= here.meter.forget_at.get() {
                all.retain(Noted::is_alive);
                let forget_at = 2 * all.len().max(LEAST_NOTED / 2);
                here.meter.forget_at.set(forget_at);
            }
            all.push(noted);
            true
        });
        noted == Ok(true)
    })
}

/// A value is put into a list.
#[inline(always)]
pub(crate) fn put_into_list(list: &Rc<ListObject>, value: &Value) {
    if can_close(value) && !list.noted.get() {
        list.noted.set(note(Noted::List(Rc::downgrade(list))));
    }
}

/// Values are put into a list.
pub(crate) fn put_all_into_list(list: &Rc<ListObject>, values: &[Value]) {
    if !list.noted.get()
        && let Some(value) = values.iter().find(|value| can_close(value))
    {
        put_into_list(list, value);
    }
}

impl ListObject {
    /// Adds an item at the end.
    ///
    /// # Errors
    /// If there is no memory for it.
    #[inline]
    pub(crate) fn append(self: &Rc<Self>, item: Value) -> Res<()> {
        put_into_list(self, &item);
        let mut items = self.items.borrow_mut();
        if items.len() == items.capacity() {
            memory::reserve(items.len() * size_of::<Value>())?;
        }
        items.push(item);
        Ok(())
    }
}

/// A key and a value are put into a dictionary.
#[inline(always)]
pub(crate) fn put_into_dict(dict: &Rc<DictObject>, key: &Value, value: &Value) {
    if can_close(value) || can_close(key) {
        note_dict(dict);
    }
}

impl DictObject {
    /// A table for the variables of a program.
    pub(crate) fn namespace() -> Rc<DictObject> {
        let mut dict = Dict::new();
        dict.track();
        let namespace = Rc::new(DictObject::new(dict));
        note_dict(&namespace);
        namespace
    }

    /// `d[key] = value`.
    pub(crate) fn set(self: &Rc<Self>, key: Value, value: Value) -> Res<()> {
        put_into_dict(self, &key, &value);
        self.set_unnoted(key, value)
    }
}

/// All of another mapping, or of something that gives pairs, and of keywords is put into a dictionary.
pub(crate) fn put_all_into_dict(
    dict: &Rc<DictObject>,
    other: Option<&Value>,
    keywords: &[(Str, Value)],
) {
    if dict.noted.get() {
        return;
    }
    let closes = match other.map(Value::unwrapped) {
        None => false,
        Some(Value::Dict(other)) => other.try_borrow().is_none_or(|table| {
            table
                .iter()
                .any(|(key, value)| can_close(key) || can_close(value))
        }),
        Some(_) => true,
    };
    if closes || keywords.iter().any(|(_, value)| can_close(value)) {
        note_dict(dict);
    }
}

/// A value is put into a set.
#[inline(always)]
pub(crate) fn put_into_set(set: &Rc<SetObject>, value: &Value) {
    if can_close(value) {
        note_set(set);
    }
}

/// All of something that can be iterated is put into a set.
pub(crate) fn put_all_into_set(set: &Rc<SetObject>, items: &Value) {
    if set.noted.get() {
        return;
    }
    let closes = match items.unwrapped() {
        Value::Str(_) | Value::XRange(_) => false,
        Value::List(list) => {
            (list.items.try_borrow()).is_ok_and(|items| items.iter().any(can_close))
        }
        Value::Tuple(tuple) => tuple.iter().any(can_close),
        Value::Set(other) | Value::FrozenSet(other) => other
            .try_borrow()
            .is_none_or(|other| other.iter().any(can_close)),
        _ => true,
    };
    if closes {
        note_set(set);
    }
}

fn note_set(set: &Rc<SetObject>) {
    if !set.noted.get() {
        set.noted.set(note(Noted::Set(Rc::downgrade(set))));
    }
}

/// A dictionary that may hold anything from now on.
pub(crate) fn note_dict(dict: &Rc<DictObject>) {
    if !dict.noted.get() {
        dict.noted.set(note(Noted::Dict(Rc::downgrade(dict))));
    }
}

/// A value becomes an attribute.
#[inline(always)]
pub(crate) fn put_into_instance(instance: &Rc<Instance>, value: &Value) {
    if can_close(value) && !instance.noted.get() {
        instance
            .noted
            .set(note(Noted::Instance(Rc::downgrade(instance))));
    }
}

/// A function that holds variables of another, or attributes.
pub(crate) fn note_function(function: &Rc<Function>) {
    note(Noted::Function(Rc::downgrade(function)));
}

/// A class of the program.
pub(crate) fn note_class(class: &Rc<Class>) {
    note(Noted::Class(Rc::downgrade(class)));
}

/// Whether so much was noted or allocated since the last look that another is worth its time.
pub(crate) fn due() -> bool {
    let held = memory::held();
    if held > 0 {
        return held >= HERE.with(|here| here.meter.look_at_memory.get());
    }
    let look_at = HERE.with(|here| here.meter.look_at.get());
    PLACE.with(|place| (place.lists.noted.try_borrow()).is_ok_and(|all| all.len() >= look_at))
}

/// What gives a machine's circles back.
pub(crate) const COLLECTOR: Collector = Collector {
    collect,
    collect_last,
};

/// Looks for circular garbage and gives it back; how many objects that were.
pub(crate) fn collect() -> usize {
    collect_where(Destructors::CanRun)
}

/// The same where the machine is gone: destructors keep nothing.
fn collect_last() {
    collect_where(Destructors::AreOver);
}

fn collect_where(destructors: Destructors) -> usize {
    let before = memory::held();
    let known = PLACE.try_with(|place| {
        let mut all = place.lists.noted.try_borrow_mut().ok()?;
        all.retain(Noted::is_alive);
        Some(all.len())
    });
    let Ok(Some(noted)) = known else {
        return 0;
    };
    let found = collect_among(0, noted, false, destructors)
        .unwrap_or_else(|| collect_in_parts(noted, destructors));
    plan_next(before, noted, found);
    found
}

/// Looks at the noted objects part by part, the youngest first, where there is no room for all at once. Circles that
/// are larger than a part, or that only what everything holds is part of, are not found then.
fn collect_in_parts(noted: usize, destructors: Destructors) -> usize {
    let mut found = 0;
    let mut end = noted;
    while end > 0 {
        let part = (Graph::new(true).most() / PART).max(1);
        let start = end.saturating_sub(part);
        found += collect_among(start, end, true, destructors).unwrap_or(0);
        end = start;
    }
    found
}

/// Looks at the objects noted from one number up to another and at what they hold. None if there is no room for that.
fn collect_among(
    start: usize,
    end: usize,
    is_part: bool,
    destructors: Destructors,
) -> Option<usize> {
    let mut graph = Graph::new(is_part);
    if !is_part && end - start > graph.most() {
        return None;
    }
    graph.reserve((end - start).saturating_mul(2));
    let _ = PLACE.try_with(|place| {
        if let Ok(all) = place.lists.noted.try_borrow() {
            for noted in all.get(start..end).unwrap_or_default() {
                if let Some(value) = noted.value() {
                    graph.add(&value);
                }
            }
        }
    });
    if !graph.explore() {
        graph.let_go();
        return None;
    }
    graph.mark_held(destructors);
    Some(graph.empty_garbage())
}

/// Looks again when half as much more is in use, or four times as much if this look was not worth it: what a program
/// that only grows pays for looks is then in proportion to what it makes, and less than that.
fn plan_next(before: usize, noted: usize, found: usize) {
    let used = memory::held();
    let worth_it = found * 8 > noted || used < before - before / 8;
    let growth = if worth_it { used / 2 } else { 3 * used };
    // Half-way to the limit at the latest: later, there is no room for the look itself.
    let (room, limit) = (memory::room(), memory::limit());
    let growth = growth.max(LEAST_GROWTH).min((room / 2).max(limit / 32));
    HERE.with(|here| {
        let meter = &here.meter;
        meter.look_at_memory.set(used.saturating_add(growth));
        meter
            .look_at
            .set((if worth_it { 2 } else { 4 } * noted).max(LEAST_NOTED));
        meter.forget_at.set((2 * noted).max(LEAST_NOTED));
    });
}
