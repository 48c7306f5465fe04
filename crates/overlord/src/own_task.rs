//! Users' hooks on tasks of their own, so that one that computes for long or blocks its thread stops nothing else.
//!
//! What hooks are for is the engine's; so are their deadlines, and what an error or a panic of one means.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;

use async_trait::async_trait;
use overlord_engine::{Cause, Hook, OverlordHandle};
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
impl<H, Arguments, Gives> Hook<Arguments, Gives> for OnOwnTask<H>
where
    H: Hook<Arguments, Gives> + 'static,
    Arguments: Send + 'static,
    Gives: Send + 'static,
{
    async fn call(&self, overlord: OverlordHandle, arguments: Arguments) -> Result<Gives, Cause> {
        let hook = Arc::clone(&self.0);
        on_own_task(async move { hook.call(overlord, arguments).await }).await
    }
}
