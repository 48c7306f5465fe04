//! Setting a client up: which server, which roots, which bounds.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use overlord_time::{Clock, Randomness, RuntimeClock, SeededRandomness};
use overlord_types::failure::InnermostCause;
use url::Url;

use super::{
    ANSWER_BYTES_MAX, CONNECT_TIMEOUT_DEFAULT, ClearinghouseClient, Inner, TIMEOUT_DEFAULT,
};
use crate::error::{BoxedSource, ClientSetupError};
use crate::retry::RetryPolicy;
use crate::tls;

/// Idle connections kept; calls are few and the original closes after each.
const IDLE_CONNECTIONS_MAX: usize = 2;

/// Makes a [`ClearinghouseClient`].
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    url: String,
    ca_file: Option<PathBuf>,
    danger_accept_invalid_certs: bool,
    danger_allow_plain_http: bool,
    timeout: Duration,
    connect_timeout: Duration,
    retry: RetryPolicy,
    answer_bytes_max: usize,
}

impl fmt::Debug for ClientBuilder {
    /// Without the URL: nobody has looked yet whether there is a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}

impl ClearinghouseClient {
    /// Starts making a client for the server at that URL, such as `https://host/xmlrpc/`. A URL without a
    /// path gets the original's.
    pub fn builder(url: &str) -> ClientBuilder {
        ClientBuilder::new(url)
    }
}

impl ClientBuilder {
    fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ca_file: None,
            danger_accept_invalid_certs: false,
            danger_allow_plain_http: false,
            timeout: TIMEOUT_DEFAULT,
            connect_timeout: CONNECT_TIMEOUT_DEFAULT,
            retry: RetryPolicy::default(),
            answer_bytes_max: ANSWER_BYTES_MAX,
        }
    }

    /// Trusts the roots in this PEM file in place of the system's.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// Trusts the roots in this PEM file, or the system's when there is none.
    pub fn ca_file_or_system(mut self, path: Option<PathBuf>) -> Self {
        self.ca_file = path;
        self
    }

    /// Talks to any server, without knowing whose it is. Anybody who listens in between gets the API key.
    pub fn danger_accept_invalid_certs(mut self, accept: bool) -> Self {
        self.danger_accept_invalid_certs = accept;
        self
    }

    /// Allows `http://`. The API key goes with every call; without TLS anybody on the way reads it. Not
    /// even loopback is an exception by itself, so that a mistyped URL never sends a key in the clear.
    pub fn danger_allow_plain_http(mut self, allow: bool) -> Self {
        self.danger_allow_plain_http = allow;
        self
    }

    /// How long a call may take in all, repetitions included.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long connecting may take; never longer than the whole call.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How calls that are safe to repeat are repeated.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Largest answer read, in bytes.
    pub fn answer_bytes_max(mut self, bytes: usize) -> Self {
        self.answer_bytes_max = bytes;
        self
    }

    /// Makes the client. Nothing is sent yet.
    ///
    /// Proxies are taken from the environment (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`), except for servers
    /// on this machine's loopback, which no proxy could reach.
    ///
    /// # Errors
    /// When the URL is none, is not https, or the roots cannot be read.
    pub fn build(self) -> Result<ClearinghouseClient, ClientSetupError> {
        let randomness = SeededRandomness::from_system()
            .map_err(|error| ClientSetupError::Library(InnermostCause::of(error)))?;
        self.build_with(Arc::new(RuntimeClock::new()), Arc::new(randomness))
    }

    /// The same with a clock and chance of the caller's.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn build_with(
        self,
        clock: Arc<dyn Clock>,
        randomness: Arc<dyn Randomness>,
    ) -> Result<ClearinghouseClient, ClientSetupError> {
        let url = server_url(&self.url, self.danger_allow_plain_http)?;
        let tls = tls::client_config(self.ca_file.as_deref(), self.danger_accept_invalid_certs)?;
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .user_agent(concat!("overlord/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.connect_timeout.min(self.timeout))
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            // A redirected POST would hand the API key to the server that the redirect names.
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(&url) {
            http = http.no_proxy();
        }
        let http = http
            .build()
            .map_err(|error| ClientSetupError::Library(InnermostCause::of(error)))?;
        let port = url.port_or_known_default().unwrap_or_default();
        let server = format!("{}:{port}", url.host_str().unwrap_or_default());
        Ok(ClearinghouseClient {
            inner: Arc::new(Inner {
                http,
                url,
                server,
                timeout: self.timeout,
                connect_timeout: self.connect_timeout.min(self.timeout),
                retry: self.retry,
                answer_bytes_max: self.answer_bytes_max,
                clock,
                randomness,
            }),
        })
    }
}

fn server_url(text: &str, danger_allow_plain_http: bool) -> Result<Url, ClientSetupError> {
    let refused = |shown: &str, problem: BoxedSource| ClientSetupError::Url {
        url: shown.to_owned(),
        source: problem,
    };
    // What is no https URL cannot be cleaned of a password: `user:secret@host` has the scheme `user`.
    let shown = if text.contains('@') { "…" } else { text };
    let mut url = Url::parse(text).map_err(|error| refused(shown, error.into()))?;
    if !url.username().is_empty() || url.password().is_some() {
        let problem = "user names and passwords do not belong in it";
        return Err(refused(url.host_str().unwrap_or_default(), problem.into()));
    }
    match url.scheme() {
        "https" => {}
        "http" if danger_allow_plain_http => {}
        "http" => return Err(ClientSetupError::PlainHttp { url: url.into() }),
        _ => return Err(refused(shown, "it does not start with https://".into())),
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(refused(shown, "it names no host".into()));
    }
    url.set_fragment(None);
    if url.path() == "/" {
        url.set_path(crate::server::PATH);
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
