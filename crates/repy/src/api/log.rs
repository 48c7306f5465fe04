//! `log`: what a program says.

use std::rc::Rc;

use overlord_resources::Resource;

use super::arguments::Parameter;
use super::entry::Entry;
use crate::sandbox::Sandbox;
use overlord_repy_machine::Machine;
use overlord_repy_machine::{Args, Res, Str, Value};

pub(super) const CALLS: &[Entry] = &[Entry {
    name: "log",
    parameters: &[Parameter::Rest],
    call: log,
}];

/// Writes the `str()` of each argument as `print a, b,` would: spaces between, no line ending.
fn log(sandbox: &Rc<Sandbox>, machine: &mut Machine, args: &mut Args<'_>) -> Res {
    let mut items = Vec::with_capacity(args.len());
    for at in 0..args.len() {
        let value = args.take(at);
        items.push(match value {
            Value::Str(text) => (text, true),
            other => (Str::from_vec(machine.str_of(&other)?), false),
        });
    }
    let shared = sandbox.clone();
    sandbox.when_below(machine, &[Resource::LogRate], move |_| {
        let written = shared.log(&items);
        shared.charge(&[(Resource::LogRate, written)], Ok(Value::None))
    })
}
