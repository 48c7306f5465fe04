//! The event loop: takes in one [`Event`] after another, lets the planner decide, starts what it decided.
//!
//! The loop owns the fleet and makes no choices. It waits in one place, for one of four things: an
//! operation that ended, the clock, a request to stop, a hook's wish. Operations run concurrently inside the loop's own task; an
//! adapter that has much to compute moves that elsewhere itself.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use overlord_bug::{bug, first_of_each_place};
use tokio::sync::{mpsc, oneshot, watch};

use overlord_time::{Moment, Now, WallTime};

use crate::control::{Control, Request};
use crate::deployment::Deployment;
use crate::directory::Directory;
use crate::error::RunError;
use crate::fleet::{Circumstances, Desired, Fleet, ReplacedHooks};
use crate::fleet_event::{Change, Publisher, RunReport, StopReason, Subscription, WaitReason};
use crate::hooks::Hooks;
use crate::journal::JournalRecord;
use crate::operation::{Asker, Event, Operation, OperationId, Outcome, StartUpError};
use crate::overlord_handle::OverlordHandle;
use crate::planner::{Plan, plan};
use crate::ports::{HeldVessel, Ports};
use crate::report::{FleetWait, Report};
use crate::settings::CheckedPolicy;
use crate::shared::Shared;
use crate::text::with_causes;
use crate::wishes::{AcquireAnswer, ReleaseAnswer, Wish, Wishes};
use crate::workers::{Intents, carry_out, write_intents};
use overlord_types::failure::{Classified as _, Code, RetryClass};

/// Most events taken in before the next plan: enough to make planning rare in a storm of answers, few
/// enough that a storm does not keep us from acting.
const EVENTS_PER_PLAN: usize = 256;
/// Most rounds of verdicts before operations are begun. Each verdict moves a vessel on, so two or three do;
/// more would be a bug, which must not become an endless loop.
const VERDICT_ROUNDS_MAX: usize = 32;

/// Sees everything that the engine takes in and decides, as it happens: for logs of events and for tests.
pub trait Witness: Send {
    /// An event is about to be taken in.
    fn takes_in(&mut self, now: Now, event: &Event);
    /// It was taken in, and the fleet is this now.
    fn took_in(&mut self, now: Now, fleet: &Fleet);
    /// A plan was made of this fleet.
    fn planned(&mut self, now: Now, plan: &Plan, report: &Report, fleet: &Fleet);
}

type Running = FuturesUnordered<
    Pin<Box<dyn Future<Output = (OperationId, Option<Outcome>)> + Send + 'static>>,
>;

/// One run of one deployment.
pub struct Runner {
    desired: Desired,
    hooks: Hooks,
    shared: Arc<Shared>,
    publisher: Publisher,
    report: watch::Sender<Arc<Report>>,
    witness: Option<Box<dyn Witness>>,
    wishes: mpsc::Receiver<Wish>,
    directory: watch::Sender<Directory>,
}

impl Runner {
    /// A run of what was checked; does nothing yet.
    pub fn new(deployment: Deployment, policy: CheckedPolicy, hooks: Hooks, ports: Ports) -> Self {
        let replaced = ReplacedHooks {
            acquire_vessels: hooks.acquire_vessels.is_some(),
            init_vessels: hooks.init_vessels.is_some(),
            remove_vessels: hooks.remove_vessels.is_some(),
            maintenance: hooks.maintenance.is_some(),
        };
        let report = Report::nothing_yet(deployment.vessel_count);
        let (wishes, wished) = Wishes::channel();
        let directory = watch::Sender::new(Directory::default());
        let shared = Shared {
            deployment: deployment.clone(),
            policy: policy.clone().into_policy(),
            ports,
            control: Control::new(),
            wishes,
            directory: directory.subscribe(),
            superseded: OnceLock::new(),
        };
        Self {
            desired: Desired {
                deployment,
                policy: policy.into_policy(),
                replaced,
            },
            hooks,
            shared: Arc::new(shared),
            publisher: Publisher::new(),
            report: watch::Sender::new(Arc::new(report)),
            witness: None,
            wishes: wished,
            directory,
        }
    }

    /// Lets somebody see everything that is taken in and decided.
    #[must_use]
    pub fn with_witness(mut self, witness: Box<dyn Witness>) -> Self {
        self.witness = Some(witness);
        self
    }

    /// Ends the run, now or later, from anywhere.
    #[must_use]
    pub fn control(&self) -> Control {
        self.shared.control.clone()
    }

    /// A subscriber of everything that changes from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        self.publisher.subscribe()
    }

    /// What the fleet is and waits for, always the latest.
    #[must_use]
    pub fn reports(&self) -> watch::Receiver<Arc<Report>> {
        self.report.subscribe()
    }

    /// The overlord as hooks see it.
    #[must_use]
    pub fn overlord(&self) -> OverlordHandle {
        OverlordHandle::new(Arc::clone(&self.shared))
    }

    /// Deploys, watches and heals until told to stop.
    ///
    /// Once started up, it ends on a stop, or when the journal says that a later run of the deployment has begun;
    /// whatever else fails is tried again, with pauses. Dropped half-way, it leaves what a crash would: the journal
    /// tells the next run.
    ///
    /// # Errors
    /// When the run cannot begin, or has to make way for a later one: see [`RunError`].
    pub async fn run(self) -> Result<RunReport, RunError> {
        let replay = self
            .shared
            .open_journal()
            .await
            .map_err(RunError::Journal)?;
        let generation = replay.generation;
        let ledger = replay.into_ledger().map_err(RunError::Journal)?;
        let ours_before = Arc::new(ledger.vessels.keys().cloned().collect());
        self.directory.send_modify(|directory| {
            directory.ours_before = ours_before;
            directory.generation = generation;
        });
        let began = self.shared.now();
        let started = JournalRecord::RunStarted { at: began.wall };
        let written = self.shared.record(vec![started]).await;
        not_superseded(&self.shared)?;
        written.map_err(RunError::Journal)?;
        let run = Run {
            fleet: Fleet::new(ledger, began),
            requests: self.shared.control.requests(),
            seen: Request::GoOn,
            running: FuturesUnordered::new(),
            aborts: BTreeMap::new(),
            answers: BTreeMap::new(),
            waits: Vec::new(),
            bugs_known: first_of_each_place(0).len(),
            began,
            runner: self,
        };
        run.keep().await
    }
}

/// Where the outcome of an operation goes that a hook wished for.
enum Answerer {
    Acquire(oneshot::Sender<AcquireAnswer>),
    Release(oneshot::Sender<ReleaseAnswer>),
}

/// A run under way: the runner, and what only lives while it runs.
struct Run {
    runner: Runner,
    fleet: Fleet,
    requests: watch::Receiver<Request>,
    seen: Request,
    running: Running,
    aborts: BTreeMap<OperationId, AbortHandle>,
    /// The hooks that wait for operations which they wished for.
    answers: BTreeMap<OperationId, Answerer>,
    /// What the operator was last told that we wait for.
    waits: Vec<WaitReason>,
    /// How many broken promises of our own were told, by this run or before it.
    bugs_known: usize,
    began: Now,
}

impl Run {
    async fn keep(mut self) -> Result<RunReport, RunError> {
        let mut events = vec![Event::Began];
        loop {
            // Before what failed for it is taken in: the vessels are the later run's, and nothing is to be done to them.
            not_superseded(self.shared())?;
            for event in events.drain(..) {
                self.take_in(fatal(event)?);
            }
            let plan = self.decide();
            self.tell_bugs();
            if plan.finished {
                return self.conclude().await;
            }
            self.begin_all(plan.operations);
            events = self.next_events(plan.wake_at).await;
        }
    }

    /// The one place where the engine waits.
    async fn next_events(&mut self, wake_at: Option<Moment>) -> Vec<Event> {
        let mut events = Vec::new();
        // A request that was made before the run, or while we were busy.
        if let Some(event) = self.new_request() {
            return vec![event];
        }
        let clock = Arc::clone(&self.shared().ports.clock);
        let alarm = async move {
            match wake_at {
                Some(moment) => clock.sleep_until(moment).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            // Cancel safe: the request stays in the channel. The sender lives in `shared`, so it is never closed.
            // Alone: what ended besides may be abandoned for it, and is not to be taken in after that.
            _ = self.requests.changed() => return self.new_request().into_iter().collect(),
            // Cancel safe: an outcome is taken out of the set only when it is given to us.
            Some(finished) = self.running.next(), if !self.running.is_empty() => {
                events.extend(self.finished(finished));
            }
            // Cancel safe: a wish is taken out of the channel only when it is given to us. Hooks hold the other end.
            // One after the other, as the planner does it: until then wishes stay in the channel, which is bounded.
            Some(wish) = self.runner.wishes.recv(), if !self.fleet.asks_for_a_change() => self.grant(wish),
            // Cancel safe: nothing is lost with a timer that is set anew.
            () = alarm => events.push(Event::TimerDue),
        }
        while events.len() < EVENTS_PER_PLAN {
            match self.running.next().now_or_never() {
                Some(Some(finished)) => events.extend(self.finished(finished)),
                Some(None) | None => break,
            }
        }
        events
    }

    fn new_request(&mut self) -> Option<Event> {
        let request = *self.requests.borrow_and_update();
        if request == self.seen {
            return None;
        }
        self.seen = request;
        match request {
            Request::GoOn => None,
            Request::Stop(reason) => Some(Event::StopRequested(reason)),
            Request::StopAtOnce(reason) => Some(Event::StopAtOnceRequested(reason)),
        }
    }

    fn finished(&mut self, (id, outcome): (OperationId, Option<Outcome>)) -> Option<Event> {
        self.aborts.remove(&id);
        // Aborted ones were abandoned when they were.
        let outcome = outcome?;
        Some(Event::Finished { id, outcome })
    }

    /// Does what a hook wishes for, as an operation like any other.
    ///
    /// Vessels for a hook that is gone would be nobody's: at the end of a run they would stay, with nothing on them. What
    /// such a hook wanted to be given back is of no use to anybody, and is given back.
    fn grant(&mut self, wish: Wish) {
        if matches!(&wish, Wish::Acquire(_, answer) if answer.is_closed()) {
            tracing::debug!("the hook is gone that wished for vessels");
            return;
        }
        let by = Asker::Hook;
        let (operation, answerer) = match wish {
            Wish::Acquire(count, answer) => {
                let request = self.fleet.request_for(count, self.shared().now());
                let operation = Operation::Acquire { request, by };
                (operation, Answerer::Acquire(answer))
            }
            Wish::ReleaseOthers(mut vessels, answer) => {
                // What was being got when the hook looked is in the fleet by now.
                vessels.retain(|handle| !self.fleet.has(handle));
                if vessels.is_empty() {
                    // That the hook does not wait for the answer any more is its own affair.
                    let _ = answer.send(Ok(()));
                    return;
                }
                let operation = Operation::Release { vessels, by };
                (operation, Answerer::Release(answer))
            }
            Wish::Release(vessels, answer) => {
                let operation = Operation::Release { vessels, by };
                (operation, Answerer::Release(answer))
            }
        };
        let intents = write_intents(self.shared(), operation.intents());
        let id = self.begin(operation, intents);
        self.answers.insert(id, answerer);
    }

    /// Puts together what the hook is told that waits for this, once the fleet knows of it.
    fn answer_to(&mut self, event: &Event) -> Option<Box<dyn FnOnce()>> {
        let Event::Finished { id, outcome } = event else {
            return None;
        };
        // That a hook does not wait for the answer any more is its own affair.
        match (self.answers.remove(id)?, outcome) {
            (Answerer::Acquire(answer), Outcome::Acquired { result, .. }) => {
                let handles = |vessels: &Vec<HeldVessel>| {
                    let handles = vessels.iter().map(|vessel| vessel.handle.clone());
                    handles.collect()
                };
                let result = result.as_ref().map(handles).map_err(Arc::clone);
                Some(Box::new(move || drop(answer.send(result))))
            }
            (Answerer::Release(answer), Outcome::Released { result, .. }) => {
                let result = result.as_ref().copied().map_err(Arc::clone);
                Some(Box::new(move || drop(answer.send(result))))
            }
            (_, outcome) => {
                let kind = outcome.kind().name();
                bug!("a hook waits for {kind}, for which it cannot have wished");
                None
            }
        }
    }

    fn take_in(&mut self, event: Event) {
        let now = self.shared().now();
        if let Some(witness) = &mut self.runner.witness {
            witness.takes_in(now, &event);
        }
        let answer = self.answer_to(&event);
        let stops = matches!(
            event,
            Event::StopRequested(_) | Event::StopAtOnceRequested(_)
        );
        let randomness = Arc::clone(&self.shared().ports.randomness);
        let mut random = || randomness.next_u64();
        let mut at = Circumstances {
            now,
            desired: &self.runner.desired,
            random: &mut random,
        };
        let changes = self.fleet.apply(event, &mut at);
        self.publish(now.wall, changes);
        if stops {
            self.abandon_what_is_not_waited_for();
        }
        if let Some(vessels) = self.fleet.new_directory() {
            self.runner
                .directory
                .send_modify(|directory| directory.vessels = vessels);
        }
        if let Some(answer) = answer {
            answer();
        }
        if let Some(witness) = &mut self.runner.witness {
            witness.took_in(now, &self.fleet);
        }
    }

    /// At the end of a run, slow uploads and looks at silent nodes are dropped at once.
    fn abandon_what_is_not_waited_for(&mut self) {
        let on_stop = self.runner.desired.policy.on_stop;
        for id in self
            .fleet
            .abandon(|kind| !kind.is_waited_for_at_the_end(on_stop))
        {
            if let Some(abort) = self.aborts.remove(&id) {
                abort.abort();
            }
        }
    }

    fn decide(&mut self) -> Plan {
        for _ in 0..VERDICT_ROUNDS_MAX {
            let now = self.shared().now();
            let (plan, report) = plan(&self.runner.desired, &self.fleet, now);
            if let Some(witness) = &mut self.runner.witness {
                witness.planned(now, &plan, &report, &self.fleet);
            }
            if plan.verdicts.is_empty() {
                self.tell_waits(now, &report.waits);
                self.runner.report.send_replace(Arc::new(report));
                return plan;
            }
            let randomness = Arc::clone(&self.shared().ports.randomness);
            let mut random = || randomness.next_u64();
            for verdict in plan.verdicts {
                let mut at = Circumstances {
                    now,
                    desired: &self.runner.desired,
                    random: &mut random,
                };
                let changes = self.fleet.carry_out(verdict, &mut at);
                self.publish(now.wall, changes);
            }
        }
        let now = self.shared().now();
        bug!("the planner's verdicts do not come to an end");
        Plan {
            wake_at: Some(now.moment + self.runner.desired.policy.poll_period),
            ..Plan::default()
        }
    }

    /// Begins operations that were decided together; what they intend becomes one batch of the journal.
    fn begin_all(&mut self, operations: Vec<Operation>) {
        let mut records = Vec::new();
        let mut decided = Vec::new();
        for operation in operations {
            let intents = operation.intents();
            decided.push((operation, !intents.is_empty()));
            records.extend(intents);
        }
        let written = write_intents(self.shared(), records);
        for (operation, intends) in decided {
            // Reading and looking change nothing, and wait for no journal.
            self.begin(operation, written.clone().filter(|_| intends));
        }
    }

    fn begin(&mut self, operation: Operation, intents: Option<Intents>) -> OperationId {
        let id = self.fleet.begin(&operation, self.shared().now().moment);
        tracing::debug!(%id, name = operation.kind().name(), "begun");
        let (abort, registration) = AbortHandle::new_pair();
        self.aborts.insert(id, abort);
        let work = carry_out(
            Arc::clone(self.shared()),
            self.runner.hooks.clone(),
            operation,
            intents,
        );
        let work = Abortable::new(work, registration);
        self.running
            .push(Box::pin(async move { (id, work.await.ok()) }));
        id
    }

    /// Tells the operator what is waited for, when that changes.
    fn tell_waits(&mut self, now: Now, waits: &[FleetWait]) {
        let new: Vec<Change> = waits
            .iter()
            .filter(|wait| !self.waits.contains(&wait.reason))
            .map(|wait| Change::Waiting {
                reason: wait.reason.clone(),
                until: wait.until,
            })
            .collect();
        self.waits = waits.iter().map(|wait| wait.reason.clone()).collect();
        self.publish(now.wall, new);
    }

    /// Tells the operator of broken promises of our own: the fleet's, the planner's, and those of what runs beside them.
    fn tell_bugs(&mut self) {
        let bugs = first_of_each_place(self.bugs_known);
        if bugs.is_empty() {
            return;
        }
        self.bugs_known += bugs.len();
        let now = self.shared().now();
        let changes = bugs.iter().map(|bug| Change::Bug {
            code: Code::Internal,
            message: bug.to_string(),
        });
        self.publish(now.wall, changes.collect());
    }

    fn publish(&mut self, at: WallTime, changes: Vec<Change>) {
        for change in changes {
            self.runner.publisher.publish(at, change);
        }
    }

    /// Says what is left, in the journal and to the operator.
    async fn conclude(mut self) -> Result<RunReport, RunError> {
        // What is dropped here stays in doubt, as the fleet has it.
        self.running = FuturesUnordered::new();
        let now = self.shared().now();
        let reason = match self.seen {
            Request::Stop(reason) | Request::StopAtOnce(reason) => reason,
            Request::GoOn => StopReason::Operator,
        };
        let lasted = now.moment.since(self.began.moment);
        let mut report = self.fleet.final_report(reason, lasted);
        if let Some(left) = self.fleet.handles_to_leave() {
            let ended = JournalRecord::RunEnded { left, at: now.wall };
            let written = self.shared().record(vec![ended]).await;
            not_superseded(self.shared())?;
            if let Err(error) = written {
                let cause = with_causes(&error);
                report
                    .undone
                    .push(format!("the end of the run is not in the journal: {cause}"));
            }
        }
        self.publish(
            now.wall,
            vec![Change::Stopped {
                report: report.clone(),
            }],
        );
        Ok(report)
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.runner.shared
    }
}

/// An error once the journal has said that a later run of the deployment has begun.
fn not_superseded(shared: &Shared) -> Result<(), RunError> {
    match shared.superseded.get() {
        Some(error) => Err(RunError::Superseded(error.clone())),
        None => Ok(()),
    }
}

/// Lets an event pass, unless it says that the run cannot begin and only its operator can change that.
fn fatal(event: Event) -> Result<Event, RunError> {
    match event {
        Event::Finished {
            outcome: Outcome::StartedUp(Err(StartUpError::Hook(error))),
            ..
        } => Err(RunError::StartUp(error)),
        Event::Finished {
            outcome: Outcome::StartedUp(Err(StartUpError::Clearinghouse(error))),
            ..
        } if error.retry() == RetryClass::AfterChange => Err(RunError::Clearinghouse(error)),
        event => Ok(event),
    }
}
