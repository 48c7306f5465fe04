//! A running node: start, stop, kill, and what an embedding program asks of it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use overlord_keys::{KeyDirectory, KeyFileError, KeyPair, PublicKey};
use overlord_nodemanager::resources::ResourceFile;
use overlord_nodemanager::server::{NodeService, ServedCount, ServerLimits, ServerOptions};
use overlord_types::{NodeId, NodeLocation, UserName, VesselName, VesselStatus};
use rustix::fs::FlockOperation;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::clock::SkewedClock;
use crate::config::{NewVessel, NodeConfig, NodeIdentity};
use crate::error::NodeStartError;
use crate::faults::NodeFaults;
use crate::launch::LauncherCommand;
use crate::process::{ProgramHost, ProgramRun, RunState, blocking};
use crate::service::NodeCalls;
use crate::serving::{listen, serve_until_stopped};
use crate::table::VesselTable;
use crate::vessel::{HostedVessel, VesselRecord};

/// The name under which a node's own key files are kept in its directory.
const KEY_NAME: &str = "node";
/// How long the processes of a node that is killed are waited for. They were sent SIGKILL; only the
/// machine itself can hold them up.
const KILL_WAIT: Duration = Duration::from_secs(5);

/// A running node.
///
/// Dropping it stops serving and leaves the vessels running, as [`Node::shutdown`] with `false` does,
/// but without waiting.
pub struct Node {
    address: SocketAddr,
    calls: Arc<NodeCalls>,
    faults: NodeFaults,
    served: ServedCount,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    lock: DirectoryLock,
}

impl Node {
    /// Starts a node in its directory: vessels are made at the first start, and found again at later
    /// ones together with what still runs in them.
    ///
    /// # Errors
    /// When the directory, the key, the configured vessels or the address cannot be used.
    pub async fn start(config: NodeConfig) -> Result<Self, NodeStartError> {
        check_vessels(&config)?;
        let launcher = resolve(&config.launcher)?;
        let lock_directory = config.directory.clone();
        let lock = blocking(move || DirectoryLock::take(&lock_directory))
            .await
            .ok_or(NodeStartError::Runtime)??;
        let opening = config.clone();
        let (id, table) = blocking(move || {
            let id = identity(&opening)?;
            Ok((id, open_vessels(&opening)?))
        })
        .await
        .ok_or(NodeStartError::Runtime)??;

        let not_there = |source| NodeStartError::Listen {
            address: config.address,
            source,
        };
        let listener = listen(config.address).await.map_err(not_there)?;
        let address = listener.local_addr().map_err(not_there)?;
        let faults = NodeFaults::default();
        let calls = Arc::new(NodeCalls {
            id,
            version: config.version,
            name: config
                .name
                .unwrap_or_else(|| config.address.ip().to_string()),
            address: address.ip(),
            table: Arc::new(table),
            offcut_resources: config.offcut_resources,
            platforms: config.platforms,
            host: ProgramHost {
                launcher,
                programs_end_with_process: config.programs_end_with_process,
            },
            timing: config.timing,
            faults: faults.clone(),
        });
        // Only now, when nothing can fail any more: following a run is this node's from here on.
        let finding = calls.table.all();
        blocking(move || finding.iter().for_each(HostedVessel::find_run)).await;

        let (stop, stopping) = watch::channel(false);
        let served = ServedCount::default();
        let options = ServerOptions {
            clock: Arc::new(SkewedClock {
                right: config.clock,
                faults: faults.clone(),
            }),
            limits: ServerLimits {
                shutdown_grace: config.timing.connection_grace,
                ..ServerLimits::default()
            },
            faults: faults.answers(),
            served: served.clone(),
        };
        let serving = tokio::spawn(serve_until_stopped(
            listener,
            address,
            Arc::clone(&calls) as Arc<dyn NodeService>,
            options,
            faults.refusing(),
            stopping,
        ));
        Ok(Self {
            address,
            calls,
            faults,
            served,
            stop,
            serving,
            lock,
        })
    }

    /// The node's id: its public key as text.
    #[must_use]
    pub fn id(&self) -> &NodeId {
        &self.calls.id
    }

    /// Where the node listens, with the port it really got.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where clients reach the node.
    #[must_use]
    pub fn location(&self) -> NodeLocation {
        self.address.into()
    }

    /// The fault knobs.
    #[must_use]
    pub fn faults(&self) -> &NodeFaults {
        &self.faults
    }

    /// How many connections the node has taken since its start: one request each.
    #[must_use]
    pub fn connections_served(&self) -> u64 {
        self.served.connections()
    }

    /// The names of the vessels, in the order of their numbers.
    #[must_use]
    pub fn vessel_names(&self) -> Vec<VesselName> {
        let vessels = self.calls.table.all();
        vessels.iter().map(|vessel| vessel.name().clone()).collect()
    }

    fn vessel(&self, name: &VesselName) -> Option<Arc<HostedVessel>> {
        self.calls.table.find(name.as_str().as_bytes())
    }

    /// What the node says of a vessel's program; `None` when there is no such vessel.
    #[must_use]
    pub fn vessel_status(&self, vessel: &VesselName) -> Option<VesselStatus> {
        Some(self.vessel(vessel)?.status())
    }

    /// The process number of the program that runs in a vessel. Killing it is what a program's own end
    /// looks like from outside; its group has the same number.
    #[must_use]
    pub fn vessel_process(&self, vessel: &VesselName) -> Option<u32> {
        match self.vessel(vessel)?.run()?.state() {
            RunState::Executed(program) => Some(program),
            RunState::Launching | RunState::Ended(_) => None,
        }
    }

    /// The process number of the supervisor of what runs in a vessel. Killing it is what a killed sandbox
    /// looks like: the vessel becomes `Stale`.
    #[must_use]
    pub fn vessel_supervisor(&self, vessel: &VesselName) -> Option<u32> {
        Some(self.vessel(vessel)?.run()?.supervisor())
    }

    /// What stands of the second wall around the program that runs in a vessel, as the vessel's process said when it
    /// started, whichever node that was; `None` when it has no such wall.
    #[must_use]
    pub fn vessel_wall(&self, vessel: &VesselName) -> Option<String> {
        self.vessel(vessel)?.run()?.wall()
    }

    /// The end of a vessel's log, as `ReadVesselLog` answers it; `None` when there is no such vessel.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn vessel_log(&self, vessel: &VesselName) -> io::Result<Option<Vec<u8>>> {
        self.vessel(vessel)
            .map(|vessel| vessel.read_log())
            .transpose()
    }

    /// Stops serving: no new connections, calls under way are finished. Vessels are stopped, or left
    /// running to be found again by the next start in the same directory.
    pub async fn shutdown(mut self, stop_vessels: bool) {
        self.stop.send_replace(true);
        // A server that panicked serves no more either.
        let _ = (&mut self.serving).await;
        if stop_vessels {
            let vessels = self.calls.table.all();
            let timing = self.calls.timing;
            let stopped = vessels.iter().map(async |vessel| {
                let _operation = vessel.operation().await;
                if !vessel.stop_run(timing).await {
                    tracing::error!(vessel = %vessel.name(), "a vessel's processes did not end");
                }
                // Before the next call's turn: one that outlived its connection must start nothing here.
                vessel.detach();
            });
            join_all(stopped).await;
        }
        self.let_go();
    }

    /// Dies as a machine does: connections are cut, every process of every vessel is killed, nothing
    /// is written down. A start in the same directory finds the vessels as after a power cut.
    pub async fn kill(mut self) {
        self.serving.abort();
        // Until the listening socket is closed.
        let _ = (&mut self.serving).await;
        let vessels = self.calls.table.all();
        for vessel in &vessels {
            vessel.detach();
        }
        let runs: Vec<ProgramRun> = vessels.iter().filter_map(|vessel| vessel.run()).collect();
        let killed = runs.clone();
        blocking(move || killed.iter().for_each(ProgramRun::kill_everything)).await;
        let ended = join_all(runs.iter().map(|run| run.wait_until(|_| false)));
        if timeout(KILL_WAIT, ended).await.is_err() {
            tracing::error!("processes of a killed node are still there");
        }
        self.let_go();
    }

    /// From here on another node may use the directory.
    fn let_go(&self) {
        for vessel in self.calls.table.all() {
            vessel.let_go();
        }
        self.lock.release();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.serving.abort();
        self.let_go();
    }
}

/// A node's claim on its directory. Held by the operating system, so that it never outlives the process.
struct DirectoryLock(File);

impl DirectoryLock {
    fn take(directory: &Path) -> Result<Self, NodeStartError> {
        let failed = |source| NodeStartError::Directory {
            path: directory.to_owned(),
            source,
        };
        fs::create_dir_all(directory).map_err(failed)?;
        let file = File::create(directory.join("lock")).map_err(failed)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(NodeStartError::InUse(directory.to_owned())),
            Err(error) => Err(failed(error.into())),
        }
    }

    /// Gives the claim back at once. Closing the file would not do: a process that is just being started
    /// may hold it for a moment longer.
    fn release(&self) {
        if let Err(error) = rustix::fs::flock(&self.0, FlockOperation::Unlock) {
            tracing::warn!(%error, "a node's directory stays locked until its process ends");
        }
    }
}

fn resolve(launcher: &LauncherCommand) -> Result<LauncherCommand, NodeStartError> {
    let program = match &launcher.program {
        Some(program) => program.clone(),
        None => std::env::current_exe().map_err(NodeStartError::Launcher)?,
    };
    fs::metadata(&program).map_err(NodeStartError::Launcher)?;
    Ok(LauncherCommand {
        program: Some(program),
        arguments: launcher.arguments.clone(),
    })
}

fn check_vessels(config: &NodeConfig) -> Result<(), NodeStartError> {
    let check = |what: String, text: &str| match ResourceFile::parse(text.as_bytes()) {
        Ok(_) => Ok(()),
        Err(error) => Err(NodeStartError::Resources {
            what,
            reason: error.to_string(),
        }),
    };
    check("the offcut".to_owned(), &config.offcut_resources)?;
    let mut names = BTreeSet::new();
    for vessel in &config.vessels {
        check(format!("vessel {}", vessel.name), &vessel.resources)?;
        if !names.insert(&vessel.name) {
            return Err(NodeStartError::SameName(vessel.name.clone()));
        }
    }
    Ok(())
}

fn identity(config: &NodeConfig) -> Result<NodeId, NodeStartError> {
    let key: PublicKey = match &config.identity {
        NodeIdentity::Pair(pair) => pair.public().clone(),
        NodeIdentity::PublicOnly(key) => key.clone(),
        NodeIdentity::Stored { bits } => {
            let keys = KeyDirectory::new(&config.directory);
            stored_pair(&keys, *bits)?.public().clone()
        }
    };
    Ok(key.node_id())
}

fn stored_pair(keys: &KeyDirectory, bits: u32) -> Result<KeyPair, NodeStartError> {
    let name: UserName = KEY_NAME
        .parse()
        .map_err(|_| NodeStartError::KeyFile(KeyFileError::Missing { paths: Vec::new() }))?;
    match keys.load(&name) {
        Ok(loaded) => {
            for warning in loaded.warnings {
                tracing::warn!("{warning}");
            }
            Ok(loaded.pair)
        }
        // Both: a node that lost one half must not become another node unasked.
        Err(KeyFileError::Missing { paths }) if paths.len() == 2 => {
            let pair = KeyPair::generate(bits).map_err(NodeStartError::KeyGeneration)?;
            keys.save(&name, &pair).map_err(NodeStartError::KeyFile)?;
            Ok(pair)
        }
        Err(error) => Err(NodeStartError::KeyFile(error)),
    }
}

fn open_vessels(config: &NodeConfig) -> Result<VesselTable, NodeStartError> {
    let directory = config.directory.clone();
    let durability = config.durability;
    let opened = match VesselTable::open(directory.clone(), durability) {
        Ok(Some(table)) => Ok(table),
        Ok(None) => VesselTable::create(directory, durability, |table| {
            let vessels = config.vessels.iter();
            vessels
                .map(|vessel| make_vessel(vessel, table, config))
                .collect()
        }),
        Err(error) => Err(error),
    };
    opened.map_err(|source| NodeStartError::Directory {
        path: config.directory.clone(),
        source,
    })
}

fn make_vessel(
    new: &NewVessel,
    table: &VesselTable,
    config: &NodeConfig,
) -> io::Result<Arc<HostedVessel>> {
    let record = VesselRecord {
        owner: new.owner.clone(),
        users: new.users.clone(),
        owner_information: new.owner_information.clone().into_bytes(),
        advertise: new.advertise,
        status: VesselStatus::Fresh,
        accepted: None,
    };
    HostedVessel::create(
        table.folder(&new.name),
        new.name.clone(),
        record,
        new.resources.as_bytes(),
        config.durability,
    )
}
