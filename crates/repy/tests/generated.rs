//! Generated programs against CPython 2.7: thousands, each compared byte for byte.
//!
//! Runs where CPython 2.7 is: `REPY_PYTHON27=python2.7 cargo test -p overlord-repy --test generated -- --nocapture`
//! (`REPY_COMPARE_COUNT` programs, 10,000 unless told, from `REPY_COMPARE_SEED`). Elsewhere the programs are only run.

#[path = "../../repy-machine/tests/generate/mod.rs"]
mod generate;
#[path = "../../repy-syntax/tests/random/mod.rs"]
mod random;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use generate::Generator;
use overlord_repy::runner::{self, Surroundings};
use overlord_repy::{Limits, Program};
use random::Random;

/// How many programs one Python process records.
const BATCH: usize = 500;

/// How many kinds of difference are shown.
const SHOWN: usize = 60;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

/// The native stack of a process' first thread, which is what the machine has where it matters.
const STACK_BYTES: usize = 8 << 20;

/// What a program prints; None after a panic, or without a thread to run it on.
fn output_of(text: &str) -> Option<Vec<u8>> {
    let text = text.to_owned();
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let running = thread.spawn(move || output_on_this_thread(&text));
    running.ok()?.join().ok()
}

fn output_on_this_thread(text: &str) -> Vec<u8> {
    let program = match Program::new(text.as_bytes(), "generated") {
        Ok(program) => program,
        Err(refusal) => return refusal.render("generated", text.as_bytes()).into_bytes(),
    };
    let output = Rc::new(RefCell::new(Vec::new()));
    let (log, errors) = (output.clone(), output.clone());
    let surroundings = Surroundings {
        log: Box::new(move |text| log.borrow_mut().extend_from_slice(text)),
        errors: Box::new(move |text| errors.borrow_mut().extend_from_slice(text)),
        clock: Box::new(|| 0.0),
        sleep: Box::new(|_| {}),
        args: Vec::new(),
        limits: Limits { memory: None },
    };
    match runner::run(&program, surroundings) {
        Ok(0) => output.take(),
        other => [output.take(), format!("{other:?}").into_bytes()].concat(),
    }
}

/// The first line that differs.
fn difference(theirs: &[u8], ours: &[u8]) -> String {
    let lines = |text: &[u8]| {
        String::from_utf8_lossy(text)
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (theirs, ours) = (lines(theirs), lines(ours));
    let same = theirs
        .iter()
        .zip(&ours)
        .take_while(|(theirs, ours)| theirs == ours)
        .count();
    let at = |lines: &[String]| lines.get(same).cloned().unwrap_or_default();
    format!("  CPython: {}\n  ours:    {}", at(&theirs), at(&ours))
}

#[test]
fn generated_programs_print_what_cpython_prints() {
    let python = std::env::var("REPY_PYTHON27").ok();
    let seed = number("REPY_COMPARE_SEED", 1);
    let count = number(
        "REPY_COMPARE_COUNT",
        if python.is_some() { 10_000 } else { 300 },
    ) as usize;
    println!(
        "seed {seed}, {count} programs, {}",
        if python.is_some() {
            "compared"
        } else {
            "only run: REPY_PYTHON27 names no CPython 2.7"
        }
    );
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("generated-{seed}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut random = Random::new(seed);
    // What differs, with how many programs show it and the first of them.
    let mut differing = BTreeMap::<String, (usize, usize)>::new();
    for start in (0..count).step_by(BATCH) {
        let programs: Vec<String> = (start..count.min(start + BATCH))
            .map(|_| Generator::program(&mut random))
            .collect();
        let Some(python) = &python else {
            for program in &programs {
                assert!(
                    output_of(program).is_some_and(|output| !output.is_empty()),
                    "{program}"
                );
            }
            continue;
        };
        let files: Vec<PathBuf> = (0..programs.len())
            .map(|index| folder.join(format!("{index}.r2py")))
            .collect();
        for (file, program) in files.iter().zip(&programs) {
            std::fs::write(file, program).expect("written");
        }
        let recorder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/record.py");
        let recorded = Command::new(python)
            .arg(recorder)
            .args(&files)
            .output()
            .expect("CPython 2.7 starts");
        assert!(
            recorded.status.success(),
            "{}",
            String::from_utf8_lossy(&recorded.stderr)
        );
        for (index, (file, program)) in files.iter().zip(&programs).enumerate() {
            let theirs = std::fs::read(file.with_extension("out")).expect("recorded");
            let ours = output_of(program).unwrap_or_else(|| b"(a panic)".to_vec());
            if theirs != ours {
                let first = differing
                    .entry(difference(&theirs, &ours))
                    .or_insert((0, start + index));
                first.0 += 1;
                std::fs::write(
                    folder.join(format!("differs-{}.r2py", start + index)),
                    program,
                )
                .expect("written");
            }
        }
    }
    let shown = differing.iter().take(SHOWN);
    let shown: Vec<String> = shown
        .map(|(difference, (times, first))| {
            format!("{times} programs, the first is {first}\n{difference}")
        })
        .collect();
    assert!(
        differing.is_empty(),
        "{} kinds of difference in {count} programs of seed {seed} ({}):\n{}",
        differing.len(),
        folder.display(),
        shown.join("\n")
    );
    let _ = std::fs::remove_dir_all(&folder);
}
