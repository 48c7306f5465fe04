//! What a testbed consists of, as it describes itself to people and programs. How it is printed is left to the command.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use overlord_types::{Handle, NodeId, NodeLocation, VesselName};
use serde::{Deserialize, Serialize};

use super::fault;
use crate::testbed::Testbed;

/// What a testbed consists of, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestbedDescription {
    /// Its directory.
    pub directory: PathBuf,
    /// The clearinghouse's address.
    pub clearinghouse: String,
    /// The certificate with which the clearinghouse is verified.
    pub ca_file: PathBuf,
    /// Where the accounts' keys lie.
    pub keys_dir: PathBuf,
    /// How many requests the clearinghouse has read since its start.
    pub clearinghouse_requests: u64,
    /// The faults of the clearinghouse that are on, as they are typed.
    pub clearinghouse_faults: Vec<String>,
    /// Its nodes.
    pub nodes: Vec<NodeDescription>,
}

/// A node of a testbed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeDescription {
    /// Its number, from 1.
    pub number: usize,
    /// Its id.
    pub id: NodeId,
    /// Where it is reached.
    pub location: NodeLocation,
    /// Whether it runs.
    pub running: bool,
    /// How many connections it has taken since it was last started, one request each.
    pub connections: u64,
    /// Its vessels, in order.
    pub vessels: Vec<VesselDescription>,
    /// The faults that are on, as they are typed; none of a node that does not run.
    pub faults: Vec<String>,
    /// What stands of the second wall around its Repy programs: one text, unless the machine changed under some of
    /// them. Of the node, since each vessel would repeat it.
    pub walls: BTreeSet<String>,
}

/// A vessel of a testbed. Without its handle, which would repeat the node's id for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VesselDescription {
    /// Its name on its node.
    pub name: VesselName,
    /// The process of its program, if one runs.
    pub process: Option<u32>,
}

impl TestbedDescription {
    /// What the testbed of this directory consists of now; the keys of its accounts lie where it is said.
    pub(super) fn of(testbed: &Testbed, directory: &Path, keys_dir: PathBuf) -> Self {
        let nodes = testbed.nodes().into_iter().map(|node| {
            let mut walls = BTreeSet::new();
            let vessels = node.vessels.into_iter().map(|name| {
                let handle = Handle::new(node.id.clone(), name);
                let process = testbed.vessel_process(&handle);
                walls.extend(testbed.vessel_wall(&handle));
                let name = handle.vessel;
                VesselDescription { name, process }
            });
            let vessels = vessels.collect();
            let faults = testbed.node_faults(node.number);
            let faults = faults.map(|knobs| fault::words_of_node(&knobs.current()));
            NodeDescription {
                number: node.number,
                id: node.id,
                location: node.location,
                running: node.running,
                connections: node.connections,
                vessels,
                faults: faults.unwrap_or_default(),
                walls,
            }
        });
        Self {
            directory: directory.to_owned(),
            clearinghouse: testbed.clearinghouse_url().to_string(),
            ca_file: testbed.ca_file().to_owned(),
            keys_dir,
            clearinghouse_requests: testbed.clearinghouse().requests_served(),
            clearinghouse_faults: fault::words_of_clearinghouse(
                &testbed.clearinghouse_faults().current(),
            ),
            nodes: nodes.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::socket::{self, ControlReply, ControlRequest};

    /// The largest testbed that can be asked for, with a program on every vessel.
    fn largest() -> TestbedDescription {
        let vessel = |number: usize| VesselDescription {
            name: format!("v{number}").parse().unwrap(),
            process: Some(4_194_304),
        };
        let node = |number: usize| NodeDescription {
            number,
            // As long as a key of 2048 bits.
            id: format!("65537 {}", "9".repeat(617)).parse().unwrap(),
            location: format!("127.223.{number}.1:1224").parse().unwrap(),
            running: true,
            connections: u64::MAX,
            vessels: (1..=100).map(vessel).collect(),
            faults: vec!["clock-behind 1year2months3days4h5m6s7ms8us9ns".to_owned(); 8],
            walls: BTreeSet::from(["x".repeat(300)]),
        };
        TestbedDescription {
            directory: PathBuf::from("/tmp/bed"),
            clearinghouse: "https://127.223.0.1:443/xmlrpc/".to_owned(),
            ca_file: PathBuf::from("/tmp/bed/cacert.pem"),
            keys_dir: PathBuf::from("/tmp/bed/keys"),
            clearinghouse_requests: u64::MAX,
            clearinghouse_faults: vec!["lost-answers".to_owned(); 8],
            nodes: (1..=254).map(node).collect(),
        }
    }

    #[tokio::test]
    async fn the_largest_testbed_describes_itself_over_the_socket() {
        let folder = tempfile::tempdir().unwrap();
        let listener = socket::listen(folder.path()).await.unwrap();
        let answering = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let reply = |_| async {
                ControlReply::Done {
                    text: String::new(),
                    testbed: Some(Box::new(largest())),
                }
            };
            socket::serve(stream, reply).await
        });
        let shown = socket::ask(folder.path(), &ControlRequest::Show).await;
        assert!(shown.unwrap().1 == Some(Box::new(largest())));
        answering.await.unwrap().unwrap();
    }
}
