//! Programs: starting, ending, stopping, limits, output.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use overlord_node::LauncherCommand;
use overlord_node::platform::{
    ProcessLimits, ProgramCommand, ProgramPlan, ProgramPlatform, ProgramRequest,
};
use overlord_nodemanager::reply::{StartReply, StopReply};
use overlord_types::{Platform, ProgramArguments, VesselStatus};

use crate::support::{
    TestNode, environment, eventually, file, is_alive, processes_with, refusal, see_every_end,
    vessel, zombies,
};

const RUNS_ON: &str = "echo started $*; exec sleep 100000";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_runs_with_its_arguments_in_its_own_folder_and_a_clean_environment() {
    let node = TestNode::start(1).await;
    let script = "echo args=$*; echo cwd=$(pwd); env; echo stdin=$(cat | wc -c); exec sleep 100000";
    assert_eq!(
        node.run("v1", script, &["63100", "-x_1.5"]).await,
        StartReply::Started
    );
    assert_eq!(node.printed("v1", "stdin").await, "0");
    let printed = environment(&node.log("v1"));
    let files = node.folder("v1").join("files").display().to_string();
    assert_eq!(printed["args"], "63100 -x_1.5");
    assert_eq!(printed["cwd"], files);
    assert_eq!(printed["HOME"], files);
    assert_eq!(
        printed["OVERLORD_VESSEL_IP"],
        node.node.address().ip().to_string()
    );
    assert_eq!(printed["OVERLORD_VESSEL_NAME"], "v1");
    for (name, _) in printed {
        assert!(
            !name.starts_with("CARGO") && name != "USER",
            "{name} came through"
        );
        assert!(name != "OVERLORD_VESSEL_LAUNCH", "the supervisor's own");
    }
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_ends_at_once_is_answered_with_its_end() {
    let node = TestNode::start_with(1, see_every_end).await;
    let ended = StartReply::Ended(VesselStatus::Terminated);
    assert_eq!(node.run("v1", "echo bye; exit 3", &[]).await, ended);
    assert_eq!(node.status("v1").await, VesselStatus::Terminated);
    assert_eq!(node.log("v1"), "bye\n");
    assert_eq!(
        node.run("v1", "echo again", &[]).await,
        ended,
        "it can be started again"
    );
    assert_eq!(node.log("v1"), "bye\nagain\n");
    assert_eq!(node.node.vessel_process(&vessel("v1")), None);
    node.end().await;
    eventually("ended supervisors are buried", || zombies().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_executed_ends_and_says_why_in_the_log() {
    let node = TestNode::start_with(1, see_every_end).await;
    let calls = node.calls("v1");
    let none = ProgramArguments::default();
    let ended = StartReply::Ended(VesselStatus::Terminated);
    let start = async |name: &str| {
        calls
            .start(Platform::Native, &file(name), &none)
            .await
            .unwrap()
    };
    assert_eq!(start("missing").await, ended);
    assert!(
        node.log("v1").contains("missing: there is no such file"),
        "{}",
        node.log("v1")
    );
    calls
        .add_file(&file("odd"), b"#!/no/such/interpreter\n".to_vec())
        .await
        .unwrap();
    assert_eq!(start("odd").await, ended);
    assert!(
        node.log("v1")
            .contains("odd cannot be executed: No such file"),
        "{}",
        node.log("v1")
    );
    calls
        .add_file(&file("plain"), b"echo a shell runs this\n".to_vec())
        .await
        .unwrap();
    assert_eq!(start("plain").await, ended);
    assert!(
        node.log("v1").ends_with("a shell runs this\n"),
        "{}",
        node.log("v1")
    );
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repy_is_refused_as_an_unsupported_platform_until_it_is_there() {
    let node = TestNode::start(1).await;
    let calls = node.calls("v1");
    for platform in [Platform::RepyV1, Platform::RepyV2] {
        let started = calls
            .start(platform, &file("a.repy"), &ProgramArguments::default())
            .await;
        assert_eq!(
            refusal(started),
            "Programming language platform is not supported."
        );
    }
    assert_eq!(node.status("v1").await, VesselStatus::Fresh);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_started_vessel_is_not_started_twice_and_a_stopped_one_is_stopped_once() {
    let node = TestNode::start(1).await;
    assert_eq!(node.run("v1", RUNS_ON, &[]).await, StartReply::Started);
    let again = node.try_run("v1", RUNS_ON, &[]).await;
    assert_eq!(refusal(again), "Vessel has already been started");
    let calls = node.calls("v1");
    assert_eq!(
        calls.stop().await.unwrap(),
        StopReply::Ended(VesselStatus::Stopped)
    );
    assert_eq!(
        refusal(calls.stop().await),
        "Cannot stop vessel with status 'Stopped'"
    );
    assert_eq!(node.run("v1", RUNS_ON, &[]).await, StartReply::Started);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_everything_that_the_program_started_whatever_it_fled_to() {
    let node = TestNode::start(1).await;
    // A child, a grandchild, one in a session of its own, and one that a dead parent left behind.
    let script = "\
        sleep 100001 & echo child=$!\n\
        sh -c 'sleep 100002 & echo grandchild=$!; wait' &\n\
        setsid sh -c 'echo fled=$$; exec sleep 100003' &\n\
        (setsid sh -c 'echo orphan=$$; exec sleep 100004' &)\n\
        echo own=$$\n\
        wait";
    assert_eq!(node.run("v1", script, &[]).await, StartReply::Started);
    let mut pids = Vec::new();
    for name in ["child", "grandchild", "fled", "orphan", "own"] {
        pids.push(node.printed("v1", name).await.parse::<u32>().unwrap());
    }
    assert!(pids.iter().all(|&pid| is_alive(pid)));
    assert_eq!(
        node.node.vessel_process(&vessel("v1")),
        pids.last().copied()
    );
    node.stops("v1").await;
    for pid in pids {
        assert!(
            !is_alive(pid),
            "when a stop is answered, nothing runs any more"
        );
    }
    assert!(processes_with(&node.mark()).is_empty());
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_program_leaves_behind_when_it_ends_is_killed() {
    let node = TestNode::start(1).await;
    let script = "(setsid sleep 100005 &); sleep 100006 & echo left=$!";
    node.run("v1", script, &[]).await;
    node.status_becomes("v1", VesselStatus::Terminated).await;
    assert!(!is_alive(node.printed("v1", "left").await.parse().unwrap()));
    assert!(processes_with(&node.mark()).is_empty());
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_does_not_listen_is_killed_after_the_grace() {
    let node = TestNode::start(1).await;
    let script = "trap '' TERM HUP INT; echo deaf; while :; do sleep 1; done";
    assert_eq!(node.run("v1", script, &[]).await, StartReply::Started);
    node.log_has("v1", "deaf").await;
    let before = tokio::time::Instant::now();
    node.stops("v1").await;
    assert!(
        before.elapsed() >= Duration::from_secs(1),
        "it had its grace"
    );
    assert!(processes_with(&node.mark()).is_empty());
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_program_may_say_its_last_words() {
    let node = TestNode::start(1).await;
    let script = "trap 'echo last words; exit 0' TERM; echo ready; while :; do sleep 0.01; done";
    assert_eq!(node.run("v1", script, &[]).await, StartReply::Started);
    node.log_has("v1", "ready").await;
    node.calls("v1").stop().await.unwrap();
    // The shell may also say that the `sleep` it waited for was ended.
    assert!(
        node.log("v1").ends_with("last words\n"),
        "{}",
        node.log("v1")
    );
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_program_is_terminated_and_a_killed_supervisor_is_stale_at_once() {
    let node = TestNode::start(2).await;
    for (name, status) in [
        ("v1", VesselStatus::Terminated),
        ("v2", VesselStatus::Stale),
    ] {
        let script = "sleep 100007 & echo child=$!; wait";
        assert_eq!(node.run(name, script, &[]).await, StartReply::Started);
        let child: u32 = node.printed(name, "child").await.parse().unwrap();
        let victim = if name == "v1" {
            node.node.vessel_process(&vessel(name))
        } else {
            node.node.vessel_supervisor(&vessel(name))
        };
        kill(victim.unwrap());
        node.status_becomes(name, status).await;
        assert!(!is_alive(child), "what it started went with it");
        assert_eq!(node.run(name, RUNS_ON, &[]).await, StartReply::Started);
    }
    node.end().await;
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_output_neither_fills_the_disk_nor_holds_the_program_up() {
    let node = TestNode::start(1).await;
    let script =
        "head -c 50000000 /dev/zero | tr '\\0' x; echo; echo flood=over; exec sleep 100000";
    assert_eq!(node.run("v1", script, &[]).await, StartReply::Started);
    assert_eq!(node.printed("v1", "flood").await, "over");
    assert_eq!(node.log("v1").len(), 16_384);
    let size = |name| std::fs::metadata(node.folder("v1").join(name)).map_or(0, |m| m.len());
    assert!(size("log.new") + size("log.old") <= 32_768);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_memory_and_file_sizes_are_limited_by_the_operating_system() {
    let node = TestNode::start(1).await;
    let script =
        "echo files=$(ulimit -n); echo core=$(ulimit -c); echo data=$(ulimit -d); echo end=";
    node.run("v1", script, &[]).await;
    node.printed("v1", "end").await;
    node.status_becomes("v1", VesselStatus::Terminated).await;
    let limits = environment(&node.log("v1"));
    // 5 files, 5 + 5 sockets and the runtime's 32; 30 MB and 64 MiB, in KiB.
    assert_eq!(limits["files"], "47");
    assert_eq!(limits["core"], "0");
    assert_eq!(
        limits["data"],
        ((30_000_000 + 64 * 1024 * 1024) / 1024).to_string()
    );
    // The vessel's disk is 20 MB, so no file grows beyond that.
    let script = "head -c 30000000 /dev/zero > big; echo size=$(stat -c %s big); rm big";
    node.run("v1", script, &[]).await;
    assert_eq!(node.printed("v1", "size").await, "20000000");
    node.status_becomes("v1", VesselStatus::Terminated).await;
    // dd wants one buffer of 200 MB, which is more than its memory.
    let script = "dd if=/dev/zero of=/dev/null bs=200000000 count=1; echo memory=$?";
    node.run("v1", script, &[]).await;
    assert_eq!(node.printed("v1", "memory").await, "1");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_program_can_be_uploaded_anew_and_keeps_running() {
    let node = TestNode::start(1).await;
    assert_eq!(node.run("v1", RUNS_ON, &["one"]).await, StartReply::Started);
    node.log_has("v1", "started one").await;
    let pid = node.node.vessel_process(&vessel("v1"));
    node.calls("v1")
        .add_file(&file("program"), b"#!/bin/sh\necho new\n".to_vec())
        .await
        .unwrap();
    assert_eq!(node.node.vessel_process(&vessel("v1")), pid);
    node.calls("v1").stop().await.unwrap();
    let started = node
        .calls("v1")
        .start(
            Platform::Native,
            &file("program"),
            &ProgramArguments::default(),
        )
        .await;
    started.unwrap();
    node.status_becomes("v1", VesselStatus::Terminated).await;
    assert_eq!(node.log("v1"), "started one\nnew\n");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_stops_the_program_and_leaves_neither_files_nor_log() {
    let node = TestNode::start(1).await;
    let script = "mkdir -p deep/er; echo x > deep/er/file; echo ready; exec sleep 100000";
    assert_eq!(node.run("v1", script, &[]).await, StartReply::Started);
    node.log_has("v1", "ready").await;
    node.calls("v1").reset().await.unwrap();
    assert!(processes_with(&node.mark()).is_empty());
    assert_eq!(node.status("v1").await, VesselStatus::Fresh);
    assert!(node.calls("v1").list_files().await.unwrap().is_empty());
    assert_eq!(node.log("v1"), "");
    node.calls("v1").reset().await.unwrap();
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vessel_that_is_slow_to_stop_holds_up_neither_the_others_nor_the_look_at_it() {
    let node = TestNode::start_with(2, |config| {
        config.timing.stop_grace = Duration::from_secs(20);
    })
    .await;
    let deaf = "trap '' TERM; echo deaf; while [ ! -e let-go ]; do sleep 0.02; done";
    node.run("v1", deaf, &[]).await;
    node.log_has("v1", "deaf").await;
    let slow = node.calls("v1");
    let stopping = tokio::spawn(async move { slow.stop().await });
    eventually("the stop is under way", || {
        node.folder("v1").join("run/stopping").exists()
    })
    .await;
    assert_eq!(node.run("v2", RUNS_ON, &[]).await, StartReply::Started);
    assert_eq!(node.status("v1").await, VesselStatus::Started);
    assert!(!stopping.is_finished());
    std::fs::write(node.folder("v1").join("files/let-go"), "").unwrap();
    let stopped = stopping.await.unwrap().unwrap();
    assert_eq!(stopped, StopReply::Ended(VesselStatus::Stopped));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_vessels_start_side_by_side() {
    let node = TestNode::start(8).await;
    let names: Vec<String> = (1..=8).map(|number| format!("v{number}")).collect();
    let starts = names
        .iter()
        .map(async |name| node.run(name, RUNS_ON, &[name]).await);
    for outcome in futures_util::future::join_all(starts).await {
        assert_eq!(outcome, StartReply::Started);
    }
    for name in &names {
        node.log_has(name, &format!("started {name}")).await;
    }
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_not_seen_in_time_is_a_warning_and_a_reset_ends_it() {
    let node = TestNode::start_with(1, |config| {
        // A supervisor that never says anything.
        config.launcher = LauncherCommand {
            program: Some("/bin/sleep".into()),
            arguments: vec!["100009".into()],
        };
        config.timing.start_wait = Duration::from_millis(100);
    })
    .await;
    assert_eq!(node.run("v1", RUNS_ON, &[]).await, StartReply::NotYet);
    assert_eq!(node.status("v1").await, VesselStatus::Fresh);
    let supervisor = node.node.vessel_supervisor(&vessel("v1")).unwrap();
    assert!(is_alive(supervisor));
    let again = node.try_run("v1", RUNS_ON, &[]).await;
    assert_eq!(refusal(again), "Vessel has already been started");
    node.calls("v1").reset().await.unwrap();
    assert!(!is_alive(supervisor));
    assert_eq!(node.status("v1").await, VesselStatus::Fresh);
    node.end().await;
}

/// A platform whose programs say by an exit code that they could not make a thread.
struct Threads;

impl ProgramPlatform for Threads {
    fn platform(&self) -> Platform {
        Platform::RepyV2
    }

    fn plan(&self, request: &ProgramRequest) -> ProgramPlan {
        ProgramPlan::Execute(ProgramCommand {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), format!("exit {}", request.words[0])],
            environment: BTreeMap::new(),
            limits: ProcessLimits::default(),
            log_header: format!("Running {}\n", request.words[0]),
            thread_error_code: Some(56),
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_platform_has_its_word_its_log_header_and_its_code_for_missing_threads() {
    let node = TestNode::start_with(1, |config| {
        see_every_end(config);
        config.platforms = config.platforms.clone().with(Arc::new(Threads));
    })
    .await;
    for (code, status) in [
        ("56", VesselStatus::ThreadErr),
        ("55", VesselStatus::Terminated),
    ] {
        let calls = node.calls("v1");
        let none = ProgramArguments::default();
        let started = calls
            .start(Platform::RepyV2, &file(code), &none)
            .await
            .unwrap();
        assert_eq!(started, StartReply::Ended(status));
    }
    assert_eq!(node.log("v1"), "Running 56\nRunning 55\n");
    node.end().await;
}
