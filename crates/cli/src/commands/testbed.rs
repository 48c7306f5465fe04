//! `overlord testbed up|fault|show`

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use overlord::Code;
use overlord::keys::DEFAULT_KEY_BITS;
use overlord::types::{Handle, NodeLocation, UserName};
use overlord_testbed::TestbedConfig;
use overlord_testbed::daemon::{
    self, ControlRequest, FaultTarget, NodeDescription, StartingAccounts, TestbedDaemon,
    TestbedDescription, TypedFault,
};
use serde::Serialize;

use super::{block_on, block_on_service};
use crate::args::{FaultArguments, TestbedCommand, UpArguments};
use crate::exit_meaning::ExitMeaning;
use crate::failure::Failure;
use crate::output::{Output, Paint, Table};
use crate::settings::table::{
    NODES_MAX, TESTBED_DIR, UP_CREDITS, UP_DANGER_NATIVE, UP_LATENCY, UP_LEASE, UP_NODES,
    UP_NODES_PER_NETWORK, UP_PORT, UP_RENEWED_LEASE, UP_VESSELS_PER_NODE,
};
use crate::settings::{Given, Layers};
use crate::signals::EndSignals;
use crate::text::count_of;

/// How many copies `overlord run` deploys unless told otherwise.
const RUN_COPIES_DEFAULT: usize = 10;

/// A testbed as it is told to programs.
#[derive(Serialize)]
struct TestbedLine<'a> {
    event: &'static str,
    users: &'a [UserName],
    directory: &'a Path,
    clearinghouse: &'a str,
    ca_file: &'a Path,
    keys_dir: &'a Path,
    clearinghouse_requests: u64,
    clearinghouse_faults: &'a [String],
    nodes: Vec<NodeLine<'a>>,
}

/// A node as it is told to programs.
#[derive(Serialize)]
struct NodeLine<'a> {
    number: usize,
    location: &'a NodeLocation,
    running: bool,
    connections: u64,
    faults: &'a [String],
    walls: &'a BTreeSet<String>,
    vessels: Vec<VesselLine>,
}

/// A vessel as it is told to programs.
#[derive(Serialize)]
struct VesselLine {
    handle: Handle,
    process: Option<u32>,
}

/// The end of a testbed as it is told to programs.
#[derive(Serialize)]
struct EndedLine {
    event: &'static str,
}

impl<'a> TestbedLine<'a> {
    fn new(event: &'static str, users: &'a [UserName], testbed: &'a TestbedDescription) -> Self {
        Self {
            event,
            users,
            directory: &testbed.directory,
            clearinghouse: &testbed.clearinghouse,
            ca_file: &testbed.ca_file,
            keys_dir: &testbed.keys_dir,
            clearinghouse_requests: testbed.clearinghouse_requests,
            clearinghouse_faults: &testbed.clearinghouse_faults,
            nodes: testbed.nodes.iter().map(NodeLine::new).collect(),
        }
    }
}

impl<'a> NodeLine<'a> {
    fn new(node: &'a NodeDescription) -> Self {
        let vessels = node.vessels.iter().map(|vessel| VesselLine {
            handle: Handle::new(node.id.clone(), vessel.name.clone()),
            process: vessel.process,
        });
        Self {
            number: node.number,
            location: &node.location,
            running: node.running,
            connections: node.connections,
            faults: &node.faults,
            walls: &node.walls,
            vessels: vessels.collect(),
        }
    }
}

/// A fault as it is told to programs.
#[derive(Serialize)]
struct FaultLine<'a> {
    event: &'static str,
    done: &'a str,
}

/// Does one of the three.
///
/// # Errors
/// A testbed that cannot start, or is not there, or refuses.
pub(crate) fn run(
    command: &TestbedCommand,
    layers: &Layers,
    output: &Output,
) -> Result<ExitMeaning, Failure> {
    match command {
        TestbedCommand::Up(arguments) => {
            let (config, settings) = config(arguments, layers)?;
            block_on_service(up(config, settings, output))
        }
        TestbedCommand::Fault(arguments) => block_on(fault(arguments, layers, output)),
        TestbedCommand::Show(_) => block_on(show(layers, output)),
    }
}

/// What else a testbed starts with.
struct UpSettings {
    users: Vec<UserName>,
    credits: u32,
    faults: Vec<(FaultTarget, Vec<String>)>,
}

fn config(
    arguments: &UpArguments,
    layers: &Layers,
) -> Result<(TestbedConfig, UpSettings), Failure> {
    let mut config = TestbedConfig::new(absolute(&layers.value(&TESTBED_DIR)?.value)?);
    let nodes = layers.value(&UP_NODES)?.value;
    config.nodes = nodes as usize;
    config.nodes_per_network = layers.value(&UP_NODES_PER_NETWORK)?.value as usize;
    config.vessels_per_node = layers.value(&UP_VESSELS_PER_NODE)?.value as usize;
    if layers.value(&UP_DANGER_NATIVE)?.value {
        config.platforms = config.platforms.and_danger_native();
    }
    config.latency = layers.value(&UP_LATENCY)?.value;
    config.clearinghouse_port = layers.value(&UP_PORT)?.value;
    if let Some(lease) = layers.optional(&UP_LEASE)? {
        config.leases.on_acquisition = lease.value;
    }
    if let Some(lease) = layers.optional(&UP_RENEWED_LEASE)? {
        config.leases.on_renewal = lease.value;
    }
    let users = arguments.user.iter();
    let users = users.map(|user| Given::typed("--user", user).parse());
    let faults = arguments.fault.iter();
    let faults = faults.map(|text| initial_fault(text, nodes));
    let settings = UpSettings {
        users: users.collect::<Result<_, _>>()?,
        credits: layers.value(&UP_CREDITS)?.value,
        faults: faults.collect::<Result<_, _>>()?,
    };
    Ok((config, settings))
}

/// Reads `NODE=FAULT`, where a fault's time comes after a colon, for a testbed of so many nodes.
fn initial_fault(text: &str, nodes: u32) -> Result<(FaultTarget, Vec<String>), Failure> {
    let given = Given::typed("--fault", text);
    let wrong = || {
        let form = "it is NODE=FAULT, such as 2=silence or 3=latency:200ms";
        given.wrong(Code::TestbedFault, form)
    };
    let (node, fault) = text.split_once('=').ok_or_else(wrong)?;
    let number: usize = node.parse().map_err(|_| wrong())?;
    if !(1..=nodes as usize).contains(&number) {
        let problem = match nodes {
            0 => "the testbed has no nodes of its own".to_owned(),
            _ => format!("nodes are numbered from 1 to {nodes}"),
        };
        return Err(given.wrong(Code::TestbedRequest, problem));
    }
    let words: Vec<_> = fault.split(':').map(str::to_owned).collect();
    TypedFault::parse(&words)
        .and_then(TypedFault::of_node)
        .map_err(|error| given.refused(error))?;
    Ok((FaultTarget::Node(number), words))
}

async fn up(
    config: TestbedConfig,
    settings: UpSettings,
    output: &Output,
) -> Result<ExitMeaning, Failure> {
    let mut signals = EndSignals::catch()?;
    output.line("starting a testbed …")?;
    let accounts = StartingAccounts {
        users: settings.users.clone(),
        credits: settings.credits,
        key_bits: DEFAULT_KEY_BITS,
    };
    let started = tokio::select! {
        biased;
        // What was begun is dropped, and with it whatever runs on it.
        _ = signals.next() => None,
        started = TestbedDaemon::start(config, accounts) => Some(started?),
    };
    let lived = match started {
        Some(testbed) => {
            let lived = serve(&testbed, &settings, &mut signals, output).await;
            output.note("ending the testbed and everything on it …");
            testbed.stop().await;
            lived
        }
        None => Ok(()),
    };
    lived?;
    output.record(&EndedLine {
        event: "testbed_ended",
    })?;
    Ok(ExitMeaning::Done)
}

async fn serve(
    testbed: &TestbedDaemon,
    settings: &UpSettings,
    signals: &mut EndSignals,
    output: &Output,
) -> Result<(), Failure> {
    for (whose, words) in &settings.faults {
        testbed.fault(whose, words).await?;
    }
    let description = testbed.describe();
    output.record(&TestbedLine::new(
        "testbed_up",
        &settings.users,
        &description,
    ))?;
    output.line(&usage(&description, settings, output))?;
    signals.next().await;
    Ok(())
}

/// How the testbed is used, to be copied from the screen.
fn usage(testbed: &TestbedDescription, settings: &UpSettings, output: &Output) -> String {
    let strong = |text: &str| output.palette().paint(Paint::Strong, text);
    let nodes = match testbed.nodes.first() {
        Some(first) => format!(
            "{} with {} vessels each, the first at {}",
            testbed.nodes.len(),
            first.vessels.len(),
            first.location
        ),
        None => "none of its own".to_owned(),
    };
    let names: Vec<_> = settings.users.iter().map(UserName::as_str).collect();
    let user = names.first().copied().unwrap_or("NAME");
    let directory = testbed.directory.display();
    let count = match fitting_copies(&testbed.nodes, settings.credits) {
        fit if fit < RUN_COPIES_DEFAULT => format!(" --count {fit}"),
        _ => String::new(),
    };
    format!(
        "{up}\n  directory      {directory}\n  clearinghouse  {url}\n  CA certificate {ca}\n  keys           {keys} ({names}; {credits} each)\n  nodes          {nodes}\n\n{use_it}\n  overlord run examples/time_server.r2py --user {user} --keys-dir {keys} --clearinghouse {url} --ca-file {ca}{copies} -- {{port}} {{time}}\n{fault}\n  overlord testbed fault --dir {directory} --node 1 kill\n{end}",
        up = strong("The testbed is up."),
        url = testbed.clearinghouse,
        ca = testbed.ca_file.display(),
        keys = testbed.keys_dir.display(),
        names = names.join(", "),
        credits = count_of(settings.credits as usize, "vessel", "vessels"),
        copies = count,
        use_it = strong("To use it, in another terminal:"),
        fault = strong("To make it misbehave:"),
        end = strong("To end it: Ctrl-C."),
    )
}

/// How many copies of the default type, `wan`, a new account can have here: one on each network, as far as its credit goes.
/// One at least, since no run is of none.
fn fitting_copies(nodes: &[NodeDescription], credits: u32) -> usize {
    let network = |node: &NodeDescription| {
        let host = node.location.host();
        host.rsplit_once('.')
            .map_or(host, |(network, _)| network)
            .to_owned()
    };
    let networks: BTreeSet<String> = nodes.iter().map(network).collect();
    networks.len().min(credits as usize).max(1)
}

async fn fault(
    arguments: &FaultArguments,
    layers: &Layers,
    output: &Output,
) -> Result<ExitMeaning, Failure> {
    let node = arguments.node.as_ref();
    let node = node.map(|node| Given::typed("--node", node).number(1, NODES_MAX));
    let whose = match (node.transpose()?, &arguments.vessel) {
        (Some(index), _) => FaultTarget::Node(index as usize),
        (None, Some(handle)) => FaultTarget::Vessel(handle.clone()),
        (None, None) => FaultTarget::Clearinghouse,
    };
    let request = ControlRequest::Fault {
        whose,
        fault: arguments.fault.clone(),
    };
    let (done, _) = daemon::ask(&layers.value(&TESTBED_DIR)?.value, &request).await?;
    output.show(
        &done,
        &FaultLine {
            event: "fault",
            done: &done,
        },
    )?;
    Ok(ExitMeaning::Done)
}

async fn show(layers: &Layers, output: &Output) -> Result<ExitMeaning, Failure> {
    let asked = daemon::ask(&layers.value(&TESTBED_DIR)?.value, &ControlRequest::Show).await?;
    let missing = || {
        Failure::new(
            Code::TestbedMalformed,
            "the testbed did not describe itself",
        )
    };
    let testbed = asked.1.ok_or_else(missing)?;
    output.record(&TestbedLine::new("testbed", &[], &testbed))?;
    let mut table = Table::new(&[
        "NODE",
        "ADDRESS",
        "RUNS",
        "FAULTS",
        "VESSELS WITH A PROGRAM",
    ]);
    for node in &testbed.nodes {
        let programs = node.vessels.iter().filter_map(|vessel| {
            let process = vessel.process?;
            Some(format!("{} (pid {process})", vessel.name))
        });
        table.row(vec![
            node.number.to_string(),
            node.location.to_string(),
            if node.running { "yes" } else { "no" }.to_owned(),
            node.faults.join(", "),
            programs.collect::<Vec<_>>().join(", "),
        ]);
    }
    let mut nodes_with: BTreeMap<&str, usize> = BTreeMap::new();
    for wall in testbed.nodes.iter().flat_map(|node| &node.walls) {
        *nodes_with.entry(wall).or_default() += 1;
    }
    let walls = nodes_with.iter().map(|(wall, nodes)| {
        let nodes = count_of(*nodes, "node", "nodes");
        format!("\nsecond wall around the programs of {nodes}: {wall}")
    });
    let faults = match testbed.clearinghouse_faults.join(", ") {
        none if none.is_empty() => none,
        faults => format!(" (faults: {faults})"),
    };
    output.line(&format!(
        "clearinghouse {}{faults}\n{}{}",
        testbed.clearinghouse,
        table.render(),
        walls.collect::<String>()
    ))?;
    Ok(ExitMeaning::Done)
}

/// Where a testbed lies, made absolute so that it can be copied from the screen.
fn absolute(directory: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(directory).map_err(|error| {
        Failure::new(Code::TestbedUnwritable, error)
            .advise("choose another directory for the testbed with --dir")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(hosts: &[&str]) -> Vec<NodeDescription> {
        let node = |(place, host): (usize, &&str)| NodeDescription {
            number: place + 1,
            id: format!("3 {}", place + 5).parse().unwrap(),
            location: format!("{host}:1224").parse().unwrap(),
            running: true,
            connections: 0,
            vessels: Vec::new(),
            faults: Vec::new(),
            walls: BTreeSet::new(),
        };
        hosts.iter().enumerate().map(node).collect()
    }

    #[test]
    fn as_many_copies_fit_as_there_are_networks_and_credits() {
        let apart = nodes(&["127.9.1.1", "127.9.2.1", "127.9.3.1"]);
        assert_eq!(fitting_copies(&apart, 10), 3);
        assert_eq!(fitting_copies(&apart, 2), 2);
        assert_eq!(fitting_copies(&apart, 0), 1);
        let together = nodes(&["127.9.1.1", "127.9.1.2", "127.9.2.1"]);
        assert_eq!(fitting_copies(&together, 10), 2);
    }
}
