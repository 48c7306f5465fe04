//! What the server half needs of a node: who may use a vessel, a memory of what it accepted, and the calls themselves.

use std::net::SocketAddr;

use async_trait::async_trait;
use overlord_keys::PublicKey;
use overlord_types::{NodeId, VesselName};

use crate::call::NodeCall;
use crate::reply::Reply;
use crate::verification::LastAccepted;

/// A call that its signer may make. What its arguments mean is the node's to decide.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedCall {
    /// The call.
    pub call: NodeCall,
    /// The vessel it is about, as the call names it. Existed when it was authenticated; a public
    /// call's may not exist.
    pub vessel: Option<VesselName>,
    /// Who signed it; `None` for public calls.
    pub signer: Option<PublicKey>,
    /// Where it came from.
    pub source: SocketAddr,
}

/// What could not be stored, and why: the call is not run, and its answer is `Internal Error`.
pub type StoreError = Box<dyn std::error::Error + Send + Sync>;

/// Who may use a vessel, and what it last accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct VesselAccess {
    /// May make every call.
    pub owner: PublicKey,
    /// May make the calls that use a vessel.
    pub users: Vec<PublicKey>,
    /// What the vessel last accepted; a new vessel has accepted nothing. A vessel made by a split or
    /// join has what the one had that it was made of.
    pub last_accepted: Option<LastAccepted>,
}

/// A node, as the server half needs it. The look-ups are called on threads that may block.
#[async_trait]
pub trait NodeService: Send + Sync + 'static {
    /// The node's id: its public key, which requests name as their destination.
    fn node_id(&self) -> NodeId;

    /// Who may use a vessel; `None` when the node has no such vessel.
    fn vessel_access(&self, vessel: &VesselName) -> Option<VesselAccess>;

    /// Stores durably what the vessel has accepted, before the call runs and however that ends:
    /// otherwise a restart would let the request be replayed. Called for one request at a time.
    ///
    /// # Errors
    /// When it could not be stored; the call is then not run.
    fn store_accepted(
        &self,
        vessel: &VesselName,
        accepted: &LastAccepted,
    ) -> Result<(), StoreError>;

    /// Runs a call whose signer may make it. Calls run side by side, those for one vessel as well: each
    /// vessel's state is the node's to guard. A panic answers `Internal Error` to this call only.
    async fn handle(&self, call: VerifiedCall) -> Reply;
}
