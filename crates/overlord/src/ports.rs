//! The engine's ports on real sockets, clocks and random numbers.
//!
//! Nothing is decided here. How errors of the wire become errors of the engine is in `errors` alone.

mod clearinghouse;
mod errors;
mod nodes;

pub use clearinghouse::ClearinghousePort;
pub use errors::{of_clearinghouse, of_node};
pub use nodes::NodesPort;
pub use overlord_time::{RuntimeClock, SeededRandomness};
