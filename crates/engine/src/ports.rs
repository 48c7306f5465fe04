//! The whole outside world as five traits. Their real adapters live in the facade, their model in the tests.
//!
//! Every call may hang: the engine drops the future at the deadline of the policy, so an adapter must be
//! safe to drop at any await. What a drop (or a crash of the process) leaves behind is said with each call.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use overlord_time::{Clock, Randomness};
use overlord_types::{
    FileName, Handle, NodeId, NodeLocation, Platform, ProgramArguments, UserName, UserPort,
    VesselName, VesselStatus, VesselType,
};
use serde::{Deserialize, Serialize};

use crate::error::{ClearinghouseError, JournalError, NodeError};
use crate::journal::{JournalReplay, RecordBatch};
use crate::provenance::DeploymentName;

/// What the clearinghouse says of our account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSummary {
    /// Its user.
    pub user_name: UserName,
    /// The port that it may use on each of its vessels.
    pub user_port: UserPort,
    /// How many vessels it may hold.
    pub max_vessels: u32,
}

/// A vessel that our account holds, as the clearinghouse tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldVessel {
    /// Its name.
    pub handle: Handle,
    /// Where its node was last heard of.
    pub location: NodeLocation,
    /// How long the lease still runs, counted from the answer.
    pub expires_in: Duration,
    /// Whether the clearinghouse itself can reach the node. Told, not trusted.
    pub is_active: bool,
}

/// The clearinghouse, spoken to in the name of our account.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Clearinghouse: Send + Sync {
    /// Reads the account. Changes nothing.
    async fn account(&self) -> Result<AccountSummary, ClearinghouseError>;

    /// Reads what the account holds now, vessels of other deployments included. Changes nothing.
    async fn held(&self) -> Result<Vec<HeldVessel>, ClearinghouseError>;

    /// Asks for so many vessels, all or nothing. Dropped or lost on the way, they may be ours or not:
    /// [`Clearinghouse::held`] tells. Must not repeat a call that may have been carried out.
    async fn acquire(
        &self,
        kind: VesselType,
        count: u32,
    ) -> Result<Vec<HeldVessel>, ClearinghouseError>;

    /// Asks for these vessels; fewer may come. Otherwise as [`Clearinghouse::acquire`].
    async fn acquire_specific(
        &self,
        handles: &[Handle],
    ) -> Result<Vec<HeldVessel>, ClearinghouseError>;

    /// Gives vessels back. May be repeated; vessels that are not ours are passed over. May be carried
    /// out in part when it fails. Never called with an empty list.
    async fn release(&self, handles: &[Handle]) -> Result<(), ClearinghouseError>;

    /// Renews leases. As [`Clearinghouse::release`] in all else. The new end is the one that
    /// [`Clearinghouse::held`] tells afterwards.
    async fn renew(&self, handles: &[Handle]) -> Result<(), ClearinghouseError>;
}

/// A vessel and where its node is reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VesselAddress {
    /// The vessel.
    pub handle: Handle,
    /// Its node's address.
    pub location: NodeLocation,
}

impl fmt::Display for VesselAddress {
    /// Enough for a reader of a log: `host:port v3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.location, self.handle.vessel)
    }
}

/// A file to be put on vessels. Cheap to clone: all vessels are sent the same bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct ProgramFile {
    /// Its name on the vessel.
    pub name: FileName,
    /// Its bytes.
    pub contents: Bytes,
}

impl fmt::Debug for ProgramFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ProgramFile({}, {} bytes)",
            self.name,
            self.contents.len()
        )
    }
}

/// What to start on a vessel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartCommand {
    /// What runs the program.
    pub platform: Platform,
    /// The program's name on the vessel.
    pub program: FileName,
    /// Its arguments.
    pub arguments: ProgramArguments,
}

/// What a node says to a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartOutcome {
    /// The program runs.
    Started,
    /// The program was started and has ended already.
    Ended(VesselStatus),
    /// "Did not start in a timely manner": it may run soon. No failure; look again.
    NotYet,
}

/// One vessel as its node tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VesselObservation {
    /// What the program does.
    pub status: VesselStatus,
    /// Whether our key is among the vessel's users (or its owner): if not, the vessel is another's by now.
    pub is_ours: bool,
}

/// The node managers, spoken to with our key. At most three connections to one address are asked
/// for at a time by the planner; hooks may ask for more, so adapters keep their own bound.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait NodeManagers: Send + Sync {
    /// Asks a node once for all of its vessels. An answer under another node key than `node` is
    /// [`NodeError::Misbehaved`]. Changes nothing.
    async fn vessels(
        &self,
        node: &NodeId,
        location: &NodeLocation,
    ) -> Result<BTreeMap<VesselName, VesselObservation>, NodeError>;

    /// Puts a file on a vessel, over an older one of its name. `Ok` only if it arrived whole; dropped, it
    /// may be there, whole or in part, and is to be sent again.
    async fn upload(&self, vessel: &VesselAddress, file: &ProgramFile) -> Result<(), NodeError>;

    /// Starts a program that was uploaded. Dropped, it may run: the vessel's status tells.
    async fn start(
        &self,
        vessel: &VesselAddress,
        command: &StartCommand,
    ) -> Result<StartOutcome, NodeError>;

    /// Stops the program. A vessel on which none runs is no error. May be repeated.
    async fn stop(&self, vessel: &VesselAddress) -> Result<(), NodeError>;

    /// Stops the program and wipes the vessel's files and log. May be repeated.
    async fn reset(&self, vessel: &VesselAddress) -> Result<(), NodeError>;

    /// Reads the last 16 KiB that the program printed. Changes nothing.
    async fn read_log(&self, vessel: &VesselAddress) -> Result<Vec<u8>, NodeError>;
}

/// Where intents and outcomes are kept, so that a crash loses no vessel. The meaning of the records is
/// [`crate::journal`]'s; one store may serve several deployments at once.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Journal: Send + Sync {
    /// Begins the next generation of a deployment, and gives what is known of it from those before. From then on, what
    /// an older generation appends is refused.
    async fn open(&self, deployment: &DeploymentName) -> Result<JournalReplay, JournalError>;

    /// Appends a batch, durably if the store is: it is stored when this returns `Ok`, and before anything appended later.
    ///
    /// A crash before it returns leaves the whole batch stored, or nothing of it. [`JournalError::Stale`] if a later
    /// generation was begun.
    async fn append(&self, batch: &RecordBatch) -> Result<(), JournalError>;
}

/// The world, put together.
#[derive(Clone)]
pub struct Ports {
    /// The clearinghouse.
    pub clearinghouse: Arc<dyn Clearinghouse>,
    /// The nodes.
    pub nodes: Arc<dyn NodeManagers>,
    /// The journal.
    pub journal: Arc<dyn Journal>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub randomness: Arc<dyn Randomness>,
}
