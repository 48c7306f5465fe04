//! The loop: slices, waits that are over, pauses, duties, and what to do when there is nothing to do.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::leaving::Left;
use super::surroundings::Surroundings;
use super::wait::{Until, WaitId};
use super::{MAIN, Scheduler, ThreadId, Waiter, settled};
use crate::accounting::RENEWABLE;
use crate::sandbox::Ending;
use overlord_repy_machine::{ExceptionKind, Res, Thrown};
use overlord_repy_machine::{Machine, SliceEnd, Stop};

/// Instructions of the turn of a thread that is alone: some tenths of a millisecond. Where others are ready, the
/// [`super::schedule`] says how long turns are.
const TURN: u64 = 20_000;

/// Seconds after which a turn ends, whatever its instructions do.
const TURN_SECONDS: f64 = 0.004;

/// Turns between two looks at the descriptors, at most, while threads are ready: a look costs as much as a short turn.
const ROUNDS_UNWATCHED_MAX: u32 = 32;

/// Seconds between two looks at the duties while the program works: how long memory may grow unseen outside of the
/// count. The original's monitor looks as often.
const DUTY_INTERVAL: f64 = 0.1;

/// The same while all threads wait. Stopping takes at most this long.
const IDLE_DUTY_INTERVAL: f64 = 0.25;

impl Scheduler {
    /// Runs the program until it ends. The machine comes back, if it can.
    pub(crate) fn run(
        &self,
        sandbox: &Rc<dyn Surroundings>,
        mut machine: Machine<'static>,
    ) -> (Ending, Option<Machine<'static>>) {
        let nested = sandbox.clone();
        machine.set_nested_wait(move |machine, wait| {
            nested.scheduler().wait_in_native(&nested, machine, wait)
        });
        let nested = sandbox.clone();
        machine.set_nested_turn(move |machine| {
            nested.scheduler().end_turn_in_native(&nested, machine)
        });
        let (busy, stop) = (sandbox.clone(), machine.stop_flag());
        machine.set_pulse(move || busy.scheduler().attend_to(&*busy, &stop));
        let timed = sandbox.clone();
        machine.set_turn_over(move || timed.system().now() >= timed.scheduler().turn_ends_at.get());
        let called = sandbox.clone();
        machine.set_call_over(move || called.scheduler().call_ends_turn());
        let used = sandbox.system().processor_time();
        {
            let mut state = self.state.borrow_mut();
            (state.used_before, state.processor_time) = (used, used);
        }
        self.run_on_stacks(sandbox, machine)
    }

    /// Ends the operation the machine is in the middle of, and with it the program.
    pub(super) fn stop_with(&self, machine: &Machine, ending: Ending) -> Thrown {
        self.state.borrow_mut().ending = Some(ending);
        machine.stop_flag().store(true, Ordering::Relaxed);
        Thrown::stop(Stop::Interrupted)
    }

    /// In the middle of a long operation: pauses if the program has used more than its share of the processor, looks
    /// after the duties, and ends the operation if the program must end.
    fn attend_to(&self, sandbox: &dyn Surroundings, stop: &AtomicBool) {
        let began = sandbox.system().now();
        let used = sandbox.system().processor_time();
        let pause = sandbox.processor().borrow_mut().observe(began, used);
        let mut now = began;
        loop {
            if now - self.state.borrow().duties_done_at >= DUTY_INTERVAL {
                self.state.borrow_mut().duties_done_at = now;
                if let Some(ending) = sandbox.look_after(now) {
                    self.state.borrow_mut().ending = Some(ending);
                    stop.store(true, Ordering::Relaxed);
                }
            }
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let Some(until) = pause.filter(|until| *until > now) else {
                break;
            };
            let _ = sandbox.system().wait(&[], (until - now).min(DUTY_INTERVAL));
            now = sandbox.system().now();
        }
        if now > began {
            sandbox.processor().borrow_mut().paused(began, now - began);
        }
    }

    /// One round of the loop. Some: it cannot go on here.
    pub(super) fn step(
        &self,
        sandbox: &Rc<dyn Surroundings>,
        machine: &mut Machine,
    ) -> Option<Left> {
        let now = sandbox.system().now();
        let (paused_until, duties_done_at) = {
            let state = self.state.borrow();
            (state.paused_until, state.duties_done_at)
        };
        if now - duties_done_at >= DUTY_INTERVAL {
            self.state.borrow_mut().duties_done_at = now;
            if let Some(ending) = sandbox.look_after(now) {
                return Some(Left::Ended(ending));
            }
        }
        if paused_until > now {
            let pause = (paused_until - now).min(DUTY_INTERVAL);
            // With nothing to watch, waiting cannot fail.
            let _ = sandbox.system().wait(&[], pause);
            return None;
        }
        if let Some(ending) = self.end_waits(sandbox, machine, now) {
            return Some(Left::Ended(ending));
        }
        let next = self.state.borrow_mut().ready.pop_front();
        let ending = match next {
            Some(Waiter::Stack(stack, _)) => return Some(Left::For(stack)),
            Some(Waiter::Thread(id)) => self.take_turn(sandbox, machine, id),
            None if self.state.borrow().threads.is_empty() => Some(Ending::Finished),
            None => self.idle(sandbox, machine, now, duties_done_at + IDLE_DUTY_INTERVAL),
        };
        ending.map(Left::Ended)
    }

    /// Whether the turn of the thread that runs ends with the call it has just made.
    fn call_ends_turn(&self) -> bool {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let Some(entry) = state.threads.get_mut(&state.current) else {
            return false;
        };
        if state.ready.is_empty() {
            return false;
        }
        let ends = self.schedule.borrow().ends_with_call(&mut entry.turns);
        // A turn that began alone is long. Now that there are others it ends, and who goes on is drawn.
        let was_alone = self.began_alone.take();
        self.goes_on.set(was_alone && !ends);
        was_alone || ends
    }

    /// A thread's turn begins.
    pub(super) fn begin_turn(&self, sandbox: &dyn Surroundings) {
        self.turn_ends_at.set(sandbox.system().now() + TURN_SECONDS);
    }

    /// A thread's turn has ended: what it has used of the processor.
    pub(super) fn count_turn(&self, sandbox: &dyn Surroundings, id: ThreadId) {
        let (now, used) = (sandbox.system().now(), sandbox.system().processor_time());
        let pause = sandbox.processor().borrow_mut().observe(now, used);
        let mut state = self.state.borrow_mut();
        let more = (used - state.processor_time).max(0.0);
        state.processor_time = used;
        if let Some(until) = pause {
            state.paused_until = until;
            sandbox.processor().borrow_mut().paused(now, until - now);
        }
        if let Some(entry) = state.threads.get_mut(&id) {
            entry.processor_time += more;
        }
    }

    /// Lets a thread run for a while.
    fn take_turn(
        &self,
        sandbox: &Rc<dyn Surroundings>,
        machine: &mut Machine,
        id: ThreadId,
    ) -> Option<Ending> {
        let (mut thread, turn) = {
            let mut state = self.state.borrow_mut();
            state.current = id;
            let is_alone = state.ready.is_empty();
            let entry = state.threads.get_mut(&id)?;
            let thread = entry.thread.take()?;
            self.began_alone.set(is_alone);
            self.goes_on.set(false);
            let turn = if is_alone {
                TURN
            } else {
                self.schedule.borrow().next(&mut entry.turns)
            };
            (thread, turn)
        };
        self.begin_turn(&**sandbox);
        let end = machine.run_slice(&mut thread, turn);
        self.count_turn(&**sandbox, id);
        if self.is_closing() {
            return Some(self.ended_by(Stop::Interrupted));
        }
        let mut state = self.state.borrow_mut();
        match end {
            SliceEnd::Budget => {
                if let Some(entry) = state.threads.get_mut(&id) {
                    entry.thread = Some(thread);
                }
                if self.goes_on.take() {
                    state.ready.push_front(Waiter::Thread(id));
                } else {
                    state.ready.push_back(Waiter::Thread(id));
                }
                None
            }
            SliceEnd::Finished(value) => {
                let entry = state.threads.remove(&id);
                drop(state);
                drop((value, entry));
                None
            }
            SliceEnd::Blocked(wait) => {
                if let Some(entry) = state.threads.get_mut(&id) {
                    entry.thread = Some(thread);
                }
                drop(state);
                if let Err(thrown) = self.park(Waiter::Thread(id), wait) {
                    self.resume(Waiter::Thread(id), Err(thrown));
                }
                None
            }
            SliceEnd::Raised(uncaught) => {
                drop(state);
                let is_exit = machine.exception_kind(&uncaught) == Some(ExceptionKind::SystemExit);
                if id == MAIN && is_exit {
                    return Some(Ending::SystemExit);
                }
                match machine.format_exception(&uncaught) {
                    Ok(report) => sandbox.report(&report),
                    Err(stop) => return Some(self.ended_by(stop)),
                }
                Some(if id == MAIN {
                    Ending::Uncaught
                } else {
                    Ending::UncaughtInThread
                })
            }
            SliceEnd::Stopped(stop) => {
                drop(state);
                Some(self.ended_by(stop))
            }
        }
    }

    /// The ending when the machine has stopped: what has stopped it, if that was found in the middle of an operation.
    fn ended_by(&self, stop: Stop) -> Ending {
        let found = self.state.borrow_mut().ending.take();
        found.unwrap_or_else(|| Ending::from(stop))
    }

    /// Continues the calls whose waits are over.
    pub(super) fn end_waits(
        &self,
        sandbox: &Rc<dyn Surroundings>,
        machine: &mut Machine,
        now: f64,
    ) -> Option<Ending> {
        if self.state.borrow().parked.is_empty() {
            return None;
        }
        loop {
            let rung = self.state.borrow_mut().rung.pop_front();
            let Some(id) = rung else { break };
            self.finish_wait(machine, id);
        }
        loop {
            let first = self.state.borrow().timers.first().copied();
            match first {
                Some((at, id)) if f64::from_bits(at) <= now => self.finish_wait(machine, id),
                _ => break,
            }
        }
        self.serve_buckets(sandbox, machine, now);
        // While threads run the descriptors are asked between turns, but not after each short one; idle() asks them
        // otherwise.
        let busy = {
            let mut state = self.state.borrow_mut();
            let is_busy = !state.watched.is_empty() && !state.ready.is_empty();
            state.rounds_unwatched += 1;
            let is_due = now - state.watched_at >= TURN_SECONDS
                || state.rounds_unwatched >= ROUNDS_UNWATCHED_MAX;
            if is_busy && is_due {
                (state.watched_at, state.rounds_unwatched) = (now, 0);
            }
            is_busy && is_due
        };
        if busy {
            return self.watch(sandbox, machine, 0.0);
        }
        None
    }

    /// Lets those pass who wait for a renewable resource, one after another: each may use so much that the next
    /// must wait on.
    fn serve_buckets(&self, sandbox: &Rc<dyn Surroundings>, machine: &mut Machine, now: f64) {
        for resource in RENEWABLE {
            // Those that queue up again while they are served have had their turn.
            let mut turns = self
                .state
                .borrow()
                .below
                .get(&resource)
                .map_or(0, |queue| queue.len());
            while turns > 0 && sandbox.account().borrow().is_below(resource, now) {
                turns -= 1;
                sandbox.account().borrow_mut().drain(resource, now);
                let first = self
                    .state
                    .borrow_mut()
                    .below
                    .get_mut(&resource)
                    .and_then(|queue| queue.pop_front());
                match first {
                    Some(id) => self.finish_wait(machine, id),
                    None => break,
                }
            }
        }
    }

    /// Runs what a call does after its wait.
    fn finish_wait(&self, machine: &mut Machine, id: WaitId) {
        let Some(parked) = self.unpark(id) else {
            return;
        };
        self.state.borrow_mut().current = parked.waiter.thread();
        match settled((parked.then)(machine)) {
            Ok(result) => self.resume(parked.waiter, result),
            Err(wait) => {
                if let Err(thrown) = self.park(parked.waiter, wait) {
                    self.resume(parked.waiter, Err(thrown));
                }
            }
        }
    }

    /// Hands over the result of a wait; the thread that waited has a turn after those that are ready already.
    pub(super) fn resume(&self, waiter: Waiter, result: Res) {
        let mut state = self.state.borrow_mut();
        match waiter {
            Waiter::Stack(stack, _) => self.resume_stack(stack, result),
            Waiter::Thread(id) => {
                let entry = state.threads.get_mut(&id);
                let Some(thread) = entry.and_then(|entry| entry.thread.as_mut()) else {
                    return;
                };
                thread.resume_with(result);
            }
        }
        state.ready.push_back(waiter);
    }

    /// Waits until something can go on, or the duties call.
    fn idle(
        &self,
        sandbox: &Rc<dyn Surroundings>,
        machine: &mut Machine,
        now: f64,
        duties_at: f64,
    ) -> Option<Ending> {
        let next = {
            let state = self.state.borrow();
            if !state.rung.is_empty() {
                return None;
            }
            let account = sandbox.account().borrow();
            let timer = state.timers.first().map(|(at, _)| f64::from_bits(*at));
            let buckets = state
                .below
                .iter()
                .filter(|(_, queue)| !queue.is_empty())
                .map(|(resource, _)| account.drained_at(*resource));
            buckets.chain(timer).fold(duties_at, f64::min)
        };
        sandbox.flush_log();
        self.watch(sandbox, machine, (next - now).max(0.0))
    }

    /// Waits for descriptors at most so long, and continues the calls whose descriptor is ready.
    fn watch(
        &self,
        sandbox: &Rc<dyn Surroundings>,
        machine: &mut Machine,
        seconds: f64,
    ) -> Option<Ending> {
        let (ids, watched): (Vec<_>, Vec<_>) = {
            let state = self.state.borrow();
            state
                .watched
                .iter()
                .filter_map(|id| match &state.parked.get(id)?.until {
                    Until::Ready {
                        descriptor,
                        interest,
                        ..
                    } => Some((*id, (descriptor.clone(), *interest))),
                    _ => None,
                })
                .unzip()
        };
        match sandbox.system().wait(&watched, seconds) {
            Ok(ready) => {
                for (id, _) in ids.into_iter().zip(ready).filter(|(_, ready)| *ready) {
                    self.finish_wait(machine, id);
                }
                None
            }
            Err(error) => Some(Ending::Internal(format!("cannot wait: {error}"))),
        }
    }
}
