//! The calls a program has: one file a theme, one table for all.
//!
//! Each call checks its arguments ([`arguments`]), waits until the resources it needs are below their limits, acts,
//! charges what it used and waits again ([`meter`]). Calls get the [`Sandbox`] they belong to; objects they make
//! (files, locks) hold it too.

pub(crate) mod arguments;
pub(crate) mod files;
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
use arguments::Parameter;
use overlord_repy_machine::{Args, Res, Value};
use overlord_repy_machine::{Globals, Machine};

/// The code of a call; its arguments have been checked.
pub(crate) type Call = fn(&Rc<Sandbox>, &mut Machine, &mut Args<'_>) -> Res;

/// A call of the API.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static [Parameter],
    pub(crate) call: Call,
}

/// The tables of all themes.
const TABLES: &[&[Entry]] = &[
    files::CALLS,
    locks::CALLS,
    log::CALLS,
    namespaces::CALLS,
    process::CALLS,
    random::CALLS,
    threads::CALLS,
    time::CALLS,
];

/// Puts the calls and the variables every program begins with into its globals.
pub(crate) fn register(
    sandbox: &Rc<Sandbox>,
    machine: &mut Machine,
    globals: &Globals,
    arguments: &[String],
) {
    for entry in TABLES.iter().chain(network::TABLES).copied().flatten() {
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
