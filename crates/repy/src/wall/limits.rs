//! Limits of the process that the operating system enforces.
//!
//! They are a fence behind the runtime's own, exact counts, and so leave room beyond them. The number of
//! processes is not limited here: Linux counts those of a user, and all vessels of a node have one; that no
//! process is started is seen to by [`super::system_calls`].

use std::fs;

use rustix::io;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::policy::WallPolicy;
use super::report::Level;

/// Memory that can be written beyond the vessel's, in bytes: stacks of helper threads, buffers of the runtime
/// and of name resolution, and what the allocator keeps for later.
const DATA_ALLOWANCE: u64 = 16 * 1024 * 1024;
/// Address space beyond that, in bytes: glibc reserves 64 MiB, and twice that for a moment, for each thread
/// that allocates; this is room for the few helpers that a runtime has.
const ADDRESS_SPACE_ALLOWANCE: u64 = 512 * 1024 * 1024;

/// Sets the limits, for ever: both the limit and how far it could be raised again.
pub(super) fn set(policy: &WallPolicy) -> Level {
    let size = ProcessSize::of_this();
    let memory = |now: Option<u64>, allowance: u64| {
        let (limit, now) = (policy.memory?, now?);
        Some(now.saturating_add(limit).saturating_add(allowance))
    };
    let limits = [
        (
            "address space",
            Resource::As,
            memory(size.address_space, DATA_ALLOWANCE + ADDRESS_SPACE_ALLOWANCE),
        ),
        ("data", Resource::Data, memory(size.data, DATA_ALLOWANCE)),
        ("descriptors", Resource::Nofile, policy.descriptors),
        ("file size", Resource::Fsize, policy.file_bytes),
        // A core would fill the disk with what the program had in memory.
        ("core size", Resource::Core, Some(0)),
        // Nothing of the runtime's needs any of these.
        ("locked memory", Resource::Memlock, Some(0)),
        ("message queues", Resource::Msgqueue, Some(0)),
        ("real-time priority", Resource::Rtprio, Some(0)),
        ("niceness", Resource::Nice, Some(0)),
    ];
    let mut failed = Vec::new();
    for (name, resource, limit) in limits {
        let Some(limit) = limit else { continue };
        if let Err(error) = lower(resource, limit) {
            failed.push(format!("{name}: {error}"));
        }
    }
    if policy.memory.is_some() && (size.address_space.is_none() || size.data.is_none()) {
        failed.push("memory: /proc does not tell its size".to_owned());
    }
    if failed.is_empty() {
        Level::Full
    } else {
        Level::Partial(failed.join("; "))
    }
}

/// Never above what the process was given.
fn lower(resource: Resource, limit: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum;
    let limit = Some(most.map_or(limit, |most| most.min(limit)));
    setrlimit(
        resource,
        Rlimit {
            current: limit,
            maximum: limit,
        },
    )
}

/// What this process has of memory, in bytes.
#[derive(Default)]
struct ProcessSize {
    address_space: Option<u64>,
    data: Option<u64>,
}

impl ProcessSize {
    fn of_this() -> Self {
        fs::read_to_string("/proc/self/status")
            .map_or_else(|_| Self::default(), |text| Self::read(&text))
    }

    /// Reads `/proc/PID/status`.
    fn read(text: &str) -> Self {
        let kibibytes = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            let number: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
            number.checked_mul(1024)
        };
        Self {
            address_space: kibibytes("VmSize:"),
            data: kibibytes("VmData:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_this_process_is_known() {
        let size = ProcessSize::of_this();
        assert!(size.address_space > size.data, "data is a part of it");
        assert!(size.data > Some(4096));
        let strange = ProcessSize::read("VmSize:\t12 pages\nVmData: 3 kB\n");
        assert_eq!((strange.address_space, strange.data), (None, Some(3072)));
    }
}
