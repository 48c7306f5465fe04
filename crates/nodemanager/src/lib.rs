//! The Seattle node-manager protocol: codec, client and server half.
//!
//! Overlords and clearinghouses speak it to the nodes that host vessels: one request and one answer per
//! TCP connection, signed requests for all that changes something. This crate writes and reads every
//! message as the original does (recordings of it are the tests), decides which requests a node
//! accepts, and carries both halves over sockets.
//!
//! It does not decide what to do with a vessel, and hosts none: the first is the overlord's, the second
//! the node daemon's, which implements [`server::NodeService`].
//!
//! ```text
//!                  bytes in, values out; no sockets                    sockets
//! framing, parts   a length and that many bytes        ─┐
//! call             the 18 calls and their arguments     ├─► client   NodeClient, VesselCalls, NodeCallError
//! signed_request, timestamp, verification               │
//! reply, node_info, resources, refusals                ─┴─► server   serve, NodeService, Faults
//! ```
//!
//! Start with [`call::NodeCall`], then [`client::NodeClient`] or [`server::serve`].
#![forbid(unsafe_code)]

pub mod call;
pub mod client;
pub mod framing;
pub mod node_info;
pub mod parts;
pub mod refusals;
pub mod reply;
pub mod resources;
pub mod server;
pub mod signed_request;
pub mod timestamp;
pub mod timestamps;
pub mod verification;
mod wire_text;

#[cfg(test)]
mod mutation_tests;
#[cfg(test)]
mod test_node;
#[cfg(test)]
mod test_vectors;

pub use wire_text::WireText;
