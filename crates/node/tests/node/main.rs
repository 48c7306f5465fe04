//! Tests of a whole node over real sockets with real processes, in one binary.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod faults;
mod programs;
mod repy;
mod restarts;
mod support;
mod vectors;
mod vessels;

/// What a Repy program allocates is counted, as in every program that embeds a node.
#[global_allocator]
static ALLOCATOR: overlord_repy::CountingAllocator = overlord_repy::CountingAllocator;

/// Where this test program becomes a vessel's supervisor or executor; a test only in name.
#[test]
fn vessel_process_entry() {
    overlord_node::launch::enter_if_asked();
}
