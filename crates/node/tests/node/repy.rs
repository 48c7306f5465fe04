//! Repy programs in vessels: start, log, stop, ends of every kind, restarts of the node, walls.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use overlord_node::platform::Platforms;
use overlord_nodemanager::client::NodeCallError;
use overlord_nodemanager::reply::StartReply;
use overlord_types::{Platform, ProgramArguments, VesselStatus};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use crate::support::{
    TestNode, eventually, file, is_alive, processes_with, refusal, vessel, zombies,
};

/// The longest that the stop of a Repy vessel may take.
const STOP_WITHIN: Duration = Duration::from_secs(1);
/// A program that says so and goes on.
const RUNS_ON: &str = "log('up', callargs, '\\n')\nwhile True:\n  sleep(1000)\n";

async fn repy_node(vessels: u16) -> TestNode {
    TestNode::start_with(vessels, |config| config.platforms = Platforms::repy()).await
}

/// For tests of programs that end at once: on a machine under load that may take its time.
async fn patient_repy_node(vessels: u16) -> TestNode {
    TestNode::start_with(vessels, |config| {
        config.platforms = Platforms::repy();
        config.timing.sandbox_settle = Duration::from_secs(20);
    })
    .await
}

impl TestNode {
    /// Uploads a Repy program to a vessel and starts it.
    async fn repy(&self, name: &str, source: &str, arguments: &[&str]) -> StartReply {
        self.repy_as(Platform::RepyV2, name, source, arguments)
            .await
            .unwrap()
    }

    async fn repy_as(
        &self,
        platform: Platform,
        name: &str,
        source: &str,
        arguments: &[&str],
    ) -> Result<StartReply, NodeCallError> {
        let calls = self.calls(name);
        let program = file("program.r2py");
        calls.add_file(&program, source.as_bytes().to_vec()).await?;
        let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        let arguments = ProgramArguments::new(arguments).unwrap();
        calls.start(platform, &program, &arguments).await
    }

    /// What the program itself wrote, without what the node says before it.
    fn output(&self, name: &str) -> String {
        let log = self.log(name);
        let line = "=".repeat(40);
        log.rsplit(&format!("{line}\n"))
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    fn pid(&self, name: &str) -> u32 {
        self.node.vessel_process(&vessel(name)).unwrap()
    }
}

const TERMINATED: StartReply = StartReply::Ended(VesselStatus::Terminated);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repy_program_runs_with_its_arguments_and_stops_within_a_second() {
    let node = repy_node(1).await;
    assert_eq!(
        node.repy("v1", RUNS_ON, &["63100", "-x_1.5"]).await,
        StartReply::Started
    );
    node.log_has("v1", "up").await;
    let line = "=".repeat(40);
    let log = node.log("v1");
    let (wall, log) = log.split_once('\n').unwrap();
    assert!(wall.starts_with("the second wall"), "{wall}");
    assert_eq!(
        log,
        format!(
            "{line}\nRunning program: program.r2py\nArguments: ['63100', '-x_1.5']\n{line}\n\
             up ['63100', '-x_1.5'] \n"
        )
    );
    let pid = node.pid("v1");
    assert_eq!(node.node.vessel_supervisor(&vessel("v1")), Some(pid));
    assert_eq!(
        processes_with(&node.mark()),
        [pid],
        "one process per vessel"
    );
    let before = tokio::time::Instant::now();
    node.stops("v1").await;
    assert!(before.elapsed() < STOP_WITHIN, "{:?}", before.elapsed());
    assert!(!is_alive(pid));
    assert_eq!(node.status("v1").await, VesselStatus::Stopped);
    node.end().await;
    eventually("ended vessels are buried", || zombies().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_never_waits_is_stopped_within_a_second_too() {
    let node = repy_node(1).await;
    let busy = "log('busy\\n')\nwhile True:\n  pass\n";
    assert_eq!(node.repy("v1", busy, &[]).await, StartReply::Started);
    node.log_has("v1", "busy").await;
    let before = tokio::time::Instant::now();
    node.stops("v1").await;
    assert!(before.elapsed() < STOP_WITHIN, "{:?}", before.elapsed());
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sandbox_that_is_kept_from_hearing_is_killed_long_before_another_program_would_be() {
    let patience = Duration::from_secs(20);
    let node = TestNode::start_with(1, |config| {
        config.platforms = Platforms::repy();
        config.timing.stop_grace = patience;
    })
    .await;
    assert_eq!(node.repy("v1", RUNS_ON, &[]).await, StartReply::Started);
    let pid = Pid::from_raw(node.pid("v1").cast_signed()).unwrap();
    // By its descriptor, so that nobody else is stopped who has the number later.
    let sandbox = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    let ended = std::thread::spawn(move || {
        while pidfd_send_signal(&sandbox, Signal::STOP).is_ok() {
            std::thread::yield_now();
        }
    });
    let before = tokio::time::Instant::now();
    node.stops("v1").await;
    assert!(before.elapsed() < patience, "{:?}", before.elapsed());
    ended.join().unwrap();
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_end_has_its_status_and_its_reason_in_the_log() {
    let node = patient_repy_node(1).await;
    let ends = [
        ("log('bye\\n')\n", "bye\n"),
        ("log('bye\\n')\nexitall()\nlog('never')\n", "bye\n"),
        ("a = [1]\nlog(a[3])\n", "IndexError"),
        ("def broken(:\n", "program.r2py"),
        ("import os\n", "import"),
        ("x = ().__class__\n", "__class__"),
    ];
    for (source, reason) in ends {
        assert_eq!(node.repy("v1", source, &[]).await, TERMINATED, "{source}");
        assert_eq!(node.status("v1").await, VesselStatus::Terminated);
        let output = node.output("v1");
        assert!(output.contains(reason), "{source}: {output}");
        assert!(!output.contains("never"), "{output}");
    }
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_takes_too_much_memory_is_killed_and_the_log_says_so() {
    let node = patient_repy_node(1).await;
    let hog = "held = []\nwhile True:\n  held.append('x' * 100000 + str(len(held)))\n";
    assert_eq!(node.repy("v1", hog, &[]).await, TERMINATED);
    let output = node.output("v1");
    assert!(output.contains("memory"), "{output}");
    assert!(output.contains("30000000"), "{output}");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_program_is_found_again_by_the_next_node_and_stopped_by_it() {
    let node = repy_node(2).await;
    assert_eq!(node.repy("v1", RUNS_ON, &["1"]).await, StartReply::Started);
    let pid = node.pid("v1");
    let node = node
        .restart_after(async |running| running.shutdown(false).await)
        .await;
    assert_eq!(node.status("v1").await, VesselStatus::Started);
    assert_eq!(node.pid("v1"), pid);
    node.log_has("v1", "up ['1']").await;
    node.stops("v1").await;
    assert!(!is_alive(pid));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_a_program_ended_is_known_even_if_no_node_was_there_to_see_it() {
    let node = repy_node(2).await;
    let until_told =
        "log('waiting\\n')\nwhile 'go' not in listfiles():\n  sleep(0.01)\nlog('done\\n')\n";
    for name in ["v1", "v2"] {
        assert_eq!(node.repy(name, until_told, &[]).await, StartReply::Started);
        node.log_has(name, "waiting").await;
    }
    let (one, two) = (node.pid("v1"), node.pid("v2"));
    let go = node.folder("v1").join("files/go");
    let node = node
        .restart_after(async |running| {
            running.shutdown(false).await;
            std::fs::write(go, "").unwrap();
            send(two, Signal::KILL);
            eventually("both have ended", || !is_alive(one) && !is_alive(two)).await;
        })
        .await;
    assert_eq!(node.status("v1").await, VesselStatus::Terminated);
    assert_eq!(node.output("v1"), "waiting\ndone\n");
    assert_eq!(
        node.status("v2").await,
        VesselStatus::Stale,
        "nobody saw its end"
    );
    node.end().await;
}

fn send(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_program_is_found_dead_and_can_be_started_again() {
    let node = repy_node(1).await;
    assert_eq!(node.repy("v1", RUNS_ON, &[]).await, StartReply::Started);
    send(node.pid("v1"), Signal::KILL);
    node.status_becomes("v1", VesselStatus::Stale).await;
    node.log_has("v1", "the vessel's process was ended by signal 9")
        .await;
    assert!(!node.folder("v1").join("run").exists());
    assert_eq!(node.repy("v1", RUNS_ON, &[]).await, StartReply::Started);
    // A fault that the process makes itself is an end like any other.
    send(node.pid("v1"), Signal::ABORT);
    node.status_becomes("v1", VesselStatus::Terminated).await;
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_is_not_there_never_starts_as_with_the_original() {
    let node = repy_node(1).await;
    let start = async |platform| {
        let none = ProgramArguments::default();
        let missing = file("missing.r2py");
        node.calls("v1")
            .start(platform, &missing, &none)
            .await
            .unwrap()
    };
    assert_eq!(start(Platform::RepyV2).await, StartReply::NotYet);
    assert_eq!(node.status("v1").await, VesselStatus::Fresh);
    assert_eq!(
        node.log("v1"),
        "FATAL ERROR: Unable to read the specified program file: 'missing.r2py'\n"
    );
    assert_eq!(start(Platform::RepyV1).await, TERMINATED);
    node.log_has("v1", "Failed to read the specified file: 'missing.r2py'")
        .await;
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_v1_program_runs_if_it_is_valid_v2_and_is_refused_clearly_if_not() {
    let node = repy_node(1).await;
    let started = node.repy_as(Platform::RepyV1, "v1", RUNS_ON, &[]).await;
    assert_eq!(started.unwrap(), StartReply::Started);
    node.calls("v1").stop().await.unwrap();
    let v1_only = "if callfunc == 'initialize':\n  print 'hello'\n";
    let refused = refusal(node.repy_as(Platform::RepyV1, "v1", v1_only, &[]).await);
    assert!(
        refused.starts_with("Programming language platform is not supported. "),
        "{refused}"
    );
    let output = node.output("v1");
    assert!(output.contains("print"), "{output}");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_has_the_node_s_address_and_its_vessel_s_ports_and_no_others() {
    let node = repy_node(1).await;
    let own = node.node.address().ip();
    let other = Ipv4Addr::new(127, 9, 9, 9);
    let source = format!(
        "def attempt(name, ip, port):\n  try:\n    socket = listenforconnection(ip, port)\n  \
         except RepyException, e:\n    log(name + '=' + str(type(e)).split(\"'\")[1].split('.')[-1] + '\\n')\n  \
         else:\n    log(name + '=open\\n')\n    socket.close()\n\
         log('ip=' + getmyip() + '\\n')\n\
         attempt('own', '{own}', 40010)\nattempt('other_address', '{other}', 40010)\n\
         attempt('other_port', '{own}', 40020)\nlog('end=1\\n')\nsleep(1000)\n"
    );
    assert_eq!(node.repy("v1", &source, &[]).await, StartReply::Started);
    node.log_has("v1", "end=1").await;
    let output = node.output("v1");
    let printed: BTreeMap<&str, &str> = output
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    assert_eq!(printed["ip"], own.to_string());
    assert_eq!(printed["own"], "open");
    assert_eq!(printed["other_address"], "ResourceForbiddenError");
    assert_eq!(printed["other_port"], "ResourceForbiddenError");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_of_a_vessel_has_nothing_of_the_daemon_s_environment_and_stands_behind_the_wall()
 {
    let node = repy_node(1).await;
    assert_eq!(node.repy("v1", RUNS_ON, &[]).await, StartReply::Started);
    let proc = std::path::PathBuf::from(format!("/proc/{}", node.pid("v1")));
    let environment = std::fs::read_to_string(proc.join("environ")).unwrap();
    let names: Vec<&str> = environment
        .split('\0')
        .filter_map(|entry| entry.split_once('='))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, [overlord_node::launch::LAUNCH_VARIABLE]);
    // In a test program the sandbox is not the only thread.
    let threads: Vec<String> = std::fs::read_dir(proc.join("task"))
        .unwrap()
        .map(|thread| std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap())
        .collect();
    let walled = |status: &String| {
        ["NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"]
            .iter()
            .all(|line| status.contains(line))
    };
    assert!(threads.iter().any(walled), "{threads:?}");
    let wall = node.node.vessel_wall(&vessel("v1")).unwrap();
    assert!(wall.starts_with("privileges full, limits full, "), "{wall}");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_much_of_the_wall_stands_is_said_once_in_the_log_and_known_to_the_next_node() {
    let node = repy_node(2).await;
    assert_eq!(node.repy("v1", RUNS_ON, &[]).await, StartReply::Started);
    let wall = node.node.vessel_wall(&vessel("v1")).unwrap();
    assert_eq!(node.node.vessel_wall(&vessel("v2")), None, "nothing runs");
    let node = node
        .restart_after(async |running| running.shutdown(false).await)
        .await;
    assert_eq!(node.node.vessel_wall(&vessel("v1")), Some(wall.clone()));
    let log = node.log("v1");
    assert_eq!(log.matches(&wall).count(), 1, "{log}");
    assert_eq!(log.matches("the second wall").count(), 1, "{log}");
    // Unless the kernel has a rule for them.
    let untold = wall.contains("files and ports full");
    assert!(
        untold || wall.contains("UDP ports: the language alone holds them"),
        "{wall}"
    );
    node.calls("v1").stop().await.unwrap();
    assert_eq!(node.node.vessel_wall(&vessel("v1")), None, "it has ended");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_is_watched_by_the_node_there_is_and_by_none_that_was_there_before() {
    let node = repy_node(1).await;
    assert_eq!(node.repy("v1", RUNS_ON, &[]).await, StartReply::Started);
    let program = node.pid("v1");
    let mut node = node;
    for _ in 0..5 {
        node = node
            .restart_after(async |running| running.shutdown(false).await)
            .await;
        assert_eq!(node.pid("v1"), program);
        assert!(is_alive(program), "what started it holds its life line");
    }
    // The runtime, which will bury it, and the node.
    eventually("two watch", || watchers_of(program) == 2).await;
    node.calls("v1").stop().await.unwrap();
    assert!(!is_alive(program));
    eventually("nobody watches", || watchers_of(program) == 0).await;
    eventually("it is buried", || !zombies().contains(&program)).await;
    node.end().await;
}

/// How many descriptors of this process mean that one.
fn watchers_of(pid: u32) -> usize {
    let line = format!("Pid:\t{pid}\n");
    std::fs::read_dir("/proc/self/fdinfo")
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok())
        .filter(|info| info.contains(&line))
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_16_kib_of_a_long_log_are_read_and_no_more_than_32_kept() {
    let node = repy_node(1).await;
    let source = "for i in range(10000):\n  log('line %06d\\n' % i)\nlog('end\\n')\nsleep(1000)\n";
    node.repy("v1", source, &[]).await;
    node.log_has("v1", "end\n").await;
    let log = node.log("v1");
    assert_eq!(log.len(), 16 * 1024);
    assert!(log.ends_with("line 009999\nend\n"));
    let kept: u64 = ["log.old", "log.new"]
        .iter()
        .map(|name| {
            std::fs::metadata(node.folder("v1").join(name))
                .unwrap()
                .len()
        })
        .sum();
    assert!(kept <= 32 * 1024, "{kept}");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_and_a_killed_node_leave_no_process_of_a_repy_program() {
    let node = repy_node(2).await;
    for name in ["v1", "v2"] {
        assert_eq!(node.repy(name, RUNS_ON, &[]).await, StartReply::Started);
    }
    let one = node.pid("v1");
    node.calls("v1").reset().await.unwrap();
    assert!(!is_alive(one));
    assert_eq!(node.status("v1").await, VesselStatus::Fresh);
    assert_eq!(node.log("v1"), "");
    let mark = node.mark();
    let node = node
        .restart_after(async |running| {
            running.kill().await;
            assert_eq!(processes_with(&mark), Vec::<u32>::new());
        })
        .await;
    assert_eq!(node.status("v2").await, VesselStatus::Stale);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_of_the_machine_are_refused_where_only_repy_runs() {
    let node = repy_node(1).await;
    assert_eq!(
        refusal(node.try_run("v1", "echo no", &[]).await),
        "Programming language platform is not supported."
    );
    node.end().await;
}
