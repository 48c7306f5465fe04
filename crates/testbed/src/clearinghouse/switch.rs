//! A switch that ends what waits for it.

use tokio::sync::watch;

/// Returns when the switch is on, or when nobody is left to turn it.
pub(super) async fn switched_on(switch: &mut watch::Receiver<bool>) {
    // The guard that comes back must not be held across the caller's next wait.
    let _ = switch.wait_for(|on| *on).await;
}
