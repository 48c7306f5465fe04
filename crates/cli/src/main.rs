//! The overlord command: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    // A vessel's process is this executable, called again by a node.
    overlord_node::launch::enter_if_asked();
    overlord_cli::main()
}
