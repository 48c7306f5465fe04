//! What the parts of the benchmark share: how long is waited, what a process used, whether a goal was reached.

use std::fs;
use std::time::Duration;

/// Longest wait for one run.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// Whether a goal was reached, for a table.
pub(super) fn verdict(reached: bool) -> String {
    if reached { "reached" } else { "MISSED" }.to_owned()
}

/// What a process has used so far, as the kernel tells it.
pub(super) struct Usage {
    pub(super) cpu: Duration,
    pub(super) memory_peak_bytes: u64,
}

/// Asks the kernel.
pub(super) fn usage(pid: u32) -> Result<Usage, String> {
    /// Linux counts CPU time in hundredths of a second for user space on every platform it runs on.
    const TICK: Duration = Duration::from_millis(10);
    let read = |name: &str| {
        let path = format!("/proc/{pid}/{name}");
        fs::read_to_string(&path).map_err(|error| format!("{path} cannot be read: {error}"))
    };
    let stat = read("stat")?;
    // Fields after the name in parentheses; user and system time are the 14th and 15th of all.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u32 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u32>().ok())
        .sum();
    let status = read("status")?;
    let peak_kib: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .ok_or("the kernel tells no peak memory")?;
    Ok(Usage {
        cpu: TICK * ticks,
        memory_peak_bytes: peak_kib * 1024,
    })
}
