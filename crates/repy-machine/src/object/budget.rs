//! What a machine may use and what it has not finished: limits, depth, stop flag, garbage, destructors that wait.
//!
//! A [`Budget`] is its machine's. While the machine is at work it lies in the thread's place, so that counting costs what
//! a counter of the thread costs; [`Budget::begin`] puts it there, and what that returns takes it away when dropped,
//! also by a panic. Machines that run one within the other (a host function of one runs a slice of another) take each
//! other's place and give it back in turn. With no machine at work nothing is limited and nothing is noted.
//!
//! **Memory** is counted for the whole thread by the allocator. A machine is held to that count less what other machines
//! on the thread have taken while they were at work: what the host takes between slices counts for each of them.
//!
//! **Objects** may die when their machine is not at work, in the hands of the host or while another machine runs. One
//! that has a `__del__` then waits among the [`Lists::strays`] until its machine begins, or is gone: then it goes without.
//!
//! **When a machine is gone** with all its threads and globals, circles are given back and nothing of it is left. Values
//! that the host still holds then go by counting, and circles through them stay; so the host lets go of values first.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use super::{Class, DictObject, Function, Instance, ListObject, SetObject, Value};
use crate::meter::{HERE, Stored};

/// An object that may be part of a circle. Noting does not hold it.
pub(crate) enum Noted {
    List(Weak<ListObject>),
    Dict(Weak<DictObject>),
    Set(Weak<SetObject>),
    Instance(Weak<Instance>),
    Function(Weak<Function>),
    Class(Weak<Class>),
}

impl Noted {
    pub(super) fn value(&self) -> Option<Value> {
        Some(match self {
            Noted::List(weak) => Value::List(weak.upgrade()?),
            Noted::Dict(weak) => Value::Dict(weak.upgrade()?),
            Noted::Set(weak) => Value::Set(weak.upgrade()?),
            Noted::Instance(weak) => Value::Instance(weak.upgrade()?),
            Noted::Function(weak) => Value::Function(weak.upgrade()?),
            Noted::Class(weak) => Value::Class(weak.upgrade()?),
        })
    }

    pub(super) fn is_alive(&self) -> bool {
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

/// What gives circles back: who looks for them stands above all that can be part of one.
pub(crate) struct Collector {
    /// While the machine is there; how many objects that were.
    pub(crate) collect: fn() -> usize,
    /// When it is gone, and with it all that destructors could be run by.
    pub(crate) collect_last: fn(),
}

/// Objects a machine has to come back to.
pub(crate) struct Lists {
    /// Contents put aside by nested drops, for the outermost.
    pub(crate) later: RefCell<Vec<Vec<Value>>>,
    /// Instances that wait for their `__del__`, by number.
    pub(crate) finalize: RefCell<VecDeque<(u64, Rc<Instance>)>>,
    /// What may be part of a circle.
    pub(crate) noted: RefCell<Vec<Noted>>,
}

impl Lists {
    const fn new() -> Lists {
        Lists {
            later: RefCell::new(Vec::new()),
            finalize: RefCell::new(VecDeque::new()),
            noted: RefCell::new(Vec::new()),
        }
    }

    fn exchange(&self, other: &Lists) {
        self.later.swap(&other.later);
        self.finalize.swap(&other.finalize);
        self.noted.swap(&other.noted);
    }
}

/// What there is one of for each thread of the system.
pub(crate) struct Place {
    /// The lists of the machine that is at work.
    pub(crate) lists: Lists,
    /// Instances that died while their machine was not at work.
    strays: RefCell<Vec<Rc<Instance>>>,
    /// The numbers of machines that are not gone.
    living: RefCell<Vec<u64>>,
    /// How many machines there were.
    machines: Cell<u64>,
    /// Whose budget is in place.
    at_work: RefCell<Option<Rc<Home>>>,
}

thread_local! {
    pub(crate) static PLACE: Place = const {
        Place {
            lists: Lists::new(),
            strays: RefCell::new(Vec::new()),
            living: RefCell::new(Vec::new()),
            machines: Cell::new(0),
            at_work: RefCell::new(None),
        }
    };
}

/// Where a budget lies while its machine is not at work; nobody's lies here while it is.
struct Home {
    /// The machine's number on this thread.
    machine: u64,
    stored: Stored,
    lists: Lists,
    collect_last: fn(),
}

impl Home {
    fn put_in(&self) {
        self.stored.put_in();
        PLACE.with(|place| self.lists.exchange(&place.lists));
        HERE.with(|here| here.machine.set(self.machine));
    }

    fn take_out(&self) {
        HERE.with(|here| {
            overlord_bug::invariant!(
                here.machine.get() == self.machine,
                "a machine leaves its thread that is not at work there"
            );
            here.machine.set(0);
        });
        PLACE.with(|place| self.lists.exchange(&place.lists));
        self.stored.take_out();
    }

    /// Queues what died meanwhile.
    fn take_in_strays(&self) {
        let strays = PLACE.with(|place| {
            let mut strays = place.strays.borrow_mut();
            if strays.is_empty() {
                return Vec::new();
            }
            strays
                .extract_if(.., |instance| instance.class.machine == self.machine)
                .collect()
        });
        for stray in strays {
            super::reclaim::finalize_later(stray);
        }
    }
}

impl Place {
    /// Keeps an instance that died while its machine was not at work, if the machine is not gone.
    pub(super) fn keep_stray(&self, instance: Rc<Instance>) {
        let is_living =
            (self.living.try_borrow()).is_ok_and(|l| l.contains(&instance.class.machine));
        if is_living && let Ok(mut strays) = self.strays.try_borrow_mut() {
            strays.push(instance);
        }
    }
}

/// A machine's budget, shared by all that belongs to it.
pub(crate) struct Budget(Rc<Home>);

impl Budget {
    /// One for a new machine that may hold so many bytes, and what gives its circles back.
    pub(crate) fn new(limit: Option<usize>, collector: Collector) -> Rc<Budget> {
        let machine = PLACE.with(|place| {
            let machine = place.machines.get() + 1;
            place.machines.set(machine);
            place.living.borrow_mut().push(machine);
            machine
        });
        Rc::new(Budget(Rc::new(Home {
            machine,
            stored: Stored::new(limit, collector.collect),
            lists: Lists::new(),
            collect_last: collector.collect_last,
        })))
    }

    /// The machine's number on this thread.
    pub(crate) fn machine(&self) -> u64 {
        self.0.machine
    }

    /// The machine is at work until the result is dropped.
    #[inline]
    pub(crate) fn begin(&self) -> AtWork {
        if HERE.with(|here| here.machine.get()) == self.0.machine {
            return AtWork(None);
        }
        self.0.clone().begin()
    }
}

impl Home {
    #[cold]
    fn begin(self: Rc<Home>) -> AtWork {
        let before = PLACE.with(|place| place.at_work.replace(Some(self.clone())));
        if let Some(before) = &before {
            before.take_out();
        }
        self.put_in();
        self.take_in_strays();
        AtWork(Some((self, before)))
    }
}

impl Drop for Budget {
    /// All that belongs to the machine is gone: gives back what holds itself.
    fn drop(&mut self) {
        let machine = self.0.machine;
        let here = PLACE.try_with(|place| {
            (place.living.borrow_mut()).retain(|living| *living != machine);
        });
        if here.is_err() {
            // The thread ends.
            return;
        }
        let _at_work = self.0.clone().begin();
        (self.0.collect_last)();
        // Nobody is left to run their destructors. What they hold may have one in turn.
        loop {
            let waiting =
                PLACE.with(|place| std::mem::take(&mut *place.lists.finalize.borrow_mut()));
            if waiting.is_empty() {
                break;
            }
            drop(waiting);
        }
    }
}

/// A machine is at work on this thread as long as this lives ([`Machine::at_work`](crate::Machine::at_work)).
#[must_use]
pub struct AtWork(Option<(Rc<Home>, Option<Rc<Home>>)>);

impl Drop for AtWork {
    fn drop(&mut self) {
        if let Some((home, before)) = self.0.take() {
            home.take_out();
            if let Some(before) = &before {
                before.put_in();
            }
            let _ = PLACE.try_with(|place| place.at_work.replace(before));
        }
    }
}
