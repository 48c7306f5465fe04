//! What a program has used and may use: pure arithmetic over a clock that is passed in.
//!
//! Three kinds of resource, as in the original: *renewable* ones (bytes per second) are leaky [`Bucket`]s; *items*
//! (threads, open files, sockets) are counted, each held by an [`Item`] that gives itself back when dropped; *ports*
//! are permitted one by one. Who waits for a bucket is the scheduler's business; memory, disk and processor are
//! watched by the sandbox, the arithmetic of the processor's share is [`processor`]'s.

mod bucket;
pub(crate) mod processor;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use overlord_resources::{PortKind, Resource, Resources};

pub(crate) use bucket::Bucket;

/// Resources that come back with time.
pub(crate) const RENEWABLE: [Resource; 8] = [
    Resource::FileWrite,
    Resource::FileRead,
    Resource::NetSend,
    Resource::NetRecv,
    Resource::LoopSend,
    Resource::LoopRecv,
    Resource::LogRate,
    Resource::Random,
];

/// Resources of which a program holds a number at a time.
pub(crate) const COUNTED: [Resource; 4] = [
    Resource::Events,
    Resource::FilesOpened,
    Resource::InSockets,
    Resource::OutSockets,
];

/// As many of a resource as its limit allows are held already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Resource '{resource}' limit exceeded!!")]
pub(crate) struct Exhausted {
    pub(crate) resource: Resource,
    pub(crate) limit: u64,
}

/// The account of one program.
pub(crate) struct Accounting {
    /// None: nothing is limited, everything is still counted.
    limits: Option<Resources>,
    buckets: BTreeMap<Resource, Bucket>,
    items: BTreeMap<Resource, u64>,
    ports: BTreeMap<(PortKind, u16), u32>,
}

/// The account as all of a sandbox share it.
pub(crate) type Account = Rc<RefCell<Accounting>>;

impl Accounting {
    /// An empty account.
    pub(crate) fn new(limits: Option<Resources>) -> Account {
        let mut account = Accounting {
            limits,
            buckets: BTreeMap::new(),
            items: BTreeMap::new(),
            ports: BTreeMap::new(),
        };
        for resource in RENEWABLE {
            let rate = account.limit(resource);
            account.buckets.insert(resource, Bucket::new(rate));
        }
        Rc::new(RefCell::new(account))
    }

    /// What the program may use.
    pub(crate) fn limits(&self) -> Option<&Resources> {
        self.limits.as_ref()
    }

    /// How much of a resource the program may use; infinite if nothing is limited.
    pub(crate) fn limit(&self, resource: Resource) -> f64 {
        self.limits
            .as_ref()
            .map_or(f64::INFINITY, |limits| limits.quantity(resource))
    }

    /// Whether the program may use a port.
    pub(crate) fn allows_port(&self, kind: PortKind, port: u16) -> bool {
        self.limits
            .as_ref()
            .is_none_or(|limits| limits.allows_port(kind, port))
    }

    /// Whether a renewable resource may be used at all.
    pub(crate) fn is_allowed(&self, resource: Resource) -> bool {
        self.limit(resource) > 0.0
    }

    /// Adds to what was used of a renewable resource.
    pub(crate) fn charge(&mut self, resource: Resource, amount: u64, now: f64) {
        if let Some(bucket) = self.buckets.get_mut(&resource) {
            bucket.charge(amount as f64, now);
        }
    }

    /// Takes off what has drained of a renewable resource.
    pub(crate) fn drain(&mut self, resource: Resource, now: f64) {
        if let Some(bucket) = self.buckets.get_mut(&resource) {
            bucket.drain(now);
        }
    }

    /// Whether less of a renewable resource was used than a second allows.
    pub(crate) fn is_below(&self, resource: Resource, now: f64) -> bool {
        self.drained_at(resource) <= now
    }

    /// When [`Self::is_below`] becomes true.
    pub(crate) fn drained_at(&self, resource: Resource) -> f64 {
        self.buckets
            .get(&resource)
            .map_or(f64::NEG_INFINITY, Bucket::drained_at)
    }

    /// What was in the bucket of a renewable resource when it was last touched.
    pub(crate) fn level(&self, resource: Resource) -> f64 {
        self.buckets.get(&resource).map_or(0.0, Bucket::level)
    }

    /// How many items of a counted resource are held.
    pub(crate) fn held(&self, resource: Resource) -> u64 {
        self.items.get(&resource).copied().unwrap_or_default()
    }

    /// The ports of one kind that are in use.
    pub(crate) fn ports_in_use(&self, kind: PortKind) -> Vec<u16> {
        self.ports
            .range((kind, 0)..=(kind, u16::MAX))
            .map(|(&(_, port), _)| port)
            .collect()
    }
}

/// Takes one of a counted resource.
///
/// # Errors
/// If the limit is reached.
pub(crate) fn take_item(account: &Account, resource: Resource) -> Result<Item, Exhausted> {
    let mut accounting = account.borrow_mut();
    let limit = accounting.limit(resource);
    let held = accounting.items.entry(resource).or_default();
    if (*held + 1) as f64 > limit {
        return Err(Exhausted {
            resource,
            limit: *held,
        });
    }
    *held += 1;
    Ok(Item {
        account: account.clone(),
        resource,
    })
}

/// Notes that a port is in use; whether it may be is for the caller to ask first.
pub(crate) fn use_port(account: &Account, kind: PortKind, port: u16) -> PortInUse {
    *account.borrow_mut().ports.entry((kind, port)).or_default() += 1;
    PortInUse {
        account: account.clone(),
        kind,
        port,
    }
}

/// One held item of a counted resource; dropping it gives it back.
pub(crate) struct Item {
    account: Account,
    resource: Resource,
}

impl Drop for Item {
    fn drop(&mut self) {
        let mut account = self.account.borrow_mut();
        if let Some(held) = account.items.get_mut(&self.resource) {
            *held = held.saturating_sub(1);
        }
    }
}

/// A port in use; dropping it ends that. A port used twice is in use until both have ended.
pub(crate) struct PortInUse {
    account: Account,
    kind: PortKind,
    port: u16,
}

impl Drop for PortInUse {
    fn drop(&mut self) {
        let mut account = self.account.borrow_mut();
        let key = (self.kind, self.port);
        if let Some(users) = account.ports.get_mut(&key) {
            *users = users.saturating_sub(1);
            if *users == 0 {
                account.ports.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests;
