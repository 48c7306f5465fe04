//! A running node: start, stop, kill, and what an embedding program asks of it.

use std::net::SocketAddr;

use overlord_types::{NodeId, NodeLocation, VesselName};

use crate::config::NodeConfig;
use crate::error::NodeStartError;
use crate::faults::NodeFaults;

/// A running node.
///
/// Dropping it stops serving and leaves the vessels running, as [`Node::shutdown`] with `false` does,
/// but without waiting.
pub struct Node {
    id: NodeId,
    address: SocketAddr,
    faults: NodeFaults,
}

impl Node {
    /// Starts a node in its directory: vessels are made at the first start, and found again at later
    /// ones together with what still runs in them.
    ///
    /// # Errors
    /// When the directory, the key or the address cannot be used.
    pub async fn start(config: NodeConfig) -> Result<Self, NodeStartError> {
        Err(NodeStartError::InUse(config.directory))
    }

    /// The node's id: its public key as text.
    #[must_use]
    pub fn id(&self) -> &NodeId {
        &self.id
    }

    /// Where the node listens, with the port it really got.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where clients reach the node.
    #[must_use]
    pub fn location(&self) -> NodeLocation {
        self.address.into()
    }

    /// The fault knobs.
    #[must_use]
    pub fn faults(&self) -> &NodeFaults {
        &self.faults
    }

    /// The names of the vessels, in their order.
    #[must_use]
    pub fn vessel_names(&self) -> Vec<VesselName> {
        Vec::new()
    }

    /// The process id of the program that runs in a vessel.
    #[must_use]
    pub fn vessel_process(&self, _vessel: &VesselName) -> Option<u32> {
        None
    }

    /// Stops serving: no new connections, calls under way are finished. Vessels are stopped, or left
    /// running to be found again by the next start in the same directory.
    pub async fn shutdown(self, stop_vessels: bool) {
        let _ = stop_vessels;
    }

    /// Dies as a machine does: connections are cut, every process of every vessel is killed, nothing
    /// is written down. A start in the same directory finds the vessels as after a power cut.
    pub async fn kill(self) {}
}
