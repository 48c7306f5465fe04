//! Generated and mutated programs against the virtual machine: no panic, no overflow of the native stack, no memory
//! beyond the limit, and an end soon after the machine is told to stop.
//!
//! `cargo test` runs a short round. For a long one, with its seed printed:
//! `REPY_FUZZ_SECONDS=3600 cargo test --release -p overlord-repy-machine --test fuzz_machine -- --nocapture`.
//! `REPY_FUZZ_SEED=n` repeats a round.

#![expect(clippy::expect_used, reason = "a test that cannot set the scene fails")]

mod generate;
#[path = "../../repy-syntax/tests/mutate/mod.rs"]
mod mutate;
#[path = "../../repy-syntax/tests/random/mod.rs"]
mod random;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use generate::Generator;
use overlord_repy_machine::{
    CountingAllocator, Limits, Machine, Program, SliceEnd, Stop, Value, memory_used,
};
use random::Random;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// What a test thread has by default; Repy frames are on the heap, so the machine must be content with it.
const STACK_BYTES: usize = 2 << 20;

/// What a program may take, and by how much one operation may overrun it before the machine looks.
const MEMORY_LIMIT: usize = 64 << 20;
const OVERRUN: usize = 16 << 20;

/// Instructions after which a program that goes on is let be.
const BUDGET: u64 = 300_000;

/// After this time a program is told to stop; after that long a time it counts as hung.
const TOLD_AFTER: Duration = Duration::from_secs(3);
const HUNG_AFTER: Duration = Duration::from_secs(120);

/// What the worker tells the watcher.
enum News {
    /// It begins this program, and can be told to stop by this flag.
    Begins(String, Arc<AtomicBool>),
    /// All done: how many programs, and how many of them ran.
    Done(u64, u64),
}

/// A program that may run, from one of the three makers.
fn program(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    match random.below(4) {
        0 => Generator::program(random).into_bytes(),
        1 => {
            let mut text = Generator::program(random).into_bytes();
            mutate::mutate(random, &mut text);
            text
        }
        _ => mutate::program(random, corpus),
    }
}

/// Runs what is a program; tells whether it was one.
fn judge(bytes: &[u8], news: &Sender<News>) -> bool {
    let Ok(program) = Program::new(bytes, "fuzzed") else {
        return false;
    };
    let before = memory_used();
    let mut machine = Machine::new(Limits {
        memory: Some(before + MEMORY_LIMIT),
    });
    let shown = String::from_utf8_lossy(bytes).into_owned();
    news.send(News::Begins(shown, machine.stop_flag()))
        .expect("a watcher");
    let globals = machine.new_globals();
    let log = machine.host_function("log", |_, _| Ok(Value::None));
    globals.set_variable(&mut machine, "log", log);
    let Ok(main) = machine.load(&program, &globals) else {
        return false;
    };
    let mut thread = machine.thread(main, Vec::new());
    let end = machine.run_slice(&mut thread, BUDGET);
    let used = memory_used().saturating_sub(before);
    assert!(used <= MEMORY_LIMIT + OVERRUN, "{used} bytes are used");
    match end {
        SliceEnd::Raised(uncaught) => assert!(
            machine
                .format_exception(&uncaught)
                .is_ok_and(|report| !report.is_empty())
        ),
        SliceEnd::Stopped(Stop::Exit(_)) => panic!("nobody can exit"),
        SliceEnd::Finished(_) | SliceEnd::Budget | SliceEnd::Blocked(_) | SliceEnd::Stopped(_) => {}
    }
    true
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test run is measured by the clock"
)]
fn work(seed: u64, seconds: Option<u64>, news: &Sender<News>) {
    let corpus = mutate::corpus();
    let mut random = Random::new(seed);
    let started = Instant::now();
    let (mut count, mut ran) = (0, 0);
    loop {
        let bytes = program(&mut random, &corpus);
        let judged = std::panic::catch_unwind(|| judge(&bytes, news));
        let Ok(is_program) = judged else {
            panic!(
                "program {count} of seed {seed}:\n{}",
                String::from_utf8_lossy(&bytes)
            );
        };
        count += 1;
        ran += u64::from(is_program);
        if seconds.map_or(count >= 1500, |seconds| {
            started.elapsed().as_secs() >= seconds
        }) {
            break;
        }
    }
    news.send(News::Done(count, ran)).expect("a watcher");
}

#[test]
fn programs_end_without_panic_within_their_bounds() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|value| value.parse::<u64>().ok())
    };
    let seed = number("REPY_FUZZ_SEED").unwrap_or(20_270_102);
    let seconds = number("REPY_FUZZ_SECONDS");
    println!("seed {seed}");
    let (news, watch) = channel();
    let worker = std::thread::Builder::new().stack_size(STACK_BYTES);
    let worker = worker
        .spawn(move || work(seed, seconds, &news))
        .expect("a thread");
    let mut current: Option<(String, Arc<AtomicBool>)> = None;
    let mut told = false;
    loop {
        match watch.recv_timeout(if told { HUNG_AFTER } else { TOLD_AFTER }) {
            Ok(News::Begins(program, stop)) => {
                current = Some((program, stop));
                told = false;
            }
            Ok(News::Done(count, ran)) => {
                println!("{count} programs, {ran} of them ran");
                assert!(ran * 10 > count, "too few of the programs are programs");
                break;
            }
            Err(RecvTimeoutError::Timeout) => match &current {
                Some((program, _)) if told => {
                    panic!("a program does not end when told to (seed {seed}):\n{program}");
                }
                Some((_, stop)) => {
                    stop.store(true, Ordering::Relaxed);
                    told = true;
                }
                None => {}
            },
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    worker.join().expect("all programs ended well");
}
