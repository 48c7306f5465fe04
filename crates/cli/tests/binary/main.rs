//! The real binary under test: one test program, to be linked once.
//!
//! - `bad_input`: mistakes of the operator, as tables of exit code and words of the message
//! - `commands`: commands that need no testbed
//! - `early_end`: ends before anything has begun, told to programs as well
//! - `run_local`: whole runs on testbeds, over real sockets and TLS, with real programs
//! - `terminal`: colours and the living line, on a terminal and off it
//! - `tls`: servers that must not be believed
//! - `support`: the binary in a folder of its own, and what it says while it runs

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod bad_input;
mod commands;
mod during_run;
mod early_end;
mod run_local;
mod support;
mod terminal;
mod testbed;
mod tls;

/// Entered by vessels' processes of testbeds that these tests start in their own process.
#[test]
fn vessel_process_entry() {
    overlord_testbed::node::launch::enter_if_asked();
}
