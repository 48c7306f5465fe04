//! The listening socket of a node over its life: opened, closed while connections are to be refused, opened again.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use overlord_nodemanager::server::{NodeService, ServerOptions, serve};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// How long an address that is in use is tried again. A process that was just started by this one may hold
/// the last listening socket for a moment; another program that listens there stays longer.
const BIND_WAIT: Duration = Duration::from_secs(1);
/// Pause between two tries: nothing tells when an address becomes free.
const BIND_PAUSE: Duration = Duration::from_millis(10);

/// Opens a listening socket, also where one was closed a moment ago.
pub(crate) async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let give_up = Instant::now() + BIND_WAIT;
    loop {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < give_up => {
                sleep(BIND_PAUSE).await;
            }
            result => return result,
        }
    }
}

/// Serves until `stop` says so, with the socket closed whenever `refusing` says so.
pub(crate) async fn serve_until_stopped(
    listener: TcpListener,
    address: SocketAddr,
    service: Arc<dyn NodeService>,
    options: ServerOptions,
    mut refusing: watch::Receiver<bool>,
    mut stop: watch::Receiver<bool>,
) {
    let mut listener = Some(listener);
    loop {
        let open = match listener.take() {
            Some(open) => open,
            None => match listen(address).await {
                Ok(open) => open,
                Err(error) => {
                    tracing::error!(%address, %error, "the node cannot listen again");
                    return;
                }
            },
        };
        let until = {
            let (mut refusing, mut stop) = (refusing.clone(), stop.clone());
            async move {
                // Each waits for a value that stays; dropping one loses nothing. The senders live as
                // long as the node, and without a node there is nothing to serve.
                tokio::select! {
                    _ = refusing.wait_for(|&refusing| refusing) => {}
                    _ = stop.wait_for(|&stop| stop) => {}
                }
            }
        };
        serve(open, Arc::clone(&service), options.clone(), until).await;
        // As above.
        tokio::select! {
            _ = stop.wait_for(|&stop| stop) => return,
            _ = refusing.wait_for(|&refusing| !refusing) => {}
        }
        if *stop.borrow() {
            return;
        }
    }
}
