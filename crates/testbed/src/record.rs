//! What a testbed's directory remembers of the testbed itself, and the lock that keeps two testbeds out of
//! one directory. Accounts and leases are the clearinghouse's, vessels the nodes'.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use overlord_files::{Access, Durability};
use overlord_types::{NodeLocation, UserName};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::error::TestbedError;

const RECORD_FILE: &str = "testbed.json";
const LOCK_FILE: &str = "testbed.lock";

/// A node that the testbed does not run itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GuestNode {
    pub(crate) location: NodeLocation,
    /// The name of its owner's key pair in the directory of owner keys.
    pub(crate) owner_key: UserName,
    /// Who donated it.
    pub(crate) donor: Option<UserName>,
}

/// What is remembered from one start to the next.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The A of 127.A.x.1: programs that still run on the vessels listen there.
    pub(crate) network: Option<u8>,
    /// How many nodes share a /24 there.
    #[serde(default)]
    pub(crate) nodes_per_network: Option<usize>,
    /// The clearinghouse's port: scripts and overlords that live on know it.
    #[serde(default)]
    pub(crate) clearinghouse_port: Option<u16>,
    #[serde(default)]
    pub(crate) guests: Vec<GuestNode>,
}

/// A testbed's directory, locked until dropped.
#[derive(Debug)]
pub(crate) struct TestbedDirectory {
    path: PathBuf,
    _lock: File,
}

impl TestbedDirectory {
    /// Makes the directory if it is not there, and locks it.
    pub(crate) fn open(path: PathBuf) -> Result<Self, TestbedError> {
        let on = |path: &Path| {
            let path = path.to_owned();
            move |source| TestbedError::File { path, source }
        };
        fs::create_dir_all(&path).map_err(on(&path))?;
        // Vessels run in it with it as a prefix of their own directory.
        let path = path.canonicalize().map_err(on(&path))?;
        let lock_path = path.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path);
        let lock = lock.map_err(on(&lock_path))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(TestbedError::InUse(path)),
            Err(error) => Err(on(&lock_path)(error.into())),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the key pairs of nodes' owners are.
    pub(crate) fn owner_keys(&self) -> PathBuf {
        self.path.join("owner-keys")
    }

    /// Where node `number` keeps its state, counted from 1.
    pub(crate) fn node(&self, number: usize) -> PathBuf {
        self.path.join("nodes").join(format!("node-{number:03}"))
    }

    pub(crate) fn read(&self) -> Result<Record, TestbedError> {
        let path = self.path.join(RECORD_FILE);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|source| TestbedError::Malformed { path, source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Record::default()),
            Err(source) => Err(TestbedError::File { path, source }),
        }
    }

    pub(crate) fn write(&self, record: &Record) -> Result<(), TestbedError> {
        let path = self.path.join(RECORD_FILE);
        let text = match serde_json::to_vec_pretty(record) {
            Ok(text) => text,
            Err(source) => return Err(TestbedError::Malformed { path, source }),
        };
        overlord_files::replace(&path, &text, Access::Everybody, Durability::PowerLoss)
            .map_err(|source| TestbedError::File { path, source })
    }
}
