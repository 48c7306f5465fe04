//! How long a client waits, how much it takes, how often it repeats.

use std::time::Duration;

use overlord_time::Backoff;

/// Deadlines and bounds of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeClientConfig {
    /// For finding and connecting to the node.
    pub connect_timeout: Duration,
    /// For sending a whole request.
    pub send_timeout: Duration,
    /// For receiving the whole answer. The original may take 10 s to start a program, behind up to 4
    /// others in its queue.
    pub receive_timeout: Duration,
    /// Longest answer taken, in bytes; a retrieved file must fit.
    pub reply_bytes_max: usize,
    /// Most connections to one node at a time: the original closes more than 4 of one source.
    pub connections_per_node: usize,
    /// How often a call that was closed unanswered is repeated.
    pub repeats_max: u32,
    /// The pauses before repeats.
    pub backoff: Backoff,
}

impl Default for NodeClientConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            send_timeout: Duration::from_secs(60),
            receive_timeout: Duration::from_secs(60),
            reply_bytes_max: 64 << 20,
            connections_per_node: 3,
            repeats_max: 5,
            backoff: Backoff {
                first: Duration::from_millis(500),
                most: Duration::from_secs(4),
            },
        }
    }
}
