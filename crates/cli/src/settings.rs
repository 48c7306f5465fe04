//! From plain arguments to settings that can be worked with: the three layers put together, each value
//! checked once, and a wrong one reported with the place it came from.
//!
//! Flags come first, then `OVERLORD_` variables, then the configuration file, then defaults. Nothing here
//! talks to anybody; of files, only the program is read, and the log file is tried.

mod account;
mod local;
mod run;
mod source;

pub(crate) use account::{AccountSettings, Trust, keys_dir, user};
pub(crate) use local::{LocalSettings, VESSELS_PER_NODE_MAX};
pub(crate) use run::{Probe, RunSettings, Target};
pub(crate) use source::{Layers, Origin, Sourced};
