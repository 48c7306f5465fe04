//! What the clearinghouse answers, written as the original writes it and read strictly.
//!
//! Reading depends on the call: an answer says not of which kind it is.

use std::collections::BTreeMap;
use std::time::Duration;

use overlord_types::failure::with_causes;
use overlord_types::{Handle, NodeLocation, UserPort, VesselName};
use thiserror::Error;

use crate::api::{AccountInfo, LeasedVessel};
use crate::error::BoxedSource;
use crate::xml::{RpcValue, Writer};

/// An answer that is no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClearinghouseResponse {
    /// A text: a key string, an encrypted or a new API key.
    Text(String),
    /// 0, the answer of calls that give nothing back.
    Done,
    /// An account.
    Account(AccountInfo),
    /// A list of vessels, in the server's order.
    Vessels(Vec<LeasedVessel>),
}

impl ClearinghouseResponse {
    /// The body of the HTTP answer, byte for byte as the original writes it.
    #[must_use]
    pub fn to_xml(&self) -> String {
        Writer::answer(|w| match self {
            Self::Text(text) => w.string(text),
            Self::Done => w.integer(0),
            Self::Account(account) => write_account(w, account),
            Self::Vessels(vessels) => {
                w.array(|w| vessels.iter().for_each(|vessel| write_vessel(w, vessel)));
            }
        })
    }
}

fn write_account(w: &mut Writer, account: &AccountInfo) {
    w.structure(|w| {
        w.member("user_name", |w| w.string(account.user_name.as_str()));
        w.member("user_port", |w| {
            w.integer(account.user_port.number().into())
        });
        let max_vessels = i32::try_from(account.max_vessels).unwrap_or(i32::MAX);
        w.member("max_vessels", |w| w.integer(max_vessels));
        w.member("user_affiliation", |w| w.string(&account.affiliation));
    });
}

fn write_vessel(w: &mut Writer, vessel: &LeasedVessel) {
    let seconds = i32::try_from(vessel.expires_in.as_secs()).unwrap_or(i32::MAX);
    w.structure(|w| {
        w.member("handle", |w| w.string(&vessel.handle.to_string()));
        w.member("node_ip", |w| w.string(&vessel.node_ip));
        w.member("is_active", |w| w.boolean(vessel.is_active));
        w.member("expires_in_seconds", |w| w.integer(seconds));
        w.member("node_id", |w| w.string(vessel.node_id.as_str()));
        w.member("node_port", |w| w.integer(vessel.node_port.into()));
        w.member("vessel_id", |w| w.string(vessel.vessel_id.as_str()));
    });
}

/// A vessel of a list that cannot be used.
#[derive(Debug, Error)]
#[error("vessel {number} of the list cannot be used")]
struct UnusableVessel {
    /// Which one, from 1.
    number: usize,
    /// Why.
    source: BoxedSource,
}

/// A member whose text or number does not stand for what it must.
#[derive(Debug, Error)]
#[error("{name} cannot be read")]
struct UnreadableMember {
    name: &'static str,
    source: BoxedSource,
}

/// Makes an error about a member from what reading it says.
fn unreadable<E: Into<BoxedSource>>(name: &'static str) -> impl FnOnce(E) -> BoxedSource {
    move |error| {
        let source = error.into();
        UnreadableMember { name, source }.into()
    }
}

/// Reads a text.
pub(crate) fn read_text(value: RpcValue) -> Result<String, BoxedSource> {
    match value {
        RpcValue::String(text) => Ok(text),
        other => Err(format!("a text was expected, not {}", other.kind()).into()),
    }
}

/// Reads the 0 of calls that give nothing back. Python servers that allow it send nil in its place.
pub(crate) fn read_done(value: &RpcValue) -> Result<(), BoxedSource> {
    match value {
        RpcValue::Integer(0) | RpcValue::Nil => Ok(()),
        other => Err(format!("0 was expected, not {}", other.kind()).into()),
    }
}

/// Reads an account.
pub(crate) fn read_account(value: &RpcValue) -> Result<AccountInfo, BoxedSource> {
    let members = members(value)?;
    let port = integer(members, "user_port")?;
    let credit = integer(members, "max_vessels")?;
    Ok(AccountInfo {
        user_name: text(members, "user_name")?
            .parse()
            .map_err(unreadable("user_name"))?,
        user_port: UserPort::try_from(port).map_err(unreadable("user_port"))?,
        max_vessels: u32::try_from(credit)
            .map_err(|_| format!("max_vessels is {credit}, below 0"))?,
        affiliation: text(members, "user_affiliation")?.to_owned(),
    })
}

/// Reads a list of vessels.
///
/// A record that cannot be read spoils itself, not the list: the others are real, and losing sight of them
/// would leak them. It is left out with a warning; only when no record is readable is the answer refused.
pub(crate) fn read_vessels(value: &RpcValue) -> Result<Vec<LeasedVessel>, BoxedSource> {
    let RpcValue::Array(records) = value else {
        return Err(format!("a list was expected, not {}", value.kind()).into());
    };
    let mut vessels = Vec::with_capacity(records.len());
    let mut first_problem = None;
    for (index, record) in records.iter().enumerate() {
        match read_vessel(record) {
            Ok(vessel) => vessels.push(vessel),
            Err(source) => {
                let number = index + 1;
                let problem = UnusableVessel { number, source };
                let error = with_causes(&problem);
                tracing::warn!(
                    error,
                    "the clearinghouse sent a vessel that cannot be used; it is left out"
                );
                first_problem.get_or_insert(problem);
            }
        }
    }
    match first_problem {
        Some(problem) if vessels.is_empty() => Err(problem.into()),
        _ => Ok(vessels),
    }
}

fn read_vessel(value: &RpcValue) -> Result<LeasedVessel, BoxedSource> {
    let members = members(value)?;
    let handle: Handle = text(members, "handle")?
        .parse()
        .map_err(unreadable("handle"))?;
    let vessel_id: VesselName = text(members, "vessel_id")?
        .parse()
        .map_err(unreadable("vessel_id"))?;
    if text(members, "node_id")? != handle.node.as_str() || vessel_id != handle.vessel {
        return Err("handle, node_id and vessel_id do not belong together".into());
    }
    let node_ip = text(members, "node_ip")?.to_owned();
    let port = integer(members, "node_port")?;
    let node_port = u16::try_from(port).map_err(|_| format!("node_port is {port}"))?;
    NodeLocation::new(&node_ip, node_port)?;
    let is_active = match members.get("is_active") {
        Some(RpcValue::Boolean(truth)) => *truth,
        Some(RpcValue::Integer(number)) => *number != 0,
        other => return Err(wrong_member("is_active", other)),
    };
    // A lease that ran out and is not yet cleaned up counts below zero.
    let seconds = integer(members, "expires_in_seconds")?;
    Ok(LeasedVessel {
        node_id: handle.node.clone(),
        handle,
        node_ip,
        node_port,
        vessel_id,
        is_active,
        expires_in: Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
    })
}

fn members(value: &RpcValue) -> Result<&BTreeMap<String, RpcValue>, BoxedSource> {
    match value {
        RpcValue::Struct(members) => Ok(members),
        other => Err(format!("a struct was expected, not {}", other.kind()).into()),
    }
}

fn text<'a>(members: &'a BTreeMap<String, RpcValue>, name: &str) -> Result<&'a str, BoxedSource> {
    match members.get(name) {
        Some(RpcValue::String(text)) => Ok(text),
        other => Err(wrong_member(name, other)),
    }
}

fn integer(members: &BTreeMap<String, RpcValue>, name: &str) -> Result<i64, BoxedSource> {
    match members.get(name) {
        Some(RpcValue::Integer(number)) => {
            i64::try_from(*number).map_err(|_| format!("{name} is {number}").into())
        }
        other => Err(wrong_member(name, other)),
    }
}

fn wrong_member(name: &str, value: Option<&RpcValue>) -> BoxedSource {
    match value {
        Some(value) => format!("{name} is {}", value.kind()).into(),
        None => format!("{name} is missing").into(),
    }
}
