//! `cargo xtask bench [COPIES|upload]`: time to COPIES started copies over loopback with injected latency, beside the floor.
//!
//! Every answer of the clearinghouse and of the nodes is held back by [`LATENCY`]. The floor is what the
//! requests that need each other cost in latency alone, however fast both sides are; it is computed for
//! the same run that is measured. After it come Repy vessels and a large program, without latency; `upload` measures
//! the latter alone.

mod figures;
mod upload;
mod vessels;

use std::time::Duration;

use serde_json::Value;

use crate::program;
use crate::table;
use crate::world::World;
use figures::{PATIENCE, usage};

/// How long each answer is held back.
const LATENCY: Duration = Duration::from_millis(50);
/// Copies, unless said otherwise.
const COPIES: usize = 100;
/// Most copies: a node each, on a loopback network each.
const COPIES_MAX: usize = 250;
/// How often the whole is measured; the table has a line each, as machines are noisy.
const RUNS: usize = 3;
/// The requests that follow each other in any case: each needs what the one before it gave.
const CHAIN: &[&str] = &[
    "connection to the clearinghouse",
    "API key from it",
    "account (user port, credit)",
    "acquisition",
    "ChangeUsers, from the clearinghouse to the nodes",
    "upload",
    "start",
];

/// Measures and prints the table.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let copies = match arguments.first() {
        None => COPIES,
        Some(part) if part == "upload" => return upload::run(&program::build(true)?),
        Some(text) => text
            .parse()
            .ok()
            .filter(|copies| (1..=COPIES_MAX).contains(copies))
            .ok_or_else(|| {
                format!(
                    "COPIES is a number from 1 to {COPIES_MAX} (or the word upload), not {text:?}"
                )
            })?,
    };
    let binary = program::build(true)?;
    let floor = LATENCY * u32::try_from(CHAIN.len()).unwrap_or(u32::MAX);
    println!(
        "{copies} copies, every answer {} ms late; floor {} ms:",
        LATENCY.as_millis(),
        floor.as_millis()
    );
    for request in CHAIN {
        println!("  {request}");
    }
    let mut rows = Vec::new();
    for number in 1..=RUNS {
        let nodes = copies.to_string();
        let latency = format!("{}ms", LATENCY.as_millis());
        let world = World::start(
            &binary,
            "bench",
            &[
                "--nodes",
                &nodes,
                "--vessels-per-node",
                "1",
                "--latency",
                &latency,
            ],
        )?;
        let script = world
            .scratch
            .write("sleeper.sh", "#!/bin/sh\nexec sleep 600\n")?;
        let before = traffic(&world.show()?);
        let mut run = world.run(&script, &["--count", &nodes], &[])?;
        let first = run.wait_line("a first line", PATIENCE, |_| true)?.0;
        let up = run.wait_distinct("running", "handle", copies, PATIENCE)?;
        let used = usage(run.pid())?;
        let testbed = usage(world.testbed_pid())?;
        let after = traffic(&world.show()?);
        let time = up - run.started;
        let per_vessel = |count: u64| format!("{:.2}", count as f64 / copies as f64);
        rows.push(vec![
            number.to_string(),
            format!("{} ms", (first - run.started).as_millis()),
            format!("{} ms", time.as_millis()),
            format!("{:.2}", time.as_secs_f64() / floor.as_secs_f64()),
            per_vessel(after.nodes - before.nodes),
            (after.clearinghouse - before.clearinghouse).to_string(),
            format!("{:.2} ms", used.cpu.as_secs_f64() * 1000.0 / copies as f64),
            format!("{:.1} MB", used.memory_peak_bytes as f64 / 1e6),
            format!("{:.0} MB", testbed.memory_peak_bytes as f64 / 1e6),
        ]);
    }
    let headings = [
        "run",
        "first line",
        "all started",
        "of floor",
        "node connections per vessel",
        "clearinghouse requests",
        "CPU per vessel",
        "peak memory",
        "testbed's peak",
    ];
    println!("\n{}", table::render(&headings, &rows));
    println!(
        "\nA connection to a node carries one request; the count includes the clearinghouse's ChangeUsers."
    );
    vessels::run(&binary)?;
    upload::run(&binary)
}

/// What the testbed has served so far.
struct Traffic {
    nodes: u64,
    clearinghouse: u64,
}

fn traffic(shown: &Value) -> Traffic {
    let nodes = shown["nodes"].as_array().into_iter().flatten();
    Traffic {
        nodes: nodes.filter_map(|node| node["connections"].as_u64()).sum(),
        clearinghouse: shown["clearinghouse_requests"].as_u64().unwrap_or_default(),
    }
}
