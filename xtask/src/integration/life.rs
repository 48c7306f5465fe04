//! A run from its start to its end: copies come up, the end is asked for, a crash is survived.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::checks::{PATIENCE, ScenarioResult, between, must, running, time_server, user_port};
use crate::processes::signal;
use crate::program::{self, RunningProgram, first_line, wait_for};
use crate::world::{Scratch, World, host, network};

/// How soon a stop file or a signal must have ended the run.
const STOP_LIMIT: Duration = Duration::from_secs(1);

/// `run --local`: the newcomer's one command.
pub(super) fn ten_copies_answer(binary: &Path) -> ScenarioResult {
    let scratch = Scratch::new("ten-copies")?;
    let program = time_server();
    let all = [
        "run",
        "--local",
        &program.to_string_lossy(),
        "--output",
        "json",
        "--",
        "{port}",
    ];
    let mut run = RunningProgram::start(binary, scratch.path(), &all)?;
    let up = run.wait_distinct("running", "handle", 10, PATIENCE)?;
    let port = user_port(&run)?;
    let vessels = running(&run);
    let mut answered = up;
    let mut processes = BTreeSet::new();
    let mut networks = BTreeSet::new();
    for location in vessels.values() {
        // A program that runs may need a moment more before it listens.
        let answer = wait_for("an answer", PATIENCE, || first_line(&host(location), port))?;
        answered = answered.max(program::now());
        must(answer.contains(&host(location)), || {
            format!("{location} answered {answer:?}")
        })?;
        processes.insert(answer.split(" pid ").nth(1).map(str::to_owned));
        networks.insert(network(location));
    }
    must(networks.len() == 10, || {
        format!("only {} networks", networks.len())
    })?;
    must(processes.len() == 10, || {
        format!("only {} processes", processes.len())
    })?;
    Ok(format!(
        "ten answers {} after the start of the command",
        between(run.started, up)
    ))
}

pub(super) fn a_stop_file_ends_the_run(binary: &Path) -> ScenarioResult {
    let world = World::start(binary, "stop-file", &["--nodes", "4"])?;
    let mut run = world.run(&time_server(), &["--count", "3"], &["{port}"])?;
    run.wait_distinct("running", "handle", 3, PATIENCE)?;
    let asked = program::now();
    world.scratch.write("stop", "")?;
    let (ended, code) = run.wait_end(PATIENCE)?;
    must(code == 0, || format!("exit code {code}{}", run.tail()))?;
    must(ended - asked < STOP_LIMIT, || {
        format!("it took {}", between(asked, ended))
    })?;
    let left = last_report(&run)?;
    must(left == 3, || {
        format!("the last line says that {left} are left running, not 3")
    })?;
    must(world.processes()?.len() == 3, || {
        "not all three still run".to_owned()
    })?;
    Ok(format!(
        "ended {} after the file appeared, 3 left running",
        between(asked, ended)
    ))
}

pub(super) fn sigterm_leaves_and_says(binary: &Path) -> ScenarioResult {
    let world = World::start(binary, "sigterm", &["--nodes", "3"])?;
    let mut run = world.run(&time_server(), &["--count", "2"], &["{port}"])?;
    run.wait_distinct("running", "handle", 2, PATIENCE)?;
    let asked = program::now();
    signal("TERM", run.pid())?;
    let (ended, code) = run.wait_end(PATIENCE)?;
    must(code == 0, || format!("exit code {code}{}", run.tail()))?;
    let left = last_report(&run)?;
    must(left == 2, || {
        format!("the last line says that {left} are left running, not 2")
    })?;
    must(world.processes()?.len() == 2, || {
        "not both still run".to_owned()
    })?;

    // The same with everything given back.
    let mut run = world.run(
        &time_server(),
        &["--count", "2", "--on-stop", "release"],
        &["{port}"],
    )?;
    run.wait_distinct("running", "handle", 2, PATIENCE)?;
    signal("TERM", run.pid())?;
    run.wait_end(PATIENCE)?;
    must(last_report(&run)? == 0, || {
        "something is left running after --on-stop release".to_owned()
    })?;
    wait_for("released vessels to be cleaned", PATIENCE, || {
        world.processes().ok().filter(Vec::is_empty)
    })?;
    Ok(format!(
        "ended {} after the signal; released vessels were cleaned",
        between(asked, ended)
    ))
}

pub(super) fn a_crash_is_survived(binary: &Path) -> ScenarioResult {
    let world = World::start(binary, "crash", &["--nodes", "6"])?;
    let mut run = world.run(&time_server(), &["--count", "5"], &["{port}"])?;
    run.wait_distinct("running", "handle", 5, PATIENCE)?;
    let before: BTreeSet<_> = world.processes()?.into_iter().collect();
    run.kill();
    let mut run = world.run(
        &time_server(),
        &["--count", "5", "--on-start", "adopt"],
        &["{port}"],
    )?;
    let up = run.wait_distinct("running", "handle", 5, PATIENCE)?;
    let after: BTreeSet<_> = world.processes()?.into_iter().collect();
    must(before == after, || {
        format!("the processes were {before:?} and are {after:?}")
    })?;
    must(run.count_since("uploaded", run.started) == 0, || {
        "something was uploaded again".to_owned()
    })?;
    Ok(format!(
        "five running copies adopted in {}, no process disturbed",
        between(run.started, up)
    ))
}

/// How many copies the last line says are left running.
fn last_report(run: &RunningProgram) -> Result<usize, String> {
    let (_, line) = run.seen.last().ok_or("the run printed nothing")?;
    line["running"]
        .as_array()
        .map(Vec::len)
        .ok_or_else(|| format!("the last line is no report: {line}"))
}
