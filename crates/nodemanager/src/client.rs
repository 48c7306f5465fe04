//! The client half: calls nodes, each step under a deadline, each fault told apart.
//!
//! What to do about a fault is left to the caller; only what a node's connection limit closed, and times
//! that crossed with another signer's, are repeated here.

mod config;
mod error;
mod exchange;
mod pauses;
mod signer;
mod slots;
mod vessel;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use overlord_time::Randomness;
use overlord_types::{NodeId, NodeLocation};

pub use config::NodeClientConfig;
pub use error::{ExchangePhase, MalformedReply, NodeCallError};
pub use signer::Signer;
pub use vessel::VesselCalls;

use crate::call::{NodeCall, Permission};
use crate::node_info::NodeInfo;
use crate::reply::{Reply, ReplyOutcome};
use crate::resources::ResourceFile;
use crate::signed_request::sign;
use crate::timestamps::VesselTurn;
use crate::verification::SignatureDoubt;
use exchange::AttemptError;
use pauses::Pauses;
use slots::Slots;

/// Calls nodes. Clones share connections' bounds; make one for a whole program.
#[derive(Debug, Clone)]
pub struct NodeClient {
    config: Arc<NodeClientConfig>,
    slots: Slots,
    pauses: Pauses,
}

impl NodeClient {
    /// A client with these deadlines and bounds, whose pauses are drawn from that chance.
    #[must_use]
    pub fn new(config: NodeClientConfig, randomness: Arc<dyn Randomness>) -> Self {
        Self {
            slots: Slots::new(config.connections_per_node),
            pauses: Pauses::new(config.backoff, randomness),
            config: Arc::new(config),
        }
    }

    /// Makes a call and gives the node's answer, refusals included. Signed calls need a `signer`;
    /// those for one vessel take turns.
    ///
    /// # Repeats
    /// What the node closed unanswered at once, as its connection limit does, is signed anew and
    /// repeated after a pause, and so is what it refused because another signer's time was later; the first time
    /// after a short one, as most often the two have signed at the same time.
    /// In both cases the call was not run. Nothing else is repeated.
    ///
    /// # Cancellation
    /// Dropping the future closes the connection; the node may still run the call.
    ///
    /// # Errors
    /// When no answer came, or one that is none. [`NodeCallError::may_have_run`] says whether the node may
    /// have run the call all the same.
    pub async fn call(
        &self,
        at: &NodeLocation,
        call: &NodeCall,
        signer: Option<&Signer>,
    ) -> Result<Reply, NodeCallError> {
        if at.is_behind_nat() {
            return Err(NodeCallError::BehindForwarder { at: at.clone() });
        }
        let mut signing = match (call.permission(), signer) {
            (Permission::Public, _) => None,
            (_, Some(signer)) => Some((signer, signer.turn(at, call).await)),
            (_, None) => {
                return Err(NodeCallError::SignerMissing { call: call.name() });
            }
        };
        let mut attempt = 0;
        loop {
            let result = self.attempt(at, call, &mut signing).await;
            attempt += 1;
            if !self.is_repeated(&result, attempt) {
                return result.map_err(|fault| fault.locate(at, attempt));
            }
            let is_time_crossed = result.as_ref().is_ok_and(is_time_crossed);
            let lag = signing
                .as_ref()
                .map_or(Duration::ZERO, |(_, turn)| turn.lag());
            let pause = if attempt == 1 && is_time_crossed {
                lag + self.pauses.before_next_time()
            } else {
                self.pauses.before_repeat(attempt)
            };
            tracing::debug!(%at, call = call.name(), attempt, ?pause, "repeated after a pause");
            tokio::time::sleep(pause).await;
        }
    }

    /// What the node says of itself and its vessels.
    ///
    /// # Errors
    /// As [`NodeClient::call`], and when the answer is none of `GetVessels`.
    pub async fn list_vessels(&self, at: &NodeLocation) -> Result<NodeInfo, NodeCallError> {
        let payload = self.payload(at, &NodeCall::GetVessels {}, None).await?;
        NodeInfo::parse(&payload).map_err(|error| NodeCallError::malformed(at, error))
    }

    /// As [`NodeClient::list_vessels`], of a node known by its id.
    ///
    /// # Errors
    /// Also [`NodeCallError::OtherNode`] when another node answers at that location.
    pub async fn list_vessels_of(
        &self,
        at: &NodeLocation,
        node: &NodeId,
    ) -> Result<NodeInfo, NodeCallError> {
        let info = self.list_vessels(at).await?;
        if info.key == *node {
            return Ok(info);
        }
        Err(NodeCallError::OtherNode {
            at: at.clone(),
            expected: node.clone(),
            found: info.key,
        })
    }

    /// What a split of a vessel costs on this node.
    ///
    /// # Errors
    /// As [`NodeClient::call`], and when the answer is no resource file.
    pub async fn offcut_resources(&self, at: &NodeLocation) -> Result<ResourceFile, NodeCallError> {
        let payload = self
            .payload(at, &NodeCall::GetOffcutResources {}, None)
            .await?;
        ResourceFile::parse(&payload).map_err(|error| NodeCallError::malformed(at, error))
    }

    /// The payload of a success; everything else is an error.
    async fn payload(
        &self,
        at: &NodeLocation,
        call: &NodeCall,
        signer: Option<&Signer>,
    ) -> Result<Bytes, NodeCallError> {
        let reply = self.unrefused(at, call, signer).await?;
        match reply.outcome {
            ReplyOutcome::Success => Ok(reply.payload),
            _ => Err(NodeCallError::refused(at, call.name(), &reply)),
        }
    }

    /// A success or a warning; a refusal is an error.
    async fn unrefused(
        &self,
        at: &NodeLocation,
        call: &NodeCall,
        signer: Option<&Signer>,
    ) -> Result<Reply, NodeCallError> {
        let reply = self.call(at, call, signer).await?;
        match reply.outcome {
            ReplyOutcome::Error => Err(NodeCallError::refused(at, call.name(), &reply)),
            _ => Ok(reply),
        }
    }

    /// Connects, sends, receives, once. The place at the node is held no longer than that.
    async fn attempt(
        &self,
        at: &NodeLocation,
        call: &NodeCall,
        signing: &mut Option<(&Signer, VesselTurn)>,
    ) -> Result<Reply, AttemptError> {
        let _place = self.slots.take(at).await;
        let data = call.encode();
        let request = match signing {
            None => data,
            Some((signer, turn)) => {
                let stamp = signer.stamp(turn).await.map_err(AttemptError::Clock)?;
                let keys = signer.keys().clone();
                // Big-number arithmetic for some milliseconds: not on a thread that serves sockets.
                tokio::task::spawn_blocking(move || sign(data, &keys, &stamp))
                    .await
                    .map_err(|_| AttemptError::Stopped)?
                    .map_err(AttemptError::Sign)?
            }
        };
        exchange::exchange(&self.config, at, request).await
    }

    fn is_repeated(&self, result: &Result<Reply, AttemptError>, attempt: u32) -> bool {
        let not_run = match result {
            Ok(reply) => is_time_crossed(reply),
            Err(fault) => fault.is_connection_limit(),
        };
        not_run && attempt <= self.config.repeats_max
    }
}

/// Whether the vessel has meanwhile accepted a later request, and this one might be accepted anew.
fn is_time_crossed(reply: &Reply) -> bool {
    let text = reply.payload.strip_prefix(b"Signature problem: ");
    let times = [SignatureDoubt::SameTime, SignatureDoubt::OutOfOrder];
    reply.outcome == ReplyOutcome::Error
        && text.is_some_and(|text| times.iter().any(|doubt| doubt.as_str().as_bytes() == text))
}

#[cfg(test)]
mod tests;
