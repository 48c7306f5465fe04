//! Processes as Linux shows them in `/proc`: who they are for certain, and whose children.
//!
//! A pid alone names no process, because numbers are used again. A pid, its start time and the boot it
//! happened in do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};
use serde::{Deserialize, Serialize};

/// A process for certain, also after a restart of what remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessIdentity {
    /// Its number.
    pub(crate) pid: u32,
    /// When it started, in clock ticks since the boot (field 22 of `/proc/PID/stat`).
    pub(crate) start_ticks: u64,
    /// Which boot that was.
    pub(crate) boot: String,
}

/// The fields of `/proc/PID/stat` that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessStat {
    pub(crate) state: char,
    pub(crate) parent: u32,
    pub(crate) group: u32,
    pub(crate) session: u32,
    pub(crate) start_ticks: u64,
}

impl ProcessStat {
    /// Whether the process has ended and only waits for its parent to notice.
    pub(crate) fn has_ended(self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }
}

impl ProcessIdentity {
    /// The identity of the live process with this number.
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        let stat = stat_of(pid)?;
        Ok(Self {
            pid,
            start_ticks: stat.start_ticks,
            boot: boot_id()?,
        })
    }

    /// Whether this very process still runs.
    pub(crate) fn is_alive(&self) -> bool {
        let same = |stat: ProcessStat| stat.start_ticks == self.start_ticks && !stat.has_ended();
        stat_of(self.pid).is_ok_and(same) && self.is_of_this_boot()
    }

    /// Whether the machine was not booted again since the process started.
    pub(crate) fn is_of_this_boot(&self) -> bool {
        boot_id().is_ok_and(|boot| boot == self.boot)
    }
}

/// Which boot of the machine this is.
fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

/// What `/proc/PID/stat` says of a process.
pub(crate) fn stat_of(pid: u32) -> io::Result<ProcessStat> {
    let text = fs::read(format!("/proc/{pid}/stat"))?;
    parse_stat(&text)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unreadable /proc/PID/stat"))
}

/// Reads a `stat` line. The command name in parentheses may hold anything, parentheses included.
fn parse_stat(text: &[u8]) -> Option<ProcessStat> {
    let after_name = text.iter().rposition(|&byte| byte == b')')? + 1;
    let fields: Vec<&str> = str::from_utf8(text.get(after_name..)?)
        .ok()?
        .split_ascii_whitespace()
        .collect();
    // Counted from field 3, the state; see proc_pid_stat(5).
    let number = |field: usize| fields.get(field - 3)?.parse().ok();
    Some(ProcessStat {
        state: fields.first()?.chars().next()?,
        parent: number(4)? as u32,
        group: number(5)? as u32,
        session: number(6)? as u32,
        start_ticks: number(22)?,
    })
}

/// Every process of the machine. Those that end meanwhile are left out.
fn all_processes() -> BTreeMap<u32, ProcessStat> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat_of(pid).ok()?)))
        .collect()
}

/// The live descendants of a process, children first.
pub(crate) fn descendants_of(pid: u32) -> Vec<u32> {
    let all = all_processes();
    let mut found: Vec<u32> = Vec::new();
    let mut parents = BTreeSet::from([pid]);
    while !parents.is_empty() {
        let children: BTreeSet<u32> = all
            .iter()
            .filter(|(child, stat)| {
                parents.contains(&stat.parent) && !stat.has_ended() && !found.contains(child)
            })
            .map(|(&child, _)| child)
            .collect();
        found.extend(&children);
        parents = children;
    }
    found
}

/// The live members of a session.
pub(crate) fn members_of_session(session: u32) -> Vec<u32> {
    all_processes()
        .into_iter()
        .filter(|(_, stat)| stat.session == session && !stat.has_ended())
        .map(|(pid, _)| pid)
        .collect()
}

/// Sends a signal to one process; one that is gone is fine.
pub(crate) fn signal_process(pid: u32, signal: Signal) {
    if let Some(pid) = as_pid(pid) {
        // The only failure that can be met is that it has just ended, which is what is wanted.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Sends a signal to a process group; one that is gone is fine.
pub(crate) fn signal_group(group: u32, signal: Signal) {
    if let Some(group) = as_pid(group) {
        // As above.
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

/// Holds on to a process: the descriptor means this very one, and can be read when it has ended. `None` when it is gone.
pub(crate) fn hold(pid: u32) -> Option<OwnedFd> {
    pidfd_open(as_pid(pid)?, PidfdFlags::empty()).ok()
}

/// Waits until processes have ended, at most so long for each.
pub(crate) fn wait_for_ends(held: &[OwnedFd], longest: Duration) {
    let longest = Timespec::try_from(longest).ok();
    for process in held {
        // Whether it ended or the wait ran out makes no difference to who called.
        let _ = poll(&mut [PollFd::new(process, PollFlags::IN)], longest.as_ref());
    }
}

/// A process number for the system calls; never 0 or 1, which would mean everybody.
pub(crate) fn as_pid(pid: u32) -> Option<Pid> {
    match i32::try_from(pid) {
        Ok(number) if number > 1 => Pid::from_raw(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_program_calls_itself() {
        let line =
            b"4242 (a) R (b c) S 17 4242 4000 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2 3";
        assert_eq!(
            parse_stat(line),
            Some(ProcessStat {
                state: 'S',
                parent: 17,
                group: 4242,
                session: 4000,
                start_ticks: 987_654,
            })
        );
        assert_eq!(parse_stat(b""), None);
        assert_eq!(parse_stat(b"1 (x) S 1"), None);
    }

    #[test]
    fn this_process_is_itself_and_no_other() {
        let this = ProcessIdentity::of(std::process::id()).unwrap();
        assert!(this.is_alive());
        let mut earlier = this.clone();
        earlier.start_ticks -= 1;
        assert!(!earlier.is_alive(), "same number, other process");
        let mut other_boot = this;
        other_boot.boot = "00000000-0000-0000-0000-000000000000".into();
        assert!(!other_boot.is_alive(), "same number, before the reboot");
    }

    #[test]
    fn nobody_is_ever_signalled_by_the_numbers_that_mean_everybody() {
        for pid in [0, 1, u32::MAX, 1 << 31] {
            assert_eq!(as_pid(pid), None);
        }
    }
}
