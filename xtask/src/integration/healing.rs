//! What breaks comes back: processes, nodes, silence, leases.

use std::path::Path;
use std::time::Duration;

use super::checks::{PATIENCE, ScenarioResult, between, must, running, time_server, user_port};
use crate::processes::signal;
use crate::program::{self, first_line, wait_for};
use crate::world::{World, host, network};

/// The polling period of these scenarios.
const POLL: Duration = Duration::from_secs(2);
/// What a replacement may take beyond the poll that notices: a request or three on loopback.
const SLACK: Duration = Duration::from_millis(500);

pub(super) fn a_killed_process_is_replaced(binary: &Path) -> ScenarioResult {
    let world = World::start(binary, "killed-process", &["--nodes", "12"])?;
    let mut run = world.run(
        &time_server(),
        &["--count", "10", "--poll-period", "2s"],
        &["{port}"],
    )?;
    run.wait_distinct("running", "handle", 10, PATIENCE)?;
    let port = user_port(&run)?;
    let (handle, pid, _) = world
        .processes()?
        .into_iter()
        .next()
        .ok_or("no process runs")?;
    let location = running(&run)
        .get(&handle)
        .cloned()
        .ok_or("the process is on no running vessel")?;
    let killed = program::now();
    signal("KILL", pid)?;
    let (back, _) = run.wait_line("running again", PATIENCE, |line| line["event"] == "running")?;
    must(back - killed < POLL + SLACK, || {
        format!("it took {}", between(killed, back))
    })?;
    let answer = wait_for("an answer of the new copy", PATIENCE, || {
        first_line(&host(&location), port)
    })?;
    must(!answer.contains(&format!("pid {pid} ")), || {
        format!("the old process answers: {answer}")
    })?;
    must(world.processes()?.len() == 10, || {
        "not ten processes".to_owned()
    })?;
    Ok(format!(
        "back {} after the kill, poll period {} s",
        between(killed, back),
        POLL.as_secs()
    ))
}

pub(super) fn a_killed_node_is_left(binary: &Path) -> ScenarioResult {
    let world = World::start(binary, "killed-node", &["--nodes", "12"])?;
    let mut run = world.run(
        &time_server(),
        &["--count", "10", "--poll-period", "2s"],
        &["{port}"],
    )?;
    run.wait_distinct("running", "handle", 10, PATIENCE)?;
    let before = running(&run);
    let (lost, _, node) = world
        .processes()?
        .into_iter()
        .next()
        .ok_or("no process runs")?;
    let killed = program::now();
    world.fault(&["--node", &node.to_string()], &["kill"])?;
    let (back, line) = run.wait_line("running on another node", PATIENCE, |line| {
        line["event"] == "running"
    })?;
    let new_network = network(&line["location"]);
    let taken: Vec<String> = before
        .iter()
        .filter(|(handle, _)| **handle != lost)
        .map(|(_, at)| network(at))
        .collect();
    must(!taken.contains(&new_network), || {
        format!("{new_network} had a copy already")
    })?;
    let dead = before.get(&lost).map(network).unwrap_or_default();
    must(dead != new_network, || {
        format!("the copy is still on {dead}")
    })?;
    Ok(format!(
        "running on {new_network}.0/24 {} after {dead}.0/24 died",
        between(killed, back)
    ))
}

pub(super) fn a_silent_node_delays_nobody(binary: &Path) -> ScenarioResult {
    let world = World::start(binary, "silent-node", &["--nodes", "12"])?;
    let mut run = world.run(
        &time_server(),
        &["--count", "10", "--poll-period", "2s"],
        &["{port}"],
    )?;
    run.wait_distinct("running", "handle", 10, PATIENCE)?;
    let port = user_port(&run)?;
    let mut processes = world.processes()?.into_iter();
    let (_, _, silent) = processes.next().ok_or("no process runs")?;
    let (other, pid, _) = processes.next().ok_or("only one process runs")?;
    world.fault(&["--node", &silent.to_string()], &["silence"])?;
    // While one node hangs in every probe, another's copy fails and must come back as fast as ever.
    let killed = program::now();
    signal("KILL", pid)?;
    let (back, _) = run.wait_line("the killed copy running", PATIENCE, |line| {
        line["event"] == "running" && line["handle"] == other.as_str()
    })?;
    must(back - killed < POLL + SLACK, || {
        format!("it took {}", between(killed, back))
    })?;
    let location = running(&run).get(&other).cloned().unwrap_or_default();
    wait_for("an answer", PATIENCE, || first_line(&host(&location), port))?;
    Ok(format!(
        "another copy was back {} after its kill, while a node was silent",
        between(killed, back)
    ))
}

pub(super) fn leases_are_renewed(binary: &Path) -> ScenarioResult {
    let leases = ["--nodes", "4", "--lease", "6s", "--renewed-lease", "6s"];
    let world = World::start(binary, "leases", &leases)?;
    let mut run = world.run(
        &time_server(),
        &["--count", "3", "--poll-period", "1s"],
        &["{port}"],
    )?;
    let up = run.wait_distinct("running", "handle", 3, PATIENCE)?;
    let before = world.processes()?;
    // Three renewals of one vessel are longer than its first lease.
    for _ in 0..3 {
        run.wait_distinct("lease_renewed", "handle", 3, PATIENCE)?;
    }
    let now = program::now();
    must(now - up > Duration::from_secs(6), || {
        format!("only {} passed", between(up, now))
    })?;
    must(run.count_since("lost", up) == 0, || {
        format!("a lease lapsed{}", run.tail())
    })?;
    must(world.processes()? == before, || {
        "a process was disturbed".to_owned()
    })?;
    Ok(format!(
        "leases of 6 s held for {}, no copy disturbed",
        between(up, now)
    ))
}
