//! Which vessels are to be given back: the only place that condemns for evidence.

use std::collections::BTreeSet;

use overlord_types::Handle;

use super::Planner;
use crate::breaker::Breaker;
use crate::fleet::{Phase, Verdict};
use crate::fleet_event::{CondemnReason, Evidence};
use crate::report::VesselWait;
use crate::settings::OnStop;
use crate::vessel::{EvidenceLog, Stage, Vessel};

/// Rounds of evidence without which no running vessel is given back.
pub(crate) const ROUNDS_MIN: u32 = 2;
/// Attempts to bring up a vessel whose node fails or refuses; the fault may have been the network's once.
const ATTEMPTS_ON_A_FAILING_NODE: u32 = 2;
/// While no copy runs for long anywhere, the program is more likely at fault than the vessels: they are kept so
/// many times longer before they are replaced.
const PATIENCE_WITH_A_FAILING_PROGRAM: u32 = 3;

impl<'a> Planner<'a> {
    /// Decides what needs no call: who is given back, and who is out of reach.
    pub(super) fn judge(&mut self) {
        let ends = match self.fleet.phase() {
            Phase::StartingUp => return,
            Phase::Keeping => false,
            Phase::Stopping { .. } if self.desired.policy.on_stop == OnStop::Release => true,
            Phase::Stopping { .. } => return,
        };
        let mut silent_may_go = self.fleet.breaker().allows_one(self.now.moment);
        let surplus = self.surplus();
        for vessel in self.fleet.active() {
            let reason = if ends {
                Some(CondemnReason::RunEnds)
            } else {
                let is_surplus = surplus.contains(&vessel.handle);
                self.reason_to_condemn(vessel, is_surplus, &mut silent_may_go)
            };
            if let Some(reason) = reason {
                let handle = vessel.handle.clone();
                self.plan.verdicts.push(Verdict::Condemn { handle, reason });
            } else if self.is_out_of_reach(vessel) {
                let handle = vessel.handle.clone();
                self.plan.verdicts.push(Verdict::OutOfReach { handle });
            }
        }
    }

    /// Which vessels are too many: of all, those that are farthest from running. While some have not been looked
    /// at yet (they were taken over a moment ago), there is no telling.
    fn surplus(&self) -> BTreeSet<Handle> {
        let wanted = self.desired.deployment.vessel_count as usize;
        let too_many = self.fleet.active().count().saturating_sub(wanted);
        let unseen = |vessel: &Vessel| {
            matches!(vessel.stage, Stage::Unknown { .. }) && vessel.evidence.is_none()
        };
        if too_many == 0 || self.fleet.active().any(unseen) {
            return BTreeSet::new();
        }
        let distance = |vessel: &Vessel| match vessel.stage {
            Stage::Running { .. } => 0,
            Stage::Suspect { .. } | Stage::Unknown { .. } => 1,
            Stage::Starting { .. } => 2,
            Stage::Uploading { .. } => 3,
            Stage::Acquired | Stage::Condemned { .. } | Stage::Releasing { .. } => 4,
        };
        // One that may run is given back only if as many others as are wanted are known to.
        let running = self
            .fleet
            .active()
            .filter(|vessel| distance(vessel) == 0)
            .count();
        let may_go = |vessel: &&Vessel| {
            let may_run = vessel.ran || distance(vessel) <= 1;
            !may_run || running - usize::from(distance(vessel) == 0) >= wanted
        };
        let mut ranked: Vec<_> = self
            .fleet
            .active()
            .filter(may_go)
            .map(|vessel| (distance(vessel), vessel.index.is_none(), &vessel.handle))
            .collect();
        ranked.sort();
        let worst = ranked.into_iter().rev().take(too_many);
        worst.map(|(_, _, handle)| handle.clone()).collect()
    }

    fn reason_to_condemn(
        &mut self,
        vessel: &'a Vessel,
        is_surplus: bool,
        silent_may_go: &mut bool,
    ) -> Option<CondemnReason> {
        if vessel.ran && self.fleet.breaker().is_open() {
            if vessel.evidence.is_some() {
                self.wait(vessel, VesselWait::Breaker);
            }
            return None;
        }
        if vessel.missing_readings >= ROUNDS_MIN {
            return Some(CondemnReason::Evidence {
                last: Evidence::NotHeld,
                rounds: vessel.missing_readings,
            });
        }
        if is_surplus {
            return Some(CondemnReason::Surplus);
        }
        let log = vessel.evidence.as_ref()?;
        let enough = match vessel.stage {
            Stage::Suspect { .. } | Stage::Unknown { .. } => match log.last {
                // The node answers and says the program ended: it is started again here a few times.
                Evidence::NotRunning { .. } => {
                    log.rounds >= ROUNDS_MIN && !self.may_try_again_here(vessel)
                }
                _ => log.rounds >= ROUNDS_MIN,
            },
            Stage::Acquired => {
                let rounds = !vessel.ran || log.rounds >= ROUNDS_MIN;
                rounds && !self.may_try_again_here(vessel)
            }
            Stage::Uploading { .. }
            | Stage::Starting { .. }
            | Stage::Running { .. }
            | Stage::Condemned { .. }
            | Stage::Releasing { .. } => false,
        };
        if !enough {
            return None;
        }
        if matches!(log.last, Evidence::Silent { .. }) {
            if !self.link_is_proven(log) {
                self.wait(vessel, VesselWait::LinkProof);
                return None;
            }
            if !*silent_may_go {
                self.wait(vessel, VesselWait::Breaker);
                return None;
            }
            // Half open, it lets one pass.
            *silent_may_go = self.fleet.breaker() == Breaker::Closed;
        }
        Some(if vessel.ran || !matches!(vessel.stage, Stage::Acquired) {
            CondemnReason::Evidence {
                last: log.last.clone(),
                rounds: log.rounds,
            }
        } else {
            CondemnReason::NeverRan {
                code: log.last.code(),
                last: log.last.to_string(),
                attempts: vessel.failures_here,
            }
        })
    }

    /// Whether somebody else has answered since the silence began: otherwise it may be our own link.
    fn link_is_proven(&self, log: &EvidenceLog) -> bool {
        self.fleet.last_heard() > log.first
    }

    fn is_out_of_reach(&self, vessel: &Vessel) -> bool {
        let Some(log) = &vessel.evidence else {
            return false;
        };
        matches!(vessel.stage, Stage::Suspect { .. })
            && matches!(log.last, Evidence::Silent { .. })
            && log.rounds >= ROUNDS_MIN
            && self.fleet.breaker().is_open()
    }

    /// Whether the vessel gets another attempt before it is replaced.
    pub(super) fn may_try_again_here(&self, vessel: &Vessel) -> bool {
        let attempts = match vessel.evidence.as_ref().map(|log| &log.last) {
            Some(Evidence::NotRunning { .. }) => {
                let patience = if self.nothing_runs_for_long {
                    PATIENCE_WITH_A_FAILING_PROGRAM
                } else {
                    1
                };
                self.desired
                    .policy
                    .restarts_in_place
                    .saturating_mul(patience)
                    .saturating_add(1)
            }
            _ => ATTEMPTS_ON_A_FAILING_NODE,
        };
        vessel.failures_here < attempts
    }
}
