//! The Seattle node daemon as a library: vessels, their files, logs, resources and processes, served
//! over the node-manager protocol.
//!
//! ```text
//!   socket ─► overlord-nodemanager::server ─► service ─► vessel ─┬─ files      (names, disk limit)
//!             (parse, authenticate)           (18 calls)         ├─ log        (ring of 16 KiB)
//!                                                                ├─ record     (state.json, survives a restart)
//!                                                                └─ process    (one per run)
//!                                                                      │ pipe, pidfd, signals
//!                                                    launch::enter_if_asked ─► sandbox of a Repy program
//!                                                                           └► supervisor ─► other program
//! ```
//!
//! What it is not: it does no cryptography (`overlord-keys`), parses no request
//! (`overlord-nodemanager`), trusts no request that was not verified, and knows no clearinghouse.
//! Repy programs ([`platform::RepyPlatform`]) run in a sandbox, each in a process of its own. The other platform,
//! [`platform::NativePlatform`], is **not a sandbox**: it runs whatever a user uploads with the rights of the daemon,
//! and is for a testbed of one's own.
//!
//! Linux is the home of this crate: processes are found again and killed through `/proc`, pidfds and
//! child subreapers.
//!
//! Start with [`NodeConfig`] and [`Node::start`]. An embedding program calls
//! [`launch::enter_if_asked`] first thing in `main`, and installs [`CountingAllocator`].
#![forbid(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!(
    "a node supervises processes through /proc, pidfds and child subreapers: Linux only"
);

mod clock;
mod config;
mod error;
mod faults;
pub mod launch;
mod node;
pub mod platform;
mod proc;
mod process;
mod service;
mod serving;
mod store;
mod table;
mod vessel;

pub use config::{
    NewVessel, NodeConfig, NodeIdentity, NodeTiming, OFFCUT_RESOURCES, VESSEL_RESOURCES,
    vessel_resources_with_ports,
};
pub use error::NodeStartError;
pub use faults::{NodeFaultState, NodeFaults};
pub use launch::LauncherCommand;
pub use node::Node;
pub use overlord_files::Durability;
pub use overlord_nodemanager::server::WrongReply;
pub use overlord_repy::CountingAllocator;
