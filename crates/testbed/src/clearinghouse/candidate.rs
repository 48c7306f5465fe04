//! A vessel that could be handed out, as the registry offers it and the placement orders it.

use overlord_types::{Handle, NodeLocation};

/// Where a vessel stands in the registry; ordered as the vessels were enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct VesselKey {
    pub(crate) node: usize,
    pub(crate) vessel: usize,
}

/// A network as `wan` and `lan` mean it: the first three octets of a node's address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet(String);

impl Subnet {
    /// The network of a node; none when its address has no dot. The original cuts at the last dot too.
    #[must_use]
    pub fn of(location: &NodeLocation) -> Option<Self> {
        let (network, _) = location.host().rsplit_once('.')?;
        (!network.is_empty()).then(|| Self(network.to_owned()))
    }
}

/// A vessel that could be given away.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub(crate) key: VesselKey,
    /// The vessel's name.
    pub handle: Handle,
    /// Its node's network.
    pub subnet: Option<Subnet>,
    /// How many vessels of this node the account that asks has already, or somebody had whose program may still run. All
    /// of them have one address and one user port, and only one program can listen there.
    pub neighbours: usize,
}
