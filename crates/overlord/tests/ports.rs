//! The engine's ports against a testbed: real TLS, real signatures, real processes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail the test"
)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::{SLEEPER, World};
use overlord::ports::{ClearinghousePort, NodesPort, SeededRandomness};
use overlord_engine::{
    Clearinghouse, ClearinghouseError, HeldVessel, NodeError, NodeManagers, ProgramFile,
    StartCommand, StartOutcome, VesselAddress,
};
use overlord_keys::KeyPair;
use overlord_nodemanager::client::NodeClientConfig;
use overlord_types::{Platform, ProgramArguments, VesselStatus, VesselType};

#[test]
fn vessel_process_entry() {
    overlord_node::launch::enter_if_asked();
}

fn address(vessel: &HeldVessel) -> VesselAddress {
    VesselAddress {
        handle: vessel.handle.clone(),
        location: vessel.location.clone(),
    }
}

fn file(name: &str, text: &str) -> ProgramFile {
    ProgramFile {
        name: name.parse().unwrap(),
        contents: text.to_owned().into(),
    }
}

fn chance() -> Arc<SeededRandomness> {
    Arc::new(SeededRandomness::from_seed(1))
}

/// A client that waits for no answer longer than a test wants to.
#[expect(
    clippy::field_reassign_with_default,
    reason = "the type is open for more fields, so it cannot be written as a whole"
)]
fn impatient() -> NodeClientConfig {
    let mut config = NodeClientConfig::default();
    config.receive_timeout = Duration::from_millis(300);
    config
}

fn command(program: &str, platform: Platform) -> StartCommand {
    StartCommand {
        platform,
        program: program.parse().unwrap(),
        arguments: ProgramArguments::new(vec!["63100".to_owned()]).unwrap(),
    }
}

/// Asks until the answer is the wanted one; a test's own deadline.
async fn eventually<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    let answered = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), answered)
        .await
        .expect("it never came")
}

#[tokio::test(flavor = "multi_thread")]
async fn vessels_are_acquired_listed_renewed_and_given_back() {
    let world = World::start(3, 2).await;
    let connection = world.connect().await;
    let port = ClearinghousePort::new(connection.clearinghouse().clone());

    let account = port.account().await.unwrap();
    assert_eq!(account.user_name, common::alice());
    assert_eq!(account.max_vessels, 10);
    assert_eq!(account.user_port, connection.account().user_port);

    assert!(port.held().await.unwrap().is_empty());
    let acquired = port.acquire(VesselType::Wan, 3).await.unwrap();
    let networks: BTreeMap<_, _> = acquired
        .iter()
        .map(|vessel| (vessel.location.host().to_owned(), &vessel.handle))
        .collect();
    assert_eq!(networks.len(), 3, "each on a network of its own");
    let held = port.held().await.unwrap();
    assert_eq!(held.len(), 3);
    let lease = held[0].expires_in;

    let handles: Vec<_> = acquired
        .iter()
        .map(|vessel| vessel.handle.clone())
        .collect();
    port.renew(&handles).await.unwrap();
    assert!(port.held().await.unwrap()[0].expires_in > lease);
    port.release(&handles).await.unwrap();
    assert!(port.held().await.unwrap().is_empty());

    // A vessel that was given back is cleaned before it can be had again.
    let again = eventually(async || {
        let vessels = port.acquire_specific(&handles[..1]).await.unwrap();
        vessels.into_iter().next()
    })
    .await;
    assert_eq!(again.handle, handles[0]);
    let too_many = port.acquire(VesselType::Wan, 9).await.unwrap_err();
    assert!(
        matches!(too_many, ClearinghouseError::UnableToAcquire(_)),
        "{too_many:?}"
    );
    let over_credit = port.acquire(VesselType::Rand, 11).await.unwrap_err();
    assert!(matches!(
        over_credit,
        ClearinghouseError::NotEnoughCredits(_)
    ));
    world.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_uploaded_started_watched_stopped_and_wiped() {
    let world = World::start(1, 2).await;
    let connection = world.connect().await;
    let clearinghouse = ClearinghousePort::new(connection.clearinghouse().clone());
    let nodes = NodesPort::new(connection.keys().clone(), chance());
    let vessel = address(&clearinghouse.acquire(VesselType::Rand, 1).await.unwrap()[0]);

    nodes
        .upload(&vessel, &file("sleeper", SLEEPER))
        .await
        .unwrap();
    // A vessel on which nothing runs is stopped already.
    nodes.stop(&vessel).await.unwrap();
    let started = nodes
        .start(&vessel, &command("sleeper", Platform::Native))
        .await;
    assert!(matches!(
        started,
        Ok(StartOutcome::Started | StartOutcome::NotYet)
    ));
    let observed = eventually(async || {
        let all = nodes
            .vessels(&vessel.handle.node, &vessel.location)
            .await
            .unwrap();
        (all[&vessel.handle.vessel].status == VesselStatus::Started).then_some(all)
    })
    .await;
    assert!(observed[&vessel.handle.vessel].is_ours);
    let others = observed
        .iter()
        .filter(|(name, _)| **name != vessel.handle.vessel);
    assert!(
        others.into_iter().all(|(_, other)| !other.is_ours),
        "{observed:?}"
    );
    eventually(async || {
        let log = nodes.read_log(&vessel).await.unwrap();
        String::from_utf8_lossy(&log)
            .contains("started 63100")
            .then_some(())
    })
    .await;

    nodes.stop(&vessel).await.unwrap();
    nodes.stop(&vessel).await.unwrap();
    nodes.reset(&vessel).await.unwrap();
    let all = nodes
        .vessels(&vessel.handle.node, &vessel.location)
        .await
        .unwrap();
    assert_eq!(all[&vessel.handle.vessel].status, VesselStatus::Fresh);

    // What ends at once says so, and what is not there ends at once.
    nodes
        .upload(&vessel, &file("ends", "#!/bin/sh\nexit 3\n"))
        .await
        .unwrap();
    for program in ["ends", "none"] {
        // On a busy machine the node may have seen it run for a moment.
        let ended = nodes
            .start(&vessel, &command(program, Platform::Native))
            .await;
        assert!(
            matches!(
                ended,
                Ok(StartOutcome::Ended(VesselStatus::Terminated) | StartOutcome::Started)
            ),
            "{program}: {ended:?}"
        );
        eventually(async || {
            let all = nodes
                .vessels(&vessel.handle.node, &vessel.location)
                .await
                .unwrap();
            (all[&vessel.handle.vessel].status == VesselStatus::Terminated).then_some(())
        })
        .await;
    }
    world.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_does_wrong_is_told_apart() {
    let world = World::start(2, 1).await;
    let connection = world.connect().await;
    let clearinghouse = ClearinghousePort::new(connection.clearinghouse().clone());
    let config = impatient();
    let nodes = NodesPort::with_config(connection.keys().clone(), config.clone(), chance());
    let vessels = clearinghouse.acquire(VesselType::Wan, 2).await.unwrap();
    let (one, other) = (address(&vessels[0]), address(&vessels[1]));

    let mistaken = nodes.vessels(&one.handle.node, &other.location).await;
    assert!(
        matches!(mistaken, Err(NodeError::Misbehaved(_))),
        "{mistaken:?}"
    );

    let stranger = NodesPort::with_config(KeyPair::generate(1024).unwrap(), config, chance());
    let refused = stranger.stop(&one).await;
    assert!(matches!(refused, Err(NodeError::Refused(_))), "{refused:?}");

    let node = world.testbed.node_of(&one.handle).unwrap();
    world.testbed.node_faults(node).unwrap().set_silent(true);
    let silent = nodes.vessels(&one.handle.node, &one.location).await;
    assert!(matches!(silent, Err(NodeError::Silent(_))), "{silent:?}");

    world.testbed.kill_node(node).await.unwrap();
    let dead = nodes.vessels(&one.handle.node, &one.location).await;
    assert!(matches!(dead, Err(NodeError::Unreachable(_))), "{dead:?}");
    world.testbed.shutdown().await;
}
