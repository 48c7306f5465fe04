//! The part of the benchmark about large programs: what an overlord that sends one to many vessels takes of memory.

use std::path::Path;

use super::figures::{PATIENCE, usage, verdict};
use crate::table;
use crate::world::World;

/// Vessels that the program is sent to at once, each on a node of its own.
const VESSELS: usize = 50;
/// Bytes of the program: as many as one may have.
const PROGRAM_BYTES: usize = 20_000_000;
/// Most memory of the overlord, in bytes: all that it is made of, and the program once.
const MEMORY_GOAL: u64 = 2 * PROGRAM_BYTES as u64;
/// What the program does: it waits. The rest of it is never read.
const PROGRAM: &str = "#!/bin/sh\nexec sleep 600\n";

/// Measures and prints.
pub(super) fn run(binary: &Path) -> Result<(), String> {
    let count = VESSELS.to_string();
    let world = World::start(
        binary,
        "bench-upload",
        &["--nodes", &count, "--vessels-per-node", "1"],
    )?;
    let rest = "#".repeat(PROGRAM_BYTES - PROGRAM.len());
    let program = world
        .scratch
        .write("large.sh", &format!("{PROGRAM}{rest}"))?;
    let flags = ["--count", &count, "--on-stop", "release"];
    let mut overlord = world.run(&program, &flags, &[])?;
    let up = overlord.wait_distinct("running", "handle", VESSELS, PATIENCE)?;
    let peak = usage(overlord.pid())?.memory_peak_bytes;
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    let row = vec![
        format!(
            "{} to {VESSELS} vessels at once",
            megabytes(PROGRAM_BYTES as u64)
        ),
        format!("{} ms", (up - overlord.started).as_millis()),
        megabytes(peak),
        megabytes(MEMORY_GOAL),
        verdict(peak <= MEMORY_GOAL),
    ];
    let headings = [
        "upload",
        "all running",
        "overlord's peak memory",
        "goal",
        "",
    ];
    println!(
        "\nA large program, without latency:\n\n{}",
        table::render(&headings, &[row])
    );
    Ok(())
}
