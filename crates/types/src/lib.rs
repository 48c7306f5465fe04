//! The words of the Seattle testbed as types: what a handle, a node, a vessel, a status or a lease is.
//!
//! Everything here is plain data with its rules: parsing, printing and bounds. There is no I/O, no
//! cryptography and no policy; a [`NodeId`] is the text of a public key, but only `overlord-keys`
//! knows what can be done with one.
//!
//! Start with [`Handle`], the name under which a vessel goes everywhere.
#![forbid(unsafe_code)]

pub mod failure;
mod handle;
mod lease;
mod location;
mod program;
mod status;
mod user;
mod vessel_type;

pub use handle::{
    Handle, HandleError, NODE_ID_LENGTH_MAX, NodeId, VESSEL_NAME_LENGTH_MAX, VesselName,
};
pub use lease::{LEASE_ON_ACQUISITION, LEASE_ON_RENEWAL, VESSELS_WITHOUT_DONATION};
pub use location::{LocationError, NODE_MANAGER_PORT, NodeLocation};
pub use program::{
    ARGUMENTS_LENGTH_MAX, ArgumentError, FILE_NAME_LENGTH_MAX, FileName, FileNameError, Platform,
    ProgramArguments, UnknownPlatform,
};
pub use status::{UnknownStatus, VesselStatus};
pub use user::{USER_PORTS, UserName, UserNameError, UserPort, UserPortError};
pub use vessel_type::{UnknownVesselType, VesselType};
