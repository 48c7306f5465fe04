//! The differential suite: every program below `programs/` prints what CPython 2.7 printed for it.
//!
//! How the outputs are recorded is told in `programs/README.md`. `REPY_PROGRAM=part-of-a-path` runs some only.

#![expect(clippy::expect_used, reason = "a test that cannot set the scene fails")]

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use overlord_repy::runner::{self, Surroundings};
use overlord_repy::{Limits, Program};

/// The least the suite holds; it only grows.
const PROGRAMS: usize = 650;

fn programs(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of programs") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            programs(&path, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "r2py")
        {
            found.push(path);
        }
    }
}

/// What the program prints, and how it ends unless well.
fn output_of(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).expect("a program");
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let program = match Program::new(&bytes, &name) {
        Ok(program) => program,
        Err(refusal) => return refusal.render(&name, &bytes).into_bytes(),
    };
    let output = Rc::new(RefCell::new(Vec::new()));
    let log = output.clone();
    let surroundings = Surroundings {
        log: Box::new(move |text| log.borrow_mut().extend_from_slice(text)),
        errors: Box::new(|_| {}),
        clock: Box::new(|| 0.0),
        sleep: Box::new(|_| {}),
        args: Vec::new(),
        limits: Limits { memory: None },
    };
    let ended = runner::run(&program, surroundings);
    let mut text = output.take();
    match ended {
        Ok(0) => {}
        Ok(code) => {
            if !text.is_empty() && !text.ends_with(b"\n") {
                text.push(b'\n');
            }
            text.extend(format!("exit {code}\n").bytes());
        }
        Err(error) => text.extend(error.to_string().bytes()),
    }
    text
}

/// The first line that differs, as told to the reader of the failure.
fn difference(expected: &[u8], found: &[u8]) -> String {
    let mut expected = expected.split(|&byte| byte == b'\n');
    let mut found = found.split(|&byte| byte == b'\n');
    let shown = |line: Option<&[u8]>| {
        line.map_or_else(
            || "(the end)".to_owned(),
            |line| String::from_utf8_lossy(line).into_owned(),
        )
    };
    for line in 1.. {
        let (theirs, ours) = (expected.next(), found.next());
        if theirs != ours {
            return format!(
                "line {line}\n    CPython: {}\n    ours:    {}",
                shown(theirs),
                shown(ours)
            );
        }
    }
    String::new()
}

#[test]
fn every_program_prints_what_cpython_printed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    let mut paths = Vec::new();
    programs(&folder, &mut paths);
    paths.sort();
    assert!(paths.len() >= PROGRAMS, "only {} programs", paths.len());
    let wanted = std::env::var("REPY_PROGRAM").unwrap_or_default();
    let mut differing = Vec::new();
    for path in &paths {
        let name = path
            .strip_prefix(&folder)
            .unwrap_or(path)
            .display()
            .to_string();
        if !name.contains(&wanted) {
            continue;
        }
        let recorded = path.with_extension("out");
        let expected =
            std::fs::read(&recorded).unwrap_or_else(|_| panic!("{name} has no recorded output"));
        let found =
            std::panic::catch_unwind(|| output_of(path)).unwrap_or_else(|_| b"(a panic)".to_vec());
        if found != expected {
            differing.push(format!("{name}, {}", difference(&expected, &found)));
        }
    }
    let all = paths.len();
    assert!(
        differing.is_empty(),
        "{} of {all} programs differ:\n{}",
        differing.len(),
        differing.join("\n")
    );
}
