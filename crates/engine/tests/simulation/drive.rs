//! One seed from beginning to end: a bad time with crashes, a good time in which everything must heal, and a stop.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use overlord_engine::{
    AccountSummary, ArgumentsTemplate, CheckedProgram, Deployment, DeploymentRequest, Event, Fleet,
    Hooks, Now, Plan, Ports, Report, RunError, RunReport, Runner, StopReason, Witness,
};
use overlord_types::{UserPort, VesselType};
use rand::RngExt;

use crate::options::Options;
use crate::ports::{Dice, Reach};
use crate::rules::Ruler;
use crate::virtual_time::{Task, VirtualTime};
use crate::world::{Holder, World};

/// How long a healed world may take until all copies run: the longest backoffs of copies, acquisitions and breaker
/// one after another, and a quarantine's worth of being choosy.
const HEALS_WITHIN: Duration = Duration::from_secs(45 * 60);
/// Most entries of one run: a run that needs more is a loop.
const ENTRIES_MAX: u64 = 5_000_000;

/// What came of a seed.
#[derive(Debug)]
pub(crate) struct Summary {
    /// When everything ran again, after the world was healed.
    pub(crate) healed_after: Duration,
    /// How many steps towards the outside the engine made before it was told to stop.
    pub(crate) steps: u64,
    pub(crate) crashes: u32,
    pub(crate) log: Vec<String>,
    pub(crate) report: Option<RunReport>,
}

/// What a simulation may be given besides its options.
pub(crate) struct Setup {
    pub(crate) options: Options,
    pub(crate) hooks: fn() -> Hooks,
    pub(crate) crash_at_step: Option<u64>,
    pub(crate) keep_log: bool,
    /// The journal says that it has stored what it has not.
    pub(crate) journal_forgets: bool,
}

impl Setup {
    pub(crate) fn of(options: Options) -> Self {
        Self {
            options,
            hooks: Hooks::default,
            journal_forgets: false,
            crash_at_step: None,
            keep_log: false,
        }
    }
}

type Engine = Task<Result<RunReport, RunError>>;

pub(crate) struct Watcher(pub(crate) Reach);

impl Witness for Watcher {
    fn takes_in(&mut self, _now: Now, event: &Event) {
        let now = self.0.time.elapsed();
        self.0.world().note(now, || format!("event {event:?}"));
    }

    fn took_in(&mut self, _now: Now, fleet: &Fleet) {
        let now = self.0.time.elapsed();
        let mut world = self.0.world();
        world.ruler.took_in(fleet, now);
        world.expire(now);
        Ruler::rule_1_never_hold_too_many(&mut world);
    }

    fn planned(&mut self, _now: Now, plan: &Plan, report: &Report, fleet: &Fleet) {
        let now = self.0.time.elapsed();
        let mut world = self.0.world();
        world.note(now, || {
            format!("plan {:?} {:?}", plan.verdicts, plan.operations)
        });
        Ruler::rule_3_condemned(&mut world, plan, fleet, now);
        world.ruler.planned(plan, report, fleet, now);
    }
}

/// Runs a seed. `Err` says which rule was broken, and when.
pub(crate) fn simulate(setup: Setup) -> Result<Summary, String> {
    let time = VirtualTime::new();
    let mut world = World::new(setup.options.clone());
    world.crash_at_step = setup.crash_at_step;
    world.journal_forgets = setup.journal_forgets;
    world.log = setup.keep_log.then(Vec::new);
    let reach = Reach {
        time: time.clone(),
        world: Arc::new(Mutex::new(world)),
    };
    let heal_at = setup.options.bad_for;
    plan_next_fault(&reach);
    let then = reach.clone();
    time.after(heal_at, move || then.world().heal(then.time.elapsed()));

    let mut crashes = 0;
    let mut engine = Some(start_engine(&reach, &setup));
    let mut healed_after = None;
    for _ in 0..ENTRIES_MAX {
        match engine.as_mut().and_then(|task| task.0.run()) {
            None => {}
            // A run does not begin on a journal that cannot be written; its supervisor tries again.
            Some(Err(RunError::Journal(_))) => reach.world().crash_wanted = true,
            Some(result) => {
                return Err(failure(
                    &reach,
                    &format!("the run ended by itself: {result:?}"),
                ));
            }
        }
        let now = time.elapsed();
        let (broken, crash, pending) = {
            let mut world = reach.world();
            let crash = std::mem::take(&mut world.crash_wanted);
            (
                world.ruler.broken.clone(),
                crash,
                world.ruler.pending.clone(),
            )
        };
        if let Some(broken) = broken {
            return Err(failure(&reach, &broken));
        }
        if crash && engine.is_some() {
            crashes += 1;
            drop(engine.take());
            let mut world = reach.world();
            world.note(now, || "the engine crashed".to_owned());
            world.ruler.crashed();
            let pause = Duration::from_secs(1) + world.duration(Duration::from_secs(60));
            drop(world);
            let then = reach.clone();
            time.after(pause, move || {
                then.world()
                    .note(then.time.elapsed(), || "restart".to_owned())
            });
            restart_after(&time, pause);
            engine = Some(start_engine(&reach, &setup));
            continue;
        }
        if engine.is_some() && setup.options.stop_after.is_some_and(|after| now >= after) {
            healed_after = Some(Duration::ZERO);
            break;
        }
        if now >= heal_at && healed_after.is_none() {
            if everything_runs(&reach, pending.is_none()) {
                healed_after = Some(now.saturating_sub(heal_at));
            } else if now > heal_at + HEALS_WITHIN {
                Ruler::rule_5_heals(&mut reach.world(), now);
                continue;
            }
        }
        if healed_after.is_some() {
            break;
        }
        if !time.advance() {
            return Err(failure(&reach, "nothing will ever happen again"));
        }
    }
    let Some(healed_after) = healed_after else {
        return Err(failure(&reach, "rule 7: too many entries, this is a loop"));
    };
    if setup.options.stop_after.is_none() {
        Ruler::rule_2_nothing_is_lost(&mut reach.world());
    }
    let steps = reach.world().steps;
    let report = engine
        .take()
        .map(|engine| end(&reach, engine))
        .transpose()?
        .flatten();
    let mut world = reach.world();
    if let Some(broken) = world.ruler.broken.clone() {
        drop(world);
        return Err(failure(&reach, &broken));
    }
    Ok(Summary {
        healed_after,
        steps,
        crashes,
        log: world.log.take().unwrap_or_default(),
        report,
    })
}

/// Stops the run, and holds its last words against the truth.
fn end(
    reach: &Reach,
    mut engine: (Engine, overlord_engine::Control),
) -> Result<Option<RunReport>, String> {
    let asked = reach.time.elapsed();
    engine.1.stop(StopReason::StopFile);
    loop {
        if let Some(result) = engine.0.run() {
            let report = match result {
                Ok(report) => report,
                // It was to end before it could begin.
                Err(RunError::Journal(_)) => return Ok(None),
                Err(error) => return Err(failure(reach, &format!("the run's end: {error:?}"))),
            };
            if reach.time.elapsed().saturating_sub(asked) > Duration::from_secs(30) {
                return Err(failure(reach, "the end took more than the final phase"));
            }
            let mut world = reach.world();
            let now = reach.time.elapsed();
            Ruler::last_words_are_true(&mut world, &report, now);
            return Ok(Some(report));
        }
        if !reach.time.advance() {
            return Err(failure(reach, "the run does not end"));
        }
    }
}

fn failure(reach: &Reach, what: &str) -> String {
    let world = reach.world();
    let log = world.log.as_deref().unwrap_or_default();
    let log = log[log.len().saturating_sub(400)..].join("\n");
    format!(
        "{log}\nat {:?}: {what}\n{}",
        reach.time.elapsed(),
        world.options
    )
}

fn restart_after(time: &VirtualTime, pause: Duration) {
    let until = time.elapsed() + pause;
    while time.elapsed() < until && time.advance() {}
}

/// Whether as many copies run as can, and nothing is waited for.
///
/// What the engine has reported as not to be told from others' vessels stays with the account. In a small world that
/// may be so many that there are too few for all copies; it then waits for more for ever.
fn everything_runs(reach: &Reach, nothing_pends: bool) -> bool {
    let now = reach.time.elapsed();
    let world = reach.world();
    let usable = world.vessels.values().filter(|vessel| match vessel.holder {
        Holder::Us => !world.ruler.reported.contains(&vessel.handle),
        Holder::Nobody => true,
        _ => false,
    });
    let wanted = (world.options.wanted as usize).min(usable.count());
    if !nothing_pends && wanted == world.options.wanted as usize {
        return false;
    }
    let running = world.ours().filter(|vessel| vessel.runs(now)).count();
    let left_alone = world
        .ours()
        .filter(|v| world.ruler.reported.contains(&v.handle))
        .count();
    running >= wanted && world.ours().count() == wanted + left_alone
}

pub(crate) fn deployment(options: &Options) -> Deployment {
    let program = CheckedProgram::new("server.r2py", b"a program".as_slice(), None).unwrap();
    let arguments = ["{port}", "{index}"].map(str::to_owned).to_vec();
    let request = DeploymentRequest::new(options.wanted, VesselType::Wan, Some(program)).unwrap();
    let account = AccountSummary {
        user_name: "user".parse().unwrap(),
        user_port: UserPort::try_from(63_100).unwrap(),
        max_vessels: options.wanted,
    };
    let deployment = Deployment::new(request, &account).unwrap();
    deployment.with_arguments(ArgumentsTemplate::new(arguments).unwrap())
}

fn start_engine(reach: &Reach, setup: &Setup) -> (Engine, overlord_engine::Control) {
    let lives = reach.world().random.random();
    let ports = Ports {
        clearinghouse: Arc::new(reach.clone()),
        nodes: Arc::new(reach.clone()),
        journal: Arc::new(reach.clone()),
        clock: Arc::new(reach.time.clone()),
        randomness: Arc::new(Dice::new(lives)),
    };
    let options = &setup.options;
    let runner = Runner::new(
        deployment(options),
        options.policy.clone().checked().unwrap(),
        (setup.hooks)(),
        ports,
    );
    let runner = runner.with_witness(Box::new(Watcher(reach.clone())));
    let control = runner.control();
    (Task::new(runner.run()), control)
}

/// The kinds of faults.
const FAULTS: u32 = 14;

fn plan_next_fault(reach: &Reach) {
    let pause = {
        let mut world = reach.world();
        let most = world.options.fault_each * 2;
        world.duration(most)
    };
    let then = reach.clone();
    reach.time.after(pause, move || {
        if then.world().healed {
            return;
        }
        let kind = then.world().random.random_range(0..FAULTS);
        if then.world().options.faults & (1 << kind) != 0 {
            fault(&then, kind);
        }
        plan_next_fault(&then);
    });
}

/// Lets a fault begin, and end after a while.
fn fault(reach: &Reach, kind: u32) {
    let now = reach.time.elapsed();
    let mut world = reach.world();
    let lasts = world.duration(Duration::from_secs(10 * 60));
    let nodes = world.nodes.len();
    let node = world.random.random_range(0..nodes);
    world.note(now, || format!("fault {kind} for {lasts:?} (node {node})"));
    let ours: Vec<_> = world.ours().map(|vessel| vessel.handle.clone()).collect();
    let one_of_ours =
        (!ours.is_empty()).then(|| ours[world.random.random_range(0..ours.len())].clone());
    let undo: Box<dyn FnOnce(&mut World) + Send> = match kind {
        0 => {
            world.nodes[node].dead += 1;
            for vessel in world
                .vessels
                .values_mut()
                .filter(|vessel| vessel.node == node)
            {
                if vessel.runs(now) {
                    vessel.set_status(overlord_types::VesselStatus::Stale, None);
                }
            }
            Box::new(move |world| world.nodes[node].dead -= 1)
        }
        1 => {
            world.nodes[node].silent += 1;
            Box::new(move |world| world.nodes[node].silent -= 1)
        }
        2 => {
            world.nodes[node].slow += 1;
            Box::new(move |world| world.nodes[node].slow -= 1)
        }
        3 => {
            world.nodes[node].lying += 1;
            Box::new(move |world| world.nodes[node].lying -= 1)
        }
        // A vessel's process is killed.
        4 => {
            if let Some(handle) = one_of_ours {
                let vessel = world.vessels.get_mut(&handle).unwrap();
                vessel.set_status(overlord_types::VesselStatus::Stale, None);
            }
            Box::new(|_| {})
        }
        5 => {
            world.clearinghouse_down += 1;
            Box::new(|world| world.clearinghouse_down -= 1)
        }
        6 => {
            world.clearinghouse_hangs += 1;
            Box::new(|world| world.clearinghouse_hangs -= 1)
        }
        7 => {
            world.link_down += 1;
            Box::new(|world| world.link_down -= 1)
        }
        8 => {
            world.gives_nothing += 1;
            Box::new(|world| world.gives_nothing -= 1)
        }
        9 => {
            world.journal_fails += 1;
            Box::new(|world| world.journal_fails -= 1)
        }
        // Somebody sets the clock, or the machine slept.
        10 => {
            let millis = world.random.random_range(-7_200_000..=86_400_000);
            reach.time.step_wall(millis);
            Box::new(|_| {})
        }
        11 => {
            world.crash_wanted = true;
            Box::new(|_| {})
        }
        // The clearinghouse takes a vessel back.
        12 => {
            if let Some(handle) = one_of_ours {
                let vessel = world.vessels.get_mut(&handle).unwrap();
                vessel.holder = Holder::Nobody;
                vessel.wipe();
            }
            Box::new(|_| {})
        }
        // Half of the nodes at once.
        _ => {
            let hit: Vec<usize> = (0..nodes).filter(|node| node % 2 == 0).collect();
            for node in &hit {
                world.nodes[*node].silent += 1;
            }
            Box::new(move |world| hit.iter().for_each(|node| world.nodes[*node].silent -= 1))
        }
    };
    drop(world);
    let then = reach.clone();
    reach.time.after(lasts, move || {
        let mut world = then.world();
        if !world.healed {
            undo(&mut world);
        }
    });
}
