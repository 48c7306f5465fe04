//! The files of the local machine: those that an operator names are read here, and those that our programs keep are
//! put in their place here.
//!
//! - [`read`]: keys, certificates, programs, configuration. Regular files only, up to a bound, wiped afterwards.
//! - [`replace`], [`create`], [`UnplacedFile`]: a file that is whole or not there, with [`Access`] and [`Durability`] as
//!   arguments.
//!
//! What the bytes mean, and where files lie, is left to the callers.
#![forbid(unsafe_code)]

mod placing;
mod reading;

pub use placing::{Access, Durability, UnplacedFile, create, replace};
pub use reading::{OperatorFile, read};
