//! The client half: calls nodes, each step under a deadline, each fault told apart.
//!
//! What to do about a fault is left to the caller; only what a node's connection limit closed, and times
//! that crossed with another signer's, are repeated here.

mod error;
mod exchange;
mod pauses;
mod signer;
mod slots;
mod vessel;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use overlord_time::{Backoff, Randomness};
use overlord_types::{NodeId, NodeLocation};

pub use error::{MalformedReply, NodeError, Phase};
pub use signer::Signer;
pub use vessel::VesselCalls;

use crate::call::{Call, Permission};
use crate::node_info::NodeInfo;
use crate::reply::{Outcome, Reply};
use crate::resources::ResourceFile;
use crate::signed_request::sign;
use crate::timestamps::VesselTurn;
use crate::verification::Doubt;
use exchange::Fault;
use pauses::Pauses;
use slots::Slots;

/// Deadlines and bounds of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeClientConfig {
    /// For finding and connecting to the node.
    pub connect_timeout: Duration,
    /// For sending a whole request.
    pub send_timeout: Duration,
    /// For receiving the whole answer. The original may take 10 s to start a program, behind up to 4
    /// others in its queue.
    pub receive_timeout: Duration,
    /// Longest answer taken, in bytes; a retrieved file must fit.
    pub reply_bytes_max: usize,
    /// Most connections to one node at a time: the original closes more than 4 of one source.
    pub connections_per_node: usize,
    /// How often a call that was closed unanswered is repeated.
    pub repeats_max: u32,
    /// The pauses before repeats.
    pub backoff: Backoff,
}

impl Default for NodeClientConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            send_timeout: Duration::from_secs(60),
            receive_timeout: Duration::from_secs(60),
            reply_bytes_max: 64 << 20,
            connections_per_node: 3,
            repeats_max: 5,
            backoff: Backoff {
                first: Duration::from_millis(500),
                most: Duration::from_secs(4),
            },
        }
    }
}

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
    /// When no answer came, or one that is none. [`NodeError::may_have_run`] says whether the node may
    /// have run the call all the same.
    pub async fn call(
        &self,
        at: &NodeLocation,
        call: &Call,
        signer: Option<&Signer>,
    ) -> Result<Reply, NodeError> {
        if at.is_behind_nat() {
            return Err(NodeError::BehindForwarder { at: at.clone() });
        }
        let mut signing = match (call.permission(), signer) {
            (Permission::Public, _) => None,
            (_, Some(signer)) => Some((signer, signer.turn(at, call).await)),
            (_, None) => {
                return Err(NodeError::SignerMissing { call: call.name() });
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
    pub async fn list_vessels(&self, at: &NodeLocation) -> Result<NodeInfo, NodeError> {
        let payload = self.payload(at, &Call::GetVessels {}, None).await?;
        NodeInfo::parse(&payload).map_err(|error| NodeError::malformed(at, error))
    }

    /// As [`NodeClient::list_vessels`], of a node known by its id.
    ///
    /// # Errors
    /// Also [`NodeError::OtherNode`] when another node answers at that location.
    pub async fn list_vessels_of(
        &self,
        at: &NodeLocation,
        node: &NodeId,
    ) -> Result<NodeInfo, NodeError> {
        let info = self.list_vessels(at).await?;
        if info.key == *node {
            return Ok(info);
        }
        Err(NodeError::OtherNode {
            at: at.clone(),
            expected: node.clone(),
            found: info.key,
        })
    }

    /// What a split of a vessel costs on this node.
    ///
    /// # Errors
    /// As [`NodeClient::call`], and when the answer is no resource file.
    pub async fn offcut_resources(&self, at: &NodeLocation) -> Result<ResourceFile, NodeError> {
        let payload = self.payload(at, &Call::GetOffcutResources {}, None).await?;
        ResourceFile::parse(&payload).map_err(|error| NodeError::malformed(at, error))
    }

    /// The payload of a success; everything else is an error.
    async fn payload(
        &self,
        at: &NodeLocation,
        call: &Call,
        signer: Option<&Signer>,
    ) -> Result<Bytes, NodeError> {
        let reply = self.unrefused(at, call, signer).await?;
        match reply.outcome {
            Outcome::Success => Ok(reply.payload),
            _ => Err(NodeError::refused(at, call.name(), &reply)),
        }
    }

    /// A success or a warning; a refusal is an error.
    async fn unrefused(
        &self,
        at: &NodeLocation,
        call: &Call,
        signer: Option<&Signer>,
    ) -> Result<Reply, NodeError> {
        let reply = self.call(at, call, signer).await?;
        match reply.outcome {
            Outcome::Error => Err(NodeError::refused(at, call.name(), &reply)),
            _ => Ok(reply),
        }
    }

    /// Connects, sends, receives, once. The place at the node is held no longer than that.
    async fn attempt(
        &self,
        at: &NodeLocation,
        call: &Call,
        signing: &mut Option<(&Signer, VesselTurn)>,
    ) -> Result<Reply, Fault> {
        let _place = self.slots.take(at).await;
        let data = call.encode();
        let request = match signing {
            None => data,
            Some((signer, turn)) => {
                let stamp = signer.stamp(turn).await.map_err(Fault::Clock)?;
                let keys = signer.keys().clone();
                // Big-number arithmetic for some milliseconds: not on a thread that serves sockets.
                tokio::task::spawn_blocking(move || sign(data, &keys, &stamp))
                    .await
                    .map_err(|_| Fault::Stopped)?
                    .map_err(Fault::Sign)?
            }
        };
        exchange::exchange(&self.config, at, request).await
    }

    fn is_repeated(&self, result: &Result<Reply, Fault>, attempt: u32) -> bool {
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
    let times = [Doubt::SameTime, Doubt::OutOfOrder];
    reply.outcome == Outcome::Error
        && text.is_some_and(|text| times.iter().any(|doubt| doubt.as_str().as_bytes() == text))
}

#[cfg(test)]
mod tests;
