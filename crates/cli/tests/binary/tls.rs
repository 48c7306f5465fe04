//! Servers that must not be believed: each is refused with its code and a message that tells it apart.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use overlord::keys::{KeyDirectory, KeyPair};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, crypto::ring};

use crate::support::Folder;

/// The host of all servers here.
const HOST: &str = "127.0.0.1";

/// A certificate authority.
struct Authority {
    params: CertificateParams,
    key: rcgen::KeyPair,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        Self { params, key }
    }

    fn pem(&self) -> String {
        self.params.self_signed(&self.key).unwrap().pem()
    }

    /// The certificate of a server for this host and these years.
    fn certifies(&self, host: &str, years: (i32, i32)) -> Identity {
        let (params, key) = leaf(host, years);
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        (certificate.der().clone(), key)
    }
}

/// What a server shows, and its key.
type Identity = (CertificateDer<'static>, rcgen::KeyPair);

fn leaf(host: &str, (from, to): (i32, i32)) -> (CertificateParams, rcgen::KeyPair) {
    let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, "A server");
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    (params, rcgen::KeyPair::generate().unwrap())
}

fn self_signed(host: &str) -> Identity {
    let (params, key) = leaf(host, (2020, 2100));
    (params.self_signed(&key).unwrap().der().clone(), key)
}

/// Serves with that identity until the test ends, and gives the URL.
fn serve((certificate, key): Identity) -> String {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    serve_with(move |mut stream| {
        let mut tls = ServerConnection::new(Arc::clone(&config)).unwrap();
        // Ends with an alert where the client does not believe us; a client that does gets no sense.
        let mut stream = rustls::Stream::new(&mut tls, &mut stream);
        // All of the request is read first: a connection closed on bytes that wait is reset, and the answer lost.
        let mut request = Vec::new();
        let mut some = [0; 4096];
        while !String::from_utf8_lossy(&request).contains("</methodCall>") {
            match stream.read(&mut some) {
                Ok(count @ 1..) => request.extend_from_slice(&some[..count]),
                _ => return,
            }
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
        let _ = stream.flush();
    })
}

fn serve_with(answer: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind((HOST, 0)).unwrap();
    let url = format!("https://{}/xmlrpc/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap());
        }
    });
    url
}

#[test]
fn each_server_that_must_not_be_believed_is_told_apart() {
    let folder = Folder::new();
    KeyDirectory::new(folder.path())
        .save(&"alice".parse().unwrap(), &KeyPair::generate(1024).unwrap())
        .unwrap();
    let (ours, others) = (Authority::new("Ours"), Authority::new("Somebody else"));
    let ca: PathBuf = folder.file("ca.pem", &ours.pem());
    let ca = ca.to_str().unwrap();
    let plain = serve_with(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let cases = [
        (
            "expired",
            serve(ours.certifies(HOST, (2000, 2001))),
            "has expired",
            "clock",
        ),
        (
            "not yet valid",
            serve(ours.certifies(HOST, (2099, 2100))),
            "not valid yet",
            "clock",
        ),
        (
            "wrong host",
            serve(ours.certifies("elsewhere.example.org", (2020, 2100))),
            "not for 127.0.0.1 but for",
            "host name",
        ),
        (
            "self-signed",
            serve(self_signed(HOST)),
            "is self-signed",
            "CA file",
        ),
        (
            "wrong CA",
            serve(others.certifies(HOST, (2020, 2100))),
            "unknown authority",
            "CA file",
        ),
        ("no TLS", plain, "does not speak TLS", "port"),
    ];
    for (name, url, problem, advice) in &cases {
        let ended = folder.run(&[
            "--output",
            "json",
            "status",
            "--user",
            "alice",
            "--clearinghouse",
            url,
            "--ca-file",
            ca,
        ]);
        ended.expect(76, &[problem, "what to do: ", advice]);
        assert_eq!(
            ended.records().last().unwrap()["exit_code"],
            76,
            "{name}\n{ended}"
        );
        // No other reason is given besides.
        for (_, _, other, _) in cases.iter().filter(|(other, ..)| other != name) {
            assert!(
                !ended.stderr.contains(other),
                "{name} is told as {other:?}\n{ended}"
            );
        }
    }
    // A server that is believed is not refused for its certificate.
    let url = serve(ours.certifies(HOST, (2020, 2100)));
    let believed = folder.run(&[
        "status",
        "--user",
        "alice",
        "--clearinghouse",
        &url,
        "--ca-file",
        ca,
    ]);
    believed.expect(76, &["no answer of a clearinghouse"]);
    assert!(!believed.stderr.contains("certificate"), "{believed}");
}
