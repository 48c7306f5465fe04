//! What a machine is made of: what its threads share, the threads with their frames, objects of the host.
//!
//! A native function is given the machine, so this stands on the objects' floor. What a machine does is told in `vm`.

pub(crate) mod frame;
pub(crate) mod host;
pub mod safe_dict;

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use overlord_bug::Bug;

use crate::object::budget::Budget;
use crate::object::instance::Shapes;
use crate::object::{Class, DictObject, Interner, NativeFunction, Raised, Res, Value};
use crate::stop::{Stop, Wait};
pub use frame::Thread;

/// Why the interpreter loop ended.
pub(crate) enum Ended {
    Finished(Value),
    Budget,
    Blocked(Wait),
    Raised(Rc<Raised>),
    Stopped(Stop),
}

impl Ended {
    /// The machine has met a mistake of its own.
    pub(crate) fn bug(bug: Bug) -> Ended {
        Ended::Stopped(Stop::Bug(bug))
    }
}

/// How a slice ended.
pub enum SliceEnd {
    /// The thread's function returned this.
    Finished(Value),
    /// The instructions are used up; run it again.
    Budget,
    /// The thread waits. When the wait is over, hand the result over with [`Thread::resume_with`].
    Blocked(Wait),
    /// An exception nobody caught.
    Raised(Uncaught),
    /// The whole machine must stop.
    Stopped(Stop),
}

/// An exception nobody caught, with its traceback.
#[derive(Clone)]
pub struct Uncaught(pub(crate) Rc<Raised>);

/// An entry of the cache of class look-ups.
#[derive(Clone, Default)]
pub(crate) struct MethodEntry {
    pub(crate) version: u32,
    pub(crate) name: u32,
    pub(crate) value: Value,
}

/// Entries of the cache of class look-ups, a power of two.
pub(crate) const METHOD_CACHE: usize = 1024;

/// Decides what happens when a native function's callback blocks (see [`Machine::set_nested_wait`]).
pub(crate) type NestedWait = Rc<dyn Fn(&mut Machine, Wait) -> Res>;

/// Says whether a thread has run long enough (see [`Machine::set_turn_over`]).
pub(crate) type TurnOver = Rc<dyn Fn() -> bool>;

/// Where text goes.
pub type Sink = Box<dyn FnMut(&[u8])>;

/// What runs instead of a callback that has had its turn (see [`Machine::set_nested_turn`]).
pub(crate) type NestedTurn = Rc<dyn Fn(&mut Machine) -> Res<()>>;

/// The native stack a machine is used on.
pub trait NativeStack {
    /// Hands the machine over; returns with it when this stack goes on.
    fn leave(&self, machine: Machine<'static>) -> Machine<'static>;
}

/// One sandbox: everything the threads of a program share. It lives as long as the native stack it is used on, if that
/// is one of several.
pub struct Machine<'stack> {
    pub(crate) names: Interner,
    pub(crate) shapes: Shapes,
    pub(crate) types: Vec<Rc<Class>>,
    pub(crate) exceptions: Vec<Rc<Class>>,
    pub(crate) builtins: Rc<DictObject>,
    pub(crate) type_function: Rc<NativeFunction>,
    pub(crate) method_cache: Vec<MethodEntry>,
    pub(crate) next_version: u32,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) turn_over: Option<TurnOver>,
    pub(crate) call_over: Option<TurnOver>,
    /// The turn ends at the next look: the host has said so behind a call.
    pub(crate) turn_given_up: bool,
    /// Whether any class with `__del__` was made.
    pub(crate) has_finalizers: bool,
    /// That of the thread at work: which destructors may interrupt it.
    pub(crate) finalizes_since: u64,
    /// Frames below those of the thread at work, where native functions have called back.
    pub(crate) outer_frames: usize,
    pub(crate) spare: Vec<Thread>,
    /// Addresses of the containers whose `repr` is being made, outermost first.
    pub(crate) showing: Vec<usize>,
    pub(crate) nested_wait: Option<NestedWait>,
    pub(crate) nested_turn: Option<NestedTurn>,
    /// Instructions that callbacks may still execute in this turn.
    pub(crate) nested_budget: i64,
    pub(crate) stack: Option<&'stack dyn NativeStack>,
    /// Where "Exception ... ignored" of destructors goes.
    pub(crate) warnings: Option<Sink>,
    /// The function whose machine-wide instruction count this is.
    pub(crate) instructions: u64,
    /// Comes last: what the others hold is given back before circles are looked for.
    pub(crate) budget: Rc<Budget>,
}

/// The global variables of a program: a dictionary from names to values.
#[derive(Clone)]
pub struct Globals {
    pub(crate) names: Rc<DictObject>,
    /// Functions and the namespace they are in hold each other; the machine's last part looks for such circles.
    pub(crate) _budget: Rc<Budget>,
}
