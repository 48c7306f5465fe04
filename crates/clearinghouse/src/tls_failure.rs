//! Why a server is not trusted or would not talk TLS, and where in a chain of errors that is said.

use std::error::Error as StdError;

use overlord_types::failure::{Classified, Code};
use rustls::{CertificateError, OtherError};
use thiserror::Error;

/// Why a server is not trusted, or would not talk TLS.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TlsFailure {
    /// Signed by somebody whom none of the roots vouches for.
    #[error("the server's certificate is signed by an unknown authority")]
    UnknownIssuer,
    /// Signed by itself.
    #[error("the server's certificate is self-signed and not among the trusted roots")]
    SelfSigned,
    /// Its time is over.
    #[error("the server's certificate has expired")]
    Expired,
    /// Its time has not come, or this machine's clock is behind.
    #[error("the server's certificate is not valid yet")]
    NotYetValid,
    /// It is for other hosts.
    #[error("the server's certificate is not for {host} but for {presented}")]
    WrongHost {
        /// The host that was asked for.
        host: String,
        /// The hosts it is for.
        presented: String,
    },
    /// The certificate cannot be read or may not be used for servers.
    #[error("the server's certificate cannot be used: {0}")]
    BadCertificate(String),
    /// The server refused the handshake.
    #[error("the server refused the TLS handshake: {0}")]
    Refused(String),
    /// Both sides have no TLS version or cipher in common.
    #[error("the server's TLS is too old or too odd: {0}")]
    Incompatible(String),
    /// The connection ended during the handshake.
    #[error("the connection ended during the TLS handshake")]
    Cut,
    /// Something else than TLS is spoken there.
    #[error("the server does not speak TLS on this port")]
    NotTls,
    /// Anything else that rustls says.
    #[error("TLS failed: {0}")]
    Other(String),
}

impl Classified for TlsFailure {
    fn code(&self) -> Code {
        match self {
            Self::UnknownIssuer => Code::TlsUnknownIssuer,
            Self::SelfSigned => Code::TlsSelfSigned,
            Self::Expired => Code::TlsExpired,
            Self::NotYetValid => Code::TlsNotYetValid,
            Self::WrongHost { .. } => Code::TlsWrongHost,
            Self::BadCertificate(_) => Code::TlsBadCertificate,
            // A server that goes away behind its own TLS front looks like this one and the cut; it comes back.
            Self::Refused(_) => Code::TlsRefused,
            Self::Cut => Code::TlsCut,
            Self::Incompatible(_) => Code::TlsIncompatible,
            Self::NotTls => Code::TlsNotSpoken,
            Self::Other(_) => Code::TlsFailed,
        }
    }
}

/// Finds what TLS says in a chain of errors, if it says anything.
pub(crate) fn failure_in(error: &(dyn StdError + 'static)) -> Option<TlsFailure> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(of_rustls(tls));
        }
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            // An I/O error's source() skips the error it wraps, so that one is looked at by hand.
            && let Some(inner) = io.get_ref()
        {
            if let Some(failure) = failure_in(inner) {
                return Some(failure);
            }
            // tokio-rustls has no type for this one, only these words.
            if io.kind() == std::io::ErrorKind::UnexpectedEof
                && inner.to_string().contains("handshake")
            {
                return Some(TlsFailure::Cut);
            }
        }
        next = error.source();
    }
    None
}

fn of_rustls(error: &rustls::Error) -> TlsFailure {
    use rustls::Error as Tls;
    match error {
        Tls::InvalidCertificate(CertificateError::Other(OtherError(reason))) => reason
            .downcast_ref::<TlsFailure>()
            .cloned()
            .unwrap_or_else(|| TlsFailure::BadCertificate(reason.to_string())),
        Tls::InvalidCertificate(reason) => TlsFailure::BadCertificate(reason.to_string()),
        Tls::AlertReceived(alert) => TlsFailure::Refused(format!("{alert:?}")),
        Tls::PeerIncompatible(reason) => TlsFailure::Incompatible(format!("{reason:?}")),
        Tls::InvalidMessage(_) => TlsFailure::NotTls,
        other => TlsFailure::Other(other.to_string()),
    }
}
