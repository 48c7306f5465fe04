//! Verified TLS: which roots are trusted, and how a server is judged.
//!
//! Verification is rustls's own; what is added is that each reason for a refusal has a name that an
//! operator understands. What is never done here: trusting anything that rustls refuses, except where the
//! operator asked for it with `danger_accept_invalid_certs`.

use std::path::Path;
use std::sync::Arc;

use overlord_types::failure::InnermostCause;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};

use crate::error::{BoxedSource, ClientSetupError};
use crate::tls_failure::TlsFailure;

/// Most certificates read from a file of roots; the largest public bundles have some 150.
const ROOTS_MAX: usize = 10_000;
/// Largest file of roots read, in bytes.
const CA_FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The client's TLS, with the roots of a file or the system's.
pub(crate) fn client_config(
    ca_file: Option<&Path>,
    danger_accept_invalid_certs: bool,
) -> Result<ClientConfig, ClientSetupError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientSetupError::Library(InnermostCause::of(error)))?;
    let verifier: Arc<dyn ServerCertVerifier> = if danger_accept_invalid_certs {
        Arc::new(DangerAnyCertificate { provider })
    } else {
        let roots = match ca_file {
            Some(path) => roots_of_file(path)?,
            None => system_roots()?,
        };
        let rules = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| ClientSetupError::Library(InnermostCause::of(error)))?;
        Arc::new(ExplainingVerifier { rules })
    };
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

fn system_roots() -> Result<RootCertStore, ClientSetupError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Single odd certificates of a system are no reason to refuse all others.
    let (taken, refused) = roots.add_parsable_certificates(found.certs);
    if taken == 0 {
        let first = found.errors.into_iter().next().map(BoxedSource::from);
        let problem = || format!("none found, {refused} unreadable").into();
        return Err(ClientSetupError::NoSystemRoots(
            first.unwrap_or_else(problem),
        ));
    }
    Ok(roots)
}

fn roots_of_file(path: &Path) -> Result<RootCertStore, ClientSetupError> {
    let unreadable = |source| ClientSetupError::CaFile {
        path: path.to_owned(),
        source,
    };
    let unusable = |source: BoxedSource| ClientSetupError::CaFileContent {
        path: path.to_owned(),
        source,
    };
    let file = overlord_files::read(path, CA_FILE_BYTES_MAX).map_err(unreadable)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&file.bytes).take(ROOTS_MAX) {
        let certificate = certificate.map_err(|error| unusable(error.into()))?;
        roots
            .add(certificate)
            .map_err(|error| unusable(error.into()))?;
    }
    if roots.is_empty() {
        return Err(unusable("no certificate in it".into()));
    }
    Ok(roots)
}

/// rustls's rules, with its refusals put into our words.
#[derive(Debug)]
struct ExplainingVerifier {
    rules: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for ExplainingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.rules
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| match error {
                rustls::Error::InvalidCertificate(reason) => {
                    let failure = explain(reason, end_entity, server_name);
                    let reason = CertificateError::Other(OtherError(Arc::new(failure)));
                    rustls::Error::InvalidCertificate(reason)
                }
                other => other,
            })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.rules.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.rules.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.rules.supported_verify_schemes()
    }
}

fn explain(
    reason: CertificateError,
    end_entity: &CertificateDer<'_>,
    server_name: &ServerName<'_>,
) -> TlsFailure {
    match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFailure::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsFailure::NotYetValid
        }
        CertificateError::NotValidForName => TlsFailure::WrongHost {
            host: server_name.to_str().into_owned(),
            presented: "other hosts".to_owned(),
        },
        CertificateError::NotValidForNameContext { presented, .. } => TlsFailure::WrongHost {
            host: server_name.to_str().into_owned(),
            presented: if presented.is_empty() {
                "no host at all".to_owned()
            } else {
                presented.join(", ")
            },
        },
        // A CA's own certificate shown by a server is refused as such before anybody looks who signed it.
        CertificateError::UnknownIssuer | CertificateError::Other(_)
            if is_self_signed(end_entity) =>
        {
            TlsFailure::SelfSigned
        }
        // A bad signature is what a CA made anew under its old name looks like: its file must be fetched again.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            TlsFailure::UnknownIssuer
        }
        other => TlsFailure::BadCertificate(other.to_string()),
    }
}

/// Whether a certificate names itself as its issuer.
fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    webpki::EndEntityCert::try_from(certificate)
        .is_ok_and(|parsed| parsed.issuer() == parsed.subject())
}

/// Trusts every server; only signatures of the handshake are checked.
#[derive(Debug)]
struct DangerAnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for DangerAnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
