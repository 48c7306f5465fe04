//! Which vessels a node has: the list that is the truth, in `node.json`, and the vessels themselves.
//!
//! A split or join makes its new vessels first, then replaces the list, then takes the old ones away. A
//! crash in between leaves folders that are not in the list, and the next start removes them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use overlord_files::Durability;
use overlord_types::VesselName;
use serde::{Deserialize, Serialize};

use crate::store;
use crate::vessel::HostedVessel;

/// What `node.json` holds.
#[derive(Debug, Default, Serialize, Deserialize)]
struct NodeRecord {
    vessels: Vec<VesselName>,
    /// The highest number that a vessel's name was made of: no name is given twice.
    last_number: u64,
}

/// Vessels are listed in the order of their numbers, as the original's node does.
type Order = (u64, VesselName);

fn order(name: &VesselName) -> Order {
    (number_of(name).unwrap_or(u64::MAX), name.clone())
}

/// The number in a vessel's name, `v` and a number.
fn number_of(name: &VesselName) -> Option<u64> {
    name.as_str().strip_prefix('v')?.parse().ok()
}

struct Inner {
    vessels: BTreeMap<Order, Arc<HostedVessel>>,
    /// Vessels that could not be loaded. They stay in the list, so that their folders are kept.
    damaged: Vec<VesselName>,
    last_number: u64,
}

/// The vessels of a node.
pub(crate) struct VesselTable {
    directory: PathBuf,
    durability: Durability,
    inner: Mutex<Inner>,
}

impl VesselTable {
    /// Opens the table kept in a node's directory; `None` when there is none yet.
    pub(crate) fn open(directory: PathBuf, durability: Durability) -> io::Result<Option<Self>> {
        let record = match store::load::<NodeRecord>(&directory.join("node.json")) {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                tracing::warn!(%error, "node.json is damaged; the vessels' folders are the list");
                Self::record_of_folders(&directory)?
            }
            Err(error) => return Err(error),
        };
        let mut inner = Inner {
            vessels: BTreeMap::new(),
            damaged: Vec::new(),
            last_number: record.last_number,
        };
        for name in record.vessels {
            inner.last_number = inner.last_number.max(number_of(&name).unwrap_or(0));
            let folder = directory.join("vessels").join(name.as_str());
            match HostedVessel::load(folder, name.clone(), durability) {
                Ok(vessel) => drop(inner.vessels.insert(order(&name), vessel)),
                Err(error) => {
                    tracing::error!(vessel = %name, %error, "a vessel cannot be loaded; its folder is kept for you to look at");
                    inner.damaged.push(name);
                }
            }
        }
        let table = Self {
            directory,
            durability,
            inner: Mutex::new(inner),
        };
        table.remove_unlisted()?;
        Ok(Some(table))
    }

    /// Makes a table with the vessels that `make` makes in the folder it is given.
    pub(crate) fn create(
        directory: PathBuf,
        durability: Durability,
        make: impl FnOnce(&VesselTable) -> io::Result<Vec<Arc<HostedVessel>>>,
    ) -> io::Result<Self> {
        fs::create_dir_all(directory.join("vessels"))?;
        let table = Self {
            directory,
            durability,
            inner: Mutex::new(Inner {
                vessels: BTreeMap::new(),
                damaged: Vec::new(),
                last_number: 0,
            }),
        };
        // A start that did not get as far as the list has left nothing that counts.
        table.remove_unlisted()?;
        let vessels = make(&table)?;
        table.replace(&[], vessels)?;
        Ok(table)
    }

    fn record_of_folders(directory: &std::path::Path) -> io::Result<NodeRecord> {
        let mut record = NodeRecord::default();
        for entry in fs::read_dir(directory.join("vessels"))? {
            let name = entry?.file_name();
            if let Some(name) = name.to_str().and_then(|name| name.parse().ok()) {
                record.vessels.push(name);
            }
        }
        Ok(record)
    }

    fn remove_unlisted(&self) -> io::Result<()> {
        let inner = self.inner();
        for entry in fs::read_dir(self.directory.join("vessels"))? {
            let entry = entry?;
            let listed = entry.file_name().to_str().is_some_and(|name| {
                inner.damaged.iter().any(|damaged| damaged.as_str() == name)
                    || inner.vessels.values().any(|v| v.name().as_str() == name)
            });
            if !listed {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder of a vessel of this name.
    pub(crate) fn folder(&self, name: &VesselName) -> PathBuf {
        self.directory.join("vessels").join(name.as_str())
    }

    /// All vessels, in the order of their numbers.
    pub(crate) fn all(&self) -> Vec<Arc<HostedVessel>> {
        self.inner().vessels.values().cloned().collect()
    }

    /// The vessel of exactly this name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<Arc<HostedVessel>> {
        let name: VesselName = str::from_utf8(name).ok()?.parse().ok()?;
        self.inner().vessels.get(&order(&name)).cloned()
    }

    /// A name that no vessel has or had. As with the original, a name is used up even if the call that
    /// asked for it fails.
    pub(crate) fn new_name(&self) -> io::Result<VesselName> {
        let mut inner = self.inner();
        inner.last_number += 1;
        format!("v{}", inner.last_number)
            .parse()
            .map_err(io::Error::other)
    }

    /// Puts `added` in the place of `removed`: all of it or nothing.
    pub(crate) fn replace(
        &self,
        removed: &[Arc<HostedVessel>],
        added: Vec<Arc<HostedVessel>>,
    ) -> io::Result<()> {
        let mut inner = self.inner();
        let mut vessels = inner.vessels.clone();
        let mut last_number = inner.last_number;
        for vessel in removed {
            vessels.remove(&order(vessel.name()));
        }
        for vessel in added {
            last_number = last_number.max(number_of(vessel.name()).unwrap_or(0));
            vessels.insert(order(vessel.name()), vessel);
        }
        let record = NodeRecord {
            vessels: vessels
                .values()
                .map(|vessel| vessel.name().clone())
                .chain(inner.damaged.iter().cloned())
                .collect(),
            last_number,
        };
        store::save(&self.directory.join("node.json"), &record, self.durability)?;
        inner.vessels = vessels;
        inner.last_number = last_number;
        drop(inner);
        for vessel in removed {
            vessel.detach();
            if let Err(error) = fs::remove_dir_all(vessel.folder()) {
                tracing::warn!(vessel = %vessel.name(), %error, "a vessel that is no more left its folder behind");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::VESSEL_RESOURCES;
    use crate::vessel::VesselRecord;
    use overlord_keys::PublicKey;
    use overlord_types::VesselStatus;

    fn make(table: &VesselTable, name: &str) -> Arc<HostedVessel> {
        let record = VesselRecord {
            owner: PublicKey::parse_str("65537 1119760416288262279614755947687").unwrap(),
            users: Vec::new(),
            owner_information: vec![0xff, b'|', 0xe4],
            advertise: true,
            status: VesselStatus::Fresh,
            accepted: None,
        };
        let name: VesselName = name.parse().unwrap();
        let resources = VESSEL_RESOURCES.as_bytes();
        HostedVessel::create(
            table.folder(&name),
            name,
            record,
            resources,
            Durability::PowerLoss,
        )
        .unwrap()
    }

    fn table(directory: &std::path::Path, names: &[&str]) -> VesselTable {
        VesselTable::create(directory.to_owned(), Durability::PowerLoss, |table| {
            Ok(names.iter().map(|name| make(table, name)).collect())
        })
        .unwrap()
    }

    fn open(directory: &std::path::Path) -> VesselTable {
        VesselTable::open(directory.to_owned(), Durability::PowerLoss)
            .unwrap()
            .unwrap()
    }

    fn names(table: &VesselTable) -> Vec<String> {
        let all = table.all();
        all.iter().map(|vessel| vessel.name().to_string()).collect()
    }

    #[test]
    fn an_exchange_that_did_not_reach_the_list_has_not_happened() {
        let directory = tempfile::tempdir().unwrap();
        let before = table(directory.path(), &["v2", "v10", "v1"]);
        assert_eq!(names(&before), ["v1", "v2", "v10"]);
        assert_eq!(before.new_name().unwrap().as_str(), "v11");
        make(&before, "v11");
        drop(before);
        let after = open(directory.path());
        assert_eq!(names(&after), ["v1", "v2", "v10"]);
        assert!(!after.folder(&"v11".parse().unwrap()).exists(), "removed");
    }

    #[test]
    fn an_exchange_that_reached_the_list_has_happened_and_gives_no_name_twice() {
        let directory = tempfile::tempdir().unwrap();
        let before = table(directory.path(), &["v1"]);
        let old = before.all();
        let new = make(&before, before.new_name().unwrap().as_str());
        let folder = old[0].folder().to_owned();
        before.replace(&old, vec![new]).unwrap();
        assert!(!folder.exists());
        // As if the crash came before the old folder was removed.
        fs::create_dir(&folder).unwrap();
        drop(before);
        let after = open(directory.path());
        assert_eq!(names(&after), ["v2"]);
        assert!(!folder.exists());
        assert_eq!(after.new_name().unwrap().as_str(), "v3");
        assert_eq!(
            after.all()[0].record().owner_information,
            [0xff, b'|', 0xe4]
        );
    }

    #[test]
    fn without_a_readable_list_the_folders_are_the_list() {
        let directory = tempfile::tempdir().unwrap();
        drop(table(directory.path(), &["v1", "v7"]));
        let list = directory.path().join("node.json");
        fs::write(&list, "{\"vessels\": [\"v1").unwrap();
        let after = open(directory.path());
        assert_eq!(names(&after), ["v1", "v7"]);
        assert_eq!(after.new_name().unwrap().as_str(), "v8");
        fs::remove_file(&list).unwrap();
        let opened = VesselTable::open(directory.path().to_owned(), Durability::PowerLoss);
        assert!(opened.unwrap().is_none(), "a first start has no list");
        let first = table(directory.path(), &["v3"]);
        assert_eq!(
            names(&first),
            ["v3"],
            "what an unfinished first start left is gone"
        );
    }

    #[test]
    fn a_name_is_found_only_as_it_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let table = table(directory.path(), &["v1"]);
        assert!(table.find(b"v1").is_some());
        for name in [&b"v01"[..], b"V1", b"v1 ", b"v1|x", b"", b"\xff", b"../v1"] {
            assert!(table.find(name).is_none(), "{name:?}");
        }
    }
}
