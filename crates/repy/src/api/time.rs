//! `sleep` and `getruntime`.

use std::rc::Rc;

use super::arguments::{Parameter, seconds};
use super::entry::Entry;
use crate::sandbox::Sandbox;
use crate::scheduler::wait::{Until, wait};
use overlord_repy_machine::Machine;
use overlord_repy_machine::{Args, Res, Value};

pub(super) const CALLS: &[Entry] = &[
    Entry {
        name: "sleep",
        parameters: &[Parameter::Seconds],
        call: sleep,
    },
    Entry {
        name: "getruntime",
        parameters: &[],
        call: getruntime,
    },
];

/// Waits at least so long; other threads run meanwhile. `sleep(0)` lets each of them have its turn.
fn sleep(sandbox: &Rc<Sandbox>, _machine: &mut Machine, args: &mut Args<'_>) -> Res {
    let until = sandbox.system.now() + seconds(&args.take(0));
    Err(wait(Until::Time(until), |_| Ok(Value::None)))
}

/// Seconds since the program was started.
fn getruntime(sandbox: &Rc<Sandbox>, _machine: &mut Machine, _args: &mut Args<'_>) -> Res {
    Ok(Value::float(sandbox.system.now()))
}
