//! `gethostbyname` and `getmyip`.

use std::rc::Rc;

use overlord_resources::Resource;

use crate::api::arguments::{Parameter, text};
use crate::api::entry::Entry;
use crate::network::Lookup;
use crate::sandbox::Sandbox;
use crate::scheduler::wait::{Interest, Until, wait};
use overlord_repy_machine::Machine;
use overlord_repy_machine::{Args, Res, Value};

pub(in crate::api) const CALLS: &[Entry] = &[
    Entry {
        name: "gethostbyname",
        parameters: &[Parameter::Text],
        call: gethostbyname,
    },
    Entry {
        name: "getmyip",
        parameters: &[],
        call: getmyip,
    },
];

/// What looking a name up is charged, whatever the resolver really sends.
const LOOKUP: [(Resource, u64); 2] = [(Resource::NetSend, 1024), (Resource::NetRecv, 4096)];

/// What asking for one's own address is charged, though nothing is sent.
const OWN_ADDRESS: [(Resource, u64); 2] = [(Resource::NetSend, 256), (Resource::NetRecv, 128)];

const NET: &[Resource] = &[Resource::NetSend, Resource::NetRecv];

fn gethostbyname(sandbox: &Rc<Sandbox>, machine: &mut Machine, args: &mut Args<'_>) -> Res {
    let name = text(args.take(0));
    let shared = sandbox.clone();
    sandbox.when_below(machine, NET, move |_| {
        let lookup = shared.network.resolve(&name)?;
        answer(shared, lookup)
    })
}

/// The answer to a lookup as soon as it is there.
fn answer(sandbox: Rc<Sandbox>, lookup: Lookup) -> Res {
    match lookup.answer() {
        Ok(Some(address)) => sandbox.charge(&LOOKUP, Ok(Value::text(&address.to_string()))),
        Ok(None) => {
            let Some(descriptor) = lookup.descriptor() else {
                // Without a descriptor the answer is there from the start.
                return Ok(Value::None);
            };
            let until = Until::Ready {
                descriptor,
                interest: Interest::Readable,
                deadline: None,
            };
            Err(wait(until, move |_| answer(sandbox, lookup)))
        }
        Err(error) => sandbox.charge(&LOOKUP, Err(error.into())),
    }
}

fn getmyip(sandbox: &Rc<Sandbox>, machine: &mut Machine, _args: &mut Args<'_>) -> Res {
    let shared = sandbox.clone();
    sandbox.when_below(machine, NET, move |_| {
        let address = shared.network.my_address()?;
        shared.charge(&OWN_ADDRESS, Ok(Value::text(&address.to_string())))
    })
}
