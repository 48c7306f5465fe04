//! Tells nodes over the node-manager protocol, each call signed with the owner key of its node. What to do
//! about a node that does not obey is left to `service` and `upkeep`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use overlord_keys::{KeyPair, PublicKey};
use overlord_nodemanager::call::NodeCall;
use overlord_nodemanager::client::{
    NodeCallError, NodeClient, NodeClientConfig, Signer, VesselCalls,
};
use overlord_nodemanager::node_info::VesselInfo;
use overlord_nodemanager::reply::ReplyOutcome;
use overlord_nodemanager::resources::{PortKind, ResourceFile};
use overlord_nodemanager::timestamps::TimestampSource;
use overlord_time::{Randomness, SeededRandomness, SystemClock};
use overlord_types::failure::{Blame, Classified as _};
use overlord_types::{Handle, NodeId, NodeLocation, USER_PORTS, UserName, VesselStatus};
use tokio::task::JoinSet;

use super::control::{ControlError, VesselControl, VesselPlace};
use super::registry::{EnrolledNode, EnrolledVessel};

/// Longest wait for a connection: a machine that is there answers a handshake at once.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(3);
/// Longest wait for the testbed's own nodes, which answer without a delay of their own.
const ANSWER_TIME_MAX_OWN: Duration = Duration::from_secs(3);
/// Longest wait for other nodes: the original's take about a second a call, with up to four others before
/// ours, and wait for a client that is silent for as long as eleven.
const ANSWER_TIME_MAX_GUEST: Duration = Duration::from_secs(15);
/// How often a call that a node closed unanswered is repeated.
const REPEATS_MAX: u32 = 3;
/// How far behind the clock the clearinghouse signs. Times on the wire have steps of 10 ms, and a clock of the original
/// is up to 8 ms behind: signed on time, the first request of a user who has just been given the vessel would often have
/// the same time as ours or an earlier one, and be refused. It is room for the three requests of a cleaning and an
/// acquisition in the same step as well.
const SIGNED_BEHIND: Duration = Duration::from_millis(50);
/// First pause before such a repeat.
const REPEAT_PAUSE: Duration = Duration::from_millis(200);

/// Who runs a node: how long it may take to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Host {
    /// The testbed itself.
    Own,
    /// Somebody else; it may be one of the original's.
    Guest,
}

#[derive(Clone)]
struct Trusted {
    signer: Signer,
    host: Host,
}

/// Tells nodes what the clearinghouse decides.
pub(crate) struct NodeControl {
    own: NodeClient,
    guest: NodeClient,
    timestamps: Arc<TimestampSource>,
    owners: Mutex<BTreeMap<NodeId, Trusted>>,
}

impl NodeControl {
    /// A control over nodes that answer with that much latency on top; its pauses follow from the seed.
    pub(crate) fn new(latency: Duration, seed: u64) -> Self {
        let randomness = Arc::new(SeededRandomness::from_seed(seed));
        Self {
            own: client(ANSWER_TIME_MAX_OWN, latency, randomness.clone()),
            guest: client(ANSWER_TIME_MAX_GUEST, latency, randomness),
            timestamps: Arc::new(TimestampSource::behind(
                Arc::new(SystemClock),
                SIGNED_BEHIND,
            )),
            owners: Mutex::default(),
        }
    }

    fn owners(&self) -> MutexGuard<'_, BTreeMap<NodeId, Trusted>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the node is told things with this owner key.
    pub(crate) fn trust(&self, node: &NodeId, owner: KeyPair, host: Host) {
        let signer = Signer::new(owner, Arc::clone(&self.timestamps));
        self.owners().insert(node.clone(), Trusted { signer, host });
    }

    fn client(&self, host: Host) -> &NodeClient {
        match host {
            Host::Own => &self.own,
            Host::Guest => &self.guest,
        }
    }

    fn trusted(&self, node: &NodeId) -> Result<Trusted, ControlError> {
        let trusted = self.owners().get(node).cloned();
        // Not `Unable`: one node without a key must not fail requests that other nodes can serve.
        trusted.ok_or_else(|| ControlError::Refused("the key of its owner is not known".into()))
    }

    fn calls(&self, vessel: &VesselPlace) -> Result<VesselCalls, ControlError> {
        let trusted = self.trusted(&vessel.node)?;
        let handle = Handle::new(vessel.node.clone(), vessel.vessel.clone());
        Ok(self
            .client(trusted.host)
            .vessel(&vessel.location, &handle, &trusted.signer))
    }

    /// What a node has that `owner` owns, as the registry wants it.
    pub(crate) async fn describe(
        &self,
        location: &NodeLocation,
        owner: &PublicKey,
        host: Host,
        donor: Option<UserName>,
    ) -> Result<EnrolledNode, ControlError> {
        let client = self.client(host);
        let info = client.list_vessels(location).await.map_err(judge)?;
        let mut described = JoinSet::new();
        let own = info
            .vessels
            .into_iter()
            .filter(|vessel| vessel.owner_key.is(owner));
        for (place, vessel) in own.enumerate() {
            let (client, location) = (client.clone(), location.clone());
            described
                .spawn(async move { (place, describe_vessel(&client, &location, vessel).await) });
        }
        let mut vessels = BTreeMap::new();
        while let Some(joined) = described.join_next().await {
            let (place, vessel) = joined.map_err(|error| ControlError::Unable(error.into()))?;
            vessels.insert(place, vessel?);
        }
        if vessels.is_empty() {
            return Err(ControlError::Refused(
                "none of its vessels is this owner's".into(),
            ));
        }
        Ok(EnrolledNode {
            id: info.key,
            location: location.clone(),
            donor,
            vessels: vessels.into_values().collect(),
        })
    }
}

/// A client that waits so long for an answer, and for the latency of both ways.
fn client(
    answer_time_max: Duration,
    latency: Duration,
    randomness: Arc<dyn Randomness>,
) -> NodeClient {
    let with_deadlines = |mut config: NodeClientConfig| {
        config.connect_timeout = CONNECT_TIME_MAX + latency * 2;
        config.send_timeout = answer_time_max + latency * 2;
        config.receive_timeout = answer_time_max + latency * 2;
        config.repeats_max = REPEATS_MAX;
        config.backoff.first = REPEAT_PAUSE;
        config
    };
    NodeClient::new(with_deadlines(NodeClientConfig::default()), randomness)
}

async fn describe_vessel(
    client: &NodeClient,
    location: &NodeLocation,
    vessel: VesselInfo,
) -> Result<EnrolledVessel, ControlError> {
    let call = NodeCall::GetVesselResources {
        vessel: (&vessel.name).into(),
    };
    let reply = client.call(location, &call, None).await.map_err(judge)?;
    if reply.outcome != ReplyOutcome::Success {
        return Err(ControlError::Refused(reply.text().to_string().into()));
    }
    let file =
        ResourceFile::parse(&reply.payload).map_err(|error| ControlError::Refused(error.into()))?;
    let allowed = |port: &u16| file.resources().allows_port(PortKind::Connection, *port);
    Ok(EnrolledVessel {
        name: vessel.name,
        ports: USER_PORTS.filter(allowed).collect::<BTreeSet<_>>(),
        users: vessel
            .user_keys
            .iter()
            .map(|key| key.as_str().to_owned())
            .collect(),
        fresh: vessel.status == VesselStatus::Fresh,
    })
}

#[async_trait]
impl VesselControl for NodeControl {
    async fn assign(&self, vessel: &VesselPlace, user: &PublicKey) -> Result<(), ControlError> {
        let outcome = self
            .calls(vessel)?
            .change_users(std::slice::from_ref(user))
            .await;
        outcome.map_err(judge)
    }

    async fn clean(&self, vessel: &VesselPlace) -> Result<(), ControlError> {
        let calls = self.calls(vessel)?;
        // First the users, so that none of them starts anything between the other steps.
        calls.change_users(&[]).await.map_err(judge)?;
        let Err(refused) = calls.reset().await else {
            return Ok(());
        };
        if !matches!(refused, NodeCallError::Refused { .. }) {
            return Err(judge(refused));
        }
        // A reset stops what runs; a node that will not do both at once is asked for one after the other.
        // That nothing runs is no obstacle.
        let _ = calls.stop().await;
        calls.reset().await.map_err(judge)
    }

    async fn probe(&self, node: &NodeId, location: &NodeLocation) -> Result<(), ControlError> {
        let host = self.trusted(node)?.host;
        let info = self.client(host).list_vessels_of(location, node).await;
        info.map(drop).map_err(judge)
    }
}

/// Draws the clearinghouse's conclusion from an error: leave the node out, or only this vessel.
fn judge(error: NodeCallError) -> ControlError {
    if matches!(error, NodeCallError::Refused { .. }) {
        return ControlError::Refused(error.into());
    }
    match error.blame() {
        Blame::Operator => ControlError::Refused(error.into()),
        Blame::LocalMachine | Blame::Bug => ControlError::Unable(error.into()),
        // Who answers wrongly is as little use as who does not answer.
        _ => ControlError::Silent(error.into()),
    }
}
