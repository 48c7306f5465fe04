//! The built programs, run from outside: build them, start them, read their JSON lines, wait on conditions.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a program that is asked to end may take before it is killed.
const END_LIMIT: Duration = Duration::from_secs(30);
/// How much of what a program prints is shown when a scenario fails.
const SHOWN_LINES: usize = 30;

/// Reads the clock. The one place of this tool that does.
#[expect(
    clippy::disallowed_methods,
    reason = "xtask measures from outside, on the real clock"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits a little between two looks at a condition that nothing announces.
#[expect(
    clippy::disallowed_methods,
    reason = "polling a condition of another process"
)]
pub(crate) fn pause() {
    thread::sleep(Duration::from_millis(5));
}

/// Waits until `condition` gives a value, at most `limit`.
pub(crate) fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Option<T>,
) -> Result<T, String> {
    let end = now() + limit;
    loop {
        if let Some(value) = condition() {
            return Ok(value);
        }
        if now() > end {
            return Err(format!(
                "waited {} s in vain for: {what}",
                limit.as_secs_f32()
            ));
        }
        pause();
    }
}

/// Names a built `overlord` to use, instead of building one.
const BINARY_VARIABLE: &str = "OVERLORD_BINARY";

/// Builds the `overlord` binary and says where it is.
pub(crate) fn build(release: bool) -> Result<PathBuf, String> {
    if let Some(binary) = std::env::var_os(BINARY_VARIABLE) {
        return Ok(binary.into());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "--package",
        "overlord-cli",
        "--bin",
        "overlord",
        "--message-format",
        "json",
    ]);
    if release {
        command.arg("--release");
    }
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !output.status.success() {
        return Err("the overlord binary does not build".to_owned());
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "overlord")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| "cargo built no overlord binary".to_owned())
}

/// A started program whose standard output is JSON, a value a line.
pub(crate) struct RunningProgram {
    child: Child,
    lines: Receiver<(Instant, Value)>,
    errors: Receiver<String>,
    /// Everything read so far, with the moment it was read.
    pub(crate) seen: Vec<(Instant, Value)>,
    /// When it was started.
    pub(crate) started: Instant,
}

impl RunningProgram {
    /// Starts `overlord` with these arguments in `folder`.
    pub(crate) fn start(binary: &Path, folder: &Path, arguments: &[&str]) -> Result<Self, String> {
        let started = now();
        let mut child = Command::new(binary)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", binary.display()))?;
        let (to_lines, lines) = channel();
        let (to_errors, errors) = channel();
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if let Ok(value) = serde_json::from_str(&line) {
                        let _ = to_lines.send((now(), value));
                    }
                }
            });
        }
        if let Some(stderr) = child.stderr.take() {
            thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    let _ = to_errors.send(line);
                }
            });
        }
        Ok(Self {
            child,
            lines,
            errors,
            seen: Vec::new(),
            started,
        })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Reads lines until one fits, at most `limit`; gives when it came and what it said.
    pub(crate) fn wait_line(
        &mut self,
        what: &str,
        limit: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<(Instant, Value), String> {
        let end = now() + limit;
        loop {
            match self
                .lines
                .recv_timeout(end.saturating_duration_since(now()))
            {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if fits(&line.1) {
                        return Ok(line);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!(
                        "no line said within {} s: {what}{}",
                        limit.as_secs_f32(),
                        self.tail()
                    ));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(format!(
                        "the program ended before a line said: {what}{}",
                        self.tail()
                    ));
                }
            }
        }
    }

    /// Reads lines until `count` different values stood in `field` of lines of this event.
    pub(crate) fn wait_distinct(
        &mut self,
        event: &str,
        field: &str,
        count: usize,
        limit: Duration,
    ) -> Result<Instant, String> {
        let mut values = std::collections::BTreeSet::new();
        let what = format!("{count} different {field} in lines of {event}");
        let end = now() + limit;
        loop {
            let left = end.saturating_duration_since(now());
            let (when, line) = self.wait_line(&what, left, |line| line["event"] == event)?;
            values.insert(line[field].to_string());
            if values.len() >= count {
                return Ok(when);
            }
        }
    }

    /// Takes in whatever has been printed so far.
    pub(crate) fn drain(&mut self) {
        while let Ok(line) = self.lines.try_recv() {
            self.seen.push(line);
        }
    }

    /// How many lines of this event came after a moment.
    pub(crate) fn count_since(&mut self, event: &str, since: Instant) -> usize {
        self.drain();
        self.seen
            .iter()
            .filter(|(when, line)| *when >= since && line["event"] == event)
            .count()
    }

    /// Waits for the end; gives the exit code, or what signal ended it.
    pub(crate) fn wait_end(&mut self, limit: Duration) -> Result<(Instant, i32), String> {
        let end = now() + limit;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    let code = status
                        .code()
                        .ok_or_else(|| format!("the program ended by {status}"))?;
                    let ended = now();
                    self.drain_to_end();
                    return Ok((ended, code));
                }
                Ok(None) if now() < end => pause(),
                Ok(None) => {
                    return Err(format!(
                        "the program did not end within {} s",
                        limit.as_secs_f32()
                    ));
                }
                Err(error) => return Err(format!("the program cannot be waited for: {error}")),
            }
        }
    }

    fn drain_to_end(&mut self) {
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(1)) {
            self.seen.push(line);
        }
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The last of what it printed, for a failing scenario.
    pub(crate) fn tail(&mut self) -> String {
        self.drain();
        let errors: Vec<String> = self.errors.try_iter().collect();
        let mut text = String::from("\n  last lines:");
        for (_, line) in self.seen.iter().rev().take(SHOWN_LINES).rev() {
            text.push_str(&format!("\n    {line}"));
        }
        for line in errors.iter().rev().take(SHOWN_LINES).rev() {
            text.push_str(&format!("\n    stderr: {line}"));
        }
        text
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        // A run on a testbed inside the process is given the chance to take its programs along.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = crate::processes::signal("TERM", self.child.id());
            let _ = self.wait_end(END_LIMIT);
        }
        self.kill();
    }
}

/// Runs `overlord` to its end; gives exit code, standard output and standard error.
pub(crate) fn run(
    binary: &Path,
    folder: &Path,
    arguments: &[&str],
) -> Result<(i32, String, String), String> {
    let output = Command::new(binary)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{} cannot be started: {error}", binary.display()))?;
    Ok((
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    ))
}

/// The first line that a TCP server says to who connects, if it does within two seconds.
pub(crate) fn first_line(host: &str, port: u16) -> Option<String> {
    const PATIENCE: Duration = Duration::from_secs(2);
    let address = format!("{host}:{port}").parse().ok()?;
    let mut stream = std::net::TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut bytes = Vec::new();
    let mut chunk = [0; 256];
    while !bytes.contains(&b'\n') && bytes.len() < 4096 {
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(length) => bytes.extend_from_slice(chunk.get(..length)?),
        }
    }
    let text = String::from_utf8_lossy(&bytes).lines().next()?.to_owned();
    (!text.is_empty()).then_some(text)
}
