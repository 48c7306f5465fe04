//! Tries to get through the wall, from inside a process of its own, and says what held.
//!
//! What is tried is in [`attempts`]; each attempt is an ordinary call of the operating system, without the
//! language in between.

mod attempts;
mod ground;

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode};

use super::{Layer, WallPolicy, WallReport, raise};
use attempts::{Attempt, Expectation};
use ground::{DESCRIPTORS, FILE_BYTES, Ground, MEMORY};

/// The environment variable that makes [`self_test_main`] test, in the folder that it names.
const FOLDER_VARIABLE: &str = "REPY_WALL_TEST_FOLDER";

/// How one attempt went.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trial {
    /// What a program needs works.
    Works,
    /// What a program needs does not work, and why.
    Broken(String),
    /// Refused, and how.
    Refused(String),
    /// Not refused, because no layer that would is there or was asked for.
    Open,
    /// Not refused although a layer that would is there.
    Passed,
}

/// What a self-test found. `Display` is a line for each attempt and one for the wall.
#[derive(Debug)]
pub struct SelfTest {
    /// The level of each layer.
    pub report: WallReport,
    /// What was tried, and how it went.
    pub trials: Vec<(&'static str, Trial)>,
}

impl SelfTest {
    /// Whether everything was refused that a layer that is there should refuse, and a program can work.
    #[must_use]
    pub fn holds(&self) -> bool {
        let bad = |trial: &Trial| matches!(trial, Trial::Broken(_) | Trial::Passed);
        !self.trials.iter().any(|(_, trial)| bad(trial))
    }
}

impl fmt::Display for SelfTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, trial) in &self.trials {
            match trial {
                Trial::Works => writeln!(f, "works        {what}")?,
                Trial::Broken(why) => writeln!(f, "BROKEN       {what}: {why}")?,
                Trial::Refused(how) => writeln!(f, "refused      {what}: {how}")?,
                Trial::Open => writeln!(f, "open         {what}: no layer here refuses it")?,
                Trial::Passed => writeln!(f, "NOT REFUSED  {what}")?,
            }
        }
        writeln!(f, "wall: {}", self.report)
    }
}

/// Raises the wall, with these layers, around this process and tries to get through.
///
/// The process can do little else afterwards. What is tried on is made in `folder`, which is somebody else's to
/// remove, outside of the wall.
///
/// # Errors
/// When the folders and ports to try it on cannot be had.
pub fn self_test(folder: &Path, layers: &[Layer]) -> io::Result<SelfTest> {
    let ground = Ground::make(folder)?;
    let report = raise(&WallPolicy {
        directory: Some(ground.own.clone()),
        tcp_ports: vec![ground.tcp_port],
        udp_ports: vec![ground.udp_port],
        memory: Some(MEMORY),
        descriptors: Some(DESCRIPTORS),
        file_bytes: Some(FILE_BYTES),
        layers: layers.to_vec(),
        ..WallPolicy::default()
    });
    let trials = attempts::all()
        .into_iter()
        .map(|attempt| (attempt.what, judge(&attempt, &ground, &report)))
        .collect();
    Ok(SelfTest { report, trials })
}

fn judge(attempt: &Attempt, ground: &Ground, report: &WallReport) -> Trial {
    match ((attempt.act)(ground), &attempt.expectation) {
        (Ok(()), Expectation::Works) => Trial::Works,
        (Err(error), Expectation::Works) => Trial::Broken(error.to_string()),
        (Err(error), Expectation::RefusedBy(_)) => Trial::Refused(error.to_string()),
        (Ok(()), Expectation::RefusedBy(layers)) => {
            if layers.iter().any(|&layer| report.level(layer).stands()) {
                Trial::Passed
            } else {
                Trial::Open
            }
        }
    }
}

/// What `repy --wall-test` does: tests in a process of its own, started with the same arguments, prints what held,
/// and removes what that process leaves. Ends with 0 if the wall holds, 1 otherwise.
pub fn self_test_main() -> ExitCode {
    let result = match std::env::var_os(FOLDER_VARIABLE) {
        Some(folder) => test_and_print(Path::new(&folder)),
        None => test_in_a_child(),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody is left to tell that standard error is closed.
            let _ = writeln!(io::stderr(), "repy: the wall cannot be tested: {error}");
            ExitCode::FAILURE
        }
    }
}

fn test_and_print(folder: &Path) -> io::Result<bool> {
    let test = self_test(folder, &Layer::ALL)?;
    write!(io::stdout(), "{test}")?;
    Ok(test.holds())
}

fn test_in_a_child() -> io::Result<bool> {
    let folder = std::env::temp_dir().join(format!("repy-wall-test-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let ended = Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(FOLDER_VARIABLE, &folder)
        .status();
    fs::remove_dir_all(&folder)?;
    Ok(ended?.success())
}
