//! Leases: how long they are, and what happens at their end.

use std::time::Duration;

use overlord_testbed::LeaseTerms;
use overlord_types::{LEASE_ON_ACQUISITION, LEASE_ON_RENEWAL, VesselStatus, VesselType};

use crate::support::{bed, bed_with, eventually, process_ends};

/// A call takes less than this, so a lease that was just made is shorter by less.
const CALL_TIME_MAX: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_four_hours_and_seven_days_after_a_renewal() {
    let bed = bed().await;
    let clearinghouse = &bed.user.clearinghouse;
    let vessels = clearinghouse.acquire(VesselType::Rand, 2).await.unwrap();
    for vessel in &vessels {
        assert!(vessel.expires_in < LEASE_ON_ACQUISITION);
        assert!(vessel.expires_in > LEASE_ON_ACQUISITION - CALL_TIME_MAX);
    }
    let renewed = vessels[0].handle.clone();
    clearinghouse
        .renew(std::slice::from_ref(&renewed))
        .await
        .unwrap();
    for vessel in clearinghouse.resource_info().await.unwrap() {
        let lease = if vessel.handle == renewed {
            LEASE_ON_RENEWAL
        } else {
            LEASE_ON_ACQUISITION
        };
        assert!(vessel.expires_in < lease && vessel.expires_in > lease - CALL_TIME_MAX);
    }
    bed.testbed.shutdown().await;
}

/// Times are written in steps of 10 ms, and a client's clock may be a little behind. What the clearinghouse signed just before,
/// to give the vessel or to clean it, must not be in the way.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_request_after_an_acquisition_is_accepted_though_the_clients_clock_is_behind() {
    let bed = bed().await;
    let clearinghouse = &bed.user.clearinghouse;
    for _ in 0..10 {
        // As soon as there are clean ones: then the reset is as recent as can be.
        let vessels = eventually("three clean vessels", async || {
            clearinghouse.acquire(VesselType::Wan, 3).await.ok()
        })
        .await;
        for vessel in &vessels {
            let answer = bed.user.call_once(vessel, b"ListFilesInVessel").await;
            assert_eq!(answer, "8\n\nSuccess");
        }
        let handles: Vec<_> = vessels.iter().map(|vessel| vessel.handle.clone()).collect();
        clearinghouse.release(&handles).await.unwrap();
    }
    bed.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_lease_takes_the_vessel_back_and_cleans_it() {
    let bed = bed_with(|config| {
        config.leases = LeaseTerms {
            on_acquisition: Duration::from_secs(2),
            on_renewal: Duration::from_secs(3600),
        };
    })
    .await;
    let user = &bed.user;
    let vessels = user
        .clearinghouse
        .acquire(VesselType::Wan, 2)
        .await
        .unwrap();
    let (kept, ending) = (&vessels[0], &vessels[1]);
    user.clearinghouse
        .renew(std::slice::from_ref(&kept.handle))
        .await
        .unwrap();
    for vessel in [kept, ending] {
        user.start_server(vessel).await.unwrap();
        user.wait_for_greeting(vessel).await;
    }
    let pid = bed.testbed.vessel_process(&ending.handle).unwrap();
    eventually("the lease ends", || async {
        let held = user.clearinghouse.resource_info().await.ok()?;
        (held.len() == 1 && held[0].handle == kept.handle).then_some(())
    })
    .await;
    bed.testbed
        .clearinghouse()
        .when(|census| census.dirty == 0 && census.held == 1)
        .await;
    process_ends(pid).await;
    assert_eq!(user.status(ending).await, Some((VesselStatus::Fresh, 0)));
    assert_eq!(user.status(kept).await, Some((VesselStatus::Started, 1)));
    // A lease that has ended cannot be renewed, and nobody is told: the original's way.
    user.clearinghouse
        .renew(std::slice::from_ref(&ending.handle))
        .await
        .unwrap();
    assert_eq!(user.clearinghouse.resource_info().await.unwrap().len(), 1);
    bed.testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_users_port_is_free_on_the_node_that_gives_out_another_vessel_after_a_release() {
    let bed = bed_with(|config| config.nodes = 1).await;
    let user = &bed.user;
    let mut names = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let got = user.clearinghouse.acquire(VesselType::Rand, 1).await;
        let vessels = got.unwrap();
        names.insert(vessels[0].handle.vessel.clone());
        user.start_server(&vessels[0]).await.unwrap();
        user.wait_for_greeting(&vessels[0]).await;
        assert_eq!(
            user.status(&vessels[0]).await,
            Some((VesselStatus::Started, 1))
        );
        let handles = [vessels[0].handle.clone()];
        user.clearinghouse.release(&handles).await.unwrap();
    }
    assert_eq!(names.len(), 2, "both vessels had their turn");
    bed.testbed.shutdown().await;
}
