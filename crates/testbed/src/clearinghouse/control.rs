//! What the clearinghouse asks of nodes, as a port: give a vessel to a key, clean it, show a sign of life.
//! The adapter that speaks the node-manager protocol is `node_control`.

use async_trait::async_trait;
use overlord_keys::PublicKey;
use overlord_types::{NodeId, NodeLocation, VesselName};
use thiserror::Error;

/// Where a vessel is and what it is called there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VesselPlace {
    /// The node's id.
    pub node: NodeId,
    /// Where the node is reached.
    pub location: NodeLocation,
    /// The vessel's name on the node.
    pub vessel: VesselName,
}

/// What the node said, or what kept it from being asked.
pub type ControlCause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why a node did not do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The node cannot be reached or does not answer in time: it is left out until it does.
    #[error("the node does not answer")]
    Silent(#[source] ControlCause),
    /// The node answers, and refuses.
    #[error("the node refuses")]
    Refused(#[source] ControlCause),
    /// The clearinghouse itself cannot ask, as when it has no key of the node's owner.
    #[error("the clearinghouse cannot ask the node")]
    Unable(#[source] ControlCause),
}

/// What the clearinghouse asks of nodes. Each call ends in bounded time and may be repeated.
#[async_trait]
pub trait VesselControl: Send + Sync {
    /// Makes `user` the only user of a vessel.
    async fn assign(&self, vessel: &VesselPlace, user: &PublicKey) -> Result<(), ControlError>;

    /// Takes a vessel from everybody, ends its program and removes its files and log.
    async fn clean(&self, vessel: &VesselPlace) -> Result<(), ControlError>;

    /// Whether the node of that id answers there.
    async fn probe(&self, node: &NodeId, location: &NodeLocation) -> Result<(), ControlError>;
}
