//! A testbed with one user on it, for the tests that meet the world over real sockets.

#![allow(dead_code, reason = "each test program uses the part that it needs")]

use std::path::PathBuf;

use overlord::{Connection, ConnectionSettings, Overlord, OverlordBuilder};
use overlord_keys::{KeyDirectory, KeyPair};
use overlord_testbed::{LauncherCommand, Testbed, TestbedConfig};
use overlord_types::UserName;

/// A running testbed, and the keys of its user `alice`.
pub(crate) struct World {
    pub(crate) testbed: Testbed,
    pub(crate) keys: KeyPair,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn start(nodes: usize, vessels_per_node: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = TestbedConfig::new(folder.path().join("testbed"));
        config.platforms = config.platforms.and_danger_native();
        config.nodes = nodes;
        config.vessels_per_node = vessels_per_node;
        // A vessel's process is this test program again: it enters through the test of that name.
        config.launcher = LauncherCommand::current_executable_with([
            "vessel_process_entry",
            "--exact",
            "--nocapture",
        ]);
        let testbed = Testbed::start(config).await.unwrap();
        let keys = KeyPair::generate(1024).unwrap();
        let user = alice();
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        KeyDirectory::new(folder.path().join("keys"))
            .save(&user, &keys)
            .unwrap();
        testbed.create_user(&user, keys.public()).await.unwrap();
        Self {
            testbed,
            keys,
            folder,
        }
    }

    /// A builder with everything that leads to this testbed.
    pub(crate) fn builder(&self) -> OverlordBuilder {
        Overlord::builder("alice")
            .keys_dir(self.folder.path().join("keys"))
            .clearinghouse(self.testbed.clearinghouse_url())
            .ca_file(self.testbed.ca_file())
            .stop_file(self.folder.path().join("stop"))
    }

    pub(crate) fn settings(&self) -> ConnectionSettings {
        let mut settings = ConnectionSettings::new(alice());
        settings.keys_dir = self.folder.path().join("keys");
        settings.clearinghouse = self.testbed.clearinghouse_url().to_string();
        settings.ca_file = Some(self.testbed.ca_file().to_owned());
        settings
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(self.settings()).await.unwrap()
    }

    /// A program in the world's folder.
    pub(crate) fn program(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

pub(crate) fn alice() -> UserName {
    "alice".parse().unwrap()
}

/// A program that prints its arguments and stays.
pub(crate) const SLEEPER: &str = "#!/bin/sh\necho started \"$@\"\nexec sleep 1000\n";

/// What lies under this name on the testbed's vessels.
pub(crate) fn on_vessels(world: &World, name: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut folders = vec![world.folder.path().join("testbed")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|file| file == name) {
                found.push(std::fs::read(path).unwrap());
            }
        }
    }
    found
}
