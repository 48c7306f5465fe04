//! What a Repy thread can wait for, and how a call of the API asks for it.
//!
//! A call that must wait returns [`wait`]'s value as its error: it names what to wait for and what to do then, which may
//! be to wait again. So a call reads as "wait until the resource is below its limit, act, charge, wait".

use std::cell::Cell;
use std::os::fd::AsFd;
use std::rc::Rc;

use overlord_resources::Resource;

use overlord_repy_machine::{Machine, Wait};
use overlord_repy_machine::{Res, Thrown};

/// What ends a wait.
pub(crate) enum Until {
    /// The clock shows this many seconds.
    Time(f64),
    /// No more of a renewable resource is used than its limit. Served in the order of coming.
    Below(Resource),
    /// Somebody rings ([`super::Scheduler::ring`]).
    Rung(Rc<Bell>),
    /// A descriptor is ready, or the clock shows the deadline.
    Ready {
        descriptor: Rc<dyn AsFd>,
        interest: Interest,
        deadline: Option<f64>,
    },
}

/// What a descriptor is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    Readable,
    Writable,
}

/// What a call does when its wait is over.
pub(crate) type Continuation = Box<dyn FnOnce(&mut Machine) -> Res>;

/// A call that waits.
pub(crate) struct Blocked {
    pub(crate) until: Until,
    pub(crate) then: Continuation,
}

/// The error with which a call waits.
pub(crate) fn wait(until: Until, then: impl FnOnce(&mut Machine) -> Res + 'static) -> Thrown {
    Thrown::block(Wait(Box::new(Blocked {
        until,
        then: Box::new(then),
    })))
}

/// One wait of one thread, by number.
pub(crate) type WaitId = u64;

/// Wakes one waiter, once. A bell rung before anybody waits ends the wait at once.
#[derive(Default)]
pub(crate) struct Bell {
    pub(super) rung: Cell<bool>,
    pub(super) waiter: Cell<Option<WaitId>>,
}
