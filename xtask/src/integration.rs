//! `cargo xtask integration [--release] [NAME…]`: scenarios with the real binary, each on a testbed of its own.
//!
//! Real processes, real sockets, real TLS on loopback networks. A scenario returns what it measured, or
//! why it failed; the table at the end has a line for each.

mod failures;
mod healing;
mod life;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::program::{self, Program};
use crate::table;

/// What a scenario gives: figures for the table, or what went wrong.
type Outcome = Result<String, String>;

/// A scenario by its name, which is also the sentence that it proves.
struct Scenario {
    name: &'static str,
    run: fn(&Path) -> Outcome,
}

/// All scenarios, in the order in which they run.
const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "ten copies answer on ten networks",
        run: life::ten_copies_answer,
    },
    Scenario {
        name: "a stop file ends the run at once",
        run: life::a_stop_file_ends_the_run,
    },
    Scenario {
        name: "SIGTERM leaves the copies running and says where",
        run: life::sigterm_leaves_and_says,
    },
    Scenario {
        name: "after a crash the vessels are adopted",
        run: life::a_crash_is_survived,
    },
    Scenario {
        name: "a killed process is replaced within a poll",
        run: healing::a_killed_process_is_replaced,
    },
    Scenario {
        name: "a killed node's copy moves to another network",
        run: healing::a_killed_node_is_left,
    },
    Scenario {
        name: "a silent node delays nobody",
        run: healing::a_silent_node_delays_nobody,
    },
    Scenario {
        name: "a lease is renewed before it ends",
        run: healing::leases_are_renewed,
    },
    Scenario {
        name: "a vessel that fails does not disturb the others",
        run: failures::one_failing_vessel,
    },
    Scenario {
        name: "a clearinghouse that is away costs no copy",
        run: failures::the_clearinghouse_is_away,
    },
    Scenario {
        name: "a program that exits at once is started with pauses",
        run: failures::exits_at_once,
    },
    Scenario {
        name: "a refused certificate ends with its own code",
        run: failures::a_refused_certificate,
    },
];

/// Runs the scenarios whose names contain one of the words given, or all.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let release = arguments.iter().any(|argument| argument == "--release");
    let words: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let binary = program::build(release)?;
    let mut rows = Vec::new();
    let mut failed = 0;
    for scenario in SCENARIOS {
        if !words.is_empty()
            && !words
                .iter()
                .any(|word| scenario.name.contains(word.as_str()))
        {
            continue;
        }
        println!("{} …", scenario.name);
        let start = program::now();
        let outcome = (scenario.run)(&binary);
        let took = format!("{:.1} s", start.elapsed().as_secs_f32());
        let (result, measured) = match outcome {
            Ok(measured) => ("passed", measured),
            Err(reason) => {
                failed += 1;
                println!("  FAILED: {reason}");
                (
                    "FAILED",
                    reason.lines().next().unwrap_or_default().to_owned(),
                )
            }
        };
        rows.push(vec![
            scenario.name.to_owned(),
            result.to_owned(),
            took,
            measured,
        ]);
    }
    println!(
        "\n{}",
        table::render(&["scenario", "result", "took", "measured"], &rows)
    );
    println!("\n{} passed, {failed} failed", rows.len() - failed);
    if failed == 0 {
        Ok(())
    } else {
        Err(format!("{failed} scenarios failed"))
    }
}

/// The example that answers with a line on its port.
fn time_server() -> PathBuf {
    Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../examples/time_server.pl"
    ))
    .to_owned()
}

/// Longest wait for copies to come up or back; far above what is measured, so that only a hang meets it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A number of milliseconds between two moments, for the table.
fn between(from: Instant, to: Instant) -> String {
    let duration = to.saturating_duration_since(from);
    if duration < Duration::from_secs(10) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f32())
    }
}

/// The port on which copies answer: what the run said of the account.
pub(crate) fn user_port(run: &Program) -> Result<u16, String> {
    run.seen
        .iter()
        .find_map(|(_, line)| line["user_port"].as_u64())
        .and_then(|port| u16::try_from(port).ok())
        .ok_or_else(|| "no line of the run names the user port".to_owned())
}

/// The vessels that are running by what the run has said so far: handle and location.
pub(crate) fn running(run: &Program) -> std::collections::BTreeMap<String, serde_json::Value> {
    let mut vessels = std::collections::BTreeMap::new();
    for (_, line) in &run.seen {
        let Some(handle) = line["handle"].as_str() else {
            continue;
        };
        match line["event"].as_str() {
            Some("running") => {
                vessels.insert(handle.to_owned(), line["location"].clone());
            }
            Some("condemned" | "released" | "lost") => {
                vessels.remove(handle);
            }
            _ => {}
        }
    }
    vessels
}

/// Fails unless the condition holds.
fn must(condition: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(what()) }
}
