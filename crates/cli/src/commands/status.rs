//! `overlord status`: what the account holds, and what runs there, asked of all nodes at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use overlord::clearinghouse::LeasedVessel;
use overlord::nodemanager::client::NodeClient;
use overlord::nodemanager::node_info::NodeInfo;
use overlord::types::{Handle, NodeId, NodeLocation, VesselName, VesselStatus};
use overlord::{Classified as _, Code};
use serde::Serialize;

use super::node_calls;
use super::vessel_record::{lease, location};
use crate::account;
use crate::exit_meaning::ExitMeaning;
use crate::failure::{Failure, chain};
use crate::output::{Output, Paint, Palette, Table};
use crate::settings::{AccountSettings, Layers};

/// What is known of one vessel's program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Found {
    /// What its node says.
    Status(VesselStatus),
    /// Its node knows no such vessel.
    NoSuchVessel,
    /// Its node did not tell.
    Unreachable(String),
}

/// Why a node did not tell.
#[derive(Clone)]
struct NotTold {
    code: Code,
    reason: String,
}

/// A vessel as it is told to programs.
#[derive(Serialize)]
struct StatusLine<'a> {
    event: &'static str,
    handle: &'a Handle,
    location: &'a NodeLocation,
    #[serde(flatten)]
    found: &'a Found,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
    expires_in_seconds: u64,
}

/// The account as it is told to programs.
#[derive(Serialize)]
struct AccountLine<'a> {
    event: &'static str,
    user: &'a str,
    user_port: u16,
    held: usize,
    max_vessels: u32,
    unreachable: usize,
}

/// Asks and prints.
///
/// # Errors
/// What is wrong with keys, clearinghouse or account. Nodes that cannot be reached are part of the answer.
pub(crate) async fn run(layers: &Layers, output: &Output) -> Result<ExitMeaning, Failure> {
    let settings = AccountSettings::new(layers)?;
    let connection = account::open(&settings, output).await?;
    let info = connection.account();
    let held = connection.clearinghouse().resource_info().await?;
    let answers = ask_nodes(&held).await?;

    let mut table = Table::new(&["VESSEL", "NODE", "LEASE", "STATUS"]);
    let mut unreachable = 0;
    for vessel in &held {
        let location = location(vessel)?;
        let found = found_of(&answers, vessel);
        unreachable += usize::from(matches!(found, Found::Unreachable(_)));
        output.record(&StatusLine {
            event: "vessel",
            handle: &vessel.handle,
            location: &location,
            found: &found,
            code: not_told(&answers, vessel).map(|why| why.code),
            expires_in_seconds: vessel.expires_in.as_secs(),
        })?;
        table.row(vec![
            vessel.handle.short(),
            location.to_string(),
            lease(vessel.expires_in),
            words(&found, output.palette()),
        ]);
    }
    output.record(&AccountLine {
        event: "account",
        user: info.user_name.as_str(),
        user_port: info.user_port.number(),
        held: held.len(),
        max_vessels: info.max_vessels,
        unreachable,
    })?;
    if !table.is_empty() {
        output.line(&table.render())?;
    }
    output.line(&format!(
        "{} holds {} of {} vessels; port {}",
        info.user_name,
        held.len(),
        info.max_vessels,
        info.user_port
    ))?;
    Ok(if unreachable > 0 {
        ExitMeaning::Partial
    } else {
        ExitMeaning::Done
    })
}

/// What each node said, or why it did not.
type Answers = BTreeMap<NodeId, Result<BTreeMap<VesselName, VesselStatus>, NotTold>>;

/// Asks each node once, all of them together.
async fn ask_nodes(held: &[LeasedVessel]) -> Result<Answers, Failure> {
    let client = NodeClient::new(node_calls::patience(), Arc::new(overlord::chance()?));
    let mut nodes = BTreeMap::new();
    for vessel in held {
        nodes.insert(vessel.node_id.clone(), location(vessel)?);
    }
    let calls = nodes.into_iter().map(|(node, location)| {
        let client = client.clone();
        async move {
            let answer = client.list_vessels_of(&location, &node).await;
            let answer = answer.map(|info| statuses(&info)).map_err(|error| NotTold {
                code: error.code(),
                reason: chain(&error).join(": "),
            });
            (node, answer)
        }
    });
    Ok(node_calls::all(calls).await?.into_iter().collect())
}

fn statuses(info: &NodeInfo) -> BTreeMap<VesselName, VesselStatus> {
    let vessels = info.vessels.iter();
    vessels
        .map(|vessel| (vessel.name.clone(), vessel.status))
        .collect()
}

fn not_told<'a>(answers: &'a Answers, vessel: &LeasedVessel) -> Option<&'a NotTold> {
    answers.get(&vessel.node_id)?.as_ref().err()
}

fn found_of(answers: &Answers, vessel: &LeasedVessel) -> Found {
    match answers.get(&vessel.node_id) {
        Some(Ok(statuses)) => statuses
            .get(&vessel.vessel_id)
            .map_or(Found::NoSuchVessel, |status| Found::Status(*status)),
        Some(Err(why)) => Found::Unreachable(why.reason.clone()),
        None => Found::Unreachable("it was not asked".to_owned()),
    }
}

fn words(found: &Found, palette: Palette) -> String {
    match found {
        Found::Status(status @ VesselStatus::Started) => {
            palette.paint(Paint::Good, &status.to_string())
        }
        Found::Status(status) => palette.paint(Paint::Doubtful, &status.to_string()),
        Found::NoSuchVessel => palette.paint(Paint::Bad, "no such vessel on its node"),
        Found::Unreachable(reason) => palette.paint(Paint::Bad, &format!("unreachable: {reason}")),
    }
}
