//! The five hooks: each replaced alone, with the original's contract, and none able to bring the run down.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use overlord_engine::{
    Cause, Change, Hooks, JournalRecord, Moment, OnStart, OverlordHandle, RunError,
};
use overlord_types::Handle;

use crate::options::Options;
use crate::scenario::Scenario;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_replaced_start_up_releases_nothing_and_the_account_is_taken_over() {
    let mut options = Options::calm(3, 6);
    options.foreign = 2;
    options.policy.on_start = OnStart::Release;
    let called = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&called);
    let hooks = Hooks::default().init_overlord(move |_: OverlordHandle| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Ok(()) }
    });
    let mut scenario = Scenario::with_hooks(options, hooks);
    scenario.until_all_run();
    assert_eq!(called.load(Ordering::Relaxed), 1);
    assert_eq!(scenario.asked("release"), 0);
    assert_eq!(scenario.count(|c| matches!(c, Change::Adopted { .. })), 2);
    assert_eq!(scenario.count(|c| matches!(c, Change::Acquired { .. })), 1);
}

#[test]
fn a_start_up_that_fails_ends_the_run_before_it_began() {
    let hooks = Hooks::default()
        .init_overlord(|_: OverlordHandle| async { Err::<(), Cause>("no coffee".into()) });
    let mut scenario = Scenario::with_hooks(Options::calm(3, 6), hooks);
    scenario.until("it is over", Scenario::is_over);
    assert!(matches!(scenario.result(), Err(RunError::StartUp(_))));
    assert_eq!(scenario.asked("acquire"), 0);
}

#[test]
fn a_replaced_acquisition_gets_what_is_owned_and_gives_back_what_is_new() {
    let owned_lists = Arc::new(Mutex::new(Vec::new()));
    let lists = Arc::clone(&owned_lists);
    let hooks =
        Hooks::default().acquire_vessels(move |overlord: OverlordHandle, owned: Vec<Handle>| {
            lists.lock().unwrap().push(owned.len());
            // One at a time, because it likes to.
            async move { overlord.acquire_vessels(1).await }
        });
    let mut scenario = Scenario::with_hooks(Options::calm(3, 6), hooks);
    scenario.until_all_run();
    assert_eq!(*owned_lists.lock().unwrap(), [0, 1, 2]);
}

#[test]
fn a_replaced_acquisition_that_brings_nothing_is_called_again_with_pauses() {
    let called = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&called);
    let hooks = Hooks::default().acquire_vessels(move |_: OverlordHandle, _: Vec<Handle>| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Ok(Vec::new()) }
    });
    let mut scenario = Scenario::with_hooks(Options::calm(3, 6), hooks);
    scenario.wait(60 * MINUTE);
    let called = called.load(Ordering::Relaxed);
    assert!((5..40).contains(&called), "{called} calls in an hour");
}

#[test]
fn a_replaced_initialisation_gets_fresh_owned_and_arguments_and_may_use_the_default() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let calls = Arc::clone(&seen);
    let hooks = Hooks::default().init_vessels(
        move |overlord: OverlordHandle,
              fresh: Vec<Handle>,
              owned: Vec<Handle>,
              arguments: Vec<String>| {
            calls
                .lock()
                .unwrap()
                .push((fresh.len(), owned.len(), arguments.clone()));
            async move { overlord.default_init_vessels(fresh, owned, arguments).await }
        },
    );
    let mut scenario = Scenario::with_hooks(Options::calm(3, 6), hooks);
    scenario.until_all_run();
    let arguments = vec!["{port}".to_owned(), "{index}".to_owned()];
    assert_eq!(*seen.lock().unwrap(), [(3, 3, arguments)]);
    assert_eq!((scenario.asked("upload"), scenario.asked("start")), (3, 3));
}

#[test]
fn a_vessel_that_the_initialisation_leaves_out_is_tried_again_then_replaced() {
    let first = Arc::new(Mutex::new(None::<Handle>));
    let hooks = Hooks::default().init_vessels(
        move |overlord: OverlordHandle,
              fresh: Vec<Handle>,
              owned: Vec<Handle>,
              arguments: Vec<String>| {
            let bad = first
                .lock()
                .unwrap()
                .get_or_insert_with(|| fresh[0].clone())
                .clone();
            async move {
                let good: Vec<Handle> = fresh
                    .iter()
                    .filter(|handle| **handle != bad)
                    .cloned()
                    .collect();
                let owned = OverlordHandle::list_difference(&owned, std::slice::from_ref(&bad));
                overlord.default_init_vessels(good, owned, arguments).await
            }
        },
    );
    let mut scenario = Scenario::with_hooks(Options::calm(3, 6), hooks);
    scenario.until_all_run();
    assert!(scenario.count(|c| matches!(c, Change::Failed { .. })) >= 2);
    assert!(scenario.count(|c| matches!(c, Change::Released { .. })) >= 1);
}

#[test]
fn a_replaced_weeding_decides_what_is_kept_and_the_engine_gives_the_rest_back() {
    let dropped = Arc::new(Mutex::new(None::<Handle>));
    let hooks =
        Hooks::default().remove_vessels(move |overlord: OverlordHandle, owned: Vec<Handle>| {
            // It drops one vessel, once, that does not run any more.
            let dropped = Arc::clone(&dropped);
            async move {
                let statuses = overlord.vessel_statuses(&owned).await;
                let bad = owned.iter().find(|handle| {
                    !matches!(
                        statuses.get(*handle),
                        Some(Ok(overlord_types::VesselStatus::Started))
                    )
                });
                let mut dropped = dropped.lock().unwrap();
                if dropped.is_none() {
                    *dropped = bad.cloned();
                }
                Ok(owned
                    .iter()
                    .filter(|handle| Some(*handle) != dropped.as_ref())
                    .cloned()
                    .collect())
            }
        });
    let mut scenario = Scenario::with_hooks(Options::calm(3, 6), hooks);
    scenario.until_all_run();
    scenario.kill_one();
    scenario.until("it is given back", |scenario| {
        scenario.count(|c| matches!(c, Change::Released { .. })) == 1
    });
    scenario.until_all_run();
}

#[test]
fn the_default_weeding_can_be_called_from_a_replacement() {
    let hooks = Hooks::default().remove_vessels(
        |overlord: OverlordHandle, owned: Vec<Handle>| async move {
            overlord.default_remove_vessels(owned).await
        },
    );
    let mut scenario = Scenario::with_hooks(Options::calm(4, 6), hooks);
    scenario.until_all_run();
    let node = scenario.our_nodes()[0];
    scenario.world(|world| world.nodes[node].dead += 1);
    scenario.until("it is given back", |scenario| {
        scenario.count(|c| matches!(c, Change::Released { .. })) == 1
    });
    scenario.until_all_run();
    assert!(!scenario.our_nodes().contains(&node));
}

#[test]
fn a_replaced_maintenance_gets_the_period_and_what_it_said_last() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let calls = Arc::clone(&seen);
    let mut options = Options::calm(2, 4);
    options.policy.renew_period = 10 * MINUTE;
    let hooks = Hooks::default().maintenance(
        move |overlord: OverlordHandle, delay: Duration, last: Moment, owned: Vec<Handle>| {
            calls.lock().unwrap().push((delay, last, owned.len()));
            async move { overlord.default_maintenance(delay, last, owned).await }
        },
    );
    let mut scenario = Scenario::with_hooks(options, hooks);
    scenario.wait(35 * MINUTE);
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].0, 10 * MINUTE);
    assert!(seen.windows(2).all(|two| two[0].1 <= two[1].1));
    assert_eq!(scenario.asked("renew"), 3);
}

#[test]
fn a_hook_that_panics_fails_or_hangs_does_not_bring_the_run_down() {
    for (kind, deadline) in [("panics", 600), ("fails", 600), ("hangs", 5)] {
        let calls = Arc::new(AtomicU32::new(0));
        let hooks =
            Hooks::default().remove_vessels(move |_: OverlordHandle, owned: Vec<Handle>| {
                let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
                async move {
                    match (kind, first) {
                        ("panics", true) => panic!("on purpose"),
                        ("fails", true) => Err::<Vec<Handle>, Cause>("on purpose".into()),
                        ("hangs", true) => std::future::pending().await,
                        _ => Ok(owned),
                    }
                }
            });
        let mut options = Options::calm(2, 4);
        options.policy.hook_deadline = Duration::from_secs(deadline);
        let mut scenario = Scenario::with_hooks(options, hooks);
        scenario.wait(5 * MINUTE);
        assert_eq!(
            scenario.count(|c| matches!(c, Change::HookFailed { .. })),
            1,
            "{kind}"
        );
        assert_eq!(scenario.running(), 2, "{kind}");
        assert_eq!(scenario.asked("release"), 0, "{kind}");
    }
}

#[test]
fn a_hook_can_end_the_run_and_read_the_configuration() {
    let hooks = Hooks::default().maintenance(
        |overlord: OverlordHandle, _: Duration, last: Moment, _: Vec<Handle>| async move {
            assert_eq!(overlord.user_port().number(), 63_100);
            assert_eq!(overlord.vessel_count(), 2);
            assert_eq!(overlord.program_name(), Some("server.r2py"));
            assert_eq!(overlord.user_name().as_str(), "user");
            overlord.stop();
            Ok(last)
        },
    );
    let mut scenario = Scenario::with_hooks(Options::calm(2, 4), hooks);
    scenario.until("it is over", Scenario::is_over);
    assert!(scenario.result().is_ok());
}

/// The original counted a vessel as uploaded once for each file that arrived.
#[test]
fn a_vessel_counts_as_uploaded_once_and_only_if_every_file_arrived() {
    let result = Arc::new(Mutex::new(Vec::new()));
    let uploaded = Arc::clone(&result);
    let hooks = Hooks::default().init_vessels(
        move |overlord: OverlordHandle,
              fresh: Vec<Handle>,
              owned: Vec<Handle>,
              arguments: Vec<String>| {
            let uploaded = Arc::clone(&uploaded);
            async move {
                let file = overlord
                    .deployment()
                    .program
                    .as_ref()
                    .unwrap()
                    .file()
                    .clone();
                let other = overlord_engine::ProgramFile {
                    name: "data.txt".parse()?,
                    ..file.clone()
                };
                let list = overlord.upload_to_vessels(&fresh, &[file, other]).await;
                *uploaded.lock().unwrap() = list;
                overlord.default_init_vessels(fresh, owned, arguments).await
            }
        },
    );
    let mut scenario = Scenario::with_hooks(Options::calm(3, 3), hooks);
    scenario.world(|world| world.refuses_file = Some((1, "data.txt")));
    scenario.until_all_run();
    let nodes: Vec<usize> = result
        .lock()
        .unwrap()
        .iter()
        .map(|handle| crate::ports::node_number(&handle.node))
        .collect();
    assert_eq!(nodes, [0, 2]);
}

/// Got and given back at once, the journal could tell that a vessel was got before it was gone.
#[test]
fn what_a_hook_wishes_for_at_the_same_time_is_done_one_after_the_other() {
    let answers = Arc::new(Mutex::new(None));
    let told = Arc::clone(&answers);
    let hooks = Hooks::default().maintenance(
        move |overlord: OverlordHandle, _: Duration, last: Moment, owned: Vec<Handle>| {
            let told = Arc::clone(&told);
            async move {
                if owned.len() == 3 && told.lock().unwrap().is_none() {
                    let (released, acquired) = futures_util::future::join(
                        overlord.release_vessels(&owned[..1]),
                        overlord.acquire_vessels(1),
                    )
                    .await;
                    *told.lock().unwrap() = Some((released.is_ok(), acquired.is_ok()));
                }
                Ok(last)
            }
        },
    );
    let mut options = Options::calm(3, 6);
    // Between the two, the planner may ask for the vessel that is missing.
    options.policy.surge = 1;
    let mut scenario = Scenario::with_hooks(options, hooks);
    scenario.until_all_run();
    scenario.until("the hook was answered", |_| {
        answers.lock().unwrap().is_some()
    });
    assert_eq!(*answers.lock().unwrap(), Some((true, true)));
    let records = scenario.world(|world| world.journal.clone());
    let mut asked = 0;
    for stored in &records {
        match stored.read().unwrap() {
            JournalRecord::AcquireIntended { .. } | JournalRecord::ReleaseIntended { .. } => {
                asked += 1;
            }
            JournalRecord::Acquired { .. } | JournalRecord::Gone { .. } => asked -= 1,
            _ => {}
        }
        assert!((0..=1).contains(&asked), "{records:#?}");
    }
}
