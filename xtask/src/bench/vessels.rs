//! The part of the benchmark about Repy vessels: many started at once and what they take, and one through its node.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::figures::{PATIENCE, verdict};
use crate::processes;
use crate::program::RunningProgram;
use crate::table;
use crate::world::World;

/// Vessels that are started at once.
const VESSELS: usize = 100;
/// Nodes that they are spread over.
const NODES: &str = "25";
/// How often a single vessel is started.
const SINGLE_STARTS: usize = 11;
/// Longest time to all vessels that the project allows itself.
const TIME_GOAL: Duration = Duration::from_secs(2);
/// Most memory of all of them together, in bytes.
const MEMORY_GOAL: u64 = 400_000_000;
/// Longest time from the request to start one to the answer `Started`.
const SINGLE_GOAL: Duration = Duration::from_millis(20);
/// A vessel's program: it says so, and waits.
const PROGRAM: &str = "log('up\\n')\nwhile True:\n  sleep(600)\n";

/// Measures and prints.
pub(super) fn run(binary: &Path) -> Result<(), String> {
    let world = World::start(
        binary,
        "bench-vessels",
        &["--nodes", NODES, "--vessels-per-node", "4"],
    )?;
    let program = world.scratch.write("sleeper.r2py", PROGRAM)?;
    let mut rows = vec![all_at_once(&world, &program)?];
    rows.extend(one_at_a_time(&world, &program)?);
    println!(
        "\nRepy vessels, without latency, from the overlord's upload to the node's answer:\n\n{}",
        table::render(&["what", "measured", "goal", ""], &rows)
    );
    Ok(())
}

/// Starts all vessels with one overlord.
fn all_at_once(world: &World, program: &Path) -> Result<Vec<String>, String> {
    let count = VESSELS.to_string();
    let flags = ["--count", &count, "--type", "rand", "--on-stop", "release"];
    let mut run = world.run(program, &flags, &[])?;
    let first = run.wait_line("an upload", PATIENCE, |line| line["event"] == "uploaded")?;
    let up = run.wait_distinct("running", "handle", VESSELS, PATIENCE)?;
    let time = up - first_of(&run, "acquired").unwrap_or(first.0);
    let mut memory = 0;
    let mut largest = 0;
    for (_, pid, _) in world.processes()? {
        let own = share_of_memory(pid)?;
        memory += own;
        largest = largest.max(own);
    }
    Ok(vec![
        format!("{VESSELS} vessels acquired, to all running"),
        format!(
            "{} ms; {:.0} MB in all, the largest {:.1} MB (PSS)",
            time.as_millis(),
            memory as f64 / 1e6,
            largest as f64 / 1e6
        ),
        format!(
            "{} ms, {} MB",
            TIME_GOAL.as_millis(),
            MEMORY_GOAL / 1_000_000
        ),
        verdict(time <= TIME_GOAL && memory <= MEMORY_GOAL),
    ])
}

/// Starts one vessel, again and again, each time from nothing.
fn one_at_a_time(world: &World, program: &Path) -> Result<Vec<Vec<String>>, String> {
    let mut times = Vec::new();
    for _ in 0..SINGLE_STARTS {
        let flags = ["--count", "1", "--on-stop", "release"];
        let mut run = world.run(program, &flags, &[])?;
        run.wait_line("running", PATIENCE, |line| line["event"] == "running")?;
        let moment = |event| {
            first_of(&run, event).ok_or_else(|| format!("no line said that it was {event}"))
        };
        times.push(moment("started")? - moment("uploaded")?);
    }
    times.sort();
    let (least, most) = (times[0], times[times.len() - 1]);
    let median = times[times.len() / 2];
    let milliseconds = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1000.0);
    Ok(vec![vec![
        format!("1 vessel, upload done to Started, {SINGLE_STARTS} times"),
        format!(
            "{} ms (least {}, most {})",
            milliseconds(median),
            milliseconds(least),
            milliseconds(most)
        ),
        format!("{} ms", SINGLE_GOAL.as_millis()),
        verdict(median <= SINGLE_GOAL),
    ]])
}

/// When the first line of this event came.
fn first_of(run: &RunningProgram, event: &str) -> Option<Instant> {
    let mut lines = run.seen.iter();
    lines
        .find(|(_, line)| line["event"] == event)
        .map(|(when, _)| *when)
}

/// A process's share of memory: pages that several processes have are divided among them.
fn share_of_memory(pid: u32) -> Result<u64, String> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text =
        fs::read_to_string(&path).map_err(|error| format!("{path} cannot be read: {error}"))?;
    processes::kibibytes(&text, "Pss:").ok_or_else(|| format!("{path} tells no share"))
}
