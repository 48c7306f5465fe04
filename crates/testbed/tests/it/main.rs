//! The testbed over real sockets with real processes. One program, so that vessels' processes can enter
//! through it.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail where they are, as tests do"
)]

mod chain;
mod faults;
mod leases;
mod restart;
mod support;

/// Where vessels' processes start: the nodes call this program again with this test as its argument.
#[test]
fn vessel_process_entry() {
    overlord_node::launch::enter_if_asked();
}
