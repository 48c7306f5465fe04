//! The client: the ten calls over HTTPS, each under a deadline, with a bounded answer.
//!
//! Only here are sockets. What is sent and read is made in `request` and `response`; who is trusted is
//! decided in `tls`; what is done about a failure is decided by the caller, except that calls safe to repeat
//! are repeated a few times within their deadline.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dxr::Value;
use overlord_types::{Handle, UserName, VesselType};
use tokio::time::Instant;
use url::Url;

use crate::api::{AccountInfo, Method, VesselRecord};
use crate::error::{ApiKeyError, ClearinghouseError, ClientSetupError, RetryClass, TransportError};
use crate::request::{Call, PasswordCall, Request};
use crate::response;
use crate::retry::{Pacer, RetryPolicy, RuntimePacer};
use crate::secret::{ApiKey, Credentials, Password};
use crate::tls;
use crate::xml;

/// How long a call may take in all, repetitions included. The original took up to 15 s to renew.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);
/// How long connecting may take, TLS included; a server that does not take a connection in this time is away.
pub const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
/// Largest answer read, in bytes: a list of some 12,000 vessels.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most handles sent in one call; longer lists are sent in parts. Keeps a request below 1 MiB.
pub const HANDLES_PER_CALL_MAX: usize = 1000;
/// Idle connections kept; calls are few and the original closes after each.
const IDLE_CONNECTIONS_MAX: usize = 2;
/// How much of an unexpected answer an error message shows, in characters.
const EXCERPT_LENGTH: usize = 200;

/// Makes a [`ClearinghouseClient`].
#[derive(Debug, Clone)]
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

impl ClientBuilder {
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

    /// Talks to any server, whoever it is. Whoever listens in between gets the API key.
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
        self.build_with(Arc::new(RuntimePacer))
    }

    /// The same with a clock and chance of the caller's.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn build_with(
        self,
        pacer: Arc<dyn Pacer>,
    ) -> Result<ClearinghouseClient, ClientSetupError> {
        let url = server_url(&self.url, self.danger_allow_plain_http)?;
        let tls = tls::client_config(self.ca_file.as_deref(), self.danger_accept_invalid_certs)?;
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .user_agent(concat!("overlord/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.connect_timeout.min(self.timeout))
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            // A redirected POST would hand the API key to whoever the redirect names.
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(&url) {
            http = http.no_proxy();
        }
        let http = http
            .build()
            .map_err(|error| ClientSetupError::Library(root_cause(&error)))?;
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
                pacer,
            }),
        })
    }
}

/// A clearinghouse, asked by nobody in particular. Cheap to clone.
#[derive(Clone)]
pub struct ClearinghouseClient {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    url: Url,
    server: String,
    timeout: Duration,
    connect_timeout: Duration,
    retry: RetryPolicy,
    answer_bytes_max: usize,
    pacer: Arc<dyn Pacer>,
}

impl std::fmt::Debug for ClearinghouseClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClearinghouseClient({})", self.inner.url)
    }
}

impl ClearinghouseClient {
    /// Starts making a client for the server at that URL, such as `https://host/xmlrpc/`. A URL without a
    /// path gets the original's.
    pub fn builder(url: &str) -> ClientBuilder {
        ClientBuilder {
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

    /// The server's address in full.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.inner.url
    }

    /// The same clearinghouse, asked in the name of an account. Nothing is sent yet.
    #[must_use]
    pub fn with(&self, credentials: Credentials) -> ClearinghouseAccount {
        ClearinghouseAccount {
            client: self.clone(),
            credentials: Arc::new(credentials),
        }
    }

    /// `get_encrypted_api_key`: the account's API key, encrypted with its public key.
    ///
    /// # Errors
    /// When the call fails; fault 102 when there is no such account.
    pub async fn encrypted_api_key(&self, user: &UserName) -> Result<String, ClearinghouseError> {
        let request = Request::EncryptedApiKey {
            user: user.as_str().to_owned(),
        };
        self.call(&request, response::read_text).await
    }

    /// The account's API key, decrypted by the caller's private key.
    ///
    /// # Errors
    /// When the call fails, or the key does not fit the account.
    pub async fn fetch_api_key<E: std::error::Error + 'static>(
        &self,
        user: &UserName,
        decrypt: impl FnOnce(&str) -> Result<Vec<u8>, E>,
    ) -> Result<ApiKey, ApiKeyError<E>> {
        let encrypted = self
            .encrypted_api_key(user)
            .await
            .map_err(ApiKeyError::Call)?;
        let plain = decrypt(&encrypted).map_err(|source| ApiKeyError::Decrypt {
            user: user.as_str().to_owned(),
            source,
        })?;
        let plain = zeroize::Zeroizing::new(plain);
        ApiKey::from_decrypted(&plain).map_err(|source| ApiKeyError::Format {
            user: user.as_str().to_owned(),
            source,
        })
    }

    /// `regenerate_api_key`: a new API key for the account; the old one ends.
    ///
    /// # Errors
    /// When the call fails; fault 101 when name or password is wrong.
    pub async fn regenerate_api_key(
        &self,
        user: &UserName,
        password: &Password,
    ) -> Result<ApiKey, ClearinghouseError> {
        let request = Request::WithPassword {
            user: user.as_str().to_owned(),
            password: password.clone(),
            call: PasswordCall::RegenerateApiKey,
        };
        self.call(&request, |value| {
            let text = zeroize::Zeroizing::new(response::read_text(value)?);
            ApiKey::new(&text).map_err(|error| error.to_string())
        })
        .await
    }

    /// `set_public_key`: another public key for the account, as a key string.
    ///
    /// # Errors
    /// When the call fails; fault 101 when name or password is wrong, 102 when it is no key.
    pub async fn set_public_key(
        &self,
        user: &UserName,
        password: &Password,
        key: &str,
    ) -> Result<(), ClearinghouseError> {
        let request = Request::WithPassword {
            user: user.as_str().to_owned(),
            password: password.clone(),
            call: PasswordCall::SetPublicKey(key.to_owned()),
        };
        self.call(&request, |value| response::read_done(&value))
            .await
    }

    /// Makes a call, repeating it if that is safe and time is left.
    pub(crate) async fn call<T>(
        &self,
        request: &Request,
        read: impl Fn(Value) -> Result<T, String>,
    ) -> Result<T, ClearinghouseError> {
        let method = request.method();
        let body = request.to_xml();
        let deadline = Instant::now() + self.inner.timeout;
        let mut failed = 0;
        loop {
            let attempt = tokio::time::timeout_at(deadline, self.attempt(method, body.clone()));
            let error = match attempt.await {
                Ok(Ok(value)) => {
                    return read(value).map_err(|problem| self.malformed(method, problem));
                }
                Ok(Err(error)) => error,
                Err(_) => self.transport(
                    method,
                    TransportError::Timeout {
                        after: self.inner.timeout,
                    },
                ),
            };
            failed += 1;
            if !may_repeat(method, &error) {
                return Err(error);
            }
            let pause = self.inner.retry.pause(failed, self.inner.pacer.draw());
            match pause {
                Some(pause) if Instant::now() + pause < deadline => {
                    tracing::debug!(%method, %error, ?pause, "a call to the clearinghouse is repeated");
                    self.inner.pacer.sleep(pause).await;
                }
                _ => return Err(error),
            }
        }
    }

    /// Makes a call once.
    async fn attempt(&self, method: Method, body: String) -> Result<Value, ClearinghouseError> {
        let answer = self
            .inner
            .http
            .post(self.inner.url.clone())
            .header(reqwest::header::CONTENT_TYPE, "text/xml")
            .body(body)
            .send()
            .await
            .map_err(|error| self.classify(method, &error))?;
        let status = answer.status();
        let bytes = self.read_bounded(method, answer).await?;
        if status != reqwest::StatusCode::OK {
            let text = String::from_utf8_lossy(&bytes);
            let excerpt = text.split_whitespace().collect::<Vec<_>>().join(" ");
            return Err(ClearinghouseError::Http {
                server: self.inner.server.clone(),
                method,
                status: status.as_u16(),
                excerpt: excerpt.chars().take(EXCERPT_LENGTH).collect(),
            });
        }
        // The content type is not looked at: the original sends XML as text/html.
        match xml::read_answer(&bytes) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(fault)) => Err(ClearinghouseError::Fault { method, fault }),
            Err(error) => Err(self.malformed(method, error.to_string())),
        }
    }

    async fn read_bounded(
        &self,
        method: Method,
        mut answer: reqwest::Response,
    ) -> Result<Vec<u8>, ClearinghouseError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = answer
            .chunk()
            .await
            .map_err(|error| self.classify(method, &error))?
        {
            if bytes.len() + chunk.len() > self.inner.answer_bytes_max {
                let most = self.inner.answer_bytes_max;
                return Err(self.malformed(method, format!("it has more than {most} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn classify(&self, method: Method, error: &reqwest::Error) -> ClearinghouseError {
        let source = if let Some(failure) = tls::failure_in(error) {
            TransportError::Tls(failure)
        } else if error.is_connect() && error.is_timeout() {
            TransportError::ConnectTimeout {
                after: self.inner.connect_timeout,
            }
        } else if error.is_connect() {
            TransportError::Connect(root_cause(error))
        } else {
            TransportError::Lost(root_cause(error))
        };
        self.transport(method, source)
    }

    fn transport(&self, method: Method, source: TransportError) -> ClearinghouseError {
        ClearinghouseError::Transport {
            server: self.inner.server.clone(),
            method,
            source,
        }
    }

    fn malformed(&self, method: Method, problem: String) -> ClearinghouseError {
        ClearinghouseError::Malformed {
            server: self.inner.server.clone(),
            method,
            problem,
        }
    }
}

/// A clearinghouse, asked in the name of an account. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ClearinghouseAccount {
    client: ClearinghouseClient,
    credentials: Arc<Credentials>,
}

impl ClearinghouseAccount {
    /// The account's name.
    #[must_use]
    pub fn user(&self) -> &UserName {
        &self.credentials.user
    }

    /// The clearinghouse without the account.
    #[must_use]
    pub fn client(&self) -> &ClearinghouseClient {
        &self.client
    }

    /// `get_account_info`: user port, credit, affiliation.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn account_info(&self) -> Result<AccountInfo, ClearinghouseError> {
        self.call(Call::GetAccountInfo, |value| response::read_account(&value))
            .await
    }

    /// `get_public_key`: the account's key string, as it was set; it may have blanks around it.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn public_key(&self) -> Result<String, ClearinghouseError> {
        self.call(Call::GetPublicKey, response::read_text).await
    }

    /// `acquire_resources`: that many vessels, or none. Asking for none is no call.
    ///
    /// Never repeated by itself once it may have been heard: see [`ClearinghouseError::may_have_happened`].
    ///
    /// # Errors
    /// When the call fails; faults 103 and 105 when they cannot be had.
    pub async fn acquire(
        &self,
        vessel_type: VesselType,
        count: u32,
    ) -> Result<Vec<VesselRecord>, ClearinghouseError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let call = Call::AcquireResources { vessel_type, count };
        self.call(call, |value| response::read_vessels(&value))
            .await
    }

    /// `acquire_specific_vessels`: those of the named vessels that can be had. An empty list is no call.
    ///
    /// # Errors
    /// When the call fails; fault 103 when they are more than the account may hold, all counted.
    pub async fn acquire_specific(
        &self,
        handles: &[Handle],
    ) -> Result<Vec<VesselRecord>, ClearinghouseError> {
        if handles.is_empty() {
            return Ok(Vec::new());
        }
        let call = Call::AcquireSpecificVessels(texts(handles));
        self.call(call, |value| response::read_vessels(&value))
            .await
    }

    /// `release_resources`: gives vessels back; those that are not the account's are ignored. An empty list
    /// is no call.
    ///
    /// # Errors
    /// When a call fails; fault 102 when a handle names no vessel.
    pub async fn release(&self, handles: &[Handle]) -> Result<(), ClearinghouseError> {
        for part in handles.chunks(HANDLES_PER_CALL_MAX) {
            self.call(Call::ReleaseResources(texts(part)), |value| {
                response::read_done(&value)
            })
            .await?;
        }
        Ok(())
    }

    /// `renew_resources`: their leases start anew; what the server grants is read back with
    /// [`ClearinghouseAccount::resource_info`]. An empty list is no call.
    ///
    /// # Errors
    /// When a call fails; fault 102 when a handle names no vessel, 103 when the account holds too many.
    pub async fn renew(&self, handles: &[Handle]) -> Result<(), ClearinghouseError> {
        for part in handles.chunks(HANDLES_PER_CALL_MAX) {
            self.call(Call::RenewResources(texts(part)), |value| {
                response::read_done(&value)
            })
            .await?;
        }
        Ok(())
    }

    /// `get_resource_info`: what the account holds.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn resource_info(&self) -> Result<Vec<VesselRecord>, ClearinghouseError> {
        self.call(Call::GetResourceInfo, |value| {
            response::read_vessels(&value)
        })
        .await
    }

    async fn call<T>(
        &self,
        call: Call,
        read: impl Fn(Value) -> Result<T, String>,
    ) -> Result<T, ClearinghouseError> {
        let request = Request::WithApiKey {
            user: self.credentials.user.as_str().to_owned(),
            api_key: self.credentials.api_key.clone(),
            call,
        };
        self.client.call(&request, read).await
    }
}

/// Whether a failed call may be made again at once: a lost connection or a server being restarted. Faults
/// are answers; what to do about them is for the caller.
fn may_repeat(method: Method, error: &ClearinghouseError) -> bool {
    let passing = match error {
        ClearinghouseError::Transport { .. } => error.retry_class() == RetryClass::Later,
        ClearinghouseError::Http { status, .. } => matches!(status, 502..=504),
        _ => false,
    };
    passing && (method.is_safe_to_repeat() || !error.may_have_happened())
}

fn texts(handles: &[Handle]) -> Vec<String> {
    handles.iter().map(ToString::to_string).collect()
}

fn server_url(text: &str, danger_allow_plain_http: bool) -> Result<Url, ClientSetupError> {
    let refused = |shown: &str, problem: &str| ClientSetupError::Url {
        url: shown.to_owned(),
        problem: problem.to_owned(),
    };
    let mut url = Url::parse(text).map_err(|error| {
        // What cannot be parsed cannot be cleaned of a password either.
        let shown = if text.contains('@') { "…" } else { text };
        refused(shown, &error.to_string())
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        let problem = "user names and passwords do not belong in it";
        return Err(refused(url.host_str().unwrap_or_default(), problem));
    }
    match url.scheme() {
        "https" => {}
        "http" if danger_allow_plain_http => {}
        "http" => return Err(ClientSetupError::PlainHttp { url: url.into() }),
        _ => return Err(refused(text, "it does not start with https://")),
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(refused(text, "it names no host"));
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

/// The innermost error's words: the outer ones of an HTTP library say nothing to an operator.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests;
