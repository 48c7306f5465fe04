//! What can go wrong with a call, by who is at fault: the operator, the network, the clearinghouse.
//!
//! No message repeats its source; a chain is printed by walking `source()`.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::api::Method;
use crate::fault::{Fault, FaultKind};
use crate::secret::ApiKeyFormatError;
use crate::tls::TlsFailure;

/// Whether asking again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RetryClass {
    /// The network or the server failed: ask again after a pause.
    Later,
    /// The testbed has no such vessels now, or the account holds all it may: ask again after a long pause,
    /// or for less.
    WhenThereIsRoom,
    /// Somebody must change something first. Asking again changes nothing, but does no harm either.
    AfterAChange,
}

/// Why a call gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// No connection: refused, no route, unknown name, proxy.
    #[error("no connection: {0}")]
    Connect(String),
    /// No connection in time.
    #[error("no connection within {} s", after.as_secs_f32())]
    ConnectTimeout {
        /// How long it was tried.
        after: Duration,
    },
    /// No answer in time; the server may have done what was asked.
    #[error("no answer within {} s", after.as_secs_f32())]
    Timeout {
        /// How long the whole call was given.
        after: Duration,
    },
    /// The connection is not to be trusted, or TLS was refused.
    #[error("no trusted connection")]
    Tls(#[source] TlsFailure),
    /// The connection ended before the answer was complete; the server may have done what was asked.
    #[error("the connection was lost: {0}")]
    Lost(String),
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ClearinghouseError {
    /// No answer came.
    #[error("the clearinghouse at {server} did not answer {method}")]
    Transport {
        /// Host and port.
        server: String,
        /// The call.
        method: Method,
        /// What happened.
        #[source]
        source: TransportError,
    },
    /// A web server answered, but not with an XML-RPC answer's status 200.
    #[error("the web server at {server} answered {method} with status {status}: {excerpt}")]
    Http {
        /// Host and port.
        server: String,
        /// The call.
        method: Method,
        /// The status.
        status: u16,
        /// The start of what it said.
        excerpt: String,
    },
    /// An answer came that is not one of the protocol.
    #[error("what {server} answered to {method} is no answer of a clearinghouse: {problem}")]
    Malformed {
        /// Host and port.
        server: String,
        /// The call.
        method: Method,
        /// What is wrong with it.
        problem: String,
    },
    /// The clearinghouse refused.
    #[error("the clearinghouse refused {method}")]
    Fault {
        /// The call.
        method: Method,
        /// Its reason, in its own words.
        #[source]
        fault: Fault,
    },
}

impl ClearinghouseError {
    /// Whether asking again can help.
    #[must_use]
    pub fn retry_class(&self) -> RetryClass {
        match self {
            Self::Transport { source, .. } => match source {
                // A server that goes away behind its own TLS front looks like these two; it comes back.
                TransportError::Tls(TlsFailure::Cut | TlsFailure::Refused(_)) => RetryClass::Later,
                TransportError::Tls(_) => RetryClass::AfterAChange,
                _ => RetryClass::Later,
            },
            Self::Http { status, .. } => match status {
                408 | 425 | 429 | 500..=599 => RetryClass::Later,
                _ => RetryClass::AfterAChange,
            },
            Self::Malformed { .. } => RetryClass::Later,
            Self::Fault { fault, .. } => match fault.kind() {
                FaultKind::Internal | FaultKind::Unknown => RetryClass::Later,
                FaultKind::NotEnoughCredits | FaultKind::UnableToAcquire => {
                    RetryClass::WhenThereIsRoom
                }
                FaultKind::Authentication | FaultKind::InvalidRequest => RetryClass::AfterAChange,
            },
        }
    }

    /// Whether the clearinghouse may have done what was asked although no good answer came. Such a call is
    /// resolved by reading what the account holds, not by asking again blindly.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Transport { source, .. } => matches!(
                source,
                TransportError::Timeout { .. } | TransportError::Lost(_)
            ),
            // A proxy in front gives up on a server that may still be at work.
            Self::Http { status, .. } => *status >= 500,
            Self::Malformed { .. } => true,
            // The original's server can fail after it has handed vessels out.
            Self::Fault { fault, .. } => {
                matches!(fault.kind(), FaultKind::Internal | FaultKind::Unknown)
            }
        }
    }

    /// The server's refusal, if it is one.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Fault { fault, .. } => Some(fault),
            _ => None,
        }
    }

    /// What the operator can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Transport { source, .. } => match source {
                TransportError::Tls(failure) => failure.hint(),
                TransportError::Connect(_) | TransportError::ConnectTimeout { .. } => {
                    "check the clearinghouse's URL, your network, and HTTPS_PROXY and NO_PROXY; or wait until it is back"
                }
                TransportError::Timeout { .. } | TransportError::Lost(_) => {
                    "the clearinghouse is slow or was restarted; try again, with a longer timeout if it lasts"
                }
            },
            Self::Http { .. } | Self::Malformed { .. } => {
                "check the clearinghouse's URL: it ends in /xmlrpc/, and no proxy or login page may stand between"
            }
            Self::Fault { fault, .. } => fault.kind().hint(),
        }
    }
}

/// Why no client could be made. All of these are the operator's to change.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientSetupError {
    /// No URL of a server.
    #[error("{url:?} is no URL of a clearinghouse: {problem}")]
    Url {
        /// What was given, without any password in it.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// `http://`, where everybody on the way reads the API key that goes with each call.
    #[error(
        "{url} is not https: everybody on the way could read the API key and act in the user's name"
    )]
    PlainHttp {
        /// What was given.
        url: String,
    },
    /// The file of root certificates cannot be read.
    #[error("cannot read the root certificates in {}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file of root certificates holds something else.
    #[error("{} holds no root certificates that can be used: {problem}", path.display())]
    CaFileContent {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The system has no root certificates.
    #[error("this system has no root certificates: {0}")]
    NoSystemRoots(String),
    /// The TLS or HTTP library refuses its configuration.
    #[error("the HTTPS client cannot be set up: {0}")]
    Library(String),
}

impl ClientSetupError {
    /// What the operator can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Url { .. } => "give a URL such as https://clearinghouse.example.org/xmlrpc/",
            Self::PlainHttp { .. } => {
                "use https; for a private testbed give its CA file, or accept plain http in so many words"
            }
            Self::CaFile { .. } | Self::CaFileContent { .. } => {
                "give a PEM file with one or more certificates, such as cacert.pem of the testbed or of curl"
            }
            Self::NoSystemRoots(_) => {
                "install the system's certificates (Debian: ca-certificates), or give a CA file"
            }
            Self::Library(_) => "this is a bug of Overlord; please report it",
        }
    }
}

/// Why no API key could be had with the private key. `E` is what decrypting can say.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ApiKeyError<E: std::error::Error + 'static> {
    /// The call failed.
    #[error("the API key could not be fetched")]
    Call(#[source] ClearinghouseError),
    /// The answer cannot be decrypted.
    #[error(
        "the API key of {user} could not be decrypted: the private key is probably not the account's"
    )]
    Decrypt {
        /// The account.
        user: String,
        /// What decrypting says.
        #[source]
        source: E,
    },
    /// The decrypted answer is no API key.
    #[error(
        "the API key of {user} could not be read: the private key is probably not the account's"
    )]
    Format {
        /// The account.
        user: String,
        /// What is wrong with it.
        #[source]
        source: ApiKeyFormatError,
    },
}

impl<E: std::error::Error + 'static> ApiKeyError<E> {
    /// What the operator can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Call(error) => error.hint(),
            Self::Decrypt { .. } | Self::Format { .. } => {
                "download the account's key files again, or give the API key itself"
            }
        }
    }
}
