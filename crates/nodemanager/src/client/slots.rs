//! How many connections go to one node at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use overlord_types::NodeLocation;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many nodes are remembered before those without a connection are forgotten.
const NODES_KEPT: usize = 1024;

/// Places for connections, per node. Callers that wait are served in order, and no longer than the calls
/// before take, each of which has its deadlines.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    per_node: usize,
    nodes: Arc<Mutex<BTreeMap<NodeLocation, Arc<Semaphore>>>>,
}

impl Slots {
    pub(super) fn new(per_node: usize) -> Self {
        Self {
            // None at all would wait for ever.
            per_node: per_node.clamp(1, Semaphore::MAX_PERMITS),
            nodes: Arc::default(),
        }
    }

    /// Waits for a place at a node; given back when dropped.
    pub(super) async fn take(&self, at: &NodeLocation) -> Option<OwnedSemaphorePermit> {
        let node = {
            let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
            if nodes.len() >= NODES_KEPT {
                // Counted twice or more: somebody holds a place or waits for one.
                nodes.retain(|_, node| Arc::strong_count(node) > 1);
            }
            let places = || Arc::new(Semaphore::new(self.per_node));
            Arc::clone(nodes.entry(at.clone()).or_insert_with(places))
        };
        // Fails only on a closed semaphore, and these are never closed.
        node.acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn one_node_s_places_are_its_own() {
        let slots = Slots::new(1);
        let [first, second]: [NodeLocation; 2] =
            ["127.0.0.1:1", "127.0.0.1:2"].map(|at| at.parse().unwrap());
        let held = slots.take(&first).await;
        assert!(slots.take(&second).await.is_some());
        let waiting = tokio::time::timeout(Duration::from_millis(20), slots.take(&first)).await;
        assert!(waiting.is_err());
        drop(held);
        assert!(slots.take(&first).await.is_some());
    }

    #[tokio::test]
    async fn nodes_without_connections_are_forgotten() {
        let slots = Slots::new(1);
        let at = |port: u16| NodeLocation::new("h", port).unwrap();
        let held = slots.take(&at(1)).await;
        for port in 2..=u16::try_from(NODES_KEPT).unwrap() + 5 {
            slots.take(&at(port)).await;
        }
        let nodes = slots.nodes.lock().unwrap();
        assert!(nodes.len() < NODES_KEPT / 2);
        assert!(nodes.contains_key(&at(1)), "a held place is not forgotten");
        drop(held);
    }
}
