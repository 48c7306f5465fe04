//! A testbed of its own for each scenario, run as a program, and the overlords that use it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::processes::signal;
use crate::program::{self, RunningProgram};

/// Starting a testbed makes a key for each node; on a slow machine that takes a while.
const TESTBED_UP_LIMIT: Duration = Duration::from_secs(60);
/// Ending a testbed stops every program on it; far above what is measured.
const TESTBED_END_LIMIT: Duration = Duration::from_secs(30);
/// How many vessels that account may hold: as many as any scenario wants.
const CREDITS: &str = "1000";
/// The account that scenarios use.
pub(crate) const USER: &str = "alice";

/// A folder below the system's temporary one, removed when dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Makes an empty folder whose name tells what it is for.
    pub(crate) fn new(name: &str) -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("overlord-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path)
            .map_err(|error| format!("{} cannot be made: {error}", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into it.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.0.join(name);
        fs::write(&path, text)
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running testbed, and the folder of its scenario.
pub(crate) struct World {
    /// The binary under test.
    pub(crate) binary: PathBuf,
    /// Where overlords of this scenario run.
    pub(crate) scratch: Scratch,
    up: Value,
    // Dropped last: its end takes all vessels along.
    testbed: RunningProgram,
}

impl World {
    /// Starts a testbed with these further arguments.
    pub(crate) fn start(binary: &Path, name: &str, arguments: &[&str]) -> Result<Self, String> {
        let scratch = Scratch::new(name)?;
        let mut all = vec![
            "testbed",
            "up",
            "--dir",
            "bed",
            "--user",
            USER,
            "--credits",
            CREDITS,
            "--output",
            "json",
            // Scenarios use scripts that misbehave in ways that a Repy program cannot.
            "--danger-native",
        ];
        all.extend(arguments);
        let mut testbed = RunningProgram::start(binary, scratch.path(), &all)?;
        let (_, up) = testbed.wait_line("testbed_up", TESTBED_UP_LIMIT, |line| {
            line["event"] == "testbed_up"
        })?;
        Ok(Self {
            binary: binary.to_owned(),
            scratch,
            up,
            testbed,
        })
    }

    /// The testbed's own process.
    pub(crate) fn testbed_pid(&self) -> u32 {
        self.testbed.pid()
    }

    /// What an overlord needs to use this testbed.
    pub(crate) fn account(&self) -> Vec<String> {
        let text = |name: &str| self.up[name].as_str().unwrap_or_default().to_owned();
        let pairs = [
            ("--user", USER.to_owned()),
            ("--keys-dir", text("keys_dir")),
            ("--clearinghouse", text("clearinghouse")),
            ("--ca-file", text("ca_file")),
        ];
        pairs
            .into_iter()
            .flat_map(|(flag, value)| [flag.to_owned(), value])
            .collect()
    }

    /// Starts `overlord run PROGRAM … -- ARGS` with JSON output.
    pub(crate) fn run(
        &self,
        program: &Path,
        flags: &[&str],
        arguments: &[&str],
    ) -> Result<RunningProgram, String> {
        let account = self.account();
        let program = program.to_string_lossy();
        let mut all = vec!["run", program.as_ref(), "--output", "json"];
        all.extend(account.iter().map(String::as_str));
        all.extend(flags);
        all.push("--");
        all.extend(arguments);
        RunningProgram::start(&self.binary, self.scratch.path(), &all)
    }

    /// Makes a part of the testbed misbehave: `whose` are the flags that name it.
    pub(crate) fn fault(&self, whose: &[&str], fault: &[&str]) -> Result<(), String> {
        let mut all = vec!["testbed", "fault", "--dir", "bed"];
        all.extend(whose);
        all.extend(fault);
        let (code, _, stderr) = program::run(&self.binary, self.scratch.path(), &all)?;
        if code == 0 {
            Ok(())
        } else {
            Err(format!("{all:?} ended with {code}: {stderr}"))
        }
    }

    /// What the testbed says of itself now.
    pub(crate) fn show(&self) -> Result<Value, String> {
        let all = ["testbed", "show", "--dir", "bed", "--output", "json"];
        let (code, stdout, stderr) = program::run(&self.binary, self.scratch.path(), &all)?;
        if code != 0 {
            return Err(format!("{all:?} ended with {code}: {stderr}"));
        }
        stdout
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find(|line| line["event"] == "testbed")
            .ok_or_else(|| format!("no description of the testbed in: {stdout}"))
    }

    /// Each vessel that runs a program: handle, process, and number of its node, as the nodes know it.
    pub(crate) fn processes(&self) -> Result<Vec<(String, u32, usize)>, String> {
        let shown = self.show()?;
        let mut found = Vec::new();
        for node in shown["nodes"].as_array().into_iter().flatten() {
            let number = node["number"]
                .as_u64()
                .and_then(|n| usize::try_from(n).ok());
            for vessel in node["vessels"].as_array().into_iter().flatten() {
                let process = vessel["process"]
                    .as_u64()
                    .and_then(|pid| u32::try_from(pid).ok());
                let handle = vessel["handle"].as_str().map(str::to_owned);
                if let (Some(handle), Some(pid), Some(number)) = (handle, process, number) {
                    found.push((handle, pid, number));
                }
            }
        }
        Ok(found)
    }
}

impl Drop for World {
    /// Ends the testbed as Ctrl-C would: killed, it would leave its vessels' programs for its next start.
    fn drop(&mut self) {
        let ended = signal("TERM", self.testbed.pid())
            .and_then(|()| self.testbed.wait_end(TESTBED_END_LIMIT));
        if let Err(reason) = ended {
            eprintln!("the testbed did not end well: {reason}");
        }
    }
}

/// Host of a `host:port` text.
pub(crate) fn host(location: &Value) -> String {
    let text = location.as_str().unwrap_or_default();
    text.rsplit_once(':')
        .map_or(text, |(host, _)| host)
        .to_owned()
}

/// The first three octets of a `host:port` text: its network.
pub(crate) fn network(location: &Value) -> String {
    let host = host(location);
    host.rsplit_once('.')
        .map_or(host.as_str(), |(network, _)| network)
        .to_owned()
}
