//! The fault knobs: what a client meets when each is turned, and that all is well when it is turned back.

use std::time::Duration;

use overlord_node::WrongReply;
use overlord_nodemanager::client::{NodeCallError, NodeClient, NodeClientConfig};
use overlord_nodemanager::reply::StartReply;

use crate::support::{TestNode, file, refusal};

/// A client that gives up soon, for answers that never come.
#[expect(
    clippy::field_reassign_with_default,
    reason = "the configuration may get more fields"
)]
fn hasty() -> NodeClient {
    let mut config = NodeClientConfig::default();
    config.receive_timeout = Duration::from_millis(300);
    config.repeats_max = 0;
    let chance = overlord_time::SeededRandomness::from_seed(1);
    NodeClient::new(config, std::sync::Arc::new(chance))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_of_failing_is_met_as_itself_and_ends_when_the_knob_is_turned_back() {
    let node = TestNode::start(1).await;
    let (faults, at) = (node.node.faults().clone(), node.node.location());
    let client = hasty();
    let ask = || client.list_vessels(&at);

    faults.set_silent(true);
    assert!(matches!(ask().await, Err(NodeCallError::TimedOut { .. })));
    faults.set_silent(false);
    ask().await.unwrap();

    faults.set_closing_unanswered(true);
    assert!(matches!(
        ask().await,
        Err(NodeCallError::ClosedUnanswered { .. })
    ));
    faults.set_closing_unanswered(false);
    ask().await.unwrap();

    for wrong in [
        WrongReply::CutShort,
        WrongReply::Endless,
        WrongReply::Lost,
        WrongReply::Bytes(b"HTTP/1.0 404 Not Found\r\n\r\n".to_vec()),
    ] {
        faults.set_wrong_reply(Some(wrong.clone()));
        assert!(ask().await.is_err(), "{wrong:?}");
    }
    faults.clear();
    ask().await.unwrap();
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusing_node_listens_no_more_and_then_again_and_its_vessels_run_on() {
    let node = TestNode::start(1).await;
    assert_eq!(
        node.run("v1", "exec sleep 100000", &[]).await,
        StartReply::Started
    );
    let (faults, at) = (node.node.faults().clone(), node.node.location());
    faults.set_refusing(true);
    let client = hasty();
    // The socket closes a moment after the knob was turned.
    let refused = async {
        loop {
            if let Err(NodeCallError::Connect { .. }) = client.list_vessels(&at).await {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), refused)
        .await
        .unwrap();
    faults.set_refusing(false);
    let back = async { while client.list_vessels(&at).await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(10), back)
        .await
        .unwrap();
    assert_eq!(
        node.status("v1").await,
        overlord_types::VesselStatus::Started
    );
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn latency_is_added_to_every_answer() {
    let node = TestNode::start(1).await;
    node.node.faults().set_latency(Duration::from_millis(200));
    let before = tokio::time::Instant::now();
    node.info().await;
    assert!(before.elapsed() >= Duration::from_millis(200));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_uploads_and_nothing_else() {
    let node = TestNode::start(1).await;
    let calls = node.calls("v1");
    calls
        .add_file(&file("a"), b"before".to_vec())
        .await
        .unwrap();
    node.node.faults().set_disk_full(true);
    let refused = refusal(calls.add_file(&file("a"), b"after".to_vec()).await);
    assert_eq!(refused, "Not enough free disk space");
    assert_eq!(calls.retrieve(&file("a")).await.unwrap(), b"before");
    node.node.faults().clear();
    calls.add_file(&file("a"), b"after".to_vec()).await.unwrap();
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_clock_is_two_hours_ahead_takes_every_request_for_expired() {
    let node = TestNode::start(1).await;
    let calls = node.calls("v1");
    node.node.faults().set_clock_skew_seconds(7200.0);
    let refused = refusal(calls.list_files().await);
    assert!(refused.starts_with("Bad Signature on"), "{refused}");
    node.node.faults().set_clock_skew_seconds(-1800.0);
    calls.list_files().await.unwrap();
    node.end().await;
}
