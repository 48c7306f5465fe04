//! Leases and reservations, step by step and in any order.

use std::time::Duration;

use overlord_clearinghouse::Password;
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::clearinghouse::account::{PasswordHash, random_api_key};

fn moment(seconds: u64) -> UnixMicros {
    UnixMicros::since_1970(Duration::from_secs(seconds))
}

fn user(name: &str) -> UserName {
    name.parse().unwrap()
}

fn account(name: &str) -> Account {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let password = Password::new("x");
    Account {
        name: user(name),
        affiliation: String::new(),
        port: port(),
        public_key: format!("3 33{}", name.len()),
        api_key: random_api_key(&mut random),
        password: PasswordHash::of_generated(&password, &mut random).unwrap(),
        free_credits: 2,
    }
}

fn port() -> UserPort {
    UserPort::try_from(63_100).unwrap()
}

fn fresh(name: &str) -> EnrolledVessel {
    EnrolledVessel {
        name: name.parse().unwrap(),
        ports: BTreeSet::from([63_100]),
        users: Vec::new(),
        fresh: true,
    }
}

fn node(number: u32, vessels: Vec<EnrolledVessel>) -> EnrolledNode {
    EnrolledNode {
        id: format!("3 {number}").parse().unwrap(),
        location: NodeLocation::new(&format!("10.0.{number}.1"), 1224).unwrap(),
        donor: None,
        vessels,
    }
}

/// Two nodes of two vessels; alice and bob, who may hold two vessels each.
fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.enrol(node(1, vec![fresh("v1"), fresh("v2")]));
    registry.enrol(node(2, vec![fresh("v1"), fresh("v2")]));
    assert!(registry.add_account(account("alice")));
    assert!(registry.add_account(account("bob")));
    registry
}

fn key(node: usize, vessel: usize) -> VesselKey {
    VesselKey { node, vessel }
}

fn hold(registry: &mut Registry, key: VesselKey, name: &str, until: u64) {
    assert!(registry.reserve(key, &user(name), port()));
    registry.confirm(key, moment(until), true);
}

#[test]
fn names_of_accounts_do_not_differ_by_case() {
    let mut registry = registry();
    assert!(!registry.add_account(account("Alice")));
    assert_eq!(registry.account("ALICE").unwrap().name, user("alice"));
}

#[test]
fn the_port_with_the_fewest_accounts_is_given_out() {
    let registry = registry();
    assert_eq!(registry.least_used_port(), 63_101);
}

#[test]
fn a_vessel_is_one_accounts_at_a_time() {
    let mut registry = registry();
    assert!(registry.reserve(key(0, 0), &user("alice"), port()));
    assert!(!registry.reserve(key(0, 0), &user("bob"), port()));
    registry.confirm(key(0, 0), moment(100), true);
    assert!(!registry.reserve(key(0, 0), &user("bob"), port()));
    assert!(
        !registry.release(key(0, 0), &user("bob"), moment(10)),
        "foreign vessels stay as they are"
    );
    assert!(registry.release(key(0, 0), &user("alice"), moment(10)));
    assert!(
        !registry.reserve(key(0, 0), &user("bob"), port()),
        "not before it is clean"
    );
    registry.mark_clean(key(0, 0));
    assert!(registry.reserve(key(0, 0), &user("bob"), port()));
}

#[test]
fn reservations_and_leases_count_against_the_credit_and_ended_ones_do_not() {
    let mut registry = registry();
    let alice = registry.account("alice").unwrap().clone();
    let lacks =
        |registry: &Registry, more, now| registry.require_credit(&alice, more, moment(now)).err();
    assert_eq!(lacks(&registry, 2, 0), None);
    hold(&mut registry, key(0, 0), "alice", 100);
    assert!(registry.reserve(key(0, 1), &user("alice"), port()));
    let overdraft = lacks(&registry, 1, 0).unwrap();
    assert_eq!(
        overdraft.to_string(),
        "Requested 1 vessels, already acquired 2, max allowed is 2"
    );
    assert_eq!(lacks(&registry, 1, 100), None, "a lease is over at its end");
}

#[test]
fn each_donated_node_adds_ten_credits() {
    let mut registry = registry();
    let mut donated = node(2, vec![fresh("v1"), fresh("v2")]);
    donated.donor = Some(user("Alice"));
    registry.enrol(donated);
    let credits = |name: &str| registry.credits(registry.account(name).unwrap());
    assert_eq!((credits("alice"), credits("bob")), (12, 2));
}

#[test]
fn a_lease_that_has_ended_is_not_renewed_and_its_vessel_is_taken_back() {
    let mut registry = registry();
    let terms = LeaseTerms::default();
    hold(&mut registry, key(0, 0), "alice", 100);
    hold(&mut registry, key(0, 1), "alice", 200);
    assert_eq!(registry.next_expiry(), Some(moment(100)));
    assert!(!registry.renew(key(0, 0), &user("alice"), moment(100), terms));
    assert!(!registry.renew(key(0, 1), &user("bob"), moment(100), terms));
    assert!(registry.renew(key(0, 1), &user("alice"), moment(100), terms));
    assert_eq!(registry.expire(moment(100)), 1);
    assert_eq!(registry.dirty(), [key(0, 0)]);
    let owned = registry.owned(&user("alice"), moment(100));
    assert_eq!(owned.len(), 1);
    assert_eq!(owned[0].expires, moment(100).after(terms.on_renewal));
}

#[test]
fn nothing_of_a_silent_node_is_given_out_or_cleaned_until_it_answers() {
    let mut registry = registry();
    hold(&mut registry, key(0, 0), "alice", 100);
    registry.release(key(0, 0), &user("alice"), moment(0));
    assert!(registry.set_active(0, false));
    assert!(!registry.set_active(0, false), "no news");
    assert!(registry.dirty().is_empty());
    assert!(
        registry
            .available(&user("bob"), port())
            .iter()
            .all(|candidate| candidate.key.node == 1)
    );
    assert!(!registry.reserve(key(0, 1), &user("bob"), port()));
    assert_eq!(registry.active_subnets().len(), 1);
    assert!(registry.set_active(0, true));
    assert_eq!(registry.dirty(), [key(0, 0)]);
}

#[test]
fn a_candidate_knows_how_many_vessels_of_its_node_the_user_has() {
    let mut registry = registry();
    hold(&mut registry, key(0, 0), "alice", 100);
    let neighbours = |who: &str| -> Vec<(usize, usize)> {
        let candidates = registry.available(&user(who), port());
        let pair = |candidate: &Candidate| (candidate.key.node, candidate.neighbours);
        candidates.iter().map(pair).collect()
    };
    assert_eq!(neighbours("alice"), [(0, 1), (1, 0), (1, 0)]);
    assert_eq!(neighbours("bob"), [(0, 0), (1, 0), (1, 0)]);
}

#[test]
fn a_vessel_without_the_users_port_is_not_given_to_the_user() {
    let registry = registry();
    assert_eq!(registry.available(&user("bob"), port()).len(), 4);
    assert!(
        registry
            .available(&user("bob"), UserPort::try_from(63_101).unwrap())
            .is_empty()
    );
}

#[test]
fn handles_are_refused_in_the_originals_words() {
    let registry = registry();
    assert_eq!(registry.resolve("3 2:v2"), Ok(key(1, 1)));
    assert_eq!(registry.resolve("x"), Err(Fault::malformed_handle("x")));
    assert_eq!(
        registry.resolve("3 2:v2:v2"),
        Err(Fault::malformed_handle("3 2:v2:v2"))
    );
    assert_eq!(
        registry.resolve("3 2:v3"),
        Err(Fault::no_such_vessel("3 2", "v3"))
    );
    assert_eq!(
        registry.resolve("3 9:v1"),
        Err(Fault::no_such_vessel("3 9", "v1"))
    );
}

#[test]
fn what_a_node_says_of_its_vessels_is_held_against_what_is_known() {
    let mut registry = registry();
    hold(&mut registry, key(0, 0), "alice", 100);
    let alices_key = registry.account("alice").unwrap().public_key.clone();
    let mut used = fresh("v2");
    used.users = vec!["3 35".to_owned()];
    let mut held = fresh("v1");
    (held.fresh, held.users) = (false, vec![alices_key]);
    let mut ran = fresh("v3");
    ran.fresh = false;
    registry.enrol(node(1, vec![held.clone(), used, ran]));
    assert_eq!(
        registry.dirty(),
        [key(0, 1), key(0, 2)],
        "somebody's key, somebody's files"
    );
    assert!(registry.keys_out_of_sync().is_empty());
    held.users.clear();
    registry.enrol(node(1, vec![held]));
    assert_eq!(
        registry.keys_out_of_sync().len(),
        1,
        "the node forgot alice"
    );
    assert!(
        registry.resolve("3 1:v2").is_ok(),
        "vessels that are gone keep their place"
    );
    let gone = |candidate: &Candidate| candidate.key.node == 0;
    assert!(!registry.available(&user("bob"), port()).iter().any(gone));
}

#[test]
fn a_key_counts_as_told_only_if_it_is_still_the_accounts() {
    let mut registry = registry();
    hold(&mut registry, key(0, 0), "alice", 100);
    registry.mark_keys_out_of_sync(&user("alice"));
    registry.account_mut("alice").unwrap().public_key = "3 55".to_owned();
    assert_eq!(
        registry.keys_out_of_sync(),
        [(key(0, 0), "3 55".to_owned())]
    );
    registry.mark_keys_in_sync(key(0, 0), "3 33");
    assert_eq!(registry.keys_out_of_sync().len(), 1);
    registry.mark_keys_in_sync(key(0, 0), "3 55");
    assert!(registry.keys_out_of_sync().is_empty());
}

#[test]
fn a_registry_goes_through_json_and_no_reservation_survives() {
    let mut registry = registry();
    hold(&mut registry, key(0, 0), "alice", 100);
    assert!(registry.reserve(key(1, 0), &user("bob"), port()));
    let json = serde_json::to_vec(&registry).unwrap();
    let mut back: Registry = serde_json::from_slice(&json).unwrap();
    back.after_restart();
    assert!(
        back.available(&user("bob"), port()).is_empty(),
        "no node has answered yet"
    );
    let known = registry.owned(&user("alice"), moment(0));
    assert_eq!(known.len(), 1);
    for node in 0..2 {
        back.set_active(node, true);
    }
    assert_eq!(back.owned(&user("alice"), moment(0)), known);
    assert_eq!(back.dirty(), [key(1, 0)]);
}

#[derive(Debug, Clone)]
enum Step {
    Reserve(usize, bool),
    Confirm(usize, u64),
    Abandon(usize),
    Release(usize, bool),
    Renew(usize, bool),
    Clean(usize),
    Active(usize, bool),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let vessel = 0_usize..4;
    prop_oneof![
        (vessel.clone(), any::<bool>()).prop_map(|(v, a)| Step::Reserve(v, a)),
        (vessel.clone(), 1_u64..50).prop_map(|(v, t)| Step::Confirm(v, t)),
        vessel.clone().prop_map(Step::Abandon),
        (vessel.clone(), any::<bool>()).prop_map(|(v, a)| Step::Release(v, a)),
        (vessel.clone(), any::<bool>()).prop_map(|(v, a)| Step::Renew(v, a)),
        vessel.prop_map(Step::Clean),
        (0_usize..2, any::<bool>()).prop_map(|(n, a)| Step::Active(n, a)),
        (0_u64..30).prop_map(Step::Wait),
    ]
}

proptest! {
    /// Whatever happens in whatever order, nobody gets a vessel that was another's without its being
    /// cleaned in between.
    #[test]
    fn no_vessel_changes_hands_uncleaned(steps in proptest::collection::vec(step(), 1..80)) {
        let mut registry = registry();
        let mut now = 0;
        let mut last_user: BTreeMap<VesselKey, UserName> = BTreeMap::new();
        let vessel = |number: usize| key(number / 2, number % 2);
        let name = |alice: bool| user(if alice { "alice" } else { "bob" });
        for step in steps {
            match step {
                Step::Reserve(v, alice) => {
                    if registry.reserve(vessel(v), &name(alice), port()) {
                        let before = last_user.insert(vessel(v), name(alice));
                        prop_assert_eq!(before, None, "not cleaned after its last user");
                    }
                }
                Step::Confirm(v, length) => registry.confirm(vessel(v), moment(now + length), true),
                Step::Abandon(v) => registry.abandon(vessel(v)),
                Step::Release(v, alice) => {
                    let released = registry.release(vessel(v), &name(alice), moment(now));
                    prop_assert!(!released || last_user.get(&vessel(v)) == Some(&name(alice)));
                }
                Step::Renew(v, alice) => {
                    let terms = LeaseTerms::default();
                    let renewed = registry.renew(vessel(v), &name(alice), moment(now), terms);
                    prop_assert!(!renewed || last_user.get(&vessel(v)) == Some(&name(alice)));
                }
                Step::Clean(v) => {
                    if registry.dirty().contains(&vessel(v)) {
                        registry.mark_clean(vessel(v));
                        last_user.remove(&vessel(v));
                    }
                }
                Step::Active(node, active) => {
                    registry.set_active(node, active);
                }
                Step::Wait(seconds) => {
                    now += seconds;
                    registry.expire(moment(now));
                }
            }
            let census = registry.census();
            prop_assert_eq!(census.free + census.assigning + census.held + census.dirty, 4);
            let owned = [true, false].map(|alice| registry.owned(&name(alice), moment(now)).len());
            prop_assert_eq!(owned[0] + owned[1], census.held);
        }
    }
}
