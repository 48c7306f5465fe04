//! The embedded testbed: how large it is, and what it cannot do, told before anything is started.

use std::path::PathBuf;
use std::time::Duration;

use overlord::types::{UserName, VesselType};

use super::layers::Layers;
use super::table::{
    LOCAL_DIR, LOCAL_LATENCY, LOCAL_NODES, LOCAL_NODES_MAX, USER, VESSELS_PER_NODE_MAX,
};
use crate::failure::Failure;
use crate::text::count_of;

/// Nodes of the embedded testbed beyond the copies, so that there is somewhere to move to.
const LOCAL_NODES_SPARE: u32 = 2;
/// Vessels of each node at least, as the testbed has them unless told otherwise.
const LOCAL_VESSELS_MIN: u32 = 4;
/// The user of the embedded testbed, unless one is named.
const LOCAL_USER: &str = "local";

/// The embedded testbed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalSettings {
    /// The account that is made there.
    pub(crate) user: UserName,
    /// How large it is.
    pub(crate) size: LocalSize,
    /// Where it is kept; `None`: in a temporary directory.
    pub(crate) directory: Option<PathBuf>,
    /// How much later each node answers.
    pub(crate) latency: Duration,
}

/// How large an embedded testbed is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LocalSize {
    /// How many nodes.
    pub(crate) nodes: u32,
    /// How many of them share a network.
    pub(crate) nodes_per_network: u32,
    /// How many vessels each has.
    pub(crate) vessels_per_node: u32,
}

impl LocalSize {
    /// As large as the copies need, and somewhat larger, so that one that fails can move.
    ///
    /// # Errors
    /// Copies that no embedded testbed can hold, or not one of so many nodes.
    pub(crate) fn for_copies(
        count: u32,
        vessel_type: VesselType,
        nodes: Option<u32>,
    ) -> Result<Self, Failure> {
        let spread = count.saturating_add(LOCAL_NODES_SPARE).min(LOCAL_NODES_MAX);
        let nodes = nodes.unwrap_or(spread);
        let each = match vessel_type {
            VesselType::Nat => {
                let problem = "the embedded testbed has no vessels behind NAT, as the original's clearinghouse has none today";
                return Err(Failure::usage(problem).advise("use --type wan, lan or rand"));
            }
            VesselType::Wan => 1,
            VesselType::Lan | VesselType::Rand => count.div_ceil(nodes.max(1)),
        };
        // Copies of a `lan` are on one network and on a node each, as far as there are nodes: those of one node have one
        // address and one user port, where only one of them can listen.
        let nodes_per_network = match vessel_type {
            VesselType::Lan => nodes,
            _ => 1,
        };
        if vessel_type == VesselType::Wan && nodes < count {
            let problem = format!(
                "{count} copies on different networks need as many nodes, and the embedded testbed would have {nodes}"
            );
            let advice = format!(
                "ask for at most {} with --count, for more nodes with --local-nodes (at most {LOCAL_NODES_MAX}), or for another --type",
                count_of(nodes as usize, "copy", "copies")
            );
            return Err(Failure::usage(problem).advise(advice));
        }
        if each > VESSELS_PER_NODE_MAX {
            let problem = format!(
                "{count} {vessel_type} copies need {each} vessels on a node, and the embedded testbed's have at most {VESSELS_PER_NODE_MAX}"
            );
            let advice = "ask for fewer copies with --count, or for another --type";
            return Err(Failure::usage(problem).advise(advice));
        }
        Ok(Self {
            nodes,
            nodes_per_network,
            vessels_per_node: each.max(LOCAL_VESSELS_MIN),
        })
    }
}

impl LocalSettings {
    /// Puts the layers together.
    ///
    /// # Errors
    /// The first thing that the operator has to change.
    pub(super) fn new(
        layers: &Layers,
        count: u32,
        vessel_type: VesselType,
    ) -> Result<Self, Failure> {
        let user = match layers.optional(&USER)? {
            Some(user) => user.value,
            None => LOCAL_USER.parse()?,
        };
        let nodes = layers.optional(&LOCAL_NODES)?.map(|nodes| nodes.value);
        Ok(Self {
            user,
            size: LocalSize::for_copies(count, vessel_type, nodes)?,
            directory: layers.optional(&LOCAL_DIR)?.map(|path| path.value),
            latency: layers.value(&LOCAL_LATENCY)?.value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(count: u32, vessel_type: VesselType, nodes: Option<u32>) -> Option<(u32, u32)> {
        let size = LocalSize::for_copies(count, vessel_type, nodes).ok()?;
        Some((size.nodes, size.vessels_per_node))
    }

    #[test]
    fn a_testbed_grows_with_the_copies_and_not_with_their_square() {
        use VesselType::{Lan, Nat, Rand, Wan};
        assert_eq!(size(10, Wan, None), Some((12, 4)));
        assert_eq!(size(10, Lan, None), Some((12, 4)));
        assert_eq!(size(1000, Lan, None), Some((200, 5)));
        assert_eq!(size(2, Lan, Some(5)), Some((5, 4)));
        assert_eq!(size(1000, Rand, None), Some((200, 5)));
        assert_eq!(size(10_000, Rand, None), Some((200, 50)));
        // What could never come about is refused, not waited for.
        assert_eq!(size(1, Nat, None), None);
        assert_eq!(size(10, Wan, Some(9)), None);
        assert_eq!(size(201, Wan, None), None);
        assert_eq!(size(101, Lan, Some(1)), None);
        assert_eq!(size(101, Rand, Some(1)), None);
    }
}
