//! Shows a run: a line for each change, a living line of counts on a terminal, and the copies' own answers
//! as soon as they serve.

use std::collections::BTreeMap;
use std::time::Duration;

use overlord::engine::{Clock as _, VesselLabel, WallTime};
use overlord::event_text;
use overlord::ports::RuntimeClock;
use overlord::{Change, FleetEvent, Handle, RunReport};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Level;

use crate::failure::Failure;
use crate::output::{Output, Paint, Table};
use crate::probe::{self, Answer};
use crate::text::{count_of, harmless, short_duration};

/// What is shown of a run.
pub(crate) struct Watcher {
    output: Output,
    wanted: usize,
    port: Option<u16>,
    begun: Instant,
    stages: BTreeMap<Handle, (VesselLabel, Stage)>,
    asking: JoinSet<Answered>,
    answers: BTreeMap<Handle, (VesselLabel, Answer)>,
    all_told: bool,
    waiting: Option<String>,
    muted: bool,
}

/// The present time of day, as changes carry it.
fn now() -> WallTime {
    RuntimeClock::new().now().wall
}

/// As much of a vessel's stage as the counts need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Coming,
    Running,
    Doubtful,
    /// Condemned: it is on its way back to the clearinghouse.
    Leaving,
}

/// What a copy said when it was asked.
pub(crate) struct Answered {
    vessel: VesselLabel,
    answer: Answer,
}

/// An answer as it is told to programs.
#[derive(Serialize)]
struct AnswerLine<'a> {
    event: &'static str,
    at: WallTime,
    #[serde(flatten)]
    vessel: &'a VesselLabel,
    answer: &'a Answer,
    seconds: f64,
}

/// That all copies serve, as it is told to programs.
#[derive(Serialize)]
struct AllLine {
    event: &'static str,
    at: WallTime,
    copies: usize,
    seconds: f64,
}

/// The end, as it is told to programs.
#[derive(Serialize)]
struct EndLine<'a> {
    event: &'static str,
    at: WallTime,
    #[serde(flatten)]
    report: &'a RunReport,
}

/// Tells the end of a run, in words and for programs.
///
/// # Errors
/// When it cannot be printed.
pub(crate) fn tell_end(output: &Output, text: &str, report: &RunReport) -> Result<(), Failure> {
    let line = EndLine {
        event: "stopped",
        at: now(),
        report,
    };
    output.show(text, &line)
}

impl Watcher {
    /// Watches so many copies, and asks each on this port, if on any.
    pub(crate) fn new(output: Output, wanted: u32, port: Option<u16>, begun: Instant) -> Self {
        Self {
            output,
            wanted: wanted as usize,
            port,
            begun,
            stages: BTreeMap::new(),
            asking: JoinSet::new(),
            answers: BTreeMap::new(),
            all_told: false,
            waiting: None,
            muted: false,
        }
    }

    /// Shows nothing from now on.
    pub(crate) fn mute(&mut self) {
        self.muted = true;
        self.asking.abort_all();
    }

    /// Shows a change.
    ///
    /// # Errors
    /// When it cannot be printed.
    pub(crate) fn changed(&mut self, event: &FleetEvent) -> Result<(), Failure> {
        self.count(&event.change);
        if self.muted || matches!(event.change, Change::Stopped { .. }) {
            return Ok(());
        }
        self.output.record(event)?;
        if !(self.output.progress().is_live() && is_minor(&event.change)) {
            let text = harmless(&event_text::line(&event.change));
            let text = self.output.palette().paint(paint(&event.change), &text);
            self.output
                .line(&format!("{} {text}", self.stamp(&event.at.to_string())))?;
        }
        if let Change::Running { vessel } = &event.change {
            self.ask(vessel);
        }
        if self.port.is_none() {
            self.tell_all_running()?;
        }
        self.draw();
        Ok(())
    }

    /// Says that changes came faster than they could be shown.
    ///
    /// # Errors
    /// When it cannot be printed.
    pub(crate) fn missed(&mut self, missed: u64) -> Result<(), Failure> {
        self.output
            .line(&format!("({missed} changes came too fast to be shown)"))
    }

    /// Says something between the changes; to nobody, if nobody reads.
    pub(crate) fn say(&self, text: &str, paint: Paint) {
        self.output.note(&self.output.palette().paint(paint, text));
    }

    /// The next answer of a copy; pending while none is asked. Safe to drop at the await.
    pub(crate) async fn next_answer(&mut self) -> Option<Answered> {
        loop {
            match self.asking.join_next().await {
                Some(Ok(answered)) => return Some(answered),
                // Asked no more, since the copy is gone.
                Some(Err(_)) => {}
                None => return None,
            }
        }
    }

    /// Shows an answer.
    ///
    /// # Errors
    /// When it cannot be printed.
    pub(crate) fn answered(&mut self, answered: Answered) -> Result<(), Failure> {
        let Answered { vessel, answer } = answered;
        if self.muted || !self.stages.contains_key(&vessel.handle) {
            return Ok(());
        }
        self.output.record(&AnswerLine {
            event: "answer",
            at: now(),
            vessel: &vessel,
            answer: &answer,
            seconds: self.begun.elapsed().as_secs_f64(),
        })?;
        let alone = self.all_told || !answer.is_line();
        if alone {
            let paint = if answer.is_line() {
                Paint::Good
            } else {
                Paint::Bad
            };
            let text = self.output.palette().paint(paint, &answer.text());
            self.output.line(&format!("{}: {text}", place(&vessel)))?;
        }
        self.answers.insert(vessel.handle.clone(), (vessel, answer));
        let serving = self
            .answers
            .values()
            .filter(|(_, answer)| answer.is_line())
            .count();
        if !self.all_told && serving >= self.wanted {
            self.all_told = true;
            self.tell_all_answering(serving)?;
        }
        self.draw();
        Ok(())
    }

    /// Shows the end: the last line says what is left running where.
    ///
    /// # Errors
    /// When it cannot be printed.
    pub(crate) fn ended(&self, report: &RunReport) -> Result<(), Failure> {
        tell_end(&self.output, &harmless(&event_text::ended(report)), report)
    }

    /// Whether it was told that all copies run, or answer if they are asked.
    pub(crate) fn is_complete(&self) -> bool {
        self.all_told && !self.muted
    }

    /// The first of the copies that run.
    pub(crate) fn first_copy(&self) -> Option<&VesselLabel> {
        let running = self
            .stages
            .values()
            .filter(|(_, stage)| *stage == Stage::Running);
        running
            .map(|(vessel, _)| vessel)
            .min_by_key(|vessel| vessel.index)
    }

    /// Asks a copy that has come to run, until it answers or has had its time.
    fn ask(&mut self, vessel: &VesselLabel) {
        if let Some(port) = self.port {
            let vessel = vessel.clone();
            self.asking.spawn(async move {
                let answer = probe::until_answered(&vessel.location, port).await;
                Answered { vessel, answer }
            });
        }
    }

    fn tell_all_answering(&self, copies: usize) -> Result<(), Failure> {
        let seconds = self.begun.elapsed();
        let mut answers: Vec<_> = self.answers.values().collect();
        answers.sort_by_key(|(vessel, _)| vessel.index);
        let mut table = Table::new(&["COPY", "VESSEL", "ADDRESS", "ANSWER"]);
        for (vessel, answer) in answers {
            table.row(vec![
                vessel
                    .index
                    .map(|index| index.to_string())
                    .unwrap_or_default(),
                vessel.handle.short(),
                format!(
                    "{}:{}",
                    vessel.location.host(),
                    self.port.unwrap_or_default()
                ),
                answer.text(),
            ]);
        }
        self.output.line(&table.render())?;
        self.tell_all(
            "all_answering",
            &format!("{} answering", copies_of(copies)),
            copies,
            seconds,
        )
    }

    fn tell_all_running(&mut self) -> Result<(), Failure> {
        let running = self.number_of(Stage::Running);
        if self.all_told || running < self.wanted {
            return Ok(());
        }
        self.all_told = true;
        let text = format!("{} running", copies_of(running));
        self.tell_all("all_running", &text, running, self.begun.elapsed())
    }

    fn tell_all(
        &self,
        event: &'static str,
        text: &str,
        copies: usize,
        since_start: Duration,
    ) -> Result<(), Failure> {
        let text = format!("{text} {:.2} s after the start", since_start.as_secs_f64());
        let line = AllLine {
            event,
            at: now(),
            copies,
            seconds: since_start.as_secs_f64(),
        };
        self.output
            .show(&self.output.palette().paint(Paint::Strong, &text), &line)
    }

    /// Keeps count of what is where.
    fn count(&mut self, change: &Change) {
        match change {
            Change::Acquired { vessel, .. }
            | Change::Adopted { vessel, .. }
            | Change::Uploaded { vessel }
            | Change::Started { vessel } => self.set(vessel, Stage::Coming),
            Change::Running { vessel } => self.set(vessel, Stage::Running),
            Change::Suspect { vessel, .. }
            | Change::Unknown { vessel }
            | Change::Failed { vessel, .. } => self.set(vessel, Stage::Doubtful),
            Change::Condemned { vessel, .. } => self.set(vessel, Stage::Leaving),
            Change::Released { vessel } | Change::Lost { vessel, .. } => {
                self.stages.remove(&vessel.handle);
                self.answers.remove(&vessel.handle);
            }
            Change::Waiting { .. } => self.waiting = Some(event_text::line(change)),
            _ => {}
        }
        if !matches!(change, Change::Waiting { .. })
            && self.number_of(Stage::Running) >= self.wanted
        {
            self.waiting = None;
        }
    }

    fn set(&mut self, vessel: &VesselLabel, stage: Stage) {
        self.stages
            .insert(vessel.handle.clone(), (vessel.clone(), stage));
    }

    fn number_of(&self, stage: Stage) -> usize {
        self.stages
            .values()
            .filter(|(_, other)| *other == stage)
            .count()
    }

    /// Draws the living line anew.
    fn draw(&self) {
        if self.output.progress().is_live() {
            self.output.progress().say(self.summary());
        }
    }

    /// What the living line says.
    fn summary(&self) -> String {
        let mut parts = vec![format!(
            "{} of {} running",
            self.number_of(Stage::Running),
            self.wanted
        )];
        for (stage, word) in [
            (Stage::Coming, "coming up"),
            (Stage::Doubtful, "in doubt"),
            (Stage::Leaving, "being given back"),
        ] {
            match self.number_of(stage) {
                0 => {}
                number => parts.push(format!("{number} {word}")),
            }
        }
        if self.port.is_some() {
            let serving = self
                .answers
                .values()
                .filter(|(_, answer)| answer.is_line())
                .count();
            parts.push(format!("{serving} answering"));
        }
        parts.extend(self.waiting.as_deref().map(harmless));
        parts.join(" · ")
    }

    /// The time of a line: since the start where somebody looks on, of the day where it is kept.
    fn stamp(&self, at: &str) -> String {
        let stamp = if self.output.progress().is_live() {
            format!("{:>7}", short_duration(self.begun.elapsed()))
        } else {
            at.to_owned()
        };
        self.output.palette().paint(Paint::Faint, &stamp)
    }
}

fn copies_of(count: usize) -> String {
    count_of(count, "copy", "copies")
}

/// A copy as it is named to a reader.
fn place(vessel: &VesselLabel) -> String {
    let copy = vessel
        .index
        .map(|index| format!("copy {index} on "))
        .unwrap_or_default();
    format!("{copy}{} {}", vessel.location, vessel.handle.vessel)
}

/// Whether a change is only a step on the way, which the living line shows well enough.
fn is_minor(change: &Change) -> bool {
    matches!(
        change,
        Change::Acquired { .. }
            | Change::Uploaded { .. }
            | Change::Started { .. }
            | Change::LeaseRenewed { .. }
            | Change::LeftAlone { .. }
    )
}

fn paint(change: &Change) -> Paint {
    match (event_text::level(change), change) {
        (Level::ERROR, _) => Paint::Bad,
        (Level::WARN, Change::Failed { .. } | Change::Lost { .. }) => Paint::Bad,
        (Level::WARN, _) => Paint::Doubtful,
        (_, Change::Running { .. } | Change::BreakerClosed) => Paint::Good,
        (_, minor) if is_minor(minor) => Paint::Faint,
        _ => Paint::Strong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Format, Palette};
    use overlord::Code;
    use overlord::engine::CondemnReason;

    #[test]
    fn the_living_line_tells_doubt_from_what_is_given_back() {
        let vessel = |number: u32| VesselLabel {
            handle: format!("3 5:v{number}").parse().unwrap(),
            location: "10.0.0.1:1224".parse().unwrap(),
            index: Some(number),
        };
        let output = Output::new(Format::Json, Palette::Plain);
        let mut watcher = Watcher::new(output, 3, None, Instant::now());
        assert_eq!(watcher.summary(), "0 of 3 running");
        for number in 0..3 {
            let vessel = vessel(number);
            watcher.count(&Change::Running { vessel });
        }
        assert_eq!(watcher.summary(), "3 of 3 running");
        assert_eq!(watcher.first_copy(), Some(&vessel(0)));
        watcher.count(&Change::Unknown { vessel: vessel(0) });
        watcher.count(&Change::Condemned {
            vessel: vessel(1),
            reason: CondemnReason::RunEnds,
        });
        assert_eq!(
            watcher.summary(),
            "1 of 3 running · 1 in doubt · 1 being given back"
        );
        watcher.count(&Change::Released { vessel: vessel(1) });
        assert_eq!(watcher.summary(), "1 of 3 running · 1 in doubt");
        assert_eq!(watcher.first_copy(), Some(&vessel(2)));
    }

    #[test]
    fn a_bug_of_ours_is_shown_as_what_is_bad_and_never_left_out() {
        let bug = Change::Bug {
            code: Code::Internal,
            message: "internal error, please report it: copy 3 is on two vessels".to_owned(),
        };
        assert!(!is_minor(&bug));
        assert_eq!(paint(&bug), Paint::Bad);
    }
}
