//! The client: calls over HTTPS, each under a deadline, with a bounded answer.
//!
//! Only here are sockets. What is sent and read is made in `request` and `response`; who is trusted is
//! decided in `tls`; what is done about a failure is decided by the caller, except that calls safe to repeat
//! are repeated a few times within their deadline. Calls in the name of an account are in `account`.

mod account;
mod builder;

use std::sync::Arc;
use std::time::Duration;

use overlord_time::{Clock, Randomness};
use overlord_types::UserName;
use overlord_types::failure::{Classified as _, InnermostCause, RetryClass, with_causes};
use tokio::time::Instant;
use url::Url;

pub use account::{ClearinghouseAccount, HANDLES_PER_CALL_MAX};
pub use builder::ClientBuilder;

use crate::api::Method;
use crate::error::{ApiKeyError, BoxedSource, ClearinghouseCallError, TransportError};
use crate::request::{ClearinghouseRequest, PasswordCall};
use crate::response;
use crate::retry::RetryPolicy;
use crate::secret::{ApiKey, Password};
use crate::tls_failure;
use crate::xml::{self, RpcValue};

/// How long a call may take in all, repetitions included. The original took up to 15 s to renew.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);
/// How long connecting may take, TLS included; a server that does not take a connection in this time is away.
pub const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
/// Largest answer read, in bytes: a list of some 12,000 vessels.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How much of an unexpected answer an error message shows, in characters.
const EXCERPT_LENGTH: usize = 200;

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
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
}

impl std::fmt::Debug for ClearinghouseClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClearinghouseClient({})", self.inner.url)
    }
}

impl ClearinghouseClient {
    /// The server's address in full.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.inner.url
    }

    /// `get_encrypted_api_key`: the account's API key, encrypted with its public key.
    ///
    /// # Errors
    /// When the call fails; fault 102 when there is no such account.
    pub async fn encrypted_api_key(
        &self,
        user: &UserName,
    ) -> Result<String, ClearinghouseCallError> {
        let request = ClearinghouseRequest::EncryptedApiKey {
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
    ) -> Result<ApiKey, ClearinghouseCallError> {
        let request = ClearinghouseRequest::WithPassword {
            user: user.as_str().to_owned(),
            password: password.clone(),
            call: PasswordCall::RegenerateApiKey,
        };
        self.call(&request, |value| {
            let text = zeroize::Zeroizing::new(response::read_text(value)?);
            Ok(ApiKey::new(&text)?)
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
    ) -> Result<(), ClearinghouseCallError> {
        let request = ClearinghouseRequest::WithPassword {
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
        request: &ClearinghouseRequest,
        read: impl Fn(RpcValue) -> Result<T, BoxedSource>,
    ) -> Result<T, ClearinghouseCallError> {
        let method = request.method();
        let body = request.to_xml();
        let deadline = Instant::now() + self.inner.timeout;
        let mut failed = 0;
        loop {
            let attempt = tokio::time::timeout_at(deadline, self.attempt(method, body.clone()));
            let error = match attempt.await {
                Ok(Ok(value)) => {
                    return read(value).map_err(|source| self.malformed(method, source));
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
            let pause = self
                .inner
                .retry
                .pause(failed, self.inner.randomness.next_u64());
            match pause {
                Some(pause) if Instant::now() + pause < deadline => {
                    let error = with_causes(&error);
                    tracing::debug!(%method, error, ?pause, "a call to the clearinghouse is repeated");
                    let end = self.inner.clock.now().moment + pause;
                    self.inner.clock.sleep_until(end).await;
                }
                _ => return Err(error),
            }
        }
    }

    /// Makes a call once.
    async fn attempt(
        &self,
        method: Method,
        body: String,
    ) -> Result<RpcValue, ClearinghouseCallError> {
        let answer = self
            .inner
            .http
            .post(self.inner.url.clone())
            .header(reqwest::header::CONTENT_TYPE, "text/xml")
            .body(body)
            .send()
            .await
            .map_err(|error| self.classify(method, error))?;
        let status = answer.status();
        let bytes = self.read_bounded(method, answer).await?;
        if status != reqwest::StatusCode::OK {
            let text = String::from_utf8_lossy(&bytes);
            let excerpt = text.split_whitespace().collect::<Vec<_>>().join(" ");
            return Err(ClearinghouseCallError::Http {
                server: self.inner.server.clone(),
                method,
                status: status.as_u16(),
                excerpt: excerpt.chars().take(EXCERPT_LENGTH).collect(),
            });
        }
        // The content type is not looked at: the original sends XML as text/html.
        match xml::read_answer(&bytes) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(fault)) => Err(ClearinghouseCallError::Fault { method, fault }),
            Err(error) => Err(self.malformed(method, error)),
        }
    }

    async fn read_bounded(
        &self,
        method: Method,
        mut answer: reqwest::Response,
    ) -> Result<Vec<u8>, ClearinghouseCallError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = answer
            .chunk()
            .await
            .map_err(|error| self.classify(method, error))?
        {
            if bytes.len() + chunk.len() > self.inner.answer_bytes_max {
                let most = self.inner.answer_bytes_max;
                let problem = format!("it has more than {most} bytes");
                return Err(self.malformed(method, problem));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn classify(&self, method: Method, error: reqwest::Error) -> ClearinghouseCallError {
        let source = if let Some(failure) = tls_failure::failure_in(&error) {
            TransportError::Tls(failure)
        } else if error.is_connect() && error.is_timeout() {
            TransportError::ConnectTimeout {
                after: self.inner.connect_timeout,
            }
        } else if error.is_connect() {
            TransportError::Connect(InnermostCause::of(error))
        } else {
            TransportError::Lost(InnermostCause::of(error))
        };
        self.transport(method, source)
    }

    fn transport(&self, method: Method, source: TransportError) -> ClearinghouseCallError {
        ClearinghouseCallError::Transport {
            server: self.inner.server.clone(),
            method,
            source,
        }
    }

    fn malformed(&self, method: Method, source: impl Into<BoxedSource>) -> ClearinghouseCallError {
        ClearinghouseCallError::Malformed {
            server: self.inner.server.clone(),
            method,
            source: source.into(),
        }
    }
}

/// Whether a failed call may be made again at once: a lost connection or a server being restarted. Faults
/// are answers; what to do about them is for the caller.
fn may_repeat(method: Method, error: &ClearinghouseCallError) -> bool {
    let passing = match error {
        ClearinghouseCallError::Transport { .. } => error.retry() == RetryClass::Again,
        ClearinghouseCallError::Http { status, .. } => matches!(status, 502..=504),
        _ => false,
    };
    passing && (method.is_safe_to_repeat() || !error.may_have_happened())
}

#[cfg(test)]
mod tests;
