//! `overlord run`: deploy a program, show how it goes, and end as asked.

use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::time::Duration;

use overlord::engine::{Clock as _, WallTime};
use overlord::keys::GENERATED_KEY_BITS_MIN;
use overlord::ports::RuntimeClock;
use overlord::types::{Platform, UserName, UserPort, VESSELS_WITHOUT_DONATION, VesselType};
use overlord::{
    Change, Code, Control, Delivery, LogFileHandle, Overlord, Run, RunError, RunReport, StopReason,
    Subscription,
};
use overlord_testbed::TestbedConfig;
use overlord_testbed::daemon::{StartingAccounts, TestbedDaemon};
use serde::Serialize;
use tempfile::TempDir;
use tokio::time::Instant;

use super::block_on;
use crate::account;
use crate::args::RunArguments;
use crate::exit_meaning::ExitMeaning;
use crate::failure::Failure;
use crate::output::{Output, Paint};
use crate::settings::table::LOCAL;
use crate::settings::{AccountSettings, Layers, LocalSettings, RunSettings, Target, Trust};
use crate::signals::{Asked, EndSignals, ReopenSignal};
use crate::text::count_of;
use crate::watcher::{self, Watcher};

/// How often it is tried to remove a temporary directory …
const REMOVALS_MAX: u32 = 10;
/// … and how long is waited in between: a file takes a few milliseconds to be written.
const REMOVAL_PAUSE: Duration = Duration::from_millis(20);
/// How long programs and connections of the embedded testbed may take to end with it: a stop is to take less than a
/// second, and nothing of the testbed is wanted any more.
const LOCAL_GRACE: Duration = Duration::from_millis(250);
/// How long the last changes of a run that is over are waited for.
const LAST_CHANGES_MAX: Duration = Duration::from_secs(1);

/// What is about to be deployed, as it is told to programs.
#[derive(Serialize)]
struct DeploymentLine<'a> {
    event: &'static str,
    /// Before the first change, which is number 1.
    number: u64,
    at: WallTime,
    user: &'a UserName,
    user_port: UserPort,
    program: &'a str,
    count: u32,
    #[serde(rename = "type")]
    vessel_type: VesselType,
}

/// Why a run did not begin.
enum NotBegun {
    /// Something is wrong.
    Failed(Failure),
    /// The end was asked for meanwhile.
    Asked(Asked),
}

impl<T: Into<Failure>> From<T> for NotBegun {
    fn from(failure: T) -> Self {
        Self::Failed(failure.into())
    }
}

/// What a run is told from outside. All are caught from its first moment on.
struct Signals {
    end: EndSignals,
    reopen: ReopenSignal,
}

/// Deploys and watches until the end is asked for.
///
/// # Errors
/// What keeps the run from beginning; once it has begun, only an output that cannot be written.
pub(crate) fn run(
    arguments: &RunArguments,
    layers: &Layers,
    output: &Output,
) -> Result<ExitMeaning, Failure> {
    // Removed once the runtime is gone, however the run ended: a set-up that is cut short leaves work behind on the
    // runtime's threads, which would make the directory anew, with the keys that it was about to write.
    let mut temporary = None;
    let ended = block_on(watch(arguments, layers, output, &mut temporary));
    if let Some(directory) = temporary {
        remove(directory);
    }
    ended
}

/// Does all of it, on a runtime; a testbed without a directory of its own gets the temporary one.
async fn watch(
    arguments: &RunArguments,
    layers: &Layers,
    output: &Output,
    temporary: &mut Option<TempDir>,
) -> Result<ExitMeaning, Failure> {
    let begun = Instant::now();
    let mut signals = Signals {
        end: EndSignals::catch()?,
        reopen: ReopenSignal::catch()?,
    };
    let place = if layers.value(&LOCAL)?.value {
        " on a testbed of its own"
    } else {
        ""
    };
    // The first line comes before anything that takes time.
    output.line(&format!(
        "overlord: deploying {}{place} …",
        arguments.program.display()
    ))?;
    let settings = RunSettings::new(&arguments.program, &arguments.arguments, layers)?;
    let ended = match &settings.target {
        Target::Account(account) => {
            deploy(&settings, account, None, output, begun, &mut signals).await
        }
        Target::Local(local) => {
            run_local(&settings, local, temporary, output, begun, &mut signals).await
        }
    };
    match ended {
        Ok(meaning) => Ok(meaning),
        Err(NotBegun::Failed(failure)) => Err(failure),
        Err(NotBegun::Asked(asked)) => {
            let report = RunReport {
                reason: StopReason::Signal,
                running: Vec::new(),
                may_run: Vec::new(),
                idle: Vec::new(),
                in_doubt: 0,
                undone: Vec::new(),
                duration: begun.elapsed(),
            };
            watcher::tell_end(output, "stopped before anything was deployed", &report)?;
            Ok(asked.meaning())
        }
    }
}

/// Starts a testbed, deploys on it the ordinary way, and ends it.
async fn run_local(
    settings: &RunSettings,
    local: &LocalSettings,
    temporary: &mut Option<TempDir>,
    output: &Output,
    begun: Instant,
    signals: &mut Signals,
) -> Result<ExitMeaning, NotBegun> {
    let mut config = TestbedConfig::new(PathBuf::new());
    config.nodes = local.size.nodes as usize;
    config.nodes_per_network = local.size.nodes_per_network as usize;
    config.vessels_per_node = local.size.vessels_per_node as usize;
    config.latency = local.latency;
    config.node_timing.stop_grace = LOCAL_GRACE;
    config.node_timing.connection_grace = LOCAL_GRACE;
    if settings.program.platform() == Platform::Native {
        // The program of the operator who runs this, on their own machine.
        config.platforms = config.platforms.and_danger_native();
    }
    let directory = match &local.directory {
        Some(named) => named.as_path(),
        None => {
            let made = TempDir::with_prefix("overlord-").map_err(no_temporary_directory)?;
            temporary.insert(made).path()
        }
    };
    config.directory = std::path::absolute(directory).map_err(no_directory)?;
    // Short keys, as the testbed's own are: they protect one run on one machine, and are made faster.
    let accounts = StartingAccounts {
        users: vec![local.user.clone()],
        credits: settings.count.max(VESSELS_WITHOUT_DONATION),
        key_bits: GENERATED_KEY_BITS_MIN,
    };
    let testbed = unless_asked(TestbedDaemon::start(config, accounts), signals).await?;
    let ended = deploy_on(&testbed, settings, local, output, begun, signals).await;
    testbed.stop().await;
    ended
}

/// Deploys on an embedded testbed that is up.
async fn deploy_on(
    testbed: &TestbedDaemon,
    settings: &RunSettings,
    local: &LocalSettings,
    output: &Output,
    begun: Instant,
    signals: &mut Signals,
) -> Result<ExitMeaning, NotBegun> {
    output.line(&format!(
        "testbed of {} in {}, up after {:.1} s",
        count_of(local.size.nodes as usize, "node", "nodes"),
        testbed.directory().display(),
        begun.elapsed().as_secs_f64(),
    ))?;
    let account = AccountSettings {
        user: local.user.clone(),
        keys_dir: testbed.keys_dir(),
        clearinghouse: testbed.clearinghouse(),
        trust: Trust::File(testbed.ca_file()),
        api_key: None,
    };
    deploy(settings, &account, Some(testbed), output, begun, signals).await
}

/// Removes a directory in which a program that was just killed may still be writing a last file.
#[expect(
    clippy::disallowed_methods,
    reason = "the runtime with its clock is gone by now, and nothing else waits for this thread"
)]
fn remove(directory: TempDir) {
    let path = directory.keep();
    for _ in 0..REMOVALS_MAX {
        if std::fs::remove_dir_all(&path).is_ok() || !path.exists() {
            return;
        }
        std::thread::sleep(REMOVAL_PAUSE);
    }
}

fn no_directory(error: std::io::Error) -> Failure {
    Failure::new(Code::TestbedUnwritable, error)
        .advise("name a directory that you may write to with --local-dir")
}

fn no_temporary_directory(source: std::io::Error) -> Failure {
    let place = std::env::temp_dir();
    let message = format!(
        "a temporary directory for the testbed cannot be made in {}",
        place.display()
    );
    Failure::because(Code::TestbedUnwritable, message, source).advise(
        "set TMPDIR to a directory that you may write to, or name one for the testbed with --local-dir",
    )
}

/// Deploys on vessels of an account.
async fn deploy(
    settings: &RunSettings,
    account: &AccountSettings,
    testbed: Option<&TestbedDaemon>,
    output: &Output,
    begun: Instant,
    signals: &mut Signals,
) -> Result<ExitMeaning, NotBegun> {
    account::warn_of_danger(account, output);
    let overlord = unless_asked(build(settings, account), signals).await?;
    account::warn_of_keys(overlord.connection(), output);
    if settings.program.platform() == Platform::Native
        && matches!(settings.target, Target::Account(_))
    {
        output.note(
            "note: this program runs on the native platform, which only a testbed of your own offers that was started with --danger-native; other nodes run .repy and .r2py",
        );
    }
    let config = overlord.config();
    let program = config.program_name().unwrap_or_default();
    output.show(
        &format!(
            "account {}, port {}: {} of {program} on {} vessels",
            config.user_name(),
            config.user_port(),
            count_of(config.vessel_count() as usize, "copy", "copies"),
            config.vessel_type(),
        ),
        &DeploymentLine {
            event: "deployment",
            number: 0,
            at: RuntimeClock::new().now().wall,
            user: config.user_name(),
            user_port: config.user_port(),
            program,
            count: config.vessel_count(),
            vessel_type: config.vessel_type(),
        },
    )?;
    let port = settings.probe.port(config.user_port());
    let run = overlord.prepare_with(settings.arguments.clone());
    let control = run.control();
    let changes = run.subscribe();
    let log_file = run.log_file();
    let watcher = Watcher::new(output.clone(), settings.count, port, begun);
    let mut shown = Shown {
        output,
        testbed,
        watcher,
        changes,
        control,
        signals,
        interrupted: false,
        failure: None,
        run_for: settings.run_for,
        log_file,
        unheard_arguments: settings.reads_arguments_and_gets_none(),
        copies_ran: CopiesRan::default(),
    };
    let report = shown.watch(run).await;
    output.progress().finish();
    let report = report?;
    if let Some(failure) = shown.failure {
        return Err(failure.into());
    }
    shown.watcher.ended(&report)?;
    if shown.copies_ran == CopiesRan::Never && !shown.interrupted {
        return Err(Failure::new(Code::ProgramEnded, "no copy of the program ever ran").into());
    }
    Ok(match (shown.interrupted, report.undone.is_empty()) {
        (true, _) => ExitMeaning::Interrupted,
        (false, true) => ExitMeaning::Done,
        (false, false) => ExitMeaning::Partial,
    })
}

async fn build(settings: &RunSettings, account: &AccountSettings) -> Result<Overlord, Failure> {
    let builder = Overlord::builder(account.user.as_str())
        .keys_dir(&account.keys_dir)
        .clearinghouse(&account.clearinghouse)
        .count(settings.count)
        .vessel_type(settings.vessel_type)
        .checked_program(settings.program.clone())
        .policy(settings.policy.clone())
        .stop_file(&settings.stop_file)
        .signals(true);
    let builder = match &account.trust {
        Trust::System => builder,
        Trust::File(path) => builder.ca_file(path),
        Trust::DangerAnybody => builder.danger_accept_invalid_certs(true),
    };
    let builder = match &account.api_key {
        Some(key) => builder.api_key(key.expose()),
        None => builder,
    };
    let builder = match &settings.log_file {
        Some(path) => builder.log_file(path),
        None => builder,
    };
    let built = builder.build().await;
    built.map_err(|error| Failure::from(error).in_the_name_of(&account.user))
}

/// Does something that a signal may cut short: whatever was begun is dropped; nothing of the account has been touched.
async fn unless_asked<T, E: Into<Failure>>(
    work: impl Future<Output = Result<T, E>>,
    signals: &mut Signals,
) -> Result<T, NotBegun> {
    tokio::select! {
        // A signal that came before counts before what was ready at the same time.
        biased;
        asked = signals.end.next() => Err(NotBegun::Asked(asked)),
        result = work => Ok(result.map_err(Into::into)?),
    }
}

/// A run and everything that is shown of it.
struct Shown<'a> {
    output: &'a Output,
    /// The embedded testbed, until it was said how it can be broken.
    testbed: Option<&'a TestbedDaemon>,
    watcher: Watcher,
    changes: Subscription,
    control: Control,
    signals: &'a mut Signals,
    interrupted: bool,
    /// Why nothing more can be shown; the run was then asked to end.
    failure: Option<Failure>,
    run_for: Option<Duration>,
    log_file: Option<LogFileHandle>,
    /// Whether the program reads arguments and gets none, until that was said.
    unheard_arguments: bool,
    copies_ran: CopiesRan,
}

/// What is known of the copies that were started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum CopiesRan {
    /// None was.
    #[default]
    NotStarted,
    /// All that were started ended at once.
    Never,
    /// One ran at least.
    Once,
}

impl CopiesRan {
    /// What is known after a change.
    fn after(self, change: &Change) -> Self {
        match (self, change) {
            (_, Change::Running { .. } | Change::Adopted { .. }) => Self::Once,
            (Self::NotStarted, Change::Failed { .. }) => Self::Never,
            (known, _) => known,
        }
    }
}

impl Shown<'_> {
    /// Runs to the end and shows every change.
    async fn watch(&mut self, run: Run) -> Result<RunReport, RunError> {
        let mut time_up: Pin<Box<dyn Future<Output = ()> + Send>> = match self.run_for {
            Some(time) => Box::pin(tokio::time::sleep(time)),
            None => Box::pin(std::future::pending()),
        };
        let mut run = pin!(run.run());
        let report = loop {
            // Each arm is cancel-safe: the run and the clock go on where they were, and what was not
            // received stays to be received. Signals come first: the run hears them too, and may be
            // over before it is known who asked for its end.
            tokio::select! {
                biased;
                asked = self.signals.end.next() => self.asked_to_end(asked),
                report = &mut run => break report?,
                Some(change) = self.changes.next() => self.show(change),
                Some(answer) = self.watcher.next_answer() => {
                    let shown = self.watcher.answered(answer);
                    self.keep(shown);
                    self.invite();
                }
                () = self.signals.reopen.next() => self.reopen_log(),
                () = &mut time_up => {
                    time_up = Box::pin(std::future::pending());
                    self.control.stop(StopReason::Operator);
                }
            }
        };
        // A signal that ended the run at once may still be on its way to us.
        let asked = tokio::time::timeout(Duration::ZERO, self.signals.end.next()).await;
        if let Ok(asked) = asked {
            self.asked_to_end(asked);
        }
        // What was told before the end is still on its way.
        let rest = async {
            while let Some(change) = self.changes.next().await {
                let last = is_last(&change);
                self.show(change);
                if last {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(LAST_CHANGES_MAX, rest).await;
        Ok(report)
    }

    fn show(&mut self, change: Delivery) {
        let shown = match change {
            Delivery::Event(event) => {
                self.copies_ran = self.copies_ran.after(&event.change);
                let shown = self.watcher.changed(&event);
                self.hint_at_arguments(&event.change);
                shown
            }
            Delivery::Missed(missed) => self.watcher.missed(missed),
        };
        self.keep(shown);
        self.invite();
    }

    /// Opens the log file anew, which somebody has moved away.
    fn reopen_log(&self) {
        let Some(file) = &self.log_file else {
            return;
        };
        if let Err(error) = file.reopen() {
            let path = file.path().display();
            let text = format!(
                "warning: the log file {path} cannot be opened again, and the old one is written on: {error}"
            );
            self.watcher.say(&text, Paint::Bad);
        }
    }

    /// Says once, when a copy has ended by itself, that its arguments are missing.
    fn hint_at_arguments(&mut self, change: &Change) {
        let ended = matches!(change, Change::Failed { .. } | Change::Suspect { .. });
        if ended && std::mem::take(&mut self.unheard_arguments) {
            let text = "note: the program reads its arguments (callargs) and gets none; they come after --, such as: -- {port}";
            self.watcher.say(text, Paint::Doubtful);
        }
    }

    /// Once all copies are up, says how a node can be killed that hosts one.
    fn invite(&mut self) {
        let Some(copy) = self
            .watcher
            .first_copy()
            .filter(|_| self.watcher.is_complete())
        else {
            return;
        };
        if let Some(testbed) = self.testbed.take()
            && let Some(node) = testbed.node_of(&copy.handle)
        {
            let text = format!(
                "to see a copy move to another node, in another terminal: overlord testbed fault --dir {} --node {node} kill",
                testbed.directory().display()
            );
            let shown = self.output.line(&text);
            self.keep(shown);
        }
    }

    /// When nobody can read any more, the run ends; it does not go on unseen.
    fn keep(&mut self, shown: Result<(), Failure>) {
        if let Err(failure) = shown {
            self.control.stop(StopReason::OutputLost);
            self.watcher.mute();
            self.failure.get_or_insert(failure);
        }
    }

    fn asked_to_end(&mut self, asked: Asked) {
        match asked {
            // The run has heard it too: the first ends it in an orderly way, the second at once.
            Asked::Interrupt => {
                let said = if self.interrupted {
                    "leaving at once …"
                } else {
                    "stopping; Ctrl-C again to leave at once …"
                };
                self.interrupted = true;
                self.watcher.say(said, Paint::Strong);
            }
            Asked::Terminate => {}
            Asked::HangUp => self.control.stop(StopReason::Signal),
        }
    }
}

fn is_last(change: &Delivery) -> bool {
    matches!(change, Delivery::Event(event) if matches!(event.change, Change::Stopped { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use overlord::engine::VesselLabel;

    #[test]
    fn a_run_whose_copies_all_ended_at_once_never_ran() {
        let vessel = VesselLabel {
            handle: "3 5:v1".parse().unwrap(),
            location: "10.0.0.1:1224".parse().unwrap(),
            index: Some(0),
        };
        let failed = Change::Failed {
            vessel: vessel.clone(),
            code: Code::ProgramEnded,
            reason: "it ended at once".to_owned(),
            failures: 1,
            next_attempt: WallTime::from_unix_millis(0),
            log_tail: String::new(),
        };
        let running = Change::Running {
            vessel: vessel.clone(),
        };
        let after = |changes: &[&Change]| {
            let begin = CopiesRan::default();
            changes
                .iter()
                .fold(begin, |known, change| known.after(change))
        };
        assert_eq!(
            after(&[&Change::Uploaded { vessel }]),
            CopiesRan::NotStarted
        );
        assert_eq!(after(&[&failed, &failed]), CopiesRan::Never);
        assert_eq!(after(&[&failed, &running]), CopiesRan::Once);
        assert_eq!(after(&[&running, &failed]), CopiesRan::Once);
    }
}
