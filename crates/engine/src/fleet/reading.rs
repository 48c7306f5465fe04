//! What the clearinghouse says the account holds, and what that tells: of vessels of ours, of lost answers, of others'.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use overlord_bug::bug;
use overlord_time::{Backoff, Moment};
use overlord_types::Handle;

use super::holding::journal_trouble;
use super::{Absent, Circumstances, Fleet, Phase, UnderWay};
use crate::error::ClearinghouseError;
use crate::fleet_event::Change;
use crate::operation::{Doubt, OperationKind, RequestAnswer, StartUpError, StartUpReport};
use crate::ports::HeldVessel;
use crate::vessel::Vessel;

/// Leases of one kind differ by what answers take on their way, and by clocks that are set meanwhile.
const LEASE_SLACK: Duration = Duration::from_secs(5 * 60);
/// One reading that does not show what it should may be a mistake of the clearinghouse; two are believed.
const READINGS_MIN: u32 = 2;

impl Fleet {
    /// The start-up is over: what is ours of what the account holds enters the fleet.
    pub(super) fn started_up(
        &mut self,
        result: Result<StartUpReport, StartUpError>,
        at: &mut Circumstances<'_>,
    ) {
        let report = match result {
            Ok(report) => report,
            Err(error) => {
                let reason = match error {
                    StartUpError::Clearinghouse(error) => self.clearinghouse_failed(&error, at),
                    StartUpError::Journal(error) => journal_trouble(&error),
                    StartUpError::Hook(error) => {
                        bug!(
                            "the runner ends the run on a start-up hook that failed, and told the fleet"
                        );
                        self.hook_failed(&error)
                    }
                };
                return self.failed_with(OperationKind::StartUp, reason, at);
            }
        };
        self.succeeded(OperationKind::StartUp);
        self.clearinghouse_answered(at);
        if !report.released.is_empty() {
            self.changes.push(Change::ReleasedAtStart {
                vessels: report.released,
            });
        }
        if self.phase == Phase::StartingUp {
            self.phase = Phase::Keeping;
        }
        let ledger = std::mem::take(&mut self.ledger);
        // How long ago it was asked, a clock on the wall cannot tell for certain: twice the deadline from now is
        // what it had at most if it was asked just before the crash.
        let settled_after = at.moment() + at.desired.policy.clearinghouse_deadline * 2;
        for (acquisition, request) in ledger.doubts {
            self.doubts
                .insert(acquisition, Doubt::lost(request, settled_after));
        }
        for (handle, vessel) in ledger.vessels {
            let absent = Absent {
                ledger: vessel,
                ..Absent::default()
            };
            self.absent.insert(handle, absent);
        }
        for handle in &report.adopted {
            // What the start-up hook acquired through its handle is in the fleet already.
            if !self.vessels.contains_key(handle) {
                self.absent.entry(handle.clone()).or_default();
            }
        }
        let step = self.step;
        self.take_reading(report.held, at.moment(), step, at);
    }

    /// A reading came, or did not.
    pub(super) fn read(
        &mut self,
        result: Result<Vec<HeldVessel>, ClearinghouseError>,
        under_way: &UnderWay,
        at: &mut Circumstances<'_>,
    ) {
        match result {
            Ok(held) => {
                self.troubles.remove(&OperationKind::ReadHeld);
                self.clearinghouse_answered(at);
                self.take_reading(held, under_way.since, under_way.step, at);
            }
            Err(error) => {
                let reason = self.clearinghouse_failed(&error, at);
                self.troubles.insert(OperationKind::ReadHeld, reason);
                self.retries
                    .of(OperationKind::ReadHeld)
                    .fail(backoff(at), at);
            }
        }
    }

    /// Takes in what the clearinghouse says the account holds, of a reading begun at the given moment and step.
    pub(super) fn take_reading(
        &mut self,
        held: Vec<HeldVessel>,
        begun: Moment,
        begun_step: u64,
        at: &mut Circumstances<'_>,
    ) {
        let now = at.now;
        // A reading that was overtaken by a later one tells no more than the ends of leases.
        let overtaken = begun_step < self.reading.last_step;
        self.reading.last_begun = Some(begun.max(self.reading.last_begun.unwrap_or_default()));
        self.reading.last_step = begun_step.max(self.reading.last_step);
        let mut held: BTreeMap<Handle, HeldVessel> = held
            .into_iter()
            .map(|vessel| (vessel.handle.clone(), vessel))
            .collect();
        for vessel in self.vessels.values_mut() {
            match held.remove(&vessel.handle) {
                Some(found) => {
                    vessel.missing_readings = 0;
                    self.membership_changed |= vessel.location != found.location;
                    vessel.location = found.location;
                    if vessel.lease.read_again(found.expires_in, now) {
                        self.changes.push(Change::LeaseRenewed {
                            vessel: vessel.label(),
                            expires: vessel.lease.until_wall,
                        });
                    }
                }
                None if vessel.since_step < begun_step && !overtaken => {
                    vessel.missing_readings += 1;
                }
                // It became ours while the question was on its way.
                None => {}
            }
        }
        if overtaken {
            return;
        }
        for (handle, mut absent) in std::mem::take(&mut self.absent) {
            match held.remove(&handle) {
                Some(found) => self.enter_taken_over(&found, absent, at),
                None => {
                    absent.missing_readings += 1;
                    self.absent.insert(handle, absent);
                }
            }
        }
        self.recently_gone.retain(|handle, gone| {
            let stale = *gone >= begun_step;
            if stale {
                // The question was asked before it was given back; this is no news.
                held.remove(handle);
            }
            stale
        });
        self.settle_doubts(&mut held, begun, at);
        let settled = |doubt: &Doubt| matches!(doubt.answer, RequestAnswer::Told { .. });
        if self.doubts.values().all(settled) {
            self.leave_alone(held.into_keys().collect());
        } else {
            // What is new may be ours; only what was there before is certainly not.
            let known = |handle: &Handle| {
                self.doubts
                    .values()
                    .any(|doubt| doubt.request.baseline.contains(handle))
            };
            self.leave_alone(held.into_keys().filter(known).collect());
        }
        self.reading.repeats = if self.leaves_questions_open() {
            self.reading.repeats + 1
        } else {
            0
        };
        let pause = backoff(at).pause(self.reading.repeats, (at.random)());
        let retry = self.retries.of(OperationKind::ReadHeld);
        retry.succeed();
        retry.not_before = at.moment() + pause;
    }

    /// Whether the last reading is to be followed by another soon.
    pub(crate) fn leaves_questions_open(&self) -> bool {
        let missing = |vessel: &Vessel| vessel.missing_readings == 1 && !vessel.stage.is_leaving();
        self.doubts.values().any(Doubt::is_open)
            || self
                .absent
                .values()
                .any(|absent| absent.missing_readings < READINGS_MIN)
            || self.vessels.values().any(missing)
    }

    /// Finds out of a reading what doubtful acquisitions brought: all they asked for, or nothing. Anything else
    /// cannot be told from what others acquired meanwhile, and is left alone and reported.
    fn settle_doubts(
        &mut self,
        held: &mut BTreeMap<Handle, HeldVessel>,
        begun: Moment,
        at: &Circumstances<'_>,
    ) {
        let lease = self.acquisition.lease;
        for doubt in self.doubts.values_mut() {
            // Others are still awaited, or were told what they brought.
            let RequestAnswer::Lost {
                settled_after,
                empty_readings,
            } = &mut doubt.answer
            else {
                continue;
            };
            let age = at.now.wall.since(doubt.request.at);
            let could_be = |vessel: &&HeldVessel| {
                !doubt.request.baseline.contains(&vessel.handle)
                    && lease.is_none_or(|lease| could_be_so_new(vessel, lease, age))
            };
            let new: Vec<Handle> = held
                .values()
                .filter(could_be)
                .map(|vessel| vessel.handle.clone())
                .collect();
            if !new.is_empty() && new.len() == doubt.request.count as usize {
                let vessels = new
                    .iter()
                    .filter_map(|handle| held.remove(handle))
                    .collect();
                doubt.answer = RequestAnswer::Told { vessels };
            } else if begun > *settled_after {
                *empty_readings += 1;
                if *empty_readings >= READINGS_MIN {
                    let vessels = Vec::new();
                    doubt.answer = RequestAnswer::Told { vessels };
                }
            }
        }
        // Claimed vessels wait for the journal, and are nobody else's meanwhile.
        for doubt in self.doubts.values() {
            if let RequestAnswer::Told { vessels } = &doubt.answer {
                for vessel in vessels {
                    held.remove(&vessel.handle);
                }
            }
        }
    }

    /// What is not ours is remembered until two readings in a row do not show it: one that leaves out others'
    /// vessels must not make them look new, and ours, when they show again.
    fn leave_alone(&mut self, mut handles: BTreeSet<Handle>) {
        let missing: BTreeSet<Handle> = self
            .left_alone
            .difference(&handles)
            .filter(|handle| !self.vessels.contains_key(*handle))
            .cloned()
            .collect();
        handles.extend(missing.difference(&self.left_alone_missing).cloned());
        self.left_alone_missing = missing;
        for handle in handles.difference(&self.left_alone) {
            self.changes.push(Change::LeftAlone {
                handle: handle.clone(),
            });
        }
        self.membership_changed |= self.left_alone != handles;
        self.left_alone = handles;
    }
}

/// Whether a vessel's lease is what it would be if it was acquired at most so long ago: others' are mostly older,
/// or renewed.
fn could_be_so_new(vessel: &HeldVessel, lease_on_acquisition: Duration, age: Duration) -> bool {
    let most = lease_on_acquisition + LEASE_SLACK;
    let least = lease_on_acquisition.saturating_sub(age + LEASE_SLACK);
    (least..=most).contains(&vessel.expires_in)
}

/// The pauses between readings. They are cheap and tell whether our link works, so they are not put off for long.
fn backoff(at: &Circumstances<'_>) -> Backoff {
    let policy = &at.desired.policy;
    Backoff {
        most: policy.poll_period.min(policy.backoff_most),
        ..at.backoff()
    }
}
