//! Everything that `overlord run` needs to know, checked before anything is asked of anybody or started.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use overlord::SetupError;
use overlord::engine::{
    ArgumentsTemplate, Deployment, OnStart, OnStop, Policy, Program, SettingsError, VESSELS_MAX,
};
use overlord::types::{Platform, UserName, UserPort, VesselType};
use overlord_testbed::node::platform::repy_refusal;

use super::{AccountSettings, Layers, LocalSettings, Origin, Sourced};
use crate::args::RunArguments;
use crate::exit_meaning::ExitMeaning;
use crate::failure::Failure;
use crate::text::bound;

/// A port that stands in for the account's while that is not known yet: five digits, as theirs.
const PORT_STAND_IN: i64 = 63_100;
/// Flags about a clearinghouse elsewhere: they make no sense beside the embedded testbed.
const ELSEWHERE_FLAGS: &[&str] = &[
    "clearinghouse",
    "ca-file",
    "danger-accept-invalid-certs",
    "keys-dir",
    "api-key-file",
];
/// Flags about the embedded testbed: they make no sense without it.
const LOCAL_FLAGS: &[&str] = &["local-nodes", "local-dir", "local-latency"];
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
    /// What: the program's file.
    pub(crate) program_path: PathBuf,
    /// What runs it.
    pub(crate) platform: Platform,
    /// Why no node would run it, unless the operator does not want to know.
    refusal: Option<String>,
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
    /// Puts the layers together and reads the program.
    ///
    /// # Errors
    /// The first thing that the operator has to change.
    pub(crate) fn new(arguments: &RunArguments, layers: &Layers) -> Result<Self, Failure> {
        let filed = &layers.file().run;
        let text = |flag: &str, given: &Option<String>, filed: &Option<String>, default: &str| {
            layers.text_or(flag, given.as_ref(), filed.clone(), default)
        };
        let number = |value: Option<i64>| value.map(|number| number.to_string());

        let count = layers
            .text_or("count", arguments.count.as_ref(), number(filed.count), "10")
            .number(1, VESSELS_MAX)
            .map_err(|failure| failure.advise("ask for one vessel or more with --count"))?;
        let vessel_type =
            text("type", &arguments.vessel_type, &filed.r#type, "wan").parse::<VesselType>()?;
        let platform = platform(&text(
            "platform",
            &arguments.platform,
            &filed.platform,
            "auto",
        ))?;
        let on_start = word(
            &text("on-start", &arguments.on_start, &filed.on_start, "release"),
            &[("release", OnStart::Release), ("adopt", OnStart::Adopt)],
        )?;
        let on_stop = on_stop(arguments, layers)?;
        let poll_period = text(
            "poll-period",
            &arguments.poll_period,
            &filed.poll_period,
            "30s",
        );
        let renew_period = text(
            "renew-period",
            &arguments.renew_period,
            &filed.renew_period,
            "2days",
        );
        let policy = Policy {
            on_start,
            on_stop,
            renew_period: renew_period.duration()?,
            ..Policy::with_poll_period(poll_period.duration()?)
        };
        policy
            .check()
            .map_err(|error| out_of_bounds(error, &poll_period, &renew_period))?;

        let template = ArgumentsTemplate::new(arguments.arguments.clone());
        let wants_port = arguments
            .arguments
            .iter()
            .any(|argument| argument.contains("{port}"));
        let program = overlord::read_program(&arguments.program, platform)?;
        let is_checked = program.platform == Platform::RepyV2 && !arguments.no_check;
        let refusal = is_checked
            .then(|| repy_refusal(program.file.name.as_str(), &program.file.contents))
            .flatten();
        let settings = Self {
            target: target(arguments, layers, count, vessel_type)?,
            program_path: arguments.program.clone(),
            platform: program.platform,
            refusal,
            arguments: template,
            count,
            vessel_type,
            policy,
            log_file: layers
                .path(
                    "log-file",
                    arguments.log_file.as_ref(),
                    filed.log_file.as_ref(),
                )
                .map(|path| path.value),
            stop_file: layers.path_or(
                "stop-file",
                arguments.stop_file.as_ref(),
                filed.stop_file.as_ref(),
                Path::new("stop"),
            ),
            run_for: layers
                .text("run-for", arguments.run_for.as_ref(), filed.run_for.clone())
                .map(|text| text.positive_duration())
                .transpose()?,
            probe: probe(
                layers.text(
                    "probe-port",
                    arguments.probe_port.as_ref(),
                    number(filed.probe_port),
                ),
                wants_port,
            )?,
        };
        settings.check_deployment(program)?;
        settings.check_files()?;
        Ok(settings)
    }

    /// Whose account.
    #[must_use]
    pub(crate) fn user(&self) -> &UserName {
        match &self.target {
            Target::Account(account) => &account.user,
            Target::Local(local) => &local.user,
        }
    }

    /// Whether nodes would run the program. Asked once all else is in order, and before a vessel is acquired for it.
    ///
    /// # Errors
    /// The rule that it breaks, and where.
    pub(crate) fn check_program(&self) -> Result<(), Failure> {
        let Some(refusal) = &self.refusal else {
            return Ok(());
        };
        let advice = "mend the program, nodes do not run it as it is: docs/repy.md says what Repy is (--no-check deploys it nevertheless)";
        Err(Failure::new(ExitMeaning::Data, refusal.trim_end()).advise(advice))
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

    /// What keeps the deployment from being run by any account, such as arguments that nodes refuse.
    fn check_deployment(&self, program: Program) -> Result<(), Failure> {
        let user_port = UserPort::try_from(PORT_STAND_IN).map_err(Failure::usage)?;
        let deployment = Deployment {
            user_name: self.user().clone(),
            user_port,
            vessel_count: self.count,
            vessel_type: self.vessel_type,
            program: Some(program),
            arguments: self.arguments.clone(),
        };
        deployment.check().map_err(Failure::from)
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

/// A period that the engine refuses, told by the flag that gave it.
fn out_of_bounds(error: SettingsError, poll: &Sourced<String>, renew: &Sourced<String>) -> Failure {
    let given = match &error {
        SettingsError::OutOfBounds { name, .. } if *name == "poll period" => poll,
        SettingsError::OutOfBounds { name, .. } if *name == "renew period" => renew,
        _ => return error.into(),
    };
    match error {
        SettingsError::OutOfBounds { least, most, .. } => {
            given.wrong(format!("it is from {} to {}", bound(least), bound(most)))
        }
        other => other.into(),
    }
}

fn target(
    arguments: &RunArguments,
    layers: &Layers,
    count: u32,
    vessel_type: VesselType,
) -> Result<Target, Failure> {
    if let Some(flag) = layers
        .first_typed(ELSEWHERE_FLAGS)
        .filter(|_| arguments.local)
    {
        let message = format!("--local and --{flag} exclude each other");
        let advice = format!(
            "leave --{flag} out to run on the embedded testbed, or --local to run elsewhere"
        );
        return Err(Failure::usage(message).advise(advice));
    }
    if let Some(flag) = layers.first_typed(LOCAL_FLAGS).filter(|_| !arguments.local) {
        let message = format!("--{flag} is about the embedded testbed, which needs --local");
        return Err(Failure::usage(message).advise(format!("add --local, or leave --{flag} out")));
    }
    if !arguments.local {
        return AccountSettings::new(&arguments.account, layers).map(Target::Account);
    }
    LocalSettings::new(arguments, layers, count, vessel_type).map(Target::Local)
}

/// What becomes of the vessels at the end. Those of the embedded testbed end with this process: nothing can be left
/// running there, so `leave` is refused if it was typed, and is about other places if a variable or the file says it.
fn on_stop(arguments: &RunArguments, layers: &Layers) -> Result<OnStop, Failure> {
    let default = if arguments.local { "release" } else { "leave" };
    let filed = layers.file().run.on_stop.clone();
    let given = layers.text_or("on-stop", arguments.on_stop.as_ref(), filed, default);
    let words = [
        ("leave", OnStop::Leave),
        ("stop", OnStop::Stop),
        ("release", OnStop::Release),
    ];
    match word(&given, &words)? {
        OnStop::Leave if arguments.local && matches!(given.origin, Origin::Flag(_)) => {
            let message = "--local and --on-stop leave exclude each other: the embedded testbed ends with the run, and nothing on it runs on";
            let advice =
                "leave --on-stop out, or deploy on a testbed that stays: overlord testbed up";
            Err(Failure::usage(message).advise(advice))
        }
        OnStop::Leave if arguments.local => Ok(OnStop::Release),
        on_stop => Ok(on_stop),
    }
}

fn probe(port: Option<Sourced<String>>, wants_port: bool) -> Result<Probe, Failure> {
    match port.map(|port| port.port()).transpose()? {
        Some(0) => Ok(Probe::Never),
        Some(port) => Ok(Probe::Port(port)),
        None if wants_port => Ok(Probe::AccountPort),
        None => Ok(Probe::Never),
    }
}

/// One of a few words.
fn word<T: Copy>(given: &Sourced<String>, words: &[(&str, T)]) -> Result<T, Failure> {
    let found = words.iter().find(|(word, _)| *word == given.value);
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        given.wrong(format!("it is one of {}", known.join(", ")))
    })
}

/// What runs the program: `auto` leaves it to the ending of its name.
fn platform(given: &Sourced<String>) -> Result<Option<Platform>, Failure> {
    if given.value == "auto" {
        return Ok(None);
    }
    given.parse().map(Some).map_err(|failure| {
        failure.advise("use auto, repyV2, repyV1, or native (for a testbed of your own only)")
    })
}
