//! One module per command: each takes plain arguments and layers, does its work, and prints.

pub(crate) mod keys;
pub(crate) mod status;
pub(crate) mod vessels;
