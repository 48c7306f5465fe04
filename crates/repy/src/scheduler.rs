//! Runs all threads of a program on one thread of the system: who runs next, who waits for what, who is woken.
//!
//! Threads take turns, a slice of instructions each ([`schedule`]), in the order in which they became ready; so none starves. A
//! thread whose call must wait is parked ([`wait`]); a parked thread costs its frames and a few words. When its wait is
//! over the call's continuation runs at once and the thread queues up with the result. What ends a program as a
//! whole is an [`Ending`]. Nothing here knows what the calls do; what is needed of the sandbox around is
//! [`surroundings::Surroundings`].

mod leaving;
mod run;
mod schedule;
pub(crate) mod stacks;
pub(crate) mod surroundings;
pub(crate) mod system;
pub(crate) mod wait;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use overlord_resources::Resource;

use crate::accounting::Item;
use crate::sandbox::Ending;
use overlord_repy_machine::{ExceptionKind, Res, Thrown};
use overlord_repy_machine::{Thread, Wait};
use schedule::{Schedule, Turns};
use stacks::{StackId, Stacks};
use wait::{Bell, Blocked, Continuation, Until, WaitId};

/// A thread of the program, by number; the main thread is 0.
pub(crate) type ThreadId = u64;

/// The thread a program begins with.
const MAIN: ThreadId = 0;

/// What the scheduler knows of a thread.
struct Entry {
    name: Rc<str>,
    /// None while it runs.
    thread: Option<Thread>,
    /// Seconds of processor time it has used.
    processor_time: f64,
    /// How long its turns are.
    turns: Turns,
    /// What it counts as while it lives.
    _item: Option<Item>,
}

/// A call that waits.
struct Parked {
    waiter: Waiter,
    until: Until,
    then: Continuation,
}

/// Who is given the result, and goes on then.
#[derive(Clone, Copy)]
enum Waiter {
    Thread(ThreadId),
    /// A thread whose callback waits, with the native function that called it on this stack.
    Stack(StackId, ThreadId),
}

impl Waiter {
    fn thread(self) -> ThreadId {
        match self {
            Waiter::Thread(thread) | Waiter::Stack(_, thread) => thread,
        }
    }
}

struct State {
    threads: BTreeMap<ThreadId, Entry>,
    threads_made: ThreadId,
    ready: VecDeque<Waiter>,
    current: ThreadId,
    parked: BTreeMap<WaitId, Parked>,
    waits_made: WaitId,
    /// Deadlines of parked calls, as the bits of the time: those of positive numbers sort as the numbers do.
    timers: BTreeSet<(u64, WaitId)>,
    below: BTreeMap<Resource, VecDeque<WaitId>>,
    watched: BTreeSet<WaitId>,
    rung: VecDeque<WaitId>,
    /// Processor time that had been used before the program ran: the start of the process.
    used_before: f64,
    /// Processor time at the end of the last slice.
    processor_time: f64,
    /// Nothing runs before this time: the program has used more than its share of the processor.
    paused_until: f64,
    /// When the descriptors were last asked while threads were ready.
    watched_at: f64,
    /// Rounds since then.
    rounds_unwatched: u32,
    /// When the sandbox last looked after its duties.
    duties_done_at: f64,
    /// How the program ended, found in the middle of an operation.
    ending: Option<Ending>,
}

impl Default for State {
    fn default() -> State {
        State {
            threads: BTreeMap::new(),
            threads_made: MAIN,
            ready: VecDeque::new(),
            current: MAIN,
            parked: BTreeMap::new(),
            waits_made: 0,
            timers: BTreeSet::new(),
            below: BTreeMap::new(),
            watched: BTreeSet::new(),
            rung: VecDeque::new(),
            used_before: 0.0,
            processor_time: 0.0,
            paused_until: 0.0,
            watched_at: f64::NEG_INFINITY,
            rounds_unwatched: 0,
            duties_done_at: 0.0,
            ending: None,
        }
    }
}

/// All threads of a program.
#[derive(Default)]
pub(crate) struct Scheduler {
    state: RefCell<State>,
    stacks: RefCell<Stacks>,
    /// When the thread that runs must let others run.
    turn_ends_at: Cell<f64>,
    schedule: RefCell<Schedule>,
    /// Nobody else was ready when the turn under way began.
    began_alone: Cell<bool>,
    /// The thread whose turn has ended has the next one, too.
    goes_on: Cell<bool>,
}

fn key(time: f64) -> u64 {
    time.max(0.0).to_bits()
}

impl Scheduler {
    /// Draws the turns of threads from this seed: of those that are made from now on.
    pub(crate) fn set_seed(&self, seed: u64) {
        self.schedule.replace(Schedule::new(seed));
    }

    /// The seed of the schedule, if it has decided anything.
    pub(crate) fn deciding_seed(&self) -> Option<u64> {
        self.schedule.borrow().seed_if_drawn()
    }

    /// Adds the main thread, ready to run, before any other. `event`, if it has one, is held as long as the thread lives.
    pub(crate) fn add_main(&self, thread: Thread, event: Option<Item>) {
        self.add(thread, event);
    }

    /// Adds a thread, ready to run. `event` is held as long as the thread lives.
    pub(crate) fn add_event(&self, thread: Thread, event: Item) {
        self.add(thread, Some(event));
    }

    fn add(&self, thread: Thread, item: Option<Item>) {
        let mut state = self.state.borrow_mut();
        let id = state.threads_made;
        state.threads_made += 1;
        let name = match id {
            MAIN => "MainThread".into(),
            number => format!("_EVENT:Thread:{number}").into(),
        };
        let entry = Entry {
            name,
            thread: Some(thread),
            processor_time: 0.0,
            turns: self.schedule.borrow().turns(id),
            _item: item,
        };
        state.threads.insert(id, entry);
        state.ready.push_back(Waiter::Thread(id));
    }

    /// The name of the thread that runs.
    pub(crate) fn current_name(&self) -> Rc<str> {
        let state = self.state.borrow();
        match state.threads.get(&state.current) {
            Some(entry) => entry.name.clone(),
            None => "".into(),
        }
    }

    /// Seconds of processor time the program has used; `now` is the process's processor time.
    pub(crate) fn program_processor_time(&self, now: f64) -> f64 {
        (now - self.state.borrow().used_before).max(0.0)
    }

    /// Seconds of processor time the thread that runs has used; `now` is the process's processor time.
    pub(crate) fn current_processor_time(&self, now: f64) -> f64 {
        let state = self.state.borrow();
        let before = state
            .threads
            .get(&state.current)
            .map_or(0.0, |entry| entry.processor_time);
        before + (now - state.processor_time).max(0.0)
    }

    /// Whether somebody waits for a renewable resource already.
    pub(crate) fn has_queue(&self, resource: Resource) -> bool {
        self.state
            .borrow()
            .below
            .get(&resource)
            .is_some_and(|queue| !queue.is_empty())
    }

    /// Wakes the thread that waits for this bell, or the next one that will.
    pub(crate) fn ring(&self, bell: &Bell) {
        bell.rung.set(true);
        if let Some(waiter) = bell.waiter.take() {
            self.state.borrow_mut().rung.push_back(waiter);
        }
    }

    /// Drops all threads and waits; what they held is given back.
    pub(crate) fn clear(&self) {
        let state = self.state.take();
        let stacks = self.stacks.take();
        drop((state, stacks));
    }

    fn park(&self, waiter: Waiter, wait: Wait) -> Result<WaitId, Thrown> {
        let Ok(blocked) = wait.0.downcast::<Blocked>() else {
            return Err(Thrown::new(
                ExceptionKind::RuntimeError,
                "a call waits for what the scheduler does not know",
            ));
        };
        let Blocked { until, then } = *blocked;
        let mut state = self.state.borrow_mut();
        let id = state.waits_made;
        state.waits_made += 1;
        match &until {
            Until::Time(time) => {
                state.timers.insert((key(*time), id));
            }
            Until::Below(resource) => state.below.entry(*resource).or_default().push_back(id),
            Until::Rung(bell) if bell.rung.get() => state.rung.push_back(id),
            Until::Rung(bell) => bell.waiter.set(Some(id)),
            Until::Ready { deadline, .. } => {
                state.watched.insert(id);
                if let Some(deadline) = deadline {
                    state.timers.insert((key(*deadline), id));
                }
            }
        }
        let parked = Parked {
            waiter,
            until,
            then,
        };
        state.parked.insert(id, parked);
        Ok(id)
    }

    /// Takes a call whose wait is over out of all queues.
    fn unpark(&self, id: WaitId) -> Option<Parked> {
        let mut state = self.state.borrow_mut();
        let parked = state.parked.remove(&id)?;
        match &parked.until {
            Until::Time(time) => {
                state.timers.remove(&(key(*time), id));
            }
            Until::Ready { deadline, .. } => {
                state.watched.remove(&id);
                if let Some(deadline) = deadline {
                    state.timers.remove(&(key(*deadline), id));
                }
            }
            Until::Below(_) | Until::Rung(_) => {}
        }
        Some(parked)
    }
}

/// A result, unless it is a wait.
fn settled(result: Res) -> Result<Res, Wait> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(thrown) => match thrown.into_wait() {
            Ok(wait) => Err(wait),
            Err(thrown) => Ok(Err(thrown)),
        },
    }
}
