//! The testbed's certificate authority: made on the spot, kept in the testbed's directory, so that clients
//! verify the clearinghouse's certificate as they would the original's.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use overlord_files::{Access, Durability};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use thiserror::Error;

/// The file with the authority's certificate, for clients; the name that the original's page uses.
pub const CA_FILE: &str = "cacert.pem";
const CA_KEY_FILE: &str = "authority.key.pem";
/// Certificates are valid from the start of this year, whatever the machine's clock says today …
const VALID_FROM_YEAR: i32 = 2020;
/// … to the start of this one: a testbed's directory may lie about for years.
const VALID_TO_YEAR: i32 = 2100;

/// Why there is no authority or no certificate from it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// A file cannot be read or written.
    #[error("{} cannot be used; see that the testbed's directory is writable and has space", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A key or certificate cannot be made or read.
    #[error("the testbed's certificate authority in {} is unusable; remove {CA_FILE} and {CA_KEY_FILE} there to get a new one", directory.display())]
    Certificate {
        /// The testbed's directory.
        directory: PathBuf,
        /// What is wrong.
        source: rcgen::Error,
    },
    /// rustls refuses what was made.
    #[error("the clearinghouse's certificate cannot be served")]
    Tls(#[from] rustls::Error),
}

/// A certificate authority in a directory.
pub(crate) struct Authority {
    directory: PathBuf,
    ca_file: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Takes the authority of the directory, or makes one there.
    pub(crate) fn in_directory(directory: &Path) -> Result<Self, AuthorityError> {
        let ca_file = directory.join(CA_FILE);
        let key_file = directory.join(CA_KEY_FILE);
        let unusable = |source| AuthorityError::Certificate {
            directory: directory.to_owned(),
            source,
        };
        let on = |path: &Path| {
            let path = path.to_owned();
            move |source| AuthorityError::File { path, source }
        };
        let params = authority_params();
        let key = match fs::read_to_string(&key_file) {
            Ok(pem) if ca_file.exists() => KeyPair::from_pem(&pem).map_err(unusable)?,
            Ok(_) => new_authority(&params, &ca_file, &key_file)
                .map_err(unusable)?
                .map_err(on(&ca_file))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                new_authority(&params, &ca_file, &key_file)
                    .map_err(unusable)?
                    .map_err(on(&key_file))?
            }
            Err(error) => return Err(on(&key_file)(error)),
        };
        Ok(Self {
            directory: directory.to_owned(),
            ca_file,
            // The same parameters give the same issuer, so the certificate need not be read back.
            issuer: Issuer::new(params, key),
        })
    }

    /// The file with the authority's certificate.
    pub(crate) fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// What a TLS server at `address` needs: a new key and a certificate for it.
    pub(crate) fn server_config(
        &self,
        address: IpAddr,
    ) -> Result<Arc<ServerConfig>, AuthorityError> {
        let (certificate, key) =
            self.certificate(address)
                .map_err(|source| AuthorityError::Certificate {
                    directory: self.directory.clone(),
                    source,
                })?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // No ALPN: clients of HTTP/1.0 offer only that and would be refused, others do without.
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Arc::new(config))
    }

    fn certificate(&self, address: IpAddr) -> Result<(Certificate, KeyPair), rcgen::Error> {
        let names = vec![address.to_string(), "localhost".to_owned()];
        let mut params = CertificateParams::new(names)?;
        // Python 2.7, in which the original's clients are written, looks for addresses among the names.
        let as_name = SanType::DnsName(address.to_string().try_into()?);
        params.subject_alt_names.push(as_name);
        params.not_before = date_time_ymd(VALID_FROM_YEAR, 1, 1);
        params.not_after = date_time_ymd(VALID_TO_YEAR, 1, 1);
        params
            .distinguished_name
            .push(DnType::CommonName, "Overlord testbed clearinghouse");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.issuer)?, key))
    }
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "Overlord testbed authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(VALID_FROM_YEAR, 1, 1);
    params.not_after = date_time_ymd(VALID_TO_YEAR, 1, 1);
    params
}

/// Makes key and certificate and writes both, the key first: a certificate without its key is no authority.
fn new_authority(
    params: &CertificateParams,
    ca_file: &Path,
    key_file: &Path,
) -> Result<io::Result<KeyPair>, rcgen::Error> {
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let write = || {
        let (key, certificate) = (key.serialize_pem(), certificate.pem());
        overlord_files::replace(
            key_file,
            key.as_bytes(),
            Access::Owner,
            Durability::PowerLoss,
        )?;
        overlord_files::replace(
            ca_file,
            certificate.as_bytes(),
            Access::Everybody,
            Durability::PowerLoss,
        )
    };
    Ok(write().map(|()| key))
}

#[cfg(test)]
mod tests {
    use openssl::x509::X509;

    use super::*;

    #[test]
    fn the_authority_stays_the_same_and_names_the_address_in_both_ways() {
        let directory = tempfile::tempdir().unwrap();
        let address: IpAddr = "127.7.0.1".parse().unwrap();
        let first = Authority::in_directory(directory.path()).unwrap();
        let ca_pem = fs::read(first.ca_file()).unwrap();
        let again = Authority::in_directory(directory.path()).unwrap();
        assert_eq!(fs::read(again.ca_file()).unwrap(), ca_pem);
        let ca_key = X509::from_pem(&ca_pem).unwrap().public_key().unwrap();
        for authority in [first, again] {
            let (certificate, _) = authority.certificate(address).unwrap();
            let certificate = X509::from_der(certificate.der()).unwrap();
            assert!(certificate.verify(&ca_key).unwrap());
            let names = certificate.subject_alt_names().unwrap();
            let as_name = names.iter().filter_map(|name| name.dnsname());
            assert!(as_name.into_iter().any(|name| name == "127.7.0.1"));
            let as_address = names.iter().filter_map(|name| name.ipaddress());
            assert!(
                as_address
                    .into_iter()
                    .any(|octets| octets == [127, 7, 0, 1])
            );
        }
    }
}
