//! How the service ends: what was asked for is done and saved, and nothing is written afterwards.

use std::path::Path;

use async_trait::async_trait;
use overlord_time::SystemClock;
use overlord_types::{NodeId, NodeLocation, UserPort};
use tokio::sync::Notify;

use super::*;
use crate::clearinghouse::account::{NewAccount, PasswordHash};
use crate::clearinghouse::placement::ShuffledPlacement;
use crate::clearinghouse::registry::{EnrolledNode, EnrolledVessel};

/// Nodes that say when they are asked, and answer when they are told to.
#[derive(Default)]
struct HeldNodes {
    asked: Notify,
    go_on: Notify,
}

#[async_trait]
impl VesselControl for HeldNodes {
    async fn assign(&self, _: &VesselPlace, _: &PublicKey) -> Result<(), ControlError> {
        self.asked.notify_one();
        self.go_on.notified().await;
        Ok(())
    }

    async fn clean(&self, _: &VesselPlace) -> Result<(), ControlError> {
        Ok(())
    }

    async fn probe(&self, _: &NodeId, _: &NodeLocation) -> Result<(), ControlError> {
        Ok(())
    }
}

fn api_key() -> ApiKey {
    ApiKey::new("0123456789ABCDEFGHIJKLMNPQRSTUVW").unwrap()
}

/// A service with one account and one vessel, kept in `directory`.
fn service(directory: &Path, nodes: &Arc<HeldNodes>) -> Arc<Service> {
    let port = UserPort::try_from(63_100).unwrap();
    let alice = NewAccount::new(
        "alice".parse().unwrap(),
        "65537 1119760416288262279614755947687",
    );
    let mut registry = Registry::default();
    registry.add_account(Account {
        name: alice.name,
        affiliation: alice.affiliation,
        port,
        public_key: alice.public_key,
        api_key: api_key(),
        password: PasswordHash::of_generated(&Password::new("x"), &mut secret_randomness())
            .unwrap(),
        free_credits: alice.free_credits,
    });
    registry.enrol(EnrolledNode {
        id: "3 33".parse().unwrap(),
        location: NodeLocation::new("10.0.0.1", 1224).unwrap(),
        donor: None,
        vessels: vec![EnrolledVessel {
            name: "v1".parse().unwrap(),
            ports: BTreeSet::from([port.number()]),
            users: Vec::new(),
            fresh: true,
        }],
    });
    Service::new(Parts {
        registry,
        state_file: Some(StateFile::new(directory.join("state.json"))),
        control: Arc::clone(nodes) as _,
        placement: Arc::new(ShuffledPlacement::new(0)),
        clock: Arc::new(SystemClock),
        api_keys: Arc::new(api_key),
        terms: LeaseTerms::default(),
    })
}

/// Alice asks for one vessel of any kind.
fn acquire_one() -> Incoming {
    Incoming::WithApiKey {
        user: "alice".to_owned(),
        api_key: api_key(),
        call: Ok(AccountCall::AcquireResources {
            vessel_type: VesselType::Rand,
            count: 1,
        }),
    }
}

/// The service's node with a second vessel, in which somebody's program may still run.
fn with_a_dirty_vessel(service: &Service) -> VesselKey {
    service.change(|registry| {
        registry.enrol(EnrolledNode {
            id: "3 33".parse().unwrap(),
            location: NodeLocation::new("10.0.0.1", 1224).unwrap(),
            donor: None,
            vessels: ["v1", "v2"]
                .map(|name| EnrolledVessel {
                    name: name.parse().unwrap(),
                    ports: BTreeSet::from([63_100]),
                    users: Vec::new(),
                    fresh: name == "v1",
                })
                .into(),
        });
    });
    VesselKey { node: 0, vessel: 1 }
}

#[tokio::test(start_paused = true)]
async fn a_vessel_is_handed_out_once_its_node_has_emptied_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let nodes = Arc::new(HeldNodes::default());
    let service = service(directory.path(), &nodes);
    let dirty = with_a_dirty_vessel(&service);
    nodes.go_on.notify_one();
    let asking = tokio::spawn({
        let service = Arc::clone(&service);
        async move { service.answer(acquire_one()).await }
    });
    let early = tokio::time::timeout(EMPTYING_TIME_MAX / 2, nodes.asked.notified());
    assert!(early.await.is_err(), "the port may not be free yet");
    service.change(|registry| registry.mark_clean(dirty));
    nodes.asked.notified().await;
    assert!(
        matches!(asking.await.unwrap(), Ok(ClearinghouseResponse::Vessels(got)) if got.len() == 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_get_a_vessel_emptied_hands_out_the_others_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let nodes = Arc::new(HeldNodes::default());
    let service = service(directory.path(), &nodes);
    with_a_dirty_vessel(&service);
    nodes.go_on.notify_one();
    let began = Instant::now();
    let answer = service.answer(acquire_one()).await;
    assert!(matches!(answer, Ok(ClearinghouseResponse::Vessels(got)) if got.len() == 1));
    assert!(began.elapsed() >= EMPTYING_TIME_MAX);
}

#[tokio::test]
async fn a_call_whose_client_hung_up_is_done_and_saved_before_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let nodes = Arc::new(HeldNodes::default());
    let service = service(directory.path(), &nodes);
    let asking = tokio::spawn({
        let service = Arc::clone(&service);
        async move { service.answer(acquire_one()).await }
    });
    nodes.asked.notified().await;
    asking.abort();
    let (_, ()) = tokio::join!(async { nodes.go_on.notify_one() }, service.close());
    let saved = StateFile::new(directory.path().join("state.json"));
    assert_eq!(saved.load().unwrap().census().held, 1);
}

#[tokio::test]
async fn nothing_is_written_after_the_end_even_by_those_who_asked_before() {
    let directory = tempfile::tempdir().unwrap();
    let nodes = Arc::new(HeldNodes::default());
    let service = service(directory.path(), &nodes);
    for _ in 0..20 {
        service.change(|_| ());
        let saving = tokio::spawn({
            let service = Arc::clone(&service);
            async move { service.persist().await }
        });
        tokio::task::yield_now().await;
        // As upkeep does with its chores when it stops: the write may be under way.
        saving.abort();
    }
    service.close().await;
    let kept = directory.keep();
    std::fs::remove_dir_all(&kept).unwrap();
    service.change(|_| ());
    assert!(service.persist().await.is_err());
    let listing = Incoming::EncryptedApiKey {
        user: "alice".to_owned(),
    };
    assert!(service.answer(listing).await.is_err(), "refused");
    assert!(!kept.exists());
}
