//! The server half: accepts connections, reads and authenticates requests, hands them to a node.
//!
//! What the calls do is left to the node daemon, behind [`NodeService`]. Unlike the original it answers
//! at once and serves connections side by side: a silent client blocks nobody.

mod authentication;
mod connection;
mod faults;
mod limits;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use overlord_keys::PublicKey;
use overlord_time::{SystemClock, WallClock};
use overlord_types::{NodeId, VesselName};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use authentication::{Authenticator, VerifiedCall};
pub use faults::{FaultSettings, Faults, WrongReply};
pub use limits::ServerLimits;

use crate::reply::Reply;
use crate::verification::LastAccepted;
use limits::Connections;

/// Pause after a failed accept, such as when no file descriptor is free: the next would fail as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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

    /// Stores durably what the vessel has accepted, before the call runs and whatever becomes of it:
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

/// How a server serves.
#[derive(Clone)]
pub struct ServerOptions {
    /// The time by which requests expire.
    pub clock: Arc<dyn WallClock>,
    /// Bounds on connections, sizes and times.
    pub limits: ServerLimits,
    /// What goes wrong on purpose; a handle to change it while serving.
    pub faults: Faults,
    /// Counts what is served; a handle to read it while serving.
    pub served: ServedCount,
}

/// How many connections a server has taken, each of which carries one request at most. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct ServedCount(Arc<AtomicU64>);

impl ServedCount {
    /// The connections taken so far; those closed at once for being too many are not among them.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            limits: ServerLimits::default(),
            faults: Faults::default(),
            served: ServedCount::default(),
        }
    }
}

/// Serves `service` on `listener` until `shutdown` is ready; then no more connections are accepted,
/// and those open have [`ServerLimits::shutdown_grace`] to finish.
pub async fn serve(
    listener: TcpListener,
    service: Arc<dyn NodeService>,
    options: ServerOptions,
    shutdown: impl Future<Output = ()> + Send,
) {
    let grace = options.limits.shutdown_grace;
    let connections = Connections::new(options.limits.clone());
    let server = Arc::new(connection::Server {
        authenticator: Authenticator::new(Arc::clone(&service), Arc::clone(&options.clock)),
        service,
        budget: limits::request_budget(&options.limits),
        options,
    });
    let mut tasks = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        // Each arm may be dropped at any await: accept and join_next lose nothing by it.
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, source)) => match connections.admit(source.ip()) {
                    Some(place) => {
                        let server = Arc::clone(&server);
                        server.options.served.count();
                        tasks.spawn(async move {
                            server.serve_connection(stream, source).await;
                            drop(place);
                        });
                    }
                    None => {
                        tracing::debug!(%source, "closed unanswered: too many connections");
                        drop(stream);
                    }
                },
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let finish = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, finish).await.is_err() {
        tracing::debug!("connections still open at the end of the grace are cut");
    }
}

/// Where a request came from, for logs.
pub(crate) type Source = SocketAddr;

#[cfg(test)]
mod tests;
