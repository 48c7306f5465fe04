//! Who holds which vessel: accounts, nodes, vessels and leases, and every change to them.
//!
//! Plain data and pure rules: no sockets, no clock, no randomness. `service` asks it, acts on nodes,
//! and tells it what came of that; `store` writes it to disk as it is.
//!
//! A vessel goes `Free → Assigning → Held → Dirty → Free`. `Assigning` is a reservation while the node
//! is being told; whatever is not confirmed ends `Dirty`, since nobody knows what the node did.

use std::collections::{BTreeMap, BTreeSet};

use overlord_clearinghouse::server::{Fault, split_handle};
use overlord_types::{
    Handle, NodeId, NodeLocation, USER_PORTS, UserName, UserPort, VESSELS_WITHOUT_DONATION,
    VesselName,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::account::Account;
use super::candidate::{Candidate, Subnet, VesselKey};
use super::clock::UnixMicros;
use super::lease_terms::LeaseTerms;

/// What has become of a vessel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VesselState {
    /// Clean and nobody's.
    Free,
    /// Reserved while its node is told. After a restart this counts as dirty.
    Assigning { user: String },
    /// An account's until the lease ends.
    Held {
        user: String,
        expires: UnixMicros,
        /// Whether the node knows the account's present key.
        keys_in_sync: bool,
    },
    /// Nobody's, but the node has to be told, and the last holder's files are there.
    Dirty,
}

impl VesselState {
    /// The account that has the vessel, or for which it is reserved.
    fn holder(&self) -> Option<&String> {
        match self {
            Self::Assigning { user } | Self::Held { user, .. } => Some(user),
            Self::Free | Self::Dirty => None,
        }
    }

    /// Whether it is an account's whose lease has ended.
    fn has_run_out(&self, now: UnixMicros) -> bool {
        matches!(self, Self::Held { expires, .. } if *expires <= now)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VesselEntry {
    pub(crate) name: VesselName,
    /// The user ports that the vessel's resources allow.
    pub(crate) ports: BTreeSet<u16>,
    pub(crate) state: VesselState,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NodeEntry {
    pub(crate) id: NodeId,
    pub(crate) location: NodeLocation,
    /// The account that donated the node, by its lookup name.
    pub(crate) donor: Option<String>,
    /// Whether the node answered when last asked.
    pub(crate) active: bool,
    /// In the order of their enrolment.
    pub(crate) vessels: Vec<VesselEntry>,
}

/// One vessel as an account sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnedVessel {
    pub(crate) handle: Handle,
    pub(crate) location: NodeLocation,
    pub(crate) active: bool,
    pub(crate) expires: UnixMicros,
}

/// What an account lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("Requested {requested} vessels, already acquired {held}, max allowed is {allowed}")]
pub(crate) struct Overdraft {
    pub(crate) requested: usize,
    pub(crate) held: usize,
    pub(crate) allowed: u32,
}

/// A vessel as its node describes it.
#[derive(Debug, Clone)]
pub(crate) struct EnrolledVessel {
    pub(crate) name: VesselName,
    /// The user ports that the vessel's resources allow.
    pub(crate) ports: BTreeSet<u16>,
    /// The key strings of those who may use it.
    pub(crate) users: Vec<String>,
    /// Whether nothing was ever run in it since it was made or reset.
    pub(crate) fresh: bool,
}

/// A node that takes part.
#[derive(Debug, Clone)]
pub(crate) struct EnrolledNode {
    pub(crate) id: NodeId,
    pub(crate) location: NodeLocation,
    pub(crate) donor: Option<UserName>,
    pub(crate) vessels: Vec<EnrolledVessel>,
}

/// All that the clearinghouse knows.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Registry {
    accounts: BTreeMap<String, Account>,
    nodes: Vec<NodeEntry>,
}

impl Registry {
    // Accounts.

    /// Adds an account.
    /// Gives back whether it was added: not when there is one of that name, whatever the case.
    pub(crate) fn add_account(&mut self, account: Account) -> bool {
        let key = Account::lookup_name(account.name.as_str());
        if self.accounts.contains_key(&key) {
            return false;
        }
        self.accounts.insert(key, account);
        true
    }

    pub(crate) fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.get(&Account::lookup_name(name))
    }

    pub(crate) fn account_mut(&mut self, name: &str) -> Option<&mut Account> {
        self.accounts.get_mut(&Account::lookup_name(name))
    }

    /// The port that the fewest accounts have; the lowest of those.
    pub(crate) fn least_used_port(&self) -> u16 {
        let users = |port: &u16| {
            let same = |account: &&Account| account.port.number() == *port;
            self.accounts.values().filter(same).count()
        };
        USER_PORTS.min_by_key(users).unwrap_or(*USER_PORTS.start())
    }

    /// How many vessels the account may hold: its free ones, and as many as the original's free ones
    /// for each node it donated.
    pub(crate) fn credits(&self, account: &Account) -> u32 {
        let user = Account::lookup_name(account.name.as_str());
        let donated = self
            .nodes
            .iter()
            .filter(|node| node.donor.as_ref() == Some(&user));
        let donated = u32::try_from(donated.count()).unwrap_or(u32::MAX);
        account
            .free_credits
            .saturating_add(donated.saturating_mul(VESSELS_WITHOUT_DONATION))
    }

    /// Refuses when the account would hold more than its credits with `more` vessels on top.
    pub(crate) fn require_credit(
        &self,
        account: &Account,
        more: usize,
        now: UnixMicros,
    ) -> Result<(), Overdraft> {
        let user = Account::lookup_name(account.name.as_str());
        let counts = |vessel: &&VesselEntry| {
            vessel.state.holder() == Some(&user) && !vessel.state.has_run_out(now)
        };
        let vessels = self.nodes.iter().flat_map(|node| &node.vessels);
        let held = vessels.filter(counts).count();
        let allowed = self.credits(account);
        if more.saturating_add(held) > allowed as usize {
            return Err(Overdraft {
                requested: more,
                held,
                allowed,
            });
        }
        Ok(())
    }

    // Nodes.

    /// Takes a node in, or brings what is known of it up to date. What the node says of a vessel is held
    /// against what is known: a free one that somebody can use or has used is dirty, a held one whose node
    /// knows another key is out of sync. Vessels that are gone are nobody's any more.
    pub(crate) fn enrol(&mut self, node: EnrolledNode) {
        let donor = node.donor.map(|name| Account::lookup_name(name.as_str()));
        let known = self.nodes.iter().position(|known| known.id == node.id);
        let index = known.unwrap_or_else(|| {
            self.nodes.push(NodeEntry {
                id: node.id,
                location: node.location.clone(),
                donor: None,
                active: true,
                vessels: Vec::new(),
            });
            self.nodes.len() - 1
        });
        let Self { nodes, accounts } = self;
        let Some(entry) = nodes.get_mut(index) else {
            return;
        };
        entry.location = node.location;
        entry.active = true;
        if donor.is_some() {
            entry.donor = donor;
        }
        for known in &mut entry.vessels {
            if !node.vessels.iter().any(|vessel| vessel.name == known.name) {
                // Kept in its place so that keys stay valid; without ports nobody can be given it.
                known.ports.clear();
                known.state = VesselState::Free;
            }
        }
        for vessel in node.vessels {
            let known = entry
                .vessels
                .iter()
                .position(|known| known.name == vessel.name);
            let known = known.unwrap_or_else(|| {
                entry.vessels.push(VesselEntry {
                    name: vessel.name,
                    ports: BTreeSet::new(),
                    state: VesselState::Free,
                });
                entry.vessels.len() - 1
            });
            let Some(known) = entry.vessels.get_mut(known) else {
                continue;
            };
            known.ports = vessel.ports;
            match &mut known.state {
                VesselState::Free if !vessel.fresh || !vessel.users.is_empty() => {
                    known.state = VesselState::Dirty;
                }
                VesselState::Held {
                    user, keys_in_sync, ..
                } => {
                    let key = accounts.get(user).map(|account| account.public_key.trim());
                    let only_user = vessel.users.iter().map(String::as_str).eq(key);
                    *keys_in_sync = only_user;
                }
                VesselState::Free | VesselState::Dirty | VesselState::Assigning { .. } => {}
            }
        }
    }

    pub(crate) fn nodes(&self) -> &[NodeEntry] {
        &self.nodes
    }

    pub(crate) fn node(&self, index: usize) -> Option<&NodeEntry> {
        self.nodes.get(index)
    }

    /// Notes whether a node answers. Gives back whether that is news.
    pub(crate) fn set_active(&mut self, node: usize, active: bool) -> bool {
        match self.nodes.get_mut(node) {
            Some(entry) => std::mem::replace(&mut entry.active, active) != active,
            None => false,
        }
    }

    // Vessels.

    fn entry(&self, key: VesselKey) -> Option<(&NodeEntry, &VesselEntry)> {
        let node = self.nodes.get(key.node)?;
        Some((node, node.vessels.get(key.vessel)?))
    }

    fn state_mut(&mut self, key: VesselKey) -> Option<&mut VesselState> {
        let node = self.nodes.get_mut(key.node)?;
        node.vessels
            .get_mut(key.vessel)
            .map(|vessel| &mut vessel.state)
    }

    /// Every vessel with its place, in the order of enrolment.
    fn vessels(&self) -> impl Iterator<Item = (VesselKey, &NodeEntry, &VesselEntry)> {
        self.nodes.iter().enumerate().flat_map(|(index, node)| {
            let key = move |vessel| VesselKey {
                node: index,
                vessel,
            };
            let vessels = node.vessels.iter().enumerate();
            vessels.map(move |(position, vessel)| (key(position), node, vessel))
        })
    }

    /// The vessel of a handle as a request names it.
    ///
    /// # Errors
    /// In the original's order: the text is no handle, or there is no such node or vessel.
    pub(crate) fn resolve(&self, handle: &str) -> Result<VesselKey, Fault> {
        let (node, vessel) = split_handle(handle)?;
        let found = self.vessels().find(|(_, known_node, known_vessel)| {
            known_node.id.as_str() == node && known_vessel.name.as_str() == vessel
        });
        found
            .map(|(key, _, _)| key)
            .ok_or_else(|| Fault::no_such_vessel(node, vessel))
    }

    /// Whether the vessel can be given to somebody on that port now.
    fn is_available(node: &NodeEntry, vessel: &VesselEntry, port: u16) -> bool {
        node.active
            && !node.location.is_behind_nat()
            && vessel.state == VesselState::Free
            && vessel.ports.contains(&port)
    }

    /// The vessels that could be given to a user on that port now.
    pub(crate) fn available(&self, user: &UserName, port: UserPort) -> Vec<Candidate> {
        let user = Account::lookup_name(user.as_str());
        // What the last holder of a vessel that is not yet emptied ran may hold any port.
        let has = |vessel: &&VesselEntry| {
            vessel.state.holder() == Some(&user) || vessel.state == VesselState::Dirty
        };
        let neighbours = |node: &NodeEntry| node.vessels.iter().filter(has).count();
        self.vessels()
            .filter(|(_, node, vessel)| Self::is_available(node, vessel, port.number()))
            .map(|(key, node, vessel)| Candidate {
                key,
                handle: Handle::new(node.id.clone(), vessel.name.clone()),
                subnet: Subnet::of(&node.location),
                neighbours: neighbours(node),
            })
            .collect()
    }

    /// The vessels of `keys` that could be given to a user on that port now.
    pub(crate) fn available_of(
        &self,
        keys: &BTreeSet<VesselKey>,
        user: &UserName,
        port: UserPort,
    ) -> Vec<Candidate> {
        let mut candidates = self.available(user, port);
        candidates.retain(|candidate| keys.contains(&candidate.key));
        candidates
    }

    /// The networks that have a node which answers.
    pub(crate) fn active_subnets(&self) -> BTreeSet<Subnet> {
        let active = self.nodes.iter().filter(|node| node.active);
        active
            .filter_map(|node| Subnet::of(&node.location))
            .collect()
    }

    /// Reserves a vessel for an account, if it is still to be had.
    pub(crate) fn reserve(&mut self, key: VesselKey, account: &UserName, port: UserPort) -> bool {
        let available = self
            .entry(key)
            .is_some_and(|(node, vessel)| Self::is_available(node, vessel, port.number()));
        if available && let Some(state) = self.state_mut(key) {
            let user = Account::lookup_name(account.as_str());
            *state = VesselState::Assigning { user };
        }
        available
    }

    /// Turns a reservation into a lease.
    pub(crate) fn confirm(&mut self, key: VesselKey, expires: UnixMicros, keys_in_sync: bool) {
        if let Some(state) = self.state_mut(key)
            && let VesselState::Assigning { user } = state
        {
            let user = std::mem::take(user);
            *state = VesselState::Held {
                user,
                expires,
                keys_in_sync,
            };
        }
    }

    /// Ends a reservation of which nobody knows what its node did.
    pub(crate) fn abandon(&mut self, key: VesselKey) {
        if let Some(state) = self.state_mut(key)
            && matches!(state, VesselState::Assigning { .. })
        {
            *state = VesselState::Dirty;
        }
    }

    /// After a restart no reservation is anybody's, and no node counts as answering before it has.
    pub(crate) fn after_restart(&mut self) {
        for node in &mut self.nodes {
            node.active = false;
            for vessel in &mut node.vessels {
                if matches!(vessel.state, VesselState::Assigning { .. }) {
                    vessel.state = VesselState::Dirty;
                }
            }
        }
    }

    /// Whether the account holds the vessel now.
    fn is_held_by(&self, key: VesselKey, account: &UserName, now: UnixMicros) -> bool {
        let lookup_name = Account::lookup_name(account.as_str());
        self.entry(key).is_some_and(|(_, vessel)| {
            matches!(&vessel.state, VesselState::Held { user, expires, .. }
                if *user == lookup_name && *expires > now)
        })
    }

    /// Takes a vessel back from the account, if it holds it.
    pub(crate) fn release(&mut self, key: VesselKey, account: &UserName, now: UnixMicros) -> bool {
        let held = self.is_held_by(key, account, now);
        if held && let Some(state) = self.state_mut(key) {
            *state = VesselState::Dirty;
        }
        held
    }

    /// Counts the lease anew from now, if the account holds the vessel.
    pub(crate) fn renew(
        &mut self,
        key: VesselKey,
        account: &UserName,
        now: UnixMicros,
        terms: LeaseTerms,
    ) -> bool {
        let held = self.is_held_by(key, account, now);
        if held && let Some(VesselState::Held { expires, .. }) = self.state_mut(key) {
            *expires = now.after(terms.on_renewal);
        }
        held
    }

    /// One vessel as its holder sees it.
    pub(crate) fn owned_vessel(&self, key: VesselKey) -> Option<OwnedVessel> {
        let (node, vessel) = self.entry(key)?;
        let VesselState::Held { expires, .. } = vessel.state else {
            return None;
        };
        Some(OwnedVessel {
            handle: Handle::new(node.id.clone(), vessel.name.clone()),
            location: node.location.clone(),
            active: node.active,
            expires,
        })
    }

    /// What the account holds, in the order of enrolment. A vessel is gone at the moment its lease ends.
    pub(crate) fn owned(&self, account: &UserName, now: UnixMicros) -> Vec<OwnedVessel> {
        self.vessels()
            .filter(|(key, _, _)| self.is_held_by(*key, account, now))
            .filter_map(|(key, _, _)| self.owned_vessel(key))
            .collect()
    }

    /// Whether a program of somebody who has a vessel of the node no more may still run there.
    pub(crate) fn is_emptying(&self, node: usize) -> bool {
        self.nodes
            .get(node)
            .is_some_and(|node| node.vessels.iter().any(|v| v.state == VesselState::Dirty))
    }

    // What upkeep needs.

    /// Takes back every vessel whose lease has ended. Gives back how many.
    pub(crate) fn expire(&mut self, now: UnixMicros) -> usize {
        let vessels = self.nodes.iter_mut().flat_map(|node| &mut node.vessels);
        let mut expired = 0;
        for vessel in vessels {
            if vessel.state.has_run_out(now) {
                vessel.state = VesselState::Dirty;
                expired += 1;
            }
        }
        expired
    }

    /// When the next lease ends.
    pub(crate) fn next_expiry(&self) -> Option<UnixMicros> {
        let ends = self
            .vessels()
            .filter_map(|(_, _, vessel)| match vessel.state {
                VesselState::Held { expires, .. } => Some(expires),
                _ => None,
            });
        ends.min()
    }

    /// Vessels on answering nodes that have to be cleaned.
    pub(crate) fn dirty(&self) -> Vec<VesselKey> {
        self.vessels()
            .filter(|(_, node, vessel)| node.active && vessel.state == VesselState::Dirty)
            .map(|(key, _, _)| key)
            .collect()
    }

    /// Notes that the node has done all that makes a vessel clean.
    pub(crate) fn mark_clean(&mut self, key: VesselKey) {
        if let Some(state) = self.state_mut(key)
            && *state == VesselState::Dirty
        {
            *state = VesselState::Free;
        }
    }

    /// Notes that the account's key has changed, so that its vessels' nodes must be told.
    pub(crate) fn mark_keys_out_of_sync(&mut self, account: &UserName) {
        let lookup_name = Account::lookup_name(account.as_str());
        for vessel in self.nodes.iter_mut().flat_map(|node| &mut node.vessels) {
            if let VesselState::Held {
                user, keys_in_sync, ..
            } = &mut vessel.state
                && *user == lookup_name
            {
                *keys_in_sync = false;
            }
        }
    }

    /// Held vessels on answering nodes whose nodes know an older key, with the key they should know.
    pub(crate) fn keys_out_of_sync(&self) -> Vec<(VesselKey, String)> {
        let stale = self
            .vessels()
            .filter_map(|(key, node, vessel)| match &vessel.state {
                VesselState::Held {
                    user,
                    keys_in_sync: false,
                    ..
                } if node.active => Some((key, self.accounts.get(user)?.public_key.clone())),
                _ => None,
            });
        stale.collect()
    }

    /// Notes that the node knows `public_key`, unless the account has changed it again meanwhile.
    pub(crate) fn mark_keys_in_sync(&mut self, key: VesselKey, public_key: &str) {
        let current = |user: &String| {
            let account = self.accounts.get(user);
            account.is_some_and(|account| account.public_key == public_key)
        };
        let is_current = self.entry(key).is_some_and(
            |(_, vessel)| matches!(&vessel.state, VesselState::Held { user, .. } if current(user)),
        );
        if is_current && let Some(VesselState::Held { keys_in_sync, .. }) = self.state_mut(key) {
            *keys_in_sync = true;
        }
    }

    /// Where a vessel is and what it is called on its node.
    pub(crate) fn address(&self, key: VesselKey) -> Option<(NodeId, NodeLocation, VesselName)> {
        let (node, vessel) = self.entry(key)?;
        Some((node.id.clone(), node.location.clone(), vessel.name.clone()))
    }

    /// Vessels by what has become of them: free, being assigned, held, dirty.
    pub(crate) fn census(&self) -> Census {
        let mut census = Census::default();
        for (_, _, vessel) in self.vessels() {
            match vessel.state {
                VesselState::Free => census.free += 1,
                VesselState::Assigning { .. } => census.assigning += 1,
                VesselState::Held { .. } => census.held += 1,
                VesselState::Dirty => census.dirty += 1,
            }
        }
        census
    }
}

/// How many vessels are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Census {
    /// Clean and nobody's.
    pub free: usize,
    /// Reserved while their nodes are told.
    pub assigning: usize,
    /// Held by accounts.
    pub held: usize,
    /// Waiting to be cleaned.
    pub dirty: usize,
}

#[cfg(test)]
mod tests;
