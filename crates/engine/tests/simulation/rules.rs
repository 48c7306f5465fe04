//! The seven rules that hold whatever happens. Each is a function; a broken one is remembered and fails the seed.
//!
//! The rules look at the truth of the world and at what the engine asks for, and at the engine's own state only where
//! the rule is about that (breaker, doubts, reports).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use overlord_engine::{
    CondemnReason, Fleet, LeftVessel, Operation, Phase, Plan, Report, RunReport, Stage, Verdict,
};
use overlord_types::{Handle, VesselStatus};

use crate::options::Options;
use crate::world::{Holder, VesselModel, World};

/// Most calls to the clearinghouse in a minute. A doubt reads with pauses of 0.1 to 30 s that grow; halving a request
/// of ten takes four; a renewal is two. Forty-five leaves room for two of each at once and none for a loop.
const CLEARINGHOUSE_CALLS_PER_MINUTE: usize = 45;
/// Most acquisitions in a minute: pauses are at least 0.1 s and double.
const ACQUISITIONS_PER_MINUTE: usize = 16;
/// Most starts of one copy in a minute: pauses of at most 1, 2, 4, … s, and at least a tenth of it.
const STARTS_PER_MINUTE: usize = 12;
/// Most plans made in one moment.
const PLANS_PER_MOMENT: u32 = 2000;
/// How often a renewal must have been tried in the last half of a lease that lapsed.
const RENEWALS_IN_HALF_A_LEASE: usize = 2;

/// What the rules need to remember.
#[derive(Default)]
pub(crate) struct Ruler {
    wanted: usize,
    surge: usize,
    on_start_release: bool,
    /// The first rule that was broken.
    pub(crate) broken: Option<String>,
    /// Looks at, and starts on, a vessel since it was last heard that its program runs.
    looks: BTreeMap<Handle, u32>,
    /// Readings in a row, seen by the engine, that did not list a vessel of ours.
    missing: BTreeMap<Handle, u32>,
    /// Vessels of which the engine has heard that the program runs.
    confirmed: BTreeSet<Handle>,
    /// Vessels that the engine has condemned, with enough evidence at that time.
    condemned: BTreeSet<Handle>,
    /// When the engine last asked to renew a vessel.
    renewals: BTreeMap<Handle, Vec<Duration>>,
    /// Since when the engine counts a vessel as one to keep, without a break.
    kept_since: BTreeMap<Handle, Duration>,
    /// Vessels that the engine reported as left alone.
    pub(crate) reported: BTreeSet<Handle>,
    calls: VecDeque<Duration>,
    acquisitions: VecDeque<Duration>,
    starts: BTreeMap<Handle, VecDeque<Duration>>,
    plans: (Duration, u32),
    starting_up: bool,
    ending: bool,
    /// An acquisition was asked for, and no answer has come; a reading that was answered since resolves it.
    unresolved: bool,
    pub(crate) pending: Option<String>,
    pub(crate) holds: BTreeSet<Handle>,
}

impl Ruler {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            wanted: options.wanted as usize,
            surge: options.policy.surge as usize,
            on_start_release: options.policy.on_start == overlord_engine::OnStart::Release,
            starting_up: true,
            pending: Some("nothing was planned yet".to_owned()),
            ..Self::default()
        }
    }

    pub(crate) fn fail(&mut self, message: String) {
        self.broken.get_or_insert(message);
    }

    /// The engine crashed, and knows nothing any more but its journal.
    pub(crate) fn crashed(&mut self) {
        self.looks.clear();
        self.missing.clear();
        self.condemned.clear();
        self.kept_since.clear();
        self.holds.clear();
        self.starting_up = true;
        self.unresolved = false;
        self.pending = Some("the engine is down".to_owned());
    }

    /// The operator wants another number from now on; those that are too many are excused until they are gone.
    pub(crate) fn wants_fewer(&mut self, wanted: u32) {
        self.surge += self.wanted - wanted as usize;
        self.wanted = wanted as usize;
    }

    // ── what the rules are told ──────────────────────────────────────────────────────────────────

    pub(crate) fn looked(&mut self, handle: &Handle) {
        *self.looks.entry(handle.clone()).or_default() += 1;
    }

    pub(crate) fn heard_running(&mut self, handle: &Handle) {
        self.looks.remove(handle);
        self.confirmed.insert(handle.clone());
    }

    pub(crate) fn read(&mut self, listed: &BTreeSet<Handle>, ours: &BTreeSet<Handle>) {
        self.unresolved = false;
        for handle in ours {
            if listed.contains(handle) {
                self.missing.remove(handle);
            } else {
                *self.missing.entry(handle.clone()).or_default() += 1;
            }
        }
    }

    pub(crate) fn renewed(&mut self, handles: &[Handle], now: Duration) {
        for handle in handles {
            self.renewals.entry(handle.clone()).or_default().push(now);
        }
    }

    pub(crate) fn acquired(&mut self, handle: &Handle) {
        self.looks.remove(handle);
        self.missing.remove(handle);
        self.confirmed.remove(handle);
        self.renewals.remove(handle);
        self.reported.remove(handle);
    }

    pub(crate) fn acquisition_answered(&mut self) {
        self.unresolved = false;
    }

    // ── the rules ────────────────────────────────────────────────────────────────────────────────

    /// Never hold more vessels than wanted and surge. (One request in flight could be allowed besides; the engine
    /// counts what it asks for as held, so it is not needed.) What was reported as left alone is the operator's.
    pub(crate) fn rule_1_never_hold_too_many(world: &mut World) {
        let held = world
            .ours()
            .filter(|vessel| !world.ruler.reported.contains(&vessel.handle))
            .count();
        let most = world.ruler.wanted + world.ruler.surge;
        if held > most {
            world.ruler.fail(format!(
                "rule 1: {held} vessels are held, {most} are the most"
            ));
        }
    }

    /// Every vessel is in the journal before it is used.
    pub(crate) fn rule_2_journal_before_use(&mut self, handle: &Handle, journalled: bool) {
        if !journalled {
            self.fail(format!("rule 2: {handle:?} is used and not in the journal"));
        }
    }

    /// A lost answer is resolved by reading, never by asking again blindly.
    pub(crate) fn rule_2_never_ask_again_blindly(&mut self) {
        if self.unresolved {
            self.fail(
                "rule 2: an acquisition was lost, and another made without reading".to_owned(),
            );
        }
        self.unresolved = true;
    }

    /// At the end every vessel that is ours in truth is known to the engine, or was reported.
    pub(crate) fn rule_2_nothing_is_lost(world: &mut World) {
        let lost: Vec<Handle> = world
            .ours()
            .map(|vessel| vessel.handle.clone())
            .filter(|handle| !world.ruler.holds.contains(handle))
            .filter(|handle| !world.ruler.reported.contains(handle))
            .collect();
        if !lost.is_empty() {
            world
                .ruler
                .fail(format!("rule 2: {lost:?} are held, and nobody knows"));
        }
    }

    /// A running vessel is condemned on two rounds of evidence only (and may be given back any time after that,
    /// unless it was pardoned).
    pub(crate) fn rule_3_condemned(world: &mut World, plan: &Plan, fleet: &Fleet, now: Duration) {
        for verdict in &plan.verdicts {
            if let Verdict::Condemn { handle, reason } = verdict {
                let vessel = world.vessels[handle].clone();
                // Of more than are wanted, one may go, as far as the engine can know.
                let others = fleet.vessels().filter(|vessel| {
                    vessel.handle != *handle && matches!(vessel.stage, Stage::Running { .. })
                });
                let surplus = *reason == CondemnReason::Surplus;
                let too_many = surplus && others.count() >= world.ruler.wanted;
                if !too_many {
                    world.ruler.rule_3_two_rounds(&vessel, now);
                }
                world.ruler.condemned.insert(handle.clone());
            }
        }
    }

    /// What a run says at its end of what is left running.
    ///
    /// In a bad world a program may have ended since it was last looked at; but one that runs is always named, as
    /// running or as one that may, unless a node has lied.
    pub(crate) fn last_words_are_true(world: &mut World, report: &RunReport, now: Duration) {
        let good_world = world.options.stop_after.is_none();
        let nodes_lie = world.options.lies > 0 && !good_world;
        let runs = |left: &LeftVessel| {
            let vessel = &world.vessels[&left.vessel.handle];
            vessel.holder == Holder::Us && vessel.runs(now)
        };
        let wrongly_running = report.running.iter().find(|left| good_world && !runs(left));
        let wrongly_idle = report.idle.iter().find(|left| !nodes_lie && runs(left));
        let broken = match (wrongly_running, wrongly_idle) {
            (Some(left), _) => format!("reported as left running, and is not: {left:?}"),
            (_, Some(left)) => format!("reported as not running, and is: {left:?}"),
            (None, None) => return,
        };
        world.ruler.fail(broken);
    }

    /// A running vessel is given back on two rounds of evidence only.
    pub(crate) fn rule_3_two_rounds(&mut self, vessel: &VesselModel, now: Duration) {
        if self.condemned.contains(&vessel.handle) {
            return;
        }
        let runs = vessel.status(now) == VesselStatus::Started;
        let rounds = |map: &BTreeMap<Handle, u32>| map.get(&vessel.handle).copied().unwrap_or(0);
        let known = self.confirmed.contains(&vessel.handle);
        if runs && known && !self.ending && rounds(&self.looks) < 2 && rounds(&self.missing) < 2 {
            self.fail(format!(
                "rule 3: {:?} runs and is given back after {} looks and {} readings",
                vessel.handle,
                rounds(&self.looks),
                rounds(&self.missing)
            ));
        }
    }

    /// Never while the breaker is open.
    fn rule_3_not_while_the_breaker_is_open(&mut self, plan: &Plan, fleet: &Fleet) {
        if !fleet.breaker().is_open() || self.ending {
            return;
        }
        for operation in &plan.operations {
            let Operation::Release { vessels, .. } = operation else {
                continue;
            };
            if let Some(vessel) = fleet
                .vessels()
                .find(|v| v.ran && vessels.contains(&v.handle))
            {
                let handle = &vessel.handle;
                self.fail(format!(
                    "rule 3: {handle:?} ran and is given back under an open breaker"
                ));
            }
        }
    }

    /// No lease of a vessel that the engine keeps lapses, unless renewals were tried and did not get through.
    pub(crate) fn rule_4_no_lease_lapses(
        &mut self,
        handle: &Handle,
        until: Duration,
        length: Duration,
    ) {
        let half = until.saturating_sub(length / 2);
        let kept = self
            .kept_since
            .get(handle)
            .is_some_and(|since| *since <= half);
        let tried = self
            .renewals
            .get(handle)
            .into_iter()
            .flatten()
            .filter(|at| **at >= half)
            .count();
        if kept && tried < RENEWALS_IN_HALF_A_LEASE {
            self.fail(format!(
                "rule 4: the lease of {handle:?} lapsed at {until:?}, and was to be renewed {tried} times only"
            ));
        }
    }

    /// In a world that works, all copies run in bounded time.
    pub(crate) fn rule_5_heals(world: &mut World, now: Duration) {
        let running = world.ours().filter(|vessel| vessel.runs(now)).count();
        let pending = world.ruler.pending.clone();
        world.ruler.fail(format!(
            "rule 5: still not healed at {now:?}, {running} run: {pending:?}"
        ));
    }

    /// Never touch what is others', but for the clean start.
    pub(crate) fn rule_6_hands_off(&mut self, vessel: &VesselModel, what: &str) {
        let clean_start = what == "release" && self.starting_up && self.on_start_release;
        if vessel.holder == Holder::Others && !clean_start {
            self.fail(format!(
                "rule 6: {what} of {:?}, which is others'",
                vessel.handle
            ));
        }
    }

    /// No loop without a pause, at the clearinghouse.
    pub(crate) fn rule_7_calls_pause(&mut self, name: &str, now: Duration) {
        let many = within_a_minute(&mut self.calls, now);
        if many > CLEARINGHOUSE_CALLS_PER_MINUTE {
            self.fail(format!(
                "rule 7: {many} calls to the clearinghouse in a minute, {name} last"
            ));
        }
        if name == "acquire" {
            let many = within_a_minute(&mut self.acquisitions, now);
            if many > ACQUISITIONS_PER_MINUTE {
                self.fail(format!("rule 7: {many} acquisitions in a minute"));
            }
        }
    }

    /// No loop without a pause, at a vessel.
    pub(crate) fn rule_7_starts_pause(&mut self, handle: &Handle, now: Duration) {
        let many = within_a_minute(self.starts.entry(handle.clone()).or_default(), now);
        if many > STARTS_PER_MINUTE {
            self.fail(format!("rule 7: {many} starts on {handle:?} in a minute"));
        }
    }

    fn rule_7_plans_pause(&mut self, now: Duration) {
        if self.plans.0 != now {
            self.plans = (now, 0);
        }
        self.plans.1 += 1;
        if self.plans.1 > PLANS_PER_MOMENT {
            self.fail(format!("rule 7: over {PLANS_PER_MOMENT} plans at {now:?}"));
        }
    }

    // ── the engine's own view ────────────────────────────────────────────────────────────────────

    pub(crate) fn took_in(&mut self, fleet: &Fleet, now: Duration) {
        self.starting_up = fleet.phase() == Phase::StartingUp;
        self.ending = matches!(fleet.phase(), Phase::Stopping { .. });
        self.reported.extend(fleet.left_alone().iter().cloned());
        self.holds = fleet
            .vessels()
            .map(|vessel| vessel.handle.clone())
            .collect();
        let kept: BTreeSet<Handle> = fleet
            .vessels()
            .filter(|vessel| !vessel.stage.is_leaving())
            .map(|vessel| vessel.handle.clone())
            .collect();
        self.kept_since.retain(|handle, _| kept.contains(handle));
        for handle in kept {
            self.condemned.remove(&handle);
            self.reported.remove(&handle);
            self.kept_since.entry(handle).or_insert(now);
        }
    }

    pub(crate) fn planned(&mut self, plan: &Plan, report: &Report, fleet: &Fleet, now: Duration) {
        self.rule_7_plans_pause(now);
        self.rule_3_not_while_the_breaker_is_open(plan, fleet);
        if plan.verdicts.is_empty() {
            self.pending = report.pending();
        }
    }
}

fn within_a_minute(times: &mut VecDeque<Duration>, now: Duration) -> usize {
    times.push_back(now);
    while times
        .front()
        .is_some_and(|first| now.saturating_sub(*first) > Duration::from_secs(60))
    {
        times.pop_front();
    }
    times.len()
}
