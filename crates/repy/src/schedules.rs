//! `repy --schedules N`: the same program under N schedules, and each different outcome with a seed that shows it again.
//!
//! Each run is a process of its own, in a copy of the current directory, so that no run finds what another left. They run
//! one after another: programs may need their ports. What a schedule is, the scheduler says; this only starts and compares.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Most schedules that are tried: a day of them at some 10 ms each.
const SCHEDULES_MAX: u64 = 10_000_000;

/// Time after which a run is ended: its threads may wait for each other.
const RUN_MAX: Duration = Duration::from_secs(60);

/// How often a run is looked at: as short as the shortest runs.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Bytes that a run may write to each stream, all of which are compared: a vessel's log, four times. A run is ended soon after
/// it has written more.
const OUTPUT_MAX: u64 = 1 << 17;

/// Different outcomes that are kept and shown: more nobody reads, and a program that logs the time has another each time.
const OUTCOMES_MAX: usize = 100;

/// Bytes of files that are copied for each run: a program's directory, not somebody's home.
const COPIED_MAX: u64 = 1 << 26;

/// What came out of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct RunOutcome {
    end: String,
    output: Vec<u8>,
    errors: Vec<u8>,
}

/// How often an outcome was seen, and under which seed first.
struct Seen {
    times: u64,
    first: u64,
}

/// Why no schedules were tried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScheduleError {
    /// The number makes no sense.
    #[error("--schedules: {0} is no number from 1 to {SCHEDULES_MAX}")]
    Number(String),
    /// The directory is too large to be copied again and again.
    #[error(
        "the files in this directory are more than {} MiB, too many to copy for each schedule; run it where there are only \
         the program's",
        COPIED_MAX >> 20
    )]
    TooMuch,
    /// The program, or its resource file, is elsewhere.
    #[error(
        "--schedules: {0} is no file of the current directory, of which each run has a copy; go where it is"
    )]
    Elsewhere(String),
    /// An option that takes the run, or what it logs, out of the copy.
    #[error("--schedules takes no --cwd, --logfile, --status or --stop")]
    Option,
    /// A run could not be made.
    #[error("a run could not be made")]
    Run(#[from] io::Error),
}

/// Runs `repy --schedule SEED WORDS...` for each seed below `number`, and says what came out. True: always the same. `files`
/// are those of the words that name a file which the runs need.
///
/// # Errors
/// If the number makes no sense, a file is not in the current directory, or a run cannot be made.
pub(crate) fn explore(
    number: &str,
    words: &[OsString],
    files: &[&Path],
) -> Result<bool, ScheduleError> {
    let schedules = number
        .parse()
        .ok()
        .filter(|schedules| (1..=SCHEDULES_MAX).contains(schedules))
        .ok_or_else(|| ScheduleError::Number(number.to_owned()))?;
    for file in files {
        let bare = file.strip_prefix(".").unwrap_or(file);
        let is_here = bare.file_name() == Some(bare.as_os_str());
        if !is_here || !fs::metadata(file).is_ok_and(|file| file.is_file()) {
            return Err(ScheduleError::Elsewhere(file.display().to_string()));
        }
    }
    let mut outcomes: BTreeMap<RunOutcome, Seen> = BTreeMap::new();
    let mut others: u64 = 0;
    for seed in 0..schedules {
        let outcome = run(seed, words)?;
        let is_full = outcomes.len() == OUTCOMES_MAX;
        match outcomes.get_mut(&outcome) {
            Some(seen) => seen.times += 1,
            None if is_full => others += 1,
            None => {
                let (times, first) = (1, seed);
                outcomes.insert(outcome, Seen { times, first });
            }
        }
    }
    let is_always_the_same = outcomes.len() == 1;
    let mut outcomes: Vec<(RunOutcome, Seen)> = outcomes.into_iter().collect();
    outcomes.sort_by_key(|(_, seen)| (std::cmp::Reverse(seen.times), seen.first));
    let mut out = io::stdout().lock();
    for (outcome, seen) in outcomes {
        writeln!(
            out,
            "{} of {schedules} schedules, the first of them --schedule {}: {}",
            seen.times, seen.first, outcome.end
        )?;
        for stream in [&outcome.output, &outcome.errors] {
            for line in stream.split_inclusive(|byte| *byte == b'\n') {
                out.write_all(b"    ")?;
                out.write_all(line)?;
            }
            if stream.last().is_some_and(|byte| *byte != b'\n') {
                out.write_all(b"\n")?;
            }
        }
    }
    if others > 0 {
        writeln!(
            out,
            "{others} of {schedules} schedules: in yet other ways, which are not shown"
        )?;
    }
    Ok(is_always_the_same)
}

/// One run in a copy of the current directory.
fn run(seed: u64, words: &[OsString]) -> Result<RunOutcome, ScheduleError> {
    let place = tempfile::tempdir()?;
    let directory = place.path().join("files");
    fs::create_dir(&directory)?;
    copy_files(Path::new("."), &directory)?;
    let (output, errors) = (place.path().join("output"), place.path().join("errors"));
    let mut child = Command::new(std::env::current_exe()?)
        .arg("--schedule")
        .arg(seed.to_string())
        .args(words)
        .current_dir(&directory)
        .stdin(Stdio::null())
        .stdout(File::create(&output)?)
        .stderr(File::create(&errors)?)
        .spawn()?;
    let end = ended(&mut child, [&output, &errors])?;
    // What the report of a failure says of its schedule is no difference.
    let own = format!("--schedule {seed}\n");
    Ok(RunOutcome {
        end,
        output: without(&head(&output)?, own.as_bytes()),
        errors: without(&head(&errors)?, own.as_bytes()),
    })
}

/// Waits for a run to end, and ends it if it takes too long or writes too much.
#[expect(
    clippy::disallowed_methods,
    reason = "at the edge: nothing else tells that a process has ended or that its time is over"
)]
fn ended(child: &mut Child, written: [&Path; 2]) -> io::Result<String> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(shown(status));
        }
        let too_long = begun.elapsed() > RUN_MAX;
        let mut too_much = false;
        for stream in written {
            too_much |= fs::metadata(stream)?.len() > OUTPUT_MAX;
        }
        if too_long || too_much {
            child.kill()?;
            child.wait()?;
            return Ok(if too_long {
                format!("not done after {} s", RUN_MAX.as_secs())
            } else {
                format!("ended after it had written {} KiB", OUTPUT_MAX >> 10)
            });
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn shown(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    }
}

/// The lines that do not end like this.
fn without(text: &[u8], end: &[u8]) -> Vec<u8> {
    text.split_inclusive(|byte| *byte == b'\n')
        .filter(|line| !line.ends_with(end))
        .flatten()
        .copied()
        .collect()
}

/// The beginning of a file.
fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(OUTPUT_MAX).read_to_end(&mut text)?;
    Ok(text)
}

/// Copies the files of a directory, as a program sees them: no folders, no links, nothing that is not a file.
fn copy_files(from: &Path, to: &Path) -> Result<(), ScheduleError> {
    let mut copied = 0;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if !entry.file_type()?.is_file() {
            continue;
        }
        copied += entry.metadata()?.len();
        if copied > COPIED_MAX {
            return Err(ScheduleError::TooMuch);
        }
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}
