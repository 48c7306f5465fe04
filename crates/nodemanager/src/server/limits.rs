//! Bounds of the server half: who may hold how many connections, sizes, times.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

/// Bytes that one permit of the request budget stands for.
pub(super) const BUDGET_UNIT: usize = 1024;

/// Bounds on connections, sizes and times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerLimits {
    /// Most connections of one source address at a time; one more is closed at once, unanswered. The
    /// original lets 4 wait; we have no queue, and testbeds have everybody at one loopback address.
    pub connections_per_source: usize,
    /// Most connections at a time: the original's number.
    pub connections: usize,
    /// Longest request in bytes. An upload must fit, and no vessel of the original has a disk as large.
    pub request_bytes_max: usize,
    /// Most bytes of all requests that are being read; a request beyond it is closed unanswered.
    pub request_bytes_in_all: usize,
    /// How long a client may be silent while its request is awaited: the original's 10 s.
    pub receive_timeout: Duration,
    /// How long a request may take in all, however busy the client is: slower is no client.
    pub request_timeout: Duration,
    /// How long a client may take to receive each piece of an answer.
    pub send_timeout: Duration,
    /// How long a closed connection is read to its end, so that the answer is not lost with it.
    pub linger: Duration,
    /// How long open connections may finish after the server was told to stop.
    pub shutdown_grace: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections_per_source: 16,
            connections: 100,
            request_bytes_max: 64 << 20,
            request_bytes_in_all: 256 << 20,
            receive_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(300),
            send_timeout: Duration::from_secs(10),
            linger: Duration::from_millis(500),
            shutdown_grace: Duration::from_secs(2),
        }
    }
}

/// Permits for the bytes of requests, one per [`BUDGET_UNIT`].
pub(super) fn request_budget(limits: &ServerLimits) -> Arc<Semaphore> {
    let permits = limits.request_bytes_in_all / BUDGET_UNIT;
    Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)))
}

/// Who holds how many connections.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    limits: ServerLimits,
    open: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

/// The place of one connection, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    source: IpAddr,
    open: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

impl Connections {
    pub(super) fn new(limits: ServerLimits) -> Self {
        Self {
            limits,
            open: Arc::default(),
        }
    }

    /// A place for a connection from `source`, if there is one.
    pub(super) fn admit(&self, source: IpAddr) -> Option<Place> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let in_all: usize = open.values().sum();
        let of_source = open.get(&source).copied().unwrap_or_default();
        if in_all >= self.limits.connections || of_source >= self.limits.connections_per_source {
            return None;
        }
        open.insert(source, of_source + 1);
        Some(Place {
            source,
            open: Arc::clone(&self.open),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_source_cannot_take_all_places_and_gets_its_own_back() {
        let limits = ServerLimits {
            connections: 3,
            connections_per_source: 2,
            ..ServerLimits::default()
        };
        let connections = Connections::new(limits);
        let [first, second, third] = [1, 2, 3].map(|last| IpAddr::from([127, 0, 0, last]));
        let held = [connections.admit(first), connections.admit(first)];
        assert!(held.iter().all(Option::is_some));
        assert!(connections.admit(first).is_none(), "its own bound");
        let other = connections.admit(second);
        assert!(other.is_some());
        assert!(connections.admit(third).is_none(), "the bound of all");
        drop(held);
        assert!(connections.admit(first).is_some());
        drop(other);
        assert!(connections.open.lock().unwrap().is_empty());
    }
}
