//! Verdicts and trees against CPython 2.7's own `compiler` package, on thousands of mutated programs.
//!
//! Runs where CPython 2.7 is: `REPY_PYTHON27=python2.7 cargo test -p overlord-repy-syntax --test compare_trees -- --nocapture`
//! (`REPY_COMPARE_COUNT` programs, from `REPY_COMPARE_SEED`). Elsewhere it does nothing, and says so.

#![expect(clippy::expect_used, reason = "a test that cannot set the scene fails")]

#[path = "../examples/tree.rs"]
#[expect(dead_code, reason = "its main is the example's")]
mod tree;

mod mutate;
mod random;

use std::path::Path;
use std::process::Command;

use mutate::{corpus, program};
use random::Random;

/// How many programs one Python process judges: its start costs as much as a hundred of them.
const BATCH: usize = 500;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

fn answers_of_cpython(python: &str, files: &[std::path::PathBuf]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compare_trees.py");
    let output = Command::new(python)
        .arg(script)
        .args(files)
        .output()
        .expect("CPython 2.7 starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

/// Whether two lines agree: limits of depth differ, and CPython has no tree where a bug of the package hit.
fn agree(theirs: &str, ours: &str) -> bool {
    if ours.starts_with("deep") {
        return true;
    }
    let treeless = |line: &str| line.strip_suffix(" - -").map(str::to_owned);
    match treeless(theirs).as_deref() {
        Some("deep") => true,
        Some(verdict) => ours.starts_with(verdict),
        None => {
            theirs == ours
                || theirs.replacen('?', "yes", 1) == ours
                || theirs.replacen('?', "no", 1) == ours
        }
    }
}

#[test]
fn verdicts_and_trees_are_those_of_cpython() {
    let Ok(python) = std::env::var("REPY_PYTHON27") else {
        println!("REPY_PYTHON27 names no CPython 2.7: nothing compared");
        return;
    };
    let seed = number("REPY_COMPARE_SEED", 1);
    let count = number("REPY_COMPARE_COUNT", 5000) as usize;
    println!("seed {seed}, {count} programs");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compare_trees");
    std::fs::create_dir_all(&folder).expect("a folder");
    let corpus = corpus();
    let mut random = Random::new(seed);
    let mut verdicts = std::collections::BTreeMap::<String, usize>::new();
    for start in (0..count).step_by(BATCH) {
        let programs: Vec<Vec<u8>> = (start..count.min(start + BATCH))
            .map(|_| program(&mut random, &corpus))
            .collect();
        let files: Vec<_> = (0..programs.len())
            .map(|index| folder.join(format!("{index}.r2py")))
            .collect();
        for (file, program) in files.iter().zip(&programs) {
            std::fs::write(file, program).expect("written");
        }
        let theirs = answers_of_cpython(&python, &files);
        assert_eq!(theirs.len(), programs.len());
        for (theirs, program) in theirs.iter().zip(&programs) {
            let ours = tree::judge(program);
            let shown = String::from_utf8_lossy(program);
            assert!(
                agree(theirs, &ours),
                "{shown}\n\nCPython: {theirs}\nours:    {ours}\nseed {seed}"
            );
            *verdicts
                .entry(ours.split('(').next().unwrap_or_default().to_owned())
                .or_default() += 1;
        }
    }
    println!("{verdicts:?}");
    let _ = std::fs::remove_dir_all(&folder);
}
