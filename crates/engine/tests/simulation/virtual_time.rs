//! Virtual time: a queue of what is to happen, and a clock that jumps from one to the next.
//!
//! Nothing here knows what the engine is. Entries of one moment happen in the order in which they were made, so a
//! run is the same each time.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_trait::async_trait;
use overlord_engine::{Clock, Moment, Now, WallTime};

enum Entry {
    Wake(Waker),
    Happen(Box<dyn FnOnce() + Send>),
}

struct Queue {
    now: Duration,
    /// Milliseconds that somebody has set the clock on the wall forward (or back).
    wall_step: i64,
    next_number: u64,
    entries: BTreeMap<(Duration, u64), Entry>,
}

/// The time of one simulated world. Cheap to clone.
#[derive(Clone)]
pub(crate) struct VirtualTime(Arc<Mutex<Queue>>);

/// The wall clock's beginning: some day in 2026.
const WALL_BEGINNING: i64 = 1_790_000_000_000;

impl VirtualTime {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Queue {
            now: Duration::ZERO,
            wall_step: 0,
            next_number: 0,
            entries: BTreeMap::new(),
        })))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.queue().now
    }

    /// Somebody sets the clock on the wall.
    pub(crate) fn step_wall(&self, millis: i64) {
        self.queue().wall_step += millis;
    }

    /// Lets something happen after a while.
    pub(crate) fn after(&self, delay: Duration, happen: impl FnOnce() + Send + 'static) {
        let mut queue = self.queue();
        let key = queue.key(delay);
        queue.entries.insert(key, Entry::Happen(Box::new(happen)));
    }

    /// Jumps to the next entry and lets it happen. `false` if there is none.
    pub(crate) fn advance(&self) -> bool {
        let entry = {
            let mut queue = self.queue();
            let Some(((at, _), entry)) = queue.entries.pop_first() else {
                return false;
            };
            queue.now = queue.now.max(at);
            entry
        };
        match entry {
            Entry::Wake(waker) => waker.wake(),
            Entry::Happen(happen) => happen(),
        }
        true
    }
}

impl Queue {
    fn key(&mut self, delay: Duration) -> (Duration, u64) {
        self.next_number += 1;
        (self.now + delay, self.next_number)
    }
}

struct Sleep {
    time: VirtualTime,
    until: Duration,
    key: Option<(Duration, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let time = self.time.clone();
        let mut queue = time.queue();
        if queue.now >= self.until {
            return Poll::Ready(());
        }
        if let Some(key) = self.key.take() {
            queue.entries.remove(&key);
        }
        let delay = self.until - queue.now;
        let key = queue.key(delay);
        queue
            .entries
            .insert(key, Entry::Wake(context.waker().clone()));
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.time.queue().entries.remove(&key);
        }
    }
}

#[async_trait]
impl Clock for VirtualTime {
    fn now(&self) -> Now {
        let queue = self.queue();
        let millis = i64::try_from(queue.now.as_millis()).unwrap();
        let wall = WALL_BEGINNING + queue.wall_step + millis;
        Now {
            moment: Moment::after_beginning(queue.now),
            wall: WallTime::from_unix_millis(u64::try_from(wall).unwrap()),
        }
    }

    async fn sleep_until(&self, moment: Moment) {
        let until = moment.since_beginning();
        Sleep {
            time: self.clone(),
            until,
            key: None,
        }
        .await;
    }
}

/// Whether the engine was woken.
pub(crate) struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A future that is polled whenever it was woken, by hand.
pub(crate) struct Task<T> {
    future: Pin<Box<dyn Future<Output = T> + Send>>,
    woken: Arc<Woken>,
}

impl<T> Task<T> {
    pub(crate) fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self {
            future: Box::pin(future),
            woken: Arc::new(Woken(AtomicBool::new(true))),
        }
    }

    /// Polls until it is ready or waits.
    pub(crate) fn run(&mut self) -> Option<T> {
        while self.woken.0.swap(false, Ordering::Relaxed) {
            let waker = Waker::from(Arc::clone(&self.woken));
            if let Poll::Ready(result) = self.future.as_mut().poll(&mut Context::from_waker(&waker))
            {
                return Some(result);
            }
        }
        None
    }
}
