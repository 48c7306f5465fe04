//! Who signs requests, for which node, at which time.

use std::sync::Arc;

use overlord_keys::KeyPair;
use overlord_types::{NodeId, NodeLocation};

use crate::call::NodeCall;
use crate::signed_request::{Destination, Stamp};
use crate::timestamps::{ClockSetBack, TimestampSource, VesselTurn};

/// Signs requests with one key pair. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Signer {
    keys: KeyPair,
    timestamps: Arc<TimestampSource>,
    node: Option<NodeId>,
}

impl Signer {
    /// Signs with `keys`, at times of a source that all signers of the program share. Requests name no
    /// node as their destination until [`Signer::for_node`].
    #[must_use]
    pub fn new(keys: KeyPair, timestamps: Arc<TimestampSource>) -> Self {
        Self {
            keys,
            timestamps,
            node: None,
        }
    }

    /// Signs for one node: other nodes refuse such a request, so nobody can use it there.
    #[must_use]
    pub fn for_node(&self, node: &NodeId) -> Self {
        Self {
            node: Some(node.clone()),
            ..self.clone()
        }
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &KeyPair {
        &self.keys
    }

    /// Waits for the turn of the vessel that the call is about.
    pub(super) async fn turn(&self, at: &NodeLocation, call: &NodeCall) -> VesselTurn {
        let vessel = call.vessel().unwrap_or_default();
        let key = match &self.node {
            Some(node) => format!("{node}:{vessel}"),
            None => format!("{at}:{vessel}"),
        };
        self.timestamps.turn(&key).await
    }

    /// The next time of the vessel, and what goes with it.
    pub(super) async fn stamp(&self, turn: &mut VesselTurn) -> Result<Stamp, ClockSetBack> {
        let destination = self.node.as_ref().map(Destination::from);
        Ok(Stamp::at(turn.next().await?, destination))
    }
}
