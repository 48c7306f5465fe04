//! One module per command: each takes plain arguments and layers, does its work, and prints.

pub(crate) mod keys;
mod node_calls;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod testbed;
mod vessel_log;
pub(crate) mod vessels;

use crate::exit_meaning::ExitMeaning;
use crate::failure::Failure;

/// Runs an asynchronous command to its end.
///
/// # Errors
/// Whatever the command fails with, or a machine that gives no threads.
pub(crate) fn block_on<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(ExitMeaning::Machine, error)
                .advise("let the process have more threads and open files (ulimit -u, ulimit -n)")
        })?;
    runtime.block_on(command)
}
