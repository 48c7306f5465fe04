//! Calls to many nodes at once, within bounds: what the commands that ask nodes share.
//!
//! What is asked and what becomes of the answers is left to the commands.

use std::sync::Arc;
use std::time::Duration;

use overlord::nodemanager::client::NodeClientConfig;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::exit_meaning::ExitMeaning;
use crate::failure::Failure;

/// Most nodes that are asked at once.
const NODES_AT_ONCE: usize = 64;
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
    let permits = Arc::new(Semaphore::new(NODES_AT_ONCE));
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
        answers.push(answer.map_err(|error| Failure::new(ExitMeaning::Internal, error))?);
    }
    answers.sort_by_key(|(place, _)| *place);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_come_in_the_order_of_the_calls_however_long_each_takes() {
        // The first are answered by the last, which all have to be on their way for that.
        let (tell, told) = tokio::sync::watch::channel(false);
        let last = NODES_AT_ONCE - 1;
        let calls = (0..NODES_AT_ONCE).map(|number| {
            let (tell, mut told) = (tell.clone(), told.clone());
            async move {
                if number == last {
                    tell.send_replace(true);
                }
                told.wait_for(|told| *told).await.unwrap();
                number
            }
        });
        let answers = all(calls).await.unwrap();
        assert_eq!(answers, (0..NODES_AT_ONCE).collect::<Vec<_>>());
    }
}
