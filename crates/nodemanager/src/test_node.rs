//! A node with vessels in memory, for the tests of both halves. Real nodes are `overlord-node`'s.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use overlord_keys::{KeyPair, PublicKey};
use overlord_types::{Handle, NodeId, NodeLocation, VesselName, VesselStatus};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};

use crate::call::NodeCall;
use crate::node_info::{NodeInfo, VesselInfo};
use crate::refusals;
use crate::reply::Reply;
use crate::server::{
    Faults, NodeService, ServerOptions, StoreError, VerifiedCall, VesselAccess, serve,
};
use crate::test_vectors;
use crate::verification::LastAccepted;

/// A resource file that each vessel has, and what a split costs.
pub(crate) const RESOURCES: &str =
    "resource cpu .02\nresource memory 30000000\nresource diskused 20000000\n";

/// One vessel.
pub(crate) struct TestVessel {
    pub(crate) access: VesselAccess,
    status: VesselStatus,
    files: BTreeMap<String, Bytes>,
}

/// A node with vessels in memory.
pub(crate) struct TestNode {
    id: NodeId,
    pub(crate) vessels: Mutex<BTreeMap<VesselName, TestVessel>>,
    /// What a split costs, as the recorded node answers it.
    pub(crate) offcut: Bytes,
    /// Every call that was run.
    pub(crate) run: Mutex<Vec<NodeCall>>,
    /// Storing what was accepted fails.
    pub(crate) disk_full: AtomicBool,
    /// `ReadVesselLog` waits for it when set.
    pub(crate) hold_logs: AtomicBool,
    pub(crate) release_logs: Notify,
}

impl TestNode {
    /// A node without vessels.
    pub(crate) fn new(id: NodeId) -> Self {
        Self {
            id,
            vessels: Mutex::default(),
            offcut: RESOURCES.into(),
            run: Mutex::default(),
            disk_full: AtomicBool::new(false),
            hold_logs: AtomicBool::new(false),
            release_logs: Notify::new(),
        }
    }

    /// Adds a vessel.
    pub(crate) fn add_vessel(&self, name: &str, owner: &PublicKey, users: &[PublicKey]) {
        let vessel = TestVessel {
            access: VesselAccess {
                owner: owner.clone(),
                users: users.to_vec(),
                last_accepted: None,
            },
            status: VesselStatus::Fresh,
            files: BTreeMap::new(),
        };
        self.vessels
            .lock()
            .unwrap()
            .insert(name.parse().unwrap(), vessel);
    }

    /// How many calls were run.
    pub(crate) fn runs(&self) -> usize {
        self.run.lock().unwrap().len()
    }

    fn info(&self) -> NodeInfo {
        let vessels = self.vessels.lock().unwrap();
        NodeInfo {
            version: "test".into(),
            name: "127.0.0.1".into(),
            key: self.id.clone(),
            vessels: vessels
                .iter()
                .map(|(name, vessel)| VesselInfo {
                    name: name.clone(),
                    status: vessel.status,
                    advertise: true,
                    owner_key: (&vessel.access.owner).into(),
                    owner_info: "".into(),
                    user_keys: vessel.access.users.iter().map(Into::into).collect(),
                })
                .collect(),
        }
    }

    fn answer(&self, vessel: Option<&VesselName>, call: NodeCall) -> Result<Reply, Reply> {
        match &call {
            NodeCall::GetVessels {} => return Ok(Reply::success(self.info().encode())),
            NodeCall::GetOffcutResources {} => return Ok(Reply::success(self.offcut.clone())),
            _ => {}
        }
        let mut vessels = self.vessels.lock().unwrap();
        let vessel = vessel
            .and_then(|name| vessels.get_mut(name))
            .ok_or_else(|| Reply::error(refusals::NO_SUCH_VESSEL))?;
        Ok(match call {
            NodeCall::GetVesselResources { .. } => Reply::success(RESOURCES),
            NodeCall::StartVesselEx { program_line, .. } => {
                refusals::check_program_line(&program_line)?;
                match program_line.as_str().unwrap() {
                    "late" => Reply::warning(refusals::NOT_STARTED_YET),
                    "ends" => Reply::success("Terminated"),
                    "panics" => panic!("the node has a bug"),
                    _ => {
                        vessel.status = VesselStatus::Started;
                        Reply::success("Started")
                    }
                }
            }
            NodeCall::StopVessel { .. } if vessel.status != VesselStatus::Started => {
                refusals::cannot_stop(vessel.status)
            }
            NodeCall::StopVessel { .. } => {
                vessel.status = VesselStatus::Stopped;
                Reply::success("Stopped")
            }
            NodeCall::AddFileToVessel { file, content, .. } => {
                let name = refusals::file_name(&file)?;
                vessel.files.insert(name.to_string(), content);
                Reply::success("")
            }
            NodeCall::ListFilesInVessel { .. } => {
                let names: Vec<&str> = vessel.files.keys().map(String::as_str).collect();
                Reply::success(names.join(" "))
            }
            NodeCall::RetrieveFileFromVessel { file, .. } => {
                let name = refusals::file_name(&file)?;
                match vessel.files.get(name.as_str()) {
                    Some(content) => Reply::success(content.clone()),
                    None => Reply::error(refusals::FILE_NOT_FOUND),
                }
            }
            NodeCall::DeleteFileInVessel { file, .. } => {
                let name = refusals::file_name(&file)?;
                match vessel.files.remove(name.as_str()) {
                    Some(_) => Reply::success(""),
                    None => Reply::error(refusals::NO_FILE_TO_DELETE),
                }
            }
            NodeCall::ReadVesselLog { .. } => Reply::success("line 1\n\nSuccess\n"),
            NodeCall::ResetVessel { .. } => {
                vessel.files.clear();
                vessel.status = VesselStatus::Fresh;
                Reply::success("")
            }
            NodeCall::ChangeUsers { keys, .. } => {
                vessel.access.users = refusals::user_keys(&keys)?;
                Reply::success("")
            }
            NodeCall::ChangeOwner { key, .. } => {
                vessel.access.owner = refusals::owner_key(&key)?;
                Reply::success("")
            }
            NodeCall::SplitVessel { .. } => Reply::success("v8 v9"),
            NodeCall::JoinVessels { .. } => Reply::success("v10"),
            _ => Reply::success(""),
        })
    }
}

#[async_trait]
impl NodeService for TestNode {
    fn node_id(&self) -> NodeId {
        self.id.clone()
    }

    fn vessel_access(&self, vessel: &VesselName) -> Option<VesselAccess> {
        let vessels = self.vessels.lock().unwrap();
        vessels.get(vessel).map(|vessel| vessel.access.clone())
    }

    fn store_accepted(
        &self,
        vessel: &VesselName,
        accepted: &LastAccepted,
    ) -> Result<(), StoreError> {
        if self.disk_full.load(Ordering::SeqCst) {
            return Err("disk full".into());
        }
        let mut vessels = self.vessels.lock().unwrap();
        vessels.get_mut(vessel).unwrap().access.last_accepted = Some(accepted.clone());
        Ok(())
    }

    async fn handle(&self, call: VerifiedCall) -> Reply {
        self.run.lock().unwrap().push(call.call.clone());
        if self.hold_logs.load(Ordering::SeqCst) && call.call.name() == "ReadVesselLog" {
            self.release_logs.notified().await;
        }
        self.answer(call.vessel.as_ref(), call.call)
            .unwrap_or_else(|refusal| refusal)
    }
}

/// A test node that serves on a loopback port until dropped.
pub(crate) struct Served {
    pub(crate) node: Arc<TestNode>,
    pub(crate) at: NodeLocation,
    pub(crate) address: SocketAddr,
    pub(crate) faults: Faults,
    pub(crate) keys: Vec<KeyPair>,
    /// Ends the server when dropped.
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) server: tokio::task::JoinHandle<()>,
}

impl Served {
    /// A node with the vessels v1 and v2, owned by `keys[2]` and used by `keys[3]`.
    pub(crate) async fn start(options: ServerOptions) -> Self {
        let keys = test_vectors::key_pairs();
        let node = TestNode::new(keys[0].public().node_id());
        for vessel in ["v1", "v2"] {
            node.add_vessel(vessel, keys[2].public(), &[keys[3].public().clone()]);
        }
        Self::serve(node, keys, options).await
    }

    /// Serves a given node.
    pub(crate) async fn serve(node: TestNode, keys: Vec<KeyPair>, options: ServerOptions) -> Self {
        let node = Arc::new(node);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let faults = options.faults.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let service = Arc::clone(&node) as Arc<dyn NodeService>;
        let server = tokio::spawn(serve(listener, service, options, async {
            let _ = stopped.await;
        }));
        Self {
            node,
            at: address.into(),
            address,
            faults,
            keys,
            stop: Some(stop),
            server,
        }
    }

    /// The handle of one of its vessels.
    pub(crate) fn handle(&self, vessel: &str) -> Handle {
        Handle::new(self.node.node_id(), vessel.parse().unwrap())
    }
}
