//! Speed beside CPython 2.7: each program of `benches/programs` run by both, times of whole processes compared.
//!
//! `cargo bench -p overlord-repy --bench speed [PART OF A NAME]`. CPython is looked for in `OVERLORD_PYTHON27`, then as
//! `python2.7` in the path; without it only our own times are printed. Start-up of either, measured with an empty
//! program, is subtracted from its times. Times are processor time, which other work on the machine disturbs least,
//! the best of several runs, taken in turns; starts are also shown as they pass on the wall. The memory shown is the
//! most a program that prints one line ever had resident.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{WaitId, WaitIdOptions};

/// Runs of each program; the best counts, since everything else only adds to it.
const RUNS: u32 = 7;

/// Gives CPython the calls the programs use.
const PRELUDE: &str = "\
import sys
import time
def log(*args):
  sys.stdout.write(' '.join([str(arg) for arg in args]))
source = open(sys.argv[1]).read()
exec compile(source, sys.argv[1], 'exec') in {'__name__': '', 'log': log, 'sleep': time.sleep}
";

/// What a process cost.
#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    processor: Duration,
}

impl Cost {
    const MOST: Cost = Cost {
        wall: Duration::MAX,
        processor: Duration::MAX,
    };

    fn least(self, other: Cost) -> Cost {
        Cost {
            wall: self.wall.min(other.wall),
            processor: self.processor.min(other.processor),
        }
    }
}

/// A command and the start-up to subtract.
struct Runtime {
    command: PathBuf,
    prelude: Option<PathBuf>,
    start: Cost,
}

impl Runtime {
    fn new(command: PathBuf, prelude: Option<PathBuf>, empty: &Path) -> Option<Runtime> {
        let mut runtime = Runtime {
            command,
            prelude,
            start: Cost::MOST,
        };
        for _ in 0..RUNS * 4 {
            runtime.start = runtime.start.least(runtime.run(empty)?);
        }
        Some(runtime)
    }

    fn spawn(&self, program: &Path) -> Option<Child> {
        Command::new(&self.command)
            .args(&self.prelude)
            .arg(program)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .ok()
    }

    /// Runs a program once; None if it fails.
    fn run(&self, program: &Path) -> Option<Cost> {
        #[expect(clippy::disallowed_methods, reason = "a benchmark measures")]
        let begun = Instant::now();
        let mut child = self.spawn(program)?;
        let pid = rustix::process::Pid::from_child(&child);
        // The ended process stays until it is waited for below, and with it its account.
        let left = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        rustix::process::waitid(WaitId::Pid(pid), left).ok()?;
        let wall = begun.elapsed();
        let account = std::fs::read_to_string(format!("/proc/{}/schedstat", child.id())).ok();
        if !child.wait().ok()?.success() {
            println!("{} fails on {}", self.command.display(), program.display());
            return None;
        }
        let nanoseconds = account.and_then(|text| text.split(' ').next()?.parse().ok());
        Some(Cost {
            wall,
            // A kernel without this account: the wall clock must do.
            processor: nanoseconds.map_or(wall, Duration::from_nanos),
        })
    }

    /// The most memory a process that runs `program`, which prints and then sleeps, ever had resident, in KiB.
    fn peak(&self, program: &Path) -> Option<u64> {
        let mut child = self.spawn(program)?;
        #[expect(clippy::disallowed_methods, reason = "the program sleeps longer")]
        std::thread::sleep(Duration::from_millis(400));
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok();
        child.wait().ok()?;
        let status = status?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }
}

fn main() {
    // `cargo bench` adds options of its own.
    let filter = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let scratch = std::env::temp_dir().join(format!("repy-bench-{}", std::process::id()));
    if let Err(error) = compare(&scratch, filter.as_deref().unwrap_or_default()) {
        println!("{}: {error}", scratch.display());
    }
    let _ = std::fs::remove_dir_all(&scratch);
}

fn compare(scratch: &Path, filter: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(scratch)?;
    let file = |name: &str, text: &str| {
        let path = scratch.join(name);
        std::fs::write(&path, text).map(|()| path)
    };
    let prelude = file("prelude.py", PRELUDE)?;
    let empty = file("empty.r2py", "")?;
    let hello = file("hello.r2py", "log('hello\\n')\nsleep(0.8)\n")?;
    let Some(ours) = Runtime::new(env!("CARGO_BIN_EXE_repy").into(), None, &empty) else {
        return Ok(());
    };
    let theirs = python().and_then(|python| Runtime::new(python, Some(prelude), &empty));
    println!(
        "start        repy {} CPU {} wall, CPython 2.7 {} CPU {} wall",
        shown(Some(ours.start.processor)),
        shown(Some(ours.start.wall)),
        shown(theirs.as_ref().map(|theirs| theirs.start.processor)),
        shown(theirs.as_ref().map(|theirs| theirs.start.wall)),
    );
    let peaks = [Some(&ours), theirs.as_ref()]
        .map(|runtime| runtime.and_then(|runtime| runtime.peak(&hello)));
    let [our_peak, their_peak] =
        peaks.map(|peak| peak.map_or_else(|| "-".to_owned(), |peak| format!("{peak} KiB")));
    println!("peak memory  repy {our_peak}, CPython 2.7 {their_peak}");

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/programs");
    let mut programs: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    programs.sort();
    let mut ratios = Vec::new();
    for program in &programs {
        let name = program.file_stem().unwrap_or_default().to_string_lossy();
        if !name.contains(filter) {
            continue;
        }
        let best = |best: Option<Cost>, runtime: &Runtime| {
            Some(best.unwrap_or(Cost::MOST).least(runtime.run(program)?))
        };
        let (mut our_best, mut their_best) = (None, None);
        for _ in 0..RUNS {
            our_best = best(our_best, &ours);
            if let Some(theirs) = &theirs {
                their_best = best(their_best, theirs);
            }
        }
        let net = |best: Option<Cost>, runtime: Option<&Runtime>| {
            Some(best?.processor.saturating_sub(runtime?.start.processor))
        };
        let (our_time, their_time) = (net(our_best, Some(&ours)), net(their_best, theirs.as_ref()));
        let ratio = our_time
            .zip(their_time)
            .map(|(ours, theirs)| ours.as_secs_f64() / theirs.as_secs_f64().max(1e-9));
        println!(
            "{name:<12} repy {} CPython 2.7 {} ratio {}",
            shown(our_time),
            shown(their_time),
            ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
        );
        ratios.extend(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    if let (Some(low), Some(high)) = (
        ratios.get(ratios.len().saturating_sub(1) / 2),
        ratios.get(ratios.len() / 2),
    ) {
        println!("median ratio {:.2}", (low + high) / 2.0);
    }
    Ok(())
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

fn shown(time: Option<Duration>) -> String {
    time.map_or_else(
        || "-".to_owned(),
        |time| format!("{:8.2} ms", time.as_secs_f64() * 1000.0),
    )
}
