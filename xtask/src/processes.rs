//! What the kernel tells of processes: memory, descriptors, whose they are.

use std::fs;
use std::path::Path;

/// A line `NAME NUMBER kB` of one of `/proc`'s texts, in bytes.
pub(crate) fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(number * 1024)
}

/// Resident memory, in bytes; `None` when the process is gone.
pub(crate) fn resident(pid: u32) -> Option<u64> {
    kibibytes(
        &fs::read_to_string(format!("/proc/{pid}/status")).ok()?,
        "VmRSS:",
    )
}

/// How many descriptors are open; `None` when the process is gone.
pub(crate) fn descriptors(pid: u32) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}

/// Processes in whose environment `word` occurs, those that have ended left out.
pub(crate) fn with_environment(word: &str) -> Vec<u32> {
    let has = |pid: &u32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|text| text.windows(word.len()).any(|part| part == word.as_bytes()))
    };
    all().into_iter().filter(has).collect()
}

/// Children of a process that have ended and were not buried.
pub(crate) fn zombies_of(parent: u32) -> usize {
    let is_one = |pid: &u32| {
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
            return false;
        };
        let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
        let mut fields = after_name.split_whitespace();
        fields.next() == Some("Z") && fields.next() == Some(&parent.to_string())
    };
    all().iter().filter(|pid| is_one(pid)).count()
}

fn all() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

/// How many files there are below a folder.
pub(crate) fn files_below(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_below(&entry.path()),
            Ok(_) => 1,
            // Gone meanwhile.
            Err(_) => 0,
        })
        .sum()
}
