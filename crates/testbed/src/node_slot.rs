//! One node of the testbed, running or not, and what it takes to start it again.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use overlord_keys::{KeyDirectory, KeyKind, KeyPair};
use overlord_node::{NewVessel, Node, NodeConfig, NodeIdentity, vessel_resources_with_ports};
use overlord_types::{NodeId, NodeLocation, USER_PORTS, UserName, VesselName};
use tokio::sync::Semaphore;

use crate::config::TestbedConfig;
use crate::error::TestbedError;

/// What a node is made with.
pub(crate) struct NodePlan {
    /// Counted from 1, as its directory is.
    pub(crate) number: usize,
    pub(crate) ip: Ipv4Addr,
    pub(crate) directory: PathBuf,
    pub(crate) owner_keys: PathBuf,
    pub(crate) config: TestbedConfig,
}

/// One node of the testbed.
pub(crate) struct NodeSlot {
    number: usize,
    owner: KeyPair,
    id: NodeId,
    location: NodeLocation,
    config: NodeConfig,
    running: Mutex<Option<Node>>,
}

impl NodeSlot {
    /// Makes keys and vessels as far as they are not there, and starts the node.
    pub(crate) async fn make(plan: NodePlan, cores: &Semaphore) -> Result<Self, TestbedError> {
        let number = plan.number;
        let keys = KeyDirectory::new(plan.owner_keys);
        let bits = plan.config.key_bits;
        let names = key_names(number);
        let (owner, identity) = {
            // The semaphore is never closed; were it, the bound would go and nothing else.
            let _core = cores.acquire().await;
            let make = move || {
                let [owner, node] = names;
                Ok::<_, TestbedError>((pair(&keys, owner, bits)?, pair(&keys, node, bits)?))
            };
            tokio::task::spawn_blocking(make).await??
        };
        let resources = vessel_resources_with_ports(&plan.config.vessel_resources, USER_PORTS);
        let vessel = |number: usize| {
            let name: VesselName = format!("v{number}").parse().ok()?;
            Some(NewVessel::new(
                name,
                owner.public().clone(),
                resources.clone(),
            ))
        };
        let address = SocketAddr::from((plan.ip, plan.config.node_port));
        let mut config = NodeConfig::new(plan.directory, address);
        config.identity = NodeIdentity::Pair(identity);
        config.vessels = (1..=plan.config.vessels_per_node)
            .filter_map(vessel)
            .collect();
        config.platforms = plan.config.platforms;
        config.launcher = plan.config.launcher;
        config.timing = plan.config.node_timing;
        config.durability = plan.config.durability;
        let node = Node::start(config.clone()).await;
        let node = node.map_err(|source| TestbedError::Node { number, source })?;
        // Port 0 must not become another port at a restart: clients know the node by it.
        config.address = node.address();
        Ok(Self {
            number,
            owner,
            id: node.id().clone(),
            location: node.location(),
            config,
            running: Mutex::new(Some(node)),
        })
    }

    /// Starts the node again.
    pub(crate) async fn start(&self) -> Result<(), TestbedError> {
        let number = self.number;
        let node = Node::start(self.config.clone()).await;
        let node = node.map_err(|source| TestbedError::Node { number, source })?;
        *self.lock() = Some(node);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Node>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the running node out, to end it.
    pub(crate) fn take(&self) -> Option<Node> {
        self.lock().take()
    }

    /// Looks at the node, if it runs.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&Node) -> T) -> Option<T> {
        self.lock().as_ref().map(look)
    }

    pub(crate) fn set_latency(&self, latency: Duration) {
        self.with(|node| node.faults().set_latency(latency));
    }

    pub(crate) fn owner(&self) -> &KeyPair {
        &self.owner
    }

    pub(crate) fn id(&self) -> &NodeId {
        &self.id
    }

    pub(crate) fn location(&self) -> &NodeLocation {
        &self.location
    }
}

/// Under which names the keys of a node's owner and of the node are kept.
fn key_names(number: usize) -> [String; 2] {
    [format!("owner-{number:03}"), format!("node-{number:03}")]
}

/// The pair of that name: the one that is there, or a new one.
fn pair(keys: &KeyDirectory, name: String, bits: u32) -> Result<KeyPair, TestbedError> {
    let Ok(user) = name.parse::<UserName>() else {
        unreachable!("letters, digits and a dash are a user name");
    };
    if keys.file(&user, KeyKind::Public).exists() {
        return Ok(keys.load(&user)?.pair);
    }
    let pair = KeyPair::generate(bits)?;
    keys.save(&user, &pair)?;
    Ok(pair)
}
