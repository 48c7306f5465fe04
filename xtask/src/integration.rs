//! `cargo xtask integration [--release] [NAME…]`: scenarios with the real binary, each on a testbed of its own.
//!
//! Real processes, real sockets, real TLS on loopback networks. A scenario returns what it measured, or
//! why it failed; the table at the end has a line for each.

pub(crate) mod checks;
mod failures;
mod healing;
mod life;

use std::path::Path;

use crate::program;
use crate::table;
use checks::ScenarioResult;

/// A scenario by its name, which is also the sentence that it proves.
struct Scenario {
    name: &'static str,
    run: fn(&Path) -> ScenarioResult,
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
