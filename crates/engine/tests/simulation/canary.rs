//! Each rule must be able to fail: here are overlords that break them, one by one, and must be caught.
//!
//! They are broken through their hooks, which are what carries the plan's operations out; or through a journal that
//! forgets.

use std::time::Duration;

use overlord_engine::{Cause, Hooks, Moment, OverlordHandle};
use overlord_types::Handle;

use crate::drive::{Setup, simulate};
use crate::options::Options;

fn caught(rule: &str, setup: Setup) {
    let error = simulate(setup).expect_err("an overlord that breaks a rule went uncaught");
    assert!(
        error.contains(rule),
        "expected {rule}, and it was caught for something else: {error}"
    );
}

fn broken_by(hooks: fn() -> Hooks) -> Setup {
    Setup {
        hooks,
        ..Setup::of(Options::calm(3, 9))
    }
}

#[test]
fn an_overlord_that_acquires_too_many_is_caught() {
    caught(
        "rule 1",
        broken_by(|| {
            Hooks::default().acquire_vessels(|overlord: OverlordHandle, _| async move {
                overlord.acquire_vessels(overlord.vessel_count() + 3).await
            })
        }),
    );
}

#[test]
fn a_journal_that_forgets_is_caught() {
    let setup = Setup {
        journal_forgets: true,
        ..Setup::of(Options::calm(3, 9))
    };
    caught("rule 2", setup);
}

#[test]
fn an_overlord_that_asks_again_blindly_is_caught() {
    let setup = broken_by(|| {
        Hooks::default().acquire_vessels(|overlord: OverlordHandle, _| async move {
            let first = overlord.acquire_vessels(1).await;
            if first.is_err() {
                overlord.acquire_vessels(1).await
            } else {
                first
            }
        })
    });
    let options = Options {
        loss: 600,
        bad_for: Duration::from_secs(3600),
        ..setup.options.clone()
    };
    caught("rule 2", Setup { options, ..setup });
}

#[test]
fn an_overlord_that_releases_running_vessels_is_caught() {
    caught(
        "rule 3",
        broken_by(|| {
            Hooks::default()
                .remove_vessels(|_: OverlordHandle, _: Vec<Handle>| async { Ok(Vec::new()) })
        }),
    );
}

#[test]
fn an_overlord_that_lets_leases_lapse_is_caught() {
    let setup = broken_by(|| {
        Hooks::default().maintenance(
            |_: OverlordHandle, _: Duration, last: Moment, _: Vec<Handle>| async move { Ok(last) },
        )
    });
    let options = Options {
        bad_for: Duration::from_secs(6 * 60 * 60),
        ..setup.options.clone()
    };
    caught("rule 4", Setup { options, ..setup });
}

#[test]
fn an_overlord_that_never_brings_anything_up_is_caught() {
    caught(
        "rule 5",
        broken_by(|| {
            Hooks::default().init_vessels(
            |_: OverlordHandle, fresh: Vec<Handle>, owned: Vec<Handle>, _: Vec<String>| async move {
                Ok(OverlordHandle::list_difference(&owned, &fresh))
            },
        )
        }),
    );
}

#[test]
fn an_overlord_that_touches_what_is_others_is_caught() {
    let setup = broken_by(|| {
        Hooks::default().maintenance(
            |overlord: OverlordHandle, _: Duration, last: Moment, _: Vec<Handle>| async move {
                let held = overlord.held_vessels().await?;
                let all: Vec<Handle> = held.into_iter().map(|vessel| vessel.handle).collect();
                overlord.renew_vessels(&all).await?;
                Ok::<Moment, Cause>(last)
            },
        )
    });
    let mut options = Options {
        foreign: 3,
        bad_for: Duration::from_secs(600),
        ..setup.options.clone()
    };
    // The others' vessels come first to mind when three are wanted and may be taken over.
    options.policy.on_start = overlord_engine::OnStart::Adopt;
    options.wanted = 1;
    caught("rule 6", Setup { options, ..setup });
}

#[test]
fn an_overlord_that_loops_without_a_pause_is_caught() {
    caught(
        "rule 7",
        broken_by(|| {
            Hooks::default().acquire_vessels(|overlord: OverlordHandle, _| async move {
                loop {
                    if let Err(error) = overlord.held_vessels().await {
                        return Err(error.into());
                    }
                }
            })
        }),
    );
}
