//! The engine's node managers: signed requests over TCP.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use overlord_engine::{
    NodeError, NodeManagers, ProgramFile, StartCommand, StartOutcome, VesselAddress,
    VesselObservation,
};
use overlord_keys::KeyPair;
use overlord_nodemanager::client::{NodeClient, NodeClientConfig, Signer, VesselCalls};
use overlord_nodemanager::refusals;
use overlord_nodemanager::reply::{StartReply, StopReply};
use overlord_nodemanager::timestamps::TimestampSource;
use overlord_time::{Randomness, SystemClock};
use overlord_types::{NodeId, NodeLocation, VesselName, VesselStatus};

use super::errors::of_node;

/// Node managers over TCP, spoken to with the user's keys.
///
/// At most three connections go to one node at a time, of all that ask: the original's nodes close the fifth.
/// Safe to drop at any await; the node may then still run the call.
#[derive(Debug, Clone)]
pub struct NodesPort {
    client: NodeClient,
    signer: Signer,
}

impl NodesPort {
    /// Signs with those keys, draws its pauses from that chance; deadlines and bounds are the client's defaults.
    #[must_use]
    pub fn new(keys: KeyPair, randomness: Arc<dyn Randomness>) -> Self {
        Self::with_config(keys, NodeClientConfig::default(), randomness)
    }

    /// The same with other deadlines and bounds.
    #[must_use]
    pub fn with_config(
        keys: KeyPair,
        config: NodeClientConfig,
        randomness: Arc<dyn Randomness>,
    ) -> Self {
        let timestamps = Arc::new(TimestampSource::new(Arc::new(SystemClock)));
        Self {
            client: NodeClient::new(config, randomness),
            signer: Signer::new(keys, timestamps),
        }
    }

    /// The client, for calls that the engine does not make.
    #[must_use]
    pub fn client(&self) -> &NodeClient {
        &self.client
    }

    /// Calls about one vessel, signed for its node.
    #[must_use]
    pub fn vessel(&self, vessel: &VesselAddress) -> VesselCalls {
        self.client
            .vessel(&vessel.location, &vessel.handle, &self.signer)
    }
}

#[async_trait]
impl NodeManagers for NodesPort {
    async fn vessels(
        &self,
        node: &NodeId,
        location: &NodeLocation,
    ) -> Result<BTreeMap<VesselName, VesselObservation>, NodeError> {
        let info = self
            .client
            .list_vessels_of(location, node)
            .await
            .map_err(of_node)?;
        let key = self.signer.keys().public();
        let observe = |vessel: overlord_nodemanager::node_info::VesselInfo| {
            let observation = VesselObservation {
                status: vessel.status,
                is_ours: vessel.may_be_used_by(key),
            };
            (vessel.name, observation)
        };
        Ok(info.vessels.into_iter().map(observe).collect())
    }

    async fn upload(&self, vessel: &VesselAddress, file: &ProgramFile) -> Result<(), NodeError> {
        let upload = self.vessel(vessel);
        let content = file.contents.clone();
        upload.add_file(&file.name, content).await.map_err(of_node)
    }

    async fn start(
        &self,
        vessel: &VesselAddress,
        command: &StartCommand,
    ) -> Result<StartOutcome, NodeError> {
        let calls = self.vessel(vessel);
        let outcome = calls.start(command.platform, &command.program, &command.arguments);
        match outcome.await.map_err(of_node)? {
            StartReply::Started => Ok(StartOutcome::Started),
            StartReply::Ended(status) => Ok(StartOutcome::Ended(status)),
            StartReply::NotYet => Ok(StartOutcome::NotYet),
        }
    }

    async fn stop(&self, vessel: &VesselAddress) -> Result<(), NodeError> {
        match self.vessel(vessel).stop().await {
            Ok(StopReply::Ended(_)) => Ok(()),
            // Asked again, the node says how it went.
            Ok(StopReply::NotYet) => Err(NodeError::Refused(refusals::NOT_STOPPED_YET.to_owned())),
            Err(error) if runs_nothing(&error) => Ok(()),
            Err(error) => Err(of_node(error)),
        }
    }

    async fn reset(&self, vessel: &VesselAddress) -> Result<(), NodeError> {
        self.vessel(vessel).reset().await.map_err(of_node)
    }

    async fn read_log(&self, vessel: &VesselAddress) -> Result<Vec<u8>, NodeError> {
        self.vessel(vessel).read_log().await.map_err(of_node)
    }
}

/// Whether a refused stop says that nothing runs there.
fn runs_nothing(error: &overlord_nodemanager::client::NodeCallError) -> bool {
    VesselStatus::ALL
        .into_iter()
        .filter(|status| *status != VesselStatus::Started)
        .any(|status| {
            let reply = refusals::cannot_stop(status);
            std::str::from_utf8(&reply.payload).is_ok_and(|words| error.is_refusal(words))
        })
}
