//! Users' hooks on tasks of their own, so that one that computes for long or blocks its thread stops nothing else.
//!
//! What hooks are for is the engine's; so are their deadlines, and what an error or a panic of one means.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use overlord_engine::{
    AcquireVessels, Cause, InitOverlord, InitVessels, Maintenance, Moment, OverlordHandle,
    RemoveVessels,
};
use overlord_types::Handle;
use tokio::task::JoinSet;

/// A hook that is called on a task of its own.
///
/// On a runtime with several threads (as `#[tokio::main]` makes) a hook that blocks its thread delays neither the
/// other vessels nor its own deadline. A hook whose deadline is over is dropped where it next waits.
pub(crate) struct OnOwnTask<H>(Arc<H>);

impl<H> OnOwnTask<H> {
    pub(crate) fn new(hook: H) -> Self {
        Self(Arc::new(hook))
    }
}

/// Waits for a task, which ends when it is not waited for any more. A panic in it goes on here.
async fn on_own_task<T: Send + 'static>(
    work: impl Future<Output = Result<T, Cause>> + Send + 'static,
) -> Result<T, Cause> {
    let mut task = JoinSet::new();
    task.spawn(work);
    match task.join_next().await {
        Some(Ok(result)) => result,
        Some(Err(error)) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // Nobody aborts it; the runtime shuts down.
            Err(cancelled) => Err(cancelled.into()),
        },
        None => Err("the hook's task is gone".into()),
    }
}

#[async_trait]
impl<H: InitOverlord + 'static> InitOverlord for OnOwnTask<H> {
    async fn init_overlord(&self, overlord: OverlordHandle) -> Result<(), Cause> {
        let hook = Arc::clone(&self.0);
        on_own_task(async move { hook.init_overlord(overlord).await }).await
    }
}

#[async_trait]
impl<H: AcquireVessels + 'static> AcquireVessels for OnOwnTask<H> {
    async fn acquire_vessels(
        &self,
        overlord: OverlordHandle,
        owned: Vec<Handle>,
    ) -> Result<Vec<Handle>, Cause> {
        let hook = Arc::clone(&self.0);
        on_own_task(async move { hook.acquire_vessels(overlord, owned).await }).await
    }
}

#[async_trait]
impl<H: InitVessels + 'static> InitVessels for OnOwnTask<H> {
    async fn init_vessels(
        &self,
        overlord: OverlordHandle,
        fresh: Vec<Handle>,
        owned: Vec<Handle>,
        arguments: Vec<String>,
    ) -> Result<Vec<Handle>, Cause> {
        let hook = Arc::clone(&self.0);
        on_own_task(async move { hook.init_vessels(overlord, fresh, owned, arguments).await }).await
    }
}

#[async_trait]
impl<H: RemoveVessels + 'static> RemoveVessels for OnOwnTask<H> {
    async fn remove_vessels(
        &self,
        overlord: OverlordHandle,
        owned: Vec<Handle>,
    ) -> Result<Vec<Handle>, Cause> {
        let hook = Arc::clone(&self.0);
        on_own_task(async move { hook.remove_vessels(overlord, owned).await }).await
    }
}

#[async_trait]
impl<H: Maintenance + 'static> Maintenance for OnOwnTask<H> {
    async fn maintenance(
        &self,
        overlord: OverlordHandle,
        delay: Duration,
        last: Moment,
        owned: Vec<Handle>,
    ) -> Result<Moment, Cause> {
        let hook = Arc::clone(&self.0);
        on_own_task(async move { hook.maintenance(overlord, delay, last, owned).await }).await
    }
}
