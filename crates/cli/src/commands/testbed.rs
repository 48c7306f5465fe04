//! `overlord testbed up|fault|show`

use std::path::{Path, PathBuf};

use overlord_keys::DEFAULT_KEY_BITS;
use overlord_testbed::TestbedConfig;
use overlord_types::UserName;
use serde::Serialize;

use super::block_on;
use crate::args::{FaultArguments, TestbedCommand, TestbedDirectory, UpArguments};
use crate::control::{self, Request, Whose};
use crate::embedded::{Accounts, Description, Embedded};
use crate::exit_meaning::ExitMeaning;
use crate::failure::Failure;
use crate::output::{Output, Paint, Table};
use crate::settings::{Layers, Sourced};
use crate::signals::EndSignals;

/// Most nodes: one loopback network each.
const NODES_MAX: u32 = 254;
/// Most vessels of a node; a machine of the original has some tens.
const VESSELS_PER_NODE_MAX: u32 = 100;
/// Vessels that each account of a testbed of one's own may hold: as many as there ever are.
const CREDITS: u32 = NODES_MAX * VESSELS_PER_NODE_MAX;

/// A testbed as it is told to programs.
#[derive(Serialize)]
struct TestbedLine<'a> {
    event: &'static str,
    users: &'a [UserName],
    #[serde(flatten)]
    description: &'a Description,
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
            block_on(up(config, settings, output))
        }
        TestbedCommand::Fault(arguments) => block_on(fault(arguments, layers, output)),
        TestbedCommand::Show(directory) => block_on(show(directory, output)),
    }
}

/// What else a testbed starts with.
struct UpSettings {
    users: Vec<UserName>,
    faults: Vec<(Whose, Vec<String>)>,
}

fn config(
    arguments: &UpArguments,
    layers: &Layers,
) -> Result<(TestbedConfig, UpSettings), Failure> {
    let given = |flag: &str, value: &String| layers.text_or(flag, Some(value), None, "");
    let mut config = TestbedConfig::new(absolute(&arguments.directory.dir)?);
    config.nodes = given("nodes", &arguments.nodes).number(1, NODES_MAX)? as usize;
    config.vessels_per_node = given("vessels-per-node", &arguments.vessels_per_node)
        .number(1, VESSELS_PER_NODE_MAX)? as usize;
    config.latency = given("latency", &arguments.latency).duration()?;
    config.clearinghouse_port = given("port", &arguments.port).port()?;
    if let Some(lease) = &arguments.lease {
        config.leases.on_acquisition = given("lease", lease).duration()?;
    }
    if let Some(lease) = &arguments.renewed_lease {
        config.leases.on_renewal = given("renewed-lease", lease).duration()?;
    }
    let users = arguments
        .user
        .iter()
        .map(|user| given("user", user).parse());
    let faults = arguments
        .fault
        .iter()
        .map(|text| initial_fault(&given("fault", text)));
    let settings = UpSettings {
        users: users.collect::<Result<_, _>>()?,
        faults: faults.collect::<Result<_, _>>()?,
    };
    Ok((config, settings))
}

/// Reads `NODE=FAULT`, where a fault's time comes after a colon.
fn initial_fault(text: &Sourced<String>) -> Result<(Whose, Vec<String>), Failure> {
    let wrong = || text.wrong("it is NODE=FAULT, such as 2=silence or 0=latency:200ms");
    let (node, fault) = text.value.split_once('=').ok_or_else(wrong)?;
    let node = node.parse().map_err(|_| wrong())?;
    let words = fault.split(':').map(str::to_owned).collect();
    Ok((Whose::Node(node), words))
}

async fn up(
    config: TestbedConfig,
    settings: UpSettings,
    output: &Output,
) -> Result<ExitMeaning, Failure> {
    output.line("starting a testbed …")?;
    let mut signals = EndSignals::catch()?;
    let accounts = Accounts {
        users: settings.users.clone(),
        credits: CREDITS,
        key_bits: DEFAULT_KEY_BITS,
    };
    let testbed = Embedded::start(config, accounts).await?;
    let lived = serve(&testbed, &settings, &mut signals, output).await;
    output.note("ending the testbed and everything on it …");
    testbed.stop().await;
    lived.map(|()| ExitMeaning::Done)
}

async fn serve(
    testbed: &Embedded,
    settings: &UpSettings,
    signals: &mut EndSignals,
    output: &Output,
) -> Result<(), Failure> {
    for (whose, words) in &settings.faults {
        testbed.fault(whose, words).await?;
    }
    let description = testbed.describe();
    output.record(&TestbedLine {
        event: "testbed_up",
        users: &settings.users,
        description: &description,
    })?;
    output.line(&usage(&description, &settings.users, output))?;
    signals.next().await;
    Ok(())
}

/// How the testbed is used, to be copied from the screen.
fn usage(testbed: &Description, users: &[UserName], output: &Output) -> String {
    let strong = |text: &str| output.palette().paint(Paint::Strong, text);
    let first = testbed.nodes.first();
    let location = first
        .map(|node| node.location.to_string())
        .unwrap_or_default();
    let vessels = first.map_or(0, |node| node.vessels.len());
    let names: Vec<_> = users.iter().map(UserName::as_str).collect();
    let user = names.first().copied().unwrap_or("NAME");
    let directory = testbed.directory.display();
    format!(
        "{up}\n  directory      {directory}\n  clearinghouse  {url}\n  CA certificate {ca}\n  keys           {keys} ({names})\n  nodes          {count} with {vessels} vessels each, the first at {location}\n\n{use_it}\n  overlord run examples/time_server.pl --user {user} --keys-dir {keys} --clearinghouse {url} --ca-file {ca} -- {{port}}\n{fault}\n  overlord testbed fault --dir {directory} --node 0 kill\n{end}",
        up = strong("The testbed is up."),
        url = testbed.clearinghouse,
        ca = testbed.ca_file.display(),
        keys = testbed.keys_dir.display(),
        names = names.join(", "),
        count = testbed.nodes.len(),
        use_it = strong("To use it, in another terminal:"),
        fault = strong("To make it misbehave:"),
        end = strong("To end it: Ctrl-C."),
    )
}

async fn fault(
    arguments: &FaultArguments,
    layers: &Layers,
    output: &Output,
) -> Result<ExitMeaning, Failure> {
    let node = arguments.node.as_ref();
    let node = node.map(|node| {
        layers
            .text_or("node", Some(node), None, "")
            .number(0, NODES_MAX)
    });
    let whose = match (node.transpose()?, &arguments.vessel) {
        (Some(index), _) => Whose::Node(index as usize),
        (None, Some(handle)) => Whose::Vessel(handle.clone()),
        (None, None) => Whose::Clearinghouse,
    };
    let request = Request::Fault {
        whose,
        fault: arguments.fault.clone(),
    };
    let (done, _) = control::ask::<Description>(&arguments.directory.dir, &request).await?;
    output.show(
        &done,
        &FaultLine {
            event: "fault",
            done: &done,
        },
    )?;
    Ok(ExitMeaning::Done)
}

async fn show(directory: &TestbedDirectory, output: &Output) -> Result<ExitMeaning, Failure> {
    let asked = control::ask::<Description>(&directory.dir, &Request::Show).await?;
    let missing = || Failure::new(ExitMeaning::Protocol, "the testbed did not describe itself");
    let testbed = asked.1.ok_or_else(missing)?;
    output.record(&TestbedLine {
        event: "testbed",
        users: &[],
        description: &testbed,
    })?;
    let mut table = Table::new(&["NODE", "ADDRESS", "RUNS", "VESSELS WITH A PROGRAM"]);
    for node in &testbed.nodes {
        let programs = node.vessels.iter().filter_map(|vessel| {
            let process = vessel.process?;
            Some(format!("{} (pid {process})", vessel.handle.vessel))
        });
        table.row(vec![
            node.index.to_string(),
            node.location.to_string(),
            if node.running { "yes" } else { "no" }.to_owned(),
            programs.collect::<Vec<_>>().join(", "),
        ]);
    }
    output.line(&format!(
        "clearinghouse {}\n{}",
        testbed.clearinghouse,
        table.render()
    ))?;
    Ok(ExitMeaning::Done)
}

/// Where a testbed lies, made absolute so that it can be copied from the screen.
fn absolute(directory: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(directory).map_err(|error| Failure::new(ExitMeaning::CannotCreate, error))
}
