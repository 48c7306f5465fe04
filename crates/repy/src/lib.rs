//! The sandbox of Repy, the Seattle testbed's restricted Python 2: runs one program under a resource file.
//!
//! Repy is what programs in vessels are written in: a part of Python 2.7 chosen so that nothing in it leads out of the
//! sandbox, and an API that meters every contact with the world. The language is in two crates below: what is a program
//! in `overlord-repy-syntax`, the machine that runs it in `overlord-repy-machine`. This crate is the world around the
//! machine; it knows nothing of vessels, keys or nodes, needs no Python, and can be used alone.
//!
//! [`sandbox::run`] runs one program of this process to its end, with the whole API and under a resource file: its
//! threads in turn on one thread of the system, rates as leaky buckets, processor, memory and disk watched, the
//! operating system's own [`wall`] around it. [`network`] is what its network calls do, [`log_ring`] where its log goes.
//! [`runner::run`] runs a program without resources. Why it is built like this:
//! `docs/decisions/0005-repy-threads-on-one-thread.md`.
#![forbid(unsafe_code)]

mod accounting;
mod api;
pub mod dialect;
mod files;
pub mod log_ring;
pub mod network;
pub mod runner;
pub mod sandbox;
mod scheduler;
pub mod wall;

pub use overlord_repy_machine::{CountingAllocator, Limits, Program, ProgramError, Sink};
pub use overlord_repy_syntax::check;
