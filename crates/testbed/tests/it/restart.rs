//! What survives the end of a testbed in its directory.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use overlord_keys::{KeyDirectory, KeyPair};
use overlord_testbed::Testbed;
use overlord_types::{UserName, VesselStatus, VesselType};
use tokio::task::JoinSet;

use crate::support::{self, bed, bed_with, process_ends};

#[tokio::test(flavor = "multi_thread")]
async fn accounts_leases_authority_and_running_programs_survive_a_restart() {
    let bed = bed().await;
    let user = bed.user;
    let vessels = user
        .clearinghouse
        .acquire(VesselType::Wan, 2)
        .await
        .unwrap();
    user.start_server(&vessels[0]).await.unwrap();
    user.wait_for_greeting(&vessels[0]).await;
    let before = bed.testbed.nodes();
    let network = bed.testbed.network();
    let url = bed.testbed.clearinghouse_url();
    let authority = std::fs::read(bed.testbed.ca_file()).unwrap();
    let pid = bed.testbed.vessel_process(&vessels[0].handle).unwrap();
    bed.testbed.shutdown_leaving_programs().await;

    let testbed = Testbed::start(support::config(bed.directory.path()))
        .await
        .unwrap();
    for (after, before) in testbed.nodes().iter().zip(&before) {
        assert_eq!((&after.id, &after.location), (&before.id, &before.location));
        assert_eq!(after.vessels, before.vessels);
    }
    assert_eq!(testbed.network(), network);
    // An overlord that lives on, and scripts, know this.
    assert_eq!(testbed.clearinghouse_url(), url);
    assert_eq!(std::fs::read(testbed.ca_file()).unwrap(), authority);
    let account = testbed.clearinghouse().account(&user.account.name).unwrap();
    assert_eq!(account.api_key, user.account.api_key);
    assert_eq!(account.user_port, user.account.user_port);
    let user = support::returning_user(&testbed, account, user.keys).await;
    let held = user.clearinghouse.resource_info().await.unwrap();
    assert_eq!(held.len(), 2);
    // The program was never stopped, and is the same one.
    assert_eq!(testbed.vessel_process(&vessels[0].handle), Some(pid));
    assert_eq!(
        user.status(&vessels[0]).await,
        Some((VesselStatus::Started, 1))
    );
    user.wait_for_greeting(&vessels[0]).await;
    // What was free is free, what was held is held, nothing needs cleaning.
    let census = testbed.census();
    assert_eq!((census.free, census.held, census.dirty), (4, 2, 0));
    testbed.shutdown().await;
    process_ends(pid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_cleaned_after_a_restart_if_it_was_not_before() {
    let bed = bed().await;
    let user = bed.user;
    let vessels = user
        .clearinghouse
        .acquire(VesselType::Wan, 1)
        .await
        .unwrap();
    user.start_server(&vessels[0]).await.unwrap();
    let node = bed.testbed.node_of(&vessels[0].handle).unwrap();
    bed.testbed.stop_node(node).await.unwrap();
    user.clearinghouse
        .release(&[vessels[0].handle.clone()])
        .await
        .unwrap();
    assert_eq!(bed.testbed.census().dirty, 1);
    bed.testbed.shutdown_leaving_programs().await;

    let testbed = Testbed::start(support::config(bed.directory.path()))
        .await
        .unwrap();
    testbed
        .clearinghouse()
        .when(|census| census.dirty == 0)
        .await;
    let account = testbed.clearinghouse().account(&user.account.name).unwrap();
    let user = support::returning_user(&testbed, account, user.keys).await;
    assert_eq!(
        user.status(&vessels[0]).await,
        Some((VesselStatus::Fresh, 0))
    );
    assert!(user.greeting(&vessels[0]).await.is_none());
    testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clearinghouse_whose_port_somebody_took_meanwhile_takes_another() {
    let bed = bed_with(|config| config.nodes = 0).await;
    let url = bed.testbed.clearinghouse_url();
    let address = (url.host_str().unwrap().to_owned(), url.port().unwrap());
    bed.testbed.shutdown().await;
    let _somebody = std::net::TcpListener::bind(address).unwrap();
    let mut config = support::config(bed.directory.path());
    config.nodes = 0;
    let testbed = Testbed::start(config).await.unwrap();
    assert_ne!(testbed.clearinghouse_url().port(), url.port());
    assert_eq!(testbed.clearinghouse_url().host(), url.host());
    testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_are_asked_all_at_once_at_a_start() {
    const GUESTS: usize = 3;
    let directory = tempfile::tempdir().unwrap();
    let all_asked = Arc::new(tokio::sync::Barrier::new(GUESTS));
    let keys = KeyDirectory::new(directory.path().join("owner-keys"));
    let mut guests = Vec::new();
    let mut asked = JoinSet::new();
    for number in 0..GUESTS {
        let name: UserName = format!("guest-{number}").parse().unwrap();
        keys.save(&name, &KeyPair::generate(1024).unwrap()).unwrap();
        let node = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let location = node.local_addr().unwrap().to_string();
        guests.push(serde_json::json!({ "location": location, "owner_key": name, "donor": null }));
        let all_asked = Arc::clone(&all_asked);
        asked.spawn(async move {
            // None hangs up before all are asked: were they asked in turn, the first would never be done with.
            let first = node.accept().await.unwrap();
            all_asked.wait().await;
            drop((first, node));
        });
    }
    let record = serde_json::json!({ "network": null, "guests": guests });
    std::fs::write(directory.path().join("testbed.json"), record.to_string()).unwrap();
    let mut config = support::config(directory.path());
    config.nodes = 0;
    let testbed = Testbed::start(config).await.unwrap();
    // A guest that was given up before the others were asked still waits for them.
    let all = tokio::time::timeout(std::time::Duration::ZERO, asked.join_all()).await;
    assert_eq!(all.map(|all| all.len()), Ok(GUESTS));
    testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_readable_by_their_owner_only() {
    let bed = bed().await;
    let mode = |name: &str| {
        let metadata = std::fs::metadata(bed.directory.path().join(name)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode("authority.key.pem"), 0o600);
    assert_eq!(mode("clearinghouse.json"), 0o600);
    assert_eq!(mode("owner-keys/owner-001.privatekey"), 0o600);
    assert_eq!(mode("cacert.pem") & 0o444, 0o444);
    bed.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_testbed_that_is_dropped_leaves_no_program_behind() {
    let bed = bed().await;
    let vessels = bed
        .user
        .clearinghouse
        .acquire(VesselType::Wan, 2)
        .await
        .unwrap();
    for vessel in &vessels {
        bed.user.start_server(vessel).await.unwrap();
    }
    let process = |vessel: &overlord_clearinghouse::LeasedVessel| {
        bed.testbed
            .vessel_process(&vessel.handle)
            .expect("a process")
    };
    let pids: Vec<u32> = vessels.iter().map(process).collect();
    drop(bed.testbed);
    for pid in pids {
        process_ends(pid).await;
    }
}
