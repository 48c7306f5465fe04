//! How each operation is carried out: by a port, by the default hook, or by the user's.
//!
//! A user's hook is bounded by its deadline, and a panic in it ends the hook, not the run.

use std::collections::BTreeSet;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use overlord_time::Moment;
use overlord_types::{Handle, VesselStatus};

use crate::error::{Cause, HookError};
use crate::hooks::{AcquireVessels, Hooks, InitVessels, Maintenance, RemoveVessels};
use crate::operation::{
    AcquireError, Assignment, Operation, Outcome, ReleaseError, StartUpError, StartUpReport,
};
use crate::overlord_handle::OverlordHandle;
use crate::ports::{HeldVessel, VesselAddress};
use crate::settings::OnStart;
use crate::shared::Shared;

/// Carries out one operation, whatever it takes; never fails, for failing is an outcome.
pub(crate) async fn carry_out(shared: Arc<Shared>, hooks: Hooks, operation: Operation) -> Outcome {
    match operation {
        Operation::StartUp => Outcome::StartedUp(start_up(&shared, &hooks).await),
        Operation::ReadHeld => Outcome::Held(shared.held().await),
        Operation::Acquire { count, owned } => {
            // What brings nothing new would at once be asked for again: it counts as a failure, and makes us pause.
            let brought_some = match &hooks.acquire_vessels {
                None => shared
                    .acquire(count)
                    .await
                    .map(|vessels| !vessels.is_empty()),
                Some(hook) => acquire_by_hook(&shared, hook.as_ref(), owned).await,
            };
            Outcome::Acquired(match brought_some {
                Ok(true) => Ok(()),
                Ok(false) => Err(AcquireError::Nothing),
                Err(error) => Err(error),
            })
        }
        Operation::Claim {
            acquisition,
            vessels,
        } => Outcome::Claimed(shared.claim(acquisition, &vessels).await),
        Operation::Upload(assignment) => Outcome::Uploaded(shared.upload(&assignment).await),
        Operation::Start { assignment, first } => {
            Outcome::Started(shared.start(&assignment, first).await)
        }
        Operation::Initialise { fresh, owned } => Outcome::Initialised(
            initialise_by_hook(&shared, hooks.init_vessels.as_deref(), &fresh, owned).await,
        ),
        Operation::Check { node, location, .. } => {
            Outcome::Checked(shared.check(&node, &location).await)
        }
        Operation::Weed { vessels } => {
            let owned = vessels.into_keys().collect();
            Outcome::Weeded(weed_by_hook(&shared, hooks.remove_vessels.as_deref(), owned).await)
        }
        Operation::Renew { vessels } => {
            let vessels: Vec<Handle> = vessels.into_iter().collect();
            let renewal = shared.renew(&vessels).await;
            Outcome::Renewed {
                renewal,
                held: shared.held().await,
            }
        }
        Operation::Maintain { last, owned } => {
            let last = maintain_by_hook(&shared, hooks.maintenance.as_deref(), last, owned).await;
            Outcome::Maintained {
                last,
                held: shared.held().await,
            }
        }
        Operation::Release { vessels } => Outcome::Released(shared.release(&vessels).await),
        Operation::Stop(address) => Outcome::Stopped(shared.stop_program(&address).await),
    }
}

/// Runs a user's hook within its deadline and apart from its panics.
async fn run_hook<T>(
    shared: &Shared,
    hook: &'static str,
    call: impl Future<Output = Result<T, Cause>>,
) -> Result<T, HookError> {
    let deadline = shared.policy.hook_deadline;
    // What a hook leaves half done when it panics is its own; ours is changed by whole calls only.
    match shared
        .within(deadline, AssertUnwindSafe(call).catch_unwind())
        .await
    {
        Some(Ok(Ok(result))) => Ok(result),
        Some(Ok(Err(cause))) => Err(HookError::Failed { hook, cause }),
        Some(Err(_panic)) => Err(HookError::Panicked { hook }),
        None => Err(HookError::Deadline { hook, deadline }),
    }
}

fn handle_of(shared: &Arc<Shared>) -> OverlordHandle {
    OverlordHandle::new(Arc::clone(shared))
}

/// The start-up hook; then what the account holds, and what of it is taken over.
async fn start_up(shared: &Arc<Shared>, hooks: &Hooks) -> Result<StartUpReport, StartUpError> {
    let mut released = Vec::new();
    let take_over = match (&hooks.init_overlord, shared.policy.on_start) {
        (Some(hook), _) => {
            let call = async { hook.init_overlord(handle_of(shared)).await };
            run_hook(shared, "init_overlord", call)
                .await
                .map_err(StartUpError::Hook)?;
            true
        }
        (None, OnStart::Release) => {
            let (held, gone) = release_what_is_held(shared).await?;
            if gone.is_empty() {
                return Ok(StartUpReport {
                    held,
                    ..StartUpReport::default()
                });
            }
            released = gone;
            false
        }
        (None, OnStart::Adopt) => true,
    };
    let held = shared.held().await.map_err(StartUpError::Clearinghouse)?;
    let adopted = if take_over {
        choose_to_adopt(shared, &held).await
    } else {
        BTreeSet::new()
    };
    if !adopted.is_empty() {
        let record = crate::JournalRecord::Adopted {
            vessels: adopted.clone(),
        };
        shared
            .record(&record)
            .await
            .map_err(StartUpError::Journal)?;
    }
    Ok(StartUpReport {
        held,
        released,
        adopted,
    })
}

/// The original's clean start: gives back whatever the account holds, except what the journal of a run that
/// crashed calls ours. Gives back what was held before, and what of it was given back.
pub(crate) async fn release_what_is_held(
    shared: &Shared,
) -> Result<(Vec<HeldVessel>, Vec<Handle>), StartUpError> {
    let held = shared.held().await.map_err(StartUpError::Clearinghouse)?;
    let ours = shared.ours_before();
    let others = held.iter().map(|vessel| vessel.handle.clone());
    let others: BTreeSet<Handle> = others.filter(|handle| !ours.contains(handle)).collect();
    if !others.is_empty() {
        shared.release(&others).await.map_err(|error| match error {
            ReleaseError::Clearinghouse(error) => StartUpError::Clearinghouse(error),
            ReleaseError::Journal(error) => StartUpError::Journal(error),
        })?;
    }
    Ok((held, others.into_iter().collect()))
}

/// Which of the held vessels are taken over: as many as are wanted, those first on which a program runs, and those
/// last whose nodes do not answer.
async fn choose_to_adopt(shared: &Shared, held: &[HeldVessel]) -> BTreeSet<Handle> {
    let ours = shared.ours_before();
    let still_ours = held
        .iter()
        .filter(|vessel| ours.contains(&vessel.handle))
        .count();
    let wanted = (shared.deployment.vessel_count as usize).saturating_sub(still_ours);
    let others: Vec<&HeldVessel> = held
        .iter()
        .filter(|vessel| !ours.contains(&vessel.handle))
        .collect();
    if others.len() <= wanted {
        return others
            .into_iter()
            .map(|vessel| vessel.handle.clone())
            .collect();
    }
    let addresses: Vec<VesselAddress> = others
        .iter()
        .map(|vessel| VesselAddress {
            handle: vessel.handle.clone(),
            location: vessel.location.clone(),
        })
        .collect();
    let answers = shared.check_all(&addresses).await;
    let rank = |handle: &Handle| match answers.get(&handle.node) {
        Some(Ok(vessels)) => match vessels.get(&handle.vessel) {
            Some(seen) if seen.is_ours && seen.status == VesselStatus::Started => 0,
            Some(seen) if seen.is_ours => 1,
            _ => 3,
        },
        _ => 2,
    };
    let mut ranked: Vec<(u8, Handle)> = others
        .into_iter()
        .map(|vessel| (rank(&vessel.handle), vessel.handle.clone()))
        .collect();
    ranked.sort();
    ranked
        .into_iter()
        .take(wanted)
        .map(|(_, handle)| handle)
        .collect()
}

/// Says whether the hook brought a vessel that we did not know of before.
async fn acquire_by_hook(
    shared: &Arc<Shared>,
    hook: &dyn AcquireVessels,
    owned: Vec<Handle>,
) -> Result<bool, AcquireError> {
    let known_before = shared.known();
    let call = async { hook.acquire_vessels(handle_of(shared), owned).await };
    let list = run_hook(shared, "acquire_vessels", call)
        .await
        .map_err(AcquireError::Hook)?;
    // What came through the handle is known already; what the hook got in a way of its own is looked up.
    let known = shared.known();
    let unknown: BTreeSet<Handle> = list
        .into_iter()
        .filter(|handle| !known.contains(handle))
        .collect();
    if !unknown.is_empty() {
        let held = shared.held().await.map_err(AcquireError::Clearinghouse)?;
        let found: Vec<HeldVessel> = held
            .into_iter()
            .filter(|vessel| unknown.contains(&vessel.handle))
            .collect();
        if !found.is_empty() {
            shared.adopt(&found).await.map_err(AcquireError::Journal)?;
        }
    }
    Ok(!shared.known().is_subset(&known_before))
}

async fn initialise_by_hook(
    shared: &Arc<Shared>,
    hook: Option<&dyn InitVessels>,
    assignments: &[Assignment],
    owned: Vec<Handle>,
) -> Result<BTreeSet<Handle>, HookError> {
    let name = "init_vessels";
    let Some(hook) = hook else {
        return Err(HookError::Failed {
            hook: name,
            cause: "it is not replaced".into(),
        });
    };
    for assignment in assignments {
        let intent = crate::JournalRecord::InitialiseIntended {
            handle: assignment.address.handle.clone(),
            index: assignment.index,
            failures: assignment.failures,
        };
        let recorded = shared.record(&intent).await;
        recorded.map_err(|error| HookError::Failed {
            hook: name,
            cause: error.into(),
        })?;
    }
    let fresh = assignments
        .iter()
        .map(|assignment| assignment.address.handle.clone())
        .collect();
    let arguments = shared.deployment.arguments.as_slice().to_vec();
    let call = async {
        hook.init_vessels(handle_of(shared), fresh, owned, arguments)
            .await
    };
    Ok(run_hook(shared, name, call).await?.into_iter().collect())
}

async fn weed_by_hook(
    shared: &Arc<Shared>,
    hook: Option<&dyn RemoveVessels>,
    owned: Vec<Handle>,
) -> Result<BTreeSet<Handle>, HookError> {
    let name = "remove_vessels";
    let Some(hook) = hook else {
        return Err(HookError::Failed {
            hook: name,
            cause: "it is not replaced".into(),
        });
    };
    let call = async { hook.remove_vessels(handle_of(shared), owned).await };
    Ok(run_hook(shared, name, call).await?.into_iter().collect())
}

async fn maintain_by_hook(
    shared: &Arc<Shared>,
    hook: Option<&dyn Maintenance>,
    last: Moment,
    owned: Vec<Handle>,
) -> Result<Moment, HookError> {
    let name = "maintenance";
    let Some(hook) = hook else {
        return Err(HookError::Failed {
            hook: name,
            cause: "it is not replaced".into(),
        });
    };
    let delay = shared.policy.renew_period;
    let call = async {
        hook.maintenance(handle_of(shared), delay, last, owned)
            .await
    };
    run_hook(shared, name, call).await
}
