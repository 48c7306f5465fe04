//! How each operation is carried out: by a port, by the default hook, or by the user's.
//!
//! A user's hook is bounded by its deadline, and a panic in it ends the hook, not the run.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use overlord_bug::bug;
use overlord_types::{Handle, VesselStatus};

use crate::error::{HookError, InitialiseError, JournalError};
use crate::hooks::{Hook, Hooks};
use crate::journal::JournalRecord;
use crate::operation::{
    AcquireError, Assignment, Brought, Operation, Outcome, ReleaseError, StartUpError,
    StartUpReport,
};
use crate::overlord_handle::OverlordHandle;
use crate::ports::{HeldVessel, VesselAddress};
use crate::settings::OnStart;
use crate::shared::Shared;

/// The intents of operations that are begun together, on their way into the journal as one batch.
pub(crate) type Intents =
    futures_util::future::Shared<BoxFuture<'static, Result<(), JournalError>>>;

/// Writes down what operations are about to do; `None` if there is nothing to write.
pub(crate) fn write_intents(shared: &Arc<Shared>, intents: Vec<JournalRecord>) -> Option<Intents> {
    if intents.is_empty() {
        return None;
    }
    let shared = Arc::clone(shared);
    let write = async move { shared.record(intents).await };
    Some(write.boxed().shared())
}

/// Carries out one operation once its intents are written, whatever it takes; never fails, for failing is an outcome.
pub(crate) async fn carry_out(
    shared: Arc<Shared>,
    hooks: Hooks,
    operation: Operation,
    intents: Option<Intents>,
) -> Outcome {
    let written = match intents {
        Some(intents) => intents.await,
        None => Ok(()),
    };
    match operation {
        Operation::StartUp => Outcome::StartedUp(start_up(&shared, &hooks).await),
        Operation::ReadHeld => Outcome::Held(shared.held().await),
        Operation::Acquire { request, by } => {
            let result = match written {
                Ok(()) => shared.acquire(&request).await,
                Err(error) => Err(AcquireError::Intent(error)),
            };
            let result = result.map_err(Arc::new);
            Outcome::Acquired {
                request,
                by,
                result,
            }
        }
        Operation::AcquireByHook { owned } => {
            Outcome::AcquiredByHook(acquire_by_hook(&shared, &hooks, owned).await)
        }
        Operation::Claim {
            acquisition,
            vessels,
        } => {
            let result = shared.claim(acquisition, &vessels).await;
            Outcome::Claimed {
                acquisition,
                vessels,
                result,
            }
        }
        Operation::Upload(assignment) => {
            let result = match written {
                Ok(()) => shared.upload(&assignment).await,
                Err(error) => Err(InitialiseError::Journal(error)),
            };
            Outcome::Uploaded { assignment, result }
        }
        Operation::Start { assignment, .. } => {
            let result = match written {
                Ok(()) => shared.start(&assignment).await,
                Err(error) => Err(InitialiseError::Journal(error)),
            };
            Outcome::Started { assignment, result }
        }
        Operation::Initialise { fresh, owned } => {
            let result = match written {
                Ok(()) => initialise_by_hook(&shared, &hooks, &fresh, owned.clone()).await,
                Err(error) => Err(HookError::Failed {
                    hook: "init_vessels",
                    cause: error.into(),
                }),
            };
            Outcome::Initialised {
                fresh,
                owned,
                result,
            }
        }
        Operation::Check {
            node,
            location,
            vessels,
        } => {
            let result = shared.check(&node, &location).await;
            Outcome::Checked {
                node,
                vessels,
                result,
            }
        }
        Operation::Weed { vessels } => {
            let owned = vessels.keys().cloned().collect();
            let hook = hooks.remove_vessels.as_ref();
            let kept = run_hook(&shared, "remove_vessels", hook, (owned,)).await;
            let result = kept.map(|kept| kept.into_iter().collect());
            Outcome::Weeded { vessels, result }
        }
        Operation::Renew { vessels } => {
            let list: Vec<Handle> = vessels.iter().cloned().collect();
            let renewal = shared.renew(&list).await;
            Outcome::Renewed {
                vessels,
                renewal,
                held: shared.held().await,
            }
        }
        Operation::Maintain { last, owned } => {
            let arguments = (shared.policy.renew_period, last, owned);
            let hook = hooks.maintenance.as_ref();
            let last = run_hook(&shared, "maintenance", hook, arguments).await;
            Outcome::Maintained {
                last,
                held: shared.held().await,
            }
        }
        Operation::Release { vessels, by } => {
            let result = match written {
                Ok(()) => shared.release(&vessels).await,
                Err(error) => Err(ReleaseError::Journal(error)),
            };
            let result = result.map_err(Arc::new);
            Outcome::Released {
                vessels,
                by,
                result,
            }
        }
        Operation::Stop(address) => {
            let result = shared.stop_program(&address).await;
            Outcome::Stopped { address, result }
        }
    }
}

/// Runs a user's hook within its deadline and apart from its panics.
async fn run_hook<Arguments, Gives>(
    shared: &Arc<Shared>,
    name: &'static str,
    hook: Option<&Arc<dyn Hook<Arguments, Gives>>>,
    arguments: Arguments,
) -> Result<Gives, HookError> {
    let Some(hook) = hook else {
        return Err(HookError::Failed {
            hook: name,
            cause: bug!("the {name} hook is called and was not replaced").into(),
        });
    };
    let deadline = shared.policy.hook_deadline;
    let call = hook.call(OverlordHandle::new(Arc::clone(shared)), arguments);
    // What a hook leaves half done when it panics is its own; ours is changed by the fleet only.
    match shared
        .within(deadline, AssertUnwindSafe(call).catch_unwind())
        .await
    {
        Some(Ok(Ok(result))) => Ok(result),
        Some(Ok(Err(cause))) => Err(HookError::Failed { hook: name, cause }),
        Some(Err(_panic)) => Err(HookError::Panicked { hook: name }),
        None => Err(HookError::Deadline {
            hook: name,
            deadline,
        }),
    }
}

/// The start-up hook; then what the account holds, and what of it is taken over.
async fn start_up(shared: &Arc<Shared>, hooks: &Hooks) -> Result<StartUpReport, StartUpError> {
    let mut released = Vec::new();
    let take_over = match (hooks.init_overlord.as_ref(), shared.policy.on_start) {
        (hook @ Some(_), _) => {
            run_hook(shared, "init_overlord", hook, ())
                .await
                .map_err(StartUpError::Hook)?;
            true
        }
        (None, OnStart::Release) => {
            let (held, gone) = shared.release_what_is_held().await?;
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
        shared
            .adopt(adopted.clone())
            .await
            .map_err(StartUpError::Journal)?;
    }
    Ok(StartUpReport {
        held,
        released,
        adopted,
    })
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

/// The hook, and what it brought that did not come through its handle.
async fn acquire_by_hook(
    shared: &Arc<Shared>,
    hooks: &Hooks,
    owned: Vec<Handle>,
) -> Result<Brought, AcquireError> {
    let name = "acquire_vessels";
    let known_before = shared.known();
    let hook = hooks.acquire_vessels.as_ref();
    let list = run_hook(shared, name, hook, (owned,)).await?;
    // What came through the handle is known already; what the hook got in a way of its own is looked up.
    let known = shared.known();
    let unknown: BTreeSet<Handle> = list
        .into_iter()
        .filter(|handle| !known.contains(handle))
        .collect();
    let mut adopted = Vec::new();
    if !unknown.is_empty() {
        adopted = shared.held().await?;
        adopted.retain(|vessel| unknown.contains(&vessel.handle));
    }
    if !adopted.is_empty() {
        let handles = adopted.iter().map(|vessel| vessel.handle.clone()).collect();
        shared.adopt(handles).await.map_err(AcquireError::Intent)?;
    }
    Ok(Brought {
        anything_new: !adopted.is_empty() || !known.is_subset(&known_before),
        adopted,
    })
}

async fn initialise_by_hook(
    shared: &Arc<Shared>,
    hooks: &Hooks,
    assignments: &[Assignment],
    owned: Vec<Handle>,
) -> Result<BTreeSet<Handle>, HookError> {
    let name = "init_vessels";
    let fresh = assignments
        .iter()
        .map(|assignment| assignment.address.handle.clone())
        .collect();
    let arguments = shared.deployment.arguments.as_slice().to_vec();
    let hook = hooks.init_vessels.as_ref();
    let kept = run_hook(shared, name, hook, (fresh, owned, arguments)).await?;
    Ok(kept.into_iter().collect())
}
