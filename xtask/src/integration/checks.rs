//! What scenarios share: the example that they run, what a run's lines say, and how long is waited.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::RunningProgram;

/// What a scenario gives: figures for the table, or what went wrong.
pub(super) type ScenarioResult = Result<String, String>;

/// The example that answers with a line on its port.
pub(super) fn time_server() -> PathBuf {
    Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../examples/time_server.pl"
    ))
    .to_owned()
}

/// Longest wait for copies to come up or back; far above what is measured, so that only a hang meets it.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A number of milliseconds between two moments, for the table.
pub(super) fn between(from: Instant, to: Instant) -> String {
    let duration = to.saturating_duration_since(from);
    if duration < Duration::from_secs(10) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f32())
    }
}

/// The port on which copies answer: what the run said of the account.
pub(crate) fn user_port(run: &RunningProgram) -> Result<u16, String> {
    run.seen
        .iter()
        .find_map(|(_, line)| line["user_port"].as_u64())
        .and_then(|port| u16::try_from(port).ok())
        .ok_or_else(|| "no line of the run names the user port".to_owned())
}

/// The vessels that are running by what the run has said so far: handle and location.
pub(crate) fn running(run: &RunningProgram) -> BTreeMap<String, Value> {
    let mut vessels = BTreeMap::new();
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
pub(super) fn must(condition: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(what()) }
}
