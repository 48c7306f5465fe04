//! Tests of the workspace as a whole, which belong to no single crate.
//!
//! `tests/layers.rs` holds the arrows between the crates, `tests/tidy` the habits of the code base.
#![forbid(unsafe_code)]
