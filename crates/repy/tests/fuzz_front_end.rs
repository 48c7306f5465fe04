//! Mutated programs against lexer, parser and checker: whatever comes in, they answer, soon, and name a real place.
//!
//! `cargo test` runs a short round. For a long one, with its seed printed:
//! `REPY_FUZZ_SECONDS=3600 cargo test --release -p overlord-repy --test fuzz_front_end -- --nocapture`.
//! `REPY_FUZZ_SEED=n` repeats a round. Programs that failed belong into `programs_that_once_failed`.

use std::time::{Duration, Instant};

use overlord_repy::check::{self, Refusal};
use overlord_repy::compile_rules;

/// What a test thread has by default; the parser must be content with it even unoptimised.
const STACK_BYTES: usize = 2 << 20;

/// The longest a program of at most [`MAX_BYTES`] may take; generous, for loaded machines and debug builds.
const PATIENCE: Duration = Duration::from_secs(5);

const MAX_BYTES: usize = 64 << 10;

const PIECES: &[&str] = &[
    "and",
    "as",
    "assert",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "exec",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "not",
    "or",
    "pass",
    "print",
    "raise",
    "return",
    "try",
    "while",
    "with",
    "yield",
    "x",
    "y",
    "f",
    "None",
    "__a",
    "encode",
    "im_x",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    ".",
    ";",
    "@",
    "=",
    "`",
    "+",
    "-",
    "*",
    "/",
    "%",
    "&",
    "|",
    "^",
    "~",
    "**",
    "//",
    "<<",
    ">>",
    "<",
    ">",
    "==",
    "!=",
    "<>",
    "+=",
    "**=",
    ">>=",
    "!",
    "$",
    "?",
    "\\",
    "\\\n",
    "0",
    "1",
    "0x",
    "0777",
    "08",
    "1L",
    "1.5e3",
    "1j",
    ".5",
    "''",
    "'a'",
    "u'u'",
    "r'\\'",
    "\"\"\"",
    "'''",
    "'\\x4'",
    "'\\777'",
    "#c",
    "# vim:ts=3",
    "\n",
    "\n ",
    "\n  ",
    "\n    ",
    "\n\t",
    "\r\n",
    "\r",
    "\x0c",
    "\0",
    "\u{e9}",
    "\u{feff}",
    "def f(a,(b,c)=1,*d,**e):\n  return\n",
    "class A(B):\n pass\n",
    "try:\n x\nexcept A,b:\n y\n",
    "for a,b in c:\n d\n",
    "while 1:\n x\nelse:\n y\n",
    "if a:\n b\nelif c:\n d\n",
    "x[a:b:c,...]",
    "f(a,b=1,*c,**d)",
    "[a for b in c,d if e]",
    "(a for b in c)",
    "{a:b}",
    "a if b else c",
    "a<b<=c",
    "not a in b",
    "-1",
    "from __future__ import print_function\n",
];

/// splitmix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn one<'items, T: ?Sized>(&mut self, items: &[&'items T]) -> &'items T {
        items[self.below(items.len())]
    }
}

/// All programs of the differential suite: seeds for mutation.
fn corpus() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/programs"
    ))];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        let mut paths: Vec<_> = entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "r2py")
            {
                found.extend(std::fs::read(path));
            }
        }
    }
    found
}

fn program(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut text = Vec::new();
    match random.below(8) {
        // Words at random.
        0..3 => {
            for _ in 0..random.below(60) {
                text.extend(random.one(PIECES).bytes());
                if random.below(2) == 0 {
                    text.push(b' ');
                }
            }
        }
        // One or two pieces many times over: depth and length.
        3 => {
            let pieces = [random.one(PIECES), random.one(PIECES)];
            let times = random.below(4000);
            text = pieces.concat().repeat(times).into_bytes();
        }
        // Bytes at random.
        4 => {
            let length = random.below(200);
            text.extend((0..length).map(|_| random.next().to_le_bytes()[0]));
        }
        // A real program, or a part of one.
        _ => {
            if !corpus.is_empty() {
                text = corpus[random.below(corpus.len())].clone();
            }
        }
    }
    for _ in 0..random.below(6) {
        mutate(random, &mut text);
    }
    text.truncate(MAX_BYTES);
    text
}

fn mutate(random: &mut Random, text: &mut Vec<u8>) {
    let at = random.below(text.len() + 1);
    let end = (at + random.below(20)).min(text.len());
    match random.below(6) {
        0 => drop(text.drain(at..end)),
        1 => drop(text.splice(at..end, random.one(PIECES).bytes())),
        2 => drop(text.splice(at..at, random.one(PIECES).bytes())),
        3 => {
            let copy = text[at..end].to_vec();
            let to = random.below(text.len() + 1);
            drop(text.splice(to..to, copy));
        }
        4 => text.truncate(at),
        _ => {
            if let Some(byte) = text.get_mut(at) {
                *byte = random.next().to_le_bytes()[0];
            }
        }
    }
}

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
    let length = overlord_repy::source::line_of(bytes, line).len();
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
        let mut random = Random(seed);
        let started = Instant::now();
        let mut count = 0u64;
        loop {
            let bytes = program(&mut random, &corpus);
            let before = Instant::now();
            let judged = std::panic::catch_unwind(|| judge(&bytes));
            assert!(
                judged.is_ok(),
                "program {count} of seed {seed}: {:?}",
                String::from_utf8_lossy(&bytes)
            );
            let took = before.elapsed();
            assert!(
                took < PATIENCE,
                "{took:?} for program {count} of seed {seed}"
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
