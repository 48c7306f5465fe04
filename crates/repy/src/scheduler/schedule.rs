//! How long the turns of threads are, and which calls end them: drawn from a seed.
//!
//! In CPython 2.7 another thread may run after every hundred instructions and in every call that lets go of its lock.
//! Programs that leave a race open fail there now and then, and must here: turns of a fixed length would always show the
//! same outcome. What is drawn from the same seed is the same again, so that a race can be looked at.

use std::cell::Cell;

/// Fewest instructions of a turn while others are ready: CPython's.
const SHORTEST: u64 = 100;

/// Turns are shorter than this, on average half of it, so that ending them costs little beside what is done in them.
const LONGEST: u64 = 900;

/// One call of the API in so many ends the turn, if others are ready.
const CALLS_A_SWITCH: u64 = 2;

/// What the turns of all threads are drawn from.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    seed: u64,
    drawn: Cell<bool>,
}

/// The turns of one thread: its own sequence, so that it does not depend on when others wake up.
#[derive(Debug)]
pub(crate) struct Turns {
    state: u64,
}

impl Schedule {
    /// The schedule of a seed, from its beginning.
    pub(crate) fn new(seed: u64) -> Schedule {
        Schedule {
            seed,
            drawn: Cell::new(false),
        }
    }

    /// The seed, if anything was drawn: if there ever was more than one thread to choose from.
    pub(crate) fn seed_if_drawn(&self) -> Option<u64> {
        self.drawn.get().then_some(self.seed)
    }

    /// The turns of the thread with this number.
    pub(crate) fn turns(&self, thread: u64) -> Turns {
        Turns {
            state: self.seed ^ mixed(thread),
        }
    }

    /// Instructions of a thread's next turn.
    pub(crate) fn next(&self, turns: &mut Turns) -> u64 {
        SHORTEST + self.draw(turns) % (LONGEST - SHORTEST)
    }

    /// Whether a thread's turn ends with the call that was just made.
    pub(crate) fn ends_with_call(&self, turns: &mut Turns) -> bool {
        self.draw(turns).is_multiple_of(CALLS_A_SWITCH)
    }

    fn draw(&self, turns: &mut Turns) -> u64 {
        self.drawn.set(true);
        turns.state = turns.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(turns.state)
    }
}

/// splitmix64's mixing: nobody has to foresee or to guess these numbers.
fn mixed(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64, thread: u64) -> Vec<(u64, bool)> {
        let schedule = Schedule::new(seed);
        let mut turns = schedule.turns(thread);
        (0..50)
            .map(|_| {
                (
                    schedule.next(&mut turns),
                    schedule.ends_with_call(&mut turns),
                )
            })
            .collect()
    }

    #[test]
    fn a_thread_has_its_turns_under_a_seed_and_others_have_others() {
        assert_eq!(drawn(7, 1), drawn(7, 1));
        assert_ne!(drawn(7, 1), drawn(8, 1));
        assert_ne!(drawn(7, 1), drawn(7, 2));
        for (turn, _) in drawn(9, 0) {
            assert!((SHORTEST..LONGEST).contains(&turn), "{turn}");
        }
        assert!(drawn(9, 0).iter().any(|(_, ends)| *ends));
        assert!(drawn(9, 0).iter().any(|(_, ends)| !ends));
    }

    #[test]
    fn a_seed_is_told_once_it_has_decided_anything() {
        let schedule = Schedule::new(3);
        let mut turns = schedule.turns(0);
        assert_eq!(schedule.seed_if_drawn(), None);
        schedule.next(&mut turns);
        assert_eq!(schedule.seed_if_drawn(), Some(3));
    }
}
