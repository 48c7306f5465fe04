//! Which vessels are tried for a request, and in which order. Telling the nodes is left to `service`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use overlord_types::{Handle, UserName, UserPort, VesselType};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

use super::candidate::{Candidate, Subnet};

/// Networks tried for one LAN request before it fails, as in the original: a bound on how long it takes.
const LAN_SUBNETS_TRIED_MAX: usize = 10;

/// What somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wanted {
    /// So many vessels of a type.
    Any(VesselType, usize),
    /// As many as can be had of these.
    These(Vec<Handle>),
}

/// In which order vessels that would do are tried. The default is chance, among the nodes on which the account has least.
pub trait Placement: Send + Sync {
    /// Brings the candidates into the order in which they are tried. Leaving some out means that they
    /// cannot be had.
    fn order(&self, user: &UserName, wanted: &Wanted, candidates: Vec<Candidate>)
    -> Vec<Candidate>;
}

/// Tries vessels in an order of chance, those of nodes on which the account has none first: so load spreads over the
/// nodes, and copies do not meet on an address as long as there is another.
#[derive(Debug)]
pub struct ShuffledPlacement(Mutex<ChaCha8Rng>);

impl ShuffledPlacement {
    /// The same seed gives the same orders.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha8Rng::seed_from_u64(seed)))
    }
}

impl Placement for ShuffledPlacement {
    fn order(&self, _: &UserName, _: &Wanted, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        // A panic elsewhere leaves a generator that is as good as before.
        let mut random = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        candidates.shuffle(&mut *random);
        let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
        let mut ranked = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let before = seen.entry(candidate.key.node).or_default();
            ranked.push((candidate.neighbours + *before, candidate));
            *before += 1;
        }
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, candidate)| candidate).collect()
    }
}

/// Why vessels could not be had, in the original's words, some of which are recorded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Shortage {
    // The blank at the end is the original's.
    #[error("Acquiring NAT vessels is currently disabled. ")]
    NatDisabled,
    #[error(
        "Requested {requested} wan vessels, but we only have vessels with port {port} available on {subnets} subnets."
    )]
    Wan {
        requested: usize,
        port: u16,
        subnets: usize,
    },
    #[error("No subnets exist with at least {requested} active nodes")]
    NoSubnets { requested: usize },
    #[error(
        "No subnets exist with at least {requested} active nodes that have a vessel available on port {port}"
    )]
    Lan { requested: usize, port: u16 },
    #[error(
        "Requested {requested} rand vessels, but we only have {available} vessels with port {port} available."
    )]
    Rand {
        requested: usize,
        available: usize,
        port: u16,
    },
    #[error("Failed to acquire enough vessels to fulfill the request")]
    NodesFailed,
    /// The original says nothing when every network was tried in vain.
    #[error("")]
    LanNodesFailed,
}

/// The vessels to try for a request: group after group, each in order, until one group gives enough.
#[derive(Debug)]
pub(crate) struct Shortlist {
    pub(crate) groups: Vec<Vec<Candidate>>,
    /// Whether no two of the vessels may be on one network.
    pub(crate) distinct_subnets: bool,
    /// What to say when every group has failed.
    pub(crate) exhausted: Shortage,
}

/// Which vessels to try for `count` of `kind`, of candidates in the order of the placement.
///
/// # Errors
/// When there are too few even if every node answers; in the original's words.
pub(crate) fn shortlist(
    kind: VesselType,
    count: usize,
    port: UserPort,
    ordered: Vec<Candidate>,
    active_subnets: &BTreeSet<Subnet>,
) -> Result<Shortlist, Shortage> {
    let port = port.number();
    match kind {
        VesselType::Nat => Err(Shortage::NatDisabled),
        VesselType::Wan => {
            let ordered: Vec<_> = ordered.into_iter().filter(|c| c.subnet.is_some()).collect();
            let subnets: BTreeSet<_> = ordered.iter().filter_map(|c| c.subnet.as_ref()).collect();
            let subnets = subnets.len();
            if subnets < count {
                return Err(Shortage::Wan {
                    requested: count,
                    port,
                    subnets,
                });
            }
            Ok(Shortlist {
                groups: vec![ordered],
                distinct_subnets: true,
                exhausted: Shortage::NodesFailed,
            })
        }
        VesselType::Lan => {
            if active_subnets.is_empty() {
                return Err(Shortage::NoSubnets { requested: count });
            }
            let groups = lan_groups(count, ordered);
            if groups.is_empty() {
                return Err(Shortage::Lan {
                    requested: count,
                    port,
                });
            }
            Ok(Shortlist {
                groups,
                distinct_subnets: false,
                exhausted: Shortage::LanNodesFailed,
            })
        }
        VesselType::Rand => {
            let available = ordered.len();
            if available < count {
                return Err(Shortage::Rand {
                    requested: count,
                    available,
                    port,
                });
            }
            Ok(Shortlist {
                groups: vec![ordered],
                distinct_subnets: false,
                exhausted: Shortage::NodesFailed,
            })
        }
    }
}

/// The networks that have enough vessels, in the order in which the placement first names them.
fn lan_groups(count: usize, ordered: Vec<Candidate>) -> Vec<Vec<Candidate>> {
    let mut position = BTreeMap::new();
    let mut groups: Vec<Vec<Candidate>> = Vec::new();
    for candidate in ordered {
        let Some(subnet) = candidate.subnet.clone() else {
            continue;
        };
        let index = *position.entry(subnet).or_insert(groups.len());
        match groups.get_mut(index) {
            Some(group) => group.push(candidate),
            None => groups.push(vec![candidate]),
        }
    }
    groups.retain(|group| group.len() >= count);
    groups.truncate(LAN_SUBNETS_TRIED_MAX);
    groups
}

#[cfg(test)]
mod tests;
