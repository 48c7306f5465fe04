//! Trial deletion: noted objects and what they hold as a graph, and what of it is held from outside.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::held::{each_held, empty, place, references};
use crate::memory;
use crate::object::{Value, reclaim};

/// What `__del__` means for circles that have one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Destructors {
    /// They are kept: there is no right order to run them in.
    CanRun,
    /// Nobody is left to run them.
    AreOver,
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

/// Noted objects and what they hold.
pub(super) struct Graph {
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
    pub(super) fn new(is_part: bool) -> Graph {
        let room = memory::room().max(memory::limit() / LEAST_ROOM);
        Graph {
            most: room / NODE_BYTES,
            is_full: false,
            is_part,
            nodes: Vec::new(),
            index: HashMap::default(),
        }
    }

    /// Most objects there is room for.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Makes room for so many objects, or for as many as there may be.
    pub(super) fn reserve(&mut self, expected: usize) {
        let expected = expected.min(self.most);
        self.nodes.reserve(expected);
        self.index.reserve(expected);
    }

    /// An object to look at.
    pub(super) fn add(&mut self, value: &Value) {
        self.node(value);
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
    pub(super) fn explore(&mut self) -> bool {
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
    pub(super) fn mark_held(&mut self, destructors: Destructors) {
        let mut left: Vec<usize> = Vec::new();
        for (at, node) in self.nodes.iter_mut().enumerate() {
            let has_destructor = destructors == Destructors::CanRun
                && matches!(&node.value, Value::Instance(instance)
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

    /// Gives back what is not held from outside; how many objects that are.
    pub(super) fn empty_garbage(self) -> usize {
        let mut taken = Vec::new();
        let mut count = 0;
        for node in self.nodes.iter().filter(|node| !node.is_held) {
            count += 1;
            empty(&node.value, &mut taken);
        }
        taken.extend(self.nodes.into_iter().map(|node| node.value));
        drop(self.index);
        reclaim::release(taken);
        count
    }

    /// Forgets what was found.
    pub(super) fn let_go(self) {
        drop(self.index);
        reclaim::release(self.nodes.into_iter().map(|node| node.value).collect());
    }
}
