//! What survives the end of a testbed in its directory.

use std::os::unix::fs::PermissionsExt;

use overlord_testbed::Testbed;
use overlord_types::{VesselStatus, VesselType};

use crate::support::{self, bed, process_ends};

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
    let process = |vessel: &overlord_clearinghouse::VesselRecord| {
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
