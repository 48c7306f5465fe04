//! Which vessels are tried, by type and by chance.

use overlord_types::VesselName;

use super::*;
use crate::clearinghouse::candidate::VesselKey;
use overlord_types::NodeLocation;

/// A candidate on a network: `("10.0.1.7", "v2")`.
fn candidate(number: usize, host: &str) -> Candidate {
    let node = format!("3 {}", 33 + number).parse().unwrap();
    let vessel: VesselName = format!("v{number}").parse().unwrap();
    Candidate {
        key: VesselKey {
            node: number,
            vessel: 0,
        },
        handle: Handle::new(node, vessel),
        subnet: Subnet::of(&NodeLocation::new(host, 1224).unwrap()),
        neighbours: 0,
    }
}

fn candidates(hosts: &[&str]) -> Vec<Candidate> {
    hosts
        .iter()
        .enumerate()
        .map(|(number, host)| candidate(number, host))
        .collect()
}

fn port() -> UserPort {
    UserPort::try_from(63_111).unwrap()
}

fn list(kind: VesselType, count: usize, hosts: &[&str]) -> Result<Shortlist, Shortage> {
    let candidates = candidates(hosts);
    let subnets = candidates.iter().filter_map(|c| c.subnet.clone()).collect();
    shortlist(kind, count, port(), candidates, &subnets)
}

fn shortage(kind: VesselType, count: usize, hosts: &[&str]) -> String {
    list(kind, count, hosts).unwrap_err().to_string()
}

#[test]
fn a_network_is_what_comes_before_the_last_dot() {
    let subnet = |host| Subnet::of(&NodeLocation::new(host, 1224).unwrap());
    assert_eq!(subnet("10.0.1.7"), subnet("10.0.1.200"));
    assert_ne!(subnet("10.0.1.7"), subnet("10.0.2.7"));
    assert_eq!(subnet("localhost"), None);
}

#[test]
fn wan_wants_as_many_networks_as_vessels_and_counts_them_when_refusing() {
    let hosts = ["10.0.1.1", "10.0.1.2", "10.0.2.1"];
    let shortlist = list(VesselType::Wan, 2, &hosts).unwrap();
    assert!(shortlist.distinct_subnets);
    assert_eq!(shortlist.groups.len(), 1);
    assert_eq!(
        shortlist.groups[0].len(),
        3,
        "the second of a network is kept for when the first fails"
    );
    assert_eq!(
        shortage(VesselType::Wan, 3, &hosts),
        "Requested 3 wan vessels, but we only have vessels with port 63111 available on 2 subnets."
    );
}

#[test]
fn lan_tries_the_networks_with_enough_vessels_in_the_order_of_the_placement() {
    let hosts = ["10.0.3.1", "10.0.1.1", "10.0.2.1", "10.0.2.2", "10.0.1.2"];
    let shortlist = list(VesselType::Lan, 2, &hosts).unwrap();
    let numbers: Vec<Vec<usize>> = shortlist
        .groups
        .iter()
        .map(|group| group.iter().map(|candidate| candidate.key.node).collect())
        .collect();
    assert_eq!(numbers, [vec![1, 4], vec![2, 3]]);
    assert_eq!(
        shortage(VesselType::Lan, 3, &hosts),
        "No subnets exist with at least 3 active nodes that have a vessel available on port 63111"
    );
    assert_eq!(
        shortage(VesselType::Lan, 1, &[]),
        "No subnets exist with at least 1 active nodes"
    );
}

#[test]
fn rand_takes_any_and_nat_is_disabled() {
    assert_eq!(
        list(VesselType::Rand, 2, &["a", "b"]).unwrap().groups[0].len(),
        2
    );
    assert_eq!(
        shortage(VesselType::Rand, 3, &["a", "b"]),
        "Requested 3 rand vessels, but we only have 2 vessels with port 63111 available."
    );
    assert_eq!(
        shortage(VesselType::Nat, 1, &["a", "b"]),
        "Acquiring NAT vessels is currently disabled. "
    );
}

#[test]
fn the_same_seed_gives_the_same_order_and_loses_nobody() {
    let hosts = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let user: UserName = "alice".parse().unwrap();
    let order = |seed| {
        let placement = ShuffledPlacement::new(seed);
        let wanted = Wanted::Any(VesselType::Rand, 3);
        let ordered = placement.order(&user, &wanted, candidates(&hosts));
        ordered
            .iter()
            .map(|candidate| candidate.key.node)
            .collect::<Vec<_>>()
    };
    assert_eq!(order(5), order(5));
    assert_ne!(order(5), order(6));
    let mut all = order(5);
    all.sort_unstable();
    assert_eq!(all, (0..8).collect::<Vec<_>>());
}

#[test]
fn nodes_on_which_the_user_has_nothing_come_first_and_then_one_vessel_of_each_after_another() {
    let user: UserName = "alice".parse().unwrap();
    let wanted = Wanted::Any(VesselType::Lan, 3);
    let of_node = |node: usize, vessel: usize, neighbours: usize| Candidate {
        key: VesselKey { node, vessel },
        neighbours,
        ..candidate(node, "10.0.1.1")
    };
    let mut candidates = Vec::new();
    for vessel in 0..3 {
        candidates.push(of_node(0, vessel, 2));
        candidates.push(of_node(1, vessel, 0));
        candidates.push(of_node(2, vessel, 0));
    }
    let ordered = ShuffledPlacement::new(1).order(&user, &wanted, candidates);
    let nodes: Vec<usize> = ordered.iter().map(|candidate| candidate.key.node).collect();
    let mut rounds: Vec<Vec<usize>> = nodes.chunks(2).take(2).map(<[usize]>::to_vec).collect();
    rounds.iter_mut().for_each(|round| round.sort_unstable());
    assert_eq!(rounds, [[1, 2], [1, 2]], "{nodes:?}");
    assert_eq!(nodes[7..], [0, 0], "{nodes:?}");
}
