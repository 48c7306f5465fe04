//! The world as it is: nodes, vessels, leases, the journal's store. It lies to the engine and remembers the truth.

use std::collections::BTreeMap;
use std::time::Duration;

use overlord_engine::{Generation, StoredRecord, journal::Ledger};
use overlord_types::{Handle, NodeLocation, VesselStatus};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::options::Options;
use crate::rules::Ruler;

/// Who has a vessel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    Nobody,
    Us,
    /// Another deployment on our account.
    Others,
}

#[derive(Debug, Clone)]
pub(crate) struct VesselModel {
    pub(crate) handle: Handle,
    pub(crate) node: usize,
    pub(crate) holder: Holder,
    pub(crate) lease_until: Duration,
    pub(crate) lease_length: Duration,
    pub(crate) file_is_whole: bool,
    status: VesselStatus,
    ends_at: Option<Duration>,
}

impl VesselModel {
    pub(crate) fn status(&self, now: Duration) -> VesselStatus {
        match (self.status, self.ends_at) {
            (VesselStatus::Started, Some(end)) if now >= end => VesselStatus::Terminated,
            (status, _) => status,
        }
    }

    pub(crate) fn runs(&self, now: Duration) -> bool {
        self.status(now) == VesselStatus::Started
    }

    pub(crate) fn set_status(&mut self, status: VesselStatus, ends_at: Option<Duration>) {
        self.status = status;
        self.ends_at = ends_at;
    }

    pub(crate) fn wipe(&mut self) {
        self.set_status(VesselStatus::Fresh, None);
        self.file_is_whole = false;
    }
}

/// What is wrong with a node; each counts the faults of its kind that are on, for they overlap.
#[derive(Debug, Clone, Default)]
pub(crate) struct NodeModel {
    pub(crate) dead: u32,
    pub(crate) silent: u32,
    pub(crate) slow: u32,
    pub(crate) lying: u32,
}

pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) random: ChaCha12Rng,
    pub(crate) nodes: Vec<NodeModel>,
    pub(crate) vessels: BTreeMap<Handle, VesselModel>,
    pub(crate) clearinghouse_down: u32,
    pub(crate) clearinghouse_hangs: u32,
    pub(crate) gives_nothing: u32,
    pub(crate) link_down: u32,
    pub(crate) journal_fails: u32,
    pub(crate) journal_forgets: bool,
    /// A node that refuses files of one name.
    pub(crate) refuses_file: Option<(usize, &'static str)>,
    pub(crate) crash_wanted: bool,
    pub(crate) healed: bool,
    pub(crate) journal: Vec<StoredRecord>,
    pub(crate) generation: Generation,
    pub(crate) summed_up: bool,
    pub(crate) ledger: Ledger,
    pub(crate) ruler: Ruler,
    /// Calls and records so far, and at which of them the engine is to crash.
    pub(crate) steps: u64,
    pub(crate) crash_at_step: Option<u64>,
    pub(crate) log: Option<Vec<String>>,
    /// How often the engine has asked for something, by name.
    pub(crate) asked: BTreeMap<&'static str, u64>,
}

impl World {
    pub(crate) fn new(options: Options) -> Self {
        let mut random = ChaCha12Rng::seed_from_u64(options.seed ^ 0x5EED);
        let mut vessels = BTreeMap::new();
        for node in 0..options.nodes {
            for number in 0..options.vessels_per_node {
                let handle: Handle = format!("65537 {}:v{number}", 100_000 + node)
                    .parse()
                    .unwrap();
                let vessel = VesselModel {
                    handle: handle.clone(),
                    node,
                    holder: Holder::Nobody,
                    lease_until: Duration::ZERO,
                    lease_length: Duration::ZERO,
                    file_is_whole: false,
                    status: VesselStatus::Fresh,
                    ends_at: None,
                };
                vessels.insert(handle, vessel);
            }
        }
        let foreign = options.foreign;
        for _ in 0..foreign {
            let free: Vec<Handle> = vessels
                .values()
                .filter(|vessel| vessel.holder == Holder::Nobody)
                .map(|vessel| vessel.handle.clone())
                .collect();
            if let Some(vessel) = free
                .get(random.random_range(0..free.len()))
                .and_then(|handle| vessels.get_mut(handle))
            {
                vessel.holder = Holder::Others;
                vessel.lease_length = options.lease_on_renewal;
                vessel.lease_until = Duration::from_secs(365 * 24 * 3600);
                if random.random_bool(0.5) {
                    vessel.file_is_whole = true;
                    vessel.set_status(VesselStatus::Started, None);
                }
            }
        }
        Self {
            nodes: vec![NodeModel::default(); options.nodes],
            ruler: Ruler::new(&options),
            options,
            random,
            vessels,
            clearinghouse_down: 0,
            clearinghouse_hangs: 0,
            gives_nothing: 0,
            link_down: 0,
            journal_fails: 0,
            journal_forgets: false,
            refuses_file: None,
            crash_wanted: false,
            healed: false,
            journal: Vec::new(),
            generation: Generation::default(),
            summed_up: false,
            ledger: Ledger::default(),
            steps: 0,
            crash_at_step: None,
            log: None,
            asked: BTreeMap::new(),
        }
    }

    /// Where a node is. Some share a network with their neighbour.
    pub(crate) fn location(&self, node: usize) -> NodeLocation {
        let (network, host) = if node < self.options.shared_networks {
            (250, node + 1)
        } else {
            (node, 1)
        };
        format!("10.0.{network}.{host}:1224").parse().unwrap()
    }

    /// Whether something of so many in a thousand happens now.
    pub(crate) fn chance(&mut self, per_mille: u32) -> bool {
        !self.healed && self.random.random_range(0..1000) < per_mille
    }

    pub(crate) fn duration(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_micros()).unwrap();
        Duration::from_micros(self.random.random_range(0..=most))
    }

    pub(crate) fn note(&mut self, now: Duration, text: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            log.push(format!("{:>10.3} {}", now.as_secs_f64(), text()));
        }
    }

    /// Counts a step of the engine towards the outside; `true` if it is to crash at this one.
    pub(crate) fn step(&mut self) -> bool {
        self.steps += 1;
        let crash = self.crash_at_step == Some(self.steps);
        self.crash_wanted |= crash;
        crash
    }

    /// Ends the leases that are over.
    pub(crate) fn expire(&mut self, now: Duration) {
        let over =
            |vessel: &&mut VesselModel| vessel.holder == Holder::Us && vessel.lease_until <= now;
        let mut lapsed = Vec::new();
        for vessel in self.vessels.values_mut().filter(over) {
            vessel.holder = Holder::Nobody;
            vessel.wipe();
            lapsed.push((
                vessel.handle.clone(),
                vessel.lease_until,
                vessel.lease_length,
            ));
        }
        for (handle, until, length) in lapsed {
            self.note(now, || format!("the lease of {handle:?} lapsed"));
            self.ruler.rule_4_no_lease_lapses(&handle, until, length);
        }
    }

    pub(crate) fn ours(&self) -> impl Iterator<Item = &VesselModel> {
        self.vessels
            .values()
            .filter(|vessel| vessel.holder == Holder::Us)
    }

    /// Everything works from now on.
    pub(crate) fn heal(&mut self, now: Duration) {
        self.note(now, || "healed".to_owned());
        self.healed = true;
        self.nodes
            .iter_mut()
            .for_each(|node| *node = NodeModel::default());
        self.clearinghouse_down = 0;
        self.clearinghouse_hangs = 0;
        self.gives_nothing = 0;
        self.link_down = 0;
        self.journal_fails = 0;
        // Programs that were to end do not.
        for vessel in self.vessels.values_mut() {
            if vessel.runs(now) {
                vessel.set_status(VesselStatus::Started, None);
            }
        }
    }
}
