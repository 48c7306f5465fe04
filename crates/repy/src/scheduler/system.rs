//! What the scheduler needs of the operating system: clocks, waiting, randomness. Tests pass their own.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::rand::{GetRandomFlags, getrandom};
use rustix::time::{ClockId, clock_gettime};

use super::wait::Interest;

/// A descriptor that is waited for, and for what.
pub(crate) type Watched = (Rc<dyn AsFd>, Interest);

/// The operating system as the scheduler sees it.
pub(crate) trait System {
    /// Seconds since the sandbox began; never goes back.
    fn now(&self) -> f64;

    /// Seconds of processor time the whole process has used.
    fn processor_time(&self) -> f64;

    /// Seconds since 1970.
    fn wall_clock(&self) -> f64;

    /// Waits until one of the descriptors is ready or so many seconds have passed. Says which are.
    ///
    /// # Errors
    /// If the system cannot wait for them.
    fn wait(&self, watched: &[Watched], seconds: f64) -> io::Result<Vec<bool>>;

    /// Fills a buffer with bytes fit for keys.
    ///
    /// # Errors
    /// If there is no source of randomness.
    fn random(&self, buffer: &mut [u8]) -> io::Result<()>;
}

/// The real one.
#[derive(Debug)]
pub(crate) struct RealSystem {
    began: f64,
}

fn seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

impl RealSystem {
    /// Its clock begins now.
    pub(crate) fn new() -> RealSystem {
        RealSystem {
            began: seconds(ClockId::Monotonic),
        }
    }
}

impl System for RealSystem {
    fn now(&self) -> f64 {
        seconds(ClockId::Monotonic) - self.began
    }

    fn processor_time(&self) -> f64 {
        seconds(ClockId::ProcessCPUTime)
    }

    fn wall_clock(&self) -> f64 {
        seconds(ClockId::Realtime)
    }

    fn wait(&self, watched: &[Watched], seconds: f64) -> io::Result<Vec<bool>> {
        // Each once each way: the system takes no more than the process may have open, and many calls may wait for one.
        let mut polled: Vec<PollFd<'_>> = Vec::new();
        let mut known = BTreeMap::new();
        let mut places = Vec::with_capacity(watched.len());
        for (descriptor, interest) in watched {
            let flags = match interest {
                Interest::Readable => PollFlags::IN,
                Interest::Writable => PollFlags::OUT,
            };
            let descriptor = descriptor.as_fd();
            let place = known
                .entry((descriptor.as_raw_fd(), flags.bits()))
                .or_insert_with(|| {
                    polled.push(PollFd::from_borrowed_fd(descriptor, flags));
                    polled.len() - 1
                });
            places.push(*place);
        }
        let seconds = seconds.max(0.0);
        let timeout = Timespec {
            tv_sec: seconds as i64,
            tv_nsec: (seconds.fract() * 1e9) as _,
        };
        match poll(&mut polled, Some(&timeout)) {
            Ok(_) => {}
            // A signal: the caller that waits looks at the clock again.
            Err(rustix::io::Errno::INTR) => return Ok(vec![false; watched.len()]),
            Err(error) => return Err(error.into()),
        }
        let is_ready = |place: &usize| {
            polled
                .get(*place)
                .is_some_and(|one| !one.revents().is_empty())
        };
        Ok(places.iter().map(is_ready).collect())
    }

    fn random(&self, buffer: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            filled += getrandom(&mut buffer[filled..], GetRandomFlags::empty())?;
        }
        Ok(())
    }
}
