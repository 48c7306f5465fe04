//! Everything that `overlord run` needs to know, checked before anything is asked of anybody or started.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use overlord::engine::{ArgumentsTemplate, OnStop, Policy};
use overlord::types::{Platform, VesselType};
use overlord::{CheckedProgram, Code, SetupError};
use overlord_testbed::node::platform::repy_refusal;

use super::account::AccountSettings;
use super::given::Sourced;
use super::layers::Layers;
use super::local::LocalSettings;
use super::row::Row;
use super::table::{
    API_KEY_FILE, CA_FILE, CLEARINGHOUSE, COUNT, DANGER_ACCEPT_INVALID_CERTS, KEYS_DIR, LOCAL,
    LOCAL_DIR, LOCAL_LATENCY, LOCAL_NODES, LOG_FILE, NO_CHECK, ON_START, ON_STOP, PLATFORM,
    POLL_PERIOD, PROBE_PORT, RENEW_PERIOD, RUN_FOR, STOP_FILE, TYPE,
};
use crate::failure::Failure;

/// What is about a clearinghouse elsewhere: it makes no sense beside the embedded testbed.
static ELSEWHERE: &[&Row] = &[
    &CLEARINGHOUSE.row,
    &CA_FILE.row,
    &DANGER_ACCEPT_INVALID_CERTS.row,
    &KEYS_DIR.row,
    &API_KEY_FILE.row,
];
/// What is about the embedded testbed: it makes no sense without it.
static LOCAL_ONLY: &[&Row] = &[&LOCAL_NODES.row, &LOCAL_DIR.row, &LOCAL_LATENCY.row];

/// Where the program is to run.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// On vessels of an account at a clearinghouse.
    Account(AccountSettings),
    /// On a testbed inside this process.
    Local(LocalSettings),
}

/// Whether and where copies are asked for a line of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Not at all.
    Never,
    /// On the account's port.
    AccountPort,
    /// On this port.
    Port(u16),
}

/// What `overlord run` is to do.
#[derive(Debug, Clone)]
pub(crate) struct RunSettings {
    /// Where.
    pub(crate) target: Target,
    /// What: the program as it was read and judged.
    pub(crate) program: CheckedProgram,
    /// With which arguments.
    pub(crate) arguments: ArgumentsTemplate,
    /// How many copies.
    pub(crate) count: u32,
    /// On which machines.
    pub(crate) vessel_type: VesselType,
    /// How it is kept running.
    pub(crate) policy: Policy,
    /// Where every change is written to besides.
    pub(crate) log_file: Option<PathBuf>,
    /// What ends the run.
    pub(crate) stop_file: PathBuf,
    /// When it ends by itself.
    pub(crate) run_for: Option<Duration>,
    /// Whether copies are asked.
    pub(crate) probe: Probe,
}

impl RunSettings {
    /// Puts the layers together and reads the program, which is to have these arguments.
    ///
    /// # Errors
    /// The first thing that the operator has to change.
    pub(crate) fn new(
        program: &Path,
        arguments: &[String],
        layers: &Layers,
    ) -> Result<Self, Failure> {
        let count = layers.value(&COUNT)?.value;
        let vessel_type = layers.value(&TYPE)?.value;
        let platform = layers.value(&PLATFORM)?.value;
        let is_local = layers.value(&LOCAL)?.value;
        let poll_period = layers.value(&POLL_PERIOD)?.value;
        let policy = Policy {
            on_start: layers.value(&ON_START)?.value,
            on_stop: on_stop(layers.optional(&ON_STOP)?, is_local)?,
            renew_period: layers.value(&RENEW_PERIOD)?.value,
            ..Policy::with_poll_period(poll_period)
        };

        let template = ArgumentsTemplate::new(arguments.to_vec())?;
        let wants_port = arguments.iter().any(|argument| argument.contains("{port}"));
        let program = overlord::read_program(program, platform)?;
        let settings = Self {
            target: target(layers, is_local, count, vessel_type)?,
            program,
            arguments: template,
            count,
            vessel_type,
            policy,
            log_file: layers.optional(&LOG_FILE)?.map(|path| path.value),
            stop_file: layers.value(&STOP_FILE)?.value,
            run_for: layers.optional(&RUN_FOR)?.map(|time| time.value),
            probe: match layers.optional(&PROBE_PORT)?.map(|port| port.value) {
                Some(0) => Probe::Never,
                Some(port) => Probe::Port(port),
                None if wants_port => Probe::AccountPort,
                None => Probe::Never,
            },
        };
        settings.check_files()?;
        if !layers.value(&NO_CHECK)?.value {
            judge(&settings.program)?;
        }
        Ok(settings)
    }

    /// Whether a Repy program asks for its arguments by their name in V2, and there are none.
    #[must_use]
    pub(crate) fn reads_arguments_and_gets_none(&self) -> bool {
        let name = b"callargs";
        let contents = self.program.contents();
        self.arguments.as_slice().is_empty()
            && self.program.platform() != Platform::Native
            && contents.windows(name.len()).any(|window| window == name)
    }

    /// What the run's own files would say later: told before anything is started.
    fn check_files(&self) -> Result<(), Failure> {
        if self.stop_file.exists() {
            let path = self.stop_file.clone();
            return Err(SetupError::StopFilePresent { path }.into());
        }
        let directory = self.stop_file.parent();
        if let Some(directory) =
            directory.filter(|path| !path.as_os_str().is_empty() && !path.is_dir())
        {
            let message = format!(
                "the stop file {} could not be made when the run is to end: {} is no directory",
                self.stop_file.display(),
                directory.display()
            );
            let advice = "make the directory, or name a file in one that is there with --stop-file";
            return Err(Failure::usage(message).advise(advice));
        }
        if let Some(path) = &self.log_file {
            check_log_file(path).map_err(|source| SetupError::LogFile {
                path: path.clone(),
                source,
            })?;
        }
        Ok(())
    }
}

/// Whether nodes would run the program. Asked once all else is in order, and before a vessel is acquired for it.
fn judge(program: &CheckedProgram) -> Result<(), Failure> {
    if program.platform() != Platform::RepyV2 {
        return Ok(());
    }
    match repy_refusal(program.name().as_str(), program.contents()) {
        Some(refusal) => Err(Failure::new(Code::ProgramRefused, refusal.trim_end())),
        None => Ok(()),
    }
}

/// Whether a log can be appended to this file, which is made if it is not there.
fn check_log_file(path: &Path) -> io::Result<()> {
    // To open a pipe that nobody reads would wait for ever.
    if fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo()) {
        return Err(io::Error::other("it is a pipe"));
    }
    OpenOptions::new().append(true).create(true).open(path)?;
    Ok(())
}

fn target(
    layers: &Layers,
    is_local: bool,
    count: u32,
    vessel_type: VesselType,
) -> Result<Target, Failure> {
    if is_local && let Some(row) = layers.first_typed(ELSEWHERE) {
        let flag = row.typed();
        let message = format!("--local and {flag} exclude each other");
        let advice =
            format!("leave {flag} out to run on the embedded testbed, or --local to run elsewhere");
        return Err(Failure::usage(message).advise(advice));
    }
    if is_local {
        return LocalSettings::new(layers, count, vessel_type).map(Target::Local);
    }
    if let Some(row) = layers.first_typed(LOCAL_ONLY) {
        let flag = row.typed();
        let message = format!("{flag} is about the embedded testbed, which needs --local");
        return Err(Failure::usage(message).advise(format!("add --local, or leave {flag} out")));
    }
    AccountSettings::new(layers).map(Target::Account)
}

/// What becomes of the vessels at the end. Those of the embedded testbed end with this process: nothing can be left
/// running there, so `leave` is refused if it was typed, and is about other places if a variable or the file says it.
fn on_stop(given: Option<Sourced<OnStop>>, is_local: bool) -> Result<OnStop, Failure> {
    match given {
        Some(given) if is_local && given.value == OnStop::Leave && given.is_typed() => {
            let message = "--local and --on-stop leave exclude each other: the embedded testbed ends with the run, and nothing on it runs on";
            let advice =
                "leave --on-stop out, or deploy on a testbed that stays: overlord testbed up";
            Err(Failure::usage(message).advise(advice))
        }
        Some(given) if !(is_local && given.value == OnStop::Leave) => Ok(given.value),
        _ if is_local => Ok(OnStop::Release),
        _ => Ok(OnStop::default()),
    }
}
