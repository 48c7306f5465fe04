//! Tests of a whole node over real sockets with real processes, in one binary.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod faults;
mod programs;
mod restarts;
mod support;
mod vectors;
mod vessels;

/// Where this test program becomes a vessel's supervisor or executor; a test only in name.
#[test]
fn vessel_process_entry() {
    overlord_node::launch::enter_if_asked();
}
