//! What can be made to go wrong in a testbed, as it is typed: read, checked, and carried out.

use std::time::Duration;

use overlord::types::{Handle, VesselName};
use overlord_testbed::clearinghouse::{FaultRule, Misbehaviour};
use overlord_testbed::node::WrongReply;
use overlord_testbed::{Testbed, TestbedError};

use crate::control::Whose;
use crate::failure::chain;

/// What a node that lies says to every call.
const WRONG_REPLY: &[u8] = b"no node manager says this\n";
/// The faults of a node, for help and messages.
pub(crate) const NODE_FAULTS: &str = "kill, stop, restart, silence, refuse, close, disk-full, wrong-reply, lost-answers, clock-ahead TIME, clock-behind TIME, latency TIME, none";
/// The faults of the clearinghouse.
pub(crate) const CLEARINGHOUSE_FAULTS: &str =
    "down, hang, lost-answers, lost-requests, garbage, latency TIME, none";
/// The faults of a vessel.
pub(crate) const VESSEL_FAULTS: &str = "kill";

/// A fault as it was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Kill,
    Stop,
    Restart,
    Silence,
    Refuse,
    Close,
    DiskFull,
    WrongReply,
    LostAnswers,
    LostRequests,
    Garbage,
    Down,
    Hang,
    ClockAhead(Duration),
    ClockBehind(Duration),
    Latency(Duration),
    None,
}

impl Fault {
    /// Reads the words of a fault.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let time = |text: &str| {
            humantime::parse_duration(text)
                .map_err(|error| format!("{text:?} is no time: {error}; write 200ms or 2s"))
        };
        match words.as_slice() {
            ["kill"] => Ok(Self::Kill),
            ["stop"] => Ok(Self::Stop),
            ["restart"] => Ok(Self::Restart),
            ["silence"] => Ok(Self::Silence),
            ["refuse"] => Ok(Self::Refuse),
            ["close"] => Ok(Self::Close),
            ["disk-full"] => Ok(Self::DiskFull),
            ["wrong-reply"] => Ok(Self::WrongReply),
            ["lost-answers"] => Ok(Self::LostAnswers),
            ["lost-requests"] => Ok(Self::LostRequests),
            ["garbage"] => Ok(Self::Garbage),
            ["down"] => Ok(Self::Down),
            ["hang"] => Ok(Self::Hang),
            ["none"] => Ok(Self::None),
            ["clock-ahead", text] => time(text).map(Self::ClockAhead),
            ["clock-behind", text] => time(text).map(Self::ClockBehind),
            ["latency", text] => time(text).map(Self::Latency),
            [word @ ("clock-ahead" | "clock-behind" | "latency")] => {
                Err(format!("{word} wants a time, such as 200ms"))
            }
            _ => Err(format!("there is no fault {:?}", words.join(" "))),
        }
    }

    /// Whether a node can have it.
    ///
    /// # Errors
    /// What a node can have.
    pub(crate) fn of_node(self) -> Result<Self, String> {
        match self {
            Self::Down | Self::Hang | Self::LostRequests | Self::Garbage => Err(format!(
                "that is a fault of the clearinghouse; those of a node are: {NODE_FAULTS}"
            )),
            fault => Ok(fault),
        }
    }
}

/// Carries a fault out and says what was done.
///
/// # Errors
/// No such thing, no such fault, or one that cannot be now.
pub(super) async fn carry_out(
    testbed: &Testbed,
    whose: &Whose,
    words: &[String],
) -> Result<String, String> {
    let told = |error: TestbedError| chain(&error).join(": ");
    let fault = Fault::parse(words)?;
    match whose {
        Whose::Node(number) => {
            of_node(testbed, *number, fault.of_node()?)
                .await
                .map_err(told)?;
            Ok(format!("node {number}: {}", words.join(" ")))
        }
        Whose::Clearinghouse => {
            of_clearinghouse(testbed, fault)?;
            Ok(format!("clearinghouse: {}", words.join(" ")))
        }
        Whose::Vessel(name) => {
            let handle = vessel(testbed, name)?;
            match fault {
                Fault::Kill => testbed.kill_vessel_process(&handle).map_err(told)?,
                _ => return Err(format!("the only fault of a vessel is {VESSEL_FAULTS}")),
            }
            Ok(format!("vessel {}: killed", handle.short()))
        }
    }
}

async fn of_node(testbed: &Testbed, number: usize, fault: Fault) -> Result<(), TestbedError> {
    match fault {
        Fault::Kill => testbed.kill_node(number).await?,
        Fault::Stop => testbed.stop_node(number).await?,
        Fault::Restart => testbed.restart_node(number).await?,
        other => {
            let knobs = testbed.node_faults(number)?;
            match other {
                Fault::Silence => knobs.set_silent(true),
                Fault::Refuse => knobs.set_refusing(true),
                Fault::Close => knobs.set_closing_unanswered(true),
                Fault::DiskFull => knobs.set_disk_full(true),
                Fault::WrongReply => {
                    knobs.set_wrong_reply(Some(WrongReply::Bytes(WRONG_REPLY.to_vec())));
                }
                Fault::LostAnswers => knobs.set_wrong_reply(Some(WrongReply::Lost)),
                Fault::ClockAhead(skew) => knobs.set_clock_skew_seconds(skew.as_secs_f64()),
                Fault::ClockBehind(skew) => knobs.set_clock_skew_seconds(-skew.as_secs_f64()),
                Fault::Latency(latency) => knobs.set_latency(latency),
                _ => knobs.clear(),
            }
        }
    }
    Ok(())
}

fn of_clearinghouse(testbed: &Testbed, fault: Fault) -> Result<(), String> {
    let knobs = testbed.clearinghouse_faults();
    match fault {
        Fault::Down => knobs.set_down(true),
        Fault::Hang => knobs.set_hanging(true),
        Fault::LostAnswers => knobs.add(FaultRule::always(Misbehaviour::LoseAnswer)),
        Fault::LostRequests => knobs.add(FaultRule::always(Misbehaviour::LoseRequest)),
        Fault::Garbage => knobs.add(FaultRule::always(Misbehaviour::Garbage)),
        Fault::Latency(latency) => knobs.set_latency(latency),
        Fault::None => knobs.clear(),
        _ => {
            return Err(format!(
                "the faults of the clearinghouse are: {CLEARINGHOUSE_FAULTS}"
            ));
        }
    }
    Ok(())
}

/// A vessel by its handle, or by the number of its node and its name there, as in `3:v2`.
fn vessel(testbed: &Testbed, name: &str) -> Result<Handle, String> {
    if let Ok(handle) = name.parse() {
        return Ok(handle);
    }
    let (node, vessel) = name.split_once(':').unwrap_or_default();
    let number: Option<usize> = node.parse().ok();
    let vessel: Option<VesselName> = vessel.parse().ok();
    let node = testbed
        .nodes()
        .into_iter()
        .find(|node| Some(node.number) == number);
    match (node, vessel) {
        (Some(node), Some(vessel)) => Ok(Handle::new(node.id, vessel)),
        _ => Err(format!(
            "{name:?} is neither a handle nor NODE:VESSEL, such as 3:v2"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Fault, String> {
        let words: Vec<_> = text.split(' ').map(str::to_owned).collect();
        Fault::parse(&words)
    }

    #[test]
    fn faults_are_read_as_they_are_typed() {
        assert_eq!(parse("kill"), Ok(Fault::Kill));
        let latency = Fault::Latency(Duration::from_millis(200));
        assert_eq!(parse("latency 200ms"), Ok(latency));
        let behind = Fault::ClockBehind(Duration::from_secs(7200));
        assert_eq!(parse("clock-behind 2h"), Ok(behind));
        for wrong in [
            "latency",
            "latency x",
            "latency -2s",
            "kill now",
            "boom",
            "",
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_fault_that_help_names_can_be_typed() {
        for list in [NODE_FAULTS, CLEARINGHOUSE_FAULTS, VESSEL_FAULTS] {
            for fault in list.split(", ") {
                let typed = fault.replace("TIME", "2s");
                assert!(parse(&typed).is_ok(), "{typed}");
            }
        }
        for fault in NODE_FAULTS.split(", ") {
            let fault = parse(&fault.replace("TIME", "2s")).unwrap();
            assert!(fault.of_node().is_ok(), "{fault:?}");
        }
        let page = include_str!("../../../../docs/testbed.md");
        for fault in NODE_FAULTS
            .split(", ")
            .chain(CLEARINGHOUSE_FAULTS.split(", "))
        {
            assert!(
                page.contains(&format!("`{fault}`")),
                "docs/testbed.md lacks {fault}"
            );
        }
    }
}
