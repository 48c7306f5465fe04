//! HTTPS in front of the service: connections, requests, bounds, and the fault knobs. What a request means
//! is left to `overlord-clearinghouse` and `service`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method as Verb, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use overlord_clearinghouse::Method;
use overlord_clearinghouse::server::{self, Incoming, REQUEST_BYTES_MAX};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::faults::{ClearinghouseFaults, Misbehaviour};
use super::service::Service;
use super::switch::switched_on;

/// Connections served at once; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 1024;
/// Longest time for a TLS handshake: a client that does less is not there.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// Longest time for the head of a request, and longest time a connection is kept without one. Well above
/// the idle time of usual clients, so that they close first.
const HEAD_TIME_MAX: Duration = Duration::from_secs(300);
/// Longest time for the body of a request.
const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// Longest time for answers under way when the server stops.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);
/// Pause after an error of accepting, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Pause before listening is tried again.
const LISTEN_PAUSE: Duration = Duration::from_millis(500);
/// Longest a request hangs: a client of any patience has given up by then.
const HANG_TIME_MAX: Duration = Duration::from_secs(3600);

/// Everything a connection needs.
pub(crate) struct Web {
    pub(crate) service: Arc<Service>,
    pub(crate) faults: ClearinghouseFaults,
    pub(crate) tls: TlsAcceptor,
    /// Requests whose body was read so far.
    pub(crate) requests: Arc<AtomicU64>,
}

/// Serves until told to stop; then answers what is under way.
pub(crate) async fn run(web: Arc<Web>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let Ok(address) = listener.local_addr() else {
        return;
    };
    let told = stop.clone();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let mut down = web.faults.down();
    let mut listener = Some(listener);
    loop {
        let is_down = *down.borrow_and_update();
        if is_down {
            listener = None;
        } else if listener.is_none() {
            listener = listen_again(address).await;
        }
        // Every arm is cancel-safe: accept and waits keep nothing when dropped.
        tokio::select! {
            accepted = accept(&places, listener.as_ref(), is_down) => match accepted {
                Ok((stream, place)) => {
                    let (web, stop) = (Arc::clone(&web), told.clone());
                    connections.spawn(async move {
                        connection(web, stream, stop).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            _ = down.changed() => {}
            Some(_) = connections.join_next() => {}
            () = switched_on(&mut stop) => break,
        }
    }
    drop(listener);
    let drain = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_TIME_MAX, drain).await.is_err() {
        tracing::warn!("some requests were not answered before the clearinghouse stopped");
    }
    connections.shutdown().await;
}

/// Listens again at an address that was ours before.
async fn listen_again(address: SocketAddr) -> Option<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Some(listener),
        Err(error) => {
            tracing::error!(%address, %error, "the clearinghouse cannot listen and tries again");
            None
        }
    }
}

/// Waits for a place and then for a connection. Without a listener: for ever while down, else for a pause.
async fn accept(
    places: &Arc<Semaphore>,
    listener: Option<&TcpListener>,
    is_down: bool,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    match listener {
        Some(listener) => {
            let place = Arc::clone(places).acquire_owned().await;
            let place = place.map_err(io::Error::other)?;
            let (stream, _) = listener.accept().await?;
            Ok((stream, place))
        }
        None if is_down => std::future::pending().await,
        None => {
            tokio::time::sleep(LISTEN_PAUSE).await;
            Err(io::Error::other("nothing listens"))
        }
    }
}

/// Serves one connection until either side ends it, the clearinghouse goes down, or the server stops.
async fn connection(web: Arc<Web>, stream: TcpStream, mut stop: watch::Receiver<bool>) {
    let mut down = web.faults.down();
    let served = async {
        // Small answers must not wait for the client's acknowledgement.
        let _ = stream.set_nodelay(true);
        tokio::time::sleep(web.faults.latency()).await;
        let handshake = tokio::time::timeout(HANDSHAKE_TIME_MAX, web.tls.accept(stream)).await;
        let stream = match handshake {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a TLS handshake failed");
                return;
            }
            Err(_) => return,
        };
        let handler = |request| respond(Arc::clone(&web), request);
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME_MAX);
        let connection = http.serve_connection(TokioIo::new(stream), service_fn(handler));
        tokio::pin!(connection);
        // Both arms are cancel-safe: the connection is pinned outside and goes on after the first round.
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = switched_on(&mut stop) => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    };
    // Dropping the connection is what going down means.
    tokio::select! {
        () = served => {}
        () = switched_on(&mut down) => {}
    }
}

/// Makes hyper close the connection without an answer.
#[derive(Debug)]
struct NoAnswer;

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is closed without an answer, as a fault knob says")
    }
}

impl std::error::Error for NoAnswer {}

async fn respond(
    web: Arc<Web>,
    request: Request<hyper::body::Incoming>,
) -> Result<Response<Body>, NoAnswer> {
    let path = request.uri().path();
    if path != server::PATH && path != server::PATH.trim_end_matches('/') {
        return Ok(page(StatusCode::NOT_FOUND, "Not Found".to_owned()));
    }
    tokio::time::sleep(web.faults.latency()).await;
    if request.method() != Verb::POST {
        return Ok(page(StatusCode::OK, server::INFO_PAGE.to_owned()));
    }
    let body = to_bytes(Body::new(request.into_body()), REQUEST_BYTES_MAX);
    let body = match tokio::time::timeout(BODY_TIME_MAX, body).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a request was cut short or is too large");
            return Ok(page(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Payload Too Large".to_owned(),
            ));
        }
        Err(_) => {
            return Ok(page(
                StatusCode::REQUEST_TIMEOUT,
                "Request Timeout".to_owned(),
            ));
        }
    };
    web.requests.fetch_add(1, Ordering::Relaxed);
    let incoming = server::parse(&body);
    let misbehaviour = web.faults.take(incoming.as_ref().ok().and_then(method));
    match &misbehaviour {
        Some(Misbehaviour::Hang) => {
            tokio::time::sleep(HANG_TIME_MAX).await;
            return Err(NoAnswer);
        }
        Some(Misbehaviour::LoseRequest) => return Err(NoAnswer),
        Some(Misbehaviour::Fault(fault)) => return Ok(page(StatusCode::OK, fault.to_xml())),
        Some(Misbehaviour::Status(status)) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY);
            return Ok(page(status, format!("<html><body>{status}</body></html>")));
        }
        _ => {}
    }
    let answer = match incoming {
        Ok(incoming) => web.service.answer(incoming).await,
        Err(fault) => Err(fault),
    };
    let body = match answer {
        Ok(response) => response.to_xml(),
        Err(fault) => fault.to_xml(),
    };
    match misbehaviour {
        Some(Misbehaviour::LoseAnswer) => Err(NoAnswer),
        Some(Misbehaviour::Garbage) => Ok(page(
            StatusCode::OK,
            "<html>this is no answer</html".to_owned(),
        )),
        Some(Misbehaviour::Late(delay)) => {
            tokio::time::sleep(delay).await;
            Ok(page(StatusCode::OK, body))
        }
        _ => Ok(page(StatusCode::OK, body)),
    }
}

/// Which of the ten calls a request is.
fn method(incoming: &Incoming) -> Option<Method> {
    match incoming {
        Incoming::EncryptedApiKey { .. } => Some(Method::GetEncryptedApiKey),
        Incoming::WithApiKey { call, .. } => call.as_ref().ok().map(|call| call.method()),
        Incoming::WithPassword { call, .. } => call.as_ref().ok().map(|call| call.method()),
    }
}

/// An answer with the content type that the original gives every answer.
fn page(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(server::CONTENT_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
