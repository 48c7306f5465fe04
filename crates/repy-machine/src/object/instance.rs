//! Instances: attributes in slots laid out by a shape, and what the builtin part of their class holds.
//!
//! Instances that were given the same attributes in the same order share a shape; a place in a program that reads
//! an attribute remembers shape and slot and needs no look-up while the shape stays the same.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::{Class, Sym, Value, exception::ExceptionPart, reclaim};

/// An instance of a class of programs or of an exception type.
pub struct Instance {
    pub(crate) class: Rc<Class>,
    pub(crate) shape: Cell<u32>,
    pub(crate) slots: RefCell<Vec<Value>>,
    pub(crate) payload: Payload,
    /// Whether `__del__` was run, or is about to.
    pub(crate) finalized: Cell<bool>,
    /// Whether [`cycles`](super::cycles) knows of it.
    pub(crate) noted: Cell<bool>,
    /// Where the instance lived before it was revived for its `__del__`; 0 if it never was.
    pub(crate) former_address: Cell<usize>,
}

/// What an instance holds besides attributes.
pub(crate) enum Payload {
    /// Nothing.
    Plain,
    /// The value of the builtin type its class extends.
    Value(Value),
    /// The arguments of an exception.
    Exception(Box<RefCell<ExceptionPart>>),
}

impl Instance {
    pub(crate) fn new(class: Rc<Class>, shape: u32, payload: Payload) -> Instance {
        let slots = Vec::with_capacity(class.slot_hint.get() as usize);
        Instance {
            class,
            shape: Cell::new(shape),
            slots: RefCell::new(slots),
            payload,
            finalized: Cell::new(false),
            noted: Cell::new(false),
            former_address: Cell::new(0),
        }
    }

    /// The address `id()` shows.
    pub(crate) fn identity(self: &Rc<Self>) -> Option<usize> {
        match self.former_address.get() {
            0 => Some(Rc::as_ptr(self).cast::<u8>() as usize),
            former => Some(former),
        }
    }

    /// The exception part, if the class is an exception.
    pub(crate) fn exception(&self) -> Option<&RefCell<ExceptionPart>> {
        match &self.payload {
            Payload::Exception(part) => Some(part),
            _ => None,
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if self.class.has_del.get() && !self.finalized.get() {
            let former = match self.former_address.get() {
                0 => std::ptr::from_ref(self).cast::<u8>() as usize,
                former => former,
            };
            reclaim::finalize_later(Rc::new(Instance {
                class: self.class.clone(),
                shape: Cell::new(self.shape.get()),
                slots: RefCell::new(std::mem::take(self.slots.get_mut())),
                payload: std::mem::replace(&mut self.payload, Payload::Plain),
                finalized: Cell::new(true),
                noted: Cell::new(false),
                former_address: Cell::new(former),
            }));
            return;
        }
        let slots = std::mem::take(self.slots.get_mut());
        if !slots.is_empty() {
            self.class.slot_hint.set(slots.len() as u32);
        }
        reclaim::release(slots);
        match std::mem::replace(&mut self.payload, Payload::Plain) {
            Payload::Plain => {}
            Payload::Value(value) => reclaim::release_one(value),
            Payload::Exception(part) => {
                let part = part.into_inner();
                reclaim::release_one(part.args);
                reclaim::release_one(part.message);
                if !part.extra.is_empty() {
                    reclaim::release(part.extra.into_iter().map(|(_, value)| value).collect());
                }
            }
        }
    }
}

/// All shapes of a machine: a tree whose root, for each class, is the instance without attributes.
pub(crate) struct Shapes {
    nodes: Vec<Node>,
}

struct Node {
    parent: u32,
    name: Sym,
    /// Slots of an instance of this shape; the node's own name has the last.
    len: u32,
    next: Vec<(Sym, u32)>,
}

impl Shapes {
    pub(crate) fn new() -> Shapes {
        // Number 0 means "no shape yet".
        Shapes {
            nodes: vec![Node {
                parent: 0,
                name: Sym(u32::MAX),
                len: 0,
                next: Vec::new(),
            }],
        }
    }

    /// A new shape without attributes.
    pub(crate) fn root(&mut self) -> u32 {
        self.nodes.push(Node {
            parent: 0,
            name: Sym(u32::MAX),
            len: 0,
            next: Vec::new(),
        });
        (self.nodes.len() - 1) as u32
    }

    /// Whether it is the shape of an instance without attributes.
    pub(crate) fn is_root(&self, shape: u32) -> bool {
        self.nodes
            .get(shape as usize)
            .is_none_or(|node| node.len == 0)
    }

    /// The slot of `name`.
    pub(crate) fn find(&self, shape: u32, name: Sym) -> Option<usize> {
        let mut at = shape;
        while let Some(node) = self.nodes.get(at as usize) {
            if node.len == 0 {
                return None;
            }
            if node.name == name {
                return Some(node.len as usize - 1);
            }
            at = node.parent;
        }
        None
    }

    /// The shape with `name` added.
    pub(crate) fn with(&mut self, shape: u32, name: Sym) -> u32 {
        let new = self.nodes.len() as u32;
        let Some(node) = self.nodes.get_mut(shape as usize) else {
            return shape;
        };
        if let Some(&(_, next)) = node.next.iter().find(|(known, _)| *known == name) {
            return next;
        }
        node.next.push((name, new));
        let len = node.len + 1;
        self.nodes.push(Node {
            parent: shape,
            name,
            len,
            next: Vec::new(),
        });
        new
    }

    /// The names in the order of their slots.
    pub(crate) fn names(&self, shape: u32) -> Vec<Sym> {
        let mut names = Vec::new();
        let mut at = shape;
        while let Some(node) = self.nodes.get(at as usize) {
            if node.len == 0 {
                break;
            }
            names.push(node.name);
            at = node.parent;
        }
        names.reverse();
        names
    }

    /// The shape with `name` taken out; the slots after it move down by one.
    pub(crate) fn without(&mut self, shape: u32, name: Sym, root: u32) -> u32 {
        let names = self.names(shape);
        names
            .into_iter()
            .filter(|known| *known != name)
            .fold(root, |shape, name| self.with(shape, name))
    }
}
