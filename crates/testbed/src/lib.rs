//! A Seattle testbed of one's own: the clearinghouse server, and nodes in the same process, with fault knobs.
//!
//! ```text
//! Testbed ──┬──► Clearinghouse   XML-RPC over TLS at https://127.A.0.1:PORT/xmlrpc/
//!           │        │ ChangeUsers, ResetVessel, signed with the owner key of each node
//!           │        ▼
//!           └──► nodes           overlord-node at 127.A.1.1:1224, 127.A.2.1:1224, …
//!                                each on a /24 of its own, so that `wan` and `lan` mean what they say
//! ```
//!
//! Everything is real: sockets, TLS, signatures, processes, files. Any client of the original's
//! clearinghouse and nodes can use it, and nodes of the original can take part ([`Testbed::enrol_node`]).
//! Several testbeds run side by side, each with its own A.
//!
//! [`daemon`] makes a daemon of it: accounts with their keys, and the control socket that `overlord testbed` speaks to.
//!
//! What it is not: it is never seen by `overlord-engine` or `overlord`, which meet it over the wire only;
//! it hosts no vessels itself (`overlord-node` does); vessels run Repy programs in a sandbox, and any other only if the native platform is asked for, which is none.
//!
//! Linux only: the nodes are, and other systems have one loopback address.
//!
//! Start with [`TestbedConfig::new`] and [`Testbed::start`]. An embedding program calls
//! [`overlord_node::launch::enter_if_asked`] first thing in `main`.
#![forbid(unsafe_code)]

pub mod clearinghouse;
mod config;
pub mod daemon;
mod error;
mod network;
mod node_slot;
mod record;
mod testbed;

pub use clearinghouse::{
    Census, ClearinghouseFaults, ClearinghouseServer, FaultRule, LeaseTerms, Misbehaviour,
    NewAccount, UserAccount,
};
pub use config::{TESTBED_VESSEL_RESOURCES, TestbedConfig};
pub use error::TestbedError;
pub use network::LoopbackError;
/// The nodes that a testbed is made of.
pub use overlord_node as node;
pub use overlord_node::{LauncherCommand, NodeFaults, WrongReply};
pub use testbed::{NodeHandle, Testbed};
