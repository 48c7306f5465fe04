//! `cargo xtask sim [SEEDS [FIRST]]`: the engine in its model world over many seeds, in an optimised build.
//!
//! The simulation itself is the engine's test of that name; this only asks it for more seeds.

use std::process::Command;

/// Seeds, unless said otherwise: some minutes of two cores.
const SEEDS: u64 = 10_000;

/// Runs the simulation; a failure prints its seed and how to replay it.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let number = |position: usize, default: u64| match arguments.get(position) {
        None => Ok(default),
        Some(text) => text
            .parse::<u64>()
            .map_err(|_| format!("{text:?} is no number of seeds")),
    };
    let (seeds, first) = (number(0, SEEDS)?, number(1, 1)?);
    println!("xtask sim: {seeds} seeds from {first}");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "test",
            "--release",
            "--package",
            "overlord-engine",
            "--test",
            "simulation",
            "--",
            "--nocapture",
        ])
        .env("OVERLORD_SIM_SEEDS", seeds.to_string())
        .env("OVERLORD_SIM_FIRST", first.to_string())
        .status()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the simulation failed ({status})"))
    }
}
