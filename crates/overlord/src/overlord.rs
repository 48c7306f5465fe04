//! The overlord itself, as the original's class: configuration, hooks, `run`.
//!
//! What it decides is the engine's; here it is given its ports, its log and its ways to be stopped.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use overlord_engine::{
    ArgumentsTemplate, Change, CheckedPolicy, Control, Delivery, Deployment, Hook, Hooks, Moment,
    OverlordHandle, Policy, Ports, Report, RunError, RunReport, Runner, SettingsError,
    Subscription,
};
use overlord_types::{Handle, UserName, UserPort, VesselType};
use tracing::instrument::WithSubscriber as _;

use crate::connection::Connection;
use crate::event_text;
use crate::log::{LogFileHandle, RunLog};
use crate::own_task::OnOwnTask;
use crate::stop::{StopHandle, StopSources};

/// How long the log waits for the last events of a run that is over.
const LAST_EVENTS_MAX: Duration = Duration::from_secs(1);

/// Deploys one program on a number of vessels and keeps it running there.
///
/// Two overlords share nothing: each has its own configuration and log.
pub struct Overlord {
    config: Config,
    hooks: Hooks,
    ports: Ports,
    connection: Connection,
    log: RunLog,
    stop: StopSources,
}

impl std::fmt::Debug for Overlord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Overlord")
            .field("config", &self.config)
            .field("hooks", &self.hooks)
            .finish_non_exhaustive()
    }
}

/// What an overlord was set up with (the original's `config`).
#[derive(Debug, Clone)]
pub struct Config {
    deployment: Deployment,
    policy: CheckedPolicy,
}

impl Config {
    /// Whose vessels they are (the original's `identity`).
    #[must_use]
    pub fn user_name(&self) -> &UserName {
        &self.deployment.user_name
    }

    /// The port that the account may use on each vessel (the original's `geni_port`).
    #[must_use]
    pub fn user_port(&self) -> UserPort {
        self.deployment.user_port
    }

    /// How many copies (the original's `vessel_count`).
    #[must_use]
    pub fn vessel_count(&self) -> u32 {
        self.deployment.vessel_count
    }

    /// On which machines (the original's `vessel_type`).
    #[must_use]
    pub fn vessel_type(&self) -> VesselType {
        self.deployment.vessel_type
    }

    /// The program's name on the vessels (the original's `program_filename`).
    #[must_use]
    pub fn program_name(&self) -> Option<&str> {
        self.deployment.program_name()
    }

    /// Periods, deadlines and bounds.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

impl Overlord {
    pub(crate) fn assemble(
        deployment: Deployment,
        policy: CheckedPolicy,
        hooks: Hooks,
        ports: Ports,
        connection: Connection,
        log: RunLog,
        stop: StopSources,
    ) -> Self {
        Self {
            config: Config { deployment, policy },
            hooks,
            ports,
            connection,
            log,
            stop,
        }
    }

    /// What it was set up with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The account and the keys.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Replaces what `run` does first. A replacement must come before `run`, as each of these; each is called on a task
    /// of its own, so that one that blocks its thread stops nothing else.
    pub fn init_overlord_func(&mut self, hook: impl Hook<(), ()> + 'static) -> &mut Self {
        self.hooks = std::mem::take(&mut self.hooks).init_overlord(OnOwnTask::new(hook));
        self
    }

    /// Replaces how vessels are acquired.
    pub fn acquire_vessels_func(
        &mut self,
        hook: impl Hook<(Vec<Handle>,), Vec<Handle>> + 'static,
    ) -> &mut Self {
        self.hooks = std::mem::take(&mut self.hooks).acquire_vessels(OnOwnTask::new(hook));
        self
    }

    /// Replaces how vessels are made to run the program.
    pub fn init_vessels_func(
        &mut self,
        hook: impl Hook<(Vec<Handle>, Vec<Handle>, Vec<String>), Vec<Handle>> + 'static,
    ) -> &mut Self {
        self.hooks = std::mem::take(&mut self.hooks).init_vessels(OnOwnTask::new(hook));
        self
    }

    /// Replaces how bad vessels are weeded out.
    pub fn remove_vessels_func(
        &mut self,
        hook: impl Hook<(Vec<Handle>,), Vec<Handle>> + 'static,
    ) -> &mut Self {
        self.hooks = std::mem::take(&mut self.hooks).remove_vessels(OnOwnTask::new(hook));
        self
    }

    /// Replaces how ownership is kept.
    pub fn maintenance_func(
        &mut self,
        hook: impl Hook<(Duration, Moment, Vec<Handle>), Moment> + 'static,
    ) -> &mut Self {
        self.hooks = std::mem::take(&mut self.hooks).maintenance(OnOwnTask::new(hook));
        self
    }

    /// Ends runs of this overlord from anywhere; a request made before `run` is kept.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.handle.clone()
    }

    /// Deploys the program with these arguments, watches and heals, until told to stop: by the stop file,
    /// a [`StopHandle`], or a signal if that was asked for. In arguments, `{port}`, `{index}` and `{time}` stand for the user
    /// port, the number of the copy and the seconds since 1970 when it is started.
    ///
    /// Once vessels are watched, it ends on a stop, or when a later run of the deployment has begun. The report says what is
    /// left running where.
    ///
    /// # Errors
    /// When an argument cannot be sent to nodes, or the run cannot begin.
    pub async fn run<A>(&self, arguments: A) -> Result<RunReport, RunError>
    where
        A: IntoIterator,
        A::Item: ToString,
    {
        self.prepare(arguments)?.run().await
    }

    /// A run that has not begun, for those who want to subscribe to its events or to control it.
    ///
    /// # Errors
    /// When an argument cannot be sent to nodes.
    pub fn prepare<A>(&self, arguments: A) -> Result<Run, SettingsError>
    where
        A: IntoIterator,
        A::Item: ToString,
    {
        let arguments = arguments.into_iter().map(|a| a.to_string()).collect();
        Ok(self.prepare_with(ArgumentsTemplate::new(arguments)?))
    }

    /// The same with arguments that were checked before.
    ///
    pub fn prepare_with(&self, arguments: ArgumentsTemplate) -> Run {
        let deployment = self.config.deployment.clone();
        let runner = Runner::new(
            deployment.with_arguments(arguments),
            self.config.policy.clone(),
            self.hooks.clone(),
            self.ports.clone(),
        );
        Run {
            runner,
            log: self.log.clone(),
            stop: self.stop.clone(),
        }
    }
}

/// A run that has not begun.
pub struct Run {
    runner: Runner,
    log: RunLog,
    stop: StopSources,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").finish_non_exhaustive()
    }
}

impl Run {
    /// Every change from the first on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        self.runner.subscribe()
    }

    /// The run's log file, if it has one.
    #[must_use]
    pub fn log_file(&self) -> Option<LogFileHandle> {
        self.log.file()
    }

    /// Ends the run, in an orderly way or at once.
    #[must_use]
    pub fn control(&self) -> Control {
        self.runner.control()
    }

    /// What the fleet is and waits for, and why; always the latest.
    #[must_use]
    pub fn reports(&self) -> tokio::sync::watch::Receiver<Arc<Report>> {
        self.runner.reports()
    }

    /// What hooks are given: configuration and the original's functions.
    #[must_use]
    pub fn handle(&self) -> OverlordHandle {
        self.runner.overlord()
    }

    /// Runs; see [`Overlord::run`]. Dropped, it leaves everything as it is at that moment.
    ///
    /// # Errors
    /// When the run cannot begin.
    pub async fn run(self) -> Result<RunReport, RunError> {
        let dispatch = self.log.dispatch();
        self.run_logged().with_subscriber(dispatch).await
    }

    async fn run_logged(self) -> Result<RunReport, RunError> {
        let mut events = self.runner.subscribe();
        let mut watch = pin!(self.stop.listen().pass_on(self.runner.control()));
        let mut run = pin!(self.runner.run());
        let result = loop {
            // The run and the watch go on where they were when another arm was ready first; an event that is
            // not taken now is taken next time.
            tokio::select! {
                biased;
                () = &mut watch => {}
                result = &mut run => break result,
                Some(delivery) = events.next() => write_down(delivery),
            }
        };
        let rest = async {
            while let Some(delivery) = events.next().await {
                let last = matches!(
                    &delivery,
                    Delivery::Event(event) if matches!(event.change, Change::Stopped { .. })
                );
                write_down(delivery);
                if last {
                    break;
                }
            }
        };
        // A hook that keeps its handle keeps the stream open; its end is then a matter of time.
        let _ = tokio::time::timeout(LAST_EVENTS_MAX, rest).await;
        result
    }
}

fn write_down(delivery: Delivery) {
    match delivery {
        Delivery::Event(event) => event_text::log(&event),
        Delivery::Missed(missed) => tracing::warn!("{missed} changes came too fast for the log"),
    }
}
