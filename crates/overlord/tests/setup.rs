//! What an operator can get wrong before anything runs: each mistake has its own message, blame and advice.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail the test"
)]

mod common;

use std::error::Error as _;
use std::path::Path;

use common::{SLEEPER, World, alice};
use overlord::{
    Blame, Classified as _, ConnectionSettings, Overlord, OverlordBuilder, SetupError, VesselType,
};
use overlord_clearinghouse::ApiKey;
use overlord_keys::{KeyDirectory, KeyPair};

#[test]
fn vessel_process_entry() {
    overlord_node::launch::enter_if_asked();
}

/// The whole chain of an error, and who is to blame.
async fn refusal(builder: OverlordBuilder) -> (Blame, String) {
    let error = builder.build().await.unwrap_err();
    assert!(!error.hint().is_empty());
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        assert!(!text.ends_with(&cause.to_string()), "said twice: {cause}");
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    (error.blame(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_is_told_before_anything_runs() {
    let world = World::start(1, 1).await;
    let keys = world.folder.path().join("keys");
    let stranger = KeyPair::generate(1024).unwrap();
    let folder = |name: &str| {
        let folder = world.folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        folder
    };
    let (no_keys, other_keys, mixed) = (folder("none"), folder("other"), folder("mixed"));
    KeyDirectory::new(&other_keys)
        .save(&alice(), &stranger)
        .unwrap();
    let copy = |from: &Path, name: &str| std::fs::copy(from.join(name), mixed.join(name)).unwrap();
    copy(&keys, "alice.publickey");
    copy(&other_keys, "alice.privatekey");
    let upper_case = world.program("Server", SLEEPER);
    let stop = world.program("stop-now", "");
    let text = world.program("no.pem", "hello");
    let url = world.testbed.clearinghouse_url();
    let builder = || world.builder();

    use Blame::{Clearinghouse, LocalMachine, Operator};
    for (builder, blame, part) in [
        (builder().count(0), Operator, "at least 1"),
        (builder().count(11), Operator, "may hold 10"),
        (builder().count(1_000_000), Operator, "at most 10000"),
        (
            builder().program("/none/such.r2py"),
            Operator,
            "/none/such.r2py: No such file",
        ),
        (
            builder().program(world.folder.path()),
            Operator,
            "cannot read the program",
        ),
        (builder().program(upper_case), Operator, "'S'"),
        (builder().keys_dir(&no_keys), Operator, "do not exist"),
        (
            builder().keys_dir(&mixed),
            Operator,
            "do not belong together",
        ),
        (
            builder().keys_dir(&other_keys),
            Operator,
            "private key is probably not the account's",
        ),
        (builder().clearinghouse("hello"), Operator, "no URL"),
        (
            builder().clearinghouse("http://127.0.0.1/xmlrpc/"),
            Operator,
            "not https",
        ),
        (
            builder().clearinghouse("https://127.0.0.1:9/"),
            Clearinghouse,
            "refused",
        ),
        (
            builder().clearinghouse(format!("{url}no/such/page")),
            Operator,
            "status 404",
        ),
        (builder().ca_file("/none.pem"), Operator, "/none.pem"),
        (builder().ca_file(text), Operator, "no certificate in it"),
        (builder().api_key("no blanks please"), Operator, "API key"),
        (builder().api_key("WRONG"), Operator, "User auth failed."),
        (
            builder().stop_file(&stop),
            Operator,
            "asked this deployment to stop",
        ),
        (
            builder().log_file("/none/run.log"),
            LocalMachine,
            "/none/run.log",
        ),
        (
            builder().poll_period(std::time::Duration::ZERO),
            Operator,
            "poll period",
        ),
        (Overlord::builder("../alice"), Operator, "a user name is"),
    ] {
        let (blamed, text) = refusal(builder).await;
        assert!(text.contains(part), "{part:?} is not in {text:?}");
        assert_eq!(blamed, blame, "{text}");
    }
    assert!(stop.exists(), "a request to stop is not taken away");
    let unknown = Overlord::builder("bob").keys_dir({
        KeyDirectory::new(&other_keys)
            .save(&"bob".parse().unwrap(), &stranger)
            .unwrap();
        &other_keys
    });
    let unknown = unknown.clearinghouse(&url).ca_file(world.testbed.ca_file());
    let (blamed, text) = refusal(unknown.without_stop_file()).await;
    assert!(text.contains("Username does not exist."), "{text}");
    assert_eq!(blamed, Operator);
    world.testbed.shutdown().await;
}

#[test]
fn nothing_printable_holds_a_secret() {
    let url = "https://alice:TOPSECRET@example.org/";
    let builder = Overlord::builder("alice")
        .api_key("TOPSECRET")
        .clearinghouse(url);
    let mut settings = ConnectionSettings::new(alice());
    settings.clearinghouse = url.to_owned();
    settings.api_key = Some(ApiKey::new("TOPSECRET").unwrap());
    let printed = format!("{builder:?} {settings:?}");
    assert!(!printed.contains("TOPSECRET"), "{printed}");
}

#[tokio::test]
async fn the_originals_constructor_takes_the_keys_of_the_current_folder() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("time_server.py");
    std::fs::write(&program, "pass\n").unwrap();
    let log = folder.path().join("run.log");
    let error = Overlord::new("nobody-here", 10, VesselType::Wan, program, Some(log)).await;
    let error = error.unwrap_err();
    assert!(matches!(error, SetupError::Keys { .. }), "{error:?}");
    assert!(
        error
            .source()
            .unwrap()
            .to_string()
            .contains("./nobody-here.publickey")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_given_api_key_does_not_hide_keys_of_somebody_else() {
    let world = World::start(1, 1).await;
    let connection = world.connect().await;
    let client = connection.clearinghouse().client();
    let decrypt = |text: &str| connection.keys().private().decrypt(text.as_bytes());
    let api_key = client.fetch_api_key(&alice(), decrypt).await.unwrap();
    let built = world
        .builder()
        .count(1)
        .api_key(api_key.expose())
        .build()
        .await;
    assert!(built.is_ok(), "{built:?}");

    let other = world.folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    KeyDirectory::new(&other)
        .save(&alice(), &KeyPair::generate(1024).unwrap())
        .unwrap();
    let mistaken = world.builder().keys_dir(other).api_key(api_key.expose());
    let error = mistaken.count(1).build().await.unwrap_err();
    assert!(matches!(error, SetupError::OtherKeys { .. }), "{error:?}");
    world.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_overlords_share_no_configuration() {
    let world = World::start(1, 1).await;
    let program = world.program("sleeper", SLEEPER);
    let one = world
        .builder()
        .count(1)
        .program(&program)
        .build()
        .await
        .unwrap();
    let two = world
        .builder()
        .count(2)
        .vessel_type(VesselType::Rand)
        .build()
        .await
        .unwrap();
    assert_eq!(
        (one.config().vessel_count(), two.config().vessel_count()),
        (1, 2)
    );
    assert_eq!(one.config().vessel_type(), VesselType::Wan);
    assert_eq!(one.config().program_name(), Some("sleeper"));
    assert_eq!(two.config().program_name(), None);
    assert_eq!(one.config().user_name().as_str(), "alice");
    assert_eq!(one.config().user_port(), two.config().user_port());
    world.testbed.shutdown().await;
}
