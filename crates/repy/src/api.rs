//! The calls a program has: one file a theme, one table for all.
//!
//! Each call checks its arguments ([`arguments`]), waits until the resources it needs are below their limits, acts,
//! charges what it used and waits again ([`meter`]). Calls get the [`Sandbox`] they belong to; objects they make
//! (files, locks) hold it too.

pub(crate) mod arguments;
mod entry;
mod files;
mod locks;
mod log;
mod meter;
mod namespaces;
mod network;
mod process;
mod random;
mod threads;
mod time;

use std::rc::Rc;

use crate::sandbox::Sandbox;
use entry::Entry;
use overlord_repy_machine::Value;
use overlord_repy_machine::{Globals, Machine};

/// The tables of all themes.
const CALLS: &[&[Entry]] = &[
    files::CALLS,
    locks::CALLS,
    log::CALLS,
    namespaces::CALLS,
    network::connections::CALLS,
    network::messages::CALLS,
    network::names::CALLS,
    process::CALLS,
    random::CALLS,
    threads::CALLS,
    time::CALLS,
];

/// Puts the calls and variables that every V2 program begins with into its globals.
pub(crate) fn v2_globals(
    sandbox: &Rc<Sandbox>,
    machine: &mut Machine,
    globals: &Globals,
    arguments: &[String],
) {
    for entry in CALLS.iter().copied().flatten() {
        let sandbox = sandbox.clone();
        let call = machine.host_function(entry.name, move |machine, args| {
            arguments::check(machine, entry.name, entry.parameters, args)?;
            (entry.call)(&sandbox, machine, args)
        });
        globals.set_variable(machine, entry.name, call);
    }
    let arguments = arguments.iter().map(|one| Value::text(one)).collect();
    globals.set_variable(machine, "callargs", Value::list(arguments));
    globals.set_variable(machine, "callfunc", Value::text("initialize"));
    let mycontext = Value::dict(overlord_repy_machine::Dict::new());
    globals.set_variable(machine, "mycontext", mycontext);
    let context = machine.context_of(globals);
    globals.set_variable(machine, "_context", context);
}

#[cfg(test)]
mod tests;
