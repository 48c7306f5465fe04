//! From plain arguments to settings that can be worked with: the three layers put together, each value
//! checked once, and a wrong one reported with the place it came from.
//!
//! ```text
//! table (a row a setting) ─► flags, variables, keys of the file ─► layers ─► what a command works with
//! ```
//!
//! Flags come first, then `OVERLORD_` variables, then the configuration file, then defaults. Nothing here
//! talks to anybody; of files, only the program is read, and the log file is tried.

mod account;
mod file;
mod given;
mod layers;
mod local;
#[cfg(test)]
mod page;
mod row;
mod run;
pub(crate) mod table;

pub(crate) use account::{AccountSettings, Trust, user};
pub(crate) use file::{ConfigFile, user_directory};
pub(crate) use given::Given;
pub(crate) use layers::Layers;
pub(crate) use local::LocalSettings;
pub(crate) use run::{Probe, RunSettings, Target};
