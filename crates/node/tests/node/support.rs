//! What the tests share: a node in a scratch folder, an owner and users, calls over a real socket.

use std::time::Duration;

use overlord_node::LauncherCommand;

/// Longest wait for a condition; a machine under full load has met all of them in a tenth of it.
const EVENTUALLY: Duration = Duration::from_secs(30);
/// Pause between two looks at a condition that nothing tells of.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// This very test program as launcher: it enters through the test `vessel_process_entry`.
pub(crate) fn launcher() -> LauncherCommand {
    LauncherCommand::current_executable_with(["vessel_process_entry", "--exact", "--nocapture"])
}

/// Waits until a condition holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let met = tokio::time::timeout(EVENTUALLY, waiting).await;
    assert!(met.is_ok(), "not within {EVENTUALLY:?}: {what}");
}
