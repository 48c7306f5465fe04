//! Waiting for renewable resources before a call acts, and charging for what it did.

use std::rc::Rc;

use overlord_resources::Resource;

use crate::accounting::{self, Exhausted, Item};
use crate::sandbox::Sandbox;
use crate::scheduler::wait::{Until, wait};
use overlord_repy_machine::Machine;
use overlord_repy_machine::{ExceptionKind, Res, Thrown};

impl From<Exhausted> for Thrown {
    fn from(exhausted: Exhausted) -> Thrown {
        Thrown::new(ExceptionKind::ResourceExhaustedError, exhausted.to_string())
    }
}

impl Sandbox {
    /// Acts as soon as no more than its limit is used of any of these resources.
    ///
    /// # Errors
    /// ResourceForbiddenError if a limit is 0: it would never drain. Whatever `act` throws. A wait.
    pub(crate) fn when_below(
        self: &Rc<Self>,
        machine: &mut Machine,
        resources: &'static [Resource],
        act: impl FnOnce(&mut Machine) -> Res + 'static,
    ) -> Res {
        for &resource in resources {
            if !self.account.borrow().is_allowed(resource) {
                return Err(Thrown::new(
                    ExceptionKind::ResourceForbiddenError,
                    format!("the program may not use the resource '{resource}': its limit is 0"),
                ));
            }
        }
        let now = self.system.now();
        for &resource in resources {
            self.account.borrow_mut().drain(resource, now);
        }
        let over = resources.iter().copied().find(|&resource| {
            !self.account.borrow().is_below(resource, now) || self.scheduler.has_queue(resource)
        });
        self.act_or_queue(machine, over, resources, act)
    }

    /// As [`Self::when_below`], for a call that has stood in a queue: it does not queue up behind those after it.
    fn after_queue(
        self: &Rc<Self>,
        machine: &mut Machine,
        resources: &'static [Resource],
        act: impl FnOnce(&mut Machine) -> Res + 'static,
    ) -> Res {
        let now = self.system.now();
        let over = resources
            .iter()
            .copied()
            .find(|&resource| !self.account.borrow().is_below(resource, now));
        self.act_or_queue(machine, over, resources, act)
    }

    /// Acts now, or after standing in the queue for the resource of which too much is used.
    fn act_or_queue(
        self: &Rc<Self>,
        machine: &mut Machine,
        over: Option<Resource>,
        resources: &'static [Resource],
        act: impl FnOnce(&mut Machine) -> Res + 'static,
    ) -> Res {
        let Some(resource) = over else {
            return act(machine);
        };
        let sandbox = self.clone();
        Err(wait(Until::Below(resource), move |machine| {
            sandbox.after_queue(machine, resources, act)
        }))
    }

    /// Charges for what a call used; it ends, well or with its error, once all is at or below the limits again.
    pub(crate) fn charge(self: &Rc<Self>, charges: &[(Resource, u64)], result: Res) -> Res {
        let now = self.system.now();
        let mut until = now;
        let mut slowest = None;
        for &(resource, amount) in charges {
            let mut account = self.account.borrow_mut();
            account.charge(resource, amount, now);
            let drained = account.drained_at(resource);
            if drained > until {
                until = drained;
                slowest = Some(resource);
            }
        }
        match slowest {
            None => result,
            // The others will have drained by then, unless others fill them again.
            Some(resource) => Err(wait(Until::Below(resource), move |_| result)),
        }
    }

    /// Takes one of a counted resource.
    ///
    /// # Errors
    /// ResourceExhaustedError if as many are held as may be.
    pub(crate) fn take_item(&self, resource: Resource) -> Res<Item> {
        Ok(accounting::take_item(&self.account, resource)?)
    }
}
