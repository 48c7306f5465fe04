//! Calls about the program as a whole: `exitall`, `getlasterror`, `getresources`.

use std::rc::Rc;

use overlord_resources::{PortKind, Resource};

use super::entry::Entry;
use crate::accounting::{COUNTED, RENEWABLE};
use crate::sandbox::Sandbox;
use overlord_repy_machine::{Args, Dict, Res, Str, Thrown, Value};
use overlord_repy_machine::{Machine, Stop};

pub(super) const CALLS: &[Entry] = &[
    Entry {
        name: "exitall",
        parameters: &[],
        call: exitall,
    },
    Entry {
        name: "getlasterror",
        parameters: &[],
        call: getlasterror,
    },
    Entry {
        name: "getresources",
        parameters: &[],
        call: getresources,
    },
];

/// Ends the program at once: no `finally`, no other thread's turn.
fn exitall(_sandbox: &Rc<Sandbox>, _machine: &mut Machine, _args: &mut Args<'_>) -> Res {
    Err(Thrown::stop(Stop::Exit(0)))
}

/// The report of the exception this thread handles, or None.
fn getlasterror(_sandbox: &Rc<Sandbox>, _machine: &mut Machine, _args: &mut Args<'_>) -> Res {
    Err(Thrown::last_error())
}

/// Whole numbers below this are exact in a float.
const MOST_EXACT: f64 = (1_u64 << f64::MANTISSA_DIGITS) as f64;

fn ports(numbers: impl IntoIterator<Item = u16>) -> Res {
    Value::set(
        numbers
            .into_iter()
            .map(|number| Value::Int(i64::from(number))),
    )
}

fn put(dict: &mut Dict, name: &str, value: Value) -> Res<()> {
    dict.insert(Value::Str(Str::new(name.as_bytes())), value)?;
    Ok(())
}

/// A limit as programs see it. What is held or counted is an integer, so that it can be the argument of `xrange`; what
/// renews, and the share of the processor, are floats, as is a limit of more than any integer.
fn quantity(resource: Resource, limit: f64) -> Value {
    if resource.is_whole() && limit.fract() == 0.0 && limit.abs() < MOST_EXACT {
        Value::Int(limit as i64)
    } else {
        Value::float(limit)
    }
}

/// What may be used, what is used, and when the program was made to pause for using more than its processor share:
/// `(limits, usage, [(time, seconds)])`. A resource without a limit is not among the limits.
fn getresources(sandbox: &Rc<Sandbox>, _machine: &mut Machine, _args: &mut Args<'_>) -> Res {
    let processor_time = sandbox.system.processor_time();
    // Making objects can take long and make the sandbox look up; nothing of its own is held meanwhile.
    let (given, levels, held, in_use) = {
        let account = sandbox.account.borrow();
        let levels = RENEWABLE.map(|resource| (resource, account.level(resource)));
        let held = COUNTED.map(|resource| (resource, account.held(resource)));
        let in_use =
            PortKind::ALL.map(|kind| (kind, account.ports_in_use(kind).into_iter().collect()));
        let in_use: [(PortKind, Vec<u16>); 2] = in_use;
        (account.limits().cloned(), levels, held, in_use)
    };
    let mut limits = Dict::new();
    if let Some(resources) = given {
        for resource in Resource::ALL {
            let quantity = quantity(resource, resources.quantity(resource));
            put(&mut limits, resource.as_str(), quantity)?;
        }
        for kind in PortKind::ALL {
            put(&mut limits, kind.as_str(), ports(resources.ports(kind))?)?;
        }
    }
    let mut usage = Dict::new();
    for (resource, level) in levels {
        put(&mut usage, resource.as_str(), Value::float(level))?;
    }
    for (resource, held) in held {
        let held = Value::from_i128(i128::from(held));
        put(&mut usage, resource.as_str(), held)?;
    }
    for (kind, numbers) in in_use {
        put(&mut usage, kind.as_str(), ports(numbers)?)?;
    }
    let memory = Value::from_i128(i128::from(sandbox.memory_used()));
    put(&mut usage, "memory", memory)?;
    let disk = Value::from_i128(i128::from(sandbox.files.disk_used()));
    put(&mut usage, "diskused", disk)?;
    let of_program = sandbox.scheduler.program_processor_time(processor_time);
    put(&mut usage, "cpu", Value::float(of_program))?;
    let of_thread = sandbox.scheduler.current_processor_time(processor_time);
    put(&mut usage, "threadcpu", Value::float(of_thread))?;
    let pauses: Vec<(f64, f64)> = sandbox.processor.borrow().pauses().collect();
    let pauses = pauses
        .into_iter()
        .map(|(at, length)| Value::pair(Value::float(at), Value::float(length)))
        .collect();
    Ok(Value::tuple(vec![
        Value::dict(limits),
        Value::dict(usage),
        Value::list(pauses),
    ]))
}
