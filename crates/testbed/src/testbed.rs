//! The testbed in one process: a clearinghouse and nodes on a loopback network of their own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use overlord_keys::{KeyDirectory, KeyPair, PublicKey};
use overlord_node::{Node, NodeFaults};
use overlord_types::{Handle, NodeId, NodeLocation, UserName, VesselName};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use url::Url;

use crate::clearinghouse::{
    Census, ClearinghouseConfig, ClearinghouseFaults, ClearinghouseServer, ClearinghouseStartError,
    Host, NewAccount, NodeControl, ShuffledPlacement, UserAccount,
};
use crate::config::TestbedConfig;
use crate::error::TestbedError;
use crate::network::{LoopbackError, LoopbackNetwork, NODES_MAX};
use crate::node_slot::{NodePlan, NodeSlot};
use crate::record::{GuestNode, Record, TestbedDirectory};

/// One node of the testbed, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeHandle {
    /// Its number, counted from 1 as its directory and its address are; what [`Testbed::kill_node`] and the like want.
    pub number: usize,
    /// Its id.
    pub id: NodeId,
    /// Where it is reached.
    pub location: NodeLocation,
    /// Its vessels, while it runs.
    pub vessels: Vec<VesselName>,
    /// Whether it runs.
    pub running: bool,
    /// How many connections it has taken since it was last started, one request each.
    pub connections: u64,
}

/// A running testbed.
///
/// Dropping it kills the programs on its vessels and waits for nothing; [`Testbed::shutdown`] is the way to end it.
pub struct Testbed {
    clearinghouse: ClearinghouseServer,
    control: Arc<NodeControl>,
    slots: Vec<NodeSlot>,
    record: Mutex<Record>,
    directory: TestbedDirectory,
    network: LoopbackNetwork,
    latency: Duration,
}

impl Testbed {
    /// Starts a testbed in its directory: makes what is not there yet, finds again what is.
    ///
    /// # Errors
    /// When directory, network, a node or the clearinghouse cannot be used.
    pub async fn start(mut config: TestbedConfig) -> Result<Self, TestbedError> {
        if config.nodes > NODES_MAX {
            return Err(TestbedError::TooManyNodes(config.nodes));
        }
        let directory = TestbedDirectory::open(config.directory.clone())?;
        let mut record = directory.read()?;
        let network = network_for(&config, &record)?;
        config.nodes_per_network = nodes_per_network(&config, &record);
        record.network = Some(network.number());
        record.nodes_per_network = Some(config.nodes_per_network);
        directory.write(&record)?;

        let control = Arc::new(NodeControl::new(config.latency, config.seed));
        let (slots, clearinghouse) = tokio::join!(
            start_nodes(&config, &directory, &network),
            start_clearinghouse(
                &config,
                record.clearinghouse_port,
                &directory,
                &network,
                &control
            ),
        );
        let clearinghouse = clearinghouse?;
        record.clearinghouse_port = clearinghouse.url().port();
        directory.write(&record)?;
        let testbed = Self {
            clearinghouse,
            control,
            slots: slots?,
            record: Mutex::new(record),
            directory,
            network,
            latency: config.latency,
        };
        testbed.enrol_all().await?;
        // From here on the network is slow, not before: the start is not what is measured.
        testbed.clearinghouse.faults().set_latency(testbed.latency);
        for slot in &testbed.slots {
            slot.set_latency(testbed.latency);
        }
        Ok(testbed)
    }

    /// Takes in the testbed's own nodes, then the guests that answer.
    async fn enrol_all(&self) -> Result<(), TestbedError> {
        let mut descriptions = JoinSet::new();
        for (place, slot) in self.slots.iter().enumerate() {
            let (control, owner) = (Arc::clone(&self.control), slot.owner().clone());
            let (id, location) = (slot.id().clone(), slot.location().clone());
            descriptions.spawn(async move {
                control.trust(&id, owner.clone(), Host::Own);
                let node = control
                    .describe(&location, owner.public(), Host::Own, None)
                    .await;
                (place, node, location)
            });
        }
        let mut nodes = Vec::with_capacity(self.slots.len());
        while let Some(description) = descriptions.join_next().await {
            let (place, node, location) = description?;
            let node = node.map_err(|source| TestbedError::Enrol { location, source })?;
            nodes.push((place, node));
        }
        nodes.sort_by_key(|(place, _)| *place);
        let nodes = nodes.into_iter().map(|(_, node)| node).collect();
        self.clearinghouse.enrol(nodes).await?;
        self.enrol_guests().await
    }

    /// Takes in the guests that answer. All are asked at once: one of the original's takes seconds, and so does the wait
    /// for one that is not there.
    async fn enrol_guests(&self) -> Result<(), TestbedError> {
        let guests = self
            .record
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .guests
            .clone();
        let keys = KeyDirectory::new(self.directory.owner_keys());
        let mut asked = JoinSet::new();
        for (place, guest) in guests.into_iter().enumerate() {
            let control = Arc::clone(&self.control);
            let owner = keys.load(&guest.owner_key)?.pair;
            asked.spawn(async move {
                let GuestNode {
                    location, donor, ..
                } = guest;
                let described = control.describe(&location, owner.public(), Host::Guest, donor);
                let described = described.await;
                (place, described, owner, location)
            });
        }
        let mut answering = BTreeMap::new();
        while let Some(answer) = asked.join_next().await {
            let (place, described, owner, location) = answer?;
            match described {
                Ok(node) => {
                    self.control.trust(&node.id, owner, Host::Guest);
                    answering.insert(place, node);
                }
                Err(error) => {
                    tracing::warn!(%location, %error, "a node of somebody else's does not answer; it is left out until the next start");
                }
            }
        }
        let nodes = answering.into_values().collect();
        Ok(self.clearinghouse.enrol(nodes).await?)
    }

    /// Where clients call: `https://127.A.0.1:PORT/xmlrpc/`.
    #[must_use]
    pub fn clearinghouse_url(&self) -> Url {
        self.clearinghouse.url().clone()
    }

    /// The certificate with which clients verify the clearinghouse's: `cacert.pem` in the directory.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        self.clearinghouse.ca_file()
    }

    /// The testbed's directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The A of 127.A.0.0/16.
    #[must_use]
    pub fn network(&self) -> u8 {
        self.network.number()
    }

    /// The clearinghouse itself.
    #[must_use]
    pub fn clearinghouse(&self) -> &ClearinghouseServer {
        &self.clearinghouse
    }

    /// The fault knobs of the clearinghouse.
    #[must_use]
    pub fn clearinghouse_faults(&self) -> &ClearinghouseFaults {
        self.clearinghouse.faults()
    }

    /// How many vessels are free, held, and so on.
    #[must_use]
    pub fn census(&self) -> Census {
        self.clearinghouse.census()
    }

    /// Makes an account for the holder of a key, with ten vessels and a password and port of the
    /// clearinghouse's choice.
    ///
    /// # Errors
    /// When the name is taken.
    pub async fn create_user(
        &self,
        name: &UserName,
        key: &PublicKey,
    ) -> Result<UserAccount, TestbedError> {
        let account = NewAccount::new(name.clone(), key.as_str());
        Ok(self.clearinghouse.create_account(account).await?)
    }

    /// Makes an account with all of its properties given.
    ///
    /// # Errors
    /// When the name is taken or the key is no key.
    pub async fn create_account(&self, account: NewAccount) -> Result<UserAccount, TestbedError> {
        Ok(self.clearinghouse.create_account(account).await?)
    }

    /// Takes in a node that somebody else runs, the original's included: its vessels that `owner` owns can
    /// be acquired from now on. A donor gets ten credits for it.
    ///
    /// # Errors
    /// When the node does not answer or has no vessel of that owner.
    pub async fn enrol_node(
        &self,
        location: NodeLocation,
        owner: KeyPair,
        donor: Option<UserName>,
    ) -> Result<NodeId, TestbedError> {
        let described =
            self.control
                .describe(&location, owner.public(), Host::Guest, donor.clone());
        let node = described.await.map_err(|source| TestbedError::Enrol {
            location: location.clone(),
            source,
        })?;
        let id = node.id.clone();
        let mut record = self
            .record
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if record.guests.iter().all(|guest| guest.location != location) {
            let name = format!("guest-{:03}", record.guests.len() + 1);
            // A name of letters, digits and a dash is a user name; were it not, the key file says so.
            if let Ok(owner_key) = name.parse() {
                KeyDirectory::new(self.directory.owner_keys()).save(&owner_key, &owner)?;
                record.guests.push(GuestNode {
                    location,
                    owner_key,
                    donor,
                });
                self.directory.write(&record)?;
                *self.record.lock().unwrap_or_else(PoisonError::into_inner) = record;
            }
        }
        self.control.trust(&id, owner, Host::Guest);
        self.clearinghouse.enrol(vec![node]).await?;
        Ok(id)
    }

    // Nodes.

    /// The testbed's own nodes, as they are now.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeHandle> {
        let handle = |(index, slot): (usize, &NodeSlot)| NodeHandle {
            number: index + 1,
            id: slot.id().clone(),
            location: slot.location().clone(),
            vessels: slot.with(Node::vessel_names).unwrap_or_default(),
            running: slot.with(|_| ()).is_some(),
            connections: slot.with(Node::connections_served).unwrap_or_default(),
        };
        self.slots.iter().enumerate().map(handle).collect()
    }

    fn slot(&self, number: usize) -> Result<&NodeSlot, TestbedError> {
        let nodes = self.slots.len();
        let slot = number
            .checked_sub(1)
            .and_then(|place| self.slots.get(place));
        slot.ok_or(TestbedError::NoSuchNode { number, nodes })
    }

    /// The number of the node that hosts a vessel; none for guests.
    #[must_use]
    pub fn node_of(&self, vessel: &Handle) -> Option<usize> {
        let hosts = |slot: &NodeSlot| *slot.id() == vessel.node;
        self.slots.iter().position(hosts).map(|place| place + 1)
    }

    /// Kills a node as a machine dies: its connections are cut, its vessels' processes are gone. Nobody
    /// tells the clearinghouse.
    ///
    /// # Errors
    /// When there is no such node or it does not run.
    pub async fn kill_node(&self, number: usize) -> Result<(), TestbedError> {
        let node = self
            .slot(number)?
            .take()
            .ok_or(TestbedError::NotRunning(number))?;
        node.kill().await;
        Ok(())
    }

    /// Stops a node's daemon and leaves its vessels' programs running, to be found again.
    ///
    /// # Errors
    /// When there is no such node or it does not run.
    pub async fn stop_node(&self, number: usize) -> Result<(), TestbedError> {
        let node = self
            .slot(number)?
            .take()
            .ok_or(TestbedError::NotRunning(number))?;
        node.shutdown(false).await;
        Ok(())
    }

    /// Starts a node again in its directory, stopping it first if it runs. Its fault knobs are back to none,
    /// but for the testbed's latency.
    ///
    /// # Errors
    /// When there is no such node or it cannot start.
    pub async fn restart_node(&self, number: usize) -> Result<(), TestbedError> {
        let slot = self.slot(number)?;
        if let Some(node) = slot.take() {
            node.shutdown(false).await;
        }
        slot.start().await?;
        slot.set_latency(self.latency);
        Ok(())
    }

    /// The fault knobs of a node; gone with it when it is killed or restarted.
    ///
    /// # Errors
    /// When there is no such node or it does not run.
    pub fn node_faults(&self, number: usize) -> Result<NodeFaults, TestbedError> {
        let faults = self.slot(number)?.with(|node| node.faults().clone());
        faults.ok_or(TestbedError::NotRunning(number))
    }

    /// The process id of the program that runs in a vessel, if one does.
    #[must_use]
    pub fn vessel_process(&self, vessel: &Handle) -> Option<u32> {
        let slot = self.slot(self.node_of(vessel)?).ok()?;
        slot.with(|node| node.vessel_process(&vessel.vessel))
            .flatten()
    }

    /// What stands of the second wall around the program that runs in a vessel, in a line; `None` when none runs, or
    /// it has no such wall.
    #[must_use]
    pub fn vessel_wall(&self, vessel: &Handle) -> Option<String> {
        let slot = self.slot(self.node_of(vessel)?).ok()?;
        slot.with(|node| node.vessel_wall(&vessel.vessel)).flatten()
    }

    /// Kills the program that runs in a vessel, as the system does when memory is short: nobody is told.
    ///
    /// # Errors
    /// When nothing runs there.
    pub fn kill_vessel_process(&self, vessel: &Handle) -> Result<(), TestbedError> {
        let pid = self
            .vessel_process(vessel)
            .and_then(|pid| i32::try_from(pid).ok());
        let pid = pid.and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| TestbedError::NoProgram(vessel.clone()))?;
        kill_process(pid, Signal::KILL).map_err(|errno| TestbedError::Kill {
            vessel: vessel.clone(),
            source: errno.into(),
        })
    }

    /// Ends the testbed and every program on its vessels. The directory stays, for another start.
    pub async fn shutdown(self) {
        self.end(true).await;
    }

    /// Ends the testbed and leaves the programs on its vessels running, for the next start in the same
    /// directory to find.
    pub async fn shutdown_leaving_programs(self) {
        self.end(false).await;
    }

    async fn end(mut self, stop_vessels: bool) {
        let slots = std::mem::take(&mut self.slots);
        let mut nodes = JoinSet::new();
        for node in slots.iter().filter_map(NodeSlot::take) {
            nodes.spawn(node.shutdown(stop_vessels));
        }
        self.clearinghouse.stop().await;
        while let Some(ended) = nodes.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a node did not end as it should");
            }
        }
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        for slot in &self.slots {
            let processes = slot.with(|node| {
                let names = node.vessel_names();
                names
                    .iter()
                    .filter_map(|name| node.vessel_process(name))
                    .collect::<Vec<_>>()
            });
            for pid in processes.into_iter().flatten() {
                if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                    // It may have ended by itself meanwhile, which is as good.
                    let _ = kill_process_group(pid, Signal::KILL);
                }
            }
        }
    }
}

/// The network that was asked for, the one that the directory had before, or a free one.
fn network_for(config: &TestbedConfig, record: &Record) -> Result<LoopbackNetwork, LoopbackError> {
    if let Some(number) = config.network {
        return LoopbackNetwork::claim(number);
    }
    if let Some(number) = record.network {
        match LoopbackNetwork::claim(number) {
            Ok(network) => return Ok(network),
            Err(error) => {
                tracing::warn!(%error, "the testbed moves to another network; programs that still run on the old one are lost");
            }
        }
    }
    LoopbackNetwork::claim_free()
}

/// How many nodes share a network: as the directory had it before, so that nodes keep their addresses.
fn nodes_per_network(config: &TestbedConfig, record: &Record) -> usize {
    let before = record
        .nodes_per_network
        .or_else(|| record.network.is_some().then_some(1));
    before
        .unwrap_or(config.nodes_per_network)
        .clamp(1, NODES_MAX)
}

/// Starts the clearinghouse on the port that was asked for, else on the one that the directory had before, else on a
/// free one.
async fn start_clearinghouse(
    config: &TestbedConfig,
    port_before: Option<u16>,
    directory: &TestbedDirectory,
    network: &LoopbackNetwork,
    control: &Arc<NodeControl>,
) -> Result<ClearinghouseServer, TestbedError> {
    let on = async |port: u16| {
        let address = (network.clearinghouse(), port).into();
        let control = Arc::clone(control);
        let mut parts = ClearinghouseConfig::new(directory.path().to_owned(), address, control);
        parts.leases = config.leases;
        parts.placement = Arc::new(ShuffledPlacement::new(config.seed));
        parts.seed = config.seed;
        ClearinghouseServer::start(parts).await
    };
    let started = match port_before.filter(|_| config.clearinghouse_port == 0) {
        Some(port) => match on(port).await {
            Err(error @ ClearinghouseStartError::Listen { .. }) => {
                tracing::warn!(port, %error, "the clearinghouse takes another port than before; who knows the old one does not find it");
                on(0).await
            }
            started => started,
        },
        None => on(config.clearinghouse_port).await,
    };
    Ok(started?)
}

/// Starts all nodes; making their keys is nearly all of the work, so it is spread over the cores.
async fn start_nodes(
    config: &TestbedConfig,
    directory: &TestbedDirectory,
    network: &LoopbackNetwork,
) -> Result<Vec<NodeSlot>, TestbedError> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cores = Arc::new(Semaphore::new(cores));
    let mut starting = JoinSet::new();
    for index in 0..config.nodes {
        let Some(ip) = network.node(index, config.nodes_per_network) else {
            return Err(TestbedError::TooManyNodes(config.nodes));
        };
        let plan = NodePlan {
            number: index + 1,
            ip,
            directory: directory.node(index + 1),
            owner_keys: directory.owner_keys(),
            config: config.clone(),
        };
        let cores = Arc::clone(&cores);
        starting.spawn(async move { (index, NodeSlot::make(plan, &cores).await) });
    }
    let mut slots = Vec::with_capacity(config.nodes);
    while let Some(started) = starting.join_next().await {
        let (index, slot) = started?;
        slots.push((index, slot?));
    }
    slots.sort_by_key(|(index, _)| *index);
    Ok(slots.into_iter().map(|(_, slot)| slot).collect())
}
