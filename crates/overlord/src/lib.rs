//! Deploys one program on N vessels of a Seattle testbed and keeps it running there.
//!
//! This is the original Overlord in Rust: make an [`Overlord`], replace a hook if need be, run it. It gets
//! vessels from the clearinghouse, uploads the program, starts it with the given arguments, and then watches:
//! what ends is started again, what stays away is replaced, leases are renewed.
//!
//! # Examples
//!
//! What the original's page asks for is in the current folder: the user's keys (`alice.publickey` and
//! `alice.privatekey`), the roots to trust (`cacert.pem`), and the program.
//!
//! The following program deploys time servers on 10 WAN vessels. A time server wants the port on which it
//! listens as its argument, so the user's port is passed to `run`:
//!
//! ```rust,standalone_crate
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc_testbed.inc"));
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #     overlord_node::launch::enter_if_asked();
//! #     tokio::runtime::Runtime::new()?.block_on(example())
//! # }
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! # let world = DocTestbed::start().await;
//! use overlord::{Overlord, VesselType};
//!
//! let time_server = Overlord::builder("alice")
//! #   .clearinghouse(&world.url)
//!     .ca_file("cacert.pem")
//!     .count(10)
//!     .vessel_type(VesselType::Wan)
//!     .program("time_server.r2py")
//!     .build()
//!     .await?;
//! # world.stop_when_copies_answer(10, &time_server);
//! let report = time_server.run([time_server.config().user_port()]).await?;
//! # assert_eq!(report.running.len(), 10, "{report:?}");
//! # world.testbed.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! The following program replaces the start-up, which gives back all vessels that the account holds, with a
//! function that prints `foo`. A hook must be replaced before `run`:
//!
//! ```rust,standalone_crate
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc_testbed.inc"));
//! # static PRINTED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #     overlord_node::launch::enter_if_asked();
//! #     tokio::runtime::Runtime::new()?.block_on(example())
//! # }
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! # let world = DocTestbed::start().await;
//! use overlord::{Cause, Overlord, OverlordHandle, VesselType};
//!
//! async fn print_foo(_overlord: OverlordHandle) -> Result<(), Cause> {
//!     println!("foo");
//! #   PRINTED.store(true, std::sync::atomic::Ordering::SeqCst);
//!     Ok(())
//! }
//!
//! let mut time_server = Overlord::builder("alice")
//! #   .clearinghouse(&world.url)
//!     .ca_file("cacert.pem")
//!     .count(10)
//!     .vessel_type(VesselType::Wan)
//!     .program("time_server.r2py")
//!     .build()
//!     .await?;
//! time_server.init_overlord_func(print_foo);
//! # world.stop_when_copies_answer(10, &time_server);
//! time_server.run([time_server.config().user_port()]).await?;
//! # assert!(PRINTED.load(std::sync::atomic::Ordering::SeqCst));
//! # world.testbed.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What each part is
//!
//! ```text
//! OverlordBuilder ──build──► Overlord ──prepare──► Run ──run──► RunReport
//!  checks, connects          config, hooks         events, control
//!                               │
//!                               └─► ports: XML-RPC over verified TLS, signed requests to nodes, clock, chance
//! ```
//!
//! The five hooks are [`Overlord::init_overlord_func`], [`Overlord::acquire_vessels_func`],
//! [`Overlord::init_vessels_func`], [`Overlord::remove_vessels_func`] and [`Overlord::maintenance_func`]. Each takes
//! an async function or closure of the original's contract; the defaults are methods of [`OverlordHandle`],
//! so a replacement can call them, and finds the configuration there.
//!
//! A run ends when a file named `stop` appears in the current folder, or by a [`StopHandle`]. Signals are left alone
//! unless [`OverlordBuilder::signals`] asks for them.
//!
//! What this crate is not: it has no policy of its own (that is `overlord-engine`'s), and it knows no testbed
//! (only its tests do).
#![forbid(unsafe_code)]

mod builder;
mod connection;
mod error;
pub mod event_text;
mod log;
mod overlord;
mod own_task;
pub mod ports;
mod stop;

pub use builder::{COUNT_DEFAULT, OverlordBuilder, read_program};
pub use connection::{CLEARINGHOUSE_DEFAULT, Connection, ConnectionSettings, chance};
pub use error::SetupError;
pub use log::{LogFileHandle, LogTarget};
pub use overlord::{Config, Overlord, Run};
/// The crates below, for those who need more of them than the names above.
pub use overlord_clearinghouse as clearinghouse;
pub use overlord_engine as engine;
pub use overlord_engine::{
    AcquireVessels, Cause, Change, CheckedProgram, Control, Delivery, FleetEvent, Hook,
    InitOverlord, InitVessels, Maintenance, OnStart, OnStop, OverlordHandle, PROGRAM_BYTES_MAX,
    Policy, ProgramFile, RemoveVessels, Report, RunError, RunReport, StopReason, Subscription,
};
pub use overlord_files as files;
pub use overlord_keys as keys;
pub use overlord_nodemanager as nodemanager;
pub use overlord_types as types;
pub use overlord_types::failure::{Blame, Classified, Code, RetryClass};
pub use overlord_types::{Handle, Platform, UserPort, VesselType};
pub use stop::{STOP_FILE_DEFAULT, STOP_FILE_PERIOD, StopHandle};
