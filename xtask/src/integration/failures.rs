//! What goes wrong stays where it is, and is said.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::checks::{PATIENCE, ScenarioResult, between, must, time_server};
use crate::processes::signal;
use crate::program::{self, wait_for};
use crate::world::World;

pub(super) fn one_failing_vessel(binary: &Path) -> ScenarioResult {
    let world = World::start(binary, "one-fails", &["--nodes", "8"])?;
    let script = world.scratch.write(
        "partly.sh",
        "#!/bin/sh\n[ \"$1\" = 2 ] && exit 1\nexec sleep 600\n",
    )?;
    let mut run = world.run(
        &script,
        &["--count", "5", "--poll-period", "1s"],
        &["{index}"],
    )?;
    let up = run.wait_distinct("running", "handle", 4, PATIENCE)?;
    let before = world.processes()?;
    // The failing copy is tried three times more; the others never notice.
    for _ in 0..3 {
        run.wait_line("another failure", PATIENCE, |line| {
            line["event"] == "failed"
        })?;
    }
    let now = program::now();
    let after = world.processes()?;
    must(before.iter().all(|process| after.contains(process)), || {
        format!("the processes were {before:?} and are {after:?}")
    })?;
    must(
        run.count_since("suspect", up) == run.count_since("suspect", now),
        || format!("a healthy vessel was suspected{}", run.tail()),
    )?;
    Ok(format!(
        "four up after {}, undisturbed by the fifth's failures",
        between(run.started, up)
    ))
}

pub(super) fn the_clearinghouse_is_away(binary: &Path) -> ScenarioResult {
    let world = World::start(binary, "away", &["--nodes", "6"])?;
    let mut run = world.run(
        &time_server(),
        &["--count", "5", "--poll-period", "1s"],
        &["{port}"],
    )?;
    run.wait_distinct("running", "handle", 5, PATIENCE)?;
    let away = program::now();
    world.fault(&["--clearinghouse"], &["down"])?;
    let before = world.processes()?;
    // The watch goes on without it: a copy that dies now comes back on its vessel.
    let (handle, pid, _) = before.first().cloned().ok_or("no process runs")?;
    signal("KILL", pid)?;
    let (back, _) = run.wait_line("the killed copy running", PATIENCE, |line| {
        line["event"] == "running" && line["handle"] == handle.as_str()
    })?;
    world.fault(&["--clearinghouse"], &["none"])?;
    let after = wait_for("five processes", PATIENCE, || {
        world.processes().ok().filter(|list| list.len() == 5)
    })?;
    let kept = before
        .iter()
        .filter(|process| after.contains(process))
        .count();
    must(kept == 4, || {
        format!("{kept} of the four untouched processes run on")
    })?;
    for event in ["condemned", "released", "lost"] {
        must(run.count_since(event, away) == 0, || {
            format!("a vessel was {event}{}", run.tail())
        })?;
    }
    Ok(format!(
        "all copies kept; one killed meanwhile was back after {}",
        between(away, back)
    ))
}

pub(super) fn exits_at_once(binary: &Path) -> ScenarioResult {
    let world = World::start(binary, "exits", &["--nodes", "4"])?;
    let script = world
        .scratch
        .write("exits.sh", "#!/bin/sh\necho started\nexit 0\n")?;
    let mut run = world.run(
        &script,
        &["--count", "2", "--poll-period", "1s", "--run-for", "12s"],
        &[],
    )?;
    let (ended, code) = run.wait_end(PATIENCE)?;
    must(code == 0, || format!("exit code {code}{}", run.tail()))?;
    let since = run.started;
    let failures = run.count_since("failed", since);
    // Backoff doubles from a second, with jitter: each of the two copies fits a handful of starts into twelve seconds.
    must((2..=24).contains(&failures), || {
        format!("{failures} failed starts in twelve seconds{}", run.tail())
    })?;
    Ok(format!(
        "{failures} starts of two copies in {}",
        between(since, ended)
    ))
}

pub(super) fn a_refused_certificate(binary: &Path) -> ScenarioResult {
    /// The documented code of a refused TLS connection.
    const REFUSED: i32 = 76;
    let world = World::start(binary, "certificate", &["--nodes", "1"])?;
    let other = World::start(binary, "other-certificate", &["--nodes", "1"])?;
    let mut account = world.account();
    let wrong_ca = other.account().pop().ok_or("no CA file")?;
    account.pop();
    account.push(wrong_ca);
    let mut all = vec!["--output", "json", "vessels", "list"];
    all.extend(account.iter().map(String::as_str));
    let asked = program::now();
    let requests = |world: &World| {
        let shown = world.show()?;
        shown["clearinghouse_requests"]
            .as_u64()
            .ok_or_else(|| format!("no number of requests in {shown}"))
    };
    let before = requests(&world)?;
    let (code, stdout, stderr) = program::run(binary, world.scratch.path(), &all)?;
    must(code == REFUSED, || format!("exit code {code}: {stderr}"))?;
    for words in [
        "the server's certificate is signed by an unknown authority",
        "what to do: ",
        "--ca-file",
    ] {
        must(stderr.contains(words), || {
            format!("standard error lacks {words:?}: {stderr}")
        })?;
    }
    let last = stdout.lines().last().unwrap_or_default();
    let record: Value = serde_json::from_str(last).map_err(|e| format!("{e}: {stdout}"))?;
    must(
        record["event"] == "error" && record["exit_code"] == REFUSED,
        || format!("the last record is {record}"),
    )?;
    // Refused means that nothing was sent: the server saw no request, and so no name and no key.
    let after = requests(&world)?;
    must(after == before, || {
        format!("the server was sent {} requests", after - before)
    })?;
    let took = asked.elapsed();
    must(took < Duration::from_secs(10), || {
        format!("it took {took:?}")
    })?;
    Ok(stderr.lines().next().unwrap_or_default().to_owned())
}
