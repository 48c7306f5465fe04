//! `cargo xtask soak [MINUTES [SEED]]`: 50 Repy vessels under traffic, with random stops, kills and node restarts.
//!
//! Looks for what grows: processes, descriptors, files, memory. Every few seconds it takes a sample; in the end
//! everything is given back, and what is left then was leaked. What happens, and to whom, follows from the seed;
//! when it happens does not quite, as it is real.

mod judgement;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::integration::checks::{running, user_port};
use crate::processes::{self, signal};
use crate::program::{self, RunningProgram, first_line, wait_for};
use crate::table;
use crate::world::{World, host};
use judgement::{HELD_BY_ONE_ALLOCATOR, Trend, held_by_allocators, more_files};

/// Copies that are kept running.
const VESSELS: usize = 50;
/// Nodes, of one vessel each, because all copies listen on one port: ten are spare.
const NODES: u64 = 60;
/// Minutes, unless said otherwise.
const MINUTES: f64 = 60.0;
/// Threads that ask copies for the time, one after the other.
const CLIENTS: usize = 4;
/// Pause between two disturbances.
const DISTURBANCE_EVERY: Duration = Duration::from_secs(2);
/// How many samples are taken, however long it lasts.
const SAMPLES: u32 = 120;
/// Every so many of them is printed.
const PRINTED_EVERY: usize = 10;
/// Longest wait for all copies to be up, at the start and after the last disturbance.
const PATIENCE: Duration = Duration::from_secs(120);
/// Descriptors of the testbed may differ by those of connections that are just being served.
const DESCRIPTOR_SLACK: usize = 40;

/// A small generator of numbers (SplitMix64): the same seed gives the same numbers everywhere.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

/// Where copies can be asked, and what came of it.
#[derive(Default)]
struct Traffic {
    targets: Mutex<Vec<String>>,
    answers: AtomicU64,
    silences: AtomicU64,
    over: AtomicBool,
}

/// What is looked at again and again.
struct Sample {
    at: Duration,
    running: usize,
    processes: usize,
    zombies: usize,
    vessels_memory: u64,
    vessels_descriptors: usize,
    testbed_memory: u64,
    testbed_descriptors: usize,
    overlord_memory: u64,
    files: usize,
    answers: u64,
    silences: u64,
}

/// Runs the soak and prints the table.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let number = |text: Option<&String>, default: f64| match text {
        None => Ok(default),
        Some(text) => text
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite() && *number >= 0.0)
            .ok_or_else(|| format!("{text:?} is no number")),
    };
    let minutes = number(arguments.first(), MINUTES)?;
    let seed = number(arguments.get(1), 1.0)? as u64;
    println!(
        "{VESSELS} Repy vessels under traffic for {minutes} minutes, seed {seed}: cargo xtask soak {minutes} {seed}"
    );
    let binary = program::build(true)?;
    let lasting = Duration::from_secs_f64(minutes * 60.0);
    let soak = Soak::start(&binary, seed)?;
    soak.last(lasting)
}

struct Soak {
    world: World,
    run: RunningProgram,
    chance: Chance,
    traffic: Arc<Traffic>,
    disturbances: BTreeMap<&'static str, usize>,
    samples: Vec<Sample>,
    began: Instant,
    files_before: BTreeMap<String, usize>,
    descriptors_before: usize,
}

impl Soak {
    fn start(binary: &Path, seed: u64) -> Result<Self, String> {
        let nodes = NODES.to_string();
        let world = World::start(
            binary,
            "soak",
            &["--nodes", &nodes, "--vessels-per-node", "1"],
        )?;
        let bed = world.scratch.path().join("bed");
        let files_before = processes::files_below(&bed);
        let descriptors_before = processes::descriptors(world.testbed_pid()).unwrap_or_default();
        let example = Path::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../examples/time_server.r2py"
        ));
        let count = VESSELS.to_string();
        let flags = [
            "--count",
            &count,
            "--poll-period",
            "1s",
            "--on-stop",
            "release",
        ];
        let mut run = world.run(example, &flags, &["{port}"])?;
        run.wait_distinct("running", "handle", VESSELS, PATIENCE)?;
        Ok(Self {
            world,
            run,
            chance: Chance(seed),
            traffic: Arc::default(),
            disturbances: BTreeMap::new(),
            samples: Vec::new(),
            began: program::now(),
            files_before,
            descriptors_before,
        })
    }

    /// The whole of it: traffic, disturbances, samples, the end, the judgement.
    fn last(mut self, lasting: Duration) -> Result<(), String> {
        let port = user_port(&self.run)?;
        self.aim();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let traffic = Arc::clone(&self.traffic);
                thread::spawn(move || ask(&traffic, port, Chance(number as u64)))
            })
            .collect();
        let disturbed = self.disturb_for(lasting);
        self.traffic.over.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().map_err(|_| "a client failed".to_owned())?;
        }
        disturbed?;
        self.print();
        self.end()
    }

    fn disturb_for(&mut self, lasting: Duration) -> Result<(), String> {
        let mut next_sample = Duration::ZERO;
        while self.began.elapsed() < lasting {
            if self.began.elapsed() >= next_sample {
                self.sample();
                next_sample += lasting / SAMPLES;
            }
            self.disturb()?;
            let pause = program::now() + DISTURBANCE_EVERY;
            while program::now() < pause {
                program::pause();
                self.run.drain();
            }
            self.aim();
        }
        let soak = &mut *self;
        wait_for("all copies are back", PATIENCE, || {
            soak.run.drain();
            (running(&soak.run).len() >= VESSELS && soak.world.processes().ok()?.len() >= VESSELS)
                .then_some(())
        })?;
        self.sample();
        Ok(())
    }

    /// Tells the clients where copies run now.
    fn aim(&mut self) {
        self.run.drain();
        let hosts = running(&self.run).values().map(host).collect();
        if let Ok(mut targets) = self.traffic.targets.lock() {
            *targets = hosts;
        }
    }

    /// Does something bad to somebody.
    fn disturb(&mut self) -> Result<(), String> {
        let running = self.world.processes()?;
        let victim = |chance: &mut Chance| {
            let index = chance.below(running.len() as u64) as usize;
            running.get(index).map(|(_, pid, _)| *pid)
        };
        let what = match self.chance.below(6) {
            0 | 1 => {
                if let Some(pid) = victim(&mut self.chance) {
                    // It may just have ended by itself.
                    let _ = signal("TERM", pid);
                }
                "stops"
            }
            2 | 3 => {
                if let Some(pid) = victim(&mut self.chance) {
                    let _ = signal("KILL", pid);
                }
                "kills"
            }
            4 => {
                let node = (1 + self.chance.below(NODES)).to_string();
                self.world.fault(&["--node", &node], &["restart"])?;
                "node restarts"
            }
            _ => {
                let node = (1 + self.chance.below(NODES)).to_string();
                self.world.fault(&["--node", &node], &["kill"])?;
                self.world.fault(&["--node", &node], &["restart"])?;
                "node deaths"
            }
        };
        *self.disturbances.entry(what).or_default() += 1;
        Ok(())
    }

    /// The testbed's folder.
    fn bed(&self) -> PathBuf {
        self.world.scratch.path().join("bed")
    }

    /// What every process of a vessel has in its environment.
    fn mark(&self) -> String {
        self.bed().display().to_string()
    }

    fn sample(&mut self) {
        self.run.drain();
        let testbed = self.world.testbed_pid();
        let vessels = processes::with_environment(&self.mark());
        self.samples.push(Sample {
            at: self.began.elapsed(),
            running: running(&self.run).len(),
            processes: vessels.len(),
            zombies: processes::zombies_of(testbed),
            vessels_memory: vessels
                .iter()
                .filter_map(|&pid| processes::allocated(pid))
                .max()
                .unwrap_or_default(),
            vessels_descriptors: vessels
                .iter()
                .filter_map(|&pid| processes::descriptors(pid))
                .max()
                .unwrap_or_default(),
            testbed_memory: processes::allocated(testbed).unwrap_or_default(),
            testbed_descriptors: processes::descriptors(testbed).unwrap_or_default(),
            overlord_memory: processes::allocated(self.run.pid()).unwrap_or_default(),
            files: processes::files_below(&self.bed()).values().sum(),
            answers: self.traffic.answers.load(Ordering::Relaxed),
            silences: self.traffic.silences.load(Ordering::Relaxed),
        });
    }

    fn print(&self) {
        let megabytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
        let last = self.samples.len().saturating_sub(1);
        let rows: Vec<Vec<String>> = self
            .samples
            .iter()
            .enumerate()
            .filter(|(number, _)| number % PRINTED_EVERY == 0 || *number == last)
            .map(|(_, sample)| {
                vec![
                    format!("{} s", sample.at.as_secs()),
                    sample.running.to_string(),
                    sample.processes.to_string(),
                    sample.zombies.to_string(),
                    megabytes(sample.vessels_memory),
                    sample.vessels_descriptors.to_string(),
                    megabytes(sample.testbed_memory),
                    sample.testbed_descriptors.to_string(),
                    megabytes(sample.overlord_memory),
                    sample.files.to_string(),
                    sample.answers.to_string(),
                    sample.silences.to_string(),
                ]
            })
            .collect();
        let headings = [
            "after",
            "running",
            "processes",
            "zombies",
            "largest vessel, MB",
            "its descriptors",
            "testbed, MB",
            "descriptors",
            "overlord, MB",
            "files",
            "answers",
            "no answer",
        ];
        println!("\n{}", table::render(&headings, &rows));
        let done: Vec<String> = self
            .disturbances
            .iter()
            .map(|(what, count)| format!("{count} {what}"))
            .collect();
        println!("\ndisturbances: {}", done.join(", "));
    }

    /// Gives everything back and says what is left that should not be.
    fn end(mut self) -> Result<(), String> {
        signal("TERM", self.run.pid())?;
        self.run.wait_end(PATIENCE)?;
        let mark = self.mark();
        let bed = self.bed();
        let mut complaints = self.growth();
        let cleaned = wait_for("every vessel's process is gone", PATIENCE, || {
            processes::with_environment(&mark).is_empty().then_some(())
        });
        complaints.extend(cleaned.err());
        let testbed = self.world.testbed_pid();
        // Files of a vessel go when the clearinghouse has cleaned it, which nobody waits for.
        let mut more = Vec::new();
        let gone = wait_for("files of vessels are gone", PATIENCE, || {
            more = more_files(&self.files_before, &processes::files_below(&bed), &KEPT);
            let left = more.iter().any(|(_, more, bound)| more > bound);
            (!left).then_some(())
        });
        for (name, more, bound) in more {
            println!("{more} more files {name}, of which {bound} may be kept");
            if gone.is_err() && more > bound {
                complaints.push(format!("{more} files {name} are left"));
            }
        }
        let most = self.descriptors_before + DESCRIPTOR_SLACK;
        let descriptors = processes::descriptors(testbed).unwrap_or_default();
        if descriptors > most {
            complaints.push(format!(
                "the testbed has {descriptors} descriptors, {} before",
                self.descriptors_before
            ));
        }
        let zombies = processes::zombies_of(testbed);
        if zombies > 0 {
            complaints.push(format!("{zombies} ended processes were not buried"));
        }
        println!(
            "at the end: {} processes, {} descriptors (before: {}), {} files (before: {}), {zombies} zombies",
            processes::with_environment(&mark).len(),
            descriptors,
            self.descriptors_before,
            processes::files_below(&bed).values().sum::<usize>(),
            self.files_before.values().sum::<usize>(),
        );
        if complaints.is_empty() {
            println!("nothing leaked, memory flat");
            Ok(())
        } else {
            Err(complaints.join("\n"))
        }
    }

    /// What grew after the warm-up, and what else was not as it should be in the last sample.
    fn growth(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let memory = |bytes: fn(&Sample) -> u64| -> Vec<(f64, f64)> {
            let samples = self.samples.iter();
            samples
                .map(|sample| (sample.at.as_secs_f64(), bytes(sample) as f64))
                .collect()
        };
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let many = held_by_allocators(processors);
        for (whose, samples, held) in [
            (
                "the largest vessel",
                memory(|sample| sample.vessels_memory),
                HELD_BY_ONE_ALLOCATOR,
            ),
            ("the testbed", memory(|sample| sample.testbed_memory), many),
            // It also fills its list of past events, of which it keeps some thousands.
            (
                "the overlord",
                memory(|sample| sample.overlord_memory),
                many,
            ),
        ] {
            let Some(trend) = Trend::of(&samples) else {
                complaints.push(format!("it was too short to judge the memory of {whose}"));
                continue;
            };
            let line = format!(
                "memory of {whose} after the warm-up: {:.1} MB, by the line through all samples {:+.2} MB, or {:+.1} MB an hour",
                trend.mean / 1e6,
                trend.rise / 1e6,
                trend.rise_per_hour / 1e6,
            );
            println!("{line}");
            if !trend.is_flat(held) {
                complaints.push(line);
            }
        }
        let running = self.samples.last().map_or(0, |sample| sample.processes);
        if running != VESSELS {
            complaints.push(format!("{running} processes of vessels, {VESSELS} wanted"));
        }
        complaints
    }
}

/// Files that there may be more of in the end than when nothing had been used yet: of each node's one vessel the
/// record before the last, which stands in for one that a power cut has torn.
const KEPT: [(&str, usize); 1] = [("state.json.previous", NODES as usize)];

/// Asks copies for the time until told to end.
fn ask(traffic: &Traffic, port: u16, mut chance: Chance) {
    while !traffic.over.load(Ordering::Relaxed) {
        let target = traffic.targets.lock().ok().and_then(|targets| {
            let index = chance.below(targets.len() as u64) as usize;
            targets.get(index).cloned()
        });
        let answered = target.is_some_and(|host| first_line(&host, port).is_some());
        let counter = if answered {
            &traffic.answers
        } else {
            &traffic.silences
        };
        counter.fetch_add(1, Ordering::Relaxed);
        program::pause();
    }
}
