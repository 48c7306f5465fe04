//! A world in which only what a test does goes wrong, and words to say what should follow.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use overlord_engine::{
    Change, Control, Delivery, Hooks, Ports, Report, RunError, RunReport, Runner, StopReason,
    Subscription,
};
use tokio::sync::watch;

use crate::drive::{Watcher, deployment};
use crate::options::Options;
use crate::ports::{Dice, Reach};
use crate::virtual_time::{Task, VirtualTime};
use crate::world::{Holder, World};

/// A test waits for nothing longer than this.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) struct Scenario {
    pub(crate) reach: Reach,
    pub(crate) control: Control,
    report: watch::Receiver<Arc<Report>>,
    events: Subscription,
    seen: Vec<Change>,
    engine: Option<Task<Result<RunReport, RunError>>>,
    result: Option<Result<RunReport, RunError>>,
}

impl Scenario {
    pub(crate) fn new(options: Options) -> Self {
        Self::with_hooks(options, Hooks::default())
    }

    pub(crate) fn with_hooks(options: Options, hooks: Hooks) -> Self {
        let time = VirtualTime::new();
        let world = Arc::new(Mutex::new(World::new(options)));
        Self::in_world(Reach { time, world }, hooks)
    }

    /// A run in a world that is there already.
    pub(crate) fn in_world(reach: Reach, hooks: Hooks) -> Self {
        let options = reach.world().options.clone();
        let ports = Ports {
            clearinghouse: Arc::new(reach.clone()),
            nodes: Arc::new(reach.clone()),
            journal: Arc::new(reach.clone()),
            clock: Arc::new(reach.time.clone()),
            randomness: Arc::new(Dice::new(options.seed)),
        };
        let runner = Runner::new(
            deployment(&options),
            options.policy.clone().checked().unwrap(),
            hooks,
            ports,
        );
        let runner = runner.with_witness(Box::new(Watcher(reach.clone())));
        Self {
            control: runner.control(),
            report: runner.reports(),
            events: runner.subscribe(),
            seen: Vec::new(),
            engine: Some(Task::new(runner.run())),
            result: None,
            reach,
        }
    }

    /// Lets the world go on until the condition holds, and says how long that took. The seven rules hold all the while.
    pub(crate) fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) -> Duration {
        let begun = self.now();
        loop {
            if let Some(engine) = &mut self.engine
                && let Some(result) = engine.run()
            {
                self.result = Some(result);
                self.engine = None;
            }
            self.collect_events();
            let broken = self.reach.world().ruler.broken.clone();
            assert_eq!(broken, None, "while waiting until {what}");
            if condition(self) {
                return self.now().saturating_sub(begun);
            }
            let waited = self.now().saturating_sub(begun);
            assert!(
                waited < PATIENCE,
                "waited in vain until {what}: {:?}",
                self.report.borrow()
            );
            assert!(
                self.reach.time.advance(),
                "nothing will happen any more: {what}"
            );
        }
    }

    pub(crate) fn wait(&mut self, duration: Duration) {
        let until = self.now() + duration;
        // Something has to happen at the end of the wait, for the world jumps from one thing to the next.
        self.reach.time.after(duration, || {});
        self.until("time has passed", |scenario| scenario.now() >= until);
    }

    pub(crate) fn until_all_run(&mut self) -> Duration {
        self.until("all copies run", Self::all_run)
    }

    pub(crate) fn all_run(&self) -> bool {
        self.running() == self.reach.world().options.wanted as usize
            && self.report.borrow().pending().is_none()
    }

    /// How many copies run, in truth.
    pub(crate) fn running(&self) -> usize {
        let now = self.now();
        self.reach
            .world()
            .ours()
            .filter(|vessel| vessel.runs(now))
            .count()
    }

    /// How many copies run, as far as the engine knows.
    pub(crate) fn known_to_run(&self) -> usize {
        self.report.borrow().running()
    }

    pub(crate) fn now(&self) -> Duration {
        self.reach.time.elapsed()
    }

    /// Asks for the end and waits for it.
    pub(crate) fn stop(&mut self) -> (RunReport, Duration) {
        self.control.stop(StopReason::Operator);
        let took = self.until("the run is over", |scenario| scenario.result.is_some());
        (self.result().unwrap(), took)
    }

    /// How the run ended.
    pub(crate) fn result(&mut self) -> Result<RunReport, RunError> {
        self.result.take().expect("the run is over")
    }

    pub(crate) fn is_over(&self) -> bool {
        self.result.is_some()
    }

    /// The process dies.
    pub(crate) fn crash(mut self) -> Reach {
        self.engine = None;
        self.reach.world().ruler.crashed();
        self.reach.clone()
    }

    pub(crate) fn world<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.reach.world())
    }

    /// What the operator was told so far.
    pub(crate) fn changes(&self) -> &[Change] {
        &self.seen
    }

    pub(crate) fn count(&self, which: impl Fn(&Change) -> bool) -> usize {
        self.seen.iter().filter(|change| which(change)).count()
    }

    /// How often the engine has asked for something so far, by name.
    pub(crate) fn asked(&self, what: &str) -> u64 {
        self.world(|world| world.asked.get(what).copied().unwrap_or(0))
    }

    fn collect_events(&mut self) {
        while let Some(Some(delivery)) = self.events.next().now_or_never() {
            match delivery {
                Delivery::Event(event) => self.seen.push(event.change),
                Delivery::Missed(missed) => panic!("{missed} events were missed"),
            }
        }
    }

    /// The nodes on which we have vessels.
    pub(crate) fn our_nodes(&self) -> Vec<usize> {
        self.world(|world| world.ours().map(|vessel| vessel.node).collect())
    }

    /// Kills the program on one of our vessels.
    pub(crate) fn kill_one(&self) {
        self.world(|world| {
            let vessel = world
                .vessels
                .values_mut()
                .find(|vessel| vessel.holder == Holder::Us);
            vessel
                .unwrap()
                .set_status(overlord_types::VesselStatus::Stale, None);
        });
    }
}
