//! What the libraries say of their own work, on standard error: errors only, unless asked for more.
//!
//! Changes of the fleet are not among it: those are results, and [`crate::watcher`] prints them.

use std::io;

use tracing_subscriber::EnvFilter;

/// The variable with a filter of its own, in the form of `tracing`: `debug`, `overlord_engine=trace`, …
const FILTER_VARIABLE: &str = "OVERLORD_LOG";

/// Begins to write diagnostics.
pub(crate) fn start(verbosity: u8) {
    let least = match verbosity {
        0 => "error",
        1 => "info",
        _ => "debug",
    };
    let default = format!("{least},overlord::event_text=off");
    let filter =
        EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| EnvFilter::new(default));
    // Only a second call could fail, and there is none.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .try_init();
}
