//! Calls to many nodes at once, within bounds: what the commands that ask nodes share.
//!
//! What is asked and what becomes of the answers is left to the commands.

use std::sync::Arc;
use std::time::Duration;

use overlord::Code;
use overlord::nodemanager::client::NodeClientConfig;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::failure::Failure;

/// Most calls under way at once.
const CALLS_AT_ONCE: usize = 64;
/// How long a node may take to connect and to answer: a reader waits for the slowest.
const NODE_WAIT: Duration = Duration::from_secs(10);

/// How nodes are asked on behalf of a reader who waits.
pub(super) fn patience() -> NodeClientConfig {
    NodeClientConfig {
        connect_timeout: NODE_WAIT,
        receive_timeout: NODE_WAIT,
        ..NodeClientConfig::default()
    }
}

/// Makes all calls, some at a time; the answers come in the order of the calls.
///
/// # Errors
/// When a call panicked, which is a bug.
pub(super) async fn all<T: Send + 'static>(
    calls: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Result<Vec<T>, Failure> {
    let permits = Arc::new(Semaphore::new(CALLS_AT_ONCE));
    let mut asked = JoinSet::new();
    for (place, call) in calls.into_iter().enumerate() {
        let permits = Arc::clone(&permits);
        asked.spawn(async move {
            // The semaphore is never closed; without a permit the bound is lost, and nothing else.
            let _permit = permits.acquire().await;
            (place, call.await)
        });
    }
    let mut answers = Vec::with_capacity(asked.len());
    while let Some(answer) = asked.join_next().await {
        answers.push(answer.map_err(|error| Failure::new(Code::Internal, error))?);
    }
    answers.sort_by_key(|(place, _)| *place);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn so_many_calls_are_under_way_and_the_answers_come_in_their_order() {
        const CALLS: usize = 2 * CALLS_AT_ONCE + 1;
        let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let calls = (0..CALLS).map(|number| {
            let (under_way, most) = (Arc::clone(&under_way), Arc::clone(&most));
            async move {
                let now = under_way.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                // All others that may begin do so before this one ends.
                for _ in 0..CALLS {
                    tokio::task::yield_now().await;
                }
                under_way.fetch_sub(1, Ordering::SeqCst);
                number
            }
        });
        assert_eq!(all(calls).await.unwrap(), (0..CALLS).collect::<Vec<_>>());
        assert_eq!(most.load(Ordering::SeqCst), CALLS_AT_ONCE);
    }
}
