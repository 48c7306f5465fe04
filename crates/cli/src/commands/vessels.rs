//! `overlord vessels list|acquire|release|renew|log`

use overlord::Connection;
use overlord::clearinghouse::LeasedVessel;
use overlord::types::{Handle, NodeLocation, VesselType};
use serde::Serialize;

use super::vessel_log;
use super::vessel_record::{lease, location};
use crate::account;
use crate::args::{HandlesArguments, VesselsCommand};
use crate::exit_meaning::ExitMeaning;
use crate::failure::Failure;
use crate::output::{Output, Table};
use crate::settings::table::{ACQUIRE_COUNT, ACQUIRE_TYPE};
use crate::settings::{AccountSettings, Layers};

/// A vessel as it is told to programs.
#[derive(Serialize)]
struct VesselLine<'a> {
    event: &'static str,
    handle: &'a Handle,
    location: &'a NodeLocation,
    is_active: bool,
    expires_in_seconds: u64,
}

/// How many vessels a call was about.
#[derive(Serialize)]
struct CountLine {
    event: &'static str,
    vessels: usize,
}

/// Does one of the five.
///
/// # Errors
/// What is wrong with keys, clearinghouse, account, or the vessels asked for.
pub(crate) async fn run(
    command: &VesselsCommand,
    layers: &Layers,
    output: &Output,
) -> Result<ExitMeaning, Failure> {
    match command {
        VesselsCommand::List(_) => {
            let account = open(layers, output).await?;
            let held = account.clearinghouse().resource_info().await?;
            print("vessel", &held, output)?;
        }
        VesselsCommand::Acquire(_) => acquire(layers, output).await?,
        VesselsCommand::Release(arguments) => {
            let (connection, named) = find(arguments, layers, output).await?;
            let handles = handles(&named);
            connection.clearinghouse().release(&handles).await?;
            tell("released", handles.len(), output)?;
        }
        VesselsCommand::Renew(arguments) => {
            let (connection, named) = find(arguments, layers, output).await?;
            let account = connection.clearinghouse();
            let handles = handles(&named);
            account.renew(&handles).await?;
            // What counts is the lease that is read back.
            let mut held = account.resource_info().await?;
            held.retain(|vessel| handles.contains(&vessel.handle));
            print("renewed", &held, output)?;
        }
        VesselsCommand::Log(arguments) => {
            let (connection, named) = find(arguments, layers, output).await?;
            return vessel_log::print(&connection, &named, output).await;
        }
    }
    Ok(ExitMeaning::Done)
}

async fn open(layers: &Layers, output: &Output) -> Result<Connection, Failure> {
    account::open(&AccountSettings::new(layers)?, output).await
}

async fn acquire(layers: &Layers, output: &Output) -> Result<(), Failure> {
    let count = layers.value(&ACQUIRE_COUNT)?.value;
    let vessel_type = layers.value(&ACQUIRE_TYPE)?.value;
    let account = open(layers, output).await?;
    let acquired = account.clearinghouse().acquire(vessel_type, count).await;
    let acquired = acquired.map_err(|error| {
        let failure = Failure::from(error);
        // The original's clearinghouse gives out none of them, however few are asked for and however long is waited.
        if vessel_type == VesselType::Nat && failure.meaning() == ExitMeaning::NotEnough {
            failure.advise("choose another --type: wan, lan or rand")
        } else {
            failure
        }
    })?;
    print("acquired", &acquired, output)
}

/// The vessels that were named, out of those that are held.
async fn find(
    arguments: &HandlesArguments,
    layers: &Layers,
    output: &Output,
) -> Result<(Connection, Vec<LeasedVessel>), Failure> {
    let connection = open(layers, output).await?;
    let held = connection.clearinghouse().resource_info().await?;
    let named = if arguments.all {
        held
    } else {
        choose(&held, &arguments.handles)?
    };
    Ok((connection, named))
}

/// Finds each name among the held vessels: a whole handle, or an end of one that fits one vessel only.
fn choose(held: &[LeasedVessel], names: &[String]) -> Result<Vec<LeasedVessel>, Failure> {
    let mut chosen: Vec<LeasedVessel> = Vec::new();
    for name in names {
        let end = name.trim_start_matches('…');
        let fits = |vessel: &&LeasedVessel| vessel.handle.to_string().ends_with(end);
        let mut fitting = held.iter().filter(fits);
        let problem = match (fitting.next(), fitting.next()) {
            (Some(vessel), None) => {
                if !chosen.contains(vessel) {
                    chosen.push(vessel.clone());
                }
                continue;
            }
            (None, _) => "the account holds no vessel whose handle is or ends in",
            (Some(_), Some(_)) => "the account holds several vessels whose handles end in",
        };
        return Err(Failure::usage(format!("{problem} {name:?}"))
            .advise("overlord vessels list prints the handles; give more of it"));
    }
    Ok(chosen)
}

fn handles(vessels: &[LeasedVessel]) -> Vec<Handle> {
    vessels.iter().map(|vessel| vessel.handle.clone()).collect()
}

fn tell(event: &'static str, vessels: usize, output: &Output) -> Result<(), Failure> {
    output.show(
        &format!("{event}: {vessels}"),
        &CountLine { event, vessels },
    )
}

fn print(event: &'static str, vessels: &[LeasedVessel], output: &Output) -> Result<(), Failure> {
    let mut table = Table::new(&["VESSEL", "NODE", "ACTIVE", "LEASE"]);
    for vessel in vessels {
        let location = location(vessel)?;
        output.record(&VesselLine {
            event,
            handle: &vessel.handle,
            location: &location,
            is_active: vessel.is_active,
            expires_in_seconds: vessel.expires_in.as_secs(),
        })?;
        table.row(vec![
            vessel.handle.short(),
            location.to_string(),
            if vessel.is_active { "yes" } else { "no" }.to_owned(),
            lease(vessel.expires_in),
        ]);
    }
    if table.is_empty() {
        output.line("no vessels")
    } else {
        output.line(&table.render())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn vessel(handle: &str) -> LeasedVessel {
        let handle: Handle = handle.parse().unwrap();
        LeasedVessel {
            node_id: handle.node.clone(),
            vessel_id: handle.vessel.clone(),
            handle,
            node_ip: "127.1.1.1".to_owned(),
            node_port: 1224,
            is_active: true,
            expires_in: Duration::from_secs(60),
        }
    }

    #[test]
    fn a_vessel_is_named_by_its_handle_or_an_end_that_fits_it_alone() {
        let held = [
            vessel("65537 99112233:v1"),
            vessel("65537 99112233:v2"),
            vessel("65537 8:v2"),
        ];
        let choose = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
            choose(&held, &names).map(|found| handles(&found))
        };
        assert_eq!(choose(&["…12233:v2"]).unwrap(), [held[1].handle.clone()]);
        assert_eq!(choose(&["v1", "65537 99112233:v1"]).unwrap().len(), 1);
        for wrong in ["v2", "v9", ""] {
            assert_eq!(
                choose(&[wrong]).unwrap_err().meaning(),
                ExitMeaning::Usage,
                "{wrong}"
            );
        }
    }
}
