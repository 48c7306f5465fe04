//! What the kernel tells of processes (memory, descriptors, whose they are), and signals to them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A line `NAME NUMBER kB` of one of `/proc`'s texts, in bytes.
pub(crate) fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(number * 1024)
}

/// Resident memory that the process has allocated, in bytes; `None` when it is gone. Pages of its program, of which
/// more are resident the more of it was ever executed, are left out: the system can take them back.
pub(crate) fn allocated(pid: u32) -> Option<u64> {
    kibibytes(
        &fs::read_to_string(format!("/proc/{pid}/status")).ok()?,
        "RssAnon:",
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

/// How many files of each name there are below a folder.
pub(crate) fn files_below(folder: &Path) -> BTreeMap<String, usize> {
    let mut files = BTreeMap::new();
    count_files(folder, &mut files);
    files
}

fn count_files(folder: &Path, files: &mut BTreeMap<String, usize>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => count_files(&entry.path(), files),
            Ok(_) => {
                let name = entry.file_name().to_string_lossy().into_owned();
                *files.entry(name).or_default() += 1;
            }
            // Gone meanwhile.
            Err(_) => {}
        }
    }
}

/// Sends a signal with the system's `kill`.
pub(crate) fn signal(name: &str, pid: u32) -> Result<(), String> {
    let status = std::process::Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status()
        .map_err(|error| format!("kill cannot be started: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("kill -{name} {pid} ended with {status}"))
    }
}
