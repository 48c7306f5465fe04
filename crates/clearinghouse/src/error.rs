//! What can go wrong with a call, by who is at fault: the operator, the network, the clearinghouse.
//!
//! No message repeats its source; a chain is printed by walking `source()`.

use std::path::PathBuf;
use std::time::Duration;

use overlord_types::failure::{Classified, Code, InnermostCause, is_out_of_files};
use thiserror::Error;

use crate::api::Method;
use crate::fault::{Fault, FaultKind};
use crate::secret::ApiKeyFormatError;
use crate::tls_failure::TlsFailure;

/// What an error comes from, of whatever type.
pub type BoxedSource = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why a call gave no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// No connection: refused, no route, unknown name, proxy.
    #[error("no connection")]
    Connect(#[source] InnermostCause),
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
    #[error("the connection was lost")]
    Lost(#[source] InnermostCause),
}

impl Classified for TransportError {
    fn code(&self) -> Code {
        match self {
            Self::Connect(_) if is_out_of_files(self) => Code::OpenFilesExhausted,
            Self::Connect(_) | Self::ConnectTimeout { .. } => Code::ClearinghouseUnreachable,
            Self::Timeout { .. } | Self::Lost(_) => Code::ClearinghouseSilent,
            Self::Tls(failure) => failure.code(),
        }
    }
}

/// Why a call failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClearinghouseCallError {
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
    #[error("what {server} answered to {method} is no answer of a clearinghouse")]
    Malformed {
        /// Host and port.
        server: String,
        /// The call.
        method: Method,
        /// What is wrong with it.
        #[source]
        source: BoxedSource,
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

impl ClearinghouseCallError {
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
}

impl Classified for ClearinghouseCallError {
    fn code(&self) -> Code {
        match self {
            Self::Transport { source, .. } => source.code(),
            Self::Http { status, .. } => match status {
                // What a server or a proxy in front of it says that will do better later.
                408 | 425 | 429 | 500..=599 => Code::ClearinghouseFailed,
                _ => Code::ClearinghouseNotThere,
            },
            Self::Malformed { .. } => Code::ClearinghouseMalformed,
            // The one thing that can be wrong with a request for an API key is the user.
            Self::Fault {
                method: Method::GetEncryptedApiKey,
                fault,
            } if fault.kind() == FaultKind::InvalidRequest => Code::Authentication,
            Self::Fault { fault, .. } => fault.code(),
        }
    }
}

/// Why no client could be made. All of these are the operator's to change.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientSetupError {
    /// No URL of a server.
    #[error("{url:?} is no URL of a clearinghouse")]
    Url {
        /// What was given, without any password in it.
        url: String,
        /// What is wrong with it.
        #[source]
        source: BoxedSource,
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
    #[error("{} holds no root certificates that can be used", path.display())]
    CaFileContent {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: BoxedSource,
    },
    /// The system has no root certificates.
    #[error("this system has no root certificates")]
    NoSystemRoots(#[source] BoxedSource),
    /// The TLS or HTTP library refuses its configuration.
    #[error("the HTTPS client cannot be set up")]
    Library(#[source] InnermostCause),
}

impl Classified for ClientSetupError {
    fn code(&self) -> Code {
        match self {
            Self::Url { .. } => Code::ClearinghouseUrl,
            Self::PlainHttp { .. } => Code::ClearinghousePlainHttp,
            Self::CaFile { .. } | Self::NoSystemRoots(_) if is_out_of_files(self) => {
                Code::OpenFilesExhausted
            }
            Self::CaFile { .. } => Code::CaFileUnreadable,
            Self::CaFileContent { .. } => Code::CaFileMalformed,
            Self::NoSystemRoots(_) => Code::SystemRootsMissing,
            Self::Library(_) => Code::Internal,
        }
    }
}

/// Why no API key could be had with the private key. `E` is what decrypting can say.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ApiKeyError<E: std::error::Error + 'static> {
    /// The call failed.
    #[error("the API key could not be fetched")]
    Call(#[source] ClearinghouseCallError),
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

impl<E: std::error::Error + 'static> Classified for ApiKeyError<E> {
    fn code(&self) -> Code {
        match self {
            Self::Call(error) => error.code(),
            Self::Decrypt { .. } | Self::Format { .. } => Code::KeysOfAnother,
        }
    }
}
