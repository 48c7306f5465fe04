//! Deploys one program on N vessels of a Seattle testbed and keeps it running there.
//!
//! This is the original Overlord's page in Rust: make an [`Overlord`], replace a hook if need be, `run`.
//! It gives `overlord-engine` its ports (clearinghouse, nodes, clock, chance), its log, and its ways to be
//! stopped. What it is not: it has no policy of its own, and knows no testbed (its tests do).
#![forbid(unsafe_code)]

mod builder;
mod connection;
mod error;
pub mod event_text;
mod log;
mod overlord;
pub mod ports;
mod stop;

pub use builder::{COUNT_DEFAULT, OverlordBuilder, PROGRAM_BYTES_MAX, read_program};
pub use connection::{CLEARINGHOUSE_DEFAULT, Connection, ConnectionSettings};
pub use error::{Blame, SetupError, blame_of_run};
pub use log::LogTarget;
pub use overlord::{Config, Overlord, Run};
pub use overlord_engine::{
    AcquireVessels, Cause, Change, Control, Delivery, FleetEvent, Hooks, InitOverlord, InitVessels,
    Maintenance, OnStart, OnStop, OverlordHandle, Policy, ProgramFile, RemoveVessels, RunError,
    RunReport, StopReason, Subscription,
};
pub use overlord_types::{Handle, Platform, UserPort, VesselType};
pub use stop::{STOP_FILE_DEFAULT, STOP_FILE_PERIOD, StopHandle};
