//! The whole chain, as a user goes through it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use overlord_clearinghouse::{ClearinghouseCallError, FaultKind, LeasedVessel};
use overlord_keys::KeyPair;
use overlord_testbed::Testbed;
use overlord_types::{Handle, VesselStatus, VesselType};

use crate::support::{self, bed, bed_with, process_ends, user};

fn networks(vessels: &[LeasedVessel]) -> BTreeSet<String> {
    let network = |vessel: &LeasedVessel| {
        let address: IpAddr = vessel.node_ip.parse().unwrap();
        address.to_string().rsplit_once('.').unwrap().0.to_owned()
    };
    vessels.iter().map(network).collect()
}

fn handles(vessels: &[LeasedVessel]) -> Vec<Handle> {
    vessels.iter().map(|vessel| vessel.handle.clone()).collect()
}

fn fault_kind(error: &ClearinghouseCallError) -> Option<FaultKind> {
    match error {
        ClearinghouseCallError::Fault { fault, .. } => Some(fault.kind()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_acquired_for_uploaded_started_and_answers_on_every_network() {
    let bed = bed().await;
    let vessels = bed
        .user
        .clearinghouse
        .acquire(VesselType::Wan, 3)
        .await
        .unwrap();
    assert_eq!(networks(&vessels).len(), 3);
    for vessel in &vessels {
        bed.user.start_server(vessel).await.unwrap();
    }
    for vessel in &vessels {
        let greeting = bed.user.wait_for_greeting(vessel).await;
        assert_eq!(greeting, format!("this is {}\n", vessel.vessel_id));
        assert_eq!(
            bed.user.status(vessel).await,
            Some((VesselStatus::Started, 1))
        );
    }
    let pids: Vec<u32> = vessels
        .iter()
        .map(|vessel| {
            bed.testbed
                .vessel_process(&vessel.handle)
                .expect("a process")
        })
        .collect();
    bed.testbed.shutdown().await;
    for pid in pids {
        process_ends(pid).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_released_is_stopped_emptied_and_taken_from_its_user() {
    let bed = bed().await;
    let user = &bed.user;
    let vessels = user
        .clearinghouse
        .acquire(VesselType::Rand, 1)
        .await
        .unwrap();
    let vessel = &vessels[0];
    user.start_server(vessel).await.unwrap();
    user.wait_for_greeting(vessel).await;
    let pid = bed.testbed.vessel_process(&vessel.handle).unwrap();
    user.clearinghouse
        .release(&handles(&vessels))
        .await
        .unwrap();
    assert!(user.clearinghouse.resource_info().await.unwrap().is_empty());
    bed.testbed
        .clearinghouse()
        .when(|census| census.dirty == 0)
        .await;
    process_ends(pid).await;
    assert_eq!(user.status(vessel).await, Some((VesselStatus::Fresh, 0)));
    let refused = user.vessel(vessel).list_files().await.unwrap_err();
    assert!(refused.to_string().contains("refused"), "{refused}");
    // The next user finds nothing of the one before.
    let bob = support::user(&bed.testbed, "bob").await;
    let again = bob
        .clearinghouse
        .acquire_specific(&handles(&vessels))
        .await
        .unwrap();
    assert_eq!(handles(&again), handles(&vessels));
    assert!(bob.vessel(&again[0]).list_files().await.unwrap().is_empty());
    bed.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wan_differs_lan_agrees_and_what_cannot_be_had_is_refused_whole() {
    let bed = bed().await;
    let clearinghouse = &bed.user.clearinghouse;
    let wan = clearinghouse.acquire(VesselType::Wan, 3).await.unwrap();
    assert_eq!(networks(&wan).len(), 3);
    let refused = clearinghouse.acquire(VesselType::Wan, 4).await.unwrap_err();
    assert_eq!(fault_kind(&refused), Some(FaultKind::UnableToAcquire));
    let refused = clearinghouse.acquire(VesselType::Lan, 2).await.unwrap_err();
    assert_eq!(fault_kind(&refused), Some(FaultKind::UnableToAcquire));
    let refused = clearinghouse.acquire(VesselType::Nat, 1).await.unwrap_err();
    assert!(
        matches!(&refused, ClearinghouseCallError::Fault { fault, .. }
            if fault.text.contains("NAT vessels is currently disabled")),
        "{refused:?}"
    );
    assert_eq!(clearinghouse.resource_info().await.unwrap().len(), 3);
    clearinghouse.release(&handles(&wan)).await.unwrap();
    bed.testbed
        .clearinghouse()
        .when(|census| census.dirty == 0)
        .await;
    let lan = clearinghouse.acquire(VesselType::Lan, 2).await.unwrap();
    assert_eq!(networks(&lan).len(), 1);
    let rand = clearinghouse.acquire(VesselType::Rand, 4).await.unwrap();
    assert_eq!(rand.len(), 4);
    assert_eq!(bed.testbed.census().free, 0);
    bed.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credit_bounds_what_an_account_holds_even_when_it_asks_many_times_at_once() {
    let bed = bed_with(|config| config.vessels_per_node = 6).await;
    let asks = (0..6).map(|_| {
        let clearinghouse = bed.user.clearinghouse.clone();
        tokio::spawn(async move { clearinghouse.acquire(VesselType::Rand, 3).await })
    });
    let asks: Vec<_> = asks.collect();
    let (mut acquired, mut refused) = (0, 0);
    for ask in asks {
        match ask.await.unwrap() {
            Ok(vessels) => acquired += vessels.len(),
            Err(error) => {
                assert_eq!(fault_kind(&error), Some(FaultKind::NotEnoughCredits));
                refused += 1;
            }
        }
    }
    assert_eq!((acquired, refused), (9, 3));
    assert_eq!(
        bed.user.clearinghouse.resource_info().await.unwrap().len(),
        9
    );
    bed.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_public_key_reaches_the_vessels_that_are_held() {
    let mut bed = bed().await;
    let vessels = bed
        .user
        .clearinghouse
        .acquire(VesselType::Rand, 2)
        .await
        .unwrap();
    let new_keys = KeyPair::generate(1024).unwrap();
    let account = bed.user.account.clone();
    let password = account.password.clone().unwrap();
    let client = bed.user.clearinghouse.client().clone();
    client
        .set_public_key(&account.name, &password, new_keys.public().as_str())
        .await
        .unwrap();
    // The API key is now encrypted for the new key, and the nodes are told.
    bed.user = support::returning_user(&bed.testbed, account, new_keys).await;
    for vessel in &vessels {
        support::eventually("the node knows the new key", || async {
            bed.user.vessel(vessel).list_files().await.ok()
        })
        .await;
    }
    bed.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn testbeds_run_side_by_side() {
    let (one, other) = tokio::join!(bed(), bed());
    assert_ne!(one.testbed.network(), other.testbed.network());
    for bed in [&one, &other] {
        let vessels = bed
            .user
            .clearinghouse
            .acquire(VesselType::Wan, 3)
            .await
            .unwrap();
        bed.user.start_server(&vessels[0]).await.unwrap();
        bed.user.wait_for_greeting(&vessels[0]).await;
    }
    // Users of one are strangers to the other.
    let stranger = &one.user.account.name;
    let bob = user(&other.testbed, "bob").await;
    assert!(other.testbed.clearinghouse().account(stranger).is_some());
    assert!(
        one.testbed
            .clearinghouse()
            .account(&bob.account.name)
            .is_none()
    );
    tokio::join!(one.testbed.shutdown(), other.testbed.shutdown());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_somebody_else_takes_part_and_gives_its_donor_credit() {
    let guest_bed = bed().await;
    let bed = bed().await;
    // Any node will do whose owner's key is known: here one of another testbed, held by nobody.
    let guest = &guest_bed.testbed.nodes()[0];
    let keys = overlord_keys::KeyDirectory::new(guest_bed.directory.path().join("owner-keys"));
    let owner = keys.load(&"owner-001".parse().unwrap()).unwrap().pair;
    let donor = Some(bed.user.account.name.clone());
    let id = bed
        .testbed
        .enrol_node(guest.location.clone(), owner, donor)
        .await
        .unwrap();
    assert_eq!(id, guest.id);
    let info = bed.user.clearinghouse.account_info().await.unwrap();
    assert_eq!(info.max_vessels, 20);
    let wanted = Handle::new(id, guest.vessels[0].clone());
    let vessels = bed
        .user
        .clearinghouse
        .acquire_specific(&[wanted])
        .await
        .unwrap();
    assert!(
        bed.user
            .vessel(&vessels[0])
            .list_files()
            .await
            .unwrap()
            .is_empty()
    );
    let stranger = KeyPair::generate(1024).unwrap();
    let refused = bed
        .testbed
        .enrol_node(guest.location.clone(), stranger, None)
        .await;
    assert!(refused.is_err());
    bed.testbed.shutdown().await;
    guest_bed.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_testbed_keeps_others_out_of_its_directory_and_frees_its_network() {
    let bed = bed().await;
    let second = Testbed::start(support::config(bed.directory.path())).await;
    assert!(matches!(
        second,
        Err(overlord_testbed::TestbedError::InUse(_))
    ));
    let number = bed.testbed.network();
    bed.testbed.shutdown().await;
    let mut config = support::config(bed.directory.path());
    config.network = Some(number);
    let again = Testbed::start(config).await.unwrap();
    assert_eq!(again.network(), number);
    again.shutdown().await;
}
