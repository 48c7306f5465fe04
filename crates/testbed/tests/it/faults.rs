//! Nodes and clearinghouses that misbehave, and the knobs that make them.

use std::time::Duration;

use overlord_clearinghouse::{ClearinghouseCallError, ClearinghouseClient, Method, TransportError};
use overlord_testbed::{FaultRule, Misbehaviour};
use overlord_types::{VesselStatus, VesselType};

use crate::support::{bed, bed_with, eventually, process_ends};

fn transport(error: &ClearinghouseCallError) -> Option<&TransportError> {
    match error {
        ClearinghouseCallError::Transport { source, .. } => Some(source),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_died_is_left_out_of_an_acquisition_and_taken_back_when_it_answers() {
    let bed = bed().await;
    let clearinghouse = &bed.user.clearinghouse;
    bed.testbed.kill_node(2).await.unwrap();
    let dead = bed.testbed.nodes()[1].clone();
    assert!(!dead.running);
    // Nobody told the clearinghouse, so the dead node may be tried first; another takes its place.
    let vessels = clearinghouse.acquire(VesselType::Rand, 4).await.unwrap();
    assert!(
        vessels
            .iter()
            .all(|vessel| vessel.node_id != dead.id && vessel.is_active)
    );
    let refused = clearinghouse
        .acquire(VesselType::Rand, 1)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, ClearinghouseCallError::Fault { .. }),
        "{refused}"
    );
    bed.testbed.restart_node(2).await.unwrap();
    let more = eventually("the node is in use again", || async {
        clearinghouse.acquire(VesselType::Rand, 2).await.ok()
    });
    assert!(more.await.iter().all(|vessel| vessel.node_id == dead.id));
    bed.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_accepts_and_never_answers_costs_an_acquisition_its_deadline_once() {
    let bed = bed().await;
    let clearinghouse = &bed.user.clearinghouse;
    bed.testbed.node_faults(1).unwrap().set_silent(true);
    let silent = bed.testbed.nodes()[0].id.clone();
    let vessels = clearinghouse.acquire(VesselType::Rand, 4).await.unwrap();
    assert!(vessels.iter().all(|vessel| vessel.node_id != silent));
    bed.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acquisition_whose_answer_was_lost_is_found_by_asking_what_is_held() {
    let bed = bed().await;
    let clearinghouse = &bed.user.clearinghouse;
    let lost = FaultRule::next(Method::AcquireResources, Misbehaviour::LoseAnswer);
    bed.testbed.clearinghouse_faults().add(lost);
    let error = clearinghouse.acquire(VesselType::Wan, 2).await.unwrap_err();
    assert!(
        matches!(transport(&error), Some(TransportError::Lost(_))),
        "{error:?}"
    );
    let held = clearinghouse.resource_info().await.unwrap();
    assert_eq!(held.len(), 2);
    bed.user.start_server(&held[0]).await.unwrap();
    let lost = FaultRule::next(Method::AcquireResources, Misbehaviour::LoseRequest);
    bed.testbed.clearinghouse_faults().add(lost);
    assert!(clearinghouse.acquire(VesselType::Wan, 1).await.is_err());
    assert_eq!(clearinghouse.resource_info().await.unwrap().len(), 2);
    bed.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acquisition_goes_on_when_its_client_hangs_up() {
    let bed = bed_with(|config| config.nodes = 1).await;
    // Slow enough that the client is gone before the node has answered.
    bed.testbed
        .node_faults(1)
        .unwrap()
        .set_latency(Duration::from_millis(500));
    let hasty = ClearinghouseClient::builder(bed.testbed.clearinghouse_url().as_str())
        .ca_file(bed.testbed.ca_file())
        .timeout(Duration::from_millis(200))
        .build()
        .unwrap()
        .with(overlord_clearinghouse::Credentials {
            user: bed.user.account.name.clone(),
            api_key: bed.user.account.api_key.clone(),
        });
    let error = hasty.acquire(VesselType::Rand, 1).await.unwrap_err();
    assert!(
        matches!(transport(&error), Some(TransportError::Timeout { .. })),
        "{error:?}"
    );
    eventually("the vessel is held", || async {
        let held = bed.user.clearinghouse.resource_info().await.ok()?;
        (held.len() == 1).then_some(())
    })
    .await;
    bed.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clearinghouse_that_is_down_refuses_and_comes_back_where_it_was() {
    let bed = bed().await;
    let clearinghouse = &bed.user.clearinghouse;
    let vessels = clearinghouse.acquire(VesselType::Wan, 1).await.unwrap();
    bed.testbed.clearinghouse_faults().set_down(true);
    let url = bed.testbed.clearinghouse_url();
    let address = (url.host_str().unwrap().to_owned(), url.port().unwrap());
    eventually("connections are refused", || async {
        tokio::net::TcpStream::connect((address.0.as_str(), address.1))
            .await
            .err()
    })
    .await;
    assert!(clearinghouse.acquire(VesselType::Wan, 1).await.is_err());
    // The vessels know nothing of it.
    bed.user.start_server(&vessels[0]).await.unwrap();
    bed.user.wait_for_greeting(&vessels[0]).await;
    bed.testbed.clearinghouse_faults().set_down(false);
    let held = eventually("the clearinghouse is back", || async {
        clearinghouse.resource_info().await.ok()
    });
    assert_eq!(held.await.len(), 1);
    bed.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_misbehaviour_looks_to_a_client_like_what_it_is() {
    let bed = bed().await;
    let faults = bed.testbed.clearinghouse_faults();
    let clearinghouse = &bed.user.clearinghouse;
    let fault = overlord_clearinghouse::Fault::new(100, "a bad day");
    for misbehaviour in [
        Misbehaviour::Fault(fault),
        Misbehaviour::Status(503),
        Misbehaviour::Garbage,
        Misbehaviour::LoseAnswer,
    ] {
        faults.add(FaultRule::next(
            Method::AcquireSpecificVessels,
            misbehaviour.clone(),
        ));
        let handles = [bed_handle(&bed.testbed)];
        let error = clearinghouse.acquire_specific(&handles).await.unwrap_err();
        match misbehaviour {
            Misbehaviour::Fault(fault) => assert!(
                matches!(&error, ClearinghouseCallError::Fault { fault: seen, .. } if *seen == fault),
                "{error:?}"
            ),
            Misbehaviour::Status(_) => {
                assert!(
                    matches!(error, ClearinghouseCallError::Http { .. }),
                    "{error:?}"
                );
            }
            Misbehaviour::Garbage => {
                assert!(
                    matches!(error, ClearinghouseCallError::Malformed { .. }),
                    "{error:?}"
                );
            }
            _ => assert!(
                matches!(transport(&error), Some(TransportError::Lost(_))),
                "{error:?}"
            ),
        }
    }
    bed.testbed.shutdown().await;
}

fn bed_handle(testbed: &overlord_testbed::Testbed) -> overlord_types::Handle {
    let node = &testbed.nodes()[0];
    overlord_types::Handle::new(node.id.clone(), node.vessels[0].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn latency_is_felt_by_calls_and_not_by_the_start() {
    let latency = Duration::from_millis(100);
    let bed = bed_with(|config| config.latency = latency).await;
    let before = tokio::time::Instant::now();
    bed.user.clearinghouse.resource_info().await.unwrap();
    assert!(before.elapsed() >= latency);
    bed.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_was_killed_is_seen_by_the_next_who_asks() {
    let bed = bed().await;
    let vessels = bed
        .user
        .clearinghouse
        .acquire(VesselType::Rand, 1)
        .await
        .unwrap();
    let vessel = &vessels[0];
    assert!(bed.testbed.kill_vessel_process(&vessel.handle).is_err());
    bed.user.start_server(vessel).await.unwrap();
    let pid = bed.testbed.vessel_process(&vessel.handle).unwrap();
    bed.testbed.kill_vessel_process(&vessel.handle).unwrap();
    process_ends(pid).await;
    eventually("the node says that it ended", || async {
        let (status, _) = bed.user.status(vessel).await?;
        (status == VesselStatus::Terminated).then_some(())
    })
    .await;
    assert!(bed.testbed.kill_vessel_process(&vessel.handle).is_err());
    bed.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_trusts_another_authority_is_not_served() {
    let (one, other) = tokio::join!(bed(), bed());
    let client = ClearinghouseClient::builder(one.testbed.clearinghouse_url().as_str())
        .ca_file(other.testbed.ca_file())
        .build()
        .unwrap();
    let error = client
        .encrypted_api_key(&one.user.account.name)
        .await
        .unwrap_err();
    assert!(
        matches!(transport(&error), Some(TransportError::Tls(_))),
        "{error:?}"
    );
    tokio::join!(one.testbed.shutdown(), other.testbed.shutdown());
}
