//! The engine's ports on real sockets, clocks and random numbers.
//!
//! Nothing is decided here. How errors of the wire become errors of the engine is in `errors` alone.

mod clearinghouse;
mod clock;
mod errors;
mod nodes;
mod randomness;

pub use clearinghouse::ClearinghousePort;
pub use clock::RuntimeClock;
pub use errors::{of_clearinghouse, of_node};
pub use nodes::NodesPort;
pub use randomness::SeededRandomness;
