//! One module per command: each takes plain arguments and layers, does its work, and prints.

pub(crate) mod keys;
mod node_calls;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod testbed;
mod vessel_log;
mod vessel_record;
pub(crate) mod vessels;

use tokio::runtime::Builder;

use crate::failure::Failure;
use overlord::Code;

/// Threads for files and signatures of a command that serves for long. What they do takes milliseconds and waits for no
/// other work of theirs, and more at a time than this no disk does faster.
const SERVICE_FILE_THREADS: usize = 24;

/// Runs an asynchronous command to its end.
///
/// # Errors
/// Whatever the command fails with, or a machine that gives no threads.
pub(crate) fn block_on<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    block_on_with(&mut Builder::new_multi_thread(), command)
}

/// As [`block_on`], for a command that serves for long: its threads for files and signatures are few, as each keeps some
/// memory for ever once it had work.
///
/// # Errors
/// As there.
pub(crate) fn block_on_service<T>(
    command: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut builder = Builder::new_multi_thread();
    block_on_with(builder.max_blocking_threads(SERVICE_FILE_THREADS), command)
}

fn block_on_with<T>(
    builder: &mut Builder,
    command: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let runtime = builder.enable_all().build().map_err(|error| {
        Failure::new(Code::MachineRefused, error)
            .advise("let the process have more threads and open files (ulimit -u, ulimit -n)")
    })?;
    runtime.block_on(command)
}
