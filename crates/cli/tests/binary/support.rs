//! The real binary, run in a folder of its own, with failures that show everything it said.

mod running;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

pub(crate) use running::Running;

/// Longest that a command may take: a deployment that ends by itself takes seconds, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(120);

/// Whether these tests were started with SIGHUP ignored (`nohup`): what they start then ignores it too, and rightly.
pub(crate) fn hang_up_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() & 1 == 1
}

/// The example program of the project.
pub(crate) fn time_server() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/time_server.pl")
}

/// A folder to run in, and what is put there.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Puts a file there and gives its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Writes `overlord.toml`: alice of the testbed that this record tells of.
    pub(crate) fn configure(&self, testbed_up: &serde_json::Value) {
        let text = |field: &str| testbed_up[field].as_str().unwrap();
        let config = format!(
            "user = 'alice'\nkeys-dir = '{}'\nclearinghouse = '{}'\nca-file = '{}'\n",
            text("keys_dir"),
            text("clearinghouse"),
            text("ca_file")
        );
        self.file("overlord.toml", &config);
    }

    /// The binary, to be run here with nothing of our own environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_overlord"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments))
    }
}

/// How the binary ended.
pub(crate) struct Ended {
    command: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Runs a command to its end.
    pub(crate) fn of(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let child = command.stderr(Stdio::piped()).spawn().unwrap();
        Self::named(format!("{command:?}"), child)
    }

    /// Waits for a child's end.
    pub(crate) fn wait(child: Child) -> Self {
        Self::named("(child)".to_owned(), child)
    }

    /// Waits for a child's end, and ends it if it takes too long: then there is no exit code.
    fn named(command: String, child: Child) -> Self {
        let pid = Pid::from_raw(child.id().cast_signed());
        let (ended, has_ended) = mpsc::channel::<()>();
        let watch = std::thread::spawn(move || {
            if has_ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let _ = nix::sys::signal::kill(pid, Signal::SIGKILL);
            }
        });
        let output = child.wait_with_output().unwrap();
        drop(ended);
        watch.join().unwrap();
        Self {
            command,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Checks the exit code, and that standard error has each of these words.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, words: &[&str]) -> &Self {
        assert_eq!(self.code, Some(code), "wrong exit code\n{self}");
        for word in words {
            assert!(
                self.stderr.contains(word),
                "standard error lacks {word:?}\n{self}"
            );
        }
        self
    }

    /// The lines of standard output as JSON.
    #[track_caller]
    pub(crate) fn records(&self) -> Vec<serde_json::Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}\n{self}"))
            })
            .collect()
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "command: {}\nexit code: {:?}\n--- standard output\n{}\n--- standard error\n{}",
            self.command, self.code, self.stdout, self.stderr
        )
    }
}
