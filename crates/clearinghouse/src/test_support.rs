//! What the tests share: the recordings, a certificate authority, and a loopback HTTPS server that answers
//! as it is told.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, crypto::ring};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{ApiKey, ClearinghouseClient, ClientBuilder, Credentials};

/// One recorded call.
#[derive(Deserialize)]
pub(crate) struct Recorded {
    pub(crate) name: String,
    pub(crate) http: Vec<Exchange>,
}

/// One recorded request with its answer.
#[derive(Deserialize)]
pub(crate) struct Exchange {
    request: String,
    response_head: String,
    response_body: String,
}

impl Exchange {
    pub(crate) fn request_head(&self) -> &str {
        self.request.split_once("\r\n\r\n").unwrap().0
    }

    pub(crate) fn request_body(&self) -> Vec<u8> {
        raw(self.request.split_once("\r\n\r\n").unwrap().1)
    }

    pub(crate) fn response_head(&self) -> &str {
        &self.response_head
    }

    pub(crate) fn response_body(&self) -> Vec<u8> {
        raw(&self.response_body)
    }

    pub(crate) fn is_post(&self) -> bool {
        self.request.starts_with("POST ")
    }

    /// Whether the original's own client made the request, not a hand-made test.
    pub(crate) fn is_of_the_originals_client(&self) -> bool {
        self.request_head().contains("xmlrpclib.py")
    }
}

/// The recordings are JSON texts with one character for each byte.
fn raw(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect()
}

/// Every recorded call of both files, with the file's name.
pub(crate) fn recordings() -> Vec<(&'static str, Recorded)> {
    #[derive(Deserialize)]
    struct File {
        calls: Vec<Recorded>,
    }
    let directory = std::env::var_os("OVERLORD_VECTORS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors")),
        PathBuf::from,
    );
    let mut all = Vec::new();
    for file in ["xmlrpc_main.json", "xmlrpc_backend_down.json"] {
        let path = directory.join(file);
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let calls = serde_json::from_slice::<File>(&bytes).unwrap().calls;
        assert!(!calls.is_empty(), "no calls in {file}");
        all.extend(calls.into_iter().map(|call| (file, call)));
    }
    all
}

/// Every recorded request with its answer, and a name for messages.
pub(crate) fn exchanges() -> Vec<(String, Exchange)> {
    recordings()
        .into_iter()
        .flat_map(|(file, call)| {
            let name = format!("{file}: {}", call.name);
            call.http
                .into_iter()
                .map(move |exchange| (name.clone(), exchange))
        })
        .collect()
}

/// A certificate authority made on the spot, with its PEM file.
pub(crate) struct Authority {
    params: CertificateParams,
    key: KeyPair,
    folder: tempfile::TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("Test authority")
    }

    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        Self {
            params,
            key,
            folder,
        }
    }

    pub(crate) fn pem_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A server's TLS with a certificate of this authority, for these hosts and years.
    pub(crate) fn server(&self, hosts: &[&str], years: (i32, i32)) -> Arc<ServerConfig> {
        let (params, key) = leaf(hosts, years);
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        server_config(certificate.der().clone(), &key)
    }

    /// A server that shows the authority's own certificate as its own.
    pub(crate) fn server_showing_itself(&self) -> Arc<ServerConfig> {
        let certificate = self.params.self_signed(&self.key).unwrap();
        server_config(certificate.der().clone(), &self.key)
    }
}

/// A server's TLS with a certificate that signs itself.
pub(crate) fn self_signed_server(hosts: &[&str]) -> Arc<ServerConfig> {
    let (params, key) = leaf(hosts, VALID);
    let certificate = params.self_signed(&key).unwrap();
    server_config(certificate.der().clone(), &key)
}

/// Years around any day on which these tests run.
pub(crate) const VALID: (i32, i32) = (2000, 2500);

fn leaf(hosts: &[&str], years: (i32, i32)) -> (CertificateParams, KeyPair) {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    (params, KeyPair::generate().unwrap())
}

fn server_config(certificate: CertificateDer<'static>, key: &KeyPair) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Arc::new(config)
}

/// What the server does with a request.
pub(crate) enum Answer {
    /// Sends this head and body, then closes.
    Http(String, Vec<u8>),
    /// Closes without an answer.
    Close,
    /// Keeps the connection and never answers.
    Hang,
}

impl Answer {
    /// An XML-RPC answer in the original's HTTP.
    pub(crate) fn xml(body: impl Into<Vec<u8>>) -> Self {
        let head = "HTTP/1.0 200 OK\r\nContent-Type: text/html; charset=utf-8";
        Self::Http(head.to_owned(), body.into())
    }

    pub(crate) fn status(status: &str, body: &str) -> Self {
        Self::Http(format!("HTTP/1.0 {status}"), body.into())
    }
}

/// A request as the server got it.
pub(crate) struct Heard {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// A loopback server; it gives its answers in order and hangs when there are none left.
pub(crate) struct Server {
    pub(crate) port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(tls: Option<Arc<ServerConfig>>, answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            let mut answers = VecDeque::from(answers);
            let mut kept = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                let stream: Box<dyn Stream> = match &tls {
                    Some(tls) => match TlsAcceptor::from(Arc::clone(tls)).accept(stream).await {
                        Ok(stream) => Box::new(stream),
                        Err(_) => continue,
                    },
                    None => Box::new(stream),
                };
                if let Some(kept_open) = answer(stream, &mut answers, &log).await {
                    kept.push(kept_open);
                }
            }
        });
        Self { port, heard, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}/xmlrpc/", self.port)
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn answer(
    mut stream: Box<dyn Stream>,
    answers: &mut VecDeque<Answer>,
    log: &Mutex<Vec<Heard>>,
) -> Option<Box<dyn Stream>> {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8(bytes.drain(..end + 4).collect()).unwrap();
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_lowercase()
                        .strip_prefix("content-length: ")?
                        .parse()
                        .ok()
                })
                .unwrap_or(0);
            break (head, length);
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return None;
        }
    };
    while bytes.len() < length {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return None;
        }
    }
    log.lock().unwrap().push(Heard { head, body: bytes });
    match answers.pop_front() {
        Some(Answer::Http(head, body)) => {
            let length = body.len();
            let head = format!("{head}\r\nContent-length: {length}\r\n\r\n");
            // The client may have hung up on a body that is too long.
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&body).await;
            let _ = stream.shutdown().await;
            None
        }
        Some(Answer::Close) => None,
        Some(Answer::Hang) | None => Some(stream),
    }
}

/// A client for that server, with those roots.
pub(crate) fn client_for(url: &str, ca_file: &Path) -> ClientBuilder {
    ClearinghouseClient::builder(url).ca_file(ca_file)
}

/// Somebody's credentials.
pub(crate) fn credentials() -> Credentials {
    Credentials {
        user: "alice".parse().unwrap(),
        api_key: ApiKey::new("YWBMCT7FL4EP931XGV8D2K5JSURIZ60N").unwrap(),
    }
}
