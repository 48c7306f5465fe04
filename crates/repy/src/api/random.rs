//! `randombytes`: bytes fit for keys.

use std::rc::Rc;

use overlord_resources::Resource;

use super::entry::Entry;
use crate::sandbox::Sandbox;
use overlord_repy_machine::Machine;
use overlord_repy_machine::{Args, ExceptionKind, Res, Thrown, Value};

pub(super) const CALLS: &[Entry] = &[Entry {
    name: "randombytes",
    parameters: &[],
    call: randombytes,
}];

/// How many bytes a call gives, and costs.
const RANDOM_BYTES: usize = 1024;

fn randombytes(sandbox: &Rc<Sandbox>, machine: &mut Machine, _args: &mut Args<'_>) -> Res {
    let shared = sandbox.clone();
    sandbox.when_below(machine, &[Resource::Random], move |_| {
        let mut bytes = vec![0; RANDOM_BYTES];
        shared.system.random(&mut bytes).map_err(|error| {
            Thrown::new(
                ExceptionKind::RuntimeError,
                format!("there is no source of randomness: {error}"),
            )
        })?;
        let charge = (Resource::Random, RANDOM_BYTES as u64);
        shared.charge(&[charge], Ok(Value::from_vec(bytes)))
    })
}
