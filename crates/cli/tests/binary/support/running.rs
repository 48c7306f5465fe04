//! The real binary while it runs: its JSON lines as they come, signals, and its end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

/// Longest silence that is waited through; everything that is waited for comes within a few seconds.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How long a child that is no longer wanted may take to end in order.
const END_WITHIN: Duration = Duration::from_secs(10);
/// Most lines it may print meanwhile.
const LAST_RECORDS_MAX: usize = 1000;

/// A child that prints JSON lines. Ended when dropped.
pub(crate) struct Running {
    child: Child,
    records: Receiver<Value>,
    seen: Vec<Value>,
    errors: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts a command with `--output json` at its end.
    pub(crate) fn start(mut command: Command) -> Self {
        command.args(["--output", "json"]);
        Self::start_as_given(command)
    }

    /// Starts a command that asks for JSON lines by itself.
    pub(crate) fn start_as_given(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let (sender, records) = channel();
        std::thread::spawn(move || {
            // Ends, and closes the pipe, as soon as nobody wants the records.
            for line in BufReader::new(stdout).lines() {
                let line = line.unwrap();
                let record = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(record).is_err() {
                    break;
                }
            }
        });
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Self {
            child,
            records,
            seen: Vec::new(),
            errors: Some(errors),
        }
    }

    /// Waits for the next record of this event that fits.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, event: &str, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let Ok(record) = self.records.recv_timeout(SILENCE_MAX) else {
                let seen: Vec<_> = self.seen.iter().map(ToString::to_string).collect();
                self.stop();
                let errors = self.errors.take().map(|errors| errors.join().unwrap());
                panic!(
                    "no record {event:?} came\n{}\n--- standard error\n{}",
                    seen.join("\n"),
                    errors.unwrap_or_default()
                );
            };
            self.seen.push(record.clone());
            if record["event"] == event && fits(&record) {
                return record;
            }
        }
    }

    /// Waits for a line for people that begins so.
    #[track_caller]
    pub(crate) fn wait_for_line(&mut self, start: &str) {
        let began = |record: &Value| record.as_str().is_some_and(|line| line.starts_with(start));
        while let Ok(record) = self.records.recv_timeout(SILENCE_MAX) {
            let came = began(&record);
            self.seen.push(record);
            if came {
                return;
            }
        }
        panic!("no line {start:?} came: {:?}", self.seen);
    }

    /// Reads no more: the child's pipe is closed when it writes next.
    pub(crate) fn close(&mut self) {
        let (_, nobody) = channel();
        self.records = nobody;
    }

    /// Sends a signal, such as `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Ends it whatever it does. It is asked first: a testbed that is killed leaves the programs of its vessels running.
    fn stop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = Command::new("kill")
                .arg(self.child.id().to_string())
                .status();
            // What it says ends when it does.
            for _ in 0..LAST_RECORDS_MAX {
                if self.records.recv_timeout(END_WITHIN).is_err() {
                    break;
                }
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for the end; gives the exit code, the last record, and standard error.
    #[track_caller]
    pub(crate) fn end(mut self) -> (Option<i32>, Value, String) {
        while let Ok(record) = self.records.recv_timeout(SILENCE_MAX) {
            self.seen.push(record);
        }
        let code = self.child.wait().unwrap().code();
        let errors = self.errors.take().unwrap().join().unwrap();
        (code, self.seen.pop().unwrap_or_default(), errors)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}
