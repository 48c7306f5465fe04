//! The recordings of the original's clearinghouse, replayed in their order against ours over real sockets.
//!
//! Everything a recording presupposes (accounts, keys, ports, nodes, vessels) is derived from the recording
//! itself by `fixture`, so that other recordings of the same form run through the same test.

mod fixture;
mod recording;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use overlord_clearinghouse::server::{Incoming, parse};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::ClearinghouseServer;
use fixture::Fixture;
use recording::{Exchange, Recording};

/// Longest wait for an answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

fn vector_directory() -> PathBuf {
    let project = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");
    std::env::var_os("OVERLORD_VECTORS").map_or_else(|| project.into(), PathBuf::from)
}

/// Every recording of XML-RPC in the directory of vectors.
fn recordings() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(vector_directory()).expect("the vectors can be listed");
    let paths = entries.map(|entry| entry.expect("the vectors can be listed").path());
    let is_recording = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("xmlrpc_") && name.ends_with(".json")
    };
    let mut paths: Vec<PathBuf> = paths.filter(is_recording).collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn vector_recorded_requests_get_the_recorded_answers() {
    let recordings = recordings();
    assert!(!recordings.is_empty(), "there is nothing to replay");
    for path in recordings {
        let recording = Recording::read(&path);
        let mut differences = Vec::new();
        replay(&recording, &mut differences).await;
        assert!(
            differences.is_empty(),
            "{}: {} of {} exchanges differ\n{}",
            path.display(),
            differences.len(),
            recording.exchanges.len(),
            differences.join("\n")
        );
    }
}

#[tokio::test]
async fn a_recording_that_was_changed_is_noticed() {
    let path = recordings()
        .into_iter()
        .find(|path| path.ends_with("xmlrpc_backend_down.json"));
    let Some(path) = path else {
        return;
    };
    let mut recording = Recording::read(&path);
    // An answer that is compared byte for byte, as every fault is.
    let mut faults = recording.exchanges.iter_mut().rev();
    let last = faults.find(|exchange| exchange.fault().is_some());
    last.expect("a fault").response_body.push(b' ');
    let mut differences = Vec::new();
    replay(&recording, &mut differences).await;
    assert_eq!(differences.len(), 1, "{differences:?}");
}

/// Sends every recorded request, and notes where the answer is not the recorded one.
async fn replay(recording: &Recording, differences: &mut Vec<String>) {
    let directory = tempfile::tempdir().expect("a scratch folder");
    let fixture = Fixture::of(recording);
    let clearinghouse = fixture.start(directory.path()).await;
    let tls = tls_client(&clearinghouse, &[]);
    // A lease may have been made at any moment of the call that made it; dates have whole seconds.
    let slack = 2 + recording.longest_call_seconds();
    for (number, exchange) in recording.exchanges.iter().enumerate() {
        // The original cleans in its own time, for which the recorder waited where it mattered.
        clearinghouse.when(|census| census.dirty == 0).await;
        fixture.prepare(exchange);
        let (status, content_type, body) = send(&clearinghouse, &tls, &exchange.request).await;
        let outcome = if status != 200 {
            Err(format!("status {status}"))
        } else if content_type != exchange.content_type() {
            Err(format!(
                "content type {content_type:?}, not {:?}",
                exchange.content_type()
            ))
        } else {
            compare(&fixture, exchange, &body, slack)
        };
        if let Err(difference) = outcome {
            differences.push(format!(
                "#{number} {}: {difference}\n  recorded: {}\n  ours:     {}",
                exchange.name,
                String::from_utf8_lossy(&exchange.response_body).replace('\n', ""),
                String::from_utf8_lossy(&body).replace('\n', "")
            ));
        }
    }
    clearinghouse.shutdown().await;
}

/// Whether an answer is the recorded one: byte for byte, but for what the recording cannot fix.
fn compare(fixture: &Fixture, exchange: &Exchange, ours: &[u8], slack: u64) -> Result<(), String> {
    let ours = String::from_utf8(ours.to_vec()).map_err(|error| error.to_string())?;
    let recorded = String::from_utf8_lossy(&exchange.response_body).into_owned();
    if let Ok(Incoming::EncryptedApiKey { user }) = parse(exchange.body())
        && !recorded.contains("<fault>")
    {
        // Encrypted with padding of chance, so only the form can be compared.
        return compare_encrypted(fixture.modulus_digits(&user), &recorded, &ours);
    }
    let (recorded, recorded_seconds) = recording::without_expiry(&recorded);
    let (ours, our_seconds) = recording::without_expiry(&ours);
    if recorded != ours {
        return Err("the answers differ".to_owned());
    }
    for (recorded, ours) in recorded_seconds.into_iter().zip(our_seconds) {
        if recorded.abs_diff(ours) > slack {
            return Err(format!("a lease of {ours} s in place of {recorded} s"));
        }
    }
    Ok(())
}

fn compare_encrypted(digits_max: usize, recorded: &str, ours: &str) -> Result<(), String> {
    let (recorded, ours) = (recording::text(recorded), recording::text(ours));
    let (Some(recorded), Some(ours)) = (recorded, ours) else {
        return Err("one of the answers is no text".to_owned());
    };
    let is_number = ours.bytes().all(|byte| byte.is_ascii_digit());
    if recorded.is_empty() != ours.is_empty() || !is_number || ours.len() > digits_max {
        return Err("not encrypted in the recorded form".to_owned());
    }
    Ok(())
}

#[tokio::test]
async fn a_client_of_http_1_0_that_offers_nothing_else_is_answered() {
    let directory = tempfile::tempdir().expect("a scratch folder");
    let fixture = Fixture::of(&Recording {
        exchanges: Vec::new(),
    });
    let clearinghouse = fixture.start(directory.path()).await;
    let body = "<methodCall><methodName>get_encrypted_api_key</methodName><params><param>\
        <value>nobody</value></param></params></methodCall>";
    let request = format!(
        "POST /xmlrpc HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let tls = tls_client(&clearinghouse, &[b"http/1.0".to_vec()]);
    let (status, _, answer) = send(&clearinghouse, &tls, request.as_bytes()).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert_eq!(status, 200);
    assert!(answer.contains("Username does not exist."), "{answer}");
    clearinghouse.shutdown().await;
}

fn tls_client(clearinghouse: &ClearinghouseServer, protocols: &[Vec<u8>]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(clearinghouse.ca_file()).expect("a PEM file") {
        roots
            .add(certificate.expect("a certificate"))
            .expect("an authority");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.to_vec();
    TlsConnector::from(Arc::new(config))
}

/// Sends the recorded bytes as they are over a connection of its own, and reads one answer.
async fn send(
    clearinghouse: &ClearinghouseServer,
    tls: &TlsConnector,
    request: &[u8],
) -> (u16, String, Vec<u8>) {
    let host = clearinghouse.url().host_str().expect("a host").to_owned();
    let port = clearinghouse.url().port().expect("a port");
    let exchange = async {
        let stream = TcpStream::connect((host.as_str(), port))
            .await
            .expect("a connection");
        let name = ServerName::try_from(host.clone()).expect("a server name");
        let mut stream = tls
            .connect(name, stream)
            .await
            .expect("a verified TLS connection");
        stream
            .write_all(request)
            .await
            .expect("the request is taken");
        let mut answer = Vec::new();
        loop {
            if let Some(parsed) = recording::parse_answer(&answer) {
                return parsed;
            }
            let read = stream.read_buf(&mut answer).await.expect("an answer");
            assert_ne!(read, 0, "the connection ended within an answer");
        }
    };
    tokio::time::timeout(ANSWER_TIME_MAX, exchange)
        .await
        .expect("an answer in time")
}
