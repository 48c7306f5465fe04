//! Speed beside CPython 2.7: each program of `benches/programs` run by both, times of whole processes compared.
//!
//! `cargo bench -p overlord-repy`. CPython is looked for in `OVERLORD_PYTHON27`, then as `python2.7` in the path;
//! without it only our own times are printed. Start-up of CPython is measured with an empty program and subtracted.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs of each program; the best counts, since everything else only adds to it.
const RUNS: u32 = 7;

/// Gives CPython the calls the programs use.
const PRELUDE: &str = "\
import sys
def log(*args):
  sys.stdout.write(' '.join([str(arg) for arg in args]))
source = open(sys.argv[1]).read()
exec compile(source, sys.argv[1], 'exec') in {'__name__': '', 'log': log}
";

fn main() {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/programs");
    let repy = Path::new(env!("CARGO_BIN_EXE_repy"));
    let python = python();
    let scratch = std::env::temp_dir().join(format!("repy-bench-{}", std::process::id()));
    let prelude = scratch.join("prelude.py");
    let empty = scratch.join("empty.r2py");
    if std::fs::create_dir_all(&scratch).is_err()
        || std::fs::write(&prelude, PRELUDE).is_err()
        || std::fs::write(&empty, "").is_err()
    {
        println!("no scratch folder at {}", scratch.display());
        return;
    }
    let mut names: Vec<PathBuf> = match std::fs::read_dir(&programs) {
        Ok(entries) => entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .collect(),
        Err(error) => {
            println!("{}: {error}", programs.display());
            return;
        }
    };
    names.sort();
    let python_start = python
        .as_ref()
        .map(|python| best(python, &[&prelude, &empty]));
    let repy_start = best(repy, &[&empty]);
    println!(
        "start: repy {}, CPython 2.7 {}",
        shown(Some(repy_start)),
        shown(python_start)
    );
    let mut ratios = Vec::new();
    for program in &names {
        let ours = best(repy, &[program]);
        let theirs = python
            .as_ref()
            .zip(python_start)
            .map(|(python, start)| best(python, &[&prelude, program]).saturating_sub(start));
        let ratio = theirs.map(|theirs| ours.as_secs_f64() / theirs.as_secs_f64().max(1e-9));
        let name = program.file_stem().unwrap_or_default().to_string_lossy();
        match ratio {
            Some(ratio) => {
                println!(
                    "{name:<12} repy {} CPython 2.7 {} ratio {ratio:.2}",
                    shown(Some(ours)),
                    shown(theirs)
                );
                ratios.push(ratio);
            }
            None => println!("{name:<12} repy {}", shown(Some(ours))),
        }
    }
    ratios.sort_by(f64::total_cmp);
    if let Some(median) = ratios.get(ratios.len() / 2) {
        println!("median ratio {median:.2}");
    }
    let _ = std::fs::remove_dir_all(&scratch);
}

fn python() -> Option<PathBuf> {
    let given = std::env::var_os("OVERLORD_PYTHON27").map(PathBuf::from);
    let candidate = given.unwrap_or_else(|| PathBuf::from("python2.7"));
    let works = Command::new(&candidate)
        .arg("-V")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    works.then_some(candidate)
}

/// The shortest of several runs.
fn best(command: &Path, args: &[&Path]) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        #[expect(clippy::disallowed_methods, reason = "a benchmark measures")]
        let start = Instant::now();
        let status = Command::new(command)
            .args(args)
            .stdout(Stdio::null())
            .status();
        let took = start.elapsed();
        if !status.is_ok_and(|status| status.success()) {
            println!("{} failed", command.display());
        }
        best = best.min(took);
    }
    best
}

fn shown(time: Option<Duration>) -> String {
    time.map_or_else(
        || "-".to_owned(),
        |time| format!("{:8.2} ms", time.as_secs_f64() * 1000.0),
    )
}
