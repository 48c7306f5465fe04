//! The server half: accepts connections, reads and authenticates requests, hands them to a node.
//!
//! What the calls do is left to the node daemon, behind [`NodeService`]. Unlike the original it answers
//! at once and serves connections side by side: a silent client blocks nobody.

mod authentication;
mod connection;
mod faults;
mod limits;
mod options;
mod service;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use authentication::Authenticator;
pub use faults::{FaultSettings, Faults, WrongReply};
pub use limits::ServerLimits;
pub use options::{ServedCount, ServerOptions};
pub use service::{NodeService, StoreError, VerifiedCall, VesselAccess};

use limits::Connections;

/// Pause after a failed accept, such as when no file descriptor is free: the next would fail as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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

#[cfg(test)]
mod tests;
