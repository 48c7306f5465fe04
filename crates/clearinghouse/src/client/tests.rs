//! Tests of the client against loopback servers: trust, deadlines, repetitions, bounds.

use std::path::PathBuf;
use std::sync::Mutex;

use async_trait::async_trait;
use overlord_time::{Moment, Now};
use overlord_types::{Handle, VesselType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::response::ClearinghouseResponse;
use crate::test_support::{
    Answer, Authority, Server, VALID, client_for, credentials, self_signed_server,
};
use crate::tls_failure::TlsFailure;
use crate::{ApiKeyFormatError, ClientSetupError, Fault, LeasedVessel};

/// Never sleeps and notes what it was asked to.
#[derive(Default)]
struct NotedPauses(Mutex<Vec<Duration>>);

#[async_trait]
impl Clock for NotedPauses {
    fn now(&self) -> Now {
        Now::default()
    }

    async fn sleep_until(&self, moment: Moment) {
        self.0.lock().unwrap().push(moment.since_beginning());
    }
}

/// Always draws the most.
struct Most;

impl Randomness for Most {
    fn next_u64(&self) -> u64 {
        u64::MAX
    }
}

fn done() -> Answer {
    Answer::xml(ClearinghouseResponse::Done.to_xml())
}

fn text(text: &str) -> Answer {
    Answer::xml(ClearinghouseResponse::Text(text.to_owned()).to_xml())
}

async fn tls_failure(client: &ClearinghouseClient) -> TlsFailure {
    match client.encrypted_api_key(&"alice".parse().unwrap()).await {
        Err(error @ ClearinghouseCallError::Transport { .. }) => match &error {
            ClearinghouseCallError::Transport {
                source: TransportError::Tls(failure),
                ..
            } => {
                assert!(!error.may_have_happened());
                failure.clone()
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_reason_not_to_trust_a_server_has_its_own_message() {
    let (ours, other, remade) = (
        Authority::new(),
        Authority::named("Other"),
        Authority::new(),
    );
    let wrong_host = TlsFailure::WrongHost {
        host: "localhost".to_owned(),
        presented: "DnsName(\"example.org\")".to_owned(),
    };
    let mut messages = std::collections::BTreeSet::new();
    for (server, expected) in [
        (
            other.server(&["localhost"], VALID),
            TlsFailure::UnknownIssuer,
        ),
        (
            remade.server(&["localhost"], VALID),
            TlsFailure::UnknownIssuer,
        ),
        (self_signed_server(&["localhost"]), TlsFailure::SelfSigned),
        (other.server_showing_itself(), TlsFailure::SelfSigned),
        (
            ours.server(&["localhost"], (2000, 2001)),
            TlsFailure::Expired,
        ),
        (
            ours.server(&["localhost"], (2400, 2500)),
            TlsFailure::NotYetValid,
        ),
        (ours.server(&["example.org"], VALID), wrong_host),
    ] {
        let server = Server::start(Some(server), vec![done()]).await;
        let client = client_for(&server.url(), &ours.pem_file()).build().unwrap();
        let failure = tls_failure(&client).await;
        assert_eq!(failure, expected);
        assert!(
            server.heard().is_empty(),
            "nothing may be sent to a server that is not trusted"
        );
        assert!(!failure.hint().is_empty());
        messages.insert(failure.to_string());
    }
    assert_eq!(messages.len(), 5);
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_told_from_one_that_refuses_it() {
    let authority = Authority::new();
    for (reply, expected) in [
        (
            &b"HTTP/1.0 400 Bad Request\r\n\r\nno"[..],
            TlsFailure::NotTls,
        ),
        (
            &[21, 3, 3, 0, 2, 2, 40][..],
            TlsFailure::Refused("HandshakeFailure".to_owned()),
        ),
        (&[][..], TlsFailure::Cut),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "https://localhost:{}/",
            listener.local_addr().unwrap().port()
        );
        let server = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut hello = [0; 4096];
                let _ = stream.read(&mut hello).await;
                let _ = stream.write_all(reply).await;
                let _ = stream.shutdown().await;
                // Closing with unread bytes would reset the connection and lose the reply.
                while matches!(stream.read(&mut hello).await, Ok(n) if n > 0) {}
            }
        });
        let client = client_for(&url, &authority.pem_file())
            .retry(RetryPolicy::NEVER)
            .build()
            .unwrap();
        assert_eq!(tls_failure(&client).await, expected);
        server.abort();
    }
}

#[tokio::test]
async fn the_right_ca_file_is_enough_and_the_dangerous_switch_takes_any_server() {
    let authority = Authority::new();
    let trusted = authority.server(&["localhost"], VALID);
    let server = Server::start(Some(trusted), vec![text("1")]).await;
    let client = client_for(&server.url(), &authority.pem_file())
        .build()
        .unwrap();
    let user = "alice".parse().unwrap();
    assert_eq!(client.encrypted_api_key(&user).await.unwrap(), "1");
    let heard = server.heard();
    assert!(
        heard[0].head.starts_with("POST /xmlrpc/ HTTP/1.1\r\n"),
        "{}",
        heard[0].head
    );
    assert!(heard[0].head.contains("content-type: text/xml\r\n"));

    let expired_and_wrong = authority.server(&["example.org"], (2000, 2001));
    let server = Server::start(Some(expired_and_wrong), vec![text("2")]).await;
    let client = ClearinghouseClient::builder(&server.url())
        .danger_accept_invalid_certs(true)
        .build()
        .unwrap();
    assert_eq!(client.encrypted_api_key(&user).await.unwrap(), "2");
}

#[tokio::test]
async fn the_systems_roots_do_not_vouch_for_a_testbed_of_ones_own() {
    let authority = Authority::new();
    let server = Server::start(Some(authority.server(&["localhost"], VALID)), vec![]).await;
    match ClearinghouseClient::builder(&server.url()).build() {
        Ok(client) => assert_eq!(tls_failure(&client).await, TlsFailure::UnknownIssuer),
        // A machine without any roots says so.
        Err(error) => assert!(
            matches!(error, ClientSetupError::NoSystemRoots(_)),
            "{error}"
        ),
    }
}

#[test]
fn what_is_no_url_of_a_server_is_refused_and_no_password_is_shown() {
    for url in [
        "",
        "clearinghouse.example.org",
        "ftp://example.org/",
        "https://",
        "https://alice:TOPSECRET@example.org/",
        "https://alice:TOPSECRET@example.org:99999/",
        "alice:TOPSECRET@example.org/xmlrpc/",
    ] {
        let builder = ClearinghouseClient::builder(url);
        assert!(!format!("{builder:?}").contains("TOPSECRET"));
        let error = builder.build().unwrap_err();
        assert!(
            matches!(error, ClientSetupError::Url { .. }),
            "{url}: {error:?}"
        );
        assert!(!format!("{error} {error:?}").contains("TOPSECRET"));
        assert!(!error.hint().is_empty());
    }
    let plain = ClearinghouseClient::builder("http://127.0.0.1/xmlrpc/").build();
    assert!(matches!(plain, Err(ClientSetupError::PlainHttp { .. })));
    let url = |url: &str| {
        let builder = ClearinghouseClient::builder(url).danger_accept_invalid_certs(true);
        builder.build().unwrap().url().to_string()
    };
    assert_eq!(url("https://example.org"), "https://example.org/xmlrpc/");
    assert_eq!(
        url("https://example.org/xmlrpc"),
        "https://example.org/xmlrpc"
    );
    assert_eq!(
        url("https://example.org:8443/a/#b"),
        "https://example.org:8443/a/"
    );
}

#[test]
fn a_ca_file_that_is_none_says_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let certificate =
        |body: &str| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    let build = |path: PathBuf| {
        let url = "https://example.org";
        ClearinghouseClient::builder(url)
            .ca_file(path)
            .build()
            .unwrap_err()
    };
    let missing = build(folder.path().join("none.pem"));
    assert!(
        matches!(missing, ClientSetupError::CaFile { .. }),
        "{missing}"
    );
    for path in [
        file("empty.pem", b""),
        file("text.pem", b"hello"),
        file("base64.pem", certificate("!!!!").as_bytes()),
        file("der.pem", certificate("aGVsbG8=").as_bytes()),
    ] {
        let error = build(path.clone());
        assert!(
            matches!(error, ClientSetupError::CaFileContent { .. }),
            "{error}"
        );
        assert!(error.to_string().contains(path.to_str().unwrap()));
    }
}

#[tokio::test]
async fn a_call_without_an_answer_ends_at_its_deadline() {
    let authority = Authority::new();
    let tls = authority.server(&["localhost"], VALID);
    let server = Server::start(Some(tls), vec![Answer::Hang]).await;
    let timeout = Duration::from_millis(300);
    let client = client_for(&server.url(), &authority.pem_file())
        .timeout(timeout)
        .build()
        .unwrap();
    let begun = Instant::now();
    let error = client
        .with(credentials())
        .acquire(VesselType::Wan, 3)
        .await
        .unwrap_err();
    assert!(begun.elapsed() < timeout * 10);
    assert!(matches!(
        error,
        ClearinghouseCallError::Transport {
            source: TransportError::Timeout { after },
            ..
        } if after == timeout
    ));
    assert!(error.may_have_happened());
    assert_eq!(error.retry(), RetryClass::Again);
}

#[tokio::test]
async fn a_read_is_repeated_with_growing_pauses_and_an_acquisition_is_not() {
    let authority = Authority::new();
    let tls = authority.server(&["localhost"], VALID);
    let answers = vec![
        Answer::Close,
        Answer::status("503 Unavailable", "later"),
        text("65537 33"),
        Answer::Close,
    ];
    let server = Server::start(Some(tls), answers).await;
    let clock = Arc::new(NotedPauses::default());
    let client = client_for(&server.url(), &authority.pem_file())
        .build_with(clock.clone(), Arc::new(Most))
        .unwrap();
    let account = client.with(credentials());
    assert_eq!(account.public_key().await.unwrap(), "65537 33");
    let backoff = RetryPolicy::default().backoff;
    let pauses = [1, 2].map(|failures| backoff.pause(failures, u64::MAX));
    assert!(pauses[1] > backoff.first);
    assert_eq!(*clock.0.lock().unwrap(), pauses);
    assert_eq!(server.heard().len(), 3);

    let error = account.acquire(VesselType::Wan, 1).await.unwrap_err();
    assert!(error.may_have_happened(), "{error:?}");
    assert_eq!(server.heard().len(), 1);
}

#[tokio::test]
async fn what_was_never_sent_is_repeated_even_for_an_acquisition() {
    // A port that was just free and is not listened on.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://127.0.0.1:{}/",
        listener.local_addr().unwrap().port()
    );
    drop(listener);
    let authority = Authority::new();
    let clock = Arc::new(NotedPauses::default());
    let client = client_for(&url, &authority.pem_file())
        .build_with(clock.clone(), Arc::new(Most))
        .unwrap();
    let account = client.with(credentials());
    let error = account.acquire(VesselType::Wan, 1).await.unwrap_err();
    assert!(!error.may_have_happened());
    assert!(matches!(
        &error,
        ClearinghouseCallError::Transport { source: TransportError::Connect(why), .. } if why.to_string().contains("refused")
    ));
    let attempts = usize::try_from(RetryPolicy::default().attempts).unwrap();
    assert_eq!(clock.0.lock().unwrap().len(), attempts - 1);
}

#[tokio::test]
async fn answers_that_are_none_are_refused_and_faults_keep_their_text() {
    let authority = Authority::new();
    let tls = authority.server(&["localhost"], VALID);
    let answers = vec![
        Answer::status("404 Not Found", "<html>no\n such page</html>"),
        Answer::status("302 Found\r\nLocation: https://example.org/", ""),
        Answer::xml("<html><body>Please log in</body></html>"),
        Answer::xml(ClearinghouseResponse::Done.to_xml()),
        Answer::xml(vec![b' '; 2000]),
        Answer::xml(Fault::new(77, "words of its own").to_xml()),
    ];
    let server = Server::start(Some(tls), answers).await;
    let client = client_for(&server.url(), &authority.pem_file())
        .answer_bytes_max(1000)
        .build()
        .unwrap();
    let account = client.with(credentials());
    let mut shown = Vec::new();
    for _ in 0..6 {
        let error = account.resource_info().await.unwrap_err();
        assert!(!error.hint().is_empty());
        shown.push(with_causes(&error));
    }
    assert_eq!(server.heard().len(), 6, "none of these is worth repeating");
    for (shown, part) in shown.iter().zip([
        "status 404: <html>no such page</html>",
        "status 302",
        "no answer of a clearinghouse: XML, but no XML-RPC answer",
        "a list was expected, not a whole number",
        "more than 1000 bytes",
        "fault 77, unknown fault: words of its own",
    ]) {
        assert!(shown.contains(part), "{shown}");
    }
}

#[tokio::test]
async fn nothing_is_sent_for_an_empty_list() {
    let authority = Authority::new();
    let server = Server::start(Some(authority.server(&["localhost"], VALID)), vec![]).await;
    let client = client_for(&server.url(), &authority.pem_file())
        .build()
        .unwrap();
    let account = client.with(credentials());
    account.release(&[]).await.unwrap();
    account.renew(&[]).await.unwrap();
    assert!(account.acquire_specific(&[]).await.unwrap().is_empty());
    assert!(
        account
            .acquire(VesselType::Rand, 0)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(server.heard().is_empty());
}

#[tokio::test]
async fn a_long_list_of_handles_goes_in_parts_and_rand_as_the_server_wants_it() {
    let authority = Authority::new();
    let tls = authority.server(&["localhost"], VALID);
    let vessels = Answer::xml(ClearinghouseResponse::Vessels(Vec::new()).to_xml());
    let server = Server::start(Some(tls), vec![done(), done(), vessels]).await;
    let client = client_for(&server.url(), &authority.pem_file())
        .build()
        .unwrap();
    let account = client.with(credentials());
    let handles: Vec<Handle> = (0..=HANDLES_PER_CALL_MAX)
        .map(|n| format!("3 33:v{n}").parse().unwrap())
        .collect();
    account.release(&handles).await.unwrap();
    account.acquire(VesselType::Rand, 2).await.unwrap();
    let heard = server.heard();
    assert_eq!(heard.len(), 3);
    let body = String::from_utf8(heard[2].body.clone()).unwrap();
    assert!(body.contains("<string>random</string>"), "{body}");
}

#[tokio::test]
async fn the_api_key_is_what_the_private_key_makes_of_the_answer() {
    let authority = Authority::new();
    let tls = authority.server(&["localhost"], VALID);
    let server = Server::start(Some(tls), vec![text("12 34"), text(""), text("12")]).await;
    let client = client_for(&server.url(), &authority.pem_file())
        .build()
        .unwrap();
    let user = "alice".parse().unwrap();
    let key = client
        .fetch_api_key(&user, |encrypted| {
            assert_eq!(encrypted, "12 34");
            Ok::<_, std::io::Error>(b"abcdefghij0123456789!THEKEY".to_vec())
        })
        .await
        .unwrap();
    assert_eq!(key.expose(), "THEKEY");
    // An account with a tiny key gets an empty text.
    let empty = client
        .fetch_api_key(&user, |_| Ok::<_, std::io::Error>(Vec::new()))
        .await
        .unwrap_err();
    assert!(matches!(
        empty,
        ApiKeyError::Format {
            source: ApiKeyFormatError::Padding,
            ..
        }
    ));
    let refused = client
        .fetch_api_key(&user, |_| {
            Err(std::io::Error::other("not one of its numbers"))
        })
        .await
        .unwrap_err();
    assert!(matches!(refused, ApiKeyError::Decrypt { .. }));
    assert!(refused.to_string().contains("alice"));
}

#[tokio::test]
async fn one_record_that_cannot_be_read_does_not_hide_the_others() {
    let vessel = |name: &str| LeasedVessel {
        handle: format!("3 33:{name}").parse().unwrap(),
        node_id: "3 33".parse().unwrap(),
        node_ip: "10.0.0.1".to_owned(),
        node_port: 1224,
        vessel_id: name.parse().unwrap(),
        is_active: true,
        expires_in: Duration::from_secs(14_399),
    };
    let good = ClearinghouseResponse::Vessels(vec![vessel("v1"), vessel("v2")]).to_xml();
    let lying = good.replacen(
        "<value><string>v1</string></value>",
        "<value><string>v9</string></value>",
        1,
    );
    let expired = good.replace("<int>14399</int>", "<int>-5</int>");
    let bad = good.replace("<string>10.0.0.1</string>", "<int>5</int>");
    let authority = Authority::new();
    let tls = authority.server(&["localhost"], VALID);
    let answers = [good, lying, expired, bad].map(Answer::xml);
    let server = Server::start(Some(tls), answers.into()).await;
    let client = client_for(&server.url(), &authority.pem_file())
        .build()
        .unwrap();
    let account = client.with(credentials());
    assert_eq!(
        account.resource_info().await.unwrap(),
        [vessel("v1"), vessel("v2")]
    );
    assert_eq!(account.resource_info().await.unwrap(), [vessel("v2")]);
    assert_eq!(
        account.resource_info().await.unwrap()[0].expires_in,
        Duration::ZERO
    );
    let error = account.resource_info().await.unwrap_err();
    assert!(
        with_causes(&error)
            .contains("vessel 1 of the list cannot be used: node_ip is a whole number"),
        "{error}"
    );
}

/// Run again by the test below with a proxy in its environment, which other tests must not see.
#[tokio::test]
async fn asks_through_the_proxy_of_its_environment() {
    if std::env::var_os("OVERLORD_TEST_PROXY").is_none() {
        return;
    }
    let client = ClearinghouseClient::builder("https://clearinghouse.invalid/xmlrpc/")
        .danger_accept_invalid_certs(true)
        .retry(RetryPolicy::NEVER)
        .build()
        .unwrap();
    client
        .encrypted_api_key(&"alice".parse().unwrap())
        .await
        .unwrap_err();
}

#[tokio::test]
async fn proxies_are_taken_from_the_environment() {
    let proxy = Server::start(None, vec![Answer::status("502 Bad Gateway", "")]).await;
    let status = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "client::tests::asks_through_the_proxy_of_its_environment",
            "--exact",
        ])
        .env("OVERLORD_TEST_PROXY", "1")
        .env("HTTPS_PROXY", format!("http://127.0.0.1:{}", proxy.port))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .await
        .unwrap();
    assert!(status.status.success(), "{status:?}");
    let heard = proxy.heard();
    assert!(
        heard[0]
            .head
            .starts_with("CONNECT clearinghouse.invalid:443 "),
        "{}",
        heard[0].head
    );
}
