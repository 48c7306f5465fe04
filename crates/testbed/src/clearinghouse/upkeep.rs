//! What the clearinghouse does unasked: takes back vessels whose lease has ended, cleans what was given
//! back, tells nodes of changed keys, and looks after nodes that do not answer. No call ever waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use overlord_keys::PublicKey;
use overlord_time::{Backoff, Randomness as _, SeededRandomness};
use overlord_types::failure::with_causes;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::candidate::VesselKey;
use super::control::ControlError;
use super::service::Service;
use super::switch::switched_on;

/// Chores under way at once. The node client adds its own bound per node.
const CHORES_MAX: usize = 64;
/// The pauses between attempts of a chore, up to which a node that comes back is not in use again. Jittered, so that
/// its chores do not all start at once.
const BACKOFF: Backoff = Backoff {
    first: PAUSE_MIN,
    most: Duration::from_secs(10),
};
/// The longest pause after the first failure of a chore, and how soon a silent node is looked at again.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// How often a node that answers is asked for a sign of life.
const PROBE_PERIOD: Duration = Duration::from_secs(30);
/// Longest sleep: leases end by the wall clock, which may be set while we sleep.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Chore {
    /// Take a vessel from everybody and empty it.
    Clean(VesselKey),
    /// Tell the node the account's present key.
    SyncKey(VesselKey),
    /// Ask a node for a sign of life.
    Probe(usize),
}

/// When a chore may be tried again.
#[derive(Debug, Clone, Copy)]
struct Turn {
    failures: u32,
    not_before: Instant,
}

/// Does the chores until told to stop.
pub(crate) async fn run(service: Arc<Service>, seed: u64, mut stop: watch::Receiver<bool>) {
    let random = SeededRandomness::from_seed(seed);
    let mut turns: BTreeMap<Chore, Turn> = BTreeMap::new();
    let mut under_way: BTreeSet<Chore> = BTreeSet::new();
    let mut chores: JoinSet<(Chore, Result<(), ControlError>)> = JoinSet::new();
    let mut changes = service.changes();
    loop {
        changes.borrow_and_update();
        let now = service.now();
        if service.read(|registry| registry.next_expiry().is_some_and(|end| end <= now)) {
            let expired = service.change(|registry| registry.expire(now));
            tracing::info!(expired, "leases have ended; their vessels are taken back");
            // A failure is logged, and leases that ended end again after a restart.
            let _ = service.persist().await;
        }
        let wanted = wanted(&service);
        turns.retain(|chore, _| wanted.contains(chore));
        let present = Instant::now();
        let mut next = present + SLEEP_MAX;
        for chore in wanted {
            if blocked(chore, &under_way) {
                continue;
            }
            let turn = turns
                .entry(chore)
                .or_insert_with(|| first_turn(&service, chore, present));
            if let Chore::Probe(node) = chore
                && turn.failures == 0
            {
                // A node that has just fallen silent is probed soon, not at the end of its period.
                turn.not_before = turn.not_before.min(present + probe_pause(&service, node));
            }
            if turn.not_before > present {
                next = next.min(turn.not_before);
            } else if under_way.len() < CHORES_MAX {
                under_way.insert(chore);
                let service = Arc::clone(&service);
                chores.spawn(async move { (chore, carry_out(&service, chore).await) });
            }
        }
        if let Some(end) = service.read(|registry| registry.next_expiry()) {
            next = next.min(present + end.remaining(now));
        }
        // Every arm is cancel-safe: a joined task is only taken when it is ready, the others keep nothing.
        tokio::select! {
            Some(done) = chores.join_next() => match done {
                Ok((chore, outcome)) => {
                    under_way.remove(&chore);
                    settle(&service, &mut turns, &random, chore, outcome);
                }
                Err(error) => {
                    // Which chore it was is not known any more; all that is not running starts anew.
                    tracing::error!(%error, "a chore did not end as it should");
                    chores.abort_all();
                    while chores.join_next().await.is_some() {}
                    under_way.clear();
                }
            },
            _ = changes.changed() => {}
            () = tokio::time::sleep_until(next) => {}
            () = switched_on(&mut stop) => break,
        }
    }
    chores.shutdown().await;
}

/// Whether a chore has to wait for one under way: the same, or the other one of the same vessel. A key that
/// is told late must not undo a cleaning.
fn blocked(chore: Chore, under_way: &BTreeSet<Chore>) -> bool {
    let other = match chore {
        Chore::Clean(key) => Chore::SyncKey(key),
        Chore::SyncKey(key) => Chore::Clean(key),
        Chore::Probe(_) => chore,
    };
    under_way.contains(&chore) || under_way.contains(&other)
}

/// Everything there is to do now.
fn wanted(service: &Service) -> BTreeSet<Chore> {
    service.read(|registry| {
        let cleaning = registry.dirty().into_iter().map(Chore::Clean);
        let stale = registry.keys_out_of_sync().into_iter();
        let syncing = stale.map(|(key, _)| Chore::SyncKey(key));
        let probing = (0..registry.nodes().len()).map(Chore::Probe);
        cleaning.chain(syncing).chain(probing).collect()
    })
}

/// Cleaning starts at once. Nodes that just answered need no probe yet, silent ones soon.
fn first_turn(service: &Service, chore: Chore, now: Instant) -> Turn {
    let pause = match chore {
        Chore::Clean(_) | Chore::SyncKey(_) => Duration::ZERO,
        Chore::Probe(node) => probe_pause(service, node),
    };
    Turn {
        failures: 0,
        not_before: now + pause,
    }
}

fn probe_pause(service: &Service, node: usize) -> Duration {
    let active = service.read(|registry| registry.node(node).is_some_and(|entry| entry.active));
    if active { PROBE_PERIOD } else { PAUSE_MIN }
}

async fn carry_out(service: &Service, chore: Chore) -> Result<(), ControlError> {
    match chore {
        Chore::Clean(key) => {
            let outcome = service.control.clean(&service.address(key)?).await;
            service.note(key, &outcome);
            outcome?;
            service.change(|registry| registry.mark_clean(key));
        }
        Chore::SyncKey(key) => {
            let stale = service.read(|registry| registry.keys_out_of_sync());
            let Some((_, text)) = stale.into_iter().find(|(stale, _)| *stale == key) else {
                return Ok(());
            };
            let user =
                PublicKey::parse_str(&text).map_err(|error| ControlError::Refused(error.into()))?;
            service.assign(key, &user).await?;
            service.change(|registry| registry.mark_keys_in_sync(key, &text));
        }
        Chore::Probe(node) => {
            let known = service.read(|registry| {
                let entry = registry.node(node)?;
                Some((entry.id.clone(), entry.location.clone()))
            });
            let Some((id, location)) = known else {
                return Ok(());
            };
            match service.control.probe(&id, &location).await {
                Ok(()) => service.set_active(node, true, ""),
                Err(error) => {
                    // A node whose owner's key is not known cannot be asked, which says nothing of it.
                    if let ControlError::Silent(reason) = &error {
                        service.set_active(node, false, &with_causes(&**reason));
                    }
                    return Err(error);
                }
            }
        }
    }
    // A failure is logged; what was not saved is done once more after a restart.
    let _ = service.persist().await;
    Ok(())
}

/// Notes when the chore's turn comes again.
fn settle(
    service: &Service,
    turns: &mut BTreeMap<Chore, Turn>,
    random: &SeededRandomness,
    chore: Chore,
    outcome: Result<(), ControlError>,
) {
    let now = Instant::now();
    match outcome {
        Ok(()) => {
            turns.insert(chore, first_turn(service, chore, now));
        }
        Err(error) => {
            let failures = turns.get(&chore).map_or(0, |turn| turn.failures);
            let failures = failures.saturating_add(1);
            let pause = BACKOFF.pause(failures, random.next_u64());
            let error = with_causes(&error);
            tracing::debug!(?chore, error, ?pause, "a chore failed and is tried again");
            turns.insert(
                chore,
                Turn {
                    failures,
                    not_before: now + pause,
                },
            );
        }
    }
}
