//! What can be made to go wrong in a testbed, as it is typed: read, checked, and carried out. How the words get here
//! is the business of `socket`; what a knob then does is the clearinghouse's and the nodes'.

use std::time::Duration;

use overlord_node::{NodeFaultState, NodeFaults, WrongReply};
use overlord_types::failure::{Classified, Code};
use overlord_types::{Handle, VesselName};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::clearinghouse::{ClearinghouseFaultState, ClearinghouseFaults, FaultRule, Misbehaviour};
use crate::error::TestbedError;
use crate::testbed::Testbed;

/// What a node that lies says to every call.
const WRONG_REPLY: &[u8] = b"no node manager says this\n";
/// The faults of a node, for help and messages.
pub const NODE_FAULTS: &str = "kill, stop, restart, silence, refuse, close, disk-full, wrong-reply, lost-answers, clock-ahead TIME, clock-behind TIME, latency TIME, none";
/// The faults of the clearinghouse.
pub const CLEARINGHOUSE_FAULTS: &str =
    "down, hang, lost-answers, lost-requests, garbage, latency TIME, none";
/// The faults of a vessel.
pub const VESSEL_FAULTS: &str = "kill";

/// Whose fault, as it is asked for over the control socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultTarget {
    /// The node of this number.
    Node(usize),
    /// The clearinghouse.
    Clearinghouse,
    /// The vessel of this handle.
    Vessel(String),
}

/// A fault as it was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypedFault {
    /// A node or a program dies.
    Kill,
    /// A node's daemon ends, and its vessels' programs run on.
    Stop,
    /// A node's daemon starts again.
    Restart,
    /// A node takes connections and says nothing.
    Silence,
    /// A node takes no connections.
    Refuse,
    /// A node closes connections unanswered.
    Close,
    /// A node has no room for files.
    DiskFull,
    /// A node answers every call with something that no node manager says.
    WrongReply,
    /// The work is done, and its answer is lost.
    LostAnswers,
    /// Requests to the clearinghouse are lost.
    LostRequests,
    /// The clearinghouse answers with what is no XML-RPC.
    Garbage,
    /// The clearinghouse is down.
    Down,
    /// The clearinghouse reads requests and never answers.
    Hang,
    /// A node's clock is so much ahead.
    ClockAhead(Duration),
    /// A node's clock is so much behind.
    ClockBehind(Duration),
    /// Answers come so much later.
    Latency(Duration),
    /// All knobs are put back.
    None,
}

/// Words that are no fault of what they were said of.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FaultWordsError {
    /// The time of a fault is none.
    #[error("{text:?} is no time; write 200ms or 2s")]
    NoTime {
        /// What was written in its place.
        text: String,
        /// What is wrong with it.
        source: humantime::DurationError,
    },
    /// The fault takes a time, and there is none.
    #[error("{0} wants a time, such as 200ms")]
    TimeMissing(String),
    /// No fault of that name.
    #[error("there is no fault {0:?}")]
    Unknown(String),
    /// A node cannot have this fault.
    #[error("that is a fault of the clearinghouse; those of a node are: {NODE_FAULTS}")]
    NotOfNode,
    /// The clearinghouse cannot have this fault.
    #[error("the faults of the clearinghouse are: {CLEARINGHOUSE_FAULTS}")]
    NotOfClearinghouse,
    /// A vessel cannot have this fault.
    #[error("the only fault of a vessel is {VESSEL_FAULTS}")]
    NotOfVessel,
}

impl Classified for FaultWordsError {
    fn code(&self) -> Code {
        Code::TestbedFault
    }
}

/// Why a fault was not carried out.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FaultRefused {
    /// There is no such fault of that.
    #[error(transparent)]
    Words(#[from] FaultWordsError),
    /// Not a vessel of this testbed.
    #[error("{0:?} is neither a handle nor NODE:VESSEL, such as 3:v2")]
    NoVessel(String),
    /// The testbed cannot do it now.
    #[error(transparent)]
    Testbed(#[from] TestbedError),
}

impl Classified for FaultRefused {
    fn code(&self) -> Code {
        match self {
            Self::Words(error) => error.code(),
            Self::NoVessel(_) => Code::TestbedRequest,
            Self::Testbed(error) => error.code(),
        }
    }
}

impl TypedFault {
    /// Reads the words of a fault.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(words: &[String]) -> Result<Self, FaultWordsError> {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let time = |text: &str| {
            humantime::parse_duration(text).map_err(|source| FaultWordsError::NoTime {
                text: text.to_owned(),
                source,
            })
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
                Err(FaultWordsError::TimeMissing((*word).to_owned()))
            }
            _ => Err(FaultWordsError::Unknown(words.join(" "))),
        }
    }

    /// Whether a node can have it.
    ///
    /// # Errors
    /// What a node can have.
    pub fn of_node(self) -> Result<Self, FaultWordsError> {
        match self {
            Self::Down | Self::Hang | Self::LostRequests | Self::Garbage => {
                Err(FaultWordsError::NotOfNode)
            }
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
    target: &FaultTarget,
    words: &[String],
) -> Result<String, FaultRefused> {
    let fault = TypedFault::parse(words)?;
    match target {
        FaultTarget::Node(number) => {
            of_node(testbed, *number, fault.of_node()?).await?;
            Ok(format!("node {number}: {}", words.join(" ")))
        }
        FaultTarget::Clearinghouse => {
            of_clearinghouse(testbed.clearinghouse_faults(), fault)?;
            Ok(format!("clearinghouse: {}", words.join(" ")))
        }
        FaultTarget::Vessel(name) => {
            let handle = vessel(testbed, name)?;
            match fault {
                TypedFault::Kill => testbed.kill_vessel_process(&handle)?,
                _ => return Err(FaultWordsError::NotOfVessel.into()),
            }
            Ok(format!("vessel {}: killed", handle.short()))
        }
    }
}

async fn of_node(testbed: &Testbed, number: usize, fault: TypedFault) -> Result<(), TestbedError> {
    match fault {
        TypedFault::Kill => testbed.kill_node(number).await?,
        TypedFault::Stop => testbed.stop_node(number).await?,
        TypedFault::Restart => testbed.restart_node(number).await?,
        other => drop(turn(&testbed.node_faults(number)?, other)),
    }
    Ok(())
}

/// Turns a knob of a node; says whether the fault is one of the knobs'.
fn turn(knobs: &NodeFaults, fault: TypedFault) -> bool {
    match fault {
        TypedFault::Silence => knobs.set_silent(true),
        TypedFault::Refuse => knobs.set_refusing(true),
        TypedFault::Close => knobs.set_closing_unanswered(true),
        TypedFault::DiskFull => knobs.set_disk_full(true),
        TypedFault::WrongReply => {
            knobs.set_wrong_reply(Some(WrongReply::Bytes(WRONG_REPLY.to_vec())));
        }
        TypedFault::LostAnswers => knobs.set_wrong_reply(Some(WrongReply::Lost)),
        TypedFault::ClockAhead(skew) => knobs.set_clock_skew_seconds(skew.as_secs_f64()),
        TypedFault::ClockBehind(skew) => knobs.set_clock_skew_seconds(-skew.as_secs_f64()),
        TypedFault::Latency(latency) => knobs.set_latency(latency),
        TypedFault::None => knobs.clear(),
        _ => return false,
    }
    true
}

fn of_clearinghouse(knobs: &ClearinghouseFaults, fault: TypedFault) -> Result<(), FaultWordsError> {
    match fault {
        TypedFault::Down => knobs.set_down(true),
        TypedFault::Hang => knobs.set_hanging(true),
        TypedFault::LostAnswers => knobs.add(FaultRule::always(Misbehaviour::LoseAnswer)),
        TypedFault::LostRequests => knobs.add(FaultRule::always(Misbehaviour::LoseRequest)),
        TypedFault::Garbage => knobs.add(FaultRule::always(Misbehaviour::Garbage)),
        TypedFault::Latency(latency) => knobs.set_latency(latency),
        TypedFault::None => knobs.clear(),
        _ => return Err(FaultWordsError::NotOfClearinghouse),
    }
    Ok(())
}

/// The faults of a node that are on, in the words that turn them on.
pub(super) fn words_of_node(faults: &NodeFaultState) -> Vec<String> {
    let answers = &faults.answers;
    let skew = faults.clock_skew_seconds;
    let wrong_reply = match answers.wrong_reply {
        Some(WrongReply::Lost) => "lost-answers",
        _ => "wrong-reply",
    };
    // What is no time, as infinity, a knob of the library can hold, but no word says it.
    let time = Duration::try_from_secs_f64(skew.abs()).unwrap_or(Duration::MAX);
    let mut words = Vec::new();
    for (is_on, word) in [
        (answers.silent, "silence"),
        (faults.refusing, "refuse"),
        (answers.refuse, "close"),
        (faults.disk_full, "disk-full"),
        (answers.wrong_reply.is_some(), wrong_reply),
    ] {
        if is_on {
            words.push(word.to_owned());
        }
    }
    if skew > 0.0 {
        words.push(with_time("clock-ahead", time));
    } else if skew < 0.0 {
        words.push(with_time("clock-behind", time));
    }
    if !answers.latency.is_zero() {
        words.push(with_time("latency", answers.latency));
    }
    words
}

/// The faults of the clearinghouse that are on, in the words that turn them on; one that has none, as a rule of the
/// library may be, is told as such.
pub(super) fn words_of_clearinghouse(faults: &ClearinghouseFaultState) -> Vec<String> {
    let mut words = Vec::new();
    if faults.down {
        words.push("down".to_owned());
    }
    for rule in &faults.rules {
        let word = match &rule.misbehaviour {
            Misbehaviour::Hang => "hang",
            Misbehaviour::LoseAnswer => "lost-answers",
            Misbehaviour::LoseRequest => "lost-requests",
            Misbehaviour::Garbage => "garbage",
            _ => "a rule of the library's",
        };
        words.push(word.to_owned());
    }
    if !faults.latency.is_zero() {
        words.push(with_time("latency", faults.latency));
    }
    words.dedup();
    words
}

/// A fault that takes a time.
fn with_time(word: &str, time: Duration) -> String {
    format!(
        "{word} {}",
        humantime::format_duration(time)
            .to_string()
            .replace(' ', "")
    )
}

/// A vessel by its handle, or by the number of its node and its name there, as in `3:v2`.
fn vessel(testbed: &Testbed, name: &str) -> Result<Handle, FaultRefused> {
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
        _ => Err(FaultRefused::NoVessel(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<TypedFault, FaultWordsError> {
        let words: Vec<_> = text.split(' ').map(str::to_owned).collect();
        TypedFault::parse(&words)
    }

    #[test]
    fn faults_are_read_as_they_are_typed() {
        assert_eq!(parse("kill").unwrap(), TypedFault::Kill);
        let latency = TypedFault::Latency(Duration::from_millis(200));
        assert_eq!(parse("latency 200ms").unwrap(), latency);
        let behind = TypedFault::ClockBehind(Duration::from_secs(7200));
        assert_eq!(parse("clock-behind 2h").unwrap(), behind);
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
    fn a_fault_that_is_on_is_told_in_the_words_that_turned_it_on() {
        let node = NodeFaults::default();
        assert_eq!(words_of_node(&node.current()), Vec::<String>::new());
        for fault in NODE_FAULTS.split(", ") {
            let typed = fault.replace("TIME", "2h30m");
            if turn(&node, parse(&typed).unwrap()) {
                let wanted: &[String] = if typed == "none" { &[] } else { &[typed] };
                assert_eq!(words_of_node(&node.current()), wanted);
            }
            node.clear();
        }
        let clearinghouse = ClearinghouseFaults::default();
        for fault in CLEARINGHOUSE_FAULTS.split(", ") {
            let typed = fault.replace("TIME", "200ms");
            of_clearinghouse(&clearinghouse, parse(&typed).unwrap()).unwrap();
            let wanted: &[String] = if typed == "none" { &[] } else { &[typed] };
            assert_eq!(words_of_clearinghouse(&clearinghouse.current()), wanted);
            clearinghouse.clear();
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
