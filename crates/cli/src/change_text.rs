//! Changes of the fleet in words: one line each, and which of them deserve attention.

use std::time::Duration;

use overlord_engine::{
    Change, CondemnReason, Evidence, LeftVessel, RunReport, StopReason, VesselLabel, WaitReason,
    WallTime,
};

use crate::output::Paint;

/// Longest end of a program's log that is shown with a failure, in lines.
const LOG_LINES_SHOWN: usize = 5;

/// One line, and how it is to be taken.
pub(crate) struct Sentence {
    /// What happened.
    pub(crate) text: String,
    /// How it is to be taken.
    pub(crate) paint: Paint,
}

/// A change in words.
pub(crate) fn sentence(change: &Change) -> Sentence {
    let (paint, text) = match change {
        Change::RunStarted { wanted } => (Paint::Strong, format!("{wanted} copies wanted")),
        Change::Acquired { vessel, expires } => (
            Paint::Faint,
            format!("{}: acquired, leased until {expires}", name(vessel)),
        ),
        Change::Adopted { vessel, expires } => (
            Paint::Faint,
            format!("{}: taken over, leased until {expires}", name(vessel)),
        ),
        Change::Uploaded { vessel } => (Paint::Faint, format!("{}: uploaded", name(vessel))),
        Change::Started { vessel } => (Paint::Faint, format!("{}: started", name(vessel))),
        Change::Running { vessel } => (Paint::Good, format!("{}: runs", name(vessel))),
        Change::Suspect { vessel, evidence } => (
            Paint::Doubtful,
            format!(
                "{}: looks wrong ({}); looking again",
                name(vessel),
                evidence_text(evidence)
            ),
        ),
        Change::Unknown { vessel } => (
            Paint::Doubtful,
            format!("{}: cannot be reached; left alone for now", name(vessel)),
        ),
        Change::Failed {
            vessel,
            reason,
            failures,
            next_attempt,
            log_tail,
        } => (
            Paint::Bad,
            format!(
                "{}: failed ({failures} in a row): {reason}; again at {next_attempt}{}",
                name(vessel),
                log_end(log_tail)
            ),
        ),
        Change::Condemned { vessel, reason } => (
            Paint::Doubtful,
            format!(
                "{}: will be given back: {}",
                name(vessel),
                condemn_text(reason)
            ),
        ),
        Change::Released { vessel } => (Paint::Faint, format!("{}: given back", name(vessel))),
        Change::ReleasedAtStart { vessels } => (
            Paint::Doubtful,
            format!(
                "gave back {} that the account held before",
                vessel_count(vessels.len())
            ),
        ),
        Change::Lost { vessel } => (
            Paint::Bad,
            format!(
                "{}: no longer ours: its lease ended, or it was taken back",
                name(vessel)
            ),
        ),
        Change::LeaseRenewed { vessel, expires } => (
            Paint::Faint,
            format!("{}: leased until {expires}", name(vessel)),
        ),
        Change::BreakerOpened { silent, nodes } => (
            Paint::Bad,
            format!(
                "{silent} of {nodes} nodes fell silent at once: perhaps our own network; nothing is replaced for now"
            ),
        ),
        Change::BreakerHalfOpened { silent, nodes } => (
            Paint::Doubtful,
            format!(
                "{silent} of {nodes} nodes are still silent: their copies are replaced one by one"
            ),
        ),
        Change::BreakerClosed => (Paint::Good, "enough nodes answer again".to_owned()),
        Change::Waiting { reason, until } => {
            let until = until
                .map(|at| format!("; again at {at}"))
                .unwrap_or_default();
            (
                Paint::Doubtful,
                format!("waiting: {}{until}", wait_text(reason)),
            )
        }
        Change::HookFailed { reason } => (Paint::Bad, format!("a hook failed: {reason}")),
        Change::LeftAlone { handle } => (
            Paint::Faint,
            format!(
                "{}: held by the account, not ours; left alone",
                handle.short()
            ),
        ),
        Change::Bug { message } => (
            Paint::Bad,
            format!("a bug of overlord, please report it: {message}"),
        ),
        Change::Stopping { reason } => (Paint::Strong, format!("stopping: {}", stop_text(*reason))),
        Change::Stopped { report } => (Paint::Strong, left_behind(report)),
        other => return other_change(other),
    };
    Sentence { text, paint }
}

/// Changes that this version of the words does not know yet are shown as data.
fn other_change(change: &Change) -> Sentence {
    let text = serde_json::to_string(change).unwrap_or_else(|error| error.to_string());
    Sentence {
        text,
        paint: Paint::Faint,
    }
}

/// A vessel as it is named to a reader: copy, address, name.
pub(crate) fn name(vessel: &VesselLabel) -> String {
    let copy = vessel
        .index
        .map(|index| format!("copy {index} "))
        .unwrap_or_default();
    format!("{copy}{} {}", vessel.location, vessel.handle.vessel)
}

fn vessel_count(count: usize) -> String {
    match count {
        1 => "1 vessel".to_owned(),
        count => format!("{count} vessels"),
    }
}

fn evidence_text(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Silent { detail } => format!("its node is silent: {detail}"),
        Evidence::Misbehaved { detail } => format!("its node cannot be trusted: {detail}"),
        Evidence::NotRunning { status } => format!("its node says {status}"),
        Evidence::NoSuchVessel => "its node does not know it".to_owned(),
        Evidence::NotOurs => "its node says it is another's".to_owned(),
        Evidence::NotHeld => "the clearinghouse does not list it as ours".to_owned(),
        Evidence::InitialiseFailed { detail } => format!("it could not be brought up: {detail}"),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

fn condemn_text(reason: &CondemnReason) -> String {
    match reason {
        CondemnReason::Evidence { last, rounds } => {
            format!("{} (seen {rounds} times)", evidence_text(last))
        }
        CondemnReason::NeverRan { last, attempts } => {
            format!("it never ran in {attempts} attempts: {last}")
        }
        CondemnReason::Surplus => "more are held than wanted".to_owned(),
        CondemnReason::Quarantined => "its node has failed often lately".to_owned(),
        CondemnReason::SameNetwork => "another copy is on the same network".to_owned(),
        CondemnReason::DroppedByHook => "a hook left it out".to_owned(),
        CondemnReason::RunEnds => "the run ends".to_owned(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

fn wait_text(reason: &WaitReason) -> String {
    match reason {
        WaitReason::Clearinghouse { detail } => format!("the clearinghouse fails: {detail}"),
        WaitReason::Vessels { missing, detail } => format!(
            "the clearinghouse has no {} more to give: {detail}",
            vessel_count(*missing as usize)
        ),
        WaitReason::Credit { missing, detail } => format!(
            "the credit does not allow {} more: {detail}",
            vessel_count(*missing as usize)
        ),
        WaitReason::LostAnswer { count } => format!(
            "the answer to a request for {} was lost; looking what came of it",
            vessel_count(*count as usize)
        ),
        WaitReason::Renewal { vessels, detail } => {
            format!(
                "leases of {} were not renewed: {detail}",
                vessel_count(*vessels)
            )
        }
        WaitReason::Journal { detail } => format!("the journal takes no records: {detail}"),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

/// Who asked for the end.
pub(crate) fn stop_text(reason: StopReason) -> &'static str {
    match reason {
        StopReason::StopFile => "the stop file is there",
        StopReason::Signal => "a signal",
        StopReason::Operator => "asked to",
        _ => "asked to",
    }
}

/// The last line: what is left running where.
pub(crate) fn left_behind(report: &RunReport) -> String {
    let mut parts = Vec::new();
    if report.running.is_empty() {
        parts.push("nothing is left running".to_owned());
    } else {
        parts.push(format!(
            "left running on {}: {}",
            vessel_count(report.running.len()),
            left_names(&report.running)
        ));
    }
    if !report.idle.is_empty() {
        parts.push(format!(
            "held without a running copy: {} ({})",
            vessel_count(report.idle.len()),
            left_names(&report.idle)
        ));
    }
    if report.in_doubt > 0 {
        parts.push(format!(
            "perhaps held besides, by requests whose answers were lost: {}",
            vessel_count(report.in_doubt as usize)
        ));
    }
    for undone in &report.undone {
        parts.push(format!("not done in time: {undone}"));
    }
    format!(
        "stopped after {}; {}",
        short_duration(report.duration),
        parts.join("; ")
    )
}

fn left_names(vessels: &[LeftVessel]) -> String {
    let names = vessels.iter().map(|left| {
        format!(
            "{} {} until {}",
            left.vessel.location, left.vessel.handle.vessel, left.expires
        )
    });
    names.collect::<Vec<_>>().join(", ")
}

/// The end of a program's log, indented, on lines of its own.
fn log_end(log_tail: &str) -> String {
    let lines: Vec<_> = log_tail.lines().collect();
    let shown = lines
        .get(lines.len().saturating_sub(LOG_LINES_SHOWN)..)
        .unwrap_or_default();
    let harmless = |c: char| if c.is_control() { '?' } else { c };
    let shown = shown.iter().map(|line| {
        let line: String = line.chars().map(harmless).collect();
        format!("\n    | {line}")
    });
    shown.collect()
}

/// A time in words, rounded so that a reader is not told milliseconds of an hour.
pub(crate) fn short_duration(duration: Duration) -> String {
    if duration < Duration::from_secs(60) {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string()
    }
}

/// The time of day of a moment, without its date.
pub(crate) fn time_of_day(at: WallTime) -> String {
    let text = at.to_string();
    text.get(11..19).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label() -> VesselLabel {
        VesselLabel {
            handle: "65537 99384923155333721908:v12".parse().unwrap(),
            location: "127.1.2.1:1224".parse().unwrap(),
            index: Some(3),
        }
    }

    #[test]
    fn the_last_line_says_what_is_left_running_where() {
        let left = LeftVessel {
            vessel: label(),
            stage: "running",
            expires: WallTime::from_unix_millis(0),
        };
        let mut report = RunReport {
            reason: StopReason::StopFile,
            running: vec![left],
            idle: Vec::new(),
            in_doubt: 0,
            undone: Vec::new(),
            duration: Duration::from_millis(1234),
        };
        assert_eq!(
            left_behind(&report),
            "stopped after 1.2 s; left running on 1 vessel: 127.1.2.1:1224 v12 until 1970-01-01T00:00:00.000Z"
        );
        report.running.clear();
        assert_eq!(
            left_behind(&report),
            "stopped after 1.2 s; nothing is left running"
        );
    }

    #[test]
    fn a_failure_shows_the_end_of_the_programs_log_made_harmless() {
        let change = Change::Failed {
            vessel: label(),
            reason: "the program ended at once".to_owned(),
            failures: 2,
            next_attempt: WallTime::from_unix_millis(0),
            log_tail: "one\ntwo\nthree\nfour\nfive\nsix\u{1b}[2J".to_owned(),
        };
        let text = sentence(&change).text;
        assert!(
            text.starts_with("copy 3 127.1.2.1:1224 v12: failed (2 in a row)"),
            "{text}"
        );
        assert!(
            !text.contains("one\n") && text.ends_with("| six?[2J"),
            "{text}"
        );
    }

    #[test]
    fn the_time_of_day_is_cut_out() {
        assert_eq!(
            time_of_day(WallTime::from_unix_millis(3_723_004)),
            "01:02:03"
        );
        assert_eq!(short_duration(Duration::from_secs(3723)), "1h 2m 3s");
    }
}
