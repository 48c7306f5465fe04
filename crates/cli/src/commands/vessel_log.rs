//! `overlord vessels log`: what the programs wrote, as far as their nodes keep it.

use std::sync::Arc;

use overlord::clearinghouse::LeasedVessel;
use overlord::engine::VesselAddress;
use overlord::nodemanager::client::NodeCallError;
use overlord::types::{Handle, NodeLocation};
use overlord::{Classified, Code, Connection, ports::NodesPort};
use serde::Serialize;

use super::node_calls;
use super::vessel_record::location;
use crate::exit_meaning::ExitMeaning;
use crate::failure::{Failure, chain};
use crate::output::Output;
use crate::text::harmless;

/// A log as it is told to programs.
#[derive(Serialize)]
struct LogLine<'a> {
    event: &'static str,
    handle: &'a Handle,
    location: &'a NodeLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
}

/// Reads and prints the logs of vessels, under a heading each if there are several.
///
/// # Errors
/// Only an output that cannot be written: nodes that do not answer are part of the result, which is then partial.
pub(super) async fn print(
    connection: &Connection,
    vessels: &[LeasedVessel],
    output: &Output,
) -> Result<ExitMeaning, Failure> {
    if vessels.is_empty() {
        output.line("no vessels")?;
    }
    let mut meaning = ExitMeaning::Done;
    for (address, log) in read(connection, vessels).await? {
        let (handle, location) = (&address.handle, &address.location);
        let (text, reason) = match &log {
            Ok(bytes) => (Some(String::from_utf8_lossy(bytes)), None),
            Err(error) => (None, Some(chain(error).join(": "))),
        };
        output.record(&LogLine {
            event: "log",
            handle,
            location,
            log: text.as_deref(),
            failed: reason.as_deref(),
            code: log.as_ref().err().map(Classified::code),
        })?;
        let heading = format!("{} on {location}", handle.short());
        match (text, reason) {
            (Some(text), _) if vessels.len() == 1 => output.line(harmless(&text).trim_end())?,
            (Some(text), _) => {
                output.line(&format!("==> {heading} <=="))?;
                output.line(harmless(&text).trim_end())?;
            }
            (None, reason) => {
                meaning = ExitMeaning::Partial;
                let reason = reason.unwrap_or_default();
                output.note(&format!("{heading}: {}", harmless(&reason)));
            }
        }
    }
    Ok(meaning)
}

/// Each vessel with its log, or why its node did not tell.
async fn read(
    connection: &Connection,
    vessels: &[LeasedVessel],
) -> Result<Vec<(VesselAddress, Result<Vec<u8>, NodeCallError>)>, Failure> {
    let chance = Arc::new(overlord::chance()?);
    let keys = connection.keys().clone();
    let nodes = NodesPort::with_config(keys, node_calls::patience(), chance);
    let mut calls = Vec::with_capacity(vessels.len());
    for vessel in vessels {
        let address = VesselAddress {
            handle: vessel.handle.clone(),
            location: location(vessel)?,
        };
        let vessel = nodes.vessel(&address);
        calls.push(async move { (address, vessel.read_log().await) });
    }
    node_calls::all(calls).await
}
