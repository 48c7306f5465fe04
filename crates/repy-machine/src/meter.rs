//! The numbers a machine is held to: what it took, what is left of its limits, what calls for its attention.
//!
//! They are the machine's own ([`Budget`](crate::object::budget::Budget)), but lie in this thread's place while the
//! machine is at work: every allocation counts there, and so does every piece of work, so a look must cost one addition.
//! A machine that begins puts its numbers here and takes them away when it ends; then nobody's are here, which limit
//! nothing.
//!
//! What the numbers mean is with those who count: [`memory`](crate::memory), [`work`](crate::work),
//! [`depth`](crate::depth), and of the objects `reclaim` and `cycles`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::pages::Pages;

/// What a host does between parts of a long operation.
pub(crate) type Pulse = Rc<dyn Fn()>;

/// Units of work between two looks: below a millisecond.
pub(crate) const LOOK_EVERY: usize = 1 << 15;

/// How often pages and circular garbage are looked at while as many bytes are allocated as the limit has: so far they
/// may pass it.
pub(crate) const LOOKS_PER_LIMIT: usize = 50;

/// Bytes allocated between two looks.
pub(crate) fn between_looks(limit: usize) -> isize {
    limit.div_euclid(LOOKS_PER_LIMIT) as isize
}

macro_rules! meter {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $start:expr,)*) => {
        /// The numbers of one machine.
        pub(crate) struct Meter {
            $($(#[$doc])* pub(crate) $name: Cell<$type>,)*
        }

        impl Meter {
            /// Those of a machine that has done nothing, and of nobody.
            pub(crate) const fn new() -> Meter {
                Meter { $($name: Cell::new($start),)* }
            }

            /// Puts these numbers where the others are, and those here.
            fn exchange(&self, other: &Meter) {
                $(self.$name.swap(&other.$name);)*
            }
        }
    };
}

meter! {
    /// Most bytes it may hold.
    limit: usize = usize::MAX,
    /// Bytes of the thread's count that other machines took; worked out when it begins.
    others: isize = 0,
    /// The thread's count at which the limit is reached; worked out when it begins.
    threshold: usize = usize::MAX,
    /// Bytes that may still be allocated, whatever is given back, before the pages of the process are looked at.
    until_look: isize = isize::MAX,
    /// Units of work until it looks up.
    work_left: usize = LOOK_EVERY,
    /// Whether it has looked up since it was last asked.
    looked_up: bool = false,
    /// Whether it should look up after the instruction.
    pending: bool = false,
    /// How deep drops are nested.
    drops: u32 = 0,
    /// Whether contents were put aside for the outermost drop.
    has_later: bool = false,
    /// How many instances were queued for their `__del__`.
    queued: u64 = 0,
    /// What gives back circular garbage; how many objects that were.
    collect: fn() -> usize = || 0,
    /// At how many noted objects the dead among them are forgotten.
    forget_at: usize = LEAST_NOTED,
    /// At how many noted objects to look for circles, where memory is not counted.
    look_at: usize = LEAST_NOTED,
    /// At how many bytes to look for circles.
    look_at_memory: usize = LEAST_GROWTH,
}

/// Least number of noted objects before the dead among them are forgotten, and before a look where memory is not
/// counted.
pub(crate) const LEAST_NOTED: usize = 4_000;

/// Least growth of the memory in use before a look is worth its time. Programs in small vessels reach their limit
/// before, and that makes a look as well.
pub(crate) const LEAST_GROWTH: usize = 4 << 20;

/// What there is one of for each thread of the system.
pub(crate) struct Here {
    /// Bytes that this thread has allocated and not given back.
    pub(crate) used: Cell<usize>,
    /// What machines of this thread have taken while they were at work, less what they gave back then.
    pub(crate) by_machines: Cell<isize>,
    /// How deep native code is nested on the native stack: a machine that another one's host function runs has the
    /// rest of the same stack.
    pub(crate) levels: Cell<u32>,
    /// The number of the machine that is at work; 0 is nobody.
    pub(crate) machine: Cell<u64>,
    /// The numbers of that machine.
    pub(crate) meter: Meter,
}

thread_local! {
    // Plain numbers need no destructor: the allocator may use them whenever it is called.
    pub(crate) static HERE: Here = const {
        Here {
            used: Cell::new(0),
            by_machines: Cell::new(0),
            levels: Cell::new(0),
            machine: Cell::new(0),
            meter: Meter::new(),
        }
    };
    static WATCHED: RefCell<Watched> = const { RefCell::new(Watched::nothing()) };
}

/// What is looked at when work is looked up from.
pub(crate) struct Watched {
    /// Ends the machine once it is set.
    pub(crate) stop: Option<Arc<AtomicBool>>,
    /// What the host does meanwhile.
    pub(crate) pulse: Option<Pulse>,
    /// The pages of the process, if they count for this machine.
    pub(crate) pages: Option<Rc<Pages>>,
}

impl Watched {
    pub(crate) const fn nothing() -> Watched {
        Watched {
            stop: None,
            pulse: None,
            pages: None,
        }
    }
}

/// Reads or changes what the machine that is at work watches.
pub(crate) fn watched<T>(look: impl FnOnce(&mut Watched) -> T) -> T {
    WATCHED.with_borrow_mut(look)
}

/// Numbers and watches of a machine that is not at work; of nobody while it is.
pub(crate) struct Stored {
    meter: Meter,
    watched: RefCell<Watched>,
    /// Bytes it took while it was at work, less what it gave back then.
    taken: Cell<isize>,
    /// The thread's count when it began to work.
    began_at: Cell<usize>,
}

impl Stored {
    /// Those of a machine that has done nothing yet and may hold so many bytes; what gives back its circles.
    pub(crate) fn new(limit: Option<usize>, collect: fn() -> usize) -> Stored {
        let meter = Meter::new();
        meter.collect.set(collect);
        if let Some(limit) = limit {
            meter.limit.set(limit);
            meter.until_look.set(between_looks(limit));
        }
        Stored {
            meter,
            watched: RefCell::new(Watched::nothing()),
            taken: Cell::new(0),
            began_at: Cell::new(0),
        }
    }

    /// The machine begins: what is stored here goes into the thread's place.
    pub(crate) fn put_in(&self) {
        self.exchange();
        HERE.with(|here| {
            let others = here.by_machines.get() - self.taken.get();
            here.meter.others.set(others);
            let threshold = here.meter.limit.get().saturating_add_signed(others);
            here.meter.threshold.set(threshold);
            self.began_at.set(here.used.get());
        });
    }

    /// The machine ends: what is in the thread's place is stored here.
    pub(crate) fn take_out(&self) {
        HERE.with(|here| {
            let taken = here
                .used
                .get()
                .wrapping_sub(self.began_at.get())
                .cast_signed();
            self.taken.set(self.taken.get() + taken);
            here.by_machines.set(here.by_machines.get() + taken);
        });
        self.exchange();
    }

    fn exchange(&self) {
        HERE.with(|here| self.meter.exchange(&here.meter));
        WATCHED.with(|watched| watched.swap(&self.watched));
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        // What is left of it is the host's from now on. When the thread ends nobody asks any more.
        let _ = HERE.try_with(|here| {
            here.by_machines
                .set(here.by_machines.get() - self.taken.get());
        });
    }
}
