//! Mutated programs against lexer, parser and checker: whatever comes in, they answer, soon, and name a real place.
//!
//! `cargo test` runs a short round. For a long one, with its seed printed:
//! `REPY_FUZZ_SECONDS=3600 cargo test --release -p overlord-repy-syntax --test fuzz_front_end -- --nocapture`.
//! `REPY_FUZZ_SEED=n` repeats a round. Programs that failed belong into `programs_that_once_failed`.

mod mutate;
mod random;

use std::time::{Duration, Instant};

use overlord_repy_syntax::check::{self, Refusal};
use overlord_repy_syntax::compile_rules;

use mutate::{corpus, program};
use random::Random;

/// What a test thread has by default; the parser must be content with it even unoptimised.
const STACK_BYTES: usize = 2 << 20;

/// The longest a program of at most [`mutate::MAX_BYTES`] may take; generous, for loaded machines and debug builds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Every promise of the front end about any bytes.
fn judge(bytes: &[u8]) {
    match check::load(bytes) {
        Ok(module) => {
            if let Err(error) = compile_rules::check(&module) {
                place_is_real(bytes, error.pos.line, error.pos.column, &error.message);
            }
        }
        Err(refusal) => {
            let (pos, message) = refusal.place();
            place_is_real(bytes, pos.line, pos.column, message);
            assert!(!refusal.render("f", bytes).contains(['\0', '\u{1b}']));
            if let Refusal::Unsafe(_) = refusal {
                assert!(
                    message.contains("Repy") || message.contains("is not allowed"),
                    "{message}"
                );
            }
        }
    }
}

fn place_is_real(bytes: &[u8], line: u32, column: u32, message: &str) {
    assert!(
        !message.is_empty() && !message.contains('\n'),
        "{message:?}"
    );
    let newlines = bytes
        .iter()
        .filter(|byte| matches!(byte, b'\n' | b'\r'))
        .count();
    assert!(
        line >= 1 && line as usize <= newlines + 2,
        "line {line} of {newlines}"
    );
    let length = overlord_repy_syntax::source::line_of(bytes, line).len();
    assert!(
        column as usize <= length + 1,
        "column {column} of {length}: {message}"
    );
}

#[test]
fn mutated_programs_are_answered_in_time_without_panic() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|value| value.parse::<u64>().ok())
    };
    let seed = number("REPY_FUZZ_SEED").unwrap_or(20_270_101);
    let seconds = number("REPY_FUZZ_SECONDS");
    println!("seed {seed}");
    #[expect(
        clippy::disallowed_methods,
        reason = "a test run is measured by the clock"
    )]
    let run = move || {
        let corpus = corpus();
        let mut random = Random::new(seed);
        let started = Instant::now();
        let mut count = 0u64;
        loop {
            let bytes = program(&mut random, &corpus);
            // A loaded machine may let a process wait for long: a program is slow only if it is slow again and again.
            let mut took = Duration::MAX;
            for _ in 0..3 {
                let before = Instant::now();
                let judged = std::panic::catch_unwind(|| judge(&bytes));
                let shown = String::from_utf8_lossy(&bytes);
                assert!(judged.is_ok(), "program {count} of seed {seed}: {shown:?}");
                took = took.min(before.elapsed());
                if took < PATIENCE {
                    break;
                }
            }
            assert!(
                took < PATIENCE,
                "{took:?} for program {count} of seed {seed}: {:?}",
                String::from_utf8_lossy(&bytes)
            );
            count += 1;
            let done = seconds.map_or(count >= 3000, |seconds| {
                started.elapsed().as_secs() >= seconds
            });
            if done {
                println!("{count} programs in {:?}", started.elapsed());
                return;
            }
        }
    };
    let thread = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(run)
        .expect("a thread");
    thread.join().expect("all programs judged");
}

#[test]
fn programs_that_once_failed_are_answered() {
    // None so far; the most hostile shapes known are kept here.
    for bytes in [
        &b""[..],
        b"\\",
        b"\\\n",
        b"'",
        b"'\\",
        b"'''\\",
        b"0",
        b".",
        b"(",
        b")",
        b"\xff",
        b"\r",
        b"#",
        b"\t\\\n",
    ] {
        judge(bytes);
    }
}
