//! The overlord command: everything is in the library.

use std::process::ExitCode;

/// What a Repy program in a vessel's process allocates is counted.
#[global_allocator]
static ALLOCATOR: overlord_testbed::node::CountingAllocator =
    overlord_testbed::node::CountingAllocator;

fn main() -> ExitCode {
    // A vessel's process is this executable, called again by a node.
    overlord_testbed::node::launch::enter_if_asked();
    overlord_cli::main()
}
