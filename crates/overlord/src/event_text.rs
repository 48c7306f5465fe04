//! What a change of the fleet reads like in a log: one line, the vessel's place first in mind.

use overlord_engine::{
    Change, CondemnReason, Evidence, FleetEvent, LeftVessel, RunReport, StopReason, VesselLabel,
    WaitReason,
};
use tracing::Level;

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
        } => {
            let mut text = format!(
                "{}: failed for the {failures}. time, {reason}; next attempt at {next_attempt}",
                place(vessel)
            );
            if !log_tail.is_empty() {
                text.push_str("\n  its log ends:");
                for line in log_tail.lines() {
                    text.push_str("\n  | ");
                    text.push_str(line);
                }
            }
            text
        }
        Change::Condemned { vessel, reason } => {
            format!("{}: will be given back, {}", place(vessel), why(reason))
        }
        Change::Released { vessel } => format!("{}: given back", place(vessel)),
        Change::ReleasedAtStart { vessels } => {
            format!("{} vessels from before were given back", vessels.len())
        }
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
        Change::HookFailed { reason } => format!("a hook failed: {reason}"),
        Change::LeftAlone { handle } => {
            format!(
                "vessel {} of the account is not ours and left alone",
                handle.short()
            )
        }
        Change::Bug { message } => format!("a bug of Overlord, please report it: {message}"),
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
        0 => text.push_str("nothing is left running"),
        left => {
            text.push_str(&format!("left running: {left}: {}", list(&report.running)));
        }
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
        text.push_str(&format!("; not done: {undone}"));
    }
    text
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
        Evidence::Silent { detail } => format!("its node did not answer: {detail}"),
        Evidence::Misbehaved { detail } => format!("its node answered nonsense: {detail}"),
        Evidence::NotRunning { status } => format!("its program is {status}"),
        Evidence::NoSuchVessel => "its node knows no such vessel".to_owned(),
        Evidence::NotOurs => "its node does not count us among its users".to_owned(),
        Evidence::NotHeld => "the clearinghouse does not count it as ours".to_owned(),
        Evidence::InitialiseFailed { detail } => {
            format!("its program could not be brought up: {detail}")
        }
        other => format!("{other:?}"),
    }
}

fn why(reason: &CondemnReason) -> String {
    match reason {
        CondemnReason::Evidence { last, rounds } => {
            format!("after {rounds} looks: {}", seen(last))
        }
        CondemnReason::NeverRan { last, attempts } => {
            format!("it never ran in {attempts} attempts: {last}")
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
        WaitReason::Clearinghouse { detail } => format!("the clearinghouse fails: {detail}"),
        WaitReason::Vessels { missing, detail } => {
            format!("{missing} vessels are missing and cannot be had: {detail}")
        }
        WaitReason::Credit { missing, detail } => {
            format!("{missing} vessels are missing and the credit is used up: {detail}")
        }
        WaitReason::LostAnswer { count } => {
            format!("what became of a request for {count} vessels is being found out")
        }
        WaitReason::Renewal { vessels, detail } => {
            format!("{vessels} leases were not renewed: {detail}")
        }
        WaitReason::Hook { detail } => format!("a hook fails: {detail}"),
        WaitReason::Journal { detail } => format!("the journal takes no records: {detail}"),
        other => format!("{other:?}"),
    }
}

fn asked_by(reason: StopReason) -> &'static str {
    match reason {
        StopReason::StopFile => "the stop file is there",
        StopReason::Signal => "a signal came",
        StopReason::Operator => "as asked",
        _ => "for another reason",
    }
}
