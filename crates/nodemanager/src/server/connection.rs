//! One connection: a request is read, answered, and the connection closed.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::authentication::Authenticator;
use super::faults::bytes_to_send;
use super::limits::BUDGET_UNIT;
use super::options::ServerOptions;
use super::service::NodeService;
use crate::framing::MessageDecoder;
use crate::parts::MessageParts;
use crate::reply::Reply;

/// Bytes read or written at once.
const PIECE_BYTES: usize = 64 * 1024;
/// Most bytes read and dropped from a client that keeps sending after its answer.
const LINGER_BYTES_MAX: usize = 4 << 20;

/// What all connections of a server share.
pub(super) struct Server {
    pub(super) service: Arc<dyn NodeService>,
    pub(super) authenticator: Authenticator,
    pub(super) budget: Arc<Semaphore>,
    pub(super) options: ServerOptions,
}

impl Server {
    /// Serves one connection to its end. Its faults are its own: nothing escapes to the others.
    pub(super) async fn serve_connection(
        self: Arc<Self>,
        mut stream: TcpStream,
        source: SocketAddr,
    ) {
        // One answer, written at once: nothing to gather.
        let _ = stream.set_nodelay(true);
        let faults = &self.options.faults;
        if faults.current().refuse {
            return;
        }
        if faults.current().silent {
            self.stay_silent(&mut stream).await;
            return;
        }
        match self.receive(&mut stream).await {
            Ok((request, _held)) => {
                let reply = Arc::clone(&self).answer(request, source).await;
                let settings = faults.current();
                if !settings.latency.is_zero() {
                    tokio::time::sleep(settings.latency).await;
                }
                if settings.silent {
                    self.stay_silent(&mut stream).await;
                }
                if let Some(bytes) = bytes_to_send(&reply, settings.wrong_reply.as_ref()) {
                    self.send(&mut stream, bytes, source).await;
                }
            }
            Err(why) => tracing::debug!(%source, why, "closed unanswered"),
        }
        self.close(stream).await;
    }

    /// Reads the request, within its bounds of time and size.
    async fn receive(&self, stream: &mut TcpStream) -> Result<(Bytes, Budget), String> {
        let limits = &self.options.limits;
        let mut decoder = MessageDecoder::new(limits.request_bytes_max);
        let mut held = Budget::new(Arc::clone(&self.budget));
        let read = async {
            let mut piece = vec![0; PIECE_BYTES];
            loop {
                let count = timeout(limits.receive_timeout, stream.read(&mut piece))
                    .await
                    .map_err(|_| format!("silent for {:?}", limits.receive_timeout))?
                    .map_err(|error| error.to_string())?;
                let received = piece.get(..count).unwrap_or_default();
                if received.is_empty() {
                    return Err(decoder.ended().to_string());
                }
                match decoder.receive(received) {
                    Ok(Some(message)) => return Ok(message),
                    Ok(None) if held.cover(decoder.received()) => {}
                    Ok(None) => return Err("too many bytes of requests at once".to_owned()),
                    Err(error) => return Err(error.to_string()),
                }
            }
        };
        let request = timeout(limits.request_timeout, read)
            .await
            .map_err(|_| format!("no request within {:?}", limits.request_timeout))??;
        Ok((request, held))
    }

    /// Authenticates and runs a request. A panic of the node's is this call's alone.
    async fn answer(self: Arc<Self>, request: Bytes, source: SocketAddr) -> Reply {
        let server = Arc::clone(&self);
        let authenticated =
            tokio::task::spawn_blocking(move || server.authenticator.authenticate(request, source));
        let call = match authenticated.await {
            Ok(Ok(call)) => call,
            Ok(Err(refusal)) => return refusal,
            Err(_) => return Reply::internal_error(),
        };
        let name = call.call.name();
        // A task of its own, so that a client that goes away does not stop a call half way.
        let running = tokio::spawn(async move { self.service.handle(call).await });
        running.await.unwrap_or_else(|error| {
            tracing::error!(call = name, %error, "a call failed");
            Reply::internal_error()
        })
    }

    async fn send(&self, stream: &mut TcpStream, mut answer: MessageParts, source: SocketAddr) {
        while answer.has_remaining() {
            let mut piece = (&mut answer).take(PIECE_BYTES);
            let sent = stream.write_all_buf(&mut piece);
            let sent = timeout(self.options.limits.send_timeout, sent).await;
            if !matches!(sent, Ok(Ok(()))) {
                tracing::debug!(%source, "the answer was not taken");
                return;
            }
        }
    }

    /// Closes the sending half, then reads what the client still sends: were anything left unread, the
    /// system would cut the connection and the answer could be lost on its way.
    async fn close(&self, mut stream: TcpStream) {
        // Not connected any more is as good as closed.
        let _ = stream.shutdown().await;
        let drain = async {
            let mut piece = vec![0; PIECE_BYTES];
            let mut left = LINGER_BYTES_MAX;
            while let Ok(count @ 1..) = stream.read(&mut piece).await {
                left = left.saturating_sub(count);
                if left == 0 {
                    break;
                }
            }
        };
        let _ = timeout(self.options.limits.linger, drain).await;
    }

    /// Waits until the knob is turned back or the client goes away; what it sends is dropped.
    async fn stay_silent(&self, stream: &mut TcpStream) {
        let gone = async {
            let mut piece = vec![0; PIECE_BYTES];
            while let Ok(1..) = stream.read(&mut piece).await {}
        };
        tokio::select! {
            () = self.options.faults.silence_is_over() => {}
            () = gone => {}
        }
    }
}

/// The part of the request budget that one request holds.
struct Budget {
    all: Arc<Semaphore>,
    held: Vec<OwnedSemaphorePermit>,
    units: usize,
}

impl Budget {
    fn new(all: Arc<Semaphore>) -> Self {
        Self {
            all,
            held: Vec::new(),
            units: 0,
        }
    }

    /// Takes what is missing to cover `bytes`; false when it is not to be had.
    fn cover(&mut self, bytes: usize) -> bool {
        let missing = bytes.div_ceil(BUDGET_UNIT).saturating_sub(self.units);
        let Ok(permits) = u32::try_from(missing) else {
            return false;
        };
        if permits == 0 {
            return true;
        }
        let Ok(taken) = Arc::clone(&self.all).try_acquire_many_owned(permits) else {
            return false;
        };
        self.units += missing;
        match self.held.first_mut() {
            Some(held) => held.merge(taken),
            None => self.held.push(taken),
        }
        true
    }
}
