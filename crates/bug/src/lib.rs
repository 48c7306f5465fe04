//! What the code does where it finds that a promise of its own is broken.
//!
//! A branch that cannot be reached unless we made a mistake neither guesses a value nor goes on quietly: it says
//! [`bug!`]. In tests, fuzzing and simulation that is a panic, so that the mistake is found where it is made. In a
//! release it is an internal error, counted by [`count`], told to the reporter that the program set with
//! [`set_reporter`], and returned as a [`Bug`], which the caller hands on as an error: our mistake must not take down
//! a program that keeps others running. Of each place in the code the first bug is kept, up to [`PLACES_MAX`]: who runs
//! for long and tells its user what happens asks [`first_of_each_place`], without taking the process's one reporter.
//!
//! Faults of others (operators, machines, nodes, the clearinghouse) are typed errors and never come here. This crate
//! depends on nothing, prints nothing and stops nothing by itself.
//!
//! ```
//! use overlord_bug::{Bug, bug};
//!
//! fn operand(stack: &mut Vec<u32>) -> Result<u32, Bug> {
//!     stack.pop().ok_or_else(|| bug!("an instruction found its stack of {} empty", stack.len()))
//! }
//! assert_eq!(operand(&mut vec![7]), Ok(7));
//! ```
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// How many bugs were met since the process began.
static COUNT: AtomicU64 = AtomicU64::new(0);
/// Whether a bug panics although this is a release build.
static STRICT: AtomicBool = AtomicBool::new(cfg!(debug_assertions));
/// Most places of which the first bug is kept: a program with more broken promises than that has told enough, and one
/// that meets them for months must not grow.
pub const PLACES_MAX: usize = 64;

/// The first bug of each place, in the order in which they were met.
static FIRST: Mutex<Vec<Bug>> = Mutex::new(Vec::new());
/// Who is told.
static REPORTER: OnceLock<fn(&Bug)> = OnceLock::new();

/// A broken invariant of our own code. Nobody outside is to blame, and nothing that they do helps: it is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bug {
    message: String,
    file: &'static str,
    line: u32,
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "internal error, please report it: {} ({}:{})",
            self.message, self.file, self.line
        )
    }
}

impl std::error::Error for Bug {}

/// Notes a broken invariant and gives the [`Bug`] that says so. Takes what `format!` takes.
///
/// # Panics
/// In builds with debug assertions, and after [`set_strict`]: there a bug ends the test that met it.
#[macro_export]
macro_rules! bug {
    ($($message:tt)+) => {
        $crate::note(::std::format!($($message)+), ::std::file!(), ::std::line!())
    };
}

/// Notes a bug unless the condition holds, and goes on either way: for promises that are checked in pairs, where a
/// value is handed out and where it is taken.
///
/// # Panics
/// As [`bug!`].
#[macro_export]
macro_rules! invariant {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            $crate::bug!($($message)+);
        }
    };
}

/// What [`bug!`] calls.
///
/// # Panics
/// As [`bug!`].
#[cold]
#[inline(never)]
#[track_caller]
pub fn note(message: String, file: &'static str, line: u32) -> Bug {
    let bug = Bug {
        message,
        file,
        line,
    };
    COUNT.fetch_add(1, Ordering::Relaxed);
    assert!(!STRICT.load(Ordering::Relaxed), "{bug}");
    keep_first(&bug);
    if let Some(report) = REPORTER.get() {
        report(&bug);
    }
    bug
}

fn keep_first(bug: &Bug) {
    let mut first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    let is_new = first
        .iter()
        .all(|known| (known.file, known.line) != (bug.file, bug.line));
    if is_new && first.len() < PLACES_MAX {
        first.push(bug.clone());
    }
}

/// The first bug of each place where this process has met any, without those that the caller `knows` already (how many
/// it was given before). At most [`PLACES_MAX`] in all.
#[must_use]
pub fn first_of_each_place(knows: usize) -> Vec<Bug> {
    let first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    first.get(knows..).unwrap_or_default().to_vec()
}

/// How many bugs this process has met.
#[must_use]
pub fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

/// Makes a bug panic in a release build too, or no more: fuzzers and simulations are built for speed, and want to
/// stop at the first.
pub fn set_strict(strict: bool) {
    STRICT.store(strict, Ordering::Relaxed);
}

/// Says who is told of each bug in a release. The first call counts: libraries leave it to the program.
pub fn set_reporter(report: fn(&Bug)) {
    let _first_one_stays = REPORTER.set(report);
}

#[cfg(test)]
mod tests {
    use super::*;

    static TOLD: AtomicU64 = AtomicU64::new(0);

    /// One test, as strictness and count are the process's.
    #[test]
    fn a_bug_panics_where_tests_run_and_is_counted_and_told_in_a_release() {
        let before = count();
        let panic = std::panic::catch_unwind(|| bug!("copy {} has no vessel", 3)).unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap();
        assert!(text.contains("copy 3 has no vessel"), "{text}");

        set_strict(false);
        set_reporter(|bug| {
            assert!(bug.to_string().starts_with("internal error"));
            TOLD.fetch_add(1, Ordering::Relaxed);
        });
        invariant!(1 + 1 == 2, "arithmetic");
        invariant!(TOLD.load(Ordering::Relaxed) == 7, "seven were told");
        let bug = bug!("again");
        assert_eq!(first_of_each_place(1), std::slice::from_ref(&bug));

        let known = first_of_each_place(0).len();
        for time in 0..3 {
            bug!("the same place, time {time}");
        }
        let [ref once] = first_of_each_place(known)[..] else {
            panic!("a place is kept once");
        };
        assert!(once.to_string().contains("time 0"), "{once}");
        assert_eq!(first_of_each_place(PLACES_MAX + 1), []);
        for line in 0..u32::try_from(2 * PLACES_MAX).unwrap() {
            note("elsewhere".to_owned(), "elsewhere.rs", line);
        }
        assert_eq!(first_of_each_place(0).len(), PLACES_MAX);
        set_strict(cfg!(debug_assertions));
        assert!(bug.to_string().contains("again (") && bug.to_string().contains("lib.rs:"));
        let elsewhere = 2 * PLACES_MAX as u64;
        let told = TOLD.load(Ordering::Relaxed);
        assert_eq!((count() - before, told), (6 + elsewhere, 5 + elsewhere));
    }
}
