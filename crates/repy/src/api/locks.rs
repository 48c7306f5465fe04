//! `createlock`: locks that threads wait for in the order of their coming.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::arguments::{self, Parameter, flag};
use super::entry::Entry;
use crate::sandbox::Sandbox;
use crate::scheduler::wait::{Bell, Until, wait};
use overlord_repy_machine::HostType;
use overlord_repy_machine::Machine;
use overlord_repy_machine::attribute_error;
use overlord_repy_machine::{Args, ExceptionKind, Res, Thrown, Value};

pub(super) const CALLS: &[Entry] = &[Entry {
    name: "createlock",
    parameters: &[],
    call: createlock,
}];

fn createlock(sandbox: &Rc<Sandbox>, machine: &mut Machine, _args: &mut Args<'_>) -> Res {
    let lock = Lock {
        sandbox: sandbox.clone(),
        held: Cell::new(false),
        queue: RefCell::default(),
    };
    Ok(machine.host_object(LockHandle(Rc::new(lock))))
}

/// A lock, not tied to a thread: any thread may release it.
struct Lock {
    sandbox: Rc<Sandbox>,
    held: Cell<bool>,
    /// Those who wait. A released lock passes to the first without being free in between, so nobody overtakes.
    queue: RefCell<VecDeque<Rc<Bell>>>,
}

/// A lock as programs hold it.
struct LockHandle(Rc<Lock>);

impl HostType for LockHandle {
    fn type_name(&self) -> &str {
        "lock"
    }

    fn methods(&self) -> &[&'static str] {
        &["acquire", "release"]
    }

    fn call(&self, machine: &mut Machine, method: &str, args: &mut Args<'_>) -> Res {
        match method {
            "acquire" => {
                arguments::check(machine, method, &[Parameter::Flag], args)?;
                self.acquire(flag(&args.take(0)))
            }
            "release" => {
                arguments::check(machine, method, &[], args)?;
                self.release()
            }
            other => Err(attribute_error(other)),
        }
    }
}

impl LockHandle {
    fn acquire(&self, blocking: bool) -> Res {
        let lock = &self.0;
        if !lock.held.replace(true) {
            return Ok(Value::bool(true));
        }
        if !blocking {
            return Ok(Value::bool(false));
        }
        let bell = Rc::new(Bell::default());
        lock.queue.borrow_mut().push_back(bell.clone());
        // A thread that waits keeps the lock alive.
        let lock = lock.clone();
        Err(wait(Until::Rung(bell), move |_| {
            drop(lock);
            Ok(Value::bool(true))
        }))
    }

    fn release(&self) -> Res {
        let lock = &self.0;
        if !lock.held.get() {
            return Err(Thrown::new(
                ExceptionKind::LockDoubleReleaseError,
                "Releasing an un-locked lock!",
            ));
        }
        let next = lock.queue.borrow_mut().pop_front();
        match next {
            Some(bell) => lock.sandbox.scheduler.ring(&bell),
            None => lock.held.set(false),
        }
        Ok(Value::None)
    }
}
