//! The overlord command.
