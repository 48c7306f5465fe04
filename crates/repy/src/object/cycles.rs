//! Circular garbage: objects that hold each other and that nobody else holds.
//!
//! Counting references never gives those back. So an object that a container is put into is noted here when that
//! happens: a circle cannot be closed otherwise, for what is new holds only what is older. Classes, functions with
//! closures and namespaces are noted when they are made. Now and then the noted objects and all they hold are looked
//! at, by trial deletion: whoever has more references than come from among them is held from outside (a variable, a
//! thread, the host), and so is all that it holds in turn; the rest is emptied, and then goes by counting as ever.
//!
//! It is sound wherever it is called: what native code holds at that moment has its count too, and what is borrowed is
//! left alone. As in CPython 2.7, circles with a `__del__` among them are kept: there is no right order to run
//! destructors in.

use std::cell::{Cell as Flag, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::{Rc, Weak};

use super::{
    Class, ClassKind, DictObject, Function, Instance, ListObject, Payload, SetObject, Str, Value,
    iter::Source, reclaim,
};
use crate::builtins::safe_dict;
use crate::memory;

/// Least growth of the memory in use before a look is worth its time. Programs in small vessels reach their limit
/// before, and that makes a look as well.
const LEAST_GROWTH: usize = 4 << 20;

/// Least number of noted objects before the dead among them are forgotten, and before a look where memory is not
/// counted.
const LEAST_NOTED: usize = 4_000;

/// A noted object. Noting does not hold it.
enum Noted {
    List(Weak<ListObject>),
    Dict(Weak<DictObject>),
    Set(Weak<SetObject>),
    Instance(Weak<Instance>),
    Function(Weak<Function>),
    Class(Weak<Class>),
}

impl Noted {
    fn value(&self) -> Option<Value> {
        Some(match self {
            Noted::List(weak) => Value::List(weak.upgrade()?),
            Noted::Dict(weak) => Value::Dict(weak.upgrade()?),
            Noted::Set(weak) => Value::Set(weak.upgrade()?),
            Noted::Instance(weak) => Value::Instance(weak.upgrade()?),
            Noted::Function(weak) => Value::Function(weak.upgrade()?),
            Noted::Class(weak) => Value::Class(weak.upgrade()?),
        })
    }

    fn is_alive(&self) -> bool {
        match self {
            Noted::List(weak) => weak.strong_count() > 0,
            Noted::Dict(weak) => weak.strong_count() > 0,
            Noted::Set(weak) => weak.strong_count() > 0,
            Noted::Instance(weak) => weak.strong_count() > 0,
            Noted::Function(weak) => weak.strong_count() > 0,
            Noted::Class(weak) => weak.strong_count() > 0,
        }
    }
}

thread_local! {
    static NOTED: RefCell<Vec<Noted>> = const { RefCell::new(Vec::new()) };
    /// When the dead among the noted are forgotten, and when to look for garbage: at this many, at this much memory.
    static FORGET_AT: Flag<usize> = const { Flag::new(LEAST_NOTED) };
    static LOOK_AT: Flag<usize> = const { Flag::new(LEAST_NOTED) };
    static LOOK_AT_MEMORY: Flag<usize> = const { Flag::new(LEAST_GROWTH) };
}

#[cold]
fn note(noted: Noted) {
    // When the thread ends the list may be gone; then nobody looks any more either.
    let _ = NOTED.try_with(|all| {
        if let Ok(mut all) = all.try_borrow_mut() {
            if all.len() >= FORGET_AT.get() {
                all.retain(Noted::is_alive);
                FORGET_AT.set(2 * all.len().max(LEAST_NOTED / 2));
            }
            all.push(noted);
        }
    });
}

/// Whether a value can be part of a circle.
#[inline(always)]
fn can_close(value: &Value) -> bool {
    reclaim::can_nest(value) && !matches!(value, Value::Native(_))
}

/// A value is put into a list.
#[inline(always)]
pub(crate) fn put_into_list(list: &Rc<ListObject>, value: &Value) {
    if can_close(value) && !list.noted.replace(true) {
        note(Noted::List(Rc::downgrade(list)));
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

/// A key and a value are put into a dictionary.
#[inline(always)]
pub(crate) fn put_into_dict(dict: &Rc<DictObject>, key: &Value, value: &Value) {
    if can_close(value) || can_close(key) {
        note_dict(dict);
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
    if !set.noted.replace(true) {
        note(Noted::Set(Rc::downgrade(set)));
    }
}

/// A dictionary that may hold anything from now on.
pub(crate) fn note_dict(dict: &Rc<DictObject>) {
    if !dict.noted.replace(true) {
        note(Noted::Dict(Rc::downgrade(dict)));
    }
}

/// A value becomes an attribute.
#[inline(always)]
pub(crate) fn put_into_instance(instance: &Rc<Instance>, value: &Value) {
    if can_close(value) && !instance.noted.replace(true) {
        note(Noted::Instance(Rc::downgrade(instance)));
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
    let used = memory::used();
    if (used as isize) > 0 {
        return used >= LOOK_AT_MEMORY.get();
    }
    NOTED.with(|all| all.try_borrow().is_ok_and(|all| all.len() >= LOOK_AT.get()))
}

/// Where a shared object lives; None for what cannot be part of a circle.
fn place(value: &Value) -> Option<usize> {
    match value {
        // Builtin types hold functions of the machine only.
        Value::Class(class) if class.kind == ClassKind::Builtin => None,
        // `id()` of an instance may be that of its former place.
        Value::Instance(instance) => Some(Rc::as_ptr(instance).cast::<u8>() as usize),
        value if can_close(value) => value.address(),
        _ => None,
    }
}

fn references(value: &Value) -> usize {
    match value {
        Value::Tuple(rc) => Rc::strong_count(rc),
        Value::List(rc) => Rc::strong_count(rc),
        Value::Dict(rc) => Rc::strong_count(rc),
        Value::Set(rc) | Value::FrozenSet(rc) => Rc::strong_count(rc),
        Value::Slice(rc) => Rc::strong_count(rc),
        Value::Iter(rc) => Rc::strong_count(rc),
        Value::View(rc) => Rc::strong_count(rc),
        Value::Function(rc) => Rc::strong_count(rc),
        Value::Method(rc) => Rc::strong_count(rc),
        Value::NativeBound(rc) => Rc::strong_count(rc),
        Value::Class(rc) => Rc::strong_count(rc),
        Value::Instance(rc) => Rc::strong_count(rc),
        Value::Host(rc) => Rc::strong_count(rc),
        Value::Cell(rc) => Rc::strong_count(rc),
        Value::Raised(rc) => Rc::strong_count(rc),
        // Nothing else is looked at; a count no sum of references reaches keeps it.
        _ => usize::MAX,
    }
}

/// Calls `visit` with everything an object holds, as often as it holds it. What is borrowed at the moment is not
/// seen, and what it holds seems held from outside.
fn each_held(value: &Value, visit: &mut dyn FnMut(&Value)) {
    match value {
        Value::Tuple(tuple) => tuple.iter().for_each(visit),
        Value::List(list) => {
            if let Ok(items) = list.items.try_borrow() {
                items.iter().for_each(visit);
            }
        }
        Value::Dict(dict) => each_in_table(dict, visit),
        Value::Set(set) | Value::FrozenSet(set) => {
            if let Some(set) = set.try_borrow() {
                set.iter().for_each(visit);
            }
        }
        Value::Slice(slice) => [&slice.start, &slice.stop, &slice.step]
            .into_iter()
            .for_each(visit),
        Value::Iter(iter) => match &iter.source {
            Source::List(list) => visit(&Value::List(list.clone())),
            Source::Tuple(tuple) => visit(&Value::Tuple(tuple.clone())),
            Source::Keys(dict) | Source::Values(dict) | Source::Items(dict) => {
                visit(&Value::Dict(dict.clone()));
            }
            Source::Set(set) => visit(&Value::Set(set.clone())),
            Source::Str(_) | Source::XRange(_) => {}
        },
        Value::View(view) => visit(&Value::Dict(view.dict.clone())),
        Value::Function(function) => {
            visit(&Value::Dict(function.globals.clone()));
            for cell in &function.closure {
                visit(&Value::Cell(cell.clone()));
            }
            function.defaults.iter().for_each(&mut *visit);
            if let Ok(attrs) = function.attrs.try_borrow() {
                attrs.iter().for_each(|(_, value)| visit(value));
            }
        }
        Value::Method(method) => {
            visit(&method.function);
            visit(&method.receiver);
            visit(&Value::Class(method.class.clone()));
        }
        Value::NativeBound(bound) => visit(&bound.receiver),
        Value::Class(class) => {
            for held in [&class.bases, &class.ancestors] {
                if let Ok(held) = held.try_borrow() {
                    held.iter().for_each(&mut *visit);
                }
            }
            if let Ok(attrs) = class.attrs.try_borrow() {
                attrs.values().for_each(visit);
            }
        }
        Value::Instance(instance) => {
            visit(&Value::Class(instance.class.clone()));
            if let Ok(slots) = instance.slots.try_borrow() {
                slots.iter().for_each(&mut *visit);
            }
            match &instance.payload {
                Payload::Plain => {}
                Payload::Value(value) => visit(value),
                Payload::Exception(part) => {
                    if let Ok(part) = part.try_borrow() {
                        visit(&part.args);
                        visit(&part.message);
                        part.extra.iter().for_each(|(_, value)| visit(value));
                    }
                }
            }
        }
        // A program's `_context` is a host object in its own namespace; other host objects are left alone.
        Value::Host(_) => {
            if let Some(context) = safe_dict::of(value) {
                visit(&Value::Dict(context.namespace()));
            }
        }
        Value::Cell(cell) => {
            if let Ok(value) = cell.value.try_borrow() {
                visit(&value);
            }
        }
        Value::Raised(raised) => {
            visit(&raised.value);
            if let Ok(held) = raised.held.try_borrow() {
                held.iter().for_each(visit);
            }
        }
        _ => {}
    }
}

fn each_in_table(dict: &DictObject, visit: &mut dyn FnMut(&Value)) {
    if let Some(table) = dict.try_borrow() {
        for (key, value) in table.iter() {
            visit(key);
            visit(value);
        }
    }
}

/// Takes out of an object what it holds and can be taken out.
fn empty(value: &Value, taken: &mut Vec<Value>) {
    match value {
        Value::List(list) => {
            if let Ok(mut items) = list.items.try_borrow_mut() {
                taken.append(&mut items);
            }
        }
        Value::Dict(dict) => {
            if let Some(mut table) = dict.try_borrow_mut() {
                let old = table.clear();
                drop(table);
                taken.push(Value::dict(old));
            }
        }
        Value::Set(set) => {
            if let Some(mut table) = set.try_borrow_mut() {
                let old = table.clear();
                drop(table);
                taken.push(Value::Set(Rc::new(SetObject::new(old))));
            }
        }
        Value::Function(function) => {
            if let Ok(mut attrs) = function.attrs.try_borrow_mut() {
                taken.extend(attrs.drain(..).map(|(_, value)| value));
            }
        }
        Value::Class(class) => {
            if let Ok(mut attrs) = class.attrs.try_borrow_mut() {
                taken.extend(std::mem::take(&mut *attrs).into_values());
            }
        }
        Value::Instance(instance) => {
            if let Ok(mut slots) = instance.slots.try_borrow_mut() {
                taken.append(&mut slots);
            }
            if let Payload::Exception(part) = &instance.payload
                && let Ok(mut part) = part.try_borrow_mut()
            {
                taken.push(std::mem::replace(&mut part.args, Value::tuple(Vec::new())));
                taken.push(std::mem::replace(&mut part.message, Value::None));
                taken.extend(part.extra.drain(..).map(|(_, value)| value));
            }
        }
        Value::Cell(cell) => {
            if let Ok(mut held) = cell.value.try_borrow_mut() {
                taken.push(std::mem::take(&mut held));
            }
        }
        Value::Raised(raised) => {
            if let Ok(mut held) = raised.held.try_borrow_mut() {
                taken.append(&mut held);
            }
        }
        // What cannot be changed goes when what it is part of a circle with has been emptied.
        _ => {}
    }
}

/// Hashes a place: one multiplication spreads addresses, whose low bits are all alike.
#[derive(Default, Clone, Copy)]
struct PlaceHasher(u64);

impl Hasher for PlaceHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_usize(usize::from(byte));
        }
    }

    fn write_usize(&mut self, place: usize) {
        self.0 = (self.0 ^ place as u64)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(26);
    }
}

struct Node {
    value: Value,
    /// References that come from other nodes.
    inner: usize,
    is_held: bool,
}

/// What a node takes in both tables, with the room they grow by.
const NODE_BYTES: usize = 2 * size_of::<Node>() + 64;

/// The part of the memory limit that a look may take where there is no room left: what is given back by it makes more.
const LEAST_ROOM: usize = 32;

/// Objects that one look at a part begins with, of the nodes there is room for: the others are what they hold.
const PART: usize = 4;

/// Noted objects and what they hold.
struct Graph {
    /// Most nodes there is room for. What comes after them counts as somebody outside.
    most: usize,
    is_full: bool,
    /// Whether only a part of what was noted is looked at. What everything holds is left out then, or it would be
    /// all that is looked at.
    is_part: bool,
    nodes: Vec<Node>,
    index: HashMap<usize, usize, BuildHasherDefault<PlaceHasher>>,
}

impl Graph {
    fn new(is_part: bool) -> Graph {
        let room = memory::room().max(memory::limit() / LEAST_ROOM);
        Graph {
            most: room / NODE_BYTES,
            is_full: false,
            is_part,
            nodes: Vec::new(),
            index: HashMap::default(),
        }
    }

    /// The node of a value, made if there is none and there is room.
    fn node(&mut self, value: &Value) -> Option<&mut Node> {
        let place = place(value)?;
        if self.nodes.len() >= self.most && !self.index.contains_key(&place) {
            self.is_full = true;
            return None;
        }
        let at = *self.index.entry(place).or_insert_with(|| {
            self.nodes.push(Node {
                value: value.clone(),
                inner: 0,
                is_held: false,
            });
            self.nodes.len() - 1
        });
        self.nodes.get_mut(at)
    }

    /// Whether a value that is held is followed.
    fn follows(&self, value: &Value) -> bool {
        let leads_to_everything = match value {
            Value::Class(_) | Value::Function(_) => true,
            Value::Dict(dict) => dict.try_borrow().is_none_or(|table| table.version() != 0),
            _ => false,
        };
        !self.is_part
            || !leads_to_everything
            || place(value).is_some_and(|place| self.index.contains_key(&place))
    }

    /// Follows all references from the nodes there are, and counts them. False if there was not room for all.
    fn explore(&mut self) -> bool {
        let mut at = 0;
        while let Some(node) = self.nodes.get(at) {
            if self.is_full && !self.is_part {
                return false;
            }
            let value = node.value.clone();
            each_held(&value, &mut |held| {
                if self.follows(held)
                    && let Some(node) = self.node(held)
                {
                    node.inner += 1;
                }
            });
            at += 1;
        }
        true
    }

    /// Marks what is held from outside, and all that it holds.
    fn mark_held(&mut self) {
        let mut left: Vec<usize> = Vec::new();
        for (at, node) in self.nodes.iter_mut().enumerate() {
            let has_destructor = matches!(&node.value, Value::Instance(instance)
                if instance.class.has_del.get() && !instance.finalized.get());
            // One reference is the node's own.
            if has_destructor || references(&node.value) > node.inner.saturating_add(1) {
                node.is_held = true;
                left.push(at);
            }
        }
        while let Some(at) = left.pop() {
            let Some(value) = self.nodes.get(at).map(|node| node.value.clone()) else {
                continue;
            };
            each_held(&value, &mut |held| {
                let found = place(held).and_then(|place| self.index.get(&place).copied());
                if let Some(at) = found
                    && let Some(node) = self.nodes.get_mut(at)
                    && !std::mem::replace(&mut node.is_held, true)
                {
                    left.push(at);
                }
            });
        }
    }
}

/// Looks for circular garbage and gives it back; how many objects that were.
pub(crate) fn collect() -> usize {
    let before = memory::used();
    let known = NOTED.try_with(|all| {
        let mut all = all.try_borrow_mut().ok()?;
        all.retain(Noted::is_alive);
        Some(all.len())
    });
    let Ok(Some(noted)) = known else {
        return 0;
    };
    let found = collect_among(0, noted, false).unwrap_or_else(|| collect_in_parts(noted));
    plan_next(before, noted, found);
    found
}

/// Looks at the noted objects part by part, the youngest first, where there is no room for all at once. Circles that
/// are larger than a part, or that only what everything holds is part of, are not found then.
fn collect_in_parts(noted: usize) -> usize {
    let mut found = 0;
    let mut end = noted;
    while end > 0 {
        let part = (Graph::new(true).most / PART).max(1);
        let start = end.saturating_sub(part);
        found += collect_among(start, end, true).unwrap_or(0);
        end = start;
    }
    found
}

/// Looks at the objects noted from one number up to another and at what they hold. None if there is no room for that.
fn collect_among(start: usize, end: usize, is_part: bool) -> Option<usize> {
    let mut graph = Graph::new(is_part);
    if !is_part && end - start > graph.most {
        return None;
    }
    let expected = (end - start).saturating_mul(2).min(graph.most);
    graph.nodes.reserve(expected);
    graph.index.reserve(expected);
    let _ = NOTED.try_with(|all| {
        if let Ok(all) = all.try_borrow() {
            for noted in all.get(start..end).unwrap_or_default() {
                if let Some(value) = noted.value() {
                    graph.node(&value);
                }
            }
        }
    });
    if !graph.explore() {
        drop(graph.index);
        reclaim::release(graph.nodes.into_iter().map(|node| node.value).collect());
        return None;
    }
    graph.mark_held();
    let mut taken = Vec::new();
    let mut count = 0;
    for node in graph.nodes.iter().filter(|node| !node.is_held) {
        count += 1;
        empty(&node.value, &mut taken);
    }
    taken.extend(graph.nodes.into_iter().map(|node| node.value));
    drop(graph.index);
    reclaim::release(taken);
    Some(count)
}

/// Looks again when half as much more is in use, or four times as much if this look was not worth it: what a program
/// that only grows pays for looks is then in proportion to what it makes, and less than that.
fn plan_next(before: usize, noted: usize, found: usize) {
    let used = memory::used();
    let worth_it = found * 8 > noted || used < before - before / 8;
    let growth = if worth_it { used / 2 } else { 3 * used };
    // Half-way to the limit at the latest: later, there is no room for the look itself.
    let (room, limit) = (memory::room(), memory::limit());
    let growth = growth.max(LEAST_GROWTH).min((room / 2).max(limit / 32));
    LOOK_AT_MEMORY.set(used.saturating_add(growth));
    LOOK_AT.set((if worth_it { 2 } else { 4 } * noted).max(LEAST_NOTED));
    FORGET_AT.set((2 * noted).max(LEAST_NOTED));
}
