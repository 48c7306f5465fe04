//! `createthread` and `getthreadname`.

use std::rc::Rc;

use overlord_resources::Resource;

use super::arguments::Parameter;
use super::entry::Entry;
use crate::sandbox::Sandbox;
use overlord_repy_machine::Machine;
use overlord_repy_machine::{Args, Res, Value};

pub(super) const CALLS: &[Entry] = &[
    Entry {
        name: "createthread",
        parameters: &[Parameter::Function],
        call: createthread,
    },
    Entry {
        name: "getthreadname",
        parameters: &[],
        call: getthreadname,
    },
];

/// Starts a thread that calls the function without arguments. It is one of the program's events while it runs.
fn createthread(sandbox: &Rc<Sandbox>, machine: &mut Machine, args: &mut Args<'_>) -> Res {
    let event = sandbox.take_item(Resource::Events)?;
    let thread = machine.thread(args.take(0), Vec::new());
    sandbox.scheduler.add_event(thread, event);
    Ok(Value::None)
}

/// `MainThread`, or `_EVENT:Thread:` and a number.
fn getthreadname(sandbox: &Rc<Sandbox>, _machine: &mut Machine, _args: &mut Args<'_>) -> Res {
    Ok(Value::text(&sandbox.scheduler.current_name()))
}
