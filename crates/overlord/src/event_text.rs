//! What a change of the fleet reads like in a log: one line, the vessel's place first in mind.
//!
//! Parts of it were written by strangers: programs, nodes, the clearinghouse. Nothing of theirs can move a
//! terminal's cursor or look like a line of ours.

use overlord_engine::{
    Change, CondemnReason, Evidence, FleetEvent, LeftVessel, RunReport, StopReason, VesselLabel,
    WaitReason,
};
use tracing::Level;

/// Most lines of a program's log that are shown before its last one: enough for where and how of a traceback. The change
/// itself has more, and `overlord vessels log` prints all.
const EXCERPT_LINES_MAX: usize = 5;

/// How loud a change is.
#[must_use]
pub fn level(change: &Change) -> Level {
    match change {
        Change::Bug { .. } | Change::HookFailed { .. } => Level::ERROR,
        Change::Suspect { .. }
        | Change::Unknown { .. }
        | Change::Failed { .. }
        | Change::Condemned { .. }
        | Change::Lost { .. }
        | Change::BreakerOpened { .. }
        | Change::Waiting { .. } => Level::WARN,
        _ => Level::INFO,
    }
}

/// Writes an event to the log of the current context.
pub(crate) fn log(event: &FleetEvent) {
    let text = line(&event.change);
    match level(&event.change) {
        Level::ERROR => tracing::error!("{text}"),
        Level::WARN => tracing::warn!("{text}"),
        _ => tracing::info!("{text}"),
    }
}

/// The line, without time and level. It may have further lines where a program's log is quoted.
#[must_use]
pub fn line(change: &Change) -> String {
    match change {
        Change::RunStarted { wanted } => format!("the run began; wanted: {wanted}"),
        Change::Acquired { vessel, expires } => {
            format!("{}: acquired, lease until {expires}", place(vessel))
        }
        Change::Adopted { vessel, expires } => {
            format!("{}: taken over, lease until {expires}", place(vessel))
        }
        Change::Uploaded { vessel } => format!("{}: program uploaded", place(vessel)),
        Change::Started { vessel } => format!("{}: program started", place(vessel)),
        Change::Running { vessel } => format!("{}: running", place(vessel)),
        Change::Suspect { vessel, evidence } => {
            format!("{}: looks wrong, {}", place(vessel), seen(evidence))
        }
        Change::Unknown { vessel } => {
            format!(
                "{}: cannot be reached; left as it is for now",
                place(vessel)
            )
        }
        Change::Failed {
            vessel,
            reason,
            failures,
            next_attempt,
            log_tail,
            ..
        } => {
            let mut text = format!(
                "{}: failed (attempt {failures}), {}; next attempt at {next_attempt}",
                place(vessel),
                one_line(reason)
            );
            text.push_str(&excerpt(log_tail));
            text
        }
        Change::Condemned { vessel, reason } => {
            format!("{}: will be given back, {}", place(vessel), why(reason))
        }
        Change::Released { vessel } => format!("{}: given back", place(vessel)),
        Change::ReleasedAtStart { vessels } => match vessels.len() {
            1 => "1 vessel from before was given back".to_owned(),
            several => format!("{several} vessels from before were given back"),
        },
        Change::Lost { vessel } => {
            format!(
                "{}: no longer ours, its lease ended or it was taken back",
                place(vessel)
            )
        }
        Change::LeaseRenewed { vessel, expires } => {
            format!("{}: lease renewed until {expires}", place(vessel))
        }
        Change::BreakerOpened { silent, nodes } => format!(
            "{silent} of {nodes} nodes are silent: perhaps it is our own link, so nothing is given back for silence"
        ),
        Change::BreakerHalfOpened { silent, nodes } => {
            format!("{silent} of {nodes} nodes are still silent: replaced one by one from now on")
        }
        Change::BreakerClosed => "enough nodes answer again".to_owned(),
        Change::Waiting { reason, until } => {
            let until =
                until.map_or_else(String::new, |until| format!("; next attempt at {until}"));
            format!("waiting: {}{until}", awaited(reason))
        }
        Change::HookFailed { reason, .. } => format!("a hook failed: {}", one_line(reason)),
        Change::LeftAlone { handle } => {
            format!(
                "vessel {} of the account is not ours and left alone",
                handle.short()
            )
        }
        Change::Bug { message, .. } => one_line(message),
        Change::Stopping { reason } => format!("stopping, {}", asked_by(*reason)),
        Change::Stopped { report } => ended(report),
        // The engine may learn of changes that this text does not know yet.
        other => format!("{other:?}"),
    }
}

/// The last line of a run: what is left running where.
#[must_use]
pub fn ended(report: &RunReport) -> String {
    let list = |vessels: &[LeftVessel]| {
        let lines = vessels.iter().map(|left| {
            format!(
                "{} ({}, lease until {})",
                place(&left.vessel),
                left.stage,
                left.expires
            )
        });
        lines.collect::<Vec<_>>().join(", ")
    };
    let mut text = format!("stopped, {}; ", asked_by(report.reason));
    match report.running.len() {
        0 if report.may_run.is_empty() => text.push_str("nothing is left running"),
        0 => text.push_str("nothing is known to be left running"),
        left => {
            text.push_str(&format!("left running: {left}: {}", list(&report.running)));
        }
    }
    if !report.may_run.is_empty() {
        text.push_str(&format!("; may still run: {}", list(&report.may_run)));
    }
    if !report.idle.is_empty() {
        text.push_str(&format!(
            "; held without a running program: {}",
            list(&report.idle)
        ));
    }
    if report.in_doubt > 0 {
        text.push_str(&format!("; perhaps acquired besides: {}", report.in_doubt));
    }
    for undone in &report.undone {
        text.push_str(&format!("; not done: {}", one_line(undone)));
    }
    text
}

/// A stranger's text on one line, control characters shown as what they are.
/// The end of a program's log: its last line first, since that says what happened, and a few of those before it.
fn excerpt(log_tail: &str) -> String {
    // Rules and empty lines, of which tracebacks have many, say nothing.
    let says = |line: &&str| line.contains(char::is_alphanumeric);
    let mut lines: Vec<&str> = log_tail.lines().filter(says).collect();
    let Some(last) = lines.pop() else {
        return String::new();
    };
    let mut text = format!("\n  its log ends: {}", one_line(last));
    let before = lines.len().saturating_sub(EXCERPT_LINES_MAX);
    for line in lines.iter().skip(before) {
        text.push_str("\n  | ");
        text.push_str(&one_line(line));
    }
    text
}

fn one_line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => shown.push(' '),
            control if control.is_control() => shown.extend(control.escape_default()),
            other => shown.push(other),
        }
    }
    shown
}

fn place(vessel: &VesselLabel) -> String {
    let name = &vessel.handle.vessel;
    match vessel.index {
        Some(index) => format!("copy {index} on {} {name}", vessel.location),
        None => format!("{} {name}", vessel.location),
    }
}

fn seen(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Silent { detail, .. } => format!("its node did not answer: {}", one_line(detail)),
        Evidence::Misbehaved { detail, .. } => {
            format!("its node answered nonsense: {}", one_line(detail))
        }
        Evidence::NotRunning { status } => format!("its program is {status}"),
        Evidence::NoSuchVessel => "its node knows no such vessel".to_owned(),
        Evidence::NotOurs => "its node does not count us among its users".to_owned(),
        Evidence::NotHeld => "the clearinghouse does not count it as ours".to_owned(),
        Evidence::InitialiseFailed { detail, .. } => {
            format!("its program could not be brought up: {}", one_line(detail))
        }
        other => format!("{other:?}"),
    }
}

fn why(reason: &CondemnReason) -> String {
    match reason {
        CondemnReason::Evidence { last, rounds } => {
            format!("after {rounds} looks: {}", seen(last))
        }
        CondemnReason::NeverRan { last, attempts, .. } => {
            format!("it never ran in {attempts} attempts: {}", one_line(last))
        }
        CondemnReason::Surplus => "more are held than wanted".to_owned(),
        CondemnReason::Quarantined => "its node has failed us often lately".to_owned(),
        CondemnReason::SameNetwork => "another copy is on the same network".to_owned(),
        CondemnReason::DroppedByHook => "the remove_vessels hook left it out".to_owned(),
        CondemnReason::RunEnds => "the run ends".to_owned(),
        other => format!("{other:?}"),
    }
}

fn awaited(reason: &WaitReason) -> String {
    match reason {
        WaitReason::Clearinghouse { detail, .. } => {
            format!("the clearinghouse fails: {}", one_line(detail))
        }
        WaitReason::Vessels {
            missing, detail, ..
        } => {
            let detail = one_line(detail);
            format!("{missing} vessels are missing and cannot be had: {detail}")
        }
        WaitReason::Credit {
            missing, detail, ..
        } => {
            let detail = one_line(detail);
            format!("{missing} vessels are missing and the credit is used up: {detail}")
        }
        WaitReason::LostAnswer { count } => {
            format!("what became of a request for {count} vessels is being found out")
        }
        WaitReason::Renewal {
            vessels, detail, ..
        } => {
            format!("{vessels} leases were not renewed: {}", one_line(detail))
        }
        WaitReason::Hook { detail, .. } => format!("a hook fails: {}", one_line(detail)),
        WaitReason::Journal { detail, .. } => {
            format!("the journal takes no records: {}", one_line(detail))
        }
        other => format!("{other:?}"),
    }
}

fn asked_by(reason: StopReason) -> &'static str {
    match reason {
        StopReason::StopFile => "the stop file is there",
        StopReason::Signal => "a signal came",
        StopReason::Operator => "as asked",
        StopReason::OutputLost => "standard output was closed or cannot be written",
        _ => "for another reason",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use overlord_engine::WallTime;
    use overlord_types::failure::Code;
    use std::time::Duration;

    fn vessel(index: Option<u32>) -> VesselLabel {
        VesselLabel {
            handle: "3 33:v7".parse().unwrap(),
            location: "10.0.0.1:1224".parse().unwrap(),
            index,
        }
    }

    #[test]
    fn a_line_says_where_and_what_without_the_shape_of_our_types() {
        let at = WallTime::from_unix_millis(0);
        let silent = Evidence::Silent {
            code: Code::NodeUnreachable,
            detail: "refused".to_owned(),
        };
        for (change, text) in [
            (
                Change::Acquired {
                    vessel: vessel(None),
                    expires: at,
                },
                "10.0.0.1:1224 v7: acquired, lease until 1970-01-01T00:00:00.000Z",
            ),
            (
                Change::Running {
                    vessel: vessel(Some(3)),
                },
                "copy 3 on 10.0.0.1:1224 v7: running",
            ),
            (
                Change::Condemned {
                    vessel: vessel(Some(3)),
                    reason: CondemnReason::Evidence {
                        last: silent,
                        rounds: 2,
                    },
                },
                "copy 3 on 10.0.0.1:1224 v7: will be given back, after 2 looks: its node did not answer: refused",
            ),
            (
                Change::Waiting {
                    reason: WaitReason::Credit {
                        missing: 2,
                        code: Code::CreditExhausted,
                        detail: "no more".to_owned(),
                    },
                    until: None,
                },
                "waiting: 2 vessels are missing and the credit is used up: no more",
            ),
            (
                Change::Bug {
                    code: Code::Internal,
                    message:
                        "internal error, please report it: copy 3 is on two vessels (fleet.rs:1)"
                            .to_owned(),
                },
                "internal error, please report it: copy 3 is on two vessels (fleet.rs:1)",
            ),
        ] {
            assert_eq!(line(&change), text);
        }
    }

    #[test]
    fn the_last_line_says_what_is_left_where() {
        let left = LeftVessel {
            vessel: vessel(Some(1)),
            stage: overlord_engine::StageName::Running,
            expires: WallTime::from_unix_millis(0),
        };
        let mut report = RunReport {
            reason: StopReason::StopFile,
            running: vec![left],
            may_run: Vec::new(),
            idle: Vec::new(),
            in_doubt: 1,
            undone: vec!["a release".to_owned()],
            duration: Duration::ZERO,
        };
        assert_eq!(
            ended(&report),
            "stopped, the stop file is there; left running: 1: copy 1 on 10.0.0.1:1224 v7 (running, lease until 1970-01-01T00:00:00.000Z); perhaps acquired besides: 1; not done: a release"
        );
        let left = report.running.remove(0);
        assert!(ended(&report).contains("nothing is left running"));
        report.may_run.push(left);
        assert!(
            ended(&report).contains("nothing is known to be left running; may still run: copy 1")
        );
    }

    #[test]
    fn a_traceback_does_not_fill_the_screen() {
        let log: String = (1..=22).map(|line| format!("line {line}\n")).collect();
        let shown = excerpt(&log);
        let lines: Vec<&str> = shown.trim_start().lines().collect();
        assert_eq!(lines[0], "its log ends: line 22");
        assert_eq!(
            (lines.len(), lines[1], lines[5]),
            (6, "  | line 17", "  | line 21")
        );
        assert_eq!(excerpt("---\n\n"), "");
    }

    #[test]
    fn what_strangers_wrote_cannot_look_like_a_line_of_ours() {
        let change = Change::Failed {
            vessel: vessel(Some(1)),
            code: Code::NodeRefused,
            reason: "no\nINFO all is well".to_owned(),
            failures: 1,
            next_attempt: WallTime::from_unix_millis(0),
            log_tail: "one\x1b[2J\n---\n\nINFO all is well\n---".to_owned(),
        };
        let text = line(&change);
        assert!(
            text.starts_with("copy 1 on 10.0.0.1:1224 v7: failed (attempt 1), no"),
            "{text}"
        );
        assert!(!text.contains('\x1b'), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1..],
            ["  its log ends: INFO all is well", "  | one\\u{1b}[2J"]
        );
        assert!(lines[0].contains("no\\nINFO all is well"), "{text}");
    }
}
